//! What was seen, over time: totals become rates.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use larder::{KeyspaceStats, Latencies, Stats};

use super::source::Seen;

/// Moments that are kept: what the widest terminal shows.
const MOST: usize = 400;
/// Stands in a keyspace's series for a moment without lookups.
const NONE: u64 = u64::MAX;

/// Totals of one process become rates; `seen` is the latest, `before` the one before it.
#[derive(Debug, Default)]
pub(super) struct History {
    before: Option<Seen>,
    seen: Option<Seen>,
    seen_at: Option<Instant>,
    /// Seconds between the two.
    seconds: f64,
    /// Why nothing is seen just now.
    pub(super) trouble: Option<String>,
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
        self.memory + self.disk + self.misses
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
                return;
            }
        };
        self.trouble = None;
        self.seconds = self.seen_at.map_or(0.0, |before| (at - before).as_secs_f64());
        self.seen_at = Some(at);
        self.before = self.seen.take().filter(|before| is_same(before, &seen));
        self.seen = Some(seen);
        if self.before.is_none() {
            self.series.clear();
        } else {
            self.extend();
        }
    }

    fn extend(&mut self) {
        let mut points: Vec<(String, u64)> = Vec::new();
        match self.seen.as_ref() {
            Some(Seen::Live { stats, .. }) => {
                let hits = self.hits();
                points.push(("lookups".to_owned(), self.rate(hits.requests())));
                points.push(("memory".to_owned(), hits.percent(hits.memory).unwrap_or(0)));
                points.push(("hits".to_owned(), hits.percent(hits.memory + hits.disk).unwrap_or(0)));
                for keyspace in &stats.keyspaces {
                    let hits = self.hits_in(keyspace);
                    let percent = hits.percent(hits.memory + hits.disk).unwrap_or(NONE);
                    points.push((format!("keyspace {}", keyspace.name), percent));
                }
            }
            Some(Seen::File(facts)) => {
                points.push(("changes".to_owned(), self.changes()));
                points.push(("entries".to_owned(), facts.file.entries));
                points.push(("length".to_owned(), facts.file.len));
            }
            None => {}
        }
        for (name, point) in points {
            let series = self.series.entry(name).or_default();
            series.push_front(point);
            series.truncate(MOST);
        }
    }

    pub(super) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// A series by name, newest first.
    pub(super) fn series(&self, name: &str) -> Vec<u64> {
        self.series.get(name).map(|series| series.iter().copied().collect()).unwrap_or_default()
    }

    /// A count of the last interval, by the second.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate, for people"
    )]
    pub(super) fn rate(&self, count: u64) -> u64 {
        if self.seconds > 0.0 { (count as f64 / self.seconds).round() as u64 } else { 0 }
    }

    fn live(seen: Option<&Seen>) -> Option<&Stats> {
        match seen {
            Some(Seen::Live { stats, .. }) => Some(stats),
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

    pub(super) fn keyspace_before(&self, keyspace: &KeyspaceStats) -> Option<&KeyspaceStats> {
        let before = Self::live(self.before.as_ref())?;
        // They come in the order of their names.
        let at = before.keyspaces.binary_search_by(|before| before.name.cmp(&keyspace.name)).ok()?;
        before.keyspaces.get(at)
    }

    /// How much a count of the statistics grew by the second.
    pub(super) fn rate_of(&self, count: impl Fn(&Stats) -> u64) -> u64 {
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
    pub(super) fn changes(&self) -> u64 {
        match (&self.seen, &self.before) {
            (Some(Seen::File(now)), Some(Seen::File(before))) => {
                self.rate(now.file.sequence.saturating_sub(before.file.sequence))
            }
            _ => 0,
        }
    }
}

/// Another process begins to count anew.
fn is_same(before: &Seen, now: &Seen) -> bool {
    match (before, now) {
        (Seen::Live { pid: before, .. }, Seen::Live { pid, .. }) => before == pid,
        (Seen::File(_), Seen::File(_)) => true,
        _ => false,
    }
}

pub(super) fn since(now: &Latencies, before: &Latencies) -> Latencies {
    let mut recent = now.clone();
    for bucket in &mut recent.buckets {
        let old = before.buckets.iter().find(|old| old.up_to == bucket.up_to).map_or(0, |old| old.count);
        bucket.count = bucket.count.saturating_sub(old);
    }
    recent
}
