//! The sum of the counters of all keyspaces, both open and closed.
//!
//! Each commit writes the sum to the file. Summing up all keyspaces for each commit would be too slow if
//! there are many. So the registry keeps the sum of the counts that it last read from each keyspace. A commit
//! reads new counts from only a few keyspaces, in turn ([`CounterRegistry::sum_of_some`]).

use std::collections::BTreeMap;
use std::ops::Bound;

use super::open_keyspace::OpenKeyspace;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::cumulative::CumulativeStats;
use crate::sys::sync::{Arc, Mutex};

#[derive(Debug, Default)]
pub(in crate::engine) struct CounterRegistry(Mutex<RegisteredCounters>);

#[derive(Debug, Default)]
struct RegisteredCounters {
    open: BTreeMap<KeyspaceId, KeyspaceCounters>,
    /// The sum of the counts last read from each open keyspace, and of all counts of closed keyspaces.
    sum: CumulativeStats,
    last_asked: Option<KeyspaceId>,
}

#[derive(Debug)]
struct KeyspaceCounters {
    open_keyspace: Arc<OpenKeyspace>,
    /// The counts that were last read. The sum includes them.
    noted: CumulativeStats,
}

impl KeyspaceCounters {
    /// Returns the counts of the keyspace since the last call.
    fn take_new(&mut self) -> CumulativeStats {
        let counted = counted(&self.open_keyspace);
        let new = counted.since(&self.noted);
        self.noted = counted;
        new
    }
}

impl CounterRegistry {
    /// Adds a keyspace. The sum already has the counts with which the keyspace begins: those of the keyspace
    /// that it replaces.
    pub(super) fn add(&self, open_keyspace: Arc<OpenKeyspace>) {
        let (id, noted) = (open_keyspace.id, counted(&open_keyspace));
        let counters = KeyspaceCounters { open_keyspace, noted };
        self.0.lock().open.insert(id, counters);
    }

    /// Removes a keyspace that has no handles any more. The sum keeps its counts.
    pub(super) fn remove(&self, open_keyspace: &Arc<OpenKeyspace>) {
        let mut registered = self.0.lock();
        if let Some(mut counters) = registered.open.remove(&open_keyspace.id) {
            registered.sum = registered.sum.plus(&counters.take_new());
        }
    }

    /// Reads new counts from up to `max` keyspaces, in turn. Then returns the sum.
    pub(in crate::engine) fn sum_of_some(&self, max: usize) -> CumulativeStats {
        let mut registered = self.0.lock();
        let RegisteredCounters { open, sum, last_asked } = &mut *registered;
        let after = last_asked.map_or(Bound::Unbounded, Bound::Excluded);
        let later = open.range((after, Bound::Unbounded)).map(|(id, _)| *id);
        // After the last keyspace, the first one follows again.
        let asked: Vec<KeyspaceId> = later.chain(open.keys().copied()).take(max.min(open.len())).collect();
        for id in asked {
            if let Some(counters) = open.get_mut(&id) {
                *sum = sum.plus(&counters.take_new());
            }
            *last_asked = Some(id);
        }
        sum.clone()
    }
}

fn counted(open_keyspace: &OpenKeyspace) -> CumulativeStats {
    CumulativeStats::of_keyspace(&open_keyspace.counters.sums())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::keyspaces::open_keyspace::KeyspaceType;
    use crate::format::codec::checks::ValueChecks;
    use crate::format::codec::erased::ErasedCodec;
    use crate::format::codec::format::Format;
    use crate::stats::count::Count;
    use crate::stats::counters::Counters;
    use crate::sys::sync::AtomicBool;

    fn open_keyspace(number: u32) -> Arc<OpenKeyspace> {
        Arc::new(OpenKeyspace {
            name: format!("{number}"),
            id: KeyspaceId::on_disk(number),
            kind: KeyspaceType::new::<u64, u64>(0, Format::Bincode, false),
            shape: String::new(),
            codec: ErasedCodec::of::<u64>(Format::Bincode),
            schema: None,
            typed_calls: None,
            counters: Counters::default(),
            checks: ValueChecks::new(false),
            has_told_undecodable: AtomicBool::new(false),
            slow_load: Duration::ZERO,
            keeps_extras: AtomicBool::new(false),
            typed_changes: Arc::default(),
        })
    }

    #[test]
    fn the_registry_asks_keyspaces_in_turn_and_loses_no_count() {
        let registry = CounterRegistry::default();
        assert_eq!(registry.sum_of_some(4), CumulativeStats::default(), "none is open");
        let open_keyspaces: Vec<_> = (1..=10).map(open_keyspace).collect();
        for open_keyspace in &open_keyspaces {
            registry.add(open_keyspace.clone());
            open_keyspace.counters.add(Count::Misses);
        }
        let misses = |max| registry.sum_of_some(max).misses;
        assert_eq!([misses(4), misses(4), misses(4)], [4, 8, 10]);
        assert_eq!(misses(usize::MAX), 10, "none is counted twice");
        for open_keyspace in &open_keyspaces {
            open_keyspace.counters.add(Count::Misses);
        }
        // When a keyspace is removed, its counts are kept, no matter when they were last read.
        registry.remove(&open_keyspaces[0]);
        registry.remove(&open_keyspaces[5]);
        registry.remove(&open_keyspaces[5]);
        assert_eq!(misses(0), 12);
        assert_eq!([misses(3), misses(3), misses(3)], [15, 18, 20]);
        open_keyspaces[7].counters.add(Count::Inserts);
        assert_eq!(registry.sum_of_some(usize::MAX).inserts, 1);
    }
}
