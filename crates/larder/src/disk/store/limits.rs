//! The limits of a file: the charge of all entries, and the evictions in one transaction.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    /// Maximum sum of the charges of all entries, in bytes.
    pub(crate) live_limit: u64,
    /// Maximum number of entries that one transaction may evict. Each eviction replaces a page of each
    /// table, and the old pages are free only after the next transaction.
    pub(crate) max_evictions: usize,
}

impl StoreLimits {
    /// The limits for a tool, which does not know the capacity that the owner has set.
    pub(crate) const UNBOUNDED: Self = Self { live_limit: u64::MAX, max_evictions: usize::MAX };
}
