//! The settings of a server.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use larder::Cache;
use larder::inspect::KeySpelling;

use super::address::Address;
use super::listener::Listener;
use crate::error::Error;
use crate::protocol::limits::RequestLimits;
use crate::session::buffers::DEFAULT_BUFFER_MEMORY;
use crate::session::databases::{DatabaseModes, MAX_DATABASES, RemovalMode, WriteMode, keyspace_name};
use crate::session::named::{NamedDatabase, Spellings};
use crate::session::output::OutputLimits;
use crate::session::served::Password;

pub(super) const DEFAULT_DATABASES: usize = 16;

/// The settings of a server, from [`Server::builder`](crate::Server::builder).
///
/// [`start`](Self::start) returns an error if a setting is out of range.
#[derive(Debug)]
#[must_use = "settings do nothing until the server is started"]
pub struct ServerBuilder {
    pub(super) cache: Cache,
    pub(super) addresses: Vec<String>,
    /// Address for `/health` and `/metrics`.
    pub(super) http: Option<String>,
    /// Sockets that already listen.
    pub(super) listeners: Vec<Listener>,
    pub(super) databases: usize,
    /// Keyspaces of the application that the server shows.
    pub(super) keyspaces: Vec<String>,
    pub(super) spellings: Spellings,
    /// Modes for one database, or for all databases if the number is `None`. Later settings override earlier
    /// ones.
    pub(super) modes: Vec<(Option<usize>, DatabaseModeChange)>,
    pub(super) password: Option<Password>,
    pub(super) allows_remote: bool,
    pub(super) is_read_only: bool,
    pub(super) socket_mode: u32,
    pub(super) socket_group: Option<u32>,
    pub(super) max_connections: usize,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) write_timeout: Duration,
    pub(super) auth_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) limits: RequestLimits,
    pub(super) output_limits: OutputLimits,
    pub(super) buffer_memory: usize,
    pub(super) threads: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum DatabaseModeChange {
    Removals(RemovalMode),
    Writes(WriteMode),
}

impl ServerBuilder {
    pub(super) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
            addresses: Vec::new(),
            http: None,
            listeners: Vec::new(),
            databases: DEFAULT_DATABASES,
            keyspaces: Vec::new(),
            spellings: Spellings::default(),
            modes: Vec::new(),
            password: None,
            allows_remote: false,
            is_read_only: false,
            socket_mode: 0o600,
            socket_group: None,
            max_connections: 10_000,
            idle_timeout: None,
            write_timeout: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(10),
            limits: RequestLimits::default(),
            output_limits: OutputLimits::default(),
            buffer_memory: DEFAULT_BUFFER_MEMORY,
            threads: None,
        }
    }

    /// Adds an address on which the server listens: `unix:PATH` or `HOST:PORT`. See [`Address::parse`].
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Serves a Unix socket that already listens, such as a socket from systemd. The server does not remove
    /// the file of this socket.
    pub fn unix_listener(mut self, listener: UnixListener) -> Self {
        self.listeners.push(Listener::Unix(listener, None));
        self
    }

    /// Serves a TCP socket that already listens, such as a socket from systemd. If other machines can reach
    /// the socket, [`allow_remote`](Self::allow_remote) and a [`password`](Self::password) are required.
    pub fn tcp_listener(mut self, listener: TcpListener) -> Self {
        self.listeners.push(Listener::Tcp(listener));
        self
    }

    /// Serves `GET /health` and `GET /metrics` (for Prometheus) at this address, `HOST:PORT`. The responses
    /// contain counters, but no keys. An address that other machines can reach requires
    /// [`allow_remote`](Self::allow_remote).
    pub fn http(mut self, address: impl Into<String>) -> Self {
        self.http = Some(address.into());
        self
    }

    /// Sets the number of databases of raw bytes, from 1 to 256. Default 16.
    pub fn databases(mut self, databases: usize) -> Self {
        self.databases = databases;
        self
    }

    /// Shows a keyspace of the application as a further database. These databases have the numbers after
    /// the databases of raw bytes: by default 16, 17, and so on.
    ///
    /// Keys are text, as the command `larder keys` prints them. Values are bytes, as the keyspace's format
    /// encodes them. Clients can read and remove entries, and let them expire earlier, but can't write
    /// values. A removal is always durable before its reply. The keyspace need not exist when the server
    /// starts. `SELECT` returns an error until the keyspace exists.
    ///
    /// ```no_run
    /// use larder::{Cache, KeyspaceDefinition};
    /// use larder_serve::Server;
    ///
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// let cache = Cache::open_url("file:/var/lib/shop/shop.larder")?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let server = Server::builder(&cache).listen("unix:run/shop.sock").keyspace("price").start()?;
    /// // redis-cli -s run/shop.sock -n 16 DEL MTNVTU
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keyspace(mut self, name: impl Into<String>) -> Self {
        self.keyspaces.push(name.into());
        self
    }

    /// Adds the spelling of a schema. The keys of a keyspace that records this schema are shown and read in
    /// this spelling, such as `product_MTNVTU`.
    pub fn key_spelling(mut self, spelling: &'static (dyn KeySpelling + Sync)) -> Self {
        self.spellings.0.push(spelling);
        self
    }

    /// Sets when the server replies to removals in all databases of raw bytes. Default: when they are
    /// durable.
    pub fn removals(mut self, mode: RemovalMode) -> Self {
        self.modes.push((None, DatabaseModeChange::Removals(mode)));
        self
    }

    /// Sets when the server replies to removals in one database.
    pub fn removals_of(mut self, database: usize, mode: RemovalMode) -> Self {
        self.modes.push((Some(database), DatabaseModeChange::Removals(mode)));
        self
    }

    /// Sets when the server replies to writes in all databases of raw bytes. Default: when they are in
    /// memory.
    pub fn writes(mut self, mode: WriteMode) -> Self {
        self.modes.push((None, DatabaseModeChange::Writes(mode)));
        self
    }

    /// Sets when the server replies to writes in one database.
    pub fn writes_of(mut self, database: usize, mode: WriteMode) -> Self {
        self.modes.push((Some(database), DatabaseModeChange::Writes(mode)));
        self
    }

    /// Requires a password. Clients send it for the user `default`, with `AUTH` or `HELLO`. Default: no
    /// password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(Password::new(password));
        self
    }

    /// Allows addresses that other machines can reach. Such an address also requires a
    /// [`password`](Self::password). Connections are not encrypted, so anyone who can read the network can
    /// read the password and the values.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allows_remote = allow;
        self
    }

    /// Refuses commands that change entries.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.is_read_only = read_only;
        self
    }

    /// Sets the file mode of Unix sockets. Default 0600, so that only the user of this process can connect.
    pub fn socket_mode(mut self, mode: u32) -> Self {
        self.socket_mode = mode;
        self
    }

    /// Sets the group id of Unix sockets. The group can connect only with a
    /// [`socket_mode`](Self::socket_mode) such as 0660.
    pub fn socket_group(mut self, group: u32) -> Self {
        self.socket_group = Some(group);
        self
    }

    /// Sets the maximum number of connections. Default 10,000. The system's limit of open files may reduce
    /// this number: see [`Server::max_connections`](crate::Server::max_connections).
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Closes a connection whose peer has sent nothing for this time, unless the peer waits for a reply.
    /// Default: never.
    pub fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Closes a connection if the peer does not read its replies for this time. Default 10 s. If the peer
    /// closes its half of the connection, a waiting request also ends after this time.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Closes a connection that has not sent the [`password`](Self::password) within this time. Default 10 s.
    /// Otherwise peers without the password could use up all connections.
    pub fn auth_timeout(mut self, timeout: Duration) -> Self {
        self.auth_timeout = timeout;
        self
    }

    /// Sets the maximum time that a shutdown waits for received requests to be executed and for their
    /// replies to be sent. Default 10 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets the limits of requests.
    pub fn request_limits(mut self, limits: RequestLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the limits of the unsent replies of a connection.
    pub fn output_limits(mut self, limits: OutputLimits) -> Self {
        self.output_limits = limits;
        self
    }

    /// Sets a bound on the memory that the buffers of all connections take together: received requests, the
    /// requests of a `MULTI`, and unsent replies. Default 1 GiB, at least 1 MiB.
    ///
    /// When the bound is exceeded, the server closes the connections with the largest buffers. It never
    /// closes a connection whose buffers take an equal share of the bound or less. Buffers of up to 32 KiB
    /// in one connection are not counted. A thread can exceed the bound by the replies to one request.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// Sets the number of threads that serve connections, from 1 to 64. Default: one per core, but at most
    /// four.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    pub(super) fn checked_addresses(&self) -> Result<Vec<Address>, Error> {
        check("databases", self.databases, 1..=MAX_DATABASES)?;
        self.check_keyspaces()?;
        check("max_connections", self.max_connections, 1..=1_000_000)?;
        check("threads", self.threads.unwrap_or(1), 1..=64)?;
        check("buffer_memory", self.buffer_memory, 1 << 20..=usize::MAX)?;
        let limits = &self.output_limits;
        if limits.pending == 0 {
            // With 0, no request would ever be accepted.
            let allowed = "pending is at least 1";
            return Err(invalid("output_limits", format!("{limits:?}"), allowed));
        }
        if self.password.as_ref().is_some_and(Password::is_empty) {
            return Err(invalid("password", "empty", "it has at least one byte"));
        }
        for (database, _) in &self.modes {
            if let Some(number) = database.filter(|number| *number >= self.databases) {
                let allowed = format!("the databases are 0 to {}", self.databases - 1);
                return Err(invalid("database", number, allowed));
            }
        }
        if self.addresses.is_empty() && self.listeners.is_empty() {
            return Err(invalid("listen", "missing", "give at least one address"));
        }
        let mut addresses = Vec::new();
        for text in &self.addresses {
            let Some(address) = Address::parse(text) else {
                let allowed = "give unix:PATH or HOST:PORT, such as 127.0.0.1:6379";
                return Err(invalid("listen", format!("{text:?}"), allowed));
            };
            self.refuse_remote(&address)?;
            addresses.push(address);
        }
        Ok(addresses)
    }

    pub(super) fn checked_http(&self) -> Result<Option<Address>, Error> {
        let Some(text) = &self.http else { return Ok(None) };
        match Address::parse(text) {
            Some(address @ Address::Tcp(_)) if address.is_local() || self.allows_remote => Ok(Some(address)),
            Some(address @ Address::Tcp(_)) => {
                Err(invalid("http", address, "other machines can reach it, so it needs allow_remote"))
            }
            _ => Err(invalid("http", format!("{text:?}"), "give HOST:PORT, such as 127.0.0.1:9121")),
        }
    }

    /// Returns an error if other machines can reach the address, but the settings do not allow it.
    pub(super) fn refuse_remote(&self, address: &Address) -> Result<(), Error> {
        if address.is_local() || (self.allows_remote && self.password.is_some()) {
            return Ok(());
        }
        let allowed = "other machines can reach it, so it needs allow_remote and a password; connections are not encrypted";
        Err(invalid("listen", address, allowed))
    }

    fn check_keyspaces(&self) -> Result<(), Error> {
        check("keyspaces", self.keyspaces.len(), 0..=MAX_DATABASES)?;
        for (index, name) in self.keyspaces.iter().enumerate() {
            let value = format!("{name:?}");
            if name.is_empty() || name.len() > 255 {
                return Err(invalid("keyspace", value, "a name has 1 to 255 bytes"));
            }
            if self.keyspaces.iter().take(index).any(|other| other == name) {
                return Err(invalid("keyspace", value, "it is given twice; give it once"));
            }
            if let Some(number) = (0..self.databases).find(|number| keyspace_name(*number) == name) {
                return Err(invalid("keyspace", value, format!("it is database {number} already")));
            }
        }
        Ok(())
    }

    pub(super) fn named_databases(&self) -> Vec<Arc<NamedDatabase>> {
        let named = |name: &String| {
            Arc::new(NamedDatabase::new(self.cache.untyped_keyspace(name), self.spellings.clone()))
        };
        self.keyspaces.iter().map(named).collect()
    }

    pub(super) fn database_modes(&self) -> Vec<DatabaseModes> {
        let mut all = vec![DatabaseModes::default(); self.databases];
        for (database, change) in &self.modes {
            for (number, modes) in all.iter_mut().enumerate() {
                if database.is_none_or(|database| database == number) {
                    match change {
                        DatabaseModeChange::Removals(mode) => modes.removals = *mode,
                        DatabaseModeChange::Writes(mode) => modes.writes = *mode,
                    }
                }
            }
        }
        all
    }
}

fn check(setting: &'static str, value: usize, range: std::ops::RangeInclusive<usize>) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(invalid(setting, value, format!("it may be from {} to {}", range.start(), range.end())))
}

fn invalid(setting: &'static str, value: impl std::fmt::Display, allowed: impl Into<String>) -> Error {
    Error::InvalidSetting { setting, value: format!("{value}"), allowed: allowed.into() }
}
