//! The result of a range removal in memory.

use crate::format::range_tombstone::RangeTombstone;
use crate::format::stored_key::StoredKey;

#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// Number of live entries of keyspaces whose lowest tier is memory. Near copies of a remote tier are not
    /// counted: the server counts its records.
    pub(crate) only_in_memory: u64,
    /// Keys of the disk tier that memory had. The `bool` says whether the key had a live value. The records
    /// of these keys on disk are not counted again. The list contains all uncommitted keys, and a bounded
    /// number of committed keys.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Number of live committed entries that did not fit into `memory_keys`. Each is still on disk unless
    /// the disk tier evicted it.
    pub(crate) unlisted: u64,
    /// Earlier range removals that are still pending. Keys in these ranges were already removed.
    pub(crate) earlier: Vec<RangeTombstone>,
}
