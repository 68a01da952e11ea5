//! Tests of the uses that are on their way to the server, and of the server's answers to them.

use std::cell::Cell;

use super::idle::{LIFE, MILLI, MINUTE, USERS, Users, left, open};
use super::*;
use crate::api::keyspace::load::Load;
use crate::api::keyspace::loading::policy::LoadPolicy;
use crate::format::key::EncodeKey;
use crate::format::key::bytes::KeyWriter;
use crate::sys::clock::Clock;
use crate::units::Timestamp;

/// A form of the key 1. Runs a function when the key is encoded for the third time: after it was hashed and
/// compared, because the hit extends the life of the entry.
pub(crate) struct EncodedAfterHit<'a>(pub(crate) Cell<u32>, pub(crate) &'a dyn Fn());

impl EncodeKey<u64> for EncodedAfterHit<'_> {
    fn encode(&self, out: &mut KeyWriter) {
        self.0.set(self.0.get() + 1);
        if self.0.get() == 3 {
            (self.1)();
        }
        out.u64(1);
    }
}

#[test]
fn a_use_of_a_near_copy_that_leaves_memory_after_the_hit_is_sent() {
    type Use = fn(&Users, EncodedAfterHit<'_>) -> bool;
    let uses: [Use; 2] = [
        |users, key| users.get(key).is_some(),
        |users, key| {
            let loader = |_: &u64, _: Option<Arc<u64>>| Err::<Load<u64>, ()>(());
            let loading = users.with_loader(LoadPolicy::new().refresh_after(30 * MINUTE), loader).unwrap();
            loading.get(key).is_ok_and(|loaded| loaded.value.is_some())
        },
    ];
    for (number, used) in uses.into_iter().enumerate() {
        let two = two_nodes();
        let [one, other] = open(&two, USERS);
        one.insert(&1, 10).unwrap();
        assert!(one.get(&1).is_some(), "a near copy");
        two.clock.advance(7 * MINUTE);
        let (full, memory) = (one.encode(&1).unwrap(), &two.caches[0].shared().tiers.memory);
        let evict = || _ = memory.drop_near(memory.key(full.as_slice()), &mut EvictedValues::default());
        assert!(used(&one, EncodedAfterHit(Cell::new(0), &evict)), "use {number}");
        assert_eq!(left(&other), Some(LIFE), "use {number}");
        assert_eq!(two.caches[0].stats().remote.unwrap().unsent_uses, 0, "use {number}");
    }
}

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
