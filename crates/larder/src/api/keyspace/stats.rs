//! The statistics of one keyspace, put together from where they are counted.

use crate::disk::disk_status::DiskView;
use crate::engine::open_keyspace::Space;
use crate::engine::shared::Inner;
use crate::memory::slot::Tally;
use crate::stats::KeyspaceStats;
use crate::stats::counters::Count;

/// Returns the statistics of one keyspace, at the cost of one.
pub(super) fn of_one(inner: &Inner, space: &Space) -> KeyspaceStats {
    if inner.is_forked() {
        return KeyspaceStats { name: space.name.clone(), ..KeyspaceStats::default() };
    }
    let tally = inner.tiers.memory.tally(space.id);
    of_keyspace(space, tally, &inner.tiers.with_view(|view| DiskTally::of(space, view)))
}

/// What the disk tier holds of a keyspace, and has deleted.
pub(crate) struct DiskTally {
    entries: u64,
    bytes: u64,
    evictions: u64,
    expirations: u64,
}

impl DiskTally {
    pub(crate) fn of(space: &Space, view: &DiskView) -> Self {
        let row = view.keyspaces.get(&space.name).filter(|row| row.id == space.id);
        let (entries, bytes) = row.map_or((0, 0), |row| (row.entries, row.bytes));
        let (evictions, expirations) = view.gone.get(&space.id).copied().unwrap_or_default();
        Self { entries, bytes, evictions, expirations }
    }
}

/// Returns the statistics of a keyspace that these tallies are of.
pub(crate) fn of_keyspace(space: &Space, memory: Tally, disk: &DiskTally) -> KeyspaceStats {
    let sums = space.counters.sums();
    KeyspaceStats {
        name: space.name.clone(),
        memory_hits: sums.of(Count::MemoryHits),
        disk_hits: sums.of(Count::DiskHits),
        misses: sums.of(Count::Misses),
        loads: sums.of(Count::Loads),
        load_failures: sums.of(Count::LoadFailures),
        load_latency: space.counters.load_times.latencies(),
        promotions: sums.of(Count::Promotions),
        voided_fills: sums.of(Count::VoidedFills),
        uncacheable: sums.of(Count::Uncacheable),
        uncacheable_cause: space.counters.uncacheable_cause.text(),
        too_large_for_disk: sums.of(Count::TooLargeForDisk),
        too_large_for_disk_cause: space.counters.too_large_cause.text(),
        inserts: sums.of(Count::Inserts),
        invalidations: sums.of(Count::Invalidations),
        memory_entries: memory.entries,
        memory_weight: memory.weight,
        unsaved_weight: memory.unsaved_weight,
        memory_evictions: memory.evictions,
        memory_expirations: memory.expirations,
        disk_entries: disk.entries,
        disk_bytes: disk.bytes,
        disk_evictions: disk.evictions,
        disk_expirations: disk.expirations,
        undecodable: sums.of(Count::Undecodable),
        undecodable_cause: space.counters.undecodable_cause.text(),
    }
}
