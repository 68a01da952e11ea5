//! The result of a sweep.

use serde::{Deserialize, Serialize};

/// The numbers of entries that a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SweepReport {
    /// Expired entries removed from memory.
    pub memory: u64,
    /// Expired entries deleted from disk.
    pub disk: u64,
}
