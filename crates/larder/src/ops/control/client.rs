//! The client: sends requests to a live cache in another process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client_error::ClientError;
use super::line::PROTOCOL;
use super::listen::connect;
use super::protocol::{Hello, LiveKeyspaceInfo, Removed, Request};
use super::status::{KeyStatus, KeysPage};
use crate::engine::sweeper::report::SweepReport;
use crate::engine::verify::VerifyReport;
use crate::stats::Stats;
use crate::stats::observe::hot::HotKeys;
use crate::stats::observe::slow::SlowLoads;
use crate::units::{Remaining, Timestamp};

/// Time limit for the first answer, in which the process identifies itself. The limit is short because a
/// person waits, and a stopped process never answers. A process that runs a verification for another peer may
/// exceed the limit.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Default time limit for an answer. The limit is long because a verification reads the whole file.
const PATIENCE: Duration = Duration::from_mins(10);
/// Maximum length of an answer in bytes.
const MAX_ANSWER: u64 = 64 << 20;

/// A connection to the control socket of a live cache.
///
/// ```no_run
/// let mut client = larder::control::Client::connect("var/shop.sock")?;
/// println!("{}", client.stats()?);
/// client.remove("product", "MTNVTU")?; // durable when it returns
/// # Ok::<(), larder::control::ClientError>(())
/// ```
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    path: PathBuf,
    server: Hello,
}

impl Client {
    /// Connects to a socket, and asks the process that answers to identify itself.
    ///
    /// # Errors
    /// Returns [`ClientError::Connect`] if no process listens. Returns [`ClientError::Silent`] if no answer
    /// comes within five seconds. Returns [`ClientError::Garbled`], [`ClientError::Disconnected`] or
    /// [`ClientError::Refused`] as for every request.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        Self::connect_within(path.as_ref(), FIRST_ANSWER)
    }

    /// Does the same as [`connect`](Client::connect), with another time limit for the first answer.
    pub(super) fn connect_within(path: &Path, first: Duration) -> Result<Self, ClientError> {
        let path = path.to_owned();
        let stream = connect(&path).map_err(|source| ClientError::Connect { path: path.clone(), source })?;
        let mut client = Self { stream: BufReader::new(stream), path, server: Hello::default() };
        client.set_patience(first)?;
        client.server = client.ask(&Request::Hello {}).map_err(|error| match error {
            ClientError::Disconnected { path, source } if source.kind() == io::ErrorKind::TimedOut => {
                ClientError::Silent { path, waited: first }
            }
            error => error,
        })?;
        client.set_patience(PATIENCE)?;
        Ok(client)
    }

    /// Sets the time limit for an answer. Default: ten minutes.
    ///
    /// # Errors
    /// Returns [`ClientError::Disconnected`] if the limit is zero.
    pub fn set_patience(&mut self, patience: Duration) -> Result<(), ClientError> {
        let stream = self.stream.get_ref();
        let set =
            stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience)));
        set.map_err(|source| self.disconnected(source))
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the identity of the process that answers, and the list of requests that it understands.
    #[must_use]
    pub fn server(&self) -> &Hello {
        &self.server
    }

    /// Returns the statistics of the cache.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn stats(&mut self) -> Result<Stats, ClientError> {
        self.ask(&Request::Stats {})
    }

    /// Returns the keyspaces that the process has opened and those that are only in its file, sorted by name.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn keyspaces(&mut self) -> Result<Vec<LiveKeyspaceInfo>, ClientError> {
        self.ask(&Request::Keyspaces {})
    }

    /// Returns a page of the keys of a keyspace, in memory and on disk, in the order of their encoded bytes.
    ///
    /// The page has the keys that begin with `prefix` and come after `after`. An empty prefix selects every
    /// key. The page has at most `limit` keys, and never more than [`MAX_PAGE`](crate::control::MAX_PAGE).
    /// A `limit` of 0 counts as 1. If `all` is set, the page also has keys without a live value, for
    /// example because the entry has expired, was removed, or is damaged.
    ///
    /// ```no_run
    /// let mut client = larder::control::Client::connect("var/shop.sock")?;
    /// let mut page = client.keys("product", "", None, 1000, false)?;
    /// loop {
    ///     page.keys.iter().for_each(|key| println!("{}", key.key));
    ///     let Some(after) = page.after else { break };
    ///     page = client.keys("product", "", Some(&after), 1000, false)?;
    /// }
    /// # Ok::<(), larder::control::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    ///
    /// # Cost
    /// Costs up to two passes over all keys in memory, and up to 50 ms of reading from disk. The
    /// control thread of the process does this work, and no lookup waits for it.
    pub fn keys(
        &mut self,
        keyspace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
        all: bool,
    ) -> Result<KeysPage, ClientError> {
        let (keyspace, prefix) = (keyspace.to_owned(), prefix.to_owned());
        self.ask(&Request::Keys {
            keyspace,
            prefix,
            after: after.map(str::to_owned),
            limit: Some(limit),
            all,
        })
    }

    /// Returns the status of a key, with its value if the application allows it
    /// ([`CacheBuilder::control_values`](crate::CacheBuilder::control_values)).
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer. A missing entry
    /// is not an error.
    pub fn get(&mut self, keyspace: &str, key: &str) -> Result<KeyStatus, ClientError> {
        self.ask(&Request::Get { keyspace: keyspace.to_owned(), key: key.to_owned() })
    }

    /// Returns the remaining TTL of a live entry or of a known absence, or `None` if there is neither.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn ttl(&mut self, keyspace: &str, key: &str) -> Result<Option<Remaining>, ClientError> {
        let status: KeyStatus =
            self.ask(&Request::Ttl { keyspace: keyspace.to_owned(), key: key.to_owned() })?;
        let is_never = status.expires_at_ms.is_some_and(|at| Timestamp::from_millis(at).is_never());
        let left = |ms| if is_never { Remaining::Never } else { Remaining::For(Duration::from_millis(ms)) };
        Ok(status.ttl_ms.map(left))
    }

    /// Returns the status of a key, with the reason why a lookup hits or misses ([`KeyStatus::why`]).
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn why(&mut self, keyspace: &str, key: &str) -> Result<KeyStatus, ClientError> {
        self.ask(&Request::Why { keyspace: keyspace.to_owned(), key: key.to_owned() })
    }

    /// Durably removes an entry. Returns the number of removed live entries: one or zero.
    ///
    /// Write the key as `larder keys --keyspace NAME` shows it, in the shape that
    /// [`keyspaces`](Client::keyspaces) returns, or as `0x` and the hexadecimal digits of the key's bytes.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer. If the kind of
    /// the refusal is [`NotDurable`](super::RefusalKind::NotDurable), the entry is removed from memory, and
    /// may reappear after a restart.
    pub fn remove(&mut self, keyspace: &str, key: &str) -> Result<u64, ClientError> {
        self.invalidate(&Request::Remove { keyspace: keyspace.to_owned(), key: key.to_owned() })
    }

    /// Durably removes every entry whose key begins with a prefix. Returns the number of removed live
    /// entries.
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Client::remove).
    pub fn remove_prefix(&mut self, keyspace: &str, prefix: &str) -> Result<u64, ClientError> {
        self.invalidate(&Request::RemovePrefix { keyspace: keyspace.to_owned(), prefix: prefix.to_owned() })
    }

    /// Durably removes every entry of a keyspace. Returns the number of removed live entries.
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Client::remove).
    pub fn clear(&mut self, keyspace: &str) -> Result<u64, ClientError> {
        self.invalidate(&Request::Clear { keyspace: keyspace.to_owned() })
    }

    /// Durably removes every entry of every keyspace. Returns the number of removed live entries.
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Client::remove).
    pub fn clear_all(&mut self) -> Result<u64, ClientError> {
        self.invalidate(&Request::ClearAll {})
    }

    /// Commits the inserts that have returned, as [`Cache::flush`](crate::Cache::flush) does.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.ask::<Value>(&Request::Flush {}).map(drop)
    }

    /// Deletes expired entries.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn sweep(&mut self) -> Result<SweepReport, ClientError> {
        self.ask(&Request::Sweep {})
    }

    /// Checks every page and record of the file.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn verify(&mut self) -> Result<VerifyReport, ClientError> {
        self.ask(&Request::Verify {})
    }

    /// Returns the hottest keys of the last few minutes: up to `limit` keys by hits, and up to `limit` keys
    /// by misses (default 20, at most [`MAX_HOT_KEYS`](crate::MAX_HOT_KEYS)). With `keyspace`, returns only
    /// keys of that keyspace.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer. If the
    /// application has not turned on [`CacheBuilder::sample_keys`](crate::CacheBuilder::sample_keys), the
    /// kind of the refusal is [`NotAllowed`](super::RefusalKind::NotAllowed).
    pub fn hot_keys(&mut self, keyspace: Option<&str>, limit: Option<usize>) -> Result<HotKeys, ClientError> {
        self.ask(&Request::Hot { keyspace: keyspace.map(str::to_owned), limit })
    }

    /// Returns the latest slow loads, newest first, up to `limit` (default: all that the cache keeps). With
    /// `keyspace`, returns only loads of that keyspace.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the cache refuses the request, or gives no valid answer.
    pub fn slow_loads(
        &mut self,
        keyspace: Option<&str>,
        limit: Option<usize>,
    ) -> Result<SlowLoads, ClientError> {
        self.ask(&Request::Slow { keyspace: keyspace.map(str::to_owned), limit })
    }

    fn invalidate(&mut self, request: &Request) -> Result<u64, ClientError> {
        self.ask(request).map(|Removed { removed }| removed)
    }

    pub(super) fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        // A process with too many peers sends a refusal and closes the connection without reading the
        // request. The refusal says more than the error of the failed write.
        let sent = self.stream.get_mut().write_all(&request.to_line());
        let line = self.read_line();
        let line = match (line, sent) {
            (Err(ClientError::Disconnected { .. }), Err(source)) => Err(self.disconnected(source)),
            (line, _) => line,
        };
        self.answer_of(line?)
    }

    pub(super) fn send(&mut self, line: &[u8]) -> Result<(), ClientError> {
        let sent = self.stream.get_mut().write_all(line);
        sent.map_err(|source| self.disconnected(source))
    }

    /// Reads a line, and checks that it has this version of the protocol.
    pub(super) fn read_line(&mut self) -> Result<Value, ClientError> {
        let mut line = Vec::new();
        let read = self.stream.by_ref().take(MAX_ANSWER).read_until(b'\n', &mut line);
        if line.is_empty() {
            let source = read.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
            return Err(self.disconnected(source));
        }
        let line: Value = serde_json::from_slice(&line).map_err(|error| self.garbled(&error))?;
        if line.get("v") != Some(&PROTOCOL.into()) {
            return Err(self.garbled(&format!("its version is not {PROTOCOL}")));
        }
        Ok(line)
    }

    pub(super) fn answer_of<T: DeserializeOwned>(&self, mut line: Value) -> Result<T, ClientError> {
        if let Some(refusal) = line.get_mut("error").map(Value::take) {
            return Err(ClientError::Refused(self.understood(refusal)?));
        }
        self.understood(line.get_mut("ok").map(Value::take).unwrap_or_default())
    }

    pub(super) fn understood<T: DeserializeOwned>(&self, value: Value) -> Result<T, ClientError> {
        serde_json::from_value(value).map_err(|error| self.garbled(&error))
    }

    fn garbled(&self, cause: &dyn std::fmt::Display) -> ClientError {
        ClientError::Garbled { path: self.path.clone(), cause: cause.to_string() }
    }

    fn disconnected(&self, source: io::Error) -> ClientError {
        let source = match source.kind() {
            // For a timeout, the operating system reports "Resource temporarily unavailable".
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => source,
        };
        ClientError::Disconnected { path: self.path.clone(), source }
    }
}
