//! A drained key is marked clean in its slot, without a search.

use super::*;

/// An uncommitted entry leaves its slot only while there is no file.
#[test]
fn a_drained_slot_with_a_newer_content_is_not_marked_clean() {
    let mut bench = Bench::new();
    let first = bench.store(KEY, 1);
    let slot_of = |drained: &[Mutation]| match drained {
        [Mutation { change: SlotChange::Put { slot, .. }, .. }] => *slot,
        other => panic!("{other:?}"),
    };
    let slot = slot_of(&bench.drain(NOW));
    bench.shard.stop_saving();
    bench.shard.forget(KEY, NOW, &mut bench.deferred);
    let other = SlotKey { hash: 7, bytes: b"\0\0\0\x01other" };
    let second = bench.store(other, 2);
    assert_eq!(slot_of(&bench.drain(NOW)), slot, "the slot is used again");
    let mut mark =
        |key, sequence| bench.shard.mark_slot_clean(slot, key, sequence, true, &mut bench.deferred);
    assert!(!mark(KEY, first), "the sequence is older than the content");
    assert!(!mark(other, first), "the sequence is older than the content");
    assert!(!mark(KEY, second), "the slot belongs to another key");
    assert!(mark(other, second));
    assert_eq!(bench.shard.validate().dirty, 0);
}
