//! How many bytes of entries a file may hold, and how many entries one transaction may evict.

/// How much may be live in a file, and how fast it makes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    /// Bytes that entries may be charged for, all together.
    pub(crate) live_limit: u64,
    /// Entries that one transaction may evict: it replaces a page of each table for each of them, and the old
    /// ones are free only after the next.
    pub(crate) max_evictions: usize,
}

impl StoreLimits {
    /// The room of a file whose capacity is a setting of somebody else's.
    pub(crate) const UNBOUNDED: Self = Self { live_limit: u64::MAX, max_evictions: usize::MAX };
}
