//! The counters of a redis-server, from its `INFO`.

use std::collections::HashMap;
use std::path::Path;

use redis::Connection;

use crate::nodes::connect;

/// A connection that reads the counters.
#[expect(missing_debug_implementations, reason = "a connection has none")]
pub struct InfoReader(Connection);

/// The counters at one moment.
#[derive(Debug, Clone, Default)]
pub struct RedisCounters(HashMap<String, f64>);

/// The commands that are requests if a client sends scripts. Commands within a script are not requests.
const REQUESTS: [&str; 2] = ["evalsha", "eval"];
const PLAIN_REQUESTS: [&str; 3] = ["get", "setex", "del"];

impl InfoReader {
    /// Connects to a server.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn new(socket: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        connect(socket).map(Self)
    }

    /// Reads the counters.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn read(&mut self) -> Result<RedisCounters, Box<dyn std::error::Error>> {
        let info: String = redis::cmd("INFO").arg("all").query(&mut self.0)?;
        let mut counters = HashMap::new();
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            // `cmdstat_get:calls=2,usec=3,…`, and `used_memory:1234`.
            let value = value.strip_prefix("calls=").unwrap_or(value);
            let number = value.split(',').next().unwrap_or_default().trim();
            if let Ok(number) = number.parse() {
                counters.insert(name.to_owned(), number);
            }
        }
        Ok(RedisCounters(counters))
    }

    /// Removes all keys.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn flush(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        Ok(redis::cmd("FLUSHALL").exec(&mut self.0)?)
    }
}

impl RedisCounters {
    /// Returns a counter, or zero if the server does not report it.
    #[must_use]
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Returns the number of calls of a command, including those of scripts.
    #[must_use]
    pub fn calls(&self, command: &str) -> f64 {
        self.get(&format!("cmdstat_{command}"))
    }

    /// Returns the number of requests of all clients. Without scripts, each `GET`, `SETEX` and `DEL` is a
    /// request. Heartbeats are not counted.
    #[must_use]
    pub fn requests(&self, by_scripts: bool) -> f64 {
        let commands = if by_scripts { REQUESTS.as_slice() } else { PLAIN_REQUESTS.as_slice() };
        commands.iter().map(|command| self.calls(command)).sum()
    }

    /// Returns the increase of a counter since an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self, name: &str) -> f64 {
        self.get(name) - earlier.get(name)
    }
}
