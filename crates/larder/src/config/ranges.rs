//! Settings of range removals, which only tests change.

/// Maximum number of rows that a range removal deletes in the commit that acknowledges it. A larger removal
/// continues in parts of at most this size. A part takes about 5 ms.
pub(crate) const RANGE_ROWS: usize = 1000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeSettings {
    /// [`RANGE_ROWS`], except in tests.
    pub(crate) rows: usize,
    /// Whether the writer deletes the parts of a large removal between its steps. If false, each step deletes
    /// one part, so that a test controls when that happens.
    pub(crate) between_steps: bool,
}

impl Default for RangeSettings {
    fn default() -> Self {
        Self { rows: RANGE_ROWS, between_steps: true }
    }
}
