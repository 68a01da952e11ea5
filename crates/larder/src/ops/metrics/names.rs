//! The table of all metrics: names, kinds, units, sources and help texts. The test of the dashboard uses this
//! table too.
//!
//! To add a metric, add a row here.

use std::time::Duration;

use metrics::Unit;

use crate::stats::latency::Latencies;
use crate::stats::remote::RemoteStats;
use crate::stats::{DiskState, DiskStats, KeyspaceStats, Stats};

/// A metric that a [`Publisher`](super::Publisher) publishes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The unit.
    pub unit: Unit,
    /// The help text.
    pub help: &'static str,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// A value that only grows while the cache is open.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// Many values. The exporter computes buckets or quantiles from them.
    Histogram,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum MetricSource {
    Cache(fn(&Stats) -> u64),
    /// A number for each tier: memory, and the disk tier if the cache has one.
    Tiers(fn(&Stats) -> [Option<u64>; 2]),
    Keyspace(fn(&KeyspaceStats) -> u64),
    /// A number of a keyspace for each tier: memory, disk.
    KeyspaceTiers(fn(&KeyspaceStats) -> [u64; 2]),
    /// A number of a keyspace for memory, and for the tier below it: the disk, or the server of a remote
    /// tier.
    KeyspaceHits(fn(&KeyspaceStats) -> [u64; 2]),
    KeyspaceLatencies(fn(&KeyspaceStats) -> &Latencies),
    Disk(fn(&DiskStats) -> u64),
    DiskSeconds(fn(&DiskStats) -> Duration),
    DiskLatencies(fn(&DiskStats) -> &Latencies),
    Remote(fn(&RemoteStats) -> u64),
}

/// Each row has the name, the kind, the unit and the source of a metric, then its help text.
macro_rules! metrics {
    ($($name:ident: $kind:ident $unit:ident $source:ident($value:expr), $help:literal;)+) => {
        /// All metrics. Each metric has the label `cache`. A metric of a keyspace has the label `keyspace`.
        /// A metric of a tier has the label `tier` (`memory` or `disk`). `larder_hits_total` also has the
        /// tier `remote`, the server of a remote tier.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: stringify!($name), kind: MetricKind::$kind, unit: Unit::$unit, help: $help },)+
        ];

        /// The sources of [`METRICS`], in the same order.
        pub(super) const SOURCES: &[MetricSource] = &[$(MetricSource::$source($value),)+];
    };
}

metrics! {
    larder_hits_total: Counter Count KeyspaceHits(|of| [of.memory_hits, of.disk_hits]),
        "Lookups answered, by keyspace and tier.";
    larder_misses_total: Counter Count Keyspace(|of| of.misses),
        "Lookups that no tier could answer, by keyspace.";
    larder_loads_total: Counter Count Keyspace(|of| of.loads),
        "Loads that were begun, by a loader or a lease, by keyspace.";
    larder_load_failures_total: Counter Count Keyspace(|of| of.load_failures),
        "Loads that failed, by keyspace: the loader returned an error or panicked, or the lease was dropped without a \
         result.";
    larder_stale_answers_total: Counter Count Keyspace(|of| of.stale_answers),
        "Failed loads answered with a stale value, and answers with a stale value during a cool-down, by keyspace.";
    larder_absent_answers_total: Counter Count Keyspace(|of| of.absent_answers),
        "Lookups answered with a cached absence (the source has no value), by keyspace.";
    larder_load_duration_seconds: Histogram Seconds KeyspaceLatencies(|of| &of.load_latency),
        "How long loaders ran, including those that failed, by keyspace. The precision is a fifth.";
    larder_refreshes_total: Counter Count Keyspace(|of| of.refreshes),
        "Refreshes that were started while the key had a live value, by keyspace.";
    larder_refreshes_refused_total: Counter Count Keyspace(|of| of.refreshes_refused),
        "Refreshes that were not started, because the threads or tasks for loads were busy, by keyspace.";
    larder_promotions_total: Counter Count Keyspace(|of| of.promotions),
        "Hits on disk or at the server of a remote tier that were copied into memory, by keyspace.";
    larder_voided_fills_total: Counter Count Keyspace(|of| of.voided_fills),
        "Loaded or promoted values that were not cached, because their key was written or invalidated meanwhile, by keyspace.";
    larder_uncacheable_total: Counter Count Keyspace(|of| of.uncacheable),
        "Loaded values that could not be cached, so that each caller loads them anew, by keyspace.";
    larder_too_large_for_disk_total: Counter Count Keyspace(|of| of.too_large_for_disk),
        "Values kept in memory only, because they are too large for the file, by keyspace.";
    larder_inserts_total: Counter Count Keyspace(|of| of.inserts),
        "Values that the application inserted, by keyspace. larder_loads_total counts the values from loaders.";
    larder_invalidations_total: Counter Count Keyspace(|of| of.invalidations),
        "Removals by the application, by keyspace. Each removed key, prefix, pattern or keyspace counts once, even if it \
         had no entry. Removals through the control socket are not counted.";
    larder_evictions_total: Counter Count KeyspaceTiers(|of| [of.memory_evictions, of.disk_evictions]),
        "Entries evicted for room, by keyspace and tier.";
    larder_expirations_total: Counter Count KeyspaceTiers(|of| [of.memory_expirations, of.disk_expirations]),
        "Expired entries that were removed, by keyspace and tier.";
    larder_undecodable_total: Counter Count Keyspace(|of| of.undecodable),
        "Lookups that found a record whose value did not decode, by keyspace.";
    larder_entries: Gauge Count KeyspaceTiers(|of| [of.memory_entries, of.disk_entries]),
        "Entries held, by keyspace and tier. Keys that are known to be absent are included.";
    larder_bytes: Gauge Bytes KeyspaceTiers(|of| [of.memory_weight.as_u64(), of.disk_bytes.as_u64()]),
        "In memory, the weight of the entries that do not wait for a commit. On disk, the size of the entries in the \
         file. By keyspace and tier. Entries that wait for a commit are in larder_unsaved_bytes.";
    larder_capacity_bytes: Gauge Bytes Tiers(|stats| [Some(stats.memory.capacity.as_u64()), stats.disk.as_ref().map(|disk| disk.capacity.as_u64())]),
        "Limit of a tier. In memory, of larder_bytes. On disk, of the size of the file.";
    larder_bypassed_total: Counter Count Cache(|stats| stats.memory.bypassed),
        "Values that memory did not keep for lack of room. A committed value is then only on disk.";
    larder_unsaved_bytes: Gauge Bytes Cache(|stats| stats.unsaved_bytes.as_u64()),
        "Size of the values in the write buffer, which are acknowledged and not yet committed. larder_bytes does not include it.";
    larder_file_bytes: Gauge Bytes Disk(|disk| disk.file_bytes.as_u64()),
        "Length of the file after the last commit.";
    larder_allocated_bytes: Gauge Bytes Disk(|disk| disk.allocated_bytes.unwrap_or(disk.file_bytes).as_u64()),
        "Space that the file takes on its disk, or its length if the file system's count is unreliable.";
    larder_usable_bytes: Gauge Bytes Disk(|disk| disk.usable_bytes.as_u64()),
        "Limit of larder_bytes on disk. A full cache comes close to it.";
    larder_disk_on: Gauge Count Disk(|disk| u64::from(disk.state == DiskState::On)),
        "1 while the disk tier is on, 0 while it is suspended or discarded.";
    larder_flush_lag_seconds: Gauge Seconds DiskSeconds(|disk| disk.flush_lag),
        "How long the oldest uncommitted insert has been waiting.";
    larder_snapshot_age_seconds: Gauge Seconds DiskSeconds(|disk| disk.snapshot_age),
        "Age of the committed state that lookups on disk see.";
    larder_degraded_seconds_total: Counter Seconds Disk(|disk| disk.degraded.as_secs()),
        "How long the disk tier was off, summed over all outages, in whole seconds.";
    larder_commits_total: Counter Count Disk(|disk| disk.commits),
        "Committed transactions.";
    larder_commit_duration_seconds: Histogram Seconds DiskLatencies(|disk| &disk.commit_latency),
        "How long commits took. The precision is a fifth.";
    larder_faults_total: Counter Count Disk(|disk| disk.faults),
        "Times that the store failed, including failures after which the disk tier stayed on.";
    larder_suspensions_total: Counter Count Disk(|disk| disk.suspensions),
        "Times that the disk tier was suspended.";
    larder_discards_total: Counter Count Disk(|disk| disk.discards),
        "Times that the file was discarded with its entries, because of a failure or of damage.";
    larder_recoveries_total: Counter Count Disk(|disk| disk.recoveries),
        "Times that the disk tier came back.";
    larder_quarantines_total: Counter Count Disk(|disk| disk.quarantines),
        "Times that the file was found damaged and was moved aside.";
    larder_damaged_records_total: Counter Count Disk(|disk| disk.damaged_records),
        "Reads on disk that found a damaged record. A lookup that finds one is a miss.";
    larder_read_faults_total: Counter Count Disk(|disk| disk.read_faults),
        "Reads on disk that failed with an error of the store. A lookup whose read fails is a miss.";
    larder_filtered_lookups_total: Counter Count Disk(|disk| disk.filtered),
        "Lookups that a filter in memory answered without a read of the file, because the file lacks the key.";
    larder_unfound_reads_total: Counter Count Disk(|disk| disk.unfound),
        "Reads of the file that found no record.";
    larder_filter_bytes: Gauge Bytes Disk(|disk| disk.filter_bytes.as_u64()),
        "Size of this filter in memory.";
    larder_unstamped_uses_total: Counter Count Disk(|disk| disk.unstamped_uses),
        "Uses whose later expiry was not recorded on disk. The entry may expire sooner after a restart.";
    larder_remote_failures_total: Counter Count Remote(|remote| remote.failures),
        "Requests of lookups, loads and iterations to the server of the remote tier that failed: without an answer, or \
         refused, unsupported or garbled. Such a lookup is a miss.";
    larder_remote_unsent_uses_total: Counter Count Remote(|remote| remote.unsent_uses),
        "Uses of entries with a time to idle that were not sent to the server of the remote tier, because too many others \
         were on their way, or after a refusal.";
}
