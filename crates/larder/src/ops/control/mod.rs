//! The control socket: a Unix socket through which a command inspects and changes a live cache. For
//! example, it reads statistics and keys, and removes entries.
//!
//! The application turns the socket on with [`CacheBuilder::control_socket`], or with `control=PATH` in its
//! URL. By default there is no socket. A process that can write to the socket can make every request. The
//! mode of the socket is 0600, so only processes of its user and of root can write to it.
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
//! A peer sends any number of requests. Each request is a line of JSON, and gets a line as its answer.
//! After the answer to `monitor`, further lines show the operations. `docs/control.md` describes each verb.
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
//! One thread serves all peers through non-blocking sockets. A peer that is slow, sends half a line, or
//! does not read its answer is disconnected at its deadline. Such a peer delays neither the cache nor other
//! peers. The length of a line, the number of peers, and the pending answers are bounded.
//!
//! While the thread executes one request, such as a removal or a verification, the requests of other peers
//! wait. A page of keys takes up to two passes over the keys in memory, and is bounded in its keys, their
//! bytes, and the time spent reading the disk. A value in an answer has a maximum length. A peer that
//! monitors operations gets a bounded number of them at a time, between the requests of other peers.

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
    /// Opens a control socket at this path, through which the `larder` command reads and changes the live
    /// cache: see [`control`](crate::control). Default: no socket. Requires the feature `control`.
    ///
    /// Opening the cache creates the socket with mode 0600, and missing directories with mode 0700. Closing
    /// the cache removes the socket. A socket left by a crash is replaced. If anything else is at the path,
    /// opening fails and leaves it unchanged.
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

    /// Allows the control socket to send values of up to [`MAX_VALUE_SENT`](crate::control::MAX_VALUE_SENT)
    /// bytes. Default: off. If on, only the mode of the socket keeps other users from reading values.
    /// Requires the feature `control`.
    ///
    /// If off, a peer can read everything about an entry except its value. Decoding errors of the value's
    /// type are not sent either, because they may quote the value.
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
