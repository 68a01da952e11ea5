//! A range removal, with what memory and a count before the commit know about its entries.

use crate::format::range_tombstone::RangeTombstone;
use crate::format::stored_key::StoredKey;

/// A removal of every key in a scope.
#[derive(Debug)]
pub(crate) struct RangeRemoval {
    pub(crate) range: RangeTombstone,
    /// Keys that memory held, and whether they were live. The entries of these keys on disk are not counted.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Number of further live entries in memory. The disk has them too, unless it evicted them.
    pub(crate) unlisted: u64,
    /// Number of live entries on disk that are not in `memory_keys`, as counted before the commit.
    pub(crate) on_disk: u64,
}

impl RangeRemoval {
    /// Returns whether the removal covers a change: its scope contains the key, and its sequence is higher.
    pub(crate) fn covers(&self, key: &[u8], sequence: u64) -> bool {
        self.range.covers(key, sequence)
    }

    /// Returns how many live entries memory held.
    pub(crate) fn live_in_memory(&self) -> u64 {
        self.listed() + self.unlisted
    }

    fn listed(&self) -> u64 {
        self.memory_keys.iter().filter(|(_, is_live)| *is_live).count() as u64
    }

    /// Returns how many live entries were removed in total. `on_disk` is the number that were found on disk
    /// and not listed by memory.
    pub(crate) fn total(&self, on_disk: u64) -> u64 {
        self.listed() + on_disk.max(self.unlisted)
    }
}
