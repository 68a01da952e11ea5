//! The interface through which the remote tier applies changes at the server to memory.

use std::fmt::Debug;

/// The memory tier in front of a remote tier. The cache implements it, and the tier calls it from the thread
/// that reads the connection.
///
/// Each call drops near copies, and voids the epoch tokens with which earlier requests could fill their keys.
/// It never waits for the network, and calls no loader and no event listener. Another thread wakes the tasks
/// that wait for a changed key, unless the system can start no thread.
pub trait NearTier: Debug + Send + Sync {
    /// Drops the near copies of these keys, because their slots have changed at the server. A key has the
    /// same form as in requests: the keyspace's number, then the encoded key. Unknown keys are ignored.
    fn invalidate(&self, keys: &[&[u8]]);

    /// Drops the near copies of all keys that begin with `prefix`.
    fn invalidate_range(&self, prefix: &[u8]);

    /// Drops all near copies, because the connection was lost, or the server no longer knows which keys this
    /// client has read.
    fn invalidate_all(&self);
}
