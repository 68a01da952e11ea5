//! What was seen, over time: totals become rates.
//!
//! 1. Rates are of two looks at one process. Another one, or the same one that has opened its cache anew, counts
//!    from zero: nothing is compared with what its predecessor had counted, and the series begin again.
//! 2. A look that fails leaves what was seen last, with the reason and the moment. It leaves a gap in the series.
//! 3. The look after it is compared with the one before it, over all of the time in between: a rate is never that
//!    of a minute, shown as that of a second.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use larder::{KeyspaceStats, Latencies, Stats};

use super::source::{Live, Seen};

/// Moments that are kept: what the widest terminal shows.
const MOST: usize = 400;
/// Stands in a series for a moment without a number.
pub(super) const NONE: u64 = u64::MAX;
/// How long it is told that another process came.
const NEWS: Duration = Duration::from_mins(1);

/// Totals of one process become rates; `seen` is the latest, `before` the one before it.
#[derive(Debug, Default, Clone)]
pub(super) struct History {
    before: Option<Seen>,
    seen: Option<Seen>,
    seen_at: Option<Instant>,
    /// Seconds between the two.
    seconds: f64,
    /// Why nothing is seen just now.
    trouble: Option<String>,
    /// What was seen to begin anew, and when.
    news: Option<(Instant, String)>,
    /// Series by name, newest first.
    series: BTreeMap<String, VecDeque<u64>>,
}

/// How many lookups were answered by whom.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Hits {
    pub(super) memory: u64,
    pub(super) disk: u64,
    pub(super) misses: u64,
}

impl Hits {
    pub(super) fn requests(self) -> u64 {
        self.hits() + self.misses
    }

    pub(super) fn hits(self) -> u64 {
        self.memory + self.disk
    }

    /// A part of the lookups, in hundredths; none without any.
    pub(super) fn percent(self, part: u64) -> Option<u64> {
        (part * 100).checked_div(self.requests())
    }

    fn since(self, before: Self) -> Self {
        Self {
            memory: self.memory.saturating_sub(before.memory),
            disk: self.disk.saturating_sub(before.disk),
            misses: self.misses.saturating_sub(before.misses),
        }
    }
}

pub(super) fn hits_of(stats: &Stats) -> Hits {
    let disk = stats.disk.as_ref().map_or(0, |disk| disk.hits);
    Hits { memory: stats.memory.hits, disk, misses: stats.misses }
}

fn keyspace_hits(stats: &KeyspaceStats) -> Hits {
    Hits { memory: stats.memory_hits, disk: stats.disk_hits, misses: stats.misses }
}

impl History {
    pub(super) fn add(&mut self, at: Instant, seen: Result<Seen, String>) {
        let seen = match seen {
            Ok(seen) => seen,
            Err(why) => {
                self.trouble = Some(why);
                for series in self.series.values_mut() {
                    push(series, NONE);
                }
                return;
            }
        };
        self.trouble = None;
        self.seconds = self.seen_at.map_or(0.0, |before| at.saturating_duration_since(before).as_secs_f64());
        self.seen_at = Some(at);
        self.before = self.seen.take();
        if let Some(text) = self.before.as_ref().and_then(|before| began_anew(before, &seen)) {
            self.news = Some((at, text));
            self.before = None;
            self.series.clear();
        }
        self.seen = Some(seen);
        if self.before.is_some() {
            self.extend();
        }
    }

    fn extend(&mut self) {
        let mut points: Vec<(String, u64)> = Vec::new();
        match self.seen.as_ref() {
            Some(Seen::Live(live)) => {
                let hits = self.hits();
                points.push(("lookups".to_owned(), whole(self.rate(hits.requests()))));
                points.push(("memory".to_owned(), hits.percent(hits.memory).unwrap_or(NONE)));
                points.push(("hits".to_owned(), hits.percent(hits.hits()).unwrap_or(NONE)));
                for keyspace in &live.stats.keyspaces {
                    let hits = self.hits_in(keyspace);
                    let percent = hits.percent(hits.hits()).unwrap_or(NONE);
                    points.push((format!("keyspace {}", keyspace.name), percent));
                }
            }
            Some(Seen::File(facts)) => {
                points.push(("changes".to_owned(), whole(self.changes())));
                points.push(("entries".to_owned(), facts.file.entries));
                points.push(("length".to_owned(), facts.file.len));
            }
            None => {}
        }
        for (name, point) in points {
            push(self.series.entry(name).or_default(), point);
        }
    }

    pub(super) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// Why nothing is known of this moment, and how old what is known is. A process that takes longer than
    /// `patience` to answer is told as well.
    pub(super) fn trouble(&self, now: Instant, patience: Duration) -> Option<(&str, Duration)> {
        let age = now.saturating_duration_since(self.seen_at?);
        match &self.trouble {
            Some(why) => Some((why, age)),
            None => (age > patience).then_some(("it has not answered yet", age)),
        }
    }

    /// What began anew a short while ago.
    pub(super) fn news(&self, now: Instant) -> Option<(&str, Duration)> {
        let (at, text) = self.news.as_ref()?;
        let age = now.saturating_duration_since(*at);
        (age < NEWS).then_some((text, age))
    }

    /// A series by name, newest first.
    pub(super) fn series(&self, name: &str) -> Vec<u64> {
        self.series.get(name).map(|series| series.iter().copied().collect()).unwrap_or_default()
    }

    /// A count of the last interval, by the second.
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    pub(super) fn rate(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }

    fn live(seen: Option<&Seen>) -> Option<&Stats> {
        match seen {
            Some(Seen::Live(live)) => Some(&live.stats),
            _ => None,
        }
    }

    /// Lookups of the last interval.
    pub(super) fn hits(&self) -> Hits {
        let [now, before] = [self.seen.as_ref(), self.before.as_ref()]
            .map(|seen| Self::live(seen).map(hits_of).unwrap_or_default());
        if self.before.is_some() { now.since(before) } else { Hits::default() }
    }

    /// Those of a keyspace.
    pub(super) fn hits_in(&self, keyspace: &KeyspaceStats) -> Hits {
        self.keyspace_before(keyspace)
            .map_or(Hits::default(), |before| keyspace_hits(keyspace).since(keyspace_hits(before)))
    }

    /// How much a count of a keyspace grew by the second. One that was opened with another version counts anew:
    /// that is no rate.
    pub(super) fn rate_in(&self, keyspace: &KeyspaceStats, of: impl Fn(&KeyspaceStats) -> u64) -> f64 {
        let before = self.keyspace_before(keyspace);
        self.rate(before.map_or(0, |before| of(keyspace).saturating_sub(of(before))))
    }

    /// The latencies of a keyspace's loads in the last interval, or of all the time if there were none in it.
    pub(super) fn loads_in(&self, keyspace: &KeyspaceStats) -> Latencies {
        let before = self.keyspace_before(keyspace).map(|before| before.load_latency.clone());
        let recent = since(&keyspace.load_latency, &before.unwrap_or_default());
        if recent.count() > 0 { recent } else { keyspace.load_latency.clone() }
    }

    fn keyspace_before(&self, keyspace: &KeyspaceStats) -> Option<&KeyspaceStats> {
        let before = Self::live(self.before.as_ref())?;
        // They come in the order of their names.
        let at = before.keyspaces.binary_search_by(|before| before.name.cmp(&keyspace.name)).ok()?;
        before.keyspaces.get(at)
    }

    /// How much a count of the statistics grew by the second.
    pub(super) fn rate_of(&self, count: impl Fn(&Stats) -> u64) -> f64 {
        let grown = Self::live(self.seen.as_ref())
            .zip(Self::live(self.before.as_ref()))
            .map_or(0, |(now, before)| count(now).saturating_sub(count(before)));
        self.rate(grown)
    }

    /// The latencies of the last interval, or of all the time if there were none in it.
    pub(super) fn recent(&self, of: impl Fn(&Stats) -> Latencies) -> Latencies {
        let Some(now) = Self::live(self.seen.as_ref()).map(&of) else { return Latencies::default() };
        let before = Self::live(self.before.as_ref()).map(&of).unwrap_or_default();
        let recent = since(&now, &before);
        if recent.count() > 0 { recent } else { now }
    }

    /// Changes of a file, by the second.
    pub(super) fn changes(&self) -> f64 {
        match (&self.seen, &self.before) {
            (Some(Seen::File(now)), Some(Seen::File(before))) => {
                self.rate(now.file.sequence.saturating_sub(before.file.sequence))
            }
            _ => 0.0,
        }
    }
}

fn push(series: &mut VecDeque<u64>, point: u64) {
    series.push_front(point);
    series.truncate(MOST);
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, for a chart")]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// What is to be said if what is seen now does not go on from what was seen before.
fn began_anew(before: &Seen, now: &Seen) -> Option<String> {
    match (before, now) {
        (Seen::Live(before), Seen::Live(now)) if before.pid != now.pid => {
            Some(format!("process {} is gone; process {} answers and counts from zero", before.pid, now.pid))
        }
        // In a container each process may have the same number.
        (Seen::Live(before), Seen::Live(now)) if before.connection != now.connection => {
            counts_anew(before, now)
                .then(|| format!("process {} has opened its cache anew and counts from zero", now.pid))
        }
        (Seen::Live(_), Seen::Live(_)) => None,
        (Seen::File(before), Seen::File(now)) => {
            let (before, now) = (&before.file, &now.file);
            let is_other = before.identity.is_some() && before.identity != now.identity;
            (is_other || now.sequence < before.sequence)
                .then(|| "another file has taken its place".to_owned())
        }
        _ => Some("it is something else now".to_owned()),
    }
}

/// Whether counts of the second are not those of the first, grown. A service of an earlier larder does not tell how
/// long its cache has been open.
fn counts_anew(before: &Live, now: &Live) -> bool {
    let counts = |live: &Live| {
        let (stats, hits) = (&live.stats, hits_of(&live.stats));
        let commits = stats.disk.as_ref().map_or(0, |disk| disk.commits);
        [hits.memory, hits.disk, hits.misses, stats.loads, stats.inserts, stats.invalidations, commits]
    };
    let (were, are) = (counts(before), counts(now));
    now.stats.uptime < before.stats.uptime || were.iter().zip(&are).any(|(were, are)| are < were)
}

fn since(now: &Latencies, before: &Latencies) -> Latencies {
    let mut recent = now.clone();
    for bucket in &mut recent.buckets {
        let old = before.buckets.iter().find(|old| old.up_to == bucket.up_to).map_or(0, |old| old.count);
        bucket.count = bucket.count.saturating_sub(old);
    }
    recent
}
