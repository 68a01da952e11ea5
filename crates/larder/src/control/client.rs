//! The other end: asks a live cache from another process.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::listen::connect;
use super::protocol::{Hello, KeyspaceInfo, PROTOCOL, Refusal, Removed, Request};
use crate::disk::{Swept, Verified};
use crate::stats::Stats;

/// How long an answer is waited for unless set: a verification reads the whole file.
const PATIENCE: Duration = Duration::from_mins(10);
/// The longest answer that is read.
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

/// Why there is no answer.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers at the path.
    #[error("cannot reach a cache at {}: {source}; is the process running, and its control socket there?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The connection ended, or the answer did not come in time.
    #[error("no answer from the cache at {}: {source}; ask again", path.display())]
    Disconnected {
        /// The socket.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// What answers is no cache, or one of another version.
    #[error("what answers at {} is not understood: {cause}; is it the control socket of a larder of this version?", path.display())]
    Garbled {
        /// The socket.
        path: PathBuf,
        /// What was wrong.
        cause: String,
    },
    /// The cache refused.
    #[error("{0}")]
    Refused(Refusal),
}

/// The text, with the name of the variant behind it: what `unwrap` shows has the remedy.
impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::Connect { .. } => "Connect",
            Self::Disconnected { .. } => "Disconnected",
            Self::Garbled { .. } => "Garbled",
            Self::Refused(_) => "Refused",
        };
        write!(f, "{self} ({variant})")
    }
}

impl Client {
    /// Connects to a socket, and asks who is there.
    ///
    /// # Errors
    /// [`ClientError::Connect`] when nobody answers; and those of every request.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let path = path.as_ref().to_owned();
        let stream = connect(&path).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        let stream = stream.map_err(|source| ClientError::Connect { path: path.clone(), source })?;
        let mut client = Self { stream: BufReader::new(stream), path, server: Hello::default() };
        client.server = client.ask(&Request::Hello {})?;
        Ok(client)
    }

    /// How long to wait for an answer: ten minutes unless set.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`] for a wait of nothing.
    pub fn set_patience(&mut self, patience: Duration) -> Result<(), ClientError> {
        let stream = self.stream.get_ref();
        let set =
            stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience)));
        set.map_err(|source| self.disconnected(source))
    }

    /// Who answers.
    #[must_use]
    pub fn server(&self) -> &Hello {
        &self.server
    }

    /// What the cache did and holds.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn stats(&mut self) -> Result<Stats, ClientError> {
        self.ask(&Request::Stats {})
    }

    /// Its keyspaces, by name: those that the process has opened, and those that stand in its file alone.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn keyspaces(&mut self) -> Result<Vec<KeyspaceInfo>, ClientError> {
        self.ask(&Request::Keyspaces {})
    }

    /// Removes an entry, durably. How many live ones there were: one or none.
    ///
    /// The key is spelled as `larder keys` shows it, by the shape that [`keyspaces`](Client::keyspaces) tells; or as `0x` and the hexadecimal digits of
    /// its bytes.
    ///
    /// # Errors
    /// [`ClientError`]; refused as `not_durable`, the entry is gone from memory, and may be back after a restart.
    pub fn remove(&mut self, keyspace: &str, key: &str) -> Result<u64, ClientError> {
        self.invalidate(&Request::Remove { keyspace: keyspace.to_owned(), key: key.to_owned() })
    }

    /// Removes every entry whose key begins so, durably. How many live ones there were.
    ///
    /// # Errors
    /// Those of [`remove`](Client::remove).
    pub fn remove_prefix(&mut self, keyspace: &str, prefix: &str) -> Result<u64, ClientError> {
        self.invalidate(&Request::RemovePrefix { keyspace: keyspace.to_owned(), prefix: prefix.to_owned() })
    }

    /// Removes every entry of a keyspace, durably. How many live ones there were.
    ///
    /// # Errors
    /// Those of [`remove`](Client::remove).
    pub fn clear(&mut self, keyspace: &str) -> Result<u64, ClientError> {
        self.invalidate(&Request::Clear { keyspace: keyspace.to_owned() })
    }

    /// Removes every entry of every keyspace, durably. How many live ones there were.
    ///
    /// # Errors
    /// Those of [`remove`](Client::remove).
    pub fn clear_all(&mut self) -> Result<u64, ClientError> {
        self.invalidate(&Request::ClearAll {})
    }

    /// Commits every insert that has returned.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.ask::<Value>(&Request::Flush {}).map(drop)
    }

    /// Deletes what has expired.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sweep(&mut self) -> Result<Swept, ClientError> {
        self.ask(&Request::Sweep {})
    }

    /// Checks every page and record of the file.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn verify(&mut self) -> Result<Verified, ClientError> {
        self.ask(&Request::Verify {})
    }

    fn invalidate(&mut self, request: &Request) -> Result<u64, ClientError> {
        self.ask(request).map(|Removed { removed }| removed)
    }

    fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        let mut line = Vec::new();
        // One that is over capacity answers before it is asked, and closes: its answer says more than the failed write.
        let sent = self.stream.get_mut().write_all(&request.to_line());
        let read = self.stream.by_ref().take(MAX_ANSWER).read_until(b'\n', &mut line);
        if line.is_empty() {
            let source = sent.and(read).err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
            return Err(self.disconnected(source));
        }
        self.read(&line)
    }

    fn read<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, ClientError> {
        let garbled = |cause: String| ClientError::Garbled { path: self.path.clone(), cause };
        let mut answer: Value = serde_json::from_slice(line).map_err(|error| garbled(error.to_string()))?;
        if answer.get("v") != Some(&PROTOCOL.into()) {
            return Err(garbled(format!("its version is not {PROTOCOL}")));
        }
        if let Some(refusal) = answer.get_mut("error").map(Value::take) {
            let refusal = serde_json::from_value(refusal).map_err(|error| garbled(error.to_string()))?;
            return Err(ClientError::Refused(refusal));
        }
        let done = answer.get_mut("ok").map(Value::take).unwrap_or_default();
        serde_json::from_value(done).map_err(|error| garbled(error.to_string()))
    }

    fn disconnected(&self, source: io::Error) -> ClientError {
        ClientError::Disconnected { path: self.path.clone(), source }
    }
}
