//! The entries that a range removal took out of memory.

use crate::format::range_tombstone::RangeTombstone;
use crate::format::stored_key::StoredKey;

/// The entries that a purge took out of the shards.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// Live entries of memory-only keyspaces.
    pub(crate) memory_only: u64,
    /// Keys of the disk tier that memory had, and whether they were live. Records on disk for these keys do
    /// not count. It has all keys that were not committed yet, and the first of the others, up to a bound.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Live entries beyond that bound. They were committed, so the disk has them unless it evicted them.
    pub(crate) unlisted: u64,
    /// Range removals that were made before and are still pending. The keys they cover were already removed.
    pub(crate) earlier: Vec<RangeTombstone>,
}
