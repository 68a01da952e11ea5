//! The calls that wait for another caller's load.

use std::time::Duration;

use super::{PendingLoad, Waited};
#[cfg(feature = "async")]
use crate::engine::flights::tasks::TaskWait;
use crate::engine::flights::{FlightOutcome, UnfinishedFlight};
use crate::error::load_error::LoadError;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;

impl<V: Send + Sync + 'static> PendingLoad<V> {
    /// Waits until the load ends, and returns its result: a value or an absence. The wait ends after the
    /// cache's [`load_timeout`](crate::CacheBuilder::load_timeout), if that is set, and never lasts past the
    /// deadline of the load ([`lease_timeout`](crate::CacheBuilder::lease_timeout)).
    ///
    /// Returns [`Waited::Unanswered`] if the load ended without a result for this caller. Then look the key
    /// up again. Examples:
    ///
    /// - The lease was dropped or declined, or passed its deadline.
    /// - The error of the loader is not of the type `E`.
    /// - The value may be older than a change by another machine.
    ///
    /// In a forked child, returns `Unanswered` immediately, because the load continues only in the parent.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, LookupOutcome, Waited};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let LookupOutcome::Load(lease) = prices.lookup("AIRTEL")? else { panic!("the cache is empty") };
    /// let LookupOutcome::Wait(pending) = prices.lookup("AIRTEL")? else { panic!("it is being loaded") };
    /// lease.fill_absent();
    /// assert_eq!(pending.wait::<String>().unwrap(), Waited::Absent, "the source need not be asked again");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`LoadError::Loader`], [`LoadError::Panicked`], [`LoadError::NothingUnchanged`],
    /// [`LoadError::Timeout`] or [`LoadError::Cycle`]. Unlike [`get_or_load`](crate::Keyspace::get_or_load),
    /// this call does not return a stale value instead of an error.
    pub fn wait<E: Send + Sync + 'static>(self) -> Result<Waited<V>, LoadError<E>> {
        let max = self.load_timeout;
        self.outcome(max)
    }

    /// Like [`wait`](PendingLoad::wait), but `timeout` replaces the cache's `load_timeout`.
    ///
    /// # Errors
    /// Returns the same errors as [`wait`](PendingLoad::wait).
    pub fn wait_for<E: Send + Sync + 'static>(self, timeout: Duration) -> Result<Waited<V>, LoadError<E>> {
        self.outcome(Some(timeout))
    }

    /// Like [`outcome`](Self::outcome), but keeps the load, so that the caller can wait for it again.
    pub(in crate::api::keyspace) fn outcome_of<E: Send + Sync + 'static>(
        &self,
        max: Option<Duration>,
    ) -> Result<Waited<V>, LoadError<E>> {
        // In a forked child, no thread ends the load, and the flight's locks may be held forever.
        if !self.process.is_current() {
            return Ok(Waited::Unanswered);
        }
        let joined = self.flight.join(max);
        Self::answer(if self.is_own { joined.map(FlightOutcome::for_its_leader) } else { joined }, max)
    }

    /// Marks this wait as that of the caller that began the load. That caller also gets a value that is not
    /// shared with other callers. Otherwise no caller would get this value, and each would load it again.
    pub(in crate::api::keyspace) fn of_own_load(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// Like [`outcome`](Self::outcome), for a caller that may wait for several loads, one after another. The
    /// `load_timeout` limits the sum of its waits: the first wait sets the deadline `until`.
    pub(in crate::api::keyspace) fn outcome_before<E: Send + Sync + 'static>(
        self,
        until: &mut Option<Deadline>,
    ) -> Result<Waited<V>, LoadError<E>> {
        let (max, left) = (self.load_timeout, self.left_before(until));
        self.outcome(left).map_err(|error| in_total(error, max))
    }

    /// Returns the time left for a wait. The first wait starts the `load_timeout` by setting `until`.
    pub(in crate::api::keyspace) fn left_before(&self, until: &mut Option<Deadline>) -> Option<Duration> {
        self.load_timeout.map(|max| until.get_or_insert_with(|| Deadline::after(max)).left())
    }

    /// Returns whether the load has not begun. Another caller may take over a load that has not begun.
    pub(in crate::api::keyspace) fn is_queued(&self) -> bool {
        self.process.is_current() && self.flight.is_queued()
    }

    /// Waits until the load ends, but at most for `max`. `None` sets no limit.
    pub(in crate::api::keyspace) fn outcome<E: Send + Sync + 'static>(
        self,
        max: Option<Duration>,
    ) -> Result<Waited<V>, LoadError<E>> {
        self.outcome_of(max)
    }

    /// Returns the result for a caller whose wait was limited to `max`.
    pub(in crate::api::keyspace) fn answer<E: Send + Sync + 'static>(
        joined: Result<FlightOutcome, UnfinishedFlight>,
        max: Option<Duration>,
    ) -> Result<Waited<V>, LoadError<E>> {
        match joined {
            Err(UnfinishedFlight::Cycle) => Err(LoadError::Cycle),
            Err(UnfinishedFlight::TimedOut) => Err(LoadError::Timeout { waited: max.unwrap_or_default() }),
            Ok(FlightOutcome::Panicked) => Err(LoadError::Panicked),
            Ok(FlightOutcome::Value(value)) => {
                Ok(Arc::downcast(value).map_or(Waited::Unanswered, Waited::Value))
            }
            Ok(FlightOutcome::Error(error)) => {
                Arc::downcast(error).map_or(Ok(Waited::Unanswered), |error| Err(LoadError::Loader(error)))
            }
            Ok(FlightOutcome::NothingUnchanged) => Err(LoadError::NothingUnchanged),
            Ok(FlightOutcome::Absent) => Ok(Waited::Absent),
            Ok(FlightOutcome::Abandoned | FlightOutcome::Unshared(_) | FlightOutcome::UnsharedAbsence)
            | Err(UnfinishedFlight::Overdue) => Ok(Waited::Unanswered),
        }
    }
}

/// Sets the duration of a timeout error to `max`, the limit of all waits of the caller together.
pub(in crate::api::keyspace) fn in_total<E>(error: LoadError<E>, max: Option<Duration>) -> LoadError<E> {
    match (error, max) {
        (LoadError::Timeout { .. }, Some(waited)) => LoadError::Timeout { waited },
        (error, _) => error,
    }
}

#[cfg(feature = "async")]
impl<V> PendingLoad<V> {
    /// Returns a wait for a task, limited to `max`. Returns `None` in a forked child, because the load
    /// continues only in the parent.
    pub(in crate::api::keyspace) fn into_task_wait(self, max: Option<Duration>) -> Option<TaskWait> {
        self.process.is_current().then(|| TaskWait::joining(self.flight, max))
    }

    /// Returns the maximum wait of a caller without its own timeout.
    pub(in crate::api::keyspace) fn load_timeout(&self) -> Option<Duration> {
        self.load_timeout
    }
}
