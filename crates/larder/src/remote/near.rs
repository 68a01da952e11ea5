//! The interface through which the remote tier applies changes at the server to memory.

use std::fmt::Debug;

/// The memory tier in front of a remote tier. The cache implements it, and the tier calls it from the thread
/// that reads the connection.
///
/// A call drops values and voids the permissions to fill that were taken before it. It does not wait for the
/// network, and runs neither a loader nor a listener.
pub trait NearTier: Debug + Send + Sync {
    /// Drops the near copies of these keys, because their slots have changed at the server. A key is the
    /// keyspace's number and the encoded key, as in the requests. A key that the cache does not have is
    /// ignored.
    fn invalidate(&self, keys: &[&[u8]]);

    /// Drops the near copies of all keys that begin with `prefix`.
    fn invalidate_range(&self, prefix: &[u8]);

    /// Drops all near copies: the connection was lost, or the server says that it has forgotten which keys
    /// this client has read.
    fn invalidate_all(&self);
}
