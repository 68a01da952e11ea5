//! The client side of `monitor`: reads a stream of operations, line by line.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::client_error::ClientError;
use super::protocol::{MonitorRequest, Request};
use super::stream::{DEFAULT_MONITOR_SECONDS, MAX_MONITOR_SECONDS};

/// Extra time that the client waits for a line, beyond the duration of the stream.
const GRACE: Duration = Duration::from_mins(1);

/// Selects the operations that [`Client::monitor`] shows. Default: a sample of the operations on every
/// keyspace.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonitorOptions {
    /// Sampling ratio N: one of N operations is shown. Default: 100. A ratio of 1 shows every operation.
    pub one_in: Option<u64>,
    /// Duration of the stream in seconds. Default: 60. Maximum: 3600.
    pub seconds: Option<u64>,
    /// Maximum number of operations shown. Default: no limit.
    pub count: Option<u64>,
    /// Shows only operations on the keyspace with this name.
    pub keyspace: Option<String>,
}

/// An operation of a live cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Operation {
    /// Time of the operation, in milliseconds since 1970.
    pub at_ms: u64,
    /// The kind: `memory_hit`, `disk_hit`, `absent_answer`, `miss`, `load`, `insert`, `remove` or
    /// `remove_prefix`. The key of a `remove_prefix` is the prefix.
    pub operation: String,
    /// The name of the keyspace. `None` if the keyspace has been closed since the operation.
    pub keyspace: Option<String>,
    /// The key as text, in the shape of its keyspace's keys. Equal to `key_bytes` if the key is a prefix, if
    /// the shape is unknown, or if the keyspace has been closed since the operation.
    pub key: String,
    /// The key's encoded bytes, as `0x` and hexadecimal digits.
    pub key_bytes: String,
}

/// The last item of a stream: the reason why it ended, and its totals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct MonitorEnd {
    /// The reason: `seconds` or `count` if that limit was reached, `closed` if the cache was closed, or
    /// `peer` if the client sent another line or closed its side.
    pub ended: String,
    /// Number of operations shown.
    pub shown: u64,
    /// Number of sampled operations that were not shown, because the client read too slowly, because two
    /// threads sampled at the same moment, or because the stream ended before.
    pub missed: u64,
}

/// The next item of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Monitored {
    /// An operation.
    Operation(Operation),
    /// Number of sampled operations before this point that are not shown, because the client read too
    /// slowly, or because two threads sampled at the same moment.
    Missed(u64),
    /// The stream has ended. No item follows.
    End(MonitorEnd),
}

/// A stream of operations. Dropping this value ends the stream.
#[derive(Debug)]
pub struct Monitor {
    client: Client,
    one_in: u64,
}

impl Client {
    /// Watches a sample of the cache's operations as they happen. The application must have turned on
    /// [`CacheBuilder::sample_keys`](crate::CacheBuilder::sample_keys).
    ///
    /// The cache does not wait for the client. It buffers up to 1,024 operations, with up to 1 MiB of key
    /// bytes; further operations are only counted, and reported as [`Monitored::Missed`].
    ///
    /// ```no_run
    /// use larder::control::{Client, MonitorOptions, Monitored};
    ///
    /// let mut monitor = Client::connect("var/shop.sock")?.monitor(&MonitorOptions::default())?;
    /// while let Monitored::Operation(operation) = monitor.next()? {
    ///     println!("{} {}", operation.operation, operation.key);
    /// }
    /// # Ok::<(), larder::control::ClientError>(())
    /// ```
    /// # Errors
    /// Returns [`ClientError::Refused`] with [`NotAllowed`](super::RefusalKind::NotAllowed) if keys are not
    /// sampled, or with [`Busy`](super::RefusalKind::Busy) if four peers already watch. Also returns the
    /// other variants of [`ClientError`].
    pub fn monitor(mut self, options: &MonitorOptions) -> Result<Monitor, ClientError> {
        let seconds = options.seconds.unwrap_or(DEFAULT_MONITOR_SECONDS).min(MAX_MONITOR_SECONDS);
        self.set_patience(Duration::from_secs(seconds) + GRACE)?;
        let begun: Begun = self.ask(&Request::Monitor(MonitorRequest {
            one_in: options.one_in,
            seconds: Some(seconds),
            count: options.count,
            keyspace: options.keyspace.clone(),
        }))?;
        Ok(Monitor { client: self, one_in: begun.one_in })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Begun {
    one_in: u64,
}

impl Monitor {
    /// Returns the sampling ratio N: one of N operations is shown.
    #[must_use]
    pub fn one_in(&self) -> u64 {
        self.one_in
    }

    /// Requests the end of the stream. [`next`](Self::next) still returns the operations that were already
    /// sent, then [`Monitored::End`].
    ///
    /// # Errors
    /// Returns [`ClientError::Disconnected`] if the request cannot be sent.
    pub fn stop(&mut self) -> Result<(), ClientError> {
        self.client.send(b"\n")
    }

    /// Waits for the next item.
    ///
    /// # Errors
    /// Returns [`ClientError::Disconnected`] if the process ends, or if no line comes within the duration of
    /// the stream plus one minute. Returns [`ClientError::Garbled`] if a line is not understood.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not return an error and go on")]
    pub fn next(&mut self) -> Result<Monitored, ClientError> {
        loop {
            let mut line = self.client.read_line()?;
            if let Some(seen) = line.get_mut("seen").map(Value::take) {
                return self.client.understood(seen).map(Monitored::Operation);
            }
            if let Some(missed) = line.get("missed").and_then(Value::as_u64) {
                return Ok(Monitored::Missed(missed));
            }
            if line.get("ok").is_some() || line.get("error").is_some() {
                return self.client.answer_of(line).map(Monitored::End);
            }
            // A newer process may send kinds of lines that this version does not know. They are skipped.
        }
    }
}
