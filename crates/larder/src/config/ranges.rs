//! How range removals are made. Only tests change these settings.

/// Rows that a range removal may visit in the commit that acknowledges it, and in one part of a larger
/// removal. That is about 5 ms of work at most.
pub(crate) const RANGE_ROWS: usize = 1000;

/// How range removals are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeSettings {
    /// [`RANGE_ROWS`], except in tests.
    pub(crate) rows: usize,
    /// Whether parts are made between the steps of the writer. If not, each step makes one, so that a test
    /// decides when.
    pub(crate) between_steps: bool,
}

impl Default for RangeSettings {
    fn default() -> Self {
        Self { rows: RANGE_ROWS, between_steps: true }
    }
}
