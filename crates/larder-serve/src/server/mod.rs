//! A server: its listeners, its threads, and its shutdown.
//!
//! - [`builder`]: the settings. [`address`]: the addresses of a server. [`listener`]: listening sockets.
//! - [`http`]: `/health` and `/metrics`. [`worker`]: the threads. [`connection`]: the loop of a connection.
//!   [`attend`]: the wait for a request. [`sender`]: the replies on their way to the peer. [`bursts`]:
//!   requests of all connections before their replies. [`turn`]: how long a connection may execute requests.
//!   [`input`]: the received bytes. [`peer`]: the state of the peer. [`unix_stream`]: the Unix socket of a
//!   connection. [`wakes`]: the events that know the waker of a connection.

pub(crate) mod address;
mod attend;
pub(crate) mod builder;
mod bursts;
mod connection;
mod http;
mod input;
mod listener;
mod peer;
mod sender;
mod turn;
mod unix_stream;
mod wakes;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;

use larder::Cache;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Error;
use crate::session::buffers::BufferMemory;
use crate::session::client::Clients;
use crate::session::cursors::Cursors;
use crate::session::databases::Databases;
use crate::session::latency::Latencies;
use crate::session::served::{Baseline, Served, ServerCounters};
use crate::session::slow_log::SlowLog;
use address::Address;
use builder::ServerBuilder;
use connection::Timeouts;
use listener::Listener;
use worker::Pool;

/// Number of descriptors that the process needs besides connections: the cache's file, listeners, event
/// loops, and files of the application.
const OTHER_DESCRIPTORS: u64 = 128;

const MAX_DEFAULT_THREADS: usize = 4;

/// A running server. Dropping it shuts the server down, like [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Server {
    addresses: Vec<Address>,
    http_address: Option<Address>,
    max_connections: usize,
    clients: Arc<Clients>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Returns the settings of a server for a cache.
    pub fn builder(cache: &Cache) -> ServerBuilder {
        ServerBuilder::new(cache)
    }

    /// Returns the addresses on which the server listens. If a setting had port 0, its address has the actual
    /// port here.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Returns the address of `/health` and `/metrics`, if there is one.
    #[must_use]
    pub const fn http_address(&self) -> Option<&Address> {
        self.http_address.as_ref()
    }

    /// Returns the maximum number of connections. It is below the setting if the system's limit of open files
    /// is too low.
    #[must_use]
    pub const fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Stops accepting connections and requests, executes the requests that have arrived, and closes the
    /// connections. The cache stays open.
    ///
    /// Returns when all replies are sent, or at the latest one second after the
    /// [`shutdown_timeout`](ServerBuilder::shutdown_timeout) has expired.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.clients.note_stop();
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the server has panicked");
            }
        }
    }
}

impl ServerBuilder {
    /// Starts the server: opens the databases, listens on all addresses, and starts the threads.
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`] if a setting is out of range, and [`Error::Listen`] if an address
    /// can't be used. Returns [`Error::System`] or [`Error::Cache`] if the system or the cache fails. After
    /// an error, the server does not run.
    pub fn start(self) -> Result<Server, Error> {
        let wanted = self.checked_addresses()?;
        let http = self.checked_http()?;
        let modes = self.database_modes();
        let databases = Databases::open(&self.cache, &modes, self.named_databases()).map_err(Error::Cache)?;
        let mut addresses = Vec::new();
        for listener in &self.listeners {
            let address = listener.adopt().map_err(Error::System)?;
            self.refuse_remote(&address)?;
            addresses.push(address);
        }
        let mut listeners = self.listeners;
        for address in &wanted {
            let (listener, bound) = Listener::bind(address, self.socket_mode, self.socket_group)?;
            listeners.push(listener);
            addresses.push(bound);
        }
        let mut http_address = None;
        if let Some(address) = &http
            && let (Listener::Tcp(listener), bound) = Listener::bind(address, 0, None)?
        {
            listeners.push(Listener::Http(listener));
            http_address = Some(bound);
        }
        let max_connections = raise_descriptor_limit(self.max_connections);
        let timeouts =
            Timeouts { idle: self.idle_timeout, write: self.write_timeout, auth: self.auth_timeout };
        let threads = self.threads.unwrap_or_else(default_threads);
        let (stop, stopped) = watch::channel(false);
        let served = Arc::new(Served {
            has_file: self.cache.stats().disk.is_some(),
            cache: self.cache,
            databases,
            password: self.password,
            is_read_only: self.is_read_only,
            limits: self.limits,
            output_limits: self.output_limits,
            buffers: BufferMemory::new(self.buffer_memory),
            max_connections,
            clients: Arc::default(),
            counters: ServerCounters::default(),
            cursors: Cursors::default(),
            slow_log: SlowLog::default(),
            latencies: Latencies::default(),
            monitors: Arc::default(),
            baseline: Baseline::default(),
            since: Instant::now(),
            is_cut_off: Arc::default(),
        });
        let clients = served.clients.clone();
        let pool = Pool::new(served, timeouts, self.shutdown_timeout, stopped);
        // If a thread cannot start, the others may already serve connections, which end only after this note.
        let threads =
            pool.start(listeners, threads).inspect_err(|_| clients.note_stop()).map_err(Error::System)?;
        Ok(Server { addresses, http_address, max_connections, clients, stop, threads })
    }
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_DEFAULT_THREADS)
}

/// Raises the process's limit of open files for this number of connections, as far as the system allows.
/// Returns how many of these connections the limit allows, but at least 1.
fn raise_descriptor_limit(connections: usize) -> usize {
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(present) = current.filter(|present| *present < needed) else { return connections };
    let wanted = maximum.map_or(needed, |maximum| maximum.min(needed)).max(present);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    let limit = if raised.is_ok() { wanted } else { present };
    if limit >= needed {
        return connections;
    }
    let possible = usize::try_from(limit.saturating_sub(OTHER_DESCRIPTORS)).unwrap_or(usize::MAX).max(1);
    tracing::warn!(limit, possible, "the limit of open files allows fewer connections than the setting");
    possible
}
