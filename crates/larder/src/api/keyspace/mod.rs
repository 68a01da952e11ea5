//! A keyspace: a named, typed group of entries, and everything that is done with them.

pub(crate) mod definition;
mod fill;
pub(crate) mod iter;
mod load;
mod remove;
pub(crate) mod stats;
pub(crate) mod update;
mod write;

use definition::{Durability, InsertOptions, KeyspaceDefinition};

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::store::catalog::Registration;
use crate::engine::open_keyspace::{Kind, Space};
use crate::engine::shared::Inner;
use crate::engine::writer::command::Acknowledge;
use crate::error::Error;
use crate::format::codec::checks::ValueChecks;
use crate::format::codec::erased::ErasedCodec;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::scope::Scope;
use crate::format::key::{AsKey, Key, MAX_KEY_LEN};
use crate::memory::evicted_values::Remains;
use crate::memory::leases::Permit;
use crate::memory::slot::{Found, SlotKey, Value};
use crate::stats::KeyspaceStats;
use crate::stats::counters::{Count, Counters};
use crate::sys::sync::{Arc, AtomicBool, thread};
use crate::units::Timestamp;
use write::Written;

/// A handle to a keyspace. Cheap to clone, and shared between threads.
///
/// Lookups never fail: what goes wrong inside the cache is a counted miss. Invalidations can: one that could
/// not be made durable is never reported as done.
#[derive(Debug)]
pub struct Keyspace<K, V> {
    inner: Arc<Inner>,
    space: Arc<Space>,
    definition: KeyspaceDefinition<K, V>,
}

impl<K, V> Clone for Keyspace<K, V> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), space: self.space.clone(), definition: self.definition }
    }
}

impl<K, V> Keyspace<K, V> {
    pub(crate) fn space(&self) -> Arc<Space> {
        self.space.clone()
    }

    pub(crate) fn is_of(&self, inner: &Arc<Inner>) -> bool {
        Arc::ptr_eq(&self.inner, inner)
    }

    fn now(&self) -> Timestamp {
        self.inner.tiers.time.now()
    }
}

impl<K: Key, V> Keyspace<K, V> {
    /// The whole key: the keyspace's number, then the key's bytes.
    pub(crate) fn encode<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> Result<KeyWriter, Error> {
        let mut out = KeyWriter::default();
        self.encode_into(key, &mut out)?;
        Ok(out)
    }

    /// Writes the whole key to where it is used: moving it costs a lookup more than writing it.
    #[inline]
    fn encode_into<Q: AsKey<K> + ?Sized>(&self, key: &Q, out: &mut KeyWriter) -> Result<(), Error> {
        out.push(&self.space.id.to_bytes());
        key.encode(out);
        let len = out.as_slice().len() - crate::format::keyspace_id::KeyspaceId::LEN;
        if len > MAX_KEY_LEN { Err(self.too_large(len)) } else { Ok(()) }
    }

    #[cold]
    fn too_large(&self, len: usize) -> Error {
        Error::KeyTooLarge { keyspace: self.space.name.clone(), len, max: MAX_KEY_LEN }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    pub(crate) fn open(inner: &Arc<Inner>, definition: KeyspaceDefinition<K, V>) -> Result<Self, Error> {
        inner.refuse_if_unusable()?;
        definition.validate()?;
        let name = definition.name();
        let kind = Kind::new::<K, V>(
            definition.schema_version(),
            definition.value_format(),
            definition.is_memory_only(),
        );
        // The user's code, before its turn.
        let shape = K::shape();
        let turn = inner.openings.begin(name);
        let replaced = match inner.spaces.lock().get(name) {
            Some(space) if space.kind == kind => {
                return Ok(Self { inner: inner.clone(), space: space.clone(), definition });
            }
            // One count is the list's own, one the ledger's; handles are only cloned from handles, or made in
            // a turn.
            Some(space) if Arc::strong_count(space) > 2 => return Err(space.kind.conflict(name, &kind)),
            space => space.cloned(),
        };
        let registration = Registration {
            name: name.to_owned(),
            version: kind.version,
            shape: shape.clone(),
            format: kind.format.code(),
            fingerprint: 0,
            schema: definition.schema_name().map(str::to_owned),
        };
        let id = inner.number(kind.memory_only, registration)?;
        let mut remains = Remains::default();
        if let Some(old) = replaced {
            // Before there is a handle: memory must not answer with values of another type, nor hold what
            // nobody can reach.
            inner.ledger.strike(&old);
            let (scope, now) = (Scope::prefix(old.id.to_bytes()), inner.tiers.time.now());
            inner.tiers.memory.purge(scope, false, now, 0, &mut remains);
            inner.tiers.memory.forget_keyspace(old.id);
            inner.tiers.wake_writer();
        }
        let space = Arc::new(Space {
            name: name.to_owned(),
            id,
            codec: ErasedCodec::of::<V>(kind.format),
            kind,
            shape,
            schema: definition.schema_name(),
            counters: Counters::default(),
            checks: ValueChecks::new(inner.checks_every_value),
            told_undecodable: AtomicBool::new(false),
            slow_load: inner.slow_load,
        });
        inner.ledger.enter(space.clone());
        inner.spaces.lock().insert(name.to_owned(), space.clone());
        // The old values last, when no lock is held and no turn is: a user's `Drop` may open the keyspace
        // too.
        drop(turn);
        drop(remains);
        Ok(Self { inner: inner.clone(), space, definition })
    }
}

impl<K: Key, V: Send + Sync + 'static> Keyspace<K, V> {
    /// The keyspace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.space.name
    }

    /// Returns what is counted of this keyspace, as in
    /// [`Stats::keyspaces`](crate::Stats::keyspaces). In a forked child, all counts are zero.
    ///
    /// # Cost
    /// Some hundred loads and one short lock a shard, however many keyspaces there are.
    #[must_use]
    pub fn stats(&self) -> KeyspaceStats {
        stats::of_one(&self.inner, &self.space)
    }

    /// Counts how a lookup was answered, and looks at its key if it is sampled; and tells it, at trace level, in a
    /// build with the feature `trace-lookups`.
    #[inline]
    fn answered(&self, answer: Count, key: SlotKey<'_>) {
        self.inner.count(&self.space.counters, answer, key.bytes);
        // Not the key: it may be a secret.
        #[cfg(feature = "trace-lookups")]
        tracing::trace!(keyspace = self.space.name, ?answer, "lookup");
    }

    fn is_memory_only(&self) -> bool {
        self.space.id.is_memory_only()
    }

    /// A value of this keyspace, by its type.
    fn typed(value: Value) -> Option<Arc<V>> {
        // Always some: a keyspace's number stands for one value type (`Kind`) for as long as the process
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
    pub fn get<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full).ok()?;
        let key = self.inner.tiers.memory.key(full.as_slice());
        let (found, hit) = match self.inner.tiers.look_in_memory(key) {
            Found::Value(value, _) => (Self::typed(value), Count::MemoryHits),
            Found::Dead => (None, Count::Misses),
            Found::Nothing(_) if self.is_memory_only() || self.inner.is_closed() => (None, Count::Misses),
            Found::Nothing(absent) => {
                (self.promote(key, Permit::Ticket(absent.ticket), absent.floor), Count::DiskHits)
            }
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
    pub fn peek<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full).ok()?;
        if self.inner.is_closed() { None } else { self.peek_full(full.as_slice()) }
    }

    /// Whether a key has a live entry. Not counted as a use, a hit or a miss, and nothing is promoted or
    /// decoded.
    pub fn contains<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> bool {
        self.ttl(key).is_some()
    }

    /// How long the entry of a key has still to live; none if there is none.
    pub fn ttl<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> Option<Duration> {
        let full = self.encode(key).ok()?;
        let now = self.now();
        self.expiry_of(full.as_slice(), now).map(|expires_at| expires_at.since(now))
    }

    fn expiry_of(&self, full: &[u8], now: Timestamp) -> Option<Timestamp> {
        let key = self.inner.tiers.memory.key(full);
        self.inner.tiers.expiry_of(key, now)
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
    pub fn insert<Q: AsKey<K> + ?Sized>(&self, key: &Q, value: impl Into<Arc<V>>) -> Result<(), Error> {
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
    pub fn insert_with<Q: AsKey<K> + ?Sized>(
        &self,
        key: &Q,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<(), Error> {
        self.inner.refuse_if_unusable()?;
        let ttl = options.lifetime.unwrap_or(self.definition.default_ttl());
        crate::config::validate::check_ttl(ttl)?;
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full)?;
        let key = self.inner.tiers.memory.key(full.as_slice());
        let value = value.into();
        let written = self.write(key, &value, ttl, options.durability, None)?;
        self.inner.count(&self.space.counters, Count::Inserts, key.bytes);
        if options.durability == Durability::Buffered || self.is_memory_only() {
            return Ok(());
        }
        if written != Written::Saved {
            // There was no file to save it in. If asking for a commit brings one, it is written again.
            self.commit_write()?;
            if self.write(key, &value, ttl, options.durability, None)? != Written::Saved {
                return Err(Error::NotDurable { cause: "the disk tier is off".to_owned() });
            }
        }
        self.commit_write()
    }

    /// Waits for the commit of a write that memory has.
    fn commit_write(&self) -> Result<(), Error> {
        self.inner.tiers.commit(Acknowledge::Write).map_err(|error| match error {
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
    pub fn touch<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> Result<bool, Error> {
        self.inner.refuse_if_unusable()?;
        let full = self.encode(key)?;
        let key = self.inner.tiers.memory.key(full.as_slice());
        loop {
            let found = self.look_in_both(|| {
                let (lease, value) = self.lease_over(key);
                Some((lease, value?))
            });
            let Some((lease, value)) = found else { return Ok(false) };
            // A write or a removal that came in between decides; look at what it left.
            let ttl = self.definition.default_ttl();
            if self.write(key, &value, ttl, Durability::Buffered, Some(&lease))? != Written::Not {
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
    pub fn len(&self) -> u64 {
        self.keys().count() as u64
    }

    /// Whether there is no live entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }
}
