//! Statistics, put together from where they are counted.

use crate::api::keyspace::stats::{DiskUsage, of_keyspace};
use crate::disk::disk_status::DiskStatus;
use crate::engine::shared::Shared;
use crate::stats::{DiskStats, MemoryStats, Stats};

pub(super) fn of(shared: &Shared) -> Stats {
    // Counting waits for every shard.
    if shared.is_forked() {
        return Stats::default();
    }
    let tiers = &shared.tiers;
    let (totals, usages, view) = (tiers.memory.totals(), tiers.memory.usages(), tiers.view());
    let memory = MemoryStats {
        weight: tiers.memory.taken(),
        capacity: tiers.memory.capacity(),
        evictions: totals.evictions,
        expirations: totals.expirations,
        bypassed: totals.bypassed,
        ..MemoryStats::default()
    };
    let (now, lifetime) = (tiers.time.now(), tiers.lifetime(0, usize::MAX));
    let mut stats = Stats {
        uptime: tiers.time.clock().monotonic().saturating_sub(shared.opened.at),
        memory,
        unsaved_bytes: tiers.memory.buffer().used(),
        write_buffer: tiers.memory.buffer().capacity(),
        recent: lifetime.as_ref().map(|totals| tiers.recent(now, totals)).unwrap_or_default(),
        lifetime,
        ..Stats::default()
    };
    let mut disk_hits = 0;
    for open_keyspace in shared.open_keyspaces.lock().values() {
        let usage = usages.get(&open_keyspace.id).copied().unwrap_or_default();
        let keyspace = of_keyspace(open_keyspace, usage, &DiskUsage::of(open_keyspace, &view));
        stats.memory.hits += keyspace.memory_hits;
        disk_hits += keyspace.disk_hits;
        stats.misses += keyspace.misses;
        stats.loads += keyspace.loads;
        stats.load_failures += keyspace.load_failures;
        stats.voided_fills += keyspace.voided_fills;
        stats.uncacheable += keyspace.uncacheable;
        stats.too_large_for_disk += keyspace.too_large_for_disk;
        stats.promotions += keyspace.promotions;
        stats.inserts += keyspace.inserts;
        stats.invalidations += keyspace.invalidations;
        stats.memory.entries += keyspace.memory_entries;
        stats.memory.unsaved_weight += keyspace.unsaved_weight;
        stats.keyspaces.push(keyspace);
    }
    stats.disk = tiers.has_disk().then(|| DiskStats { hits: disk_hits, ..of_disk(shared, view) });
    stats
}

fn of_disk(shared: &Shared, view: DiskStatus) -> DiskStats {
    let tiers = &shared.tiers;
    let now = tiers.time.now();
    DiskStats {
        hits: 0,
        entries: view.entries,
        bytes: view.bytes,
        pending_removals: view.pending_removals,
        usable_bytes: view.usable,
        file_bytes: view.extent.len,
        allocated_bytes: view.extent.allocated,
        capacity: shared.disk_capacity,
        commits: view.commits,
        evictions: view.evictions,
        expirations: view.expirations,
        recovered_entries: view.recovered_entries,
        was_closed_cleanly: view.was_closed_cleanly,
        damaged_records: view.damaged_records,
        read_faults: view.read_faults,
        degraded: view.degraded(now),
        flush_lag: tiers.flush_lag(now),
        flush_interval: shared.opened.flush_interval,
        page_cache: shared.opened.page_cache,
        snapshot_age: now.since(view.shown_at),
        commit_latency: tiers.commit_times().latencies(),
        quarantined: view.quarantined,
        state: view.state,
        off: view.off,
        faults: view.faults,
        suspensions: view.suspensions,
        discards: view.discards,
        recoveries: view.recoveries,
        quarantines: view.quarantines,
    }
}
