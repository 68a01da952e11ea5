//! A lock on a range of the bytes of a simulated file.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeLock {
    pub(super) handle: u64,
    pub(super) node: u64,
    pub(super) start: u64,
    /// The end of the range, exclusive. `None` for a range without an end.
    pub(super) end: Option<u64>,
    pub(super) is_shared: bool,
}

impl RangeLock {
    fn overlaps(&self, other: &Self) -> bool {
        self.node == other.node
            && self.end.is_none_or(|end| other.start < end)
            && other.end.is_none_or(|end| self.start < end)
    }

    /// Returns whether two locks cannot be held at the same time. Locks of one handle never exclude each
    /// other.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        self.handle != other.handle && self.overlaps(other) && !(self.is_shared && other.is_shared)
    }
}
