//! Single flight: concurrent loads of one key run one loader. Loads that wait for one another get an error.
//!
//! A flight hangs on the lease of the caller that runs the loader (see the memory tier's leases). Another
//! caller that finds the flight there waits for its outcome instead of loading. A flight lands exactly once:
//! with a value, with an error, or as panicked if the loader unwinds. A removal revokes the lease, so later
//! callers no longer find the flight and load anew. Those that wait already get its outcome.
//!
//! The wait graph says which thread waits for which flight. There is one for the process, because a loader of
//! one cache may ask another cache. A forked child begins with an empty graph. A thread that is to wait for a
//! flight does this:
//!
//! 1. Under the graph's lock it follows the chain *flight → thread that runs it → flight that this thread
//!    waits for → …*. If the chain comes back to the calling thread, waiting would never end: it gets
//!    [`UnfinishedFlight::Cycle`].
//! 2. Otherwise it enters itself, under the same lock. So of the threads that would close a circle, the last
//!    one always sees it.
//! 3. It waits, without the graph's lock, until the flight lands or its time is over.
//! 4. It leaves the graph. Between (2) and (4) it runs no code of the user, so it waits for one flight at
//!    most.
//!
//! The graph knows flights and the threads that run them. It does not see a loader that waits by other means,
//! such as a join, for a thread that waits for the loader's own key. Only a timeout ends that wait.
//!
//! An outcome holds a user's value or error. No outcome is dropped while the graph or the flight is locked: a
//! user's `Drop` may load.

use std::any::Any;
use std::collections::HashMap;
use std::time::Duration;

use crate::memory::entry::Value;
use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::thread::ThreadId;
use crate::sys::sync::{Arc, AtomicSnapshot, Condvar, Mutex, process_static, thread};

/// An error of a loader. Its caller knows the type.
pub(crate) type AnyError = Arc<dyn Any + Send + Sync>;

/// How a flight ended.
#[derive(Debug, Clone)]
pub(crate) enum FlightOutcome {
    Value(Value),
    Error(AnyError),
    Panicked,
}

/// A load that other callers may wait for.
#[derive(Debug)]
pub(crate) struct Flight {
    leader: ThreadId,
    outcome: Mutex<Option<FlightOutcome>>,
    landed: Condvar,
}

/// Why a caller gets no outcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UnfinishedFlight {
    /// Waiting would never end.
    Cycle,
    /// The flight did not land in the time that the caller had. The load goes on.
    TimedOut,
}

/// Which thread waits for which flight.
#[derive(Debug)]
struct WaitGraph {
    /// The process of these threads. In a forked child, a thread of the parent may hold the lock for ever.
    process: Process,
    waits: Mutex<HashMap<ThreadId, Arc<Flight>>>,
}

process_static! {
    /// The wait graph of the process in which a thread last waited.
    static GRAPH: AtomicSnapshot<WaitGraph> = AtomicSnapshot::empty();
}

impl WaitGraph {
    /// Returns the graph of the calling process. A forked child begins with an empty one: it has none of the
    /// threads that wait.
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
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { leader: thread::current().id(), outcome: Mutex::new(None), landed: Condvar::new() })
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
        // The outcome of a second landing is dropped here, after the lock.
    }

    /// Waits for the flight to land. Waits up to `max`, if that is set.
    pub(crate) fn join(self: &Arc<Self>, max: Option<Duration>) -> Result<FlightOutcome, UnfinishedFlight> {
        let me = thread::current().id();
        let graph = WaitGraph::current();
        // Steps 1 and 2.
        {
            let mut waits = graph.waits.lock();
            let mut next = Some(self);
            while let Some(flight) = next.filter(|flight| !flight.has_landed()) {
                if flight.leader == me {
                    return Err(UnfinishedFlight::Cycle);
                }
                next = waits.get(&flight.leader);
            }
            waits.insert(me, self.clone());
        }
        // Step 3.
        let outcome = self.wait(max);
        // Step 4. The caller's own handle keeps the flight, so the outcome outlives the lock.
        let left = graph.waits.lock().remove(&me);
        drop(left);
        outcome.ok_or(UnfinishedFlight::TimedOut)
    }

    fn wait(&self, max: Option<Duration>) -> Option<FlightOutcome> {
        let until = max.map(Deadline::after);
        let mut is_over = false;
        let mut outcome = self.outcome.lock();
        // Checked once more when the time is over: a flight that has landed by then is answered.
        while outcome.is_none() && !is_over {
            match until {
                None => self.landed.wait(&mut outcome),
                Some(until) => is_over = self.landed.wait_for(&mut outcome, until.left()).timed_out(),
            }
        }
        outcome.clone()
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

    fn waits(thread: ThreadId) -> bool {
        WaitGraph::current().waits.lock().contains_key(&thread)
    }

    #[test]
    fn every_waiter_gets_the_outcome() {
        let flight = Flight::new();
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
        let flight = Flight::new();
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
                let mine = Flight::new();
                to_me.send(mine.clone()).unwrap();
                let joined = from_me.recv().unwrap().join(None);
                mine.land(FlightOutcome::Panicked);
                joined.is_err()
            });
            let mine = Flight::new();
            to_other.send(mine.clone()).unwrap();
            let joined = from_other.recv().unwrap().join(None);
            mine.land(FlightOutcome::Panicked);
            (joined.is_err(), other.join().unwrap())
        });
        assert!(both.0 || both.1, "one of them must see the circle");
    }

    #[test]
    fn a_wait_that_is_over_leaves_the_graph_and_the_flight_as_they_were() {
        let flight = Flight::new();
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

    /// A value whose `Drop` takes the locks that a load takes.
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
        let flight = Flight::new();
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
