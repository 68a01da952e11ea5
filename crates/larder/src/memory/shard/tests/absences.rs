//! Tests of absences: entries without a value.

use super::*;

#[test]
fn an_absence_is_an_entry_without_a_value() {
    for is_committed in [false, true] {
        let mut bench = Bench::new();
        let entry = bench.absence();
        let sequence = bench.shard.store(KEY, entry, &bench.counter, &mut bench.deferred).unwrap();
        let drained = bench.drain(NOW);
        assert!(matches!(&drained[..], [Mutation { change: SlotChange::Put { .. }, .. }]));
        if is_committed {
            assert!(bench.shard.mark_clean(KEY, sequence, true, &mut bench.deferred));
        }
        bench.shard.validate();
        for found in [bench.shard.get(KEY, NOW), bench.shard.peek(KEY, NOW)] {
            assert!(matches!(found, Lookup::Absent(LATER)), "{found:?}");
        }
        assert!(matches!(bench.shard.get(KEY, LATER), Lookup::Negative), "it has expired");
        assert!(matches!(bench.shard.stale(KEY), StaleLookup::NoValue));
        assert!(bench.shard.has_entry(KEY));
        let (prior, _) = bench.insert_tombstone(KEY);
        assert_eq!(prior, PreviousState::Dead, "no value was removed");
        assert!(matches!(&bench.drain(NOW)[..], [Mutation { change: SlotChange::Delete, .. }]));
    }
}

#[test]
fn a_purge_removes_an_absence_and_counts_none() {
    for (key, is_committed) in [(KEY, false), (KEY, true), (MEMORY_KEY, true)] {
        let mut bench = Bench::new();
        let entry = IncomingEntry {
            unsaved: bench.absence().unsaved.filter(|_| key.bytes == KEY.bytes),
            ..bench.absence()
        };
        let sequence = bench.shard.store(key, entry, &bench.counter, &mut bench.deferred).unwrap();
        if is_committed {
            bench.drain(NOW);
            bench.shard.mark_clean(key, sequence, true, &mut bench.deferred);
        }
        let (_, purged) = bench.purge(b"");
        let listed = purged.memory_keys.iter().filter(|(_, is_live)| *is_live).count();
        assert_eq!((purged.only_in_memory, purged.unlisted, listed), (0, 0, 0));
        assert!(!matches!(bench.shard.get(key, NOW), Lookup::Absent(_)));
    }
}
