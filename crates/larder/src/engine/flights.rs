//! Single flight: concurrent loads of one key run one loader. A load whose wait would never end gets an
//! error.
//!
//! A flight is attached to the lease of the caller that loads (see the memory tier's leases). Another caller
//! that finds the flight there waits for its outcome instead of loading. A flight ends exactly once, with a
//! [`FlightOutcome`]. A removal revokes the lease. So later callers no longer find the flight, and begin a
//! new load. Callers that wait already get the outcome of the flight. A wait ends at the deadline of the
//! lease at the latest: the waiter then looks the key up again, and loads it itself.
//!
//! The wait graph records which thread waits for which flight. A process has one graph, because a loader of
//! one cache may call another cache. A forked child begins with an empty graph. A thread waits for a flight
//! in four steps:
//!
//! 1. Under the graph's lock, the thread follows the chain *flight → thread that runs it → flight that this
//!    thread waits for → …*. If the chain comes back to the calling thread, the wait would never end. The
//!    thread then gets [`UnfinishedFlight::Cycle`].
//! 2. Otherwise the thread adds its wait to the graph, under the same lock. So a thread whose wait would
//!    complete a cycle always sees the cycle.
//! 3. The thread waits, without the graph's lock, until the flight ends or the timeout is over.
//! 4. The thread removes its wait from the graph. Between (2) and (4) the thread runs no user code, so it
//!    waits for one flight at most.
//!
//! The graph contains only loads whose loader runs inside `get_or_load`, on the thread that leads the flight.
//! A lease that a caller owns may be filled by any thread, so its flight has no leader, and its deadline ends
//! a circle. The graph contains only waits for flights. A loader may wait by other means, such as a join, for
//! a thread that waits for the loader's own key. The graph does not see such a cycle, and only a timeout ends
//! it.
//!
//! An outcome holds a user's value or error. No outcome is dropped while the graph or the flight is locked,
//! because a user's `Drop` may begin a load.

use std::any::Any;
use std::collections::HashMap;
use std::time::Duration;

use crate::memory::entry::Value;
use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::thread::ThreadId;
use crate::sys::sync::{Arc, AtomicSnapshot, Condvar, Mutex, process_static, thread};

/// An error of a loader. `get_or_load` downcasts the error to its type.
pub(crate) type AnyError = Arc<dyn Any + Send + Sync>;

/// The result with which a flight ended.
#[derive(Debug, Clone)]
pub(crate) enum FlightOutcome {
    Value(Value),
    Error(AnyError),
    Panicked,
    /// The source has no value for the key.
    Absent,
    /// There is no answer. The waiters look the key up again.
    Abandoned,
}

/// A load that other callers may wait for.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The thread that runs the loader. `None` if any thread may end the flight.
    leader: Option<ThreadId>,
    /// The deadline of the lease.
    deadline: Deadline,
    outcome: Mutex<Option<FlightOutcome>>,
    landed: Condvar,
}

/// The reason why a caller gets no outcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UnfinishedFlight {
    /// Waiting would never end.
    Cycle,
    /// The flight did not end within the caller's timeout. The load continues.
    TimedOut,
    /// The flight did not end before the deadline of its lease. Its value will not be cached.
    Overdue,
}

/// The waits of threads for flights.
#[derive(Debug)]
struct WaitGraph {
    /// The process of these threads. A forked child makes its own graph, because the lock of this graph may
    /// be held forever there.
    process: Process,
    waits: Mutex<HashMap<ThreadId, Arc<Flight>>>,
}

process_static! {
    /// The wait graph of the process in which a thread last waited.
    static GRAPH: AtomicSnapshot<WaitGraph> = AtomicSnapshot::empty();
}

impl WaitGraph {
    /// Returns the graph of the calling process. A forked child begins with an empty graph, because the
    /// waiting threads do not exist in the child.
    fn current() -> Arc<Self> {
        let process = Process::current();
        loop {
            if let Some(graph) = &*GRAPH.load()
                && graph.process == process
            {
                return graph.clone();
            }
            GRAPH.update(|graph| match graph {
                Some(graph) if graph.process == process => Some(graph.clone()),
                _ => Some(Arc::new(Self { process, waits: Mutex::default() })),
            });
        }
    }
}

impl Flight {
    /// Returns a flight that the calling thread will land.
    pub(crate) fn led(deadline: Deadline) -> Arc<Self> {
        Self::new(Some(thread::current().id()), deadline)
    }

    /// Returns a flight that any thread may land.
    pub(crate) fn unled(deadline: Deadline) -> Arc<Self> {
        Self::new(None, deadline)
    }

    fn new(leader: Option<ThreadId>, deadline: Deadline) -> Arc<Self> {
        Arc::new(Self { leader, deadline, outcome: Mutex::new(None), landed: Condvar::new() })
    }

    /// Ends the flight, unless it has ended already.
    pub(crate) fn land(&self, outcome: FlightOutcome) {
        let mut left = Some(outcome);
        {
            let mut outcome = self.outcome.lock();
            if outcome.is_none() {
                *outcome = left.take();
            }
        }
        self.landed.notify_all();
        // If the flight had ended already, the new outcome is dropped here, after the lock is released.
    }

    /// Waits for the flight to land, but not past its deadline. Waits up to `max`, if that is set.
    pub(crate) fn join(self: &Arc<Self>, max: Option<Duration>) -> Result<FlightOutcome, UnfinishedFlight> {
        let me = thread::current().id();
        let graph = WaitGraph::current();
        // Steps 1 and 2.
        {
            let mut waits = graph.waits.lock();
            let mut next = Some(self);
            while let Some(flight) = next.filter(|flight| !flight.has_landed()) {
                if flight.leader == Some(me) {
                    return Err(UnfinishedFlight::Cycle);
                }
                next = flight.leader.and_then(|leader| waits.get(&leader));
            }
            waits.insert(me, self.clone());
        }
        // Step 3.
        let outcome = self.wait(max);
        // Step 4. `self` still holds the flight, so the outcome is not dropped under the lock.
        let left = graph.waits.lock().remove(&me);
        drop(left);
        outcome
    }

    fn wait(&self, max: Option<Duration>) -> Result<FlightOutcome, UnfinishedFlight> {
        let until = max.map(Deadline::after);
        let mut has_timed_out = false;
        let mut outcome = self.outcome.lock();
        // The outcome is checked first. If the flight has ended during the last wait, the caller gets its
        // outcome.
        loop {
            if let Some(outcome) = &*outcome {
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
            let wait = self.landed.wait_for(&mut outcome, left.unwrap_or(left_to_deadline));
            has_timed_out = left.is_some() && wait.timed_out();
        }
    }

    fn has_landed(&self) -> bool {
        self.outcome.lock().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::sync::channel::{bounded, unbounded};

    const SOON: Option<Duration> = Some(Duration::from_millis(1));

    /// Returns a flight of the calling thread, whose deadline is far away.
    fn flight() -> Arc<Flight> {
        Flight::led(Deadline::after(Duration::from_hours(1)))
    }

    fn waits(thread: ThreadId) -> bool {
        WaitGraph::current().waits.lock().contains_key(&thread)
    }

    #[test]
    fn every_waiter_gets_the_outcome() {
        let flight = flight();
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| flight.join(None))).collect();
            flight.land(FlightOutcome::Value(Arc::new(7_u32)));
            flight.land(FlightOutcome::Panicked);
            for waiter in waiters {
                let id = waiter.thread().id();
                let Ok(FlightOutcome::Value(value)) = waiter.join().unwrap() else {
                    panic!("the first landing counts")
                };
                assert_eq!(value.downcast_ref(), Some(&7_u32));
                assert!(!waits(id));
            }
        });
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let flight = flight();
        assert_eq!(flight.join(None).unwrap_err(), UnfinishedFlight::Cycle);
        assert_eq!(flight.join(SOON).unwrap_err(), UnfinishedFlight::Cycle);
        flight.land(FlightOutcome::Panicked);
        assert!(flight.join(None).is_ok(), "a landed flight is no wait");
    }

    #[test]
    fn of_two_threads_that_wait_for_one_another_one_is_refused() {
        let (to_other, from_me) = bounded::<Arc<Flight>>(1);
        let (to_me, from_other) = bounded::<Arc<Flight>>(1);
        let both = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mine = flight();
                to_me.send(mine.clone()).unwrap();
                let joined = from_me.recv().unwrap().join(None);
                mine.land(FlightOutcome::Panicked);
                joined.is_err()
            });
            let mine = flight();
            to_other.send(mine.clone()).unwrap();
            let joined = from_other.recv().unwrap().join(None);
            mine.land(FlightOutcome::Panicked);
            (joined.is_err(), other.join().unwrap())
        });
        assert!(both.0 || both.1, "one of them must see the circle");
    }

    #[test]
    fn a_wait_that_is_over_leaves_the_graph_and_the_flight_as_they_were() {
        let flight = flight();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let joined = flight.join(SOON);
                (joined.unwrap_err(), waits(thread::current().id()))
            });
            assert_eq!(waiter.join().unwrap(), (UnfinishedFlight::TimedOut, false));
            flight.land(FlightOutcome::Value(Arc::new(7_u32)));
            assert!(scope.spawn(|| flight.join(SOON)).join().unwrap().is_ok());
        });
    }

    #[test]
    fn no_wait_lasts_past_the_deadline_of_the_flight() {
        let flight = Flight::unled(Deadline::after(Duration::from_millis(1)));
        assert_eq!(flight.join(None).unwrap_err(), UnfinishedFlight::Overdue);
        assert_eq!(flight.join(Some(Duration::from_hours(1))).unwrap_err(), UnfinishedFlight::Overdue);
        flight.land(FlightOutcome::Panicked);
        assert!(flight.join(None).is_ok(), "a waiter that is late still gets an outcome that is there");
    }

    #[test]
    fn a_flight_that_any_thread_may_end_makes_no_circle() {
        let flight = Flight::unled(Deadline::after(Duration::from_hours(1)));
        assert_eq!(flight.join(SOON).unwrap_err(), UnfinishedFlight::TimedOut);
    }

    /// A value whose `Drop` acquires the locks that a load acquires.
    struct Asks(Arc<Flight>, crate::sys::sync::channel::Sender<bool>);

    impl Drop for Asks {
        fn drop(&mut self) {
            let is_free = self.0.has_landed() && !waits(thread::current().id());
            self.1.send(is_free).unwrap_or_default();
        }
    }

    #[test]
    fn no_outcome_is_dropped_under_a_lock() {
        let (asked, answer) = unbounded();
        let flight = flight();
        let second = FlightOutcome::Value(Arc::new(Asks(flight.clone(), asked)));
        let outcome = thread::Builder::new()
            .spawn(move || {
                flight.land(FlightOutcome::Panicked);
                flight.land(second);
            })
            .unwrap();
        assert!(answer.recv_timeout(Duration::from_mins(1)).expect("the drop waits for its own thread"));
        outcome.join().unwrap();
    }
}
