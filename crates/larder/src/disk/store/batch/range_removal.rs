//! A range removal, with the counts of its entries in memory and on disk before the commit.

use crate::format::range_tombstone::RangeTombstone;
use crate::format::stored_key::StoredKey;

#[derive(Debug)]
pub(crate) struct RangeRemoval {
    pub(crate) range: RangeTombstone,
    /// Keys of entries that were in memory. The `bool` says whether the entry was live. Entries of these
    /// keys on disk are not counted.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Number of further live entries in memory. These entries are also on disk, unless they were evicted
    /// from disk.
    pub(crate) unlisted: u64,
    /// Number of live entries on disk whose keys are not in `memory_keys`, counted before the commit.
    pub(crate) on_disk: u64,
}

impl RangeRemoval {
    /// Returns whether the removal covers a change: its scope contains the key, and its sequence is not
    /// lower.
    pub(crate) fn covers(&self, key: &[u8], sequence: u64) -> bool {
        self.range.covers(key, sequence)
    }

    pub(crate) fn live_in_memory(&self) -> u64 {
        self.listed() + self.unlisted
    }

    fn listed(&self) -> u64 {
        self.memory_keys.iter().filter(|(_, is_live)| *is_live).count() as u64
    }

    /// Returns the total number of removed live entries. `on_disk` is the number of live entries on disk
    /// that are not in `memory_keys`.
    pub(crate) fn total(&self, on_disk: u64) -> u64 {
        self.listed() + on_disk.max(self.unlisted)
    }
}
