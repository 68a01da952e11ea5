//! The limits of a file: bytes of live entries, and evictions in one transaction.

/// The limits of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    /// Number of bytes that all entries together may be charged for.
    pub(crate) live_limit: u64,
    /// Maximum number of entries that one transaction may evict. For each of them it replaces a page of each
    /// table, and the old pages are free only after the next transaction.
    pub(crate) max_evictions: usize,
}

impl StoreLimits {
    /// The limits for a tool, which does not know the capacity that the owner has set.
    pub(crate) const UNBOUNDED: Self = Self { live_limit: u64::MAX, max_evictions: usize::MAX };
}
