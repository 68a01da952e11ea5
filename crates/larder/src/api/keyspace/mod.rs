//! A keyspace: a named group of entries with one key type and one value type.
//!
//! - [`definition`]: the declaration of a keyspace. [`insert_options`]: the options of an insert. [`ttl`]:
//!   the TTL of an entry. [`expiry`] and [`fixed_life`]: how the expiry is computed. [`idle`]: how a use
//!   extends the expiry.
//! - [`read`], [`mod@write`], [`modify`], [`atomic`], [`increment`], [`expire`], [`lookup`], [`load`],
//!   [`remove`], [`update`], [`iterate`]: the calls on a keyspace.
//! - [`hit`]: the fast path of a hit in memory.
//! - [`loading`]: keyspaces with a registered loader.
//! - `asynchronous`: the async forms of these calls.
//! - [`absence`]: keys that are known to be absent.
//! - [`load_lease`]: the permission to fill a key that a lookup missed.
//! - [`transaction`]: atomic changes of several keys.
//! - [`remote`]: keyspaces of a cache with a remote tier.
//! - `untyped_calls` and `calls_of_types`: the calls that [`UntypedKeyspace`](crate::UntypedKeyspace) makes.
//! - [`prepare`]: the preparation of a value before it is stored.

pub(crate) mod absence;
#[cfg(feature = "async")]
pub(crate) mod asynchronous;
mod atomic;
#[cfg(feature = "untyped")]
mod calls_of_types;
pub(crate) mod change;
pub(crate) mod change_commit;
pub(crate) mod definition;
mod expire;
mod expiry;
mod fixed_life;
mod hit;
mod idle;
pub(crate) mod increment;
pub(crate) mod insert_options;
pub(crate) mod iterate;
mod lease_free_read;
pub(crate) mod load;
pub(crate) mod load_lease;
pub(crate) mod load_many;
pub(crate) mod loading;
pub(crate) mod lookup;
mod lookup_below;
mod modify;
pub(crate) mod modify_error;
mod prepare;
mod read;
mod read_many;
mod remote;
mod remove;
pub(crate) mod transaction;
pub(crate) mod ttl;
mod uncacheable;
#[cfg(feature = "untyped")]
pub(crate) mod untyped_calls;
pub(crate) mod update;
mod write;
mod write_in_memory;
mod write_many;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::keyspaces::open_keyspace::{KeyspaceType, OpenKeyspace};
use crate::engine::keyspaces::registry::KeyspaceRequest;
use crate::engine::remote::lookup::is_plain;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::codec::erased::ErasedCodec;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::hash::KeyspaceSeed;
use crate::format::key::{EncodeKey, Key, MAX_KEY_LEN};
use crate::format::keyspace_id::{KeyspaceId, LowestTier};
use crate::memory::entry::Value;
use crate::memory::slot_key::SlotKey;
use crate::stats::KeyspaceStats;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::units::Timestamp;
use definition::KeyspaceDefinition;
use fixed_life::FixedLife;

/// A handle to a keyspace. A handle is cheap to clone, and may be shared between threads.
///
/// A lookup never fails: if the cache can't read an entry, the lookup is a miss. An invalidation can fail.
/// It returns `Ok` only if it is durable.
///
/// ```
/// # use larder::{Cache, KeyspaceDefinition};
/// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
/// # let cache = Cache::builder().open()?;
/// let prices = cache.keyspace(PRICE)?;
/// prices.insert("MTNVTU", 100)?;
/// let of_another_thread = prices.clone();
/// std::thread::spawn(move || assert_eq!(of_another_thread.get("MTNVTU").as_deref(), Some(&100)));
/// assert_eq!(prices.name(), "price");
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug)]
pub struct Keyspace<K, V> {
    shared: Arc<Shared>,
    opened: Arc<OpenKeyspace>,
    definition: KeyspaceDefinition<K, V>,
    /// The seed for the hashes of this keyspace's keys.
    seed: KeyspaceSeed,
    /// Whether a hit in memory needs no step for a remote tier or a time to idle ([`hit`]).
    has_plain_hits: bool,
    /// The life of the entries, if it is the same for every write with the keyspace's TTL.
    fixed_life: Option<FixedLife>,
}

impl<K, V> Clone for Keyspace<K, V> {
    fn clone(&self) -> Self {
        let Self { shared, opened, definition, seed, has_plain_hits, fixed_life } = self;
        Self {
            shared: shared.clone(),
            opened: opened.clone(),
            definition: *definition,
            seed: *seed,
            has_plain_hits: *has_plain_hits,
            fixed_life: *fixed_life,
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    pub(crate) fn open(shared: &Arc<Shared>, definition: KeyspaceDefinition<K, V>) -> Result<Self, Error> {
        shared.refuse_if_unusable()?;
        definition.validate()?;
        Self::refuse_for_remote(shared, &definition)?;
        let format = definition.value_format();
        // `shape` may run user code, so it is called before this thread's turn to open keyspaces begins.
        let shape = K::shape();
        definition.check_range_parts(&shape)?;
        let request = KeyspaceRequest {
            name: definition.name(),
            kind: KeyspaceType::new::<K, V>(definition.schema_version(), format, definition.is_memory_only()),
            shape,
            range_parts: definition.parts_of_ranges(),
            codec: ErasedCodec::of::<V>(format),
            schema: definition.schema_name(),
            #[cfg(feature = "untyped")]
            typed_calls: Some(Arc::new(calls_of_types::CallsOfTypes::new(shared, definition))),
            #[cfg(not(feature = "untyped"))]
            typed_calls: None,
            checks_every_value: shared.settings.checks_every_value,
            slow_load: shared.settings.slow_load,
        };
        let opened = shared.keyspaces.open(&shared.tiers, request)?;
        if definition.idle_limit().is_some() {
            opened.keep_extras();
        }
        Ok(Self::of(shared.clone(), opened, definition))
    }

    fn refuse_for_remote(shared: &Shared, definition: &KeyspaceDefinition<K, V>) -> Result<(), Error> {
        let is_remote = shared.tiers.lowest_tier(definition.is_memory_only()) == LowestTier::Remote;
        if is_remote && definition.idle_limit().is_some() && is_plain(definition.value_format()) {
            // A use must not extend the life of an entry past its TTL, and the slot of a raw value has no
            // room for the TTL.
            let what = "time_to_idle in a keyspace of Format::Raw";
            let remedy = "choose another format, give the keyspace a TTL instead, or make it memory_only";
            return Err(Error::NotRemote { what, remedy });
        }
        Ok(())
    }
}

impl<K: Key, V: Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the keyspace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.opened.name
    }

    /// Returns the statistics of this keyspace, as in [`Stats::keyspaces`](crate::Stats::keyspaces). In a
    /// forked child all counts are zero.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.get("MTNVTU");
    /// let stats = prices.stats();
    /// assert_eq!((stats.name.as_str(), stats.misses), ("price", 1));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs a few hundred memory reads, and one short lock for each shard, for any number of keyspaces.
    #[must_use]
    pub fn stats(&self) -> KeyspaceStats {
        self.shared.stats_of(&self.opened)
    }

    /// Counts the outcome of a lookup, and records the key if the lookup is sampled. With the feature
    /// `trace-lookups`, also traces the lookup.
    #[inline]
    fn answered(&self, answer: Count, key: SlotKey<'_>) {
        self.shared.count(&self.opened.counters, answer, key.bytes);
        #[cfg(feature = "trace-lookups")]
        self.trace(answer);
    }

    /// Traces a lookup without its key, because the key may be a secret.
    #[cfg(feature = "trace-lookups")]
    fn trace(&self, answer: Count) {
        tracing::trace!(keyspace = self.opened.name, ?answer, "lookup");
    }

    fn lowest_tier(&self) -> LowestTier {
        self.opened.id.lowest_tier()
    }

    /// Returns whether the changes of this keyspace go to the writer, and the disk may have its entries.
    fn is_in_file(&self) -> bool {
        self.opened.id.is_in_file()
    }

    /// Downcasts a value to the value type of this keyspace. Returns `None` only for a `BytesKeyspace`, if
    /// memory has a value of the application's type. Otherwise all values of a keyspace have one type
    /// ([`KeyspaceType`]).
    #[inline]
    fn typed(value: Value) -> Option<Arc<V>> {
        Arc::downcast(value).map_or_else(Self::mistyped, Some)
    }

    /// Takes the value by value. If [`typed`](Self::typed) dropped it, every hit would write it to the stack.
    #[cold]
    #[inline(never)]
    fn mistyped(_value: Value) -> Option<Arc<V>> {
        None
    }
}

impl<K: Key, V> Keyspace<K, V> {
    /// Returns the full key: the keyspace number, then the encoded key.
    pub(crate) fn encode<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<KeyBuffer, Error> {
        let mut out = KeyBuffer::default();
        self.encode_into(key, &mut out)?;
        Ok(out)
    }

    /// Writes the full key into the caller's buffer. Returning a buffer would cost more, because moving the
    /// buffer takes longer than writing the key.
    fn encode_into<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, out: &mut KeyBuffer) -> Result<(), Error> {
        out.push(&self.opened.id.to_bytes());
        key.encode(&mut out.writer());
        let len = out.as_slice().len() - KeyspaceId::LEN;
        if len > MAX_KEY_LEN { Err(self.key_too_large(len)) } else { Ok(()) }
    }

    #[cold]
    fn key_too_large(&self, len: usize) -> Error {
        Error::KeyTooLarge { keyspace: self.opened.name.clone(), len, max: MAX_KEY_LEN }
    }
}

impl<K, V> Keyspace<K, V> {
    fn of(shared: Arc<Shared>, opened: Arc<OpenKeyspace>, definition: KeyspaceDefinition<K, V>) -> Self {
        let seed = shared.tiers.memory.keyspace_seed(opened.id);
        let has_plain_hits = !opened.id.is_remote() && definition.idle_limit().is_none();
        let fixed_life = FixedLife::of(&definition);
        Self { shared, opened, definition, seed, has_plain_hits, fixed_life }
    }

    /// Returns a full key of this keyspace with its hash. Takes the keyspace's part of the hash from the
    /// handle, where [`Memory::key`](crate::memory::Memory::key) computes it.
    #[inline]
    fn slot_key<'a>(&self, full: &'a [u8]) -> SlotKey<'a> {
        SlotKey { hash: self.seed.hash(full.get(KeyspaceId::LEN..).unwrap_or(full)), bytes: full }
    }

    pub(super) fn open_keyspace(&self) -> Arc<OpenKeyspace> {
        self.opened.clone()
    }

    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    fn now(&self) -> Timestamp {
        self.shared.tiers.time.now()
    }
}
