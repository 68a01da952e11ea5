//! Tests of the values of one call that do not fit into the room for requests together.

use super::super::*;

const BLOBS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("blob")
    .ttl(Duration::from_hours(1))
    .format(crate::format::codec::format::Format::Bincode);

/// The second value waits for the answer to the first one. If its encoding from before the wait were sent,
/// its life would begin before the wait, too.
#[test]
fn the_life_of_a_value_that_waits_for_room_begins_after_the_wait() {
    let two = two_nodes();
    let blobs = two.caches[0].keyspace(BLOBS).unwrap();
    // Otherwise the push of each fill would drop its near copy.
    two.server.hold_pushes(true);
    two.nodes[0].hold_stream(true);
    let load = |missing: &[u64]| {
        Ok::<_, Error>(missing.iter().map(|key| (*key, vec![7; 700 << 10])).collect::<Vec<_>>())
    };
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| blobs.get_or_load_many([1, 2], load).unwrap());
        until(|| two.leases() == 2);
        two.answer_and_hold();
        until(|| two.server.records() == 1);
        two.clock.advance(SECOND);
        two.nodes[0].hold_stream(false);
        loading.join().unwrap();
    });
    assert_eq!(two.server.records(), 2);
    let left = [1, 2].map(|key| blobs.ttl(&key).and_then(Remaining::duration));
    assert_eq!(left, [Duration::from_secs(3_599), Duration::from_hours(1)].map(Some));
}
