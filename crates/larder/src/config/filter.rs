//! Settings of the builds of a filter of absent keys, which only tests change.

/// Minimum number of reads that found nothing before a new filter is built.
pub(crate) const MIN_UNFOUND: u64 = 1_000;
/// Number of keys in a part of a build.
pub(crate) const PART_KEYS: usize = 512;

#[derive(Debug, Clone, Copy)]
pub(crate) struct FilterSettings {
    /// [`MIN_UNFOUND`], except in tests.
    pub(crate) min_unfound: u64,
    /// [`PART_KEYS`], except in tests.
    pub(crate) part_keys: usize,
}

impl Default for FilterSettings {
    fn default() -> Self {
        Self { min_unfound: MIN_UNFOUND, part_keys: PART_KEYS }
    }
}
