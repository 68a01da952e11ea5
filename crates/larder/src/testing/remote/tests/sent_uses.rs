//! Tests of the uses that are on their way to the server, and of the server's answers to them.

use super::idle::{LIFE, MILLI, MINUTE, USERS, left, open};
use super::*;
use crate::sys::clock::Clock;
use crate::units::Timestamp;

#[test]
fn a_silent_server_gets_one_request_for_each_key_and_a_lost_one_is_repeated() {
    let two = two_nodes();
    let ([one, _], node) = (open(&two, USERS), &two.nodes[0]);
    one.insert(&1, 10).unwrap();
    one.get(&1);
    two.clock.advance(7 * MINUTE);
    node.hold_stream(true);
    let asked = two.server.requests();
    for _ in 0..10 {
        assert!(one.get(&1).is_some(), "a near copy");
        assert_eq!(two.server.requests(), asked + 1);
        two.clock.advance(MINUTE / 10);
    }
    node.lose();
    node.hold_stream(false);
    node.connect();
    assert!(one.get(&1).is_some());
    two.clock.advance(7 * MINUTE);
    assert!(one.get(&1).is_some());
    assert_eq!(two.server.requests(), asked + 3, "a lookup, and the use of its copy");
}

/// A clock whose coarse readings have no lag, so that the upper bound of the time is ahead of the time.
#[derive(Debug)]
struct CoarseClock(Arc<ManualClock>);

impl Clock for CoarseClock {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.0.wall()
    }

    fn coarse_monotonic(&self) -> Option<Duration> {
        Some(self.0.monotonic())
    }
}

#[test]
fn a_use_that_the_coarse_clock_finds_due_too_early_is_taken() {
    let clock = Arc::new(CoarseClock(Arc::new(ManualClock::new())));
    let two = two_nodes_with(|builder| builder.clock(clock.clone()));
    let [one, other] = open(&two, USERS);
    one.insert(&1, 10).unwrap();
    one.get(&1);
    let pass = |time| {
        two.clock.advance(time);
        clock.0.advance(time);
    };
    pass(MINUTE.saturating_sub(5 * MILLI));
    assert!(one.get(&1).is_some());
    assert_eq!(left(&other), Some(LIFE), "8 minutes and 5 ms were left");
}

#[test]
fn a_use_that_the_server_refuses_keeps_no_later_one_back() {
    let clock = Arc::new(ManualClock::new());
    let two = two_nodes_with(|builder| builder.clock(clock.clone()));
    let [one, other] = open(&two, USERS);
    one.insert(&1, 10).unwrap();
    one.get(&1);
    // The clock of the machine runs too fast.
    clock.advance(MINUTE + SECOND);
    two.clock.advance(MINUTE / 3);
    let asked = two.server.requests();
    assert!(one.get(&1).is_some());
    assert_eq!(two.server.requests(), asked + 1);
    assert_eq!(left(&other), Some(LIFE.saturating_sub(MINUTE / 3)), "not due");
    two.clock.advance(MINUTE / 3);
    clock.advance(SECOND);
    assert!(one.get(&1).is_some());
    assert_eq!(left(&other), Some(LIFE));
}
