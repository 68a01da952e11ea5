//! The control socket: a Unix socket through which a command sees what a live cache does, and removes entries from it.
//!
//! The application turns it on ([`CacheBuilder::control_socket`], or `control=PATH` in its URL); it is off otherwise. Whoever may write the
//! socket may do everything: its mode is 0600, so that is its owner and root.
//!
//! # The protocol
//!
//! Lines of JSON, a request and its answer in turn, as many as the peer likes. `docs/control.md` describes each verb.
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
//! One thread serves all of them, with their sockets in non-blocking mode. A peer that is slow, sends half a line or does not read its answer is let
//! go of when its time is over, and keeps neither the cache nor another peer from anything. Lines, peers and answers under way are bounded.
//! What a request itself takes (the commit of a removal, a verification) the requests of other peers wait for. A page of keys is bounded by
//! its keys, their bytes and the time that it reads the disk, besides two passes over the keys in memory; a value that is answered, by its bytes.
//! A peer that monitors operations is shown a bounded number of them at a time, between the requests of others.

pub(crate) mod answer;
pub(crate) mod client;
mod judge;
pub(crate) mod listen;
mod look;
mod monitor;
mod owner;
mod peer;
mod protocol;
pub(crate) mod serve;
mod status;
mod stream;
mod target;
mod text;
mod why;

pub use client::{Client, ClientError};
pub use monitor::{Monitor, MonitorEnd, MonitorOptions, Monitored, Operation};
pub use peer::{IDLE_LIMIT, READ_LIMIT};
pub use protocol::{Hello, LiveKeyspaceInfo, MAX_LINE, MAX_PAGE, MAX_VALUE_SENT, PROTOCOL, Refusal};
pub use serve::MAX_PEERS;
pub use status::{EntryState, FoundIn, KeyStatus, KeysPage};
pub use stream::{DEFAULT_MONITOR_SAMPLE, DEFAULT_MONITOR_SECONDS, MAX_MONITOR_SECONDS};

use std::path::PathBuf;

use crate::config::CacheBuilder;

impl CacheBuilder {
    /// Serves statistics and invalidations on a Unix socket at this path, for the command line: see [`control`](crate::control). None
    /// unless set. Needs the feature `control`.
    ///
    /// The socket is made when the cache is opened, with mode 0600, its directories with 0700; and removed when the cache is closed. One that a
    /// crash left is replaced; anything else at the path is left alone, and an error.
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
    /// bytes each. Off unless set: the socket's permission then guards what is in the cache, as that of the
    /// file does. Needs the feature `control`.
    ///
    /// Without it a peer is told everything of an entry but its value, and nothing that a type's own code says of a
    /// record that it does not decode: that may quote the value.
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
