//! What a sweep removed.

use serde::{Deserialize, Serialize};

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SweepReport {
    /// Expired entries removed from memory.
    pub memory: u64,
    /// Expired entries deleted from disk.
    pub disk: u64,
}
