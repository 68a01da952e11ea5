//! What a live cache told, several times: totals become rates.
//!
//! The first look and the last give what happened between them. Where there was one look alone, or too little
//! between the two, the statistics themselves say what the last minutes did ([`Stats::recent`]).

use std::time::Duration;

use larder::{CumulativeStats, KeyspaceStats, Latencies, Stats};

/// Looks that are taken: the lag of the disk goes up and down between two commits, and its least is to be
/// seen.
pub(super) const LOOKS: u32 = 8;
/// A cache that was opened a shorter while ago is still filling: its misses and its rates say nothing yet.
pub(super) const WARM_UP: Duration = Duration::from_mins(10);
/// Lookups before a rate of the last minutes says anything: a burst of some hundred may be a client that asks
/// for what is not there.
pub(super) const ENOUGH_LATELY: u64 = 500;

/// Statistics of one process, each with the time since the first; never empty.
#[derive(Debug)]
pub(super) struct Looks {
    first: Stats,
    /// Those after the first.
    later: Vec<(Duration, Stats)>,
}

/// What was counted in some span.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) over: Duration,
    pub(super) counts: CumulativeStats,
    /// Whether it began with the cache.
    is_all: bool,
}

impl Looks {
    pub(super) fn of(first: Stats) -> Self {
        Self { first, later: Vec::new() }
    }

    pub(super) fn add(&mut self, at: Duration, stats: Stats) {
        self.later.push((at, stats));
    }

    /// The latest statistics.
    pub(super) fn last(&self) -> &Stats {
        self.later.last().map_or(&self.first, |(_, stats)| stats)
    }

    /// How long it was watched; zero for one look.
    pub(super) fn over(&self) -> Duration {
        self.later.last().map_or(Duration::ZERO, |(at, _)| *at)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Stats> {
        [&self.first].into_iter().chain(self.later.iter().map(|(_, stats)| stats))
    }

    /// How much a count of a keyspace grew while it was watched.
    pub(super) fn grown_in(&self, keyspace: &KeyspaceStats, count: impl Fn(&KeyspaceStats) -> u64) -> u64 {
        let before = self.keyspace_before(&keyspace.name);
        count(keyspace).saturating_sub(before.map_or(0, count))
    }

    /// How long the loads of a keyspace took that ended while it was watched.
    pub(super) fn loads_of(&self, keyspace: &KeyspaceStats) -> Latencies {
        let before = self.keyspace_before(&keyspace.name).map(|before| &before.load_latency);
        before.map_or_else(|| keyspace.load_latency.clone(), |before| since(&keyspace.load_latency, before))
    }

    fn keyspace_before(&self, name: &str) -> Option<&KeyspaceStats> {
        // They come in the order of their names, and may be thousands.
        let at = self.first.keyspaces.binary_search_by(|before| (*before.name).cmp(name)).ok()?;
        self.first.keyspaces.get(at)
    }

    /// The latencies of what ended while it was watched.
    pub(super) fn latencies(&self, of: impl Fn(&Stats) -> Latencies) -> Latencies {
        since(&of(self.last()), &of(&self.first))
    }

    /// What it did while it was watched.
    pub(super) fn watched(&self) -> Option<Window> {
        let over = self.over();
        let counts = minus(&totals(self.last()), &totals(&self.first));
        (over > Duration::ZERO).then_some(Window { over, counts, is_all: false })
    }

    /// What it did since the start.
    pub(super) fn since_start(&self) -> Window {
        let last = self.last();
        Window { over: last.uptime, counts: totals(last), is_all: true }
    }

    /// What it did of late: the shortest span in which a count is enough. That since the start is one of them
    /// only while the cache is new: later on it speaks of the past.
    pub(super) fn lately(&self, enough: impl Fn(&CumulativeStats) -> bool) -> Option<Window> {
        self.watched().into_iter().chain(self.told_as_recent()).find(|window| enough(&window.counts))
    }

    /// Where something was counted of late that may be over: the watch, if it was counted there; or else the
    /// last minute, or the last ten while the last had few lookups. A count that was rare in a busy minute is
    /// not taken for over because two seconds had none. None if there was no lookup: that says nothing.
    pub(super) fn of_late(&self, count: impl Fn(&CumulativeStats) -> u64) -> Option<Window> {
        let watched = self.watched();
        if let Some(window) = watched.clone().filter(|window| count(&window.counts) > 0) {
            return Some(window);
        }
        let recent: Vec<Window> = self.told_as_recent().collect();
        let busy = recent.iter().find(|window| window.counts.requests() >= ENOUGH_LATELY);
        let window = busy.or(recent.last()).cloned().or(watched);
        window.filter(|window| window.counts.requests() + count(&window.counts) > 0)
    }

    /// The spans that the statistics themselves tell of, the shortest first; and that since the start, while the
    /// cache is new.
    fn told_as_recent(&self) -> impl Iterator<Item = Window> {
        let recent = self.last().recent.iter();
        let recent =
            recent.map(|recent| Window { over: recent.over, counts: recent.counts.clone(), is_all: false });
        recent.chain(Some(self.since_start()).filter(|start| start.over < WARM_UP))
    }

    /// What it did before a span that ends now.
    pub(super) fn before(&self, window: &Window) -> Window {
        let start = self.since_start();
        let over = start.over.saturating_sub(window.over);
        Window { over, counts: minus(&start.counts, &window.counts), is_all: true }
    }
}

impl Window {
    pub(super) fn per_second(&self, count: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
        let count = count as f64;
        if self.over.is_zero() { 0.0 } else { count / self.over.as_secs_f64() }
    }

    /// The span as it is told.
    pub(super) fn told(&self) -> String {
        let span = crate::time::span(self.over);
        if self.is_all { format!("{span} since the start") } else { format!("the last {span}") }
    }
}

/// A rate as it is told.
pub(super) fn rate(per_second: f64) -> String {
    if per_second >= 10.0 || per_second == 0.0 {
        format!("{per_second:.0}/s")
    } else {
        format!("{per_second:.1}/s")
    }
}

/// A share of counts; zero of none.
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
    totals.undecodable = stats.keyspaces.iter().map(|space| space.undecodable).sum();
    totals.uncacheable = stats.uncacheable;
    totals.voided_fills = stats.voided_fills;
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
    ] {
        *count = count.saturating_sub(before);
    }
    grown
}

fn since(now: &Latencies, before: &Latencies) -> Latencies {
    let mut recent = now.clone();
    for bucket in &mut recent.buckets {
        let old = before.buckets.iter().find(|old| old.up_to == bucket.up_to).map_or(0, |old| old.count);
        bucket.count = bucket.count.saturating_sub(old);
    }
    recent
}
