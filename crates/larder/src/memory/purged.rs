//! What a range removal took out of memory.

use super::slot::Range;
use super::stored_key::StoredKey;

/// What a purge took out of the shards.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// Live entries of memory-only keyspaces.
    pub(crate) memory_only: u64,
    /// Keys of the disk tier that memory knew, and whether they were live: what the disk says of these does
    /// not count. All that were not committed yet, and of the others the first, up to a bound.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Live entries beyond that bound. They were committed: the disk has them, unless it evicted them.
    pub(crate) unlisted: u64,
    /// Range removals that were made before and are still pending: what they cover was not there any more.
    pub(crate) earlier: Vec<Range>,
}
