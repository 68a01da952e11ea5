//! Single flight: concurrent loads of one key run one loader, and no wait can be for ever.
//!
//! A flight hangs on the lease of the caller that runs the loader (see the memory tier's leases): whoever finds it there waits
//! for its landing instead of loading. It lands exactly once, with a value, an error, or, if the loader unwinds, as panicked.
//!
//! Before a thread waits, it follows the chain *flight → thread that runs it → flight that thread waits for → …* under one lock.
//! If the chain comes back to itself, waiting would never end, and it gets [`Cycle`] instead. Since every waiting thread is
//! entered under that lock before it waits, of the threads that would close a circle the last one always sees it.

use std::any::Any;
use std::collections::HashMap;

use crate::memory::Value;
use crate::sync::thread::{self, ThreadId};
use crate::sync::{Arc, Condvar, Mutex};

/// An error of a loader, of the type its caller knows.
pub(crate) type AnyError = Arc<dyn Any + Send + Sync>;

/// How a flight ended.
#[derive(Debug, Clone)]
pub(crate) enum Landing {
    Value(Value),
    Error(AnyError),
    Panicked,
}

/// A load that others may wait for.
#[derive(Debug)]
pub(crate) struct Flight {
    pilot: ThreadId,
    landing: Mutex<Option<Landing>>,
    landed: Condvar,
}

/// Waiting for a flight would never end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cycle;

impl Flight {
    /// A flight that this thread will land.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { pilot: thread::current().id(), landing: Mutex::new(None), landed: Condvar::new() })
    }

    /// Ends the flight, unless it has ended.
    pub(crate) fn land(&self, landing: Landing) {
        let late = match &mut *self.landing.lock() {
            Some(_) => Some(landing),
            none => {
                *none = Some(landing);
                None
            }
        };
        self.landed.notify_all();
        // A user's value or error, and so not under the lock.
        drop(late);
    }

    fn wait(&self) -> Landing {
        let mut landing = self.landing.lock();
        loop {
            if let Some(landing) = &*landing {
                return landing.clone();
            }
            self.landed.wait(&mut landing);
        }
    }

    fn has_landed(&self) -> bool {
        self.landing.lock().is_some()
    }
}

/// Which thread waits for which flight.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<HashMap<ThreadId, Arc<Flight>>>);

impl Waits {
    /// Waits for a flight to land.
    pub(crate) fn join(&self, flight: &Arc<Flight>) -> Result<Landing, Cycle> {
        let me = thread::current().id();
        {
            let mut waits = self.0.lock();
            let mut next = Some(flight);
            while let Some(flight) = next.filter(|flight| !flight.has_landed()) {
                if flight.pilot == me {
                    return Err(Cycle);
                }
                next = waits.get(&flight.pilot);
            }
            waits.insert(me, flight.clone());
        }
        let landing = flight.wait();
        let left = self.0.lock().remove(&me);
        drop(left);
        Ok(landing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::channel::bounded;

    #[test]
    fn every_waiter_gets_the_landing() {
        let (waits, flight) = (Waits::default(), Flight::new());
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| waits.join(&flight))).collect();
            flight.land(Landing::Value(Arc::new(7_u32)));
            flight.land(Landing::Panicked);
            for waiter in waiters {
                let Ok(Landing::Value(value)) = waiter.join().unwrap() else {
                    panic!("the first landing counts")
                };
                assert_eq!(value.downcast_ref(), Some(&7_u32));
            }
        });
        assert!(waits.0.lock().is_empty());
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let flight = Flight::new();
        assert_eq!(Waits::default().join(&flight).unwrap_err(), Cycle);
        flight.land(Landing::Panicked);
        assert!(Waits::default().join(&flight).is_ok(), "a landed flight is no wait");
    }

    #[test]
    fn of_two_threads_that_wait_for_one_another_one_is_refused() {
        let waits = Waits::default();
        let (to_other, from_me) = bounded::<Arc<Flight>>(1);
        let (to_me, from_other) = bounded::<Arc<Flight>>(1);
        let both = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mine = Flight::new();
                to_me.send(mine.clone()).unwrap();
                let joined = waits.join(&from_me.recv().unwrap());
                mine.land(Landing::Panicked);
                joined.is_err()
            });
            let mine = Flight::new();
            to_other.send(mine.clone()).unwrap();
            let joined = waits.join(&from_other.recv().unwrap());
            mine.land(Landing::Panicked);
            (joined.is_err(), other.join().unwrap())
        });
        assert!(both.0 || both.1, "one of them must see the circle");
    }
}
