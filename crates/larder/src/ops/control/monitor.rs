//! The other end of `monitor`: a stream of operations, line by line.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::{Client, ClientError};
use super::protocol::{MonitorRequest, Request};
use super::stream::{DEFAULT_MONITOR_SECONDS, MAX_MONITOR_SECONDS};

/// How much longer than the stream lasts an answer is waited for.
const GRACE: Duration = Duration::from_mins(1);

/// What [`Client::monitor`] is to show. All operations are sampled; those of one keyspace can be asked for alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonitorOptions {
    /// One operation in so many is shown: 100 unless set, 1 for all.
    pub one_in: Option<u64>,
    /// So many seconds: 60 unless set, an hour at most.
    pub seconds: Option<u64>,
    /// So many operations at most.
    pub count: Option<u64>,
    /// Those of the keyspace of this name.
    pub keyspace: Option<String>,
}

/// An operation that a live cache did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Operation {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What: `memory_hit`, `disk_hit`, `miss`, `load`, `insert`, `remove`, or `remove_prefix`, whose key is what the
    /// removed keys begin with.
    pub operation: String,
    /// The name of the keyspace; none if it was closed meanwhile.
    pub keyspace: Option<String>,
    /// The key, spelled by the shape of its keyspace's keys.
    pub key: String,
    /// The key's encoded bytes, as `0x` and hexadecimal digits.
    pub key_bytes: String,
}

/// How a stream ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct MonitorEnd {
    /// Why: `seconds` or `count` were reached, the cache was `closed`, or the `peer` asked for something else.
    pub ended: String,
    /// Operations that were shown.
    pub shown: u64,
    /// Sampled operations that were not, because more came than the stream takes.
    pub missed: u64,
}

/// What comes next from a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Monitored {
    /// An operation.
    Operation(Operation),
    /// So many sampled operations before this point are not shown, because more came than the stream takes.
    Missed(u64),
    /// The stream is over. Nothing comes after it.
    End(MonitorEnd),
}

/// A stream of operations. Dropping it ends it.
#[derive(Debug)]
pub struct Monitor {
    client: Client,
    one_in: u64,
}

impl Client {
    /// Watches a sample of what the cache does, as it does it. The application must have turned on
    /// [`CacheBuilder::sample_keys`](crate::CacheBuilder::sample_keys).
    ///
    /// The cache does not wait for the peer that watches: what a ring of 1,024 operations has no place for is
    /// counted, and told as [`Monitored::Missed`].
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
    ///
    /// # Errors
    /// [`ClientError::Refused`] as `not_allowed` if keys are not sampled, as `busy` if four peers watch already; the
    /// others of [`ClientError`].
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
    /// Returns how many operations there are for each that is shown.
    #[must_use]
    pub fn one_in(&self) -> u64 {
        self.one_in
    }

    /// Asks for the end of the stream, which [`next`](Self::next) then comes to.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`].
    pub fn stop(&mut self) -> Result<(), ClientError> {
        self.client.send(b"\n")
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`] when the process ends, or the time that the stream lasts is long over;
    /// [`ClientError::Garbled`].
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
            // Of a newer version: a line that this one does not know is to be skipped.
        }
    }
}
