//! One connection to a server, which all threads and tasks share.
//!
//! - [`outbox`]: the requests that callers append, and their writing.
//! - [`link`]: the interface for callers.
//! - [`driver`]: the one thread that reads. It handles answers and pushes in the order of the stream, sends
//!   the PINGs, watches the time limits, and connects again.
//! - [`greeting`]: the first requests of a connection.
//! - [`validity`]: the time until which values in memory may be answered.
//!
//! After a failure, a server usually does not answer for some time. So requests fail immediately while there
//! is no connection: the circuit is open. The driver's attempts to connect are its probes. An attempt has
//! succeeded when the greeting, which ends with requests for data, was answered. A server that accepts
//! connections and sends no answer does not close the circuit.

mod backoff;
mod driver;
pub(crate) mod greeting;
pub(crate) mod link;
mod outbox;
pub(crate) mod request;
mod stream;
#[cfg(feature = "tls")]
mod tls;
pub(crate) mod validity;

use std::io;
use std::sync::Arc;

use crate::clock::BootClock;
use crate::error::Error;
use crate::settings::Settings;
use link::{Connection, Session};

/// The handle of a connection. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct ConnectionHandle(pub(crate) Arc<Connection>);

impl ConnectionHandle {
    /// Starts the driver, which connects.
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
