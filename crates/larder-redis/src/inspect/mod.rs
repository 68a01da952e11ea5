//! Reads a cache on a server without the application's types, for tools.
//!
//! [`ServerInspector`] sends one request after another over its own connection. Only
//! [`try_tracking`](ServerInspector::try_tracking) turns tracking on, for a moment. The inspector reads
//! `INFO`, `CONFIG GET`, and keys with the prefix or keys that the caller passes. Only
//! [`remove`](ServerInspector::remove) and [`clear`](ServerInspector::clear) change something. The `larder`
//! command uses this module.

mod slot;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use larder::inspect::escape_control;

use crate::clock::{BootClock, SystemBootClock};
use crate::connection::connect::{Attempt, Connector};
use crate::connection::greeting::{Greeting, Input, unavailable};
pub use crate::connection::sentinels::SentinelAnswer;
use crate::connection::sentinels::{MasterStatus, SentinelsHandle};
use crate::connection::stream::{PollWaker, Socket};
use crate::error::Error;
use crate::open::check_cache_options;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;
use crate::settings::Settings;
use crate::tier;
pub use slot::{Slot, SlotState};
pub use walk::{KeyPage, WalkCursor, WalkFilter};

/// A connection to the server of a cache, for tools.
///
/// ```no_run
/// use larder_redis::inspect::ServerInspector;
///
/// let mut inspector = ServerInspector::open("redis://redis.example.com/1?prefix=shop")?;
/// println!("{}", inspector.info()?.version().unwrap_or_else(|| "unknown".to_owned()));
/// # Ok::<(), larder_redis::Error>(())
/// ```
pub struct ServerInspector {
    socket: Arc<Socket>,
    input: Input,
    waker: Arc<PollWaker>,
    /// The settings of the URL. If the URL names Sentinels, the place is the address of the master.
    settings: Settings,
    /// The Sentinels that have named the server, if the URL names some.
    sentinels: Option<SentinelsHandle>,
    is_closed: AtomicBool,
    clock: Arc<dyn BootClock>,
    /// The name of the data, if the server has data of a cache.
    world: Option<String>,
}

/// What the server says about itself: the fields of `INFO`. Control characters are escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerInfo(BTreeMap<String, String>);

impl ServerInfo {
    /// Returns a field by its name, such as `redis_version`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the version of the server, such as `7.0.15`, or `Valkey 9.1.2`. The field `redis_version` of a
    /// Valkey server is the version of Redis that it is compatible with, and remains 7.2.4.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        match self.field("valkey_version") {
            Some(version) => Some(format!("Valkey {version}")),
            None => self.field("redis_version").map(str::to_owned),
        }
    }

    /// Returns a field that is a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    /// Reads the text of `INFO`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), escape_control(value).into_owned())).collect())
    }
}

impl ServerInspector {
    /// Connects to the server of a URL. If the URL names Sentinels, connects to the master that a majority of
    /// them names.
    ///
    /// # Errors
    /// Returns [`Error::InvalidUrl`] for an option that [`builder`](crate::builder) also refuses. Returns the
    /// same other errors as [`RedisTier::open`](crate::RedisTier::open), and [`Error::Unavailable`] or
    /// [`Error::TimedOut`] if the server does not answer, or if the Sentinels name no master. Returns
    /// [`Error::Server`] if the server refuses a lookup.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::open_with_clock(url, Arc::new(SystemBootClock))
    }

    fn open_with_clock(url: &str, clock: Arc<dyn BootClock>) -> Result<Self, Error> {
        let given = Settings::from_url(url)?;
        check_cache_options(&given)?;
        let failed = |error| unavailable(&given, &error);
        let waker = Arc::new(PollWaker::new().map_err(failed)?);
        let is_closed = AtomicBool::new(false);
        let limit = given.timing.connect;
        let until = clock.now() + limit;
        let attempt = Attempt { waker: &waker, clock: &*clock, is_closed: &is_closed, until };
        let sentinels = SentinelsHandle::start(&given, clock.clone(), waker.clone());
        let sentinels = sentinels.map_err(failed)?;
        let settings = match &sentinels {
            Some(sentinels) => sentinels.0.find_master(attempt)?,
            None => given,
        };
        let socket = Connector::default().connect(&settings, attempt);
        let socket = Arc::new(socket.map_err(|error| unavailable(&settings, &error))?);
        let (input, world) = (Input::new(), None);
        let mut inspector = Self { socket, input, waker, settings, sentinels, is_closed, clock, world };
        let select = Command::new("SELECT").number(inspector.settings.server.database);
        let mut greeting = Greeting { until, limit, ..inspector.greeting() };
        greeting.begin()?;
        greeting.require(&select)?;
        let world = inspector.require(&Command::new("GET").arg(inspector.key(b":world")))?;
        let world = world.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
        inspector.world = world.and_then(|world| world.rsplit(' ').next()).map(str::to_owned);
        Ok(inspector)
    }

    /// Returns the address of the server. It contains no password.
    #[must_use]
    pub fn server(&self) -> String {
        self.settings.server.place.to_string()
    }

    /// Returns the number of the database.
    #[must_use]
    pub const fn database(&self) -> u32 {
        self.settings.server.database
    }

    /// Returns the first part of every key.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.settings.prefix
    }

    /// Returns whether the URL declares that the server never loses an acknowledged change (`fsync=always`).
    #[must_use]
    pub const fn is_declared_durable(&self) -> bool {
        self.settings.is_durable
    }

    /// Returns the number of replicas that each removal waits for.
    #[must_use]
    pub const fn awaited_replicas(&self) -> u32 {
        self.settings.replicas
    }

    /// Asks every Sentinel of the URL for the master. Returns the number of Sentinels that are a majority,
    /// and their answers in the order of the URL. Returns `None` if the URL names no Sentinels.
    ///
    /// # Cost
    /// Waits for the slowest Sentinel, at most for the time in the option `connect_timeout`.
    #[must_use]
    pub fn sentinels(&self) -> Option<(usize, Vec<SentinelAnswer>)> {
        let until = self.clock.now() + self.settings.timing.connect;
        let (waker, is_closed) = (&*self.waker, &self.is_closed);
        let attempt = Attempt { waker, clock: &*self.clock, is_closed, until };
        Some(self.sentinels.as_ref()?.0.poll(attempt))
    }

    /// Returns what the server says about itself.
    ///
    /// # Errors
    /// Fails if the server does not answer, or refuses `INFO`.
    pub fn info(&mut self) -> Result<ServerInfo, Error> {
        let reply = self.require(&Command::new("INFO").arg("default"))?;
        let text = reply.as_bytes().ok_or(Error::Garbled("INFO"))?;
        Ok(ServerInfo::parse(&String::from_utf8_lossy(text)))
    }

    /// Returns a setting of the server, or `None` if the server has no such setting, or if the user is not
    /// allowed to read it. Control characters are escaped.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        let reply = self.ask(&Command::new("CONFIG").arg("GET").arg(name))?;
        let value = reply.get(name).and_then(Reply::as_bytes);
        Ok(value.map(|value| escape_control(&String::from_utf8_lossy(value)).into_owned()))
    }

    /// Turns the pushes of changed keys on, as a cache does, and off again.
    ///
    /// # Errors
    /// Fails if the server refuses a request, or does not answer.
    pub fn try_tracking(&mut self) -> Result<(), Error> {
        self.greeting().track()?;
        self.require(&Command::new("CLIENT").arg("TRACKING").arg("OFF")).map(drop)
    }

    /// Returns a key of the cache on the server: the prefix, a colon, and `rest`.
    fn key(&self, rest: &[u8]) -> Vec<u8> {
        [self.settings.prefix.as_bytes(), b":", rest].concat()
    }

    fn greeting(&mut self) -> Greeting<'_> {
        let limit = self.settings.timing.request;
        Greeting {
            socket: &self.socket,
            input: &mut self.input,
            waker: &self.waker,
            clock: &*self.clock,
            settings: &self.settings,
            is_closed: &self.is_closed,
            until: self.clock.now() + limit,
            limit,
        }
    }

    /// Sends a request. A reply counts only while a majority of the Sentinels vouches for the server.
    fn ask(&mut self, command: &Command) -> Result<Reply, Error> {
        let reply = self.greeting().ask(command)?;
        if let Some(sentinels) = &self.sentinels {
            sentinels.0.await_votes(&self.waker, &self.is_closed)?;
        }
        match reply {
            Reply::Oversize => Err(Error::Oversize),
            reply => Ok(reply),
        }
    }

    /// Waits until all removals of this connection are on the number of replicas in the option `replicas`.
    fn await_replicas(&mut self) -> Result<(), Error> {
        if self.settings.replicas == 0 {
            return Ok(());
        }
        let mark = self.key(b":mark");
        let reached = tier::replicas_with_mark(&mut self.greeting(), mark);
        let is_vouched = || {
            let mut sentinels = self.sentinels.iter();
            sentinels.all(|sentinels| sentinels.0.status() == MasterStatus::Vouched)
        };
        tier::acknowledge(&reached, &self.settings, is_vouched)
    }

    fn require(&mut self, command: &Command) -> Result<Reply, Error> {
        match self.ask(command)? {
            Reply::Error(text) => Err(Error::Server(String::from_utf8_lossy(&text).into_owned())),
            reply => Ok(reply),
        }
    }
}

impl fmt::Debug for ServerInspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerInspector").field("server", &self.server()).finish_non_exhaustive()
    }
}

impl Drop for ServerInspector {
    fn drop(&mut self) {
        self.socket.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_option_is_refused_before_a_connection() {
        // Nothing listens on port 1. An option of the cache belongs to the URL of the application.
        for (option, is_known) in [("memory=64MiB", true), ("prefx=shop", false), ("memory=many", false)] {
            let error = ServerInspector::open(&format!("redis://127.0.0.1:1/1?{option}")).err().unwrap();
            assert_eq!(!matches!(error, Error::InvalidUrl { .. }), is_known, "{error:?}");
            let name = option.split('=').next().unwrap();
            assert!(is_known || error.to_string().contains(name), "{error}");
            assert!(!error.to_string().contains("memory:?"), "{error}");
        }
    }

    #[test]
    fn the_fields_of_info_are_read() {
        let info = ServerInfo::parse("# Server\r\nredis_version:7.0.15\r\nmaxmemory:100\r\nodd\r\n");
        assert_eq!(info.field("redis_version"), Some("7.0.15"));
        assert_eq!((info.number("maxmemory"), info.number("redis_version")), (Some(100), None));
        assert_eq!(info.version().as_deref(), Some("7.0.15"));
        let info = ServerInfo::parse("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n");
        assert_eq!(info.version().as_deref(), Some("Valkey 9.1.2"));
        assert_eq!(ServerInfo::default().version(), None);
    }
}
