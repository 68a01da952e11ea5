//! The connection to a server, which all threads and tasks share.
//!
//! - [`outbox`]: the requests that callers append, and how they are written.
//! - [`link`]: the interface for callers.
//! - [`driver`]: the only thread that reads from the server. It handles replies and pushes in the order of
//!   the stream, sends PINGs, checks time limits, and reconnects.
//! - [`breaker`]: when requests fail at once, because the server serves none.
//! - [`reply_timer`]: when a reply is late.
//! - [`connect`]: connects a socket. [`resolve`]: resolves the name of its host.
//! - [`greeting`]: the first requests of a connection.
//! - [`validity`]: the deadline until which values in memory may be returned.
//! - [`votes`]: which server is the master, by the votes of Sentinels.
//! - [`sentinels`]: the threads that ask the Sentinels.
//!
//! A server that has failed usually does not respond for some time. So while there is no connection, requests
//! fail immediately, like with an open circuit breaker. The driver's attempts to connect are the probes. An
//! attempt succeeds when the server has replied to the whole greeting, whose last request reads a key. So a
//! server that accepts connections but sends no replies counts as failed. A server that accepts connections
//! but serves no requests opens the circuit of the [`breaker`].

mod backoff;
mod breaker;
pub(crate) mod connect;
mod driver;
pub(crate) mod greeting;
pub(crate) mod link;
mod outbox;
mod reply_timer;
pub(crate) mod request;
mod resolve;
pub(crate) mod sentinels;
pub(crate) mod stream;
#[cfg(feature = "tls")]
mod tls;
pub(crate) mod validity;
mod votes;

use std::io;
use std::sync::Arc;

use crate::clock::BootClock;
use crate::error::Error;
use crate::settings::Settings;
use link::{Connection, Session};

/// The handle of a connection. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct ConnectionHandle(pub(crate) Arc<Connection>);

impl ConnectionHandle {
    /// Starts the driver thread, which connects.
    pub(crate) fn start(
        settings: Settings,
        clock: Arc<dyn BootClock>,
        session: Arc<dyn Session>,
    ) -> Result<Self, Error> {
        let server = settings.server.place.to_string();
        let system = |error: io::Error| Error::Unavailable {
            server: server.clone(),
            cause: format!("the system refused a thread or a socket: {error}"),
        };
        let connection = Arc::new(Connection::new(settings, clock, session).map_err(system)?);
        let of_driver = connection.clone();
        let thread = std::thread::Builder::new().name("larder-redis".to_owned());
        thread.spawn(move || driver::run(&of_driver)).map_err(system)?;
        Ok(Self(connection))
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests;
