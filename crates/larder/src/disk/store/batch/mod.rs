//! The changes of one transaction to the tables of entries: writes, deletions, range removals and evictions.

pub(crate) mod entries;
pub(crate) mod evict;
pub(crate) mod range_removal;
pub(crate) mod remove_range;
