//! Statistics of a live cache at several times, and the rates between them.
//!
//! The difference between the first and the last statistics has the counts of the time in which the cache was
//! watched. If statistics were taken only once, or too little happened in that time, the counts of the last
//! minutes are used ([`Stats::recent`]).

use std::time::Duration;

use larder::{CumulativeStats, KeyspaceStats, Latencies, Stats};

use crate::cache::stats::{self, latencies_between};
use crate::term::time::span;

/// Number of samples after the first. Several are needed, because the check of the flush lag uses its
/// minimum.
pub(super) const SAMPLES: u32 = 8;
/// Time after opening in which a cache is still filling. Its misses and rates do not indicate a fault yet.
pub(super) const WARM_UP: Duration = Duration::from_mins(10);
/// Minimum number of lookups for judging a recent hit rate. A single client that asks for missing keys may
/// cause a few hundred lookups.
pub(super) const MIN_RECENT_LOOKUPS: u64 = 500;

/// Statistics of one process at one or more times.
#[derive(Debug)]
pub(super) struct StatsSeries {
    first: Stats,
    /// The later statistics, each with the time since the first.
    later: Vec<(Duration, Stats)>,
}

#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) duration: Duration,
    pub(super) counts: CumulativeStats,
    /// Whether the interval began when the cache was opened.
    is_since_start: bool,
}

impl StatsSeries {
    pub(super) fn new(first: Stats) -> Self {
        Self { first, later: Vec::new() }
    }

    pub(super) fn push(&mut self, at: Duration, stats: Stats) {
        self.later.push((at, stats));
    }

    pub(super) fn latest(&self) -> &Stats {
        self.later.last().map_or(&self.first, |(_, stats)| stats)
    }

    /// Returns how long the cache was watched: zero if statistics were taken once.
    pub(super) fn duration(&self) -> Duration {
        self.later.last().map_or(Duration::ZERO, |(at, _)| *at)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Stats> {
        [&self.first].into_iter().chain(self.later.iter().map(|(_, stats)| stats))
    }

    /// Returns by how much a count of a keyspace grew while the cache was watched.
    pub(super) fn growth_in(&self, keyspace: &KeyspaceStats, count: impl Fn(&KeyspaceStats) -> u64) -> u64 {
        let before = self.keyspace_before(&keyspace.name);
        count(keyspace).saturating_sub(before.map_or(0, count))
    }

    /// Returns the latencies of a keyspace's loads that ended while the cache was watched.
    pub(super) fn load_latency_of(&self, keyspace: &KeyspaceStats) -> Latencies {
        let before = self.keyspace_before(&keyspace.name).map(|before| &before.load_latency);
        let all = &keyspace.load_latency;
        before.map_or_else(|| all.clone(), |before| latencies_between(before, all))
    }

    fn keyspace_before(&self, name: &str) -> Option<&KeyspaceStats> {
        stats::keyspace(&self.first, name)
    }

    /// Returns the latencies that were recorded while the cache was watched.
    pub(super) fn latencies(&self, of: impl Fn(&Stats) -> Latencies) -> Latencies {
        latencies_between(&of(&self.first), &of(self.latest()))
    }

    /// Returns the interval in which the cache was watched, with its counts. Returns `None` if statistics
    /// were taken only once.
    pub(super) fn watched(&self) -> Option<Window> {
        let duration = self.duration();
        let counts = minus(&totals(self.latest()), &totals(&self.first));
        (duration > Duration::ZERO).then_some(Window { duration, counts, is_since_start: false })
    }

    pub(super) fn since_start(&self) -> Window {
        let latest = self.latest();
        Window { duration: latest.uptime, counts: totals(latest), is_since_start: true }
    }

    /// Returns the shortest recent interval with enough counts.
    ///
    /// The interval since the start is considered only while the cache is new, because later it is not
    /// recent.
    pub(super) fn shortest(&self, is_enough: impl Fn(&CumulativeStats) -> bool) -> Option<Window> {
        self.watched().into_iter().chain(self.recorded()).find(|window| is_enough(&window.counts))
    }

    /// Returns the interval that shows whether an event still happens.
    ///
    /// Returns the watched interval if the event happened in it. Otherwise returns the shortest recorded
    /// interval with enough lookups, or the longest one if none has enough, because two seconds without a
    /// rare event prove nothing. Returns `None` if the interval has neither lookups nor the event, because
    /// then nothing can be concluded.
    pub(super) fn recent(&self, count: impl Fn(&CumulativeStats) -> u64) -> Option<Window> {
        let watched = self.watched();
        if let Some(window) = watched.clone().filter(|window| count(&window.counts) > 0) {
            return Some(window);
        }
        let recent: Vec<Window> = self.recorded().collect();
        let busy = recent.iter().find(|window| window.counts.requests() >= MIN_RECENT_LOOKUPS);
        let window = busy.or(recent.last()).cloned().or(watched);
        window.filter(|window| window.counts.requests() > 0 || count(&window.counts) > 0)
    }

    /// Returns the intervals that the statistics record, shortest first. While the cache is new, adds the
    /// interval since the start.
    fn recorded(&self) -> impl Iterator<Item = Window> {
        let recent = self.latest().recent.iter().map(|recent| Window {
            duration: recent.over,
            counts: recent.counts.clone(),
            is_since_start: false,
        });
        recent.chain(Some(self.since_start()).filter(|start| start.duration < WARM_UP))
    }

    /// Returns the interval from the start to the beginning of a recent interval.
    pub(super) fn before(&self, window: &Window) -> Window {
        let start = self.since_start();
        Window {
            duration: start.duration.saturating_sub(window.duration),
            counts: minus(&start.counts, &window.counts),
            is_since_start: true,
        }
    }
}

impl Window {
    pub(super) fn per_second(&self, count: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
        let count = count as f64;
        if self.duration.is_zero() { 0.0 } else { count / self.duration.as_secs_f64() }
    }

    pub(super) fn describe(&self) -> String {
        let span = span(self.duration);
        if self.is_since_start { format!("{span} since the start") } else { format!("the last {span}") }
    }
}

pub(super) fn rate(per_second: f64) -> String {
    if per_second >= 10.0 || per_second == 0.0 {
        format!("{per_second:.0}/s")
    } else {
        format!("{per_second:.1}/s")
    }
}

/// Returns `part` divided by `whole`. Returns zero if `whole` is zero.
#[expect(clippy::cast_precision_loss, reason = "a share of counts, for people")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn totals(stats: &Stats) -> CumulativeStats {
    let disk = stats.disk.clone().unwrap_or_default();
    let mut totals = CumulativeStats::default();
    totals.memory_hits = stats.memory.hits;
    totals.disk_hits = disk.hits;
    totals.misses = stats.misses;
    totals.loads = stats.loads;
    totals.load_failures = stats.load_failures;
    totals.promotions = stats.promotions;
    totals.inserts = stats.inserts;
    totals.invalidations = stats.invalidations;
    totals.memory_evictions = stats.memory.evictions;
    totals.memory_expirations = stats.memory.expirations;
    totals.disk_evictions = disk.evictions;
    totals.disk_expirations = disk.expirations;
    totals.commits = disk.commits;
    totals.undecodable = stats.keyspaces.iter().map(|space| space.undecodable).fold(0, u64::saturating_add);
    totals.uncacheable = stats.uncacheable;
    totals.voided_fills = stats.voided_fills;
    totals.stale_answers = stats.stale_answers;
    totals.absent_answers = stats.absent_answers;
    totals.refreshes = stats.refreshes;
    totals.refreshes_refused = stats.refreshes_refused;
    totals
}

fn minus(now: &CumulativeStats, before: &CumulativeStats) -> CumulativeStats {
    let mut grown = now.clone();
    for (count, before) in [
        (&mut grown.memory_hits, before.memory_hits),
        (&mut grown.disk_hits, before.disk_hits),
        (&mut grown.misses, before.misses),
        (&mut grown.loads, before.loads),
        (&mut grown.load_failures, before.load_failures),
        (&mut grown.promotions, before.promotions),
        (&mut grown.inserts, before.inserts),
        (&mut grown.invalidations, before.invalidations),
        (&mut grown.memory_evictions, before.memory_evictions),
        (&mut grown.memory_expirations, before.memory_expirations),
        (&mut grown.disk_evictions, before.disk_evictions),
        (&mut grown.disk_expirations, before.disk_expirations),
        (&mut grown.commits, before.commits),
        (&mut grown.undecodable, before.undecodable),
        (&mut grown.uncacheable, before.uncacheable),
        (&mut grown.voided_fills, before.voided_fills),
        (&mut grown.stale_answers, before.stale_answers),
        (&mut grown.absent_answers, before.absent_answers),
        (&mut grown.refreshes, before.refreshes),
        (&mut grown.refreshes_refused, before.refreshes_refused),
    ] {
        *count = count.saturating_sub(before);
    }
    grown
}
