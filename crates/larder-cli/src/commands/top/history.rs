//! The samples of a cache over time, and the rates between them.
//!
//! 1. A rate compares two samples of one process. When a new process starts, or a process reopens its cache,
//!    totals begin at zero. They are not compared with earlier totals, and the series start again.
//! 2. If a sample fails, the last numbers are kept, and the reason and the age of the numbers are shown. The
//!    failed sample leaves a gap in the series.
//! 3. The next sample is compared with the last successful sample, over all the time between them. So the
//!    changes of a minute are never shown as the changes of a second.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use larder::{KeyspaceStats, Latencies, Stats};

use super::source::{ProcessSample, Sample};
use crate::cache::stats::{self, latencies_between};

/// Maximum length of a series. More values than a terminal has columns are useless.
const MAX_POINTS: usize = 400;
/// Marks a missing number in a series.
pub(super) const NONE: u64 = u64::MAX;
const RESTART_SHOWN: Duration = Duration::from_mins(1);

/// The last two samples and the series. `before` is the sample before `latest`.
#[derive(Debug, Default, Clone)]
pub(super) struct History {
    before: Option<Sample>,
    latest: Option<Sample>,
    latest_at: Option<Instant>,
    seconds: f64,
    /// The reason why the last sample failed.
    failure: Option<String>,
    /// The last restart of the process, and its time.
    restart: Option<(Instant, String)>,
    /// Series by name, newest number first.
    series: BTreeMap<String, VecDeque<u64>>,
}

/// Lookups by the tier that answered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct LookupCounts {
    pub(super) memory: u64,
    /// Answered from disk, or by the server of a remote tier.
    pub(super) disk: u64,
    pub(super) misses: u64,
}

impl LookupCounts {
    pub(super) fn requests(self) -> u64 {
        self.hits().saturating_add(self.misses)
    }

    pub(super) fn hits(self) -> u64 {
        self.memory.saturating_add(self.disk)
    }

    /// Returns a part of the lookups as a percentage, or `None` if there were no lookups.
    pub(super) fn percent(self, part: u64) -> Option<u64> {
        part.saturating_mul(100).checked_div(self.requests())
    }

    fn since(self, before: Self) -> Self {
        Self {
            memory: self.memory.saturating_sub(before.memory),
            disk: self.disk.saturating_sub(before.disk),
            misses: self.misses.saturating_sub(before.misses),
        }
    }
}

pub(super) fn hits_of(stats: &Stats) -> LookupCounts {
    let remote = stats.remote.as_ref().map_or(0, |remote| remote.hits);
    let disk = stats.disk.as_ref().map_or(remote, |disk| disk.hits);
    LookupCounts { memory: stats.memory.hits, disk, misses: stats.misses }
}

fn keyspace_hits(stats: &KeyspaceStats) -> LookupCounts {
    LookupCounts { memory: stats.memory_hits, disk: stats.disk_hits, misses: stats.misses }
}

impl History {
    pub(super) fn add(&mut self, at: Instant, sample: Result<Sample, String>) {
        let sample = match sample {
            Ok(sample) => sample,
            Err(why) => {
                self.failure = Some(why);
                for series in self.series.values_mut() {
                    push(series, NONE);
                }
                return;
            }
        };
        self.failure = None;
        self.seconds =
            self.latest_at.map_or(0.0, |before| at.saturating_duration_since(before).as_secs_f64());
        self.latest_at = Some(at);
        self.before = self.latest.take();
        if let Some(text) = self.before.as_ref().and_then(|before| restarted(before, &sample)) {
            self.restart = Some((at, text));
            self.before = None;
            self.series.clear();
        }
        self.latest = Some(sample);
        if self.before.is_some() {
            self.extend();
        }
    }

    fn extend(&mut self) {
        let mut points: Vec<(String, u64)> = Vec::new();
        match self.latest.as_ref() {
            Some(Sample::Process(sample)) => {
                let hits = self.hits();
                points.push(("lookups".to_owned(), whole(self.rate(hits.requests()))));
                points.push(("memory".to_owned(), hits.percent(hits.memory).unwrap_or(NONE)));
                points.push(("hits".to_owned(), hits.percent(hits.hits()).unwrap_or(NONE)));
                for keyspace in &sample.stats.keyspaces {
                    let hits = self.hits_in(keyspace);
                    let percent = hits.percent(hits.hits()).unwrap_or(NONE);
                    points.push((format!("keyspace {}", keyspace.name), percent));
                }
            }
            Some(Sample::File(sample)) => {
                points.push(("changes".to_owned(), whole(self.changes())));
                points.push(("entries".to_owned(), sample.file.entries));
                points.push(("length".to_owned(), sample.file.len.as_u64()));
            }
            None => {}
        }
        for (name, point) in points {
            push(self.series.entry(name).or_default(), point);
        }
    }

    pub(super) fn latest(&self) -> Option<&Sample> {
        self.latest.as_ref()
    }

    /// If the last sample failed or is older than `patience`, returns the reason, and the age of the last
    /// successful sample.
    pub(super) fn failure(&self, now: Instant, patience: Duration) -> Option<(&str, Duration)> {
        let age = now.saturating_duration_since(self.latest_at?);
        match &self.failure {
            Some(why) => Some((why, age)),
            None => (age > patience).then_some(("it has not answered yet", age)),
        }
    }

    /// Returns the text and the age of a restart within the last minute.
    pub(super) fn restart(&self, now: Instant) -> Option<(&str, Duration)> {
        let (at, text) = self.restart.as_ref()?;
        let age = now.saturating_duration_since(*at);
        (age < RESTART_SHOWN).then_some((text, age))
    }

    pub(super) fn series(&self, name: &str) -> Vec<u64> {
        self.series.get(name).map(|series| series.iter().copied().collect()).unwrap_or_default()
    }

    /// Returns a count of the last interval as a rate per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate to show")]
    pub(super) fn rate(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }

    fn stats(sample: Option<&Sample>) -> Option<&Stats> {
        match sample {
            Some(Sample::Process(sample)) => Some(&sample.stats),
            _ => None,
        }
    }

    /// Returns the lookups of the last interval.
    pub(super) fn hits(&self) -> LookupCounts {
        let [now, before] = [self.latest.as_ref(), self.before.as_ref()]
            .map(|sample| Self::stats(sample).map(hits_of).unwrap_or_default());
        if self.before.is_some() { now.since(before) } else { LookupCounts::default() }
    }

    pub(super) fn hits_in(&self, keyspace: &KeyspaceStats) -> LookupCounts {
        self.keyspace_before(keyspace)
            .map_or(LookupCounts::default(), |before| keyspace_hits(keyspace).since(keyspace_hits(before)))
    }

    /// Returns the rate of a keyspace's count. Returns zero if the count fell, because a keyspace that is
    /// opened with another version counts from zero.
    pub(super) fn rate_in(&self, keyspace: &KeyspaceStats, of: impl Fn(&KeyspaceStats) -> u64) -> f64 {
        let before = self.keyspace_before(keyspace);
        self.rate(before.map_or(0, |before| of(keyspace).saturating_sub(of(before))))
    }

    /// Returns the latencies of a keyspace's loads in the last interval. If that interval has no loads,
    /// returns the latencies since the start.
    pub(super) fn loads_in(&self, keyspace: &KeyspaceStats) -> Latencies {
        let before = self.keyspace_before(keyspace).map(|before| before.load_latency.clone());
        let recent = latencies_between(&before.unwrap_or_default(), &keyspace.load_latency);
        if recent.count() > 0 { recent } else { keyspace.load_latency.clone() }
    }

    fn keyspace_before(&self, keyspace: &KeyspaceStats) -> Option<&KeyspaceStats> {
        stats::keyspace(Self::stats(self.before.as_ref())?, &keyspace.name)
    }

    /// Returns the rate of a count of the whole cache in the last interval.
    pub(super) fn rate_of(&self, count: impl Fn(&Stats) -> u64) -> f64 {
        let grown = Self::stats(self.latest.as_ref())
            .zip(Self::stats(self.before.as_ref()))
            .map_or(0, |(now, before)| count(now).saturating_sub(count(before)));
        self.rate(grown)
    }

    /// Returns the latencies of the last interval. If that interval has no latencies, returns the latencies
    /// since the start.
    pub(super) fn recent(&self, of: impl Fn(&Stats) -> Latencies) -> Latencies {
        let Some(now) = Self::stats(self.latest.as_ref()).map(&of) else { return Latencies::default() };
        let before = Self::stats(self.before.as_ref()).map(&of).unwrap_or_default();
        let recent = latencies_between(&before, &now);
        if recent.count() > 0 { recent } else { now }
    }

    /// Returns the number of changes of a file per second.
    pub(super) fn changes(&self) -> f64 {
        match (&self.latest, &self.before) {
            (Some(Sample::File(now)), Some(Sample::File(before))) => {
                self.rate(now.file.sequence.saturating_sub(before.file.sequence))
            }
            _ => 0.0,
        }
    }
}

fn push(series: &mut VecDeque<u64>, point: u64) {
    series.push_front(point);
    series.truncate(MAX_POINTS);
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, for a chart")]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// Returns a text about the restart if a sample does not continue the counts of the previous sample.
fn restarted(before: &Sample, now: &Sample) -> Option<String> {
    match (before, now) {
        (Sample::Process(before), Sample::Process(now)) if before.pid != now.pid => {
            Some(format!("process {} is gone; process {} answers and counts from zero", before.pid, now.pid))
        }
        // In a container, a restarted process may have the same pid.
        (Sample::Process(before), Sample::Process(now)) if before.connection != now.connection => {
            counts_from_zero(before, now)
                .then(|| format!("process {} has opened its cache anew and counts from zero", now.pid))
        }
        (Sample::Process(_), Sample::Process(_)) => None,
        (Sample::File(before), Sample::File(now)) => {
            let (before, now) = (&before.file, &now.file);
            let is_other = before.identity.is_some() && before.identity != now.identity;
            (is_other || now.sequence < before.sequence)
                .then(|| "another file has taken its place".to_owned())
        }
        _ => Some("it is something else now".to_owned()),
    }
}

/// Returns whether the uptime or any count fell. The uptime alone is not enough, because earlier versions of
/// larder do not report the uptime.
fn counts_from_zero(before: &ProcessSample, now: &ProcessSample) -> bool {
    let counts = |sample: &ProcessSample| {
        let (stats, hits) = (&sample.stats, hits_of(&sample.stats));
        let commits = stats.disk.as_ref().map_or(0, |disk| disk.commits);
        [hits.memory, hits.disk, hits.misses, stats.loads, stats.inserts, stats.invalidations, commits]
    };
    let (were, are) = (counts(before), counts(now));
    now.stats.uptime < before.stats.uptime || were.iter().zip(&are).any(|(were, are)| are < were)
}
