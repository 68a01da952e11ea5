//! Collects the statistics from the counters of the keyspaces, the memory tier, the link to a remote tier,
//! and the latest status of the disk tier.

use super::keyspaces::open_keyspace::OpenKeyspace;
use super::shared::Shared;
use crate::disk::disk_status::DiskStatus;
use crate::memory::keyspace_usage::KeyspaceUsage;
use crate::stats::remote::RemoteStats;
use crate::stats::{DiskStats, KeyspaceStats, MemoryStats, Stats};
use crate::units::ByteSize;

impl Shared {
    /// In a forked child, returns empty statistics.
    pub(crate) fn stats(&self) -> Stats {
        // A forked child must not collect statistics, because that takes the lock of every shard.
        if self.is_forked() {
            return Stats::default();
        }
        let tiers = &self.tiers;
        let (totals, usages, disk_status) =
            (tiers.memory.totals(), tiers.memory.usages(), tiers.disk.status());
        let memory = MemoryStats {
            weight: tiers.memory.taken().into(),
            capacity: tiers.memory.capacity().into(),
            evictions: totals.evictions,
            expirations: totals.expirations,
            bypassed: totals.bypassed,
            ..MemoryStats::default()
        };
        let (now, lifetime) = (tiers.time.now(), tiers.cumulative(0, usize::MAX));
        let mut stats = Stats {
            uptime: tiers.time.clock().monotonic().saturating_sub(self.opened.at),
            memory,
            unsaved_bytes: tiers.memory.buffer().used().into(),
            write_buffer: tiers.memory.buffer().capacity().into(),
            recent: lifetime.as_ref().map(|totals| tiers.recent(now, totals)).unwrap_or_default(),
            lifetime,
            ..Stats::default()
        };
        let mut disk_hits = 0;
        for open_keyspace in self.keyspaces.by_name.lock().values() {
            let usage = usages.get(&open_keyspace.id).copied().unwrap_or_default();
            let keyspace = keyspace_stats(open_keyspace, usage, &DiskUsage::of(open_keyspace, &disk_status));
            stats.add_counts(&keyspace);
            disk_hits += keyspace.disk_hits;
            stats.memory.entries += keyspace.memory_entries;
            stats.memory.unsaved_weight += keyspace.unsaved_weight;
            stats.keyspaces.push(keyspace);
        }
        stats.disk = tiers.has_disk().then(|| DiskStats { hits: disk_hits, ..disk_stats(self, disk_status) });
        stats.remote = tiers.remote().map(|remote| RemoteStats {
            server: remote.tier.name(),
            hits: disk_hits,
            failures: remote.failures(),
            unsent_uses: remote.uses.unsent(),
        });
        stats
    }

    /// Returns the statistics of one keyspace. Reads no counters of other keyspaces.
    pub(crate) fn stats_of(&self, open_keyspace: &OpenKeyspace) -> KeyspaceStats {
        if self.is_forked() {
            return KeyspaceStats { name: open_keyspace.name.clone(), ..KeyspaceStats::default() };
        }
        let usage = self.tiers.memory.usage(open_keyspace.id);
        let disk = self.tiers.disk.with_status(|disk_status| DiskUsage::of(open_keyspace, disk_status));
        keyspace_stats(open_keyspace, usage, &disk)
    }
}

/// Returns the statistics of the disk tier, without the number of hits, which the keyspaces count.
fn disk_stats(shared: &Shared, disk_status: DiskStatus) -> DiskStats {
    let tiers = &shared.tiers;
    let now = tiers.time.now();
    let (filtered, unfound, filter_bytes) = tiers.disk.absent_keys.statistics();
    DiskStats {
        hits: 0,
        entries: disk_status.entries,
        bytes: disk_status.bytes.into(),
        pending_removals: disk_status.pending_removals,
        usable_bytes: disk_status.usable.into(),
        file_bytes: disk_status.extent.len.into(),
        allocated_bytes: disk_status.extent.allocated.map(ByteSize::bytes),
        capacity: shared.settings.disk_capacity.into(),
        commits: disk_status.commits,
        evictions: disk_status.evictions,
        expirations: disk_status.expirations,
        recovered_entries: disk_status.recovered_entries,
        was_closed_cleanly: disk_status.was_closed_cleanly,
        damaged_records: disk_status.damaged_records,
        read_faults: disk_status.read_faults,
        filtered,
        unfound,
        filter_bytes: filter_bytes.into(),
        unstamped_uses: tiers.memory.use_stamps.dropped(),
        degraded: disk_status.degraded(now),
        flush_lag: tiers.writer_metrics.lag.age(now),
        flush_interval: shared.opened.flush_interval,
        page_cache: shared.opened.page_cache,
        snapshot_age: now.since(disk_status.shown_at),
        commit_latency: tiers.writer_metrics.commit_times.latencies(),
        quarantined: disk_status.quarantined,
        state: disk_status.state,
        off: disk_status.off,
        faults: disk_status.faults,
        suspensions: disk_status.suspensions,
        discards: disk_status.discards,
        recoveries: disk_status.recoveries,
        quarantines: disk_status.quarantines,
    }
}

struct DiskUsage {
    entries: u64,
    bytes: u64,
    evictions: u64,
    expirations: u64,
}

impl DiskUsage {
    fn of(open_keyspace: &OpenKeyspace, disk_status: &DiskStatus) -> Self {
        let row = disk_status.keyspaces.get(&open_keyspace.name).filter(|row| row.id == open_keyspace.id);
        let (entries, bytes) = row.map_or((0, 0), |row| (row.entries, row.bytes));
        let (evictions, expirations) = disk_status.gone.get(&open_keyspace.id).copied().unwrap_or_default();
        Self { entries, bytes, evictions, expirations }
    }
}

fn keyspace_stats(open_keyspace: &OpenKeyspace, memory: KeyspaceUsage, disk: &DiskUsage) -> KeyspaceStats {
    let mut stats = KeyspaceStats {
        name: open_keyspace.name.clone(),
        load_latency: open_keyspace.counters.load_times.latencies(),
        uncacheable_cause: open_keyspace.counters.uncacheable_cause.text(),
        too_large_for_disk_cause: open_keyspace.counters.too_large_cause.text(),
        memory_entries: memory.entries,
        memory_weight: memory.weight.into(),
        unsaved_weight: memory.unsaved_weight.into(),
        memory_evictions: memory.evictions,
        memory_expirations: memory.expirations,
        disk_entries: disk.entries,
        disk_bytes: disk.bytes.into(),
        disk_evictions: disk.evictions,
        disk_expirations: disk.expirations,
        undecodable_cause: open_keyspace.counters.undecodable_cause.text(),
        ..KeyspaceStats::default()
    };
    stats.set_counts(&open_keyspace.counters.sums());
    stats
}
