//! How the capacity of the file is shared out: to live entries, to one transaction, and to one eviction.

use crate::disk::store::limits::StoreLimits;

/// The part of the file's capacity that entries may be charged for if the file's blocks are counted, in
/// sixteenths. The rest is for the pages that two transactions replace and that are not free yet, for the
/// store's own tables, and for gaps. `docs/adr/0009` gives the measurement.
const LIVE_SIXTEENTHS: u64 = 13;
/// The same if the file's length is bounded: one part of this number. redb doubles a file that must grow, so
/// the pages in use have to stay below half of the capacity. They are entries in pages that are two thirds
/// full, and two transactions' worth of pages that are replaced and not yet free.
const LIVE_SHARE: u64 = 4;
/// One transaction may write this part of the capacity as values, and replace pages of this part to evict:
/// one part of this number.
const BATCH_SHARE: u64 = 32;
/// The changes of one transaction may replace pages of this part of the capacity: one part of this number.
/// Small values replace most pages, and entries do not have the room of pages that are replaced and not free
/// yet.
const CHANGE_SHARE: u64 = 64;
/// The pages that a change may replace: a leaf of each table, for the entry that it writes and for one that
/// it evicts.
const BYTES_PER_CHANGE: u64 = 4 * 4096;
/// The pages that an eviction may replace: a leaf of each table.
const BYTES_PER_EVICTION: u64 = 2 * 4096;
const MIN_CHANGES: u64 = 16;
const MAX_CHANGES: u64 = 1 << 16;

/// Returns the bytes that all live entries together may be charged for.
pub(super) fn live_limit(capacity: u64, counts_blocks: bool) -> u64 {
    if counts_blocks { capacity / 16 * LIVE_SIXTEENTHS } else { capacity / LIVE_SHARE }
}

/// Returns what may be live in a file of this capacity, and what one transaction may evict.
pub(super) fn store_limits(capacity: u64, counts_blocks: bool) -> StoreLimits {
    let evictions = (capacity / BATCH_SHARE / BYTES_PER_EVICTION).clamp(MIN_CHANGES, MAX_CHANGES);
    StoreLimits {
        live_limit: live_limit(capacity, counts_blocks),
        max_evictions: usize::try_from(evictions).unwrap_or(usize::MAX),
    }
}

/// Returns how many changes one transaction may make.
pub(super) fn max_changes(capacity: u64) -> usize {
    let changes = (capacity / CHANGE_SHARE / BYTES_PER_CHANGE).clamp(MIN_CHANGES, MAX_CHANGES);
    usize::try_from(changes).unwrap_or(usize::MAX)
}

/// Returns how many bytes of values one transaction may write.
pub(super) fn max_batch_bytes(capacity: u64) -> usize {
    usize::try_from(capacity / BATCH_SHARE).unwrap_or(usize::MAX)
}
