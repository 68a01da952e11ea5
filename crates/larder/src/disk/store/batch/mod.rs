//! The changes of one transaction to the tables of entries: writes, deletions, range removals, evictions, and
//! extensions of expiries.

pub(crate) mod entries;
pub(super) mod evict;
mod extend;
pub(crate) mod range_removal;
pub(super) mod remove_range;
