//! Tests of a value that a machine has before another machine removes its key. The push of the removal is
//! late.
//!
//! A lookup that begins before the bound has passed may pause before it reads the value, and after that. So
//! the deadline of memory must be the one of the time before the value was read.

use std::sync::Mutex;

use larder::Keyspace;

use crate::explorer::contest;
use crate::remote::{BOUND, Machines};
use crate::source::{FIRST, Source};

/// `begin` gives the second machine the value, and returns the function that looks it up. The first machine
/// then removes the key, so the server has no old value any more. The push arrives when the bound may have
/// passed, and a PING after it.
fn beside_a_late_push<L: Fn() -> Option<u64> + Sync>(begin: impl FnOnce(&Keyspace<u64, u64>) -> L) {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    for key in 0..2 {
        one.insert(&key, FIRST).unwrap();
    }
    let look = begin(&other);
    node.bound_validity(BOUND);
    node.ping();
    node.hold_stream(true);
    let new = source.next();
    assert!(one.remove(&1).unwrap());
    contest([
        &|| {
            machines.time.advance(BOUND);
            source.settle(new);
        },
        &|| {
            // An old value can only come from this machine. So it must be correct at the end of the lookup.
            let seen = look();
            source.judge("looked", seen, source.least());
        },
        &|| {
            node.hold_stream(false);
            node.ping();
        },
    ]);
    source.get(&other, &1);
    drop(look);
    machines.end((one, other), &source);
}

pub(crate) fn a_value_in_memory_beside_a_late_push_is_bounded() {
    beside_a_late_push(|other| {
        let other = other.clone();
        other.get(&1);
        move || other.peek(&1).map(|value| *value)
    });
}

/// The value was read ahead by a walk over the keyspace.
pub(crate) fn a_value_that_was_read_ahead_beside_a_late_push_is_bounded() {
    beside_a_late_push(|other| {
        let mut walk = other.iter();
        assert!(walk.next().is_some());
        let walk = Mutex::new(walk);
        move || walk.lock().unwrap().next().map(|(_, value)| *value)
    });
}
