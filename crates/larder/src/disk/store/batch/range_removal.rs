//! A range removal, as one transaction makes it.

use crate::format::range_tombstone::RangeTombstone;
use crate::format::stored_key::StoredKey;

/// A removal of every key in a scope.
#[derive(Debug)]
pub(crate) struct RangeRemoval {
    pub(crate) range: RangeTombstone,
    /// Keys that memory knew, and whether they were live: what the disk has of these does not count.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Live entries that memory had besides, which the disk has too unless it evicted them.
    pub(crate) unlisted: u64,
    /// Live entries on disk that are not `memory_keys`, as far as they were counted before the commit.
    pub(crate) on_disk: u64,
}

impl RangeRemoval {
    /// Returns whether the removal comes after a change of a key in its scope.
    pub(crate) fn covers(&self, key: &[u8], sequence: u64) -> bool {
        self.range.covers(key, sequence)
    }

    /// How many live entries memory knew.
    pub(crate) fn live_in_memory(&self) -> u64 {
        self.listed() + self.unlisted
    }

    fn listed(&self) -> u64 {
        self.memory_keys.iter().filter(|(_, is_live)| *is_live).count() as u64
    }

    /// How many live entries went, if so many that memory did not list were found on disk.
    pub(crate) fn total(&self, on_disk: u64) -> u64 {
        self.listed() + on_disk.max(self.unlisted)
    }
}
