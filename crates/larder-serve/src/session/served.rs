//! The state that all connections of a server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use larder::Cache;
use tokio::time::Instant;

use super::buffers::BufferMemory;
use super::client::Clients;
use super::cursors::Cursors;
use super::databases::Databases;
use super::latency::Latencies;
use super::monitors::Monitors;
use super::output::OutputLimits;
use super::slow_log::SlowLog;
use crate::protocol::limits::RequestLimits;

#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) cache: Cache,
    /// Whether the cache has a file. Its statistics also tell this, but they add up the counts of all shards.
    pub(crate) has_file: bool,
    pub(crate) databases: Databases,
    pub(crate) password: Option<Password>,
    pub(crate) is_read_only: bool,
    pub(crate) limits: RequestLimits,
    pub(crate) output_limits: OutputLimits,
    pub(crate) buffers: Arc<BufferMemory>,
    pub(crate) max_connections: usize,
    pub(crate) clients: Arc<Clients>,
    pub(crate) counters: ServerCounters,
    pub(crate) cursors: Cursors,
    pub(crate) slow_log: SlowLog,
    pub(crate) latencies: Latencies,
    pub(crate) monitors: Arc<Monitors>,
    /// The counters at the last `CONFIG RESETSTAT`.
    pub(crate) baseline: Baseline,
    pub(crate) since: Instant,
    /// Becomes true when a shutdown times out. Walks over the keys then end.
    pub(crate) is_cut_off: Arc<AtomicBool>,
}

/// The Redis version whose commands, replies and error texts this server follows.
pub(crate) const REDIS_VERSION: &str = "7.0.15";

/// Values that `INFO` subtracts from the current counters.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) expirations: AtomicU64,
    pub(crate) evictions: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) cut_off: AtomicU64,
}

/// The counters of a server since its start.
#[derive(Debug, Default)]
pub(crate) struct ServerCounters {
    pub(crate) requests: AtomicU64,
    /// Number of connections that were refused because the maximum was reached.
    pub(crate) refused: AtomicU64,
    /// Number of connections that were closed because their buffers were too large or the peer did not read
    /// its replies in time.
    pub(crate) cut_off: AtomicU64,
}

/// A password. `Debug` does not print it.
pub(crate) struct Password(Box<[u8]>);

impl Password {
    pub(crate) fn new(password: &str) -> Self {
        Self(password.as_bytes().into())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether this is the password. The comparison takes equally long for all passwords of the same
    /// length, so its time reveals nothing about the correct one.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        let mut difference = self.0.len() ^ given.len();
        for (index, byte) in given.iter().enumerate() {
            // The index is never out of range, because `ServerBuilder::start` refuses an empty password.
            let own = self.0.get(index % self.0.len().max(1)).copied().unwrap_or_default();
            difference |= usize::from(std::hint::black_box(own ^ byte));
        }
        std::hint::black_box(difference) == 0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}
