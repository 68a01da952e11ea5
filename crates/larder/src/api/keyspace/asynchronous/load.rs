//! Loads from async code, with the steps of [`crate::api::keyspace::lookup`].
//!
//! There are two forms of loader:
//!
//! - The flight owns the loader of [`get_or_load_async`](Keyspace::get_or_load_async)
//!   ([`crate::engine::flights`]). Any task that polls its wait for the flight also polls the loader. The
//!   thread that took the lease puts the loader into the flight, and wakes the waiting tasks. So the
//!   progress of the load never depends on a particular task.
//! - The loader of [`get_or_load_local_async`](Keyspace::get_or_load_local_async) may borrow
//!   ([`super::local_load`]). So only the caller's future polls the loader, and owns the lease. If the future
//!   is dropped, the lease is released, and one of the waiting tasks or threads loads the key. If the future
//!   is never polled again, it keeps the lease until the deadline.
//!
//! In both forms, a worker thread stores the value if the keyspace has a lower tier than memory, because this
//! runs the user's `Serialize`, and may wait for room in the write buffer. Storing the value ends the flight,
//! even if all tasks have been dropped.
//!
//! In a remote tier, a load has two round trips to the server ([`crate::api::keyspace::remote`]). Each of
//! them is a [worker task](crate::sys::offload::worker_task), so any number of loads may wait for the server.

use std::future::poll_fn;
use std::pin::pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::load::{Load, Loaded};
use crate::api::keyspace::load_lease::loader_panic::PollRecord;
use crate::api::keyspace::lookup::{LoadThread, LookupOutcome, OnAbsence, PendingLoad, Waited};
use crate::engine::flights::FlightOutcome;
use crate::engine::flights::graph::LoadId;
use crate::engine::flights::tasks::TaskWait;
use crate::error::load_error::LoadError;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::stats::count::Count;
use crate::sys::sync::Arc;

enum SharedLoad<V, F> {
    Answer(Loaded<V>),
    /// This caller leads the load: its loader is in the flight of this wait.
    Led(TaskWait),
    /// Another caller is loading the key. Holds the unused loader.
    Joined(PendingLoad<V>, F),
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The async form of [`get_or_load`](Keyspace::get_or_load). If memory has the value, the first poll
    /// returns it.
    ///
    /// Tasks and threads that request the same key at the same time run one loader and share its result.
    /// Any task that waits for the load can poll the loader, not only the task that began the load. So a
    /// task that is dropped, or never polled again, does not delay other tasks. When no task waits any
    /// more, the loader is dropped. One of the threads that still wait then loads the key.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let price = prices.get_or_load_async("MTNVTU", || async { "100".parse::<u64>() }).await?;
    /// assert_eq!(*price, 100);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The loader runs with the task-local values, the tracing span and the runtime of the task that polls
    /// it. So pass its data by value, and instrument it if it needs a span. All callers of a key must run on
    /// runtimes that can run each other's loaders. For example, a loader that uses tokio's timers panics if a
    /// task outside tokio polls it. For a loader that borrows, use
    /// [`get_or_load_local_async`](Keyspace::get_or_load_local_async).
    ///
    /// If no task polls the loader, a thread in `get_or_load` waits for it at most until the
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout).
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load`](Keyspace::get_or_load). If the loader panics, every caller
    /// gets [`LoadError::Panicked`], including the caller that began the load. The panic hook prints the
    /// panic.
    ///
    /// If a loader waits for a load that itself waits for this loader, the call returns [`LoadError::Cycle`].
    /// The cache can't detect a cycle through a task or thread that a loader spawned. Such a cycle ends at
    /// the `lease_timeout`.
    ///
    /// # Cost
    /// A hit in memory costs the same as [`get`](Keyspace::get). A load costs a boxed future for each waiting
    /// task, and one for the loader. A disk tier or a remote tier adds two round trips to a worker thread:
    /// for the lookup on disk or at the server, and to store the value.
    pub async fn get_or_load_async<E, R, F, L>(
        &self,
        key: impl EncodeKey<K>,
        loader: F,
    ) -> Result<Arc<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<R, E>> + Send + 'static,
    {
        if let Some((value, _)) = self.hit_of_task(&key) {
            return Ok(value);
        }
        let loader = move |_| async move { loader().await.map(|value| Load::Cache(value.into())) };
        match self.find_in_memory(&key)? {
            Ok(value) => Ok(value),
            Err(key) => Box::pin(self.load_missing_async(key, OnAbsence::Load, loader)).await.map(present),
        }
    }

    /// The async form of [`get_or_load_optional`](Keyspace::get_or_load_optional): see
    /// [`get_or_load_async`](Keyspace::get_or_load_async).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let price = prices.get_or_load_optional_async("no such product", || async {
    ///     Ok::<_, std::io::Error>(None::<u64>) // the source has none
    /// });
    /// assert!(price.await?.is_none());
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_async`](Keyspace::get_or_load_async).
    ///
    /// # Cost
    /// Costs the same as [`get_or_load_async`](Keyspace::get_or_load_async).
    pub async fn get_or_load_optional_async<E, R, F, L>(
        &self,
        key: impl EncodeKey<K>,
        loader: F,
    ) -> Result<Option<Arc<V>>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<Option<R>, E>> + Send + 'static,
    {
        let loader = move |_| async move {
            loader().await.map(|value| value.map_or(Load::Absent, |value| Load::Cache(value.into())))
        };
        self.get_or_load_with_async(key, loader).await.map(|answer| answer.value)
    }

    /// Like [`get_or_load_async`](Keyspace::get_or_load_async), with a loader that gets the stale value, and
    /// decides how its own value is cached: see [`get_or_load_with`](Keyspace::get_or_load_with).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, Load};
    /// # use std::{sync::Arc, time::Duration};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let loaded = prices.get_or_load_with_async("MTNVTU", |stale| async move {
    ///     assert!(stale.is_none(), "there is no expired value");
    ///     Ok::<_, std::io::Error>(Load::CacheFor(Arc::new(100), Duration::from_secs(5).into()))
    /// });
    /// assert_eq!(loaded.await?.value.as_deref(), Some(&100));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load_async`](Keyspace::get_or_load_async). Also returns
    /// [`LoadError::NothingUnchanged`] if the loader returns [`Load::Unchanged`] although it got no stale
    /// value.
    ///
    /// # Cost
    /// Costs the same as [`get_or_load_async`](Keyspace::get_or_load_async).
    pub async fn get_or_load_with_async<E, F, L>(
        &self,
        key: impl EncodeKey<K>,
        loader: F,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce(Option<Arc<V>>) -> L + Send + 'static,
        L: Future<Output = Result<Load<V>, E>> + Send + 'static,
    {
        if let Some((value, _)) = self.hit_of_task(&key) {
            return Ok(Loaded::fresh(Some(value)));
        }
        match self.find_in_memory(&key)? {
            Ok(value) => Ok(Loaded::fresh(Some(value))),
            Err(key) if self.is_absent_in_memory(&key) => Ok(Loaded::fresh(None)),
            Err(key) => Box::pin(self.load_missing_async(key, OnAbsence::Answer, loader)).await,
        }
    }

    /// Looks in memory for a key that [`hit`](Self::hit) did not find. Returns the value, or the full key.
    /// Never inlined, to keep it off the fast path of a hit.
    #[inline(never)]
    pub(super) fn find_in_memory<E>(
        &self,
        key: &impl EncodeKey<K>,
    ) -> Result<Result<Arc<V>, StoredKey>, LoadError<E>> {
        let mut full = KeyBuffer::default();
        self.encode_into(key, &mut full).map_err(LoadError::Key)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let hit = self.hit_in_memory(key, true, RecordReader::Worker);
        Ok(hit.map(|(value, _)| value).ok_or_else(|| key.bytes.into()))
    }

    /// Returns whether memory knows that the key is absent. If so, counts the absence.
    fn is_absent_in_memory(&self, full: &[u8]) -> bool {
        let key = self.shared.tiers.memory.key(full);
        let is_absent = !self.shared.is_closed() && self.shared.tiers.absence_in_memory(key).is_some();
        if is_absent {
            self.answered(Count::AbsentAnswers, key);
        }
        is_absent
    }

    /// Runs steps 2 to 6, with a loader that the flight owns.
    async fn load_missing_async<E, F, L>(
        &self,
        key: StoredKey,
        mut on_absence: OnAbsence,
        mut loader: F,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce(Option<Arc<V>>) -> L + Send + 'static,
        L: Future<Output = Result<Load<V>, E>> + Send + 'static,
    {
        let (mut counts, mut until) = (true, None);
        loop {
            let (keyspace, full) = (self.clone(), key.clone());
            let begin = async move { keyspace.begin_shared_load(&full, on_absence, counts, loader).await };
            let pending = match self.look_off_executor(begin).await {
                SharedLoad::Answer(answer) => return Ok(answer),
                SharedLoad::Led(wait) => return self.finish_own_load(key, wait).await,
                SharedLoad::Joined(pending, unused) => {
                    loader = unused;
                    pending
                }
            };
            match pending.outcome_before_async(&mut until).await {
                Ok(Waited::Value(value)) => return Ok(Loaded::fresh(Some(value))),
                Ok(Waited::Absent) if on_absence == OnAbsence::Answer => return Ok(Loaded::fresh(None)),
                Ok(Waited::Absent) => (counts, on_absence) = (false, OnAbsence::LoadNow),
                Ok(Waited::Unanswered) => counts = false,
                Err(error) => return self.stale_or_async(key, error).await,
            }
        }
    }

    async fn finish_own_load<E: Send + Sync + 'static>(
        &self,
        key: StoredKey,
        wait: TaskWait,
    ) -> Result<Loaded<V>, LoadError<E>> {
        let ended = wait.await.map(FlightOutcome::for_its_leader);
        match PendingLoad::answer(ended, None) {
            Ok(Waited::Value(value)) => Ok(Loaded::fresh(Some(value))),
            Ok(Waited::Absent) => Ok(Loaded::fresh(None)),
            // Outside of a forked child, the task that began the load gets no result only if its loader
            // returned `Unchanged` without a stale value.
            Ok(Waited::Unanswered) => Err(LoadError::NothingUnchanged),
            Err(error) => self.stale_or_async(key, error).await,
        }
    }

    /// Takes a lease on the key or joins its flight, and looks on disk or at the server. If a load begins,
    /// puts the loader into its flight.
    async fn begin_shared_load<E, F, L>(
        &self,
        full: &[u8],
        on_absence: OnAbsence,
        counts: bool,
        loader: F,
    ) -> SharedLoad<V, F>
    where
        E: Send + Sync + 'static,
        F: FnOnce(Option<Arc<V>>) -> L + Send + 'static,
        L: Future<Output = Result<Load<V>, E>> + Send + 'static,
    {
        match self.find_or_lease_again(full, on_absence, counts).await {
            LookupOutcome::Hit { value, is_stale, .. } => {
                SharedLoad::Answer(Loaded { value: Some(value), is_stale })
            }
            LookupOutcome::Absent { .. } => SharedLoad::Answer(Loaded::fresh(None)),
            LookupOutcome::Wait(pending) => SharedLoad::Joined(pending, loader),
            LookupOutcome::Load(mut lease) => {
                let stale = lease.stale_in(self);
                let flight = lease.flight().clone();
                let wait = TaskWait::of_leader(flight.clone());
                flight.park(Box::pin(async move {
                    let answer = {
                        let mut loading = pin!(async { loader(stale.as_deref().cloned()).await });
                        poll_fn(|context| lease.poll_loader(|| loading.as_mut().poll(context))).await
                    };
                    lease.end_with(answer, stale)
                }));
                SharedLoad::Led(wait)
            }
        }
    }

    /// Takes a lease on the key or joins its flight, and looks on disk or at the server. A repeated call
    /// first looks in memory, and counts nothing.
    pub(super) async fn find_or_lease_again(
        &self,
        full: &[u8],
        on_absence: OnAbsence,
        is_first: bool,
    ) -> LookupOutcome<K, V> {
        let key = self.shared.tiers.memory.key(full);
        let poller = LoadThread::Poller(LoadId::next());
        let mut outcome = if is_first {
            self.lease_or_join(key, poller, on_absence, true).await
        } else {
            self.find_or_lease(key, poller, on_absence, false).await
        };
        if let LookupOutcome::Load(lease) = &mut outcome {
            lease.expect_polls(&PollRecord::default());
        }
        outcome
    }

    /// Returns the stale value of a key after a failed load, or the error.
    pub(in crate::api::keyspace) async fn stale_or_async<E: Send + Sync + 'static>(
        &self,
        key: StoredKey,
        error: LoadError<E>,
    ) -> Result<Loaded<V>, LoadError<E>> {
        if self.definition.stale_for().is_zero() {
            return Err(error);
        }
        let keyspace = self.clone();
        let call = async move { keyspace.stale_or(keyspace.shared.tiers.memory.key(&key), error).await };
        self.look_off_executor(call).await
    }
}

/// Returns the value of a load that never ends with an absence.
pub(super) fn present<V>(loaded: Loaded<V>) -> Arc<V> {
    loaded.value.expect("the loader has a value, and an absence is no answer here")
}
