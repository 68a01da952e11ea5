//! The remote tier's part of the statistics.

use serde::{Deserialize, Serialize};

/// The remote tier's part of [`Stats`](crate::Stats).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RemoteStats {
    /// The address of the server as a URL, without a user and a password.
    pub server: String,
    /// Lookups answered by the server. [`KeyspaceStats::disk_hits`](crate::KeyspaceStats::disk_hits) has the
    /// count of each keyspace.
    pub hits: u64,
    /// Requests of lookups, loads and iterations that failed, because the server did not answer or refused
    /// the request. Such a lookup was a miss.
    pub failures: u64,
    /// Uses of entries with a time to idle that were not sent to the server: because 4,096 others were on
    /// their way, during the pause after the server had refused a use, or because the copy in memory was
    /// evicted during the hit. Such an entry may expire earlier, unless it is used again.
    pub unsent_uses: u64,
}
