//! Divides the file's capacity among the live entries, the changes of a transaction, and its evictions.

use crate::disk::store::limits::StoreLimits;

/// The maximum share of the file's capacity for live entries, in sixteenths, if the capacity limits the
/// allocated blocks of the file. The rest is for the store's own tables, for gaps, and for the pages that
/// two transactions have replaced and that are not free yet. `docs/adr/0009` describes the measurement.
const LIVE_SIXTEENTHS: u64 = 13;
/// The same share, as a divisor of the capacity, if the capacity limits the length of the file instead. redb
/// doubles a file of one region when it must grow, so the pages in use must stay below half of the capacity.
/// Pages with entries are about two thirds full. The pages that two transactions have replaced also count as
/// in use until they are free.
const LIVE_SHARE: u64 = 4;
/// The capacity divided by this number gives three limits: the maximum bytes of the values that a transaction
/// writes, of the values of a group, and of the pages that the evictions of a transaction replace.
const BATCH_SHARE: u64 = 32;
/// The capacity divided by this number gives the maximum bytes of the pages that the changes of a
/// transaction replace. Small values replace the most pages for their size. Until the replaced pages are
/// free, entries can't use their space.
const CHANGE_SHARE: u64 = 64;
/// The maximum bytes of the pages that a change replaces: a leaf of each table for the written entry, and a
/// leaf of each table for an evicted entry.
const BYTES_PER_CHANGE: u64 = 4 * 4096;
/// The maximum bytes of the pages that an eviction replaces: a leaf of each table.
const BYTES_PER_EVICTION: u64 = 2 * 4096;
/// The capacity divided by this number gives the maximum bytes of the pages that the values of a group
/// replace. A group is committed in one transaction. Small values replace the most pages for their size: a
/// leaf of each table for each value. With this limit, the replaced pages of two such transactions and
/// their evictions fit beside the live entries.
const GROUP_SHARE: u64 = 16;
/// The maximum bytes of the pages that a value of a group replaces: a leaf of each table.
const BYTES_PER_GROUP_VALUE: u64 = 2 * 4096;
/// The limits above allow at least this many changes and evictions in a transaction, and values in a group,
/// however small the capacity is.
const MIN_CHANGES: u64 = 16;
const MAX_CHANGES: u64 = 1 << 16;

/// Returns the maximum sum of the charges of all live entries, in bytes.
pub(super) fn live_limit(capacity: u64, counts_blocks: bool) -> u64 {
    if counts_blocks { capacity / 16 * LIVE_SIXTEENTHS } else { capacity / LIVE_SHARE }
}

pub(super) fn store_limits(capacity: u64, counts_blocks: bool) -> StoreLimits {
    let evictions = (capacity / BATCH_SHARE / BYTES_PER_EVICTION).clamp(MIN_CHANGES, MAX_CHANGES);
    StoreLimits {
        live_limit: live_limit(capacity, counts_blocks),
        max_evictions: usize::try_from(evictions).unwrap_or(usize::MAX),
    }
}

pub(super) fn max_changes(capacity: u64) -> usize {
    let changes = (capacity / CHANGE_SHARE / BYTES_PER_CHANGE).clamp(MIN_CHANGES, MAX_CHANGES);
    usize::try_from(changes).unwrap_or(usize::MAX)
}

pub(super) fn max_batch_bytes(capacity: u64) -> usize {
    usize::try_from(capacity / BATCH_SHARE).unwrap_or(usize::MAX)
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    pub(crate) values: usize,
    /// The maximum number of bytes of all encoded values together.
    pub(crate) bytes: u64,
}

pub(super) fn group_limits(capacity: u64) -> GroupLimits {
    let values = (capacity / GROUP_SHARE / BYTES_PER_GROUP_VALUE).clamp(MIN_CHANGES, MAX_CHANGES);
    GroupLimits { values: usize::try_from(values).unwrap_or(usize::MAX), bytes: capacity / BATCH_SHARE }
}
