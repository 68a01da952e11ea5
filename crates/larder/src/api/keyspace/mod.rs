//! A keyspace: a named, typed group of entries, and everything that is done with them.

pub(crate) mod definition;
mod fill;
pub(crate) mod iter;
mod load;
mod remove;
pub(crate) mod update;
mod write;

use definition::{Durability, InsertOptions, KeyspaceDefinition};

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::store::registration::Registration;
use crate::engine::open_keyspace::{KeyspaceType, OpenKeyspace};
use crate::engine::shared::Shared;
use crate::engine::writer::command::Acknowledge;
use crate::error::Error;
use crate::format::codec::checks::ValueChecks;
use crate::format::codec::erased::ErasedCodec;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::scope::Scope;
use crate::format::key::{EncodeKey, Key, MAX_KEY_LEN};
use crate::memory::entry::Value;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::leases::Permit;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::stats::KeyspaceStats;
use crate::stats::count::Count;
use crate::stats::counters::Counters;
use crate::sys::sync::{Arc, AtomicBool, thread};
use crate::units::Timestamp;
use write::InsertOutcome;

/// A handle to a keyspace. Cheap to clone, and shared between threads.
///
/// Lookups never fail: what goes wrong inside the cache is a counted miss. Invalidations can: one that could
/// not be made durable is never reported as done.
#[derive(Debug)]
pub struct Keyspace<K, V> {
    shared: Arc<Shared>,
    open_keyspace: Arc<OpenKeyspace>,
    definition: KeyspaceDefinition<K, V>,
}

impl<K, V> Clone for Keyspace<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            open_keyspace: self.open_keyspace.clone(),
            definition: self.definition,
        }
    }
}

impl<K, V> Keyspace<K, V> {
    pub(crate) fn open_keyspace(&self) -> Arc<OpenKeyspace> {
        self.open_keyspace.clone()
    }

    pub(crate) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    fn now(&self) -> Timestamp {
        self.shared.tiers.time.now()
    }
}

impl<K: Key, V> Keyspace<K, V> {
    /// The whole key: the keyspace's number, then the key's bytes.
    pub(crate) fn encode<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<KeyWriter, Error> {
        let mut out = KeyWriter::default();
        self.encode_into(key, &mut out)?;
        Ok(out)
    }

    /// Writes the whole key to where it is used: moving it costs a lookup more than writing it.
    #[inline]
    fn encode_into<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, out: &mut KeyWriter) -> Result<(), Error> {
        out.push(&self.open_keyspace.id.to_bytes());
        key.encode(out);
        let len = out.as_slice().len() - crate::format::keyspace_id::KeyspaceId::LEN;
        if len > MAX_KEY_LEN { Err(self.too_large(len)) } else { Ok(()) }
    }

    #[cold]
    fn too_large(&self, len: usize) -> Error {
        Error::KeyTooLarge { keyspace: self.open_keyspace.name.clone(), len, max: MAX_KEY_LEN }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    pub(crate) fn open(shared: &Arc<Shared>, definition: KeyspaceDefinition<K, V>) -> Result<Self, Error> {
        shared.refuse_if_unusable()?;
        definition.validate()?;
        let name = definition.name();
        let kind = KeyspaceType::new::<K, V>(
            definition.schema_version(),
            definition.value_format(),
            definition.is_memory_only(),
        );
        // The user's code, before its turn.
        let shape = K::shape();
        let turn = shared.openings.begin(name);
        let replaced = match shared.open_keyspaces.lock().get(name) {
            Some(open_keyspace) if open_keyspace.kind == kind => {
                return Ok(Self { shared: shared.clone(), open_keyspace: open_keyspace.clone(), definition });
            }
            // One count is the list's own, one the ledger's; handles are only cloned from handles, or made in
            // a turn.
            Some(open_keyspace) if Arc::strong_count(open_keyspace) > 2 => {
                return Err(open_keyspace.kind.conflict(name, &kind));
            }
            open_keyspace => open_keyspace.cloned(),
        };
        let registration = Registration {
            name: name.to_owned(),
            version: kind.version,
            shape: shape.clone(),
            format: kind.format.code(),
            fingerprint: 0,
            schema: definition.schema_name().map(str::to_owned),
        };
        let id = shared.number(kind.memory_only, registration)?;
        let mut evicted_values = EvictedValues::default();
        if let Some(old) = replaced {
            // Before there is a handle: memory must not answer with values of another type, nor hold what
            // nobody can reach.
            shared.registry.strike(&old);
            let (scope, now) = (Scope::prefix(old.id.to_bytes()), shared.tiers.time.now());
            shared.tiers.memory.purge(scope, false, now, 0, &mut evicted_values);
            shared.tiers.memory.forget_keyspace(old.id);
            shared.tiers.wake_writer();
        }
        let open_keyspace = Arc::new(OpenKeyspace {
            name: name.to_owned(),
            id,
            codec: ErasedCodec::of::<V>(kind.format),
            kind,
            shape,
            schema: definition.schema_name(),
            counters: Counters::default(),
            checks: ValueChecks::new(shared.checks_every_value),
            told_undecodable: AtomicBool::new(false),
            slow_load: shared.slow_load,
        });
        shared.registry.enter(open_keyspace.clone());
        shared.open_keyspaces.lock().insert(name.to_owned(), open_keyspace.clone());
        // The old values last, when no lock is held and no turn is: a user's `Drop` may open the keyspace
        // too.
        drop(turn);
        drop(evicted_values);
        Ok(Self { shared: shared.clone(), open_keyspace, definition })
    }
}

impl<K: Key, V: Send + Sync + 'static> Keyspace<K, V> {
    /// The keyspace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.open_keyspace.name
    }

    /// Returns what is counted of this keyspace, as in
    /// [`Stats::keyspaces`](crate::Stats::keyspaces). In a forked child, all counts are zero.
    ///
    /// # Cost
    /// Some hundred loads and one short lock a shard, however many keyspaces there are.
    #[must_use]
    pub fn stats(&self) -> KeyspaceStats {
        self.shared.stats_of(&self.open_keyspace)
    }

    /// Counts how a lookup was answered, and looks at its key if it is sampled; and tells it, at trace level, in a
    /// build with the feature `trace-lookups`.
    #[inline]
    fn answered(&self, answer: Count, key: SlotKey<'_>) {
        self.shared.count(&self.open_keyspace.counters, answer, key.bytes);
        // Not the key: it may be a secret.
        #[cfg(feature = "trace-lookups")]
        tracing::trace!(keyspace = self.open_keyspace.name, ?answer, "lookup");
    }

    fn is_memory_only(&self) -> bool {
        self.open_keyspace.id.is_memory_only()
    }

    /// A value of this keyspace, by its type.
    fn typed(value: Value) -> Option<Arc<V>> {
        // Always some: a keyspace's number stands for one value type (`KeyspaceType`) for as long as the process
        // lives.
        Arc::downcast(value).ok()
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The live value of a key, from memory or from disk.
    ///
    /// A value found on disk is promoted to memory. A key too long to be one, a damaged record and a failing
    /// disk are misses. So is, in a process that was forked after the cache was opened, what memory did not
    /// have then.
    ///
    /// # Cost
    /// In memory: one hash, one shared lock, one clone of an [`Arc`]; nothing is decoded, and nothing
    /// allocated for keys up to 60 bytes. On disk: one descent of the tree, one copy, one checksum, one
    /// decoding.
    pub fn get<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full).ok()?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let (found, hit) = match self.shared.tiers.look_in_memory(key) {
            Lookup::Value(value, _) => (Self::typed(value), Count::MemoryHits),
            Lookup::Negative => (None, Count::Misses),
            Lookup::Unknown(_) if self.is_memory_only() || self.shared.is_closed() => (None, Count::Misses),
            Lookup::Unknown(absent) => (
                self.promote(key, Permit::EpochToken(absent.epoch_token), absent.min_visible_sequence),
                Count::DiskHits,
            ),
        };
        self.answered(if found.is_some() { hit } else { Count::Misses }, key);
        found
    }

    /// The live value of a key, from memory or from disk, as no use of it: nothing is counted, promoted, or
    /// kept from eviction.
    ///
    /// For looking at much that will not be asked for again soon, which should not push out what will.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.peek("MTNVTU").as_deref(), Some(&100));
    /// assert_eq!(cache.stats().requests(), 0);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// That of [`get`](Keyspace::get), without the promotion.
    pub fn peek<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full).ok()?;
        if self.shared.is_closed() { None } else { self.peek_full(full.as_slice()) }
    }

    /// Whether a key has a live entry. Not counted as a use, a hit or a miss, and nothing is promoted or
    /// decoded.
    pub fn contains_key<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> bool {
        self.ttl(key).is_some()
    }

    /// How long the entry of a key has still to live; none if there is none.
    pub fn ttl<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<Duration> {
        let full = self.encode(key).ok()?;
        let now = self.now();
        self.expiry_of(full.as_slice(), now).map(|expires_at| expires_at.since(now))
    }

    fn expiry_of(&self, full: &[u8], now: Timestamp) -> Option<Timestamp> {
        let key = self.shared.tiers.memory.key(full);
        self.shared.tiers.expiry_of(key, now)
    }

    /// Stores a value for the keyspace's lifetime, in place of whatever the key had.
    ///
    /// Every thread sees it when this returns. It reaches the disk within the flush interval; until then a
    /// crash loses it, and what it replaced may then show again ([contract 4](crate#the-contract)).
    ///
    /// # Errors
    /// [`Error::KeyTooLarge`], [`Error::ValueTooLarge`] (with the setting to raise), [`Error::Encode`],
    /// [`Error::Closed`] and [`Error::Forked`]: nothing was stored then, and the entry before it stays. An
    /// insert that returns while the cache is being closed is part of the last commit.
    ///
    /// # Cost
    /// One encoding and one exclusive lock of a shard. Waits, without a lock, while the write buffer is full;
    /// a value that is larger than the buffer, until it is empty.
    pub fn insert<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, value: impl Into<Arc<V>>) -> Result<(), Error> {
        self.insert_with(key, value, InsertOptions::new())
    }

    /// Stores a value with a lifetime or a durability of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, Durability, InsertOptions, KeyspaceDefinition};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # let cache = Cache::builder().open()?;
    /// let tokens = cache.keyspace(TOKEN)?;
    /// let options = InsertOptions::new().ttl(Duration::from_secs(30)).durability(Durability::Immediate);
    /// tokens.insert_with(&7, "secret".to_owned(), options)?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`insert`](Keyspace::insert); [`Error::InvalidSetting`] for a lifetime out of range; with
    /// [`Durability::Immediate`], [`Error::NotDurable`] when the value is in memory but could not be
    /// committed.
    pub fn insert_with<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<(), Error> {
        self.shared.refuse_if_unusable()?;
        let ttl = options.lifetime.unwrap_or(self.definition.default_ttl());
        crate::config::validate::check_ttl(ttl)?;
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let value = value.into();
        let written = self.write(key, &value, ttl, options.durability, None)?;
        self.shared.count(&self.open_keyspace.counters, Count::Inserts, key.bytes);
        if options.durability == Durability::Buffered || self.is_memory_only() {
            return Ok(());
        }
        if written != InsertOutcome::Saved {
            // There was no file to save it in. If asking for a commit brings one, it is written again.
            self.commit_write()?;
            if self.write(key, &value, ttl, options.durability, None)? != InsertOutcome::Saved {
                return Err(Error::NotDurable { cause: "the disk tier is off".to_owned() });
            }
        }
        self.commit_write()
    }

    /// Waits for the commit of a write that memory has.
    fn commit_write(&self) -> Result<(), Error> {
        self.shared.tiers.commit(Acknowledge::Write).map_err(|error| match error {
            // `Closed` would say that nothing was stored.
            Error::Closed => Error::NotDurable { cause: "the cache was closed meanwhile".to_owned() },
            other => other,
        })
    }

    /// Gives the live entry of a key its keyspace's full lifetime again, from now. Answers whether there was
    /// one.
    ///
    /// # Errors
    /// Those of [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// That of an insert: the entry is written again.
    pub fn touch<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<bool, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(key)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        loop {
            let found = self.look_in_both(|| {
                let (lease, value) = self.lease_over(key);
                Some((lease, value?))
            });
            let Some((lease, value)) = found else { return Ok(false) };
            // A write or a removal that came in between decides; look at what it left.
            let ttl = self.definition.default_ttl();
            if self.write(key, &value, ttl, Durability::Buffered, Some(&lease))? != InsertOutcome::Not {
                return Ok(true);
            }
            thread::yield_now();
        }
    }

    /// The number of live entries.
    ///
    /// # Cost
    /// One lookup for each: O(entries). [`Cache::stats`](crate::Cache::stats) has counts that cost nothing,
    /// expired entries included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.keys().count() as u64
    }

    /// Whether there is no live entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }
}
