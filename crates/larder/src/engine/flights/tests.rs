use super::*;
use crate::sys::sync::channel::{bounded, unbounded};

const SOON: Option<Duration> = Some(Duration::from_millis(1));

fn flight() -> Arc<Flight> {
    Flight::led(Deadline::after(Duration::from_hours(1)))
}

fn waits(thread: thread::ThreadId) -> bool {
    WaitGraph::current().contains(Waiter::Thread(thread))
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

/// A value whose `Drop` takes the locks of the flight and of the graph, like a load.
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
