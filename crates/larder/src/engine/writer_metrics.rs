//! What the disk tier counts beside its view: how long commits take and inserts wait, and what the file has seen in all.

use std::sync::OnceLock;
use std::time::Duration;

use super::tiers::Tiers;
use crate::stats::cumulative::CumulativeStats;
use crate::stats::latency::Histogram;
use crate::stats::recent::{Notes, Recent};
use crate::sys::sync::{Mutex, Ordering, StatisticU64};
use crate::units::Timestamp;

/// Returns what the keyspaces of a cache have counted, after asking so many of them anew.
pub(crate) type Counting = Box<dyn Fn(usize) -> CumulativeStats + Send + Sync>;

/// Keyspaces that a commit asks for what they have counted: asking one reads some kilobytes that other
/// threads write.
pub(crate) const ASKED_BY_A_COMMIT: usize = 16;
/// Keyspaces that a note of the totals asks, every ten seconds: a millisecond's work. Of a cache that has more,
/// each is asked by every second note or later.
const ASKED_BY_A_NOTE: usize = 1024;

#[derive(Default)]
pub(crate) struct WriterMetrics {
    pub(crate) commit_times: Histogram,
    pub(crate) lag: FlushLag,
    /// What the file had seen when it was opened, and what to add to it.
    lifetime: OnceLock<(CumulativeStats, Counting)>,
    /// Totals at some moments of the last minutes.
    notes: Mutex<Notes>,
}

impl std::fmt::Debug for WriterMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WriterMetrics")
    }
}

/// Since when inserts wait for their commit; zeros for none.
#[derive(Debug, Default)]
pub(crate) struct FlushLag {
    /// The first that was stored since the writer last drained.
    waiting_since: StatisticU64,
    /// The first of those that it has drained, and not committed yet. Written by the writer alone.
    drained_since: StatisticU64,
}

impl FlushLag {
    /// Something became dirty, and the writer knew of nothing that was.
    pub(crate) fn arm(&self, now: Timestamp) {
        self.waiting_since.store(now.as_millis(), Ordering::Relaxed);
    }

    /// The writer drains. Before it disarms: whoever becomes dirty after that begins anew.
    pub(crate) fn begin(&self) {
        let since = self.waiting_since.swap(0, Ordering::Relaxed);
        if self.drained_since.load(Ordering::Relaxed) == 0 {
            self.drained_since.store(since, Ordering::Relaxed);
        }
    }

    /// Nothing that was drained waits any more.
    pub(crate) fn end(&self) {
        self.drained_since.store(0, Ordering::Relaxed);
    }

    fn age(&self, now: Timestamp) -> Duration {
        let since = [&self.waiting_since, &self.drained_since].map(|since| since.load(Ordering::Relaxed));
        let oldest = since.into_iter().filter(|since| *since > 0).min();
        oldest.map_or(Duration::ZERO, |since| now.since(Timestamp::from_millis(since)))
    }
}

impl Tiers {
    /// From here on commits note what was counted, on top of what the file had seen before.
    pub(crate) fn count(&self, before: CumulativeStats, counting: Counting) {
        drop(self.counted.lifetime.set((before, counting)));
        // What is told as recent begins with the opening.
        self.note_totals(self.time.now());
    }

    /// Notes the totals of this moment, for [`recent`](Self::recent). The sweeper calls it.
    pub(crate) fn note_totals(&self, now: Timestamp) {
        // Before the lock: counting takes others.
        if let Some(totals) = self.lifetime(0, ASKED_BY_A_NOTE) {
            self.counted.notes.lock().add(now, totals);
        }
    }

    /// Returns what was counted in the last minutes, of which these are the totals.
    pub(crate) fn recent(&self, now: Timestamp, totals: &CumulativeStats) -> Vec<Recent> {
        self.counted.notes.lock().recent(now, totals)
    }

    /// What the file has seen, with so many commits more. Asks up to `most_asked` keyspaces for what they
    /// have counted since they were last asked.
    pub(crate) fn lifetime(&self, commits: u64, most_asked: usize) -> Option<CumulativeStats> {
        let (before, counting) = self.counted.lifetime.get()?;
        let (keyspaces, memory) = (counting(most_asked), self.memory.totals());
        self.with_view(|view| {
            let tiers = CumulativeStats {
                openings: 1,
                memory_evictions: memory.evictions,
                memory_expirations: memory.expirations,
                disk_evictions: view.evictions,
                disk_expirations: view.expirations,
                commits: view.commits + commits,
                faults: view.faults,
                quarantines: view.quarantines,
                ..CumulativeStats::default()
            };
            Some(before.plus(&keyspaces).plus(&tiers))
        })
    }

    /// How long the oldest uncommitted insert has waited.
    pub(crate) fn flush_lag(&self, now: Timestamp) -> Duration {
        self.counted.lag.age(now)
    }

    pub(crate) fn commit_times(&self) -> &Histogram {
        &self.counted.commit_times
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
        lag.begin();
        lag.arm(at(1_500));
        assert_eq!(lag.age(at(2_000)), Duration::from_secs(1), "drained, and not committed");
        lag.begin();
        assert_eq!(lag.age(at(2_000)), Duration::from_secs(1), "the disk failed in between");
        lag.end();
        assert_eq!(lag.age(at(2_000)), Duration::ZERO);
    }
}
