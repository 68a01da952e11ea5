//! Publishes statistics to a monitoring system through the [`metrics`](https://docs.rs/metrics) facade
//! (feature `metrics`).
//!
//! A [`Publisher`] reads [`Cache::stats`] and passes the numbers, under the names in [`METRICS`], to the
//! recorder that the application has installed. Call [`Publisher::publish`] about as often as the metrics
//! are scraped. Publishing takes only short locks, so it hardly slows lookups.
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
//! The example `metrics` serves the metrics to Prometheus. `docs/grafana-dashboard.json` is a dashboard that
//! shows them.

mod names;

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::api::cache::Cache;
use crate::stats::latency::Latencies;
use crate::stats::{DiskStats, KeyspaceStats, Stats};
use names::{MetricSource, SOURCES};

pub use names::{METRICS, Metric, MetricKind};

/// The label of each tier, in the order of [`MetricSource::Tiers`] and [`MetricSource::KeyspaceTiers`].
const TIERS: [(&str, &str); 2] = [("tier", "memory"), ("tier", "disk")];

/// The label of the server of a remote tier. A cache never has both such a server and a disk tier.
const REMOTE: (&str, &str) = ("tier", "remote");

/// Publishes the statistics of one cache.
///
/// Keep the publisher as long as the cache is open. A counter is published as the increment since the last
/// call, so a second publisher of the same cache would count everything again. If a cache is closed and
/// opened again, its counters begin at zero, and the published counters go on.
#[derive(Debug)]
pub struct Publisher {
    cache: Cache,
    name: String,
    /// The last published value of each counter, by metric and labels.
    counted: BTreeMap<(&'static str, Vec<Label>), u64>,
    /// Number of durations recorded so far in each bucket, by metric and keyspace.
    recorded: BTreeMap<(&'static str, String), BTreeMap<Duration, u64>>,
}

impl Publisher {
    /// Creates a publisher for a cache. `name` is the value of the label `cache`, which distinguishes the
    /// caches of one process. The publisher keeps the cache open.
    #[must_use]
    pub fn new(cache: &Cache, name: impl Into<String>) -> Self {
        Self { cache: cache.clone(), name: name.into(), counted: BTreeMap::new(), recorded: BTreeMap::new() }
    }

    /// Registers the unit and the help text of each metric with the installed recorder.
    pub fn describe() {
        for Metric { name, kind, unit, help } in METRICS {
            match kind {
                MetricKind::Counter => describe_counter!(*name, *unit, *help),
                MetricKind::Gauge => describe_gauge!(*name, *unit, *help),
                MetricKind::Histogram => describe_histogram!(*name, *unit, *help),
            }
        }
    }

    /// Publishes the current statistics of the cache. The recorder must be installed before the first call.
    ///
    /// # Cost
    /// Costs the same as [`Cache::stats`]. In addition, the recorder takes about 25 values, and about 25
    /// more for each keyspace.
    pub fn publish(&mut self) {
        let stats = self.cache.stats();
        self.publish_stats(&stats);
    }

    fn publish_stats(&mut self, stats: &Stats) {
        for (metric, source) in METRICS.iter().zip(SOURCES) {
            match source {
                MetricSource::Cache(value) => self.set(metric, &[], value(stats)),
                MetricSource::Tiers(values) => {
                    for (tier, value) in TIERS.into_iter().zip(values(stats)) {
                        if let Some(value) = value {
                            self.set(metric, &[tier], value);
                        }
                    }
                }
                _ => {}
            }
            for keyspace in &stats.keyspaces {
                self.publish_keyspace(metric, *source, keyspace, stats);
            }
            if let (MetricSource::Remote(value), Some(remote)) = (source, &stats.remote) {
                self.set(metric, &[], value(remote));
            }
            if let Some(disk) = &stats.disk {
                self.publish_disk(metric, *source, disk);
            }
        }
    }

    fn labels(&self, more: &[(&'static str, &str)]) -> Vec<Label> {
        let mut labels = vec![Label::new("cache", self.name.clone())];
        labels.extend(more.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())));
        labels
    }

    fn set(&mut self, metric: &Metric, labels: &[(&'static str, &str)], value: u64) {
        let labels = self.labels(labels);
        match metric.kind {
            MetricKind::Counter => {
                // An absolute value would be ignored while an earlier cache with this name had a larger one.
                let counter = counter!(metric.name, labels.clone());
                let before = self.counted.insert((metric.name, labels), value).unwrap_or(0);
                counter.increment(value.saturating_sub(before));
            }
            MetricKind::Gauge | MetricKind::Histogram => gauge!(metric.name, labels).set(float(value)),
        }
    }

    fn publish_keyspace(&mut self, metric: &Metric, source: MetricSource, of: &KeyspaceStats, stats: &Stats) {
        let keyspace = ("keyspace", of.name.as_str());
        match source {
            MetricSource::Keyspace(value) => self.set(metric, &[keyspace], value(of)),
            MetricSource::KeyspaceTiers(values) => {
                let tiers = TIERS.into_iter().take(if stats.disk.is_some() { 2 } else { 1 });
                for (tier, value) in tiers.zip(values(of)) {
                    self.set(metric, &[keyspace, tier], value);
                }
            }
            MetricSource::KeyspaceHits(values) => {
                let [memory, disk] = TIERS;
                let below = stats.remote.as_ref().map(|_| REMOTE).or(stats.disk.as_ref().map(|_| disk));
                for (tier, value) in [Some(memory), below].into_iter().flatten().zip(values(of)) {
                    self.set(metric, &[keyspace, tier], value);
                }
            }
            MetricSource::KeyspaceLatencies(latencies) => {
                self.latencies(metric.name, Some(&of.name), latencies(of));
            }
            _ => {}
        }
    }

    fn publish_disk(&mut self, metric: &Metric, source: MetricSource, disk: &DiskStats) {
        match source {
            MetricSource::Disk(value) => self.set(metric, &[], value(disk)),
            MetricSource::DiskSeconds(value) => {
                gauge!(metric.name, self.labels(&[])).set(value(disk).as_secs_f64());
            }
            MetricSource::DiskLatencies(latencies) => self.latencies(metric.name, None, latencies(disk)),
            _ => {}
        }
    }

    /// Records the durations that were added to the buckets since the last call.
    fn latencies(&mut self, name: &'static str, keyspace: Option<&str>, latencies: &Latencies) {
        let of_keyspace = keyspace.map(|keyspace| ("keyspace", keyspace));
        let histogram = histogram!(name, self.labels(of_keyspace.as_slice()));
        let recorded = self.recorded.entry((name, keyspace.unwrap_or_default().to_owned())).or_default();
        for bucket in &latencies.buckets {
            let before = recorded.insert(bucket.up_to, bucket.count).unwrap_or(0);
            let new = bucket.count.saturating_sub(before);
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
