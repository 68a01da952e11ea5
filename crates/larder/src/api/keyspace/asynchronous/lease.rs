//! The async calls that end a load, or wait for a load.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::load::Load;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::lookup::{PendingLoad, Waited, in_total};
use crate::api::keyspace::ttl::Ttl;
use crate::engine::flights::FlightOutcome;
use crate::error::Error;
use crate::error::load_error::LoadError;
use crate::format::key::Key;
use crate::format::keyspace_id::LowestTier;
use crate::sys::at_once::at_once;
use crate::sys::clock::Deadline;
use crate::sys::offload::worker_task::{run_detached, run_to_end};
use crate::sys::offload::{offload, submit};
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// The async form of [`fill`](LoadLease::fill). The value is stored even if the future is dropped after
    /// its first poll.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, LookupOutcome};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let LookupOutcome::Load(lease) = prices.lookup("MTNVTU")? else { panic!("it is not cached") };
    /// let LookupOutcome::Wait(pending) = prices.lookup("MTNVTU")? else { panic!("it is being loaded") };
    /// assert!(lease.fill_async(100).await?);
    /// assert_eq!(pending.wait_async::<String>().await?.value().as_deref(), Some(&100));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`fill`](LoadLease::fill).
    ///
    /// # Cost
    /// Costs the same as [`fill`](LoadLease::fill). A disk tier or a remote tier adds a round trip to a
    /// worker thread.
    pub async fn fill_async(self, value: impl Into<Arc<V>>) -> Result<bool, Error> {
        let (value, ttl) = (value.into(), self.definition.default_ttl());
        match self.tier_to_wait_for() {
            LowestTier::Memory => at_once(self.publish(value, ttl)),
            LowestTier::File => offload(move || at_once(self.publish(value, ttl))).await,
            LowestTier::Remote => run_to_end(self.publish(value, ttl)).await,
        }
    }

    /// Returns the tier for which the end of the load may wait: for room in the write buffer of the file, or
    /// for the answer of a server. It waits for nothing in memory.
    fn tier_to_wait_for(&self) -> LowestTier {
        match self.keyspace() {
            Some(keyspace) if keyspace.may_block() => keyspace.opened.id.lowest_tier(),
            _ => LowestTier::Memory,
        }
    }

    /// Ends a load with the result of a loader that the flight owns. In a forked child, returns the outcome
    /// and caches nothing, because the flight belongs to the parent.
    pub(in crate::api::keyspace) fn end_with<E: Send + Sync + 'static>(
        self,
        loaded: Result<Load<V>, E>,
        stale: Option<HeldValue<Arc<V>>>,
    ) -> Option<FlightOutcome> {
        if !self.is_of_this_process() {
            return Some(match (loaded, stale) {
                (Ok(Load::Cache(value) | Load::CacheFor(value, _) | Load::DoNotCache(value)), _) => {
                    FlightOutcome::Value(value)
                }
                (Ok(Load::Unchanged), Some(value)) => FlightOutcome::Value(value.into_inner()),
                (Ok(Load::Absent), _) => FlightOutcome::Absent,
                (Ok(Load::Unchanged), None) => FlightOutcome::NothingUnchanged,
                (Err(error), _) => FlightOutcome::Error(Arc::new(error)),
            });
        }
        self.end_here(loaded, stale);
        None
    }

    fn end_here<E: Send + Sync + 'static>(
        self,
        loaded: Result<Load<V>, E>,
        stale: Option<HeldValue<Arc<V>>>,
    ) {
        let (value, ttl) = match (loaded, stale) {
            (Ok(Load::Cache(value)), _) => (value, Ttl::Default),
            (Ok(Load::Unchanged), Some(value)) => (value.into_inner(), Ttl::Default),
            (Ok(Load::CacheFor(value, ttl)), _) => (value, ttl),
            (Ok(Load::DoNotCache(value)), _) => {
                return self.publish_off_executor(move |lease| lease.decline_and_share(value));
            }
            (Err(error), _) => return self.fail(error),
            (Ok(Load::Absent), _) => return self.end_absent(),
            // The lease ends without a result. The task that began the load reports `NothingUnchanged`.
            (Ok(Load::Unchanged), None) => return,
        };
        // Errors of the cache are dropped: the caller gets the value, and the lease counts the failure.
        self.publish_off_executor(move |lease| async move { drop(lease.publish_checked(value, ttl).await) });
    }

    fn end_absent(self) {
        self.publish_off_executor(|lease| async move { _ = lease.publish_absence(Some(Ttl::Default)).await });
    }

    /// Publishes the result of a load, on a worker thread if this may block. `publish` also ends the flight,
    /// so no task waits for the worker thread itself.
    fn publish_off_executor<F>(self, publish: impl FnOnce(Self) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self.tier_to_wait_for() {
            LowestTier::Memory => at_once(publish(self)),
            LowestTier::File => drop(submit(move || at_once(publish(self)))),
            LowestTier::Remote => run_detached(publish(self)),
        }
    }
}

impl<V: Send + Sync + 'static> PendingLoad<V> {
    /// The async form of [`wait`](PendingLoad::wait). [`LoadLease::fill_async`] has an example.
    ///
    /// If the load is asynchronous, this task may poll its loader
    /// ([`get_or_load_async`](crate::Keyspace::get_or_load_async)).
    ///
    /// # Errors
    /// Returns the same errors as [`wait`](PendingLoad::wait).
    ///
    /// # Cost
    /// Costs one waker in the flight, and an entry in the list of the thread that wakes tasks at their
    /// deadlines.
    pub async fn wait_async<E: Send + Sync + 'static>(self) -> Result<Waited<V>, LoadError<E>> {
        let max = self.load_timeout();
        self.outcome_async(max).await
    }

    /// The async form of [`wait_for`](PendingLoad::wait_for). [`LoadLease::fill_async`] has an example of a
    /// wait.
    ///
    /// # Errors
    /// Returns the same errors as [`wait`](PendingLoad::wait).
    ///
    /// # Cost
    /// Costs the same as [`wait_async`](PendingLoad::wait_async).
    pub async fn wait_for_async<E: Send + Sync + 'static>(
        self,
        timeout: Duration,
    ) -> Result<Waited<V>, LoadError<E>> {
        self.outcome_async(Some(timeout)).await
    }

    pub(in crate::api::keyspace) async fn outcome_before_async<E: Send + Sync + 'static>(
        self,
        until: &mut Option<Deadline>,
    ) -> Result<Waited<V>, LoadError<E>> {
        let (max, left) = (self.load_timeout(), self.left_before(until));
        self.outcome_async(left).await.map_err(|error| in_total(error, max))
    }

    pub(in crate::api::keyspace) async fn outcome_async<E: Send + Sync + 'static>(
        self,
        max: Option<Duration>,
    ) -> Result<Waited<V>, LoadError<E>> {
        match self.into_task_wait(max) {
            Some(wait) => Self::answer(wait.await, max),
            None => Ok(Waited::Unanswered),
        }
    }
}
