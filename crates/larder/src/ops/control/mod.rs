//! The control socket: a Unix socket through which a command reads the statistics and keys of a live cache,
//! and removes entries from it.
//!
//! The application turns the socket on with [`CacheBuilder::control_socket`], or with `control=PATH` in its
//! URL. Otherwise the cache has no socket. A process that may write to the socket may make every request. The
//! mode of the socket is 0600, so only processes of its owner and of root may write to it.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! # let socket = dir.path().join("shop.sock");
//! use larder::{Cache, KeyspaceDefinition, control::Client};
//!
//! const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
//! let cache = Cache::builder().control_socket(&socket).open()?;
//! cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
//!
//! let mut client = Client::connect(&socket)?; // in another process
//! assert_eq!(client.stats()?.memory.entries, 1);
//! assert_eq!(client.keyspaces()?[0].name, "price");
//! assert!(client.ttl("price", "MTNVTU")?.is_some());
//! println!("{}", client.why("price", "MTNVTU")?.why.unwrap_or_default());
//! assert_eq!(client.remove_prefix("price", "MTN")?, 1);
//! client.flush()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The protocol
//!
//! The protocol consists of lines of JSON: a request, then its answer, any number of times. `docs/control.md`
//! describes each verb.
//!
//! ```text
//! → {"v":1,"do":"remove","keyspace":"product","key":"MTNVTU"}
//! ← {"v":1,"ok":{"removed":1}}
//! → {"v":1,"do":"remove","keyspace":"produkt","key":"MTNVTU"}
//! ← {"v":1,"error":{"kind":"unknown_keyspace","cause":"…","remedy":"…"}}
//! ```
//!
//! # What a peer can't do
//!
//! One thread serves all peers, with their sockets in non-blocking mode. A peer may be slow, send half a
//! line, or not read its answer. Such a peer is disconnected at its deadline, and delays neither the cache
//! nor another peer. Lines, peers and pending answers are bounded.
//!
//! While the thread executes a request, such as the commit of a removal or a verification, the requests of
//! other peers wait. A page of keys needs two passes over the keys in memory. Besides that, the number of
//! keys in a page, their bytes and the time of reading the disk are bounded. A value in an answer has a
//! maximum number of bytes. A peer that monitors operations gets a bounded number of operations at a time,
//! between the requests of other peers.

pub(crate) mod answer;
mod client;
pub(crate) mod client_error;
mod judge;
mod line;
pub(crate) mod listen;
mod look;
mod monitor;
mod owner;
mod peer;
mod protocol;
mod refusal;
pub(crate) mod serve;
mod status;
mod stream;
mod target;
mod text;
mod why;

pub use client::Client;
pub use client_error::ClientError;
pub use line::PROTOCOL;
pub use monitor::{Monitor, MonitorEnd, MonitorOptions, Monitored, Operation};
pub use peer::{IDLE_LIMIT, READ_LIMIT};
pub use protocol::{Hello, LiveKeyspaceInfo, MAX_LINE, MAX_PAGE, MAX_VALUE_SENT};
pub use refusal::{Refusal, RefusalKind};
pub use serve::MAX_PEERS;
pub use status::{EntryState, FoundIn, KeyStatus, KeysPage};
pub use stream::{DEFAULT_MONITOR_SAMPLE, DEFAULT_MONITOR_SECONDS, MAX_MONITOR_SECONDS};

use std::path::PathBuf;

use crate::config::CacheBuilder;

impl CacheBuilder {
    /// Serves statistics and invalidations on a Unix socket at this path, for the command line: see
    /// [`control`](crate::control). Default: no socket. Needs the feature `control`.
    ///
    /// Opening the cache makes the socket with mode 0600, and missing directories with mode 0700. Closing the
    /// cache removes the socket. A socket that a crash left is replaced. If anything else is at the path, it
    /// is not changed, and opening fails.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let socket = dir.path().join("shop.sock");
    /// use larder::{Cache, control::Client};
    ///
    /// let cache = Cache::builder().control_socket(&socket).open()?;
    /// let mut client = Client::connect(&socket)?; // in another process
    /// assert_eq!(client.stats()?.misses, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn control_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.control_socket = Some(path.into());
        self
    }

    /// Lets the control socket answer with values, up to [`MAX_VALUE_SENT`](crate::control::MAX_VALUE_SENT)
    /// bytes each. Default: off. If this setting is on, the mode of the socket protects the values, as the
    /// mode of the file does. Needs the feature `control`.
    ///
    /// If this setting is off, a peer can read everything about an entry except its value. If a record does
    /// not decode, the error of the type's own code is not sent either, because the error may quote the
    /// value.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let socket = dir.path().join("shop.sock");
    /// use larder::{Cache, KeyspaceDefinition, control::Client};
    ///
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// let cache = Cache::builder().control_socket(&socket).control_values(true).open()?;
    /// cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
    /// let mut client = Client::connect(&socket)?; // in another process
    /// assert_eq!(client.get("price", "MTNVTU")?.value.as_deref(), Some("0x64"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn control_values(mut self, are_shown: bool) -> Self {
        self.control_values = are_shown;
        self
    }
}

#[cfg(test)]
mod tests;
