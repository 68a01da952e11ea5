//! The events of the latency monitor, for `LATENCY`.
//!
//! | event | measured operation |
//! |---|---|
//! | `command` | a command that is not flagged as fast |
//! | `fast-command` | a command that is flagged as fast |
//! | `commit` | a commit that a reply waited for |
//!
//! The monitor keeps the last samples of each event, at most one per second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum number of samples per event, as in Redis.
const MAX_SAMPLES: usize = 160;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LatencyEvent {
    Command,
    Commit,
    FastCommand,
}

impl LatencyEvent {
    const ALL: [Self; 3] = [Self::Command, Self::Commit, Self::FastCommand];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Commit => "commit",
            Self::FastCommand => "fast-command",
        }
    }

    pub(crate) fn find(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|event| name.eq_ignore_ascii_case(event.name().as_bytes()))
    }
}

/// The samples of an event. There is at least one.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatencySamples {
    /// The Unix time in seconds and the duration in milliseconds of each sample, oldest first.
    pub(crate) samples: VecDeque<(i64, u64)>,
    /// The longest latency since the last reset, in milliseconds.
    pub(crate) max: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// Minimum duration of a recorded event in milliseconds. With 0, no event is recorded.
    pub(crate) threshold_ms: AtomicU64,
    events: Mutex<BTreeMap<LatencyEvent, LatencySamples>>,
}

impl Latencies {
    /// Records an event if its duration reaches the threshold.
    pub(crate) fn note(&self, event: LatencyEvent, duration: Duration, time: i64) {
        let threshold = self.threshold_ms.load(Ordering::Relaxed);
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        if threshold == 0 || millis < threshold {
            return;
        }
        let mut events = self.lock();
        let kept = events.entry(event).or_default();
        kept.max = kept.max.max(millis);
        match kept.samples.back_mut() {
            // Keeps only the longest sample of each second.
            Some((second, longest)) if *second == time => *longest = millis.max(*longest),
            _ => {
                if kept.samples.len() == MAX_SAMPLES {
                    kept.samples.pop_front();
                }
                kept.samples.push_back((time, millis));
            }
        }
    }

    /// Returns the events that have samples.
    pub(crate) fn all(&self) -> Vec<(LatencyEvent, LatencySamples)> {
        self.lock().iter().map(|(event, kept)| (*event, kept.clone())).collect()
    }

    /// Drops the samples of these events, or of all events if `events` is empty. Returns the number of events
    /// that had samples.
    pub(crate) fn reset(&self, events: &[LatencyEvent]) -> usize {
        let mut kept = self.lock();
        let before = kept.len();
        if events.is_empty() {
            kept.clear();
        }
        kept.retain(|event, _| !events.contains(event));
        before - kept.len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LatencyEvent, LatencySamples>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_a_second_counts_and_the_samples_are_bounded() {
        let latencies = Latencies::default();
        let note = |millis, time| {
            latencies.note(LatencyEvent::Command, Duration::from_millis(millis), time);
        };
        note(1000, 1);
        assert!(latencies.all().is_empty(), "the monitor is off");
        latencies.threshold_ms.store(10, Ordering::Relaxed);
        note(9, 1);
        for (millis, time) in [(20, 1), (15, 1), (30, 2)] {
            note(millis, time);
        }
        let [(event, kept)] = &latencies.all()[..] else { panic!("one event") };
        assert_eq!((event.name(), kept.max), ("command", 30));
        assert_eq!(kept.samples, [(1, 20), (2, 30)]);
        for time in 0..1000 {
            note(10, time);
        }
        assert_eq!(latencies.all()[0].1.samples.len(), MAX_SAMPLES);
        assert_eq!(latencies.reset(&[LatencyEvent::Commit]), 0);
        assert_eq!(latencies.reset(&[]), 1);
    }
}
