//! The counts of all keyspaces since the file was created, and the recorded totals of the last few minutes.
//!
//! [`Tiers::cumulative`](super::tiers::Tiers::cumulative) adds the counts of the tiers.

use std::sync::OnceLock;

use crate::stats::cumulative::CumulativeStats;
use crate::stats::recent::{Notes, Recent};
use crate::sys::sync::Mutex;
use crate::units::Timestamp;

/// A function that reads new counts from up to the given number of keyspaces, and returns the sum for all
/// keyspaces.
pub(super) type CountKeyspaces = Box<dyn Fn(usize) -> CumulativeStats + Send + Sync>;

/// The maximum number of keyspaces from which a commit reads new counts. Reading one keyspace touches a few
/// kilobytes that other threads write.
pub(super) const MAX_ASKED_BY_COMMIT: usize = 16;
/// The maximum number of keyspaces from which each recording of the totals reads new counts. Reading so
/// many keyspaces takes about a millisecond. If there are more keyspaces, the next recording continues with
/// the others.
pub(super) const MAX_ASKED_BY_NOTE: usize = 1024;

#[derive(Default)]
pub(super) struct Totals {
    /// The counts in the file when it was opened, and the function that returns the counts since then.
    base: OnceLock<(CumulativeStats, CountKeyspaces)>,
    notes: Mutex<Notes>,
}

impl Totals {
    /// Begins to count. `before` holds the counts in the file when it was opened.
    pub(super) fn begin(&self, before: CumulativeStats, count_keyspaces: CountKeyspaces) {
        drop(self.base.set((before, count_keyspaces)));
    }

    /// Returns the counts of all keyspaces since the file was created. First reads new counts from up to
    /// `max_asked` keyspaces. Returns `None` in a cache without a file.
    pub(super) fn of_keyspaces(&self, max_asked: usize) -> Option<CumulativeStats> {
        let (before, count_keyspaces) = self.base.get()?;
        Some(before.plus(&count_keyspaces(max_asked)))
    }

    pub(super) fn note(&self, now: Timestamp, totals: CumulativeStats) {
        self.notes.lock().add(now, totals);
    }

    /// Returns the counts of the last few minutes. `totals` holds the current totals.
    pub(super) fn recent(&self, now: Timestamp, totals: &CumulativeStats) -> Vec<Recent> {
        self.notes.lock().recent(now, totals)
    }
}

impl std::fmt::Debug for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Totals")
    }
}
