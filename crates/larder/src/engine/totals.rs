//! What the keyspaces have counted since the file was made, and the totals of the last minutes.
//!
//! [`Tiers::cumulative`](super::tiers::Tiers::cumulative) adds what the tiers have counted.

use std::sync::OnceLock;

use crate::stats::cumulative::CumulativeStats;
use crate::stats::recent::{Notes, Recent};
use crate::sys::sync::Mutex;
use crate::units::Timestamp;

/// Asks up to this number of keyspaces for new counts. Returns the sum of what all keyspaces have counted.
pub(crate) type CountKeyspaces = Box<dyn Fn(usize) -> CumulativeStats + Send + Sync>;

/// The number of keyspaces that a commit asks for new counts. Asking one reads some kilobytes that other
/// threads write.
pub(crate) const MAX_ASKED_BY_COMMIT: usize = 16;
/// The number of keyspaces that a note of the totals asks, every ten seconds: a millisecond's work. In a
/// cache that has more, each keyspace is asked by every second note or less often.
pub(crate) const MAX_ASKED_BY_NOTE: usize = 1024;

#[derive(Default)]
pub(crate) struct Totals {
    /// What the file had seen when it was opened, and how to count what the keyspaces add to it.
    base: OnceLock<(CumulativeStats, CountKeyspaces)>,
    /// Totals at some moments of the last minutes.
    notes: Mutex<Notes>,
}

impl Totals {
    /// Begins to count, on top of what the file had seen before.
    pub(crate) fn begin(&self, before: CumulativeStats, count_keyspaces: CountKeyspaces) {
        drop(self.base.set((before, count_keyspaces)));
    }

    /// Returns what the keyspaces have counted since the file was made, after asking up to `max_asked` of
    /// them for new counts. None in a cache without a file.
    pub(crate) fn of_keyspaces(&self, max_asked: usize) -> Option<CumulativeStats> {
        let (before, count_keyspaces) = self.base.get()?;
        Some(before.plus(&count_keyspaces(max_asked)))
    }

    /// Notes the totals of this moment.
    pub(crate) fn note(&self, now: Timestamp, totals: CumulativeStats) {
        self.notes.lock().add(now, totals);
    }

    /// Returns what was counted in the last minutes, given the totals of this moment.
    pub(crate) fn recent(&self, now: Timestamp, totals: &CumulativeStats) -> Vec<Recent> {
        self.notes.lock().recent(now, totals)
    }
}

impl std::fmt::Debug for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Totals")
    }
}
