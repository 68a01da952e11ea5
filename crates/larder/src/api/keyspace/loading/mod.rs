//! Keyspaces with a registered loader: refreshes in the background, and timeouts of loads.
//!
//! A registered loader may run on another thread, even if no caller waits for it. So it is `'static`, and is
//! registered once, with its policy ([`policy`]). `get_or_load` accepts any loader, and needs no
//! registration.
//!
//! A lookup that finds a live value runs these steps:
//!
//! 1. Look up the key in memory, with the extras of the entry: the time of its last write, and the duration
//!    of its load.
//! 2. If a refresh is due according to the policy, begin it, without waiting for it. Of several callers, only
//!    one begins the refresh ([`crate::memory::refresh`]). If the pool has no room, the refresh is refused
//!    and counted.
//! 3. Return the value.
//!
//! A lookup that finds no live value runs the steps of [`super::lookup`]. Without a timeout, the loader runs
//! on the calling thread. With a timeout, it runs on a thread of the pool ([`crate::engine::load_pool`]):
//!
//! 1. The caller takes the lease, and passes it to the pool. The lease ends at the hard timeout, or without
//!    one at the cache's `lease_timeout`. Other callers of the key wait for the same flight.
//! 2. If the policy has a soft timeout, the caller waits until it has passed, and then reads the stale
//!    value. If there is one, the caller returns it. The load continues, and its value is cached.
//! 3. Otherwise the caller waits until the hard timeout. If the key then has a live value, an absence or a
//!    stale value, the caller returns it, and otherwise an error.
//!
//! If the pool is full, and the policy has a soft timeout, the caller immediately gets the stale value, if
//! there is one. Otherwise the caller waits for a place in the pool until the hard timeout. If there is no
//! hard timeout, or no thread can be started, the caller runs the loader itself.
//!
//! A queued load may be behind loads that hang, or that wait for the queued load. So only a caller with a
//! timeout waits for a load that has not begun. The following callers take the load over, with the steps of
//! [`crate::engine::flights`], and run their own loader:
//!
//! - a thread of the pool whose loader requests another key
//! - a caller of `lookup`, or of `get_or_load` and its variants
//! - a caller whose policy has no timeouts
//! - a caller without a hard timeout whose soft timeout is over, if there is no stale value

#[cfg(feature = "async")]
pub(crate) mod asynchronous;
mod beside_refresh;
mod get_many;
mod lease;
pub(crate) mod policy;
mod registered;
mod wait;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use super::load::{Load, Loaded};
use super::load_lease::LoadLease;
use super::lookup::{LoadThread, LookupOutcome, OnAbsence};
use crate::engine::flights::Flight;
use crate::engine::load_pool::{LoadJob, LoadReason};
use crate::error::Error;
use crate::error::load_error::LoadError;
use crate::format::codec::error::CodecError;
use crate::format::key;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::Lookup;
use crate::memory::refresh::FoundOld;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::user_code::{HeldValue, drop_caught};
use crate::units::Timestamp;
use policy::LoadPolicy;
use registered::{RegisteredLoader, ThreadLoader};

/// A keyspace with a loader. Its [`get`](Self::get) loads missing values, and refreshes old values. Created
/// by [`Keyspace::with_loader`](crate::Keyspace::with_loader).
///
/// The handle is cheap to clone, and may be shared between threads. [`keyspace`](Self::keyspace) returns the
/// keyspace, which has all other calls. The handle owns its loader. So a loader that holds a handle of the
/// cache keeps the cache open.
pub struct LoadingKeyspace<K, V, E> {
    keyspace: Keyspace<K, V>,
    registered: Arc<RegisteredLoader<ThreadLoader<K, V, E>>>,
}

impl<K, V, E> Clone for LoadingKeyspace<K, V, E> {
    fn clone(&self) -> Self {
        Self { keyspace: self.keyspace.clone(), registered: self.registered.clone() }
    }
}

impl<K, V, E> fmt::Debug for LoadingKeyspace<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadingKeyspace").field("policy", &self.registered.policy).finish_non_exhaustive()
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Registers a loader, and returns a handle that loads with it. The loader gets the key, and the current
    /// value if there is one: the live value in a refresh, or a stale value
    /// ([`grace`](crate::KeyspaceDefinition::grace)). The loader may run on a thread of the cache's pool
    /// ([`load_threads`](crate::CacheBuilder::load_threads)), even if no caller waits for it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition, Load, LoadPolicy};
    /// const PRICE: KeyspaceDefinition<String, u64> =
    ///     KeyspaceDefinition::new("price").ttl(Duration::from_secs(60)).grace(Duration::from_secs(3600));
    ///
    /// let policy = LoadPolicy::new()
    ///     .refresh_after(Duration::from_secs(30))
    ///     .soft_timeout(Duration::from_millis(50))
    ///     .hard_timeout(Duration::from_secs(2));
    /// let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?.with_loader(policy, |code: &String, _stale: Option<Arc<u64>>| {
    ///     Ok::<_, std::io::Error>(Load::Cache(Arc::new(code.len() as u64)))
    /// })?;
    /// assert_eq!(prices.get("MTNVTU")?.value.as_deref(), Some(&6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`] for a policy whose settings contradict each other or the keyspace.
    /// Also returns [`Error::Closed`] or [`Error::Forked`].
    pub fn with_loader<E, F>(&self, policy: LoadPolicy, loader: F) -> Result<LoadingKeyspace<K, V, E>, Error>
    where
        E: Send + Sync + 'static,
        F: Fn(&K, Option<Arc<V>>) -> Result<Load<V>, E> + Send + Sync + 'static,
    {
        let loader: ThreadLoader<K, V, E> = Box::new(loader);
        let registered = RegisteredLoader::new(self, policy, loader)?;
        Ok(LoadingKeyspace { keyspace: self.clone(), registered: Arc::new(registered) })
    }

    fn decode(&self, slot: SlotKey<'_>) -> Result<K, Error> {
        key::decode(slot.bytes.get(KeyspaceId::LEN..).unwrap_or_default()).map_err(|error| Error::Encode {
            keyspace: self.opened.name.clone(),
            cause: <CodecError as serde::ser::Error>::custom(format_args!(
                "its key does not decode from its own bytes: {error}"
            )),
        })
    }

    /// Looks a key up in memory, with the extras of its entry.
    fn encoded_hit_with_extras(&self, key: SlotKey<'_>) -> Option<(Arc<V>, Timestamp, Option<EntryExtras>)> {
        let tiers = &self.shared.tiers;
        if self.is_remote() {
            let (value, expires_at, extras) = tiers.get_near_with_extras(key)?;
            return Some((Self::typed(value)?, expires_at, extras));
        }
        let mut found = tiers.memory.get_with_extras(key, tiers.time.bounds().latest);
        if let Lookup::Negative = found.0 {
            // The entry may still live for a few milliseconds.
            found = tiers.memory.get_with_extras(key, tiers.time.now());
        }
        let (Lookup::Value(value, expires_at), extras) = found else { return None };
        Some((Self::typed(value)?, expires_at, extras))
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    LoadingKeyspace<K, V, E>
{
    /// Returns the keyspace, which has all other calls.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace<K, V> {
        &self.keyspace
    }

    /// Returns the live value of a key. If there is no live value, loads it like
    /// [`get_or_load_with`](Keyspace::get_or_load_with). If the value is old, begins a refresh in the
    /// background, and returns the old value immediately. [`Loaded::value`] is `None` if the source has no
    /// value ([`Load::Absent`]).
    ///
    /// As with any load, if the key is written or removed during a refresh, the loaded value is not cached.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load`](Keyspace::get_or_load), and
    /// [`LoadError::NothingUnchanged`]. Also returns [`LoadError::Timeout`] after the
    /// [`hard_timeout`](LoadPolicy::hard_timeout).
    ///
    /// # Panics
    /// Panics if the loader panics on the calling thread. If it panics on a thread of the pool, the callers
    /// get [`LoadError::Panicked`] instead.
    ///
    /// # Cost
    /// A hit costs the same as [`get`](Keyspace::get). If the policy has refreshes, a hit costs one more
    /// lookup in the shard.
    pub fn get(&self, key: impl EncodeKey<K>) -> Result<Loaded<V>, LoadError<E>> {
        if self.registered.policy.refreshes() {
            if let Some((value, expires_at, extras)) = self.keyspace.hit_with_extras(&key) {
                if self.registered.is_due(&self.keyspace, expires_at, extras) {
                    self.refresh_unencoded(&key, FoundOld { expires_at, extras });
                }
                return Ok(Loaded::fresh(Some(value)));
            }
        } else if let Some((value, _)) = self.keyspace.hit(&key) {
            return Ok(Loaded::fresh(Some(value)));
        }
        let mut full = KeyBuffer::default();
        self.keyspace.encode_into(&key, &mut full).map_err(LoadError::Key)?;
        let key = self.keyspace.shared.tiers.memory.key(full.as_slice());
        match self.hit_or_refresh(key) {
            Some(value) => Ok(Loaded::fresh(Some(value))),
            None => self.load_missing(key),
        }
    }

    /// Begins to load a key in the background, regardless of the age of its value, and does not wait for the
    /// load. Returns whether a load of the key is now in progress. A live value stays until the load has
    /// succeeded.
    ///
    /// Returns false if the pool is full, and counts this in
    /// [`refreshes_refused`](crate::KeyspaceStats::refreshes_refused). Also returns false, for example, if
    /// a recent refresh published nothing, a recent load failed or was declined, or an update of the key is
    /// in progress. The call does not count as a use of the value, so it does not extend the life of the
    /// entry.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use larder::{Cache, KeyspaceDefinition, Load, LoadPolicy};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?.with_loader(LoadPolicy::new(), |_: &String, _: Option<Arc<u64>>| {
    ///     Ok::<_, std::io::Error>(Load::Cache(Arc::new(100)))
    /// })?;
    /// assert!(prices.refresh("MTNVTU")?, "it is loading");
    /// assert_eq!(prices.get("MTNVTU")?.value.as_deref(), Some(&100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`], [`Error::Closed`] or [`Error::Forked`], and [`Error::Encode`] for a
    /// key that does not decode from its own bytes.
    ///
    /// # Cost
    /// If memory has no value, the call looks the key up on disk or at the server.
    pub fn refresh(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        self.keyspace.shared.refuse_if_unusable()?;
        let full = self.keyspace.encode(&key)?;
        let slot = self.keyspace.shared.tiers.memory.key(full.as_slice());
        let Keyspace { shared, opened, .. } = &self.keyspace;
        if shared.tiers.has_value_in_memory(slot) {
            return Ok(self.begin_refresh(slot, None));
        }
        let (key, lease_time) =
            (self.keyspace.decode(slot)?, self.registered.lease_time(&self.keyspace.shared));
        let load_thread = LoadThread::Pool;
        let found = self.keyspace.lease_or_join_for(slot, load_thread, OnAbsence::Refresh, lease_time, false);
        match at_once(found) {
            // Another load ended meanwhile, or the value was on disk or at the server.
            LookupOutcome::Hit { value, is_stale, .. } => {
                drop_caught(value);
                Ok(!is_stale && self.begin_refresh(slot, None))
            }
            LookupOutcome::Absent { .. } => Ok(false),
            LookupOutcome::Wait(_) => Ok(true),
            LookupOutcome::Load(lease) if !lease.is_of_use(&self.keyspace, slot) => Ok(false),
            LookupOutcome::Load(lease) => {
                let job = self.job(lease, Arc::new(key), None);
                let is_begun = shared.load_pool.submit(LoadReason::Refresh, job).is_ok();
                if !is_begun {
                    shared.count(&opened.counters, Count::RefreshesRefused, slot.bytes);
                }
                Ok(is_begun)
            }
        }
    }

    /// Returns the live value in memory. If a refresh of the value is due, begins it.
    fn hit_or_refresh(&self, slot: SlotKey<'_>) -> Option<Arc<V>> {
        if !self.registered.policy.refreshes() {
            return self.keyspace.hit_in_memory(slot, true, RecordReader::Caller).map(|(value, _)| value);
        }
        let (value, expires_at, extras) = self.keyspace.encoded_hit_with_extras(slot)?;
        self.keyspace.answered(Count::MemoryHits, slot);
        self.refresh_if_due(slot, expires_at, extras);
        self.keyspace.note_use_with_extras(slot, (expires_at, extras), RecordReader::Caller);
        Some(value)
    }

    fn refresh_if_due(&self, slot: SlotKey<'_>, expires_at: Timestamp, extras: Option<EntryExtras>) {
        if self.registered.is_due(&self.keyspace, expires_at, extras) {
            self.begin_refresh(slot, Some(FoundOld { expires_at, extras }));
        }
    }

    #[cold]
    #[inline(never)]
    fn refresh_unencoded(&self, key: &impl EncodeKey<K>, found_old: FoundOld) {
        if let Ok(full) = self.keyspace.encode(key) {
            self.begin_refresh(self.keyspace.shared.tiers.memory.key(full.as_slice()), Some(found_old));
        }
    }

    /// Begins a refresh of a live value, even of a young value if `found_old` is `None`. Returns whether a
    /// refresh or another load of the key is in progress.
    #[cold]
    fn begin_refresh(&self, slot: SlotKey<'_>, found_old: Option<FoundOld>) -> bool {
        let Keyspace { shared, opened, .. } = &self.keyspace;
        if shared.is_forked() || shared.is_closed() {
            return false;
        }
        let memory = &shared.tiers.memory;
        if !memory.may_refresh(slot) {
            return memory.has_flight(slot);
        }
        let Ok(key) = self.keyspace.decode(slot) else { return false };
        // Checked before the lease is taken. Otherwise each caller would take a lease that it can't use.
        if !shared.load_pool.has_room() {
            shared.count(&opened.counters, Count::RefreshesRefused, slot.bytes);
            return false;
        }
        let deadline = Deadline::after(self.registered.lease_time(&self.keyspace.shared));
        let flight = Flight::of_refresh(deadline);
        let leased = memory.lease_to_refresh(slot, self.keyspace.now(), found_old, deadline, flight.clone());
        let Some((id, value)) = leased else { return memory.has_flight(slot) };
        let lease = lease::refresh_lease(&self.keyspace, slot, id, flight, deadline);
        let job = self.job(lease, Arc::new(key), Keyspace::<K, V>::typed(value).map(HeldValue::new));
        let is_begun = shared.load_pool.submit(LoadReason::Refresh, job).is_ok();
        let count = if is_begun { Count::Refreshes } else { Count::RefreshesRefused };
        shared.count(&opened.counters, count, slot.bytes);
        is_begun
    }

    /// Returns a job that runs the load of a lease on any thread. `live` is the live value if the load is a
    /// refresh.
    fn job(&self, lease: LoadLease<K, V>, key: Arc<K>, live: Option<HeldValue<Arc<V>>>) -> LoadJob {
        let registered = self.registered.clone();
        Box::new(move || registered.load(lease, &key, live))
    }

    /// Like [`Keyspace::find_or_lease`], with the deadline of this loader's leases.
    async fn find_or_lease(
        &self,
        slot: SlotKey<'_>,
        load_thread: LoadThread,
        on_absence: OnAbsence,
        counts: bool,
    ) -> LookupOutcome<K, V> {
        if let Some((value, expires_at)) = self.keyspace.hit_in_memory(slot, counts, RecordReader::Caller) {
            return LookupOutcome::Hit { value, expires_at, is_stale: false };
        }
        let lease_time = self.registered.lease_time(&self.keyspace.shared);
        self.keyspace.lease_or_join_for(slot, load_thread, on_absence, lease_time, counts).await
    }
}
