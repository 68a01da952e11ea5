//! Statistics for a monitoring system, by way of the [`metrics`](https://docs.rs/metrics) facade (feature
//! `metrics`).
//!
//! A [`Publisher`] takes [`Cache::stats`] and hands it to whatever recorder the application has installed,
//! under the names in [`METRICS`]. It does so when it is told to, about as often as the metrics are fetched;
//! lookups know nothing of it.
//!
//! ```
//! use larder::{Cache, metrics::Publisher};
//!
//! let cache = Cache::builder().open()?;
//! let mut publisher = Publisher::new(&cache, "shop");
//! publisher.publish(); // every 15 s, or before the metrics are served
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! The example `metrics` serves them to Prometheus, and `docs/grafana-dashboard.json` shows them.

mod names;

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::api::cache::Cache;
use crate::stats::latency::Latencies;
use crate::stats::{DiskState, DiskStats, KeyspaceStats, Stats};

pub use names::{METRICS, Metric, MetricKind};

/// Publishes the statistics of one cache.
#[derive(Debug)]
pub struct Publisher {
    cache: Cache,
    name: String,
    /// By metric and keyspace, how many of each bucket have been recorded.
    recorded: BTreeMap<(&'static str, String), BTreeMap<Duration, u64>>,
}

impl Publisher {
    /// A publisher for a cache; `name` tells it from others of the process, as the label `cache`. It keeps
    /// the cache open.
    #[must_use]
    pub fn new(cache: &Cache, name: impl Into<String>) -> Self {
        Self { cache: cache.clone(), name: name.into(), recorded: BTreeMap::new() }
    }

    /// Tells the recorder that is installed what the metrics mean.
    pub fn describe() {
        for Metric { name, kind, unit, help } in METRICS {
            match kind {
                MetricKind::Counter => describe_counter!(*name, *unit, *help),
                MetricKind::Gauge => describe_gauge!(*name, *unit, *help),
                MetricKind::Histogram => describe_histogram!(*name, *unit, *help),
            }
        }
    }

    /// Publishes what the cache did and holds now.
    ///
    /// # Cost
    /// That of [`Cache::stats`], and what the recorder takes for about 30 metrics and 18 for each keyspace.
    pub fn publish(&mut self) {
        let stats = self.cache.stats();
        self.whole(&stats);
        for keyspace in &stats.keyspaces {
            self.keyspace(keyspace, stats.disk.is_some());
        }
        if let Some(disk) = &stats.disk {
            self.disk(disk);
        }
    }

    fn labels(&self, more: &[(&'static str, &str)]) -> Vec<Label> {
        let mut labels = vec![Label::new("cache", self.name.clone())];
        labels.extend(more.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())));
        labels
    }

    fn whole(&self, stats: &Stats) {
        let memory = || self.labels(&[("tier", "memory")]);
        gauge!("larder_capacity_bytes", memory()).set(float(stats.memory.capacity));
        counter!("larder_bypassed_total", self.labels(&[])).absolute(stats.memory.bypassed);
        gauge!("larder_unsaved_bytes", self.labels(&[])).set(float(stats.unsaved_bytes));
    }

    fn keyspace(&mut self, of: &KeyspaceStats, has_disk: bool) {
        let labels = self.labels(&[("keyspace", &of.name)]);
        for (name, count) in [
            ("larder_misses_total", of.misses),
            ("larder_loads_total", of.loads),
            ("larder_load_failures_total", of.load_failures),
            ("larder_promotions_total", of.promotions),
            ("larder_voided_fills_total", of.voided_fills),
            ("larder_uncacheable_total", of.uncacheable),
            ("larder_too_large_for_disk_total", of.too_large_for_disk),
            ("larder_inserts_total", of.inserts),
            ("larder_invalidations_total", of.invalidations),
            ("larder_undecodable_total", of.undecodable),
        ] {
            counter!(name, labels.clone()).absolute(count);
        }
        let memory =
            [of.memory_hits, of.memory_evictions, of.memory_expirations, of.memory_entries, of.memory_weight];
        let disk = [of.disk_hits, of.disk_evictions, of.disk_expirations, of.disk_entries, of.disk_bytes];
        for (tier, [hits, evictions, expirations, entries, bytes]) in [("memory", memory), ("disk", disk)] {
            if tier == "disk" && !has_disk {
                continue;
            }
            let labels = self.labels(&[("keyspace", &of.name), ("tier", tier)]);
            counter!("larder_hits_total", labels.clone()).absolute(hits);
            counter!("larder_evictions_total", labels.clone()).absolute(evictions);
            counter!("larder_expirations_total", labels.clone()).absolute(expirations);
            gauge!("larder_entries", labels.clone()).set(float(entries));
            gauge!("larder_bytes", labels).set(float(bytes));
        }
        self.latencies("larder_load_duration_seconds", Some(&of.name), &of.load_latency);
    }

    fn disk(&mut self, disk: &DiskStats) {
        let is_on = u64::from(disk.state == DiskState::On);
        gauge!("larder_capacity_bytes", self.labels(&[("tier", "disk")])).set(float(disk.capacity));
        let labels = self.labels(&[]);
        for (name, value) in [
            ("larder_file_bytes", float(disk.file_bytes)),
            ("larder_allocated_bytes", float(disk.allocated_bytes.unwrap_or(disk.file_bytes))),
            ("larder_usable_bytes", float(disk.usable_bytes)),
            ("larder_disk_on", float(is_on)),
            ("larder_flush_lag_seconds", disk.flush_lag.as_secs_f64()),
            ("larder_snapshot_age_seconds", disk.snapshot_age.as_secs_f64()),
        ] {
            gauge!(name, labels.clone()).set(value);
        }
        for (name, count) in [
            ("larder_degraded_seconds_total", disk.degraded.as_secs()),
            ("larder_commits_total", disk.commits),
            ("larder_faults_total", disk.faults),
            ("larder_suspensions_total", disk.suspensions),
            ("larder_discards_total", disk.discards),
            ("larder_recoveries_total", disk.recoveries),
            ("larder_quarantines_total", disk.quarantines),
            ("larder_damaged_records_total", disk.damaged_records),
            ("larder_read_faults_total", disk.read_faults),
        ] {
            counter!(name, labels.clone()).absolute(count);
        }
        self.latencies("larder_commit_duration_seconds", None, &disk.commit_latency);
    }

    /// Records what has come to the buckets since the last time.
    fn latencies(&mut self, name: &'static str, keyspace: Option<&str>, latencies: &Latencies) {
        let of_keyspace = keyspace.map(|keyspace| ("keyspace", keyspace));
        let histogram = histogram!(name, self.labels(of_keyspace.as_slice()));
        let recorded = self.recorded.entry((name, keyspace.unwrap_or_default().to_owned())).or_default();
        for bucket in &latencies.buckets {
            let before = recorded.insert(bucket.up_to, bucket.count).unwrap_or(0);
            // Fewer when the keyspace was opened with another version, and so counts anew.
            let new = bucket.count.checked_sub(before).unwrap_or(bucket.count);
            histogram.record_many(bucket.up_to.as_secs_f64(), usize::try_from(new).unwrap_or(usize::MAX));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the facade's gauges are floats")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
