//! The metrics of the writer thread: the durations of commits, and how long inserts wait for their commit.

use std::time::Duration;

use crate::stats::latency::Histogram;
use crate::sys::sync::{Ordering, StatisticU64};
use crate::units::Timestamp;

#[derive(Debug, Default)]
pub(super) struct WriterMetrics {
    pub(super) commit_times: Histogram,
    pub(super) lag: FlushLag,
}

/// The times of the oldest inserts that wait for their commit, in milliseconds. Zero means that no insert
/// waits.
#[derive(Debug, Default)]
pub(super) struct FlushLag {
    /// The time of the first insert since the writer thread last drained.
    waiting_since: StatisticU64,
    /// The time of the first insert that the writer thread has drained but not committed yet. Only the writer
    /// thread changes this time.
    drained_since: StatisticU64,
}

impl FlushLag {
    /// Must be called for the first entry that becomes dirty after the writer thread has begun to drain.
    pub(super) fn arm(&self, now: Timestamp) {
        self.waiting_since.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Must be called when the writer thread begins to drain, before it clears the flag that an entry is
    /// dirty. The next insert after that sets the flag, and calls [`arm`](Self::arm) again. Returns the time
    /// of the first insert since the last drain.
    pub(super) fn begin(&self) -> Option<Timestamp> {
        let since = self.waiting_since.swap(0, Ordering::Relaxed);
        if self.drained_since.load(Ordering::Relaxed) == 0 {
            self.drained_since.store(since, Ordering::Relaxed);
        }
        (since > 0).then(|| Timestamp::from_millis(since))
    }

    /// Must be called when drained entries have been committed. `since` is the time of the first insert that
    /// the writer thread has drained but not committed yet.
    pub(super) fn end(&self, since: Option<Timestamp>) {
        self.drained_since.store(since.map_or(0, Timestamp::as_millis), Ordering::Relaxed);
    }

    /// Returns how long the oldest uncommitted insert has waited.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        let since = [&self.waiting_since, &self.drained_since].map(|since| since.load(Ordering::Relaxed));
        let oldest = since.into_iter().filter(|since| *since > 0).min();
        oldest.map_or(Duration::ZERO, |since| now.since(Timestamp::from_millis(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_that_of_the_oldest_insert_that_is_not_committed() {
        let at = Timestamp::from_millis;
        let lag = FlushLag::default();
        assert_eq!(lag.age(at(1_000)), Duration::ZERO);
        lag.arm(at(1_000));
        assert_eq!(lag.begin(), Some(at(1_000)));
        lag.arm(at(1_500));
        assert_eq!(lag.age(at(2_000)), Duration::from_secs(1), "drained, and not committed");
        assert_eq!(lag.begin(), Some(at(1_500)));
        assert_eq!(lag.age(at(2_000)), Duration::from_secs(1), "the disk failed in between");
        lag.end(Some(at(1_500)));
        assert_eq!(lag.age(at(2_000)), Duration::from_millis(500), "of the first drain, all are committed");
        lag.end(None);
        assert_eq!(lag.age(at(2_000)), Duration::ZERO);
    }
}
