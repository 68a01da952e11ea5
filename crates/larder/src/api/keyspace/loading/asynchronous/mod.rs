//! Keyspaces with a registered asynchronous loader. Lookups work as in [`super`], but tasks replace the
//! threads of the pool.
//!
//! If a key has no live value, the flight owns the loader, and the tasks that wait for the load poll the
//! loader ([`crate::engine::flights`]). There is no queue.
//!
//! - Without a soft timeout, the load is dropped when no task waits for it any more.
//! - With a soft timeout, a background task of the application's runtime also polls the loader
//!   ([`crate::engine::load_tasks`]). If the maximum number of background tasks is running, the caller
//!   immediately gets the stale value. If there is no stale value, the load continues without a background
//!   task.
//!
//! A refresh always has a background task. The steps of a refresh of a live value:
//!
//! 1. Reserve a place for the task before taking the lease. Otherwise each caller would take a lease that it
//!    can't use.
//! 2. Take the lease, if the slot still has the value that was found to be old ([`crate::memory::refresh`]).
//! 3. Add the task's wait to the flight, and then put the loader into the flight. In the other order,
//!    dropping another task in between could drop the loader.
//! 4. Pass the task to the spawner. If the spawner drops the task, the task's wait leaves the flight. If that
//!    was the last wait, the loader and the lease are dropped, and the refresh counts as refused.

mod load;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lease::refresh_lease;
use super::policy::LoadPolicy;
use super::registered::{RegisteredLoader, TaskLoader};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::load::{Load, Loaded};
use crate::api::keyspace::lookup::{LoadThread, LookupOutcome, OnAbsence};
use crate::engine::flights::Flight;
use crate::engine::flights::graph::LoadId;
use crate::error::Error;
use crate::error::load_error::LoadError;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::memory::refresh::FoundOld;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

/// A keyspace with an asynchronous loader. Its [`get_async`](Self::get_async) loads missing values, and
/// refreshes old values. Created by [`Keyspace::with_async_loader`](crate::Keyspace::with_async_loader).
///
/// The handle is cheap to clone, and may be shared between tasks. [`keyspace`](Self::keyspace) returns the
/// keyspace, which has all other calls. The handle owns its loader. So a loader that holds a handle of the
/// cache keeps the cache open.
pub struct AsyncLoadingKeyspace<K, V, E> {
    keyspace: Keyspace<K, V>,
    registered: Arc<RegisteredLoader<TaskLoader<K, V, E>>>,
}

impl<K, V, E> Clone for AsyncLoadingKeyspace<K, V, E> {
    fn clone(&self) -> Self {
        Self { keyspace: self.keyspace.clone(), registered: self.registered.clone() }
    }
}

impl<K, V, E> fmt::Debug for AsyncLoadingKeyspace<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &self.registered.policy;
        f.debug_struct("AsyncLoadingKeyspace").field("policy", policy).finish_non_exhaustive()
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Registers an asynchronous loader, and returns a handle that loads with it. The loader gets the key,
    /// and the current value if there is one: the live value in a refresh, or a stale value
    /// ([`grace`](crate::KeyspaceDefinition::grace)).
    ///
    /// Refreshes, and loads with a soft timeout, continue even if no caller waits for them. They run on the
    /// application's runtime, so the cache needs a [`spawner`](crate::CacheBuilder::spawner).
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
    /// # async fn example(policy: LoadPolicy) -> Result<(), Box<dyn std::error::Error>> {
    /// let cache = Cache::builder().spawner(|load| smol::spawn(load).detach()).open()?;
    /// let loader = |code: String, _stale: Option<Arc<u64>>| async move {
    ///     Ok::<_, std::io::Error>(Load::Cache(Arc::new(code.len() as u64)))
    /// };
    /// let prices = cache.keyspace(PRICE)?.with_async_loader(policy, loader)?;
    /// assert_eq!(prices.get_async("MTNVTU").await?.value.as_deref(), Some(&6));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example(policy))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Any waiting task may poll the loader: see [`get_or_load_async`](Keyspace::get_or_load_async). A load
    /// that continues without a waiting caller is dropped at its deadline, because its value would not be
    /// cached after that. The deadline is the [`hard_timeout`](LoadPolicy::hard_timeout), or the cache's
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout).
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`] for a policy whose settings contradict each other or the keyspace.
    /// Also returns it for a policy with refreshes or a soft timeout in a cache without a spawner. Also
    /// returns [`Error::Closed`] or [`Error::Forked`].
    ///
    /// # Cost
    /// Costs a few allocations. The call loads nothing.
    pub fn with_async_loader<E, F, L>(
        &self,
        policy: LoadPolicy,
        loader: F,
    ) -> Result<AsyncLoadingKeyspace<K, V, E>, Error>
    where
        E: Send + Sync + 'static,
        F: Fn(K, Option<Arc<V>>) -> L + Send + Sync + 'static,
        L: Future<Output = Result<Load<V>, E>> + Send + 'static,
    {
        if policy.refreshes() || policy.soft().is_some() {
            self.refuse_without_spawner()?;
        }
        let loader: TaskLoader<K, V, E> = Box::new(move |key, stale| Box::pin(loader(key, stale)));
        let registered = RegisteredLoader::new(self, policy, loader)?;
        Ok(AsyncLoadingKeyspace { keyspace: self.clone(), registered: Arc::new(registered) })
    }

    fn refuse_without_spawner(&self) -> Result<(), Error> {
        if self.shared.load_tasks.has_spawner() {
            return Ok(());
        }
        Err(Error::InvalidSetting {
            setting: "spawner",
            value: "none".to_owned(),
            allowed: "a refresh or a soft timeout of an asynchronous loader needs one: set \
                      `CacheBuilder::spawner`"
                .to_owned(),
        })
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    AsyncLoadingKeyspace<K, V, E>
{
    /// Returns the keyspace, which has all other calls.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace<K, V> {
        &self.keyspace
    }

    /// Returns the live value of a key. If there is no live value, loads it like
    /// [`get_or_load_with_async`](Keyspace::get_or_load_with_async). If the value is old, begins a refresh in
    /// the background, and returns the old value immediately. [`Loaded::value`] is `None` if the source has
    /// no value ([`Load::Absent`]).
    ///
    /// As with any load, if the key is written or removed during a refresh, the loaded value is not cached.
    /// [`with_async_loader`](Keyspace::with_async_loader) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_async`](Keyspace::get_or_load_async), and
    /// [`LoadError::NothingUnchanged`]. Also returns [`LoadError::Timeout`] after the
    /// [`hard_timeout`](LoadPolicy::hard_timeout).
    ///
    /// # Cost
    /// A hit costs the same as [`get`](Keyspace::get). If the policy has refreshes, a hit also encodes the
    /// key, and costs one more lookup in the shard. Beginning a refresh costs an exclusive lock of a shard,
    /// five small allocations, and the call of the spawner.
    pub async fn get_async(&self, key: impl EncodeKey<K>) -> Result<Loaded<V>, LoadError<E>> {
        if !self.registered.policy.refreshes()
            && let Some((value, _)) = self.keyspace.hit_of_task(&key)
        {
            return Ok(Loaded::fresh(Some(value)));
        }
        let mut full = KeyBuffer::default();
        self.keyspace.encode_into(&key, &mut full).map_err(LoadError::Key)?;
        let slot = self.keyspace.shared.tiers.memory.key(full.as_slice());
        match self.hit_and_refresh(slot) {
            Some(value) => Ok(Loaded::fresh(Some(value))),
            None => Box::pin(self.load_missing(slot.bytes.into())).await,
        }
    }

    /// Returns the live value of a key in memory. If a refresh of the value is due, begins it.
    fn hit_and_refresh(&self, slot: SlotKey<'_>) -> Option<Arc<V>> {
        if !self.registered.policy.refreshes() {
            return self.keyspace.hit_in_memory(slot, true, RecordReader::Worker).map(|(value, _)| value);
        }
        let (value, expires_at, extras) = self.keyspace.encoded_hit_with_extras(slot)?;
        self.keyspace.answered(Count::MemoryHits, slot);
        if self.registered.is_due(&self.keyspace, expires_at, extras) {
            self.begin_refresh(slot, Some(FoundOld { expires_at, extras }));
        }
        self.keyspace.note_use_with_extras(slot, (expires_at, extras), RecordReader::Worker);
        Some(value)
    }

    /// Begins to load a key in the background, regardless of the age of its value, and does not wait for the
    /// load: see [`LoadingKeyspace::refresh`](crate::LoadingKeyspace::refresh). Returns whether a load of the
    /// key is now in progress. Returns false if the maximum number of tasks
    /// ([`load_tasks`](crate::CacheBuilder::load_tasks)) is running.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use larder::{Cache, KeyspaceDefinition, Load, LoadPolicy};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().spawner(|load| smol::spawn(load).detach()).open()?;
    /// let loader = |_: String, _: Option<Arc<u64>>| async { Ok::<_, String>(Load::Cache(Arc::new(100))) };
    /// let prices = cache.keyspace(PRICE)?.with_async_loader(LoadPolicy::new(), loader)?;
    /// assert!(prices.refresh_async("MTNVTU").await?, "it is loading");
    /// assert_eq!(prices.get_async("MTNVTU").await?.value.as_deref(), Some(&100));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`LoadingKeyspace::refresh`](crate::LoadingKeyspace::refresh). Also
    /// returns [`Error::InvalidSetting`] in a cache without a [`spawner`](crate::CacheBuilder::spawner).
    ///
    /// # Cost
    /// Costs the same as the beginning of a refresh in [`get_async`](Self::get_async). Without a value in
    /// memory, the call adds a lookup on disk or at the server, on a worker thread.
    pub async fn refresh_async(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        self.keyspace.shared.refuse_if_unusable()?;
        self.keyspace.refuse_without_spawner()?;
        let full = self.keyspace.encode(&key)?;
        let slot = self.keyspace.shared.tiers.memory.key(full.as_slice());
        if self.keyspace.shared.tiers.has_value_in_memory(slot) {
            return Ok(self.begin_refresh(slot, None));
        }
        self.refresh_missing(slot.bytes.into()).await
    }

    /// Begins a refresh of a live value, even of a young value if `found_old` is `None`. Returns whether a
    /// refresh or another load of the key is in progress.
    #[cold]
    fn begin_refresh(&self, slot: SlotKey<'_>, found_old: Option<FoundOld>) -> bool {
        let shared = &self.keyspace.shared;
        if shared.is_forked() || shared.is_closed() {
            return false;
        }
        let memory = &shared.tiers.memory;
        if !memory.may_refresh(slot) {
            return memory.has_flight(slot);
        }
        let Ok(key) = self.keyspace.decode(slot) else { return false };
        // Step 1.
        let Some(place) = shared.load_tasks.reserve() else {
            self.count_refresh(slot, false);
            return false;
        };
        // Step 2.
        let deadline = Deadline::after(self.registered.lease_time(shared));
        let flight = Flight::of_task_refresh(LoadId::next(), deadline);
        let leased = memory.lease_to_refresh(slot, self.keyspace.now(), found_old, deadline, flight.clone());
        let Some((id, value)) = leased else { return memory.has_flight(slot) };
        let lease = refresh_lease(&self.keyspace, slot, id, flight, deadline);
        // Steps 3 and 4.
        let live = Keyspace::<K, V>::typed(value).map(HeldValue::new);
        let is_begun = self.spawn_refresh(lease, key, live, place);
        self.count_refresh(slot, is_begun);
        is_begun
    }

    fn count_refresh(&self, slot: SlotKey<'_>, is_begun: bool) {
        let count = if is_begun { Count::Refreshes } else { Count::RefreshesRefused };
        self.keyspace.shared.count(&self.keyspace.opened.counters, count, slot.bytes);
    }

    /// Like [`Keyspace::find_or_lease`], with this loader's lease time, and for a loader that tasks poll.
    async fn find_or_lease(
        &self,
        slot: SlotKey<'_>,
        on_absence: OnAbsence,
        counts: bool,
    ) -> LookupOutcome<K, V> {
        if on_absence == OnAbsence::Answer
            && let Some((value, expires_at)) = self.keyspace.hit_in_memory(slot, counts, RecordReader::Caller)
        {
            return LookupOutcome::Hit { value, expires_at, is_stale: false };
        }
        let lease_time = self.registered.lease_time(&self.keyspace.shared);
        let poller = LoadThread::RegisteredPoller(LoadId::next());
        self.keyspace.lease_or_join_for(slot, poller, on_absence, lease_time, counts).await
    }

    /// Begins a refresh of a value that was just copied from disk or from a server into memory, if a refresh
    /// is due.
    fn refresh_what_was_read(&self, slot: SlotKey<'_>) {
        if self.registered.policy.refreshes()
            && let Some((_, expires_at, extras)) = self.keyspace.encoded_hit_with_extras(slot)
            && self.registered.is_due(&self.keyspace, expires_at, extras)
        {
            self.begin_refresh(slot, Some(FoundOld { expires_at, extras }));
        }
    }
}
