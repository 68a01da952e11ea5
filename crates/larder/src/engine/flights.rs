//! Single flight: concurrent loads of the same key share one loader. A load that would wait for itself gets
//! an error, as far as the wait graph shows the cycle.
//!
//! A flight is attached to the lease of the caller that loads (see the memory tier's leases). Another caller
//! that finds the flight waits for its outcome instead of loading. A flight *lands* (ends) at most once, with
//! a [`FlightOutcome`].
//!
//! A change of the key in this cache revokes the lease. Later callers then no longer find the flight, and
//! begin a new load. Callers that are already waiting get the outcome of the old flight. A wait ends at the
//! deadline of the lease at the latest: the waiter then looks the key up again, and loads it or waits for a
//! new load.
//!
//! The wait graph ([`graph`]) records which thread waits for which flight. A process has a single graph,
//! because a loader of one cache may call another cache. A forked child begins with an empty graph. A thread
//! waits for a flight in four steps:
//!
//! 1. Under the graph's lock, the thread follows the chain *flight → thread that runs it → flight that this
//!    thread waits for → …*. If the chain leads back to the calling thread, the wait would never end, and the
//!    thread gets [`UnfinishedFlight::Cycle`].
//! 2. Otherwise the thread adds its wait to the graph, under the same lock. So the thread whose wait would
//!    complete a cycle sees the whole cycle.
//! 3. The thread waits, without the graph's lock, until the flight ends, or its deadline or the thread's
//!    timeout has passed.
//! 4. The thread removes its wait from the graph. Between (2) and (4) the thread runs no user code, so it
//!    waits for at most one flight.
//!
//! Tasks wait with the same steps, but with wakers ([`tasks`]). An asynchronous loader is a node of the graph
//! itself, because any thread may poll it. Each thread lists the loaders that it is running ([`current`]), so
//! that the graph knows which loader a wait belongs to.
//!
//! A cycle is found only through loads with a known leader: in `get_or_load` and its variants, on a thread of
//! the [pool](super::load_pool), or in an asynchronous call. A thread of the pool becomes the leader before
//! it runs the loader, and so before its own waits. So the wait that would complete a cycle sees the whole
//! cycle.
//!
//! A load in the queue of the pool has no leader yet. Another load that is ahead in the queue may wait for
//! this load, and the graph can't show this cycle. So a caller waits for a queued load only if the caller's
//! own timeout ends the wait, and the load is no refresh. Otherwise the caller takes the load over:
//!
//! 1. Under the exclusive lock of the shard, the caller marks the flight as taken over
//!    ([`Flight::take_over`]). After that, the pool can't begin the load ([`Flight::begin`]): both calls
//!    change the leader under the same lock, so exactly one of them succeeds.
//! 2. Under the same lock of the shard, the caller revokes the lease of the queued load, and replaces this
//!    lease and the flight with its own.
//! 3. Without the lock, the caller lands the old flight as abandoned. The waiters of the old flight look the
//!    key up again, and find the new flight.
//!
//! Any thread may use a lease that [`Keyspace::lookup`](crate::Keyspace::lookup) returned. The flight of
//! this lease has no leader, and only the deadline ends a cycle. The graph contains only waits for flights.
//! For example, a loader may join a thread that waits for the loader's own key. The graph does not contain
//! this cycle, and only a timeout ends it.
//!
//! An outcome may hold a user's value or error. The `Drop` of the value or error may begin a load. So no
//! outcome is dropped while the graph or the flight is locked.

#[cfg(feature = "async")]
mod current;
pub(crate) mod graph;
mod outcome;
#[cfg(feature = "async")]
mod task_waiters;
#[cfg(feature = "async")]
pub(crate) mod tasks;

use std::time::Duration;

use crate::sys::clock::Deadline;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, Condvar, Mutex, thread};
use crate::sys::user_code::drop_caught;
#[cfg(feature = "async")]
use crate::sys::waker_thread::wake_elsewhere;
pub(crate) use outcome::{AnyError, FlightOutcome};

use graph::{WaitGraph, Waitable, Waiter};
#[cfg(feature = "async")]
use task_waiters::TaskWaiters;

#[derive(Debug)]
pub(crate) struct Flight {
    leader: Mutex<FlightLeader>,
    /// Whether the flight began while its key had a live value.
    is_refresh: bool,
    /// The deadline of the lease.
    deadline: Deadline,
    state: Mutex<FlightState>,
    landed: Condvar,
}

/// The thread or task that runs a flight's loader, if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlightLeader {
    /// The load is in the queue of the pool, or is about to be added.
    Queued,
    /// The load was in the queue, but another caller has taken it over and loads the key.
    TakenOver,
    /// Any thread may end the flight.
    Any,
    Known(Waiter),
}

#[derive(Debug, Default)]
struct FlightState {
    outcome: Option<FlightOutcome>,
    #[cfg(feature = "async")]
    tasks: TaskWaiters,
}

impl Drop for FlightState {
    fn drop(&mut self) {
        // The flight may have the last handle of a value that was not cached.
        drop_caught(self.outcome.take());
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UnfinishedFlight {
    /// The wait would never end, because loads wait for each other in a cycle.
    Cycle,
    /// The flight did not end within the caller's timeout. The load continues.
    TimedOut,
    /// The flight did not end before the deadline of its lease. Its value will not be cached.
    Overdue,
}

impl Flight {
    /// Returns a flight that the calling thread will end.
    pub(crate) fn led(deadline: Deadline) -> Arc<Self> {
        Self::new(FlightLeader::Known(Waiter::Thread(thread::current().id())), deadline)
    }

    /// Returns a flight that any thread may end.
    pub(crate) fn unled(deadline: Deadline) -> Arc<Self> {
        Self::new(FlightLeader::Any, deadline)
    }

    pub(crate) fn queued(deadline: Deadline) -> Arc<Self> {
        Self::new(FlightLeader::Queued, deadline)
    }

    /// Returns the flight of a refresh that the pool will run.
    pub(crate) fn of_refresh(deadline: Deadline) -> Arc<Self> {
        Arc::new(Self { is_refresh: true, ..Self::unattached(FlightLeader::Queued, deadline) })
    }

    fn new(leader: FlightLeader, deadline: Deadline) -> Arc<Self> {
        Arc::new(Self::unattached(leader, deadline))
    }

    fn unattached(leader: FlightLeader, deadline: Deadline) -> Self {
        let (leader, state) = (Mutex::new(leader), Mutex::default());
        Self { leader, is_refresh: false, deadline, state, landed: Condvar::new() }
    }

    /// Makes the calling thread the leader, which runs the loader and lands the flight. Returns false if
    /// another caller has taken the load over. Then the calling thread must not run the loader.
    pub(crate) fn begin(&self) -> bool {
        let mut leader = self.leader.lock();
        if *leader == FlightLeader::TakenOver && !failpoint_is_set(Failpoint::RunTakenOver) {
            return false;
        }
        *leader = FlightLeader::Known(Waiter::Thread(thread::current().id()));
        true
    }

    /// Takes over a load that has not begun. Returns whether this call took the load over. The caller must
    /// hold the exclusive lock of the key's shard.
    pub(crate) fn take_over(&self) -> bool {
        let mut leader = self.leader.lock();
        let is_queued = *leader == FlightLeader::Queued && !failpoint_is_set(Failpoint::WaitForQueued);
        if is_queued {
            *leader = FlightLeader::TakenOver;
        }
        is_queued
    }

    /// Returns whether the load has neither begun nor been taken over.
    pub(crate) fn is_queued(&self) -> bool {
        *self.leader.lock() == FlightLeader::Queued
    }

    pub(crate) fn is_refresh(&self) -> bool {
        self.is_refresh
    }

    /// Ends the flight, unless it has already ended.
    pub(crate) fn land(&self, outcome: FlightOutcome) {
        let mut left = Some(outcome);
        let mut state = self.state.lock();
        if state.outcome.is_none() {
            state.outcome = left.take();
        }
        // The wakers are taken under the same lock that sets the outcome, so that no task registers a waker
        // between the two.
        #[cfg(feature = "async")]
        let wakers = state.tasks.take_wakers();
        drop(state);
        self.landed.notify_all();
        #[cfg(feature = "async")]
        task_waiters::wake_all(wakers);
        // If the flight had already ended, the new outcome is dropped here, after the lock is released.
        drop_caught(left);
    }

    /// Ends the flight without a result, like [`land`](Self::land), on a thread that must run no code of a
    /// user. The waker thread wakes the tasks. If the system cannot start it, the calling thread does.
    pub(crate) fn abandon_on_any_thread(&self) {
        let mut state = self.state.lock();
        state.outcome.get_or_insert(FlightOutcome::Abandoned);
        #[cfg(feature = "async")]
        let wakers = state.tasks.take_wakers();
        drop(state);
        self.landed.notify_all();
        #[cfg(feature = "async")]
        wakers.into_values().for_each(wake_elsewhere);
    }

    /// Waits until the flight lands, its deadline passes, or `max` (if set) has elapsed.
    pub(crate) fn join(self: &Arc<Self>, max: Option<Duration>) -> Result<FlightOutcome, UnfinishedFlight> {
        #[cfg(feature = "async")]
        let waiters = current::blocked_by_this_thread();
        #[cfg(not(feature = "async"))]
        let waiters = [Waiter::Thread(thread::current().id())];
        let (graph, flight) = (WaitGraph::current(), self.clone() as Arc<dyn Waitable>);
        // Steps 1 and 2.
        if !graph.enter(&waiters, &flight) {
            return Err(UnfinishedFlight::Cycle);
        }
        // Step 3.
        let outcome = self.wait(max);
        // Step 4.
        graph.leave(&waiters, &flight);
        outcome
    }

    /// Runs or polls the loader of this flight.
    #[cfg(feature = "async")]
    pub(crate) fn run_loader<R>(&self, loader: impl FnOnce() -> R) -> R {
        current::run_loader(self.leader(), loader)
    }

    #[cfg(not(feature = "async"))]
    #[expect(clippy::unused_self, reason = "with the feature `async` it notes the loader as running")]
    pub(crate) fn run_loader<R>(&self, loader: impl FnOnce() -> R) -> R {
        loader()
    }

    fn wait(&self, max: Option<Duration>) -> Result<FlightOutcome, UnfinishedFlight> {
        let until = max.map(Deadline::after);
        let mut has_timed_out = false;
        let mut state = self.state.lock();
        // The outcome is checked before the timeouts, so that the call returns the outcome of a flight that
        // ended during the last wait.
        loop {
            if let Some(outcome) = &state.outcome {
                return Ok(outcome.clone());
            }
            if self.deadline.is_over() {
                return Err(UnfinishedFlight::Overdue);
            }
            if has_timed_out {
                return Err(UnfinishedFlight::TimedOut);
            }
            let (left, left_to_deadline) = (until.map(Deadline::left), self.deadline.left());
            let left = left.filter(|left| *left <= left_to_deadline);
            let wait = self.landed.wait_for(&mut state, left.unwrap_or(left_to_deadline));
            has_timed_out = left.is_some() && wait.timed_out();
        }
    }
}

impl Waitable for Flight {
    fn leader(&self) -> Option<Waiter> {
        match *self.leader.lock() {
            FlightLeader::Known(leader) => Some(leader),
            FlightLeader::Queued | FlightLeader::TakenOver | FlightLeader::Any => None,
        }
    }

    fn has_landed(&self) -> bool {
        self.state.lock().outcome.is_some()
    }
}

#[cfg(test)]
mod tests;
