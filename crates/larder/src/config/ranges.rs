//! How range removals are made: settings of tests alone.

/// Rows that a range removal may look at in the commit that acknowledges it, and a part of a larger one: some
/// 5 ms of work at the most.
pub(crate) const RANGE_ROWS: usize = 1000;

/// How range removals are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeSettings {
    /// [`RANGE_ROWS`], but for tests.
    pub(crate) rows: usize,
    /// Whether parts are made between the steps of the writer; otherwise one with each step, so that a test
    /// decides when.
    pub(crate) between_steps: bool,
}

impl Default for RangeSettings {
    fn default() -> Self {
        Self { rows: RANGE_ROWS, between_steps: true }
    }
}
