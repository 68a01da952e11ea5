//! The counts of the last minutes. Totals are recorded every few seconds. The counts of the last minute are
//! the current totals minus the totals of a minute ago.
//!
//! The sweeper records the totals when it checks the file ([`WATCH_INTERVAL`](crate::WATCH_INTERVAL)), so
//! recording does not slow lookups.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cumulative::CumulativeStats;
use crate::units::Timestamp;

/// The lengths of the reported periods. One minute shows a change that has just begun. Ten minutes show a
/// lasting state.
const SPANS: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(10)];
/// Maximum number of recorded totals: one for each ten seconds of the longest period, and one at its start.
const MAX_NOTES: usize = 61;

/// The counts of a cache in the last minutes.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("shop.larder");
/// let cache = larder::Cache::builder().path(path).open()?;
/// for recent in cache.stats().recent {
///     println!("{} misses in the last {:?}", recent.counts.misses, recent.over);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Recent {
    /// The length of the period.
    #[serde(with = "super::seconds")]
    pub over: Duration,
    /// The counts in the period.
    pub counts: CumulativeStats,
}

/// Recorded totals with their times, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notes(VecDeque<(Timestamp, CumulativeStats)>);

impl Notes {
    pub(crate) fn add(&mut self, now: Timestamp, totals: CumulativeStats) {
        if self.0.len() == MAX_NOTES {
            self.0.pop_front();
        }
        self.0.push_back((now, totals));
    }

    /// Returns the counts of each period that the recorded totals cover, the shortest first. If they do not
    /// cover any period yet, returns the counts since the first record.
    pub(crate) fn recent(&self, now: Timestamp, totals: &CumulativeStats) -> Vec<Recent> {
        let is_old = |span: Duration| move |note: &&(Timestamp, CumulativeStats)| now.since(note.0) >= span;
        let mut from: Vec<_> =
            SPANS.into_iter().filter_map(|span| self.0.iter().rev().find(is_old(span))).collect();
        if from.is_empty() {
            from.extend(self.0.front().filter(|first| now > first.0));
        }
        // After a long pause, both periods begin with the same record.
        from.dedup();
        let recent = from.into_iter().map(|(at, before)| (now.since(*at), totals.since(before)));
        recent.map(|(over, counts)| Recent { over, counts }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses(misses: u64) -> CumulativeStats {
        CumulativeStats { misses, ..CumulativeStats::default() }
    }

    fn told(notes: &Notes, second: u64, total: u64) -> Vec<(u64, u64)> {
        let recent = notes.recent(Timestamp::from_millis(second * 1_000), &misses(total));
        recent.iter().map(|recent| (recent.over.as_secs(), recent.counts.misses)).collect()
    }

    #[test]
    fn the_spans_end_now_and_begin_with_a_note() {
        let mut notes = Notes::default();
        assert_eq!(told(&notes, 7, 7), [], "nothing was noted");
        // One miss per second. The totals are recorded every ten seconds.
        for second in (0..=10_000).step_by(10) {
            notes.add(Timestamp::from_millis(second * 1_000), misses(second));
            let expected = match second {
                0 => vec![],
                1..60 => vec![(second, second)],
                60..600 => vec![(60, 60)],
                _ => vec![(60, 60), (600, 600)],
            };
            assert_eq!(told(&notes, second, second), expected, "at {second}");
            assert!(notes.0.len() <= MAX_NOTES);
        }
        assert_eq!(told(&notes, 10_009, 10_009), [(69, 69), (609, 609)]);
        assert_eq!(told(&notes, 20_000, 10_050), [(10_000, 50)], "the process was suspended");
    }
}
