//! Tests of uses of an entry with a time to idle that two caches share, while it expires, or while the other
//! cache replaces it.

use std::sync::Mutex;
use std::time::Duration;

use larder::testing::remote::RemoteNode;
use larder::{Keyspace, KeyspaceDefinition, Remaining};
use shuttle::thread::sleep;

use crate::expiry::Lookups;
use crate::explorer::contest;
use crate::place::{IDLE, TTL};
use crate::remote::Machines;

/// The server keeps expired entries for their grace, so a use may find the record of an expired entry.
const SHARED: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("shared").ttl(TTL).time_to_idle(IDLE).grace(Duration::from_hours(1));

/// Time from the write of an entry to its expiry, if it is not used.
const LIFE: Duration = Duration::from_millis(IDLE.as_secs() * 1_125);
/// Just before the expiry of every entry that was inserted at the start.
const EVE: Duration = LIFE.saturating_sub(Duration::from_millis(1));

/// Returns two machines with the same entry in memory, just before the entry expires.
fn on_the_eve() -> (Machines, [Keyspace<u64, u64>; 2]) {
    let machines = Machines::new();
    let shared = machines.caches.each_ref().map(|cache| cache.keyspace(SHARED).unwrap());
    shared[0].insert(&1, 10).unwrap();
    for keyspace in &shared {
        keyspace.get(&1);
    }
    machines.time.advance(EVE);
    (machines, shared)
}

/// Lets the requests of a node arrive late.
fn delay_requests(node: &RemoteNode) {
    node.hold_requests(true);
    sleep(Duration::ZERO);
    node.hold_requests(false);
}

/// One machine uses the entry while it expires, and its use arrives late. Once any machine has found the
/// entry expired, no machine finds it.
pub(crate) fn a_late_use_brings_back_nothing_that_was_seen_expired() {
    let (machines, [one, other]) = on_the_eve();
    let seen = Lookups::default();
    contest([
        &|| {
            machines.time.advance(Duration::from_millis(2));
            seen.get(&other);
            seen.get(&other);
            seen.get(&one);
        },
        &|| _ = one.get(&1),
        &|| delay_requests(&machines.nodes[0]),
    ]);
    seen.get(&one);
    seen.get(&other);
    drop((one, other));
    machines.close();
    seen.check();
}

/// One machine uses an entry while the other one replaces it. The life of the new entry is that of its write,
/// unless the new entry was used.
pub(crate) fn a_late_use_extends_no_other_entry() {
    const LATER: Duration = Duration::from_secs(6);
    let (machines, [one, other]) = on_the_eve();
    let found = Mutex::new(None);
    contest([
        &|| {
            other.insert(&1, 11).unwrap();
            machines.time.advance(LATER);
        },
        &|| *found.lock().unwrap() = one.get(&1).map(|value| *value),
        &|| delay_requests(&machines.nodes[0]),
    ]);
    let left = other.ttl(&1).and_then(Remaining::duration);
    drop((one, other));
    machines.close();
    if found.into_inner().unwrap() != Some(11) {
        assert_eq!(left, Some(LIFE.saturating_sub(LATER)), "the new entry was not used");
    }
}
