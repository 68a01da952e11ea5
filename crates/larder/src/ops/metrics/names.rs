//! The metrics, by name: a table that dashboards and tests are held against.

use metrics::Unit;

/// A metric that a [`Publisher`](super::Publisher) publishes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: Unit,
    /// What it says.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows, while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Many values, of which the exporter makes buckets or quantiles.
    Histogram,
}

const fn m(name: &'static str, kind: MetricKind, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind, unit, help }
}

/// All of them. Each has the label `cache`; those by keyspace have `keyspace`, those by tier `tier` (`memory`
/// or `disk`).
pub const METRICS: &[Metric] = &[
    m("larder_hits_total", MetricKind::Counter, Unit::Count, "Lookups answered, by keyspace and tier."),
    m(
        "larder_misses_total",
        MetricKind::Counter,
        Unit::Count,
        "Lookups that no tier could answer, by keyspace.",
    ),
    m("larder_loads_total", MetricKind::Counter, Unit::Count, "Loaders run, by keyspace."),
    m(
        "larder_load_failures_total",
        MetricKind::Counter,
        Unit::Count,
        "Loaders that returned an error or panicked, by keyspace.",
    ),
    m(
        "larder_load_duration_seconds",
        MetricKind::Histogram,
        Unit::Seconds,
        "How long loaders took, by keyspace, to a fifth.",
    ),
    m(
        "larder_promotions_total",
        MetricKind::Counter,
        Unit::Count,
        "Disk hits copied into memory, by keyspace.",
    ),
    m(
        "larder_voided_fills_total",
        MetricKind::Counter,
        Unit::Count,
        "Loaded or promoted values that were not cached, because their key was written or invalidated meanwhile, by keyspace.",
    ),
    m(
        "larder_uncacheable_total",
        MetricKind::Counter,
        Unit::Count,
        "Loaded values that could not be cached, so that each caller loads them anew, by keyspace.",
    ),
    m(
        "larder_too_large_for_disk_total",
        MetricKind::Counter,
        Unit::Count,
        "Values kept in memory alone, because they are too large for the file, by keyspace.",
    ),
    m(
        "larder_inserts_total",
        MetricKind::Counter,
        Unit::Count,
        "Values that the application inserted, by keyspace. Those that loads stored are in larder_loads_total alone.",
    ),
    m(
        "larder_invalidations_total",
        MetricKind::Counter,
        Unit::Count,
        "Calls of the application that remove entries, by keyspace. Removals through the control socket are not counted.",
    ),
    m(
        "larder_evictions_total",
        MetricKind::Counter,
        Unit::Count,
        "Entries removed for room, by keyspace and tier.",
    ),
    m(
        "larder_expirations_total",
        MetricKind::Counter,
        Unit::Count,
        "Entries removed for age, by keyspace and tier.",
    ),
    m(
        "larder_undecodable_total",
        MetricKind::Counter,
        Unit::Count,
        "Records whose value did not decode, by keyspace.",
    ),
    m("larder_entries", MetricKind::Gauge, Unit::Count, "Entries held, by keyspace and tier."),
    m(
        "larder_bytes",
        MetricKind::Gauge,
        Unit::Bytes,
        "What the clean ones of these weigh in memory, and what they are charged for on disk, by keyspace and \
         tier. What waits in the write buffer is in larder_unsaved_bytes.",
    ),
    m("larder_capacity_bytes", MetricKind::Gauge, Unit::Bytes, "What a tier may hold."),
    m(
        "larder_bypassed_total",
        MetricKind::Counter,
        Unit::Count,
        "Values left to the disk because memory had no room for them.",
    ),
    m(
        "larder_unsaved_bytes",
        MetricKind::Gauge,
        Unit::Bytes,
        "Bytes in the write buffer: acknowledged and not yet committed. They stand beside larder_bytes.",
    ),
    m("larder_file_bytes", MetricKind::Gauge, Unit::Bytes, "Length of the file."),
    m(
        "larder_allocated_bytes",
        MetricKind::Gauge,
        Unit::Bytes,
        "Bytes that the file takes on its disk; its length where the file system does not tell.",
    ),
    m(
        "larder_usable_bytes",
        MetricKind::Gauge,
        Unit::Bytes,
        "Bytes that all entries on disk may be charged for: a full cache has about as many in larder_bytes.",
    ),
    m(
        "larder_disk_on",
        MetricKind::Gauge,
        Unit::Count,
        "1 while the disk tier is on, 0 while it is suspended or discarded.",
    ),
    m(
        "larder_flush_lag_seconds",
        MetricKind::Gauge,
        Unit::Seconds,
        "How long the oldest insert has waited that is not committed.",
    ),
    m(
        "larder_snapshot_age_seconds",
        MetricKind::Gauge,
        Unit::Seconds,
        "How long ago the state of the file was committed that lookups see.",
    ),
    m(
        "larder_degraded_seconds_total",
        MetricKind::Counter,
        Unit::Seconds,
        "How long the disk tier has not been on, in whole seconds.",
    ),
    m("larder_commits_total", MetricKind::Counter, Unit::Count, "Transactions committed."),
    m(
        "larder_commit_duration_seconds",
        MetricKind::Histogram,
        Unit::Seconds,
        "How long commits took, to a fifth.",
    ),
    m("larder_faults_total", MetricKind::Counter, Unit::Count, "Times that the store failed."),
    m(
        "larder_suspensions_total",
        MetricKind::Counter,
        Unit::Count,
        "Times that the disk tier was suspended.",
    ),
    m(
        "larder_discards_total",
        MetricKind::Counter,
        Unit::Count,
        "Times that the file was put out of service.",
    ),
    m("larder_recoveries_total", MetricKind::Counter, Unit::Count, "Times that the disk tier came back."),
    m(
        "larder_quarantines_total",
        MetricKind::Counter,
        Unit::Count,
        "Times that the file was found to be damaged, and replaced.",
    ),
    m("larder_damaged_records_total", MetricKind::Counter, Unit::Count, "Records that failed their check."),
    m(
        "larder_read_faults_total",
        MetricKind::Counter,
        Unit::Count,
        "Lookups that the store answered with an error.",
    ),
];
