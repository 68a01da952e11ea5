//! The statistics of one keyspace, put together from where they are counted.

use crate::disk::disk_status::DiskStatus;
use crate::engine::open_keyspace::OpenKeyspace;
use crate::engine::shared::Shared;
use crate::memory::slot::KeyspaceUsage;
use crate::stats::KeyspaceStats;
use crate::stats::counters::Count;

/// Returns the statistics of one keyspace, at the cost of one.
pub(super) fn of_one(shared: &Shared, open_keyspace: &OpenKeyspace) -> KeyspaceStats {
    if shared.is_forked() {
        return KeyspaceStats { name: open_keyspace.name.clone(), ..KeyspaceStats::default() };
    }
    let usage = shared.tiers.memory.usage(open_keyspace.id);
    of_keyspace(open_keyspace, usage, &shared.tiers.with_view(|view| DiskUsage::of(open_keyspace, view)))
}

/// What the disk tier holds of a keyspace, and has deleted.
pub(crate) struct DiskUsage {
    entries: u64,
    bytes: u64,
    evictions: u64,
    expirations: u64,
}

impl DiskUsage {
    pub(crate) fn of(open_keyspace: &OpenKeyspace, view: &DiskStatus) -> Self {
        let row = view.keyspaces.get(&open_keyspace.name).filter(|row| row.id == open_keyspace.id);
        let (entries, bytes) = row.map_or((0, 0), |row| (row.entries, row.bytes));
        let (evictions, expirations) = view.gone.get(&open_keyspace.id).copied().unwrap_or_default();
        Self { entries, bytes, evictions, expirations }
    }
}

/// Returns the statistics of a keyspace that these tallies are of.
pub(crate) fn of_keyspace(
    open_keyspace: &OpenKeyspace,
    memory: KeyspaceUsage,
    disk: &DiskUsage,
) -> KeyspaceStats {
    let sums = open_keyspace.counters.sums();
    KeyspaceStats {
        name: open_keyspace.name.clone(),
        memory_hits: sums.of(Count::MemoryHits),
        disk_hits: sums.of(Count::DiskHits),
        misses: sums.of(Count::Misses),
        loads: sums.of(Count::Loads),
        load_failures: sums.of(Count::LoadFailures),
        load_latency: open_keyspace.counters.load_times.latencies(),
        promotions: sums.of(Count::Promotions),
        voided_fills: sums.of(Count::VoidedFills),
        uncacheable: sums.of(Count::Uncacheable),
        uncacheable_cause: open_keyspace.counters.uncacheable_cause.text(),
        too_large_for_disk: sums.of(Count::TooLargeForDisk),
        too_large_for_disk_cause: open_keyspace.counters.too_large_cause.text(),
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
        undecodable_cause: open_keyspace.counters.undecodable_cause.text(),
    }
}
