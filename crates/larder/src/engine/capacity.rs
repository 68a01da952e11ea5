//! The division of the file's capacity among live entries, the changes of one transaction, and its evictions.

use crate::disk::store::limits::StoreLimits;

/// Maximum share of the file's capacity for the charges of live entries, in sixteenths. Used if the file
/// system's blocks are counted. The rest is for the store's own tables, for gaps, and for the replaced pages
/// of two transactions until these pages are free. `docs/adr/0009` gives the measurement.
const LIVE_SIXTEENTHS: u64 = 13;
/// The same share as a divisor of the capacity. Used if the length of the file is bounded instead. redb
/// doubles a file that must grow, so the pages in use must stay below half of the capacity. The pages that
/// hold entries are two thirds full. The pages in use also include the replaced pages of two transactions,
/// until these pages are free.
const LIVE_SHARE: u64 = 4;
/// A divisor of the capacity. The result is the maximum size in bytes of the values that one transaction
/// writes, and also of the pages that its evictions replace.
const BATCH_SHARE: u64 = 32;
/// A divisor of the capacity. The result is the maximum size in bytes of the pages that the changes of one
/// transaction replace. Small values replace the most pages for their size. Entries can't use the space of
/// replaced pages that are not free yet.
const CHANGE_SHARE: u64 = 64;
/// The size in bytes of the pages that a change may replace: a leaf of each table for the written entry, and
/// a leaf of each table for an evicted entry.
const BYTES_PER_CHANGE: u64 = 4 * 4096;
/// The size in bytes of the pages that an eviction may replace: a leaf of each table.
const BYTES_PER_EVICTION: u64 = 2 * 4096;
/// A divisor of the capacity. The result is the maximum size in bytes of the pages that the values of one
/// group replace. The values of a group are committed in one transaction. Small values replace the most pages
/// for their size: a leaf of each table for each value. Two such transactions, with their evictions, still
/// fit beside the live entries.
const GROUP_SHARE: u64 = 16;
/// The bytes of the pages that a value of a group may replace: a leaf of each table.
const BYTES_PER_GROUP_VALUE: u64 = 2 * 4096;
const MIN_CHANGES: u64 = 16;
const MAX_CHANGES: u64 = 1 << 16;

/// Returns the maximum sum of the charges of all live entries, in bytes.
pub(super) fn live_limit(capacity: u64, counts_blocks: bool) -> u64 {
    if counts_blocks { capacity / 16 * LIVE_SIXTEENTHS } else { capacity / LIVE_SHARE }
}

/// Returns the limits of a file of this capacity: the maximum bytes of live entries, and the maximum
/// evictions of one transaction.
pub(super) fn store_limits(capacity: u64, counts_blocks: bool) -> StoreLimits {
    let evictions = (capacity / BATCH_SHARE / BYTES_PER_EVICTION).clamp(MIN_CHANGES, MAX_CHANGES);
    StoreLimits {
        live_limit: live_limit(capacity, counts_blocks),
        max_evictions: usize::try_from(evictions).unwrap_or(usize::MAX),
    }
}

/// Returns the maximum number of changes in one transaction.
pub(super) fn max_changes(capacity: u64) -> usize {
    let changes = (capacity / CHANGE_SHARE / BYTES_PER_CHANGE).clamp(MIN_CHANGES, MAX_CHANGES);
    usize::try_from(changes).unwrap_or(usize::MAX)
}

/// Returns the maximum number of value bytes that one transaction writes.
pub(super) fn max_batch_bytes(capacity: u64) -> usize {
    usize::try_from(capacity / BATCH_SHARE).unwrap_or(usize::MAX)
}

/// The limits of one group of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    pub(crate) values: usize,
    /// The maximum number of bytes of all encoded values together.
    pub(crate) bytes: u64,
}

/// Returns the limits of one group of values in a file of this capacity.
pub(super) fn group_limits(capacity: u64) -> GroupLimits {
    let values = (capacity / GROUP_SHARE / BYTES_PER_GROUP_VALUE).clamp(MIN_CHANGES, MAX_CHANGES);
    GroupLimits { values: usize::try_from(values).unwrap_or(usize::MAX), bytes: capacity / BATCH_SHARE }
}
