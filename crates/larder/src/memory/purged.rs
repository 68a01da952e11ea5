//! The result of a range removal in memory.

use crate::format::range_tombstone::RangeTombstone;
use crate::format::stored_key::StoredKey;

/// The entries that a range removal removed from the shards.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// Live entries of memory-only keyspaces.
    pub(crate) memory_only: u64,
    /// Keys of the disk tier that memory had, and whether the entry of each key was live. A record on disk
    /// for one of these keys is not counted again. The list has all uncommitted keys, and the first committed
    /// keys up to a bound.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Number of live entries that are not in `memory_keys` because of its bound. These entries were
    /// committed, so each is still on disk unless the disk tier evicted it.
    pub(crate) unlisted: u64,
    /// Range removals that were made before and are still pending. Keys in these ranges were already removed.
    pub(crate) earlier: Vec<RangeTombstone>,
}
