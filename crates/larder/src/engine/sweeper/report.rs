//! The result of a sweep.

use serde::{Deserialize, Serialize};

/// How many entries a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SweepReport {
    /// The number of expired entries removed from memory.
    pub memory: u64,
    /// The number of expired entries deleted from disk.
    pub disk: u64,
}
