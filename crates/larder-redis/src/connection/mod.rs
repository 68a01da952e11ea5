//! One connection to a server, which all threads and tasks share.
//!
//! - [`outbox`]: what callers append, and who writes it.
//! - [`driver`]: the one thread that reads. It handles answers and pushes in the order of the stream, sends
//!   the PINGs, watches the time limits, and connects again.
//! - [`greeting`]: the first requests of a connection.
//! - [`validity`]: until when values in memory may be answered.
//!
//! A server that fails answers nothing for a while, so requests fail at once while there is no connection:
//! the circuit is open. The driver's attempts to connect are its probes. An attempt has succeeded when the
//! greeting, which ends with requests for data, was answered. A server that accepts connections and answers
//! nothing does not close the circuit.

mod backoff;
mod driver;
pub(crate) mod greeting;
mod outbox;
pub(crate) mod request;
mod stream;
pub(crate) mod validity;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::clock::BootClock;
use crate::error::Error;
use crate::protocol::reply::Reply;
use crate::settings::Settings;
use greeting::Greeting;
use outbox::Outbox;
use request::Request;
use stream::PollWaker;
use validity::Deadline;

/// What uses a connection: it is told of what happens, on the driver's thread, in the order of the stream.
pub(crate) trait Session: Debug + Send + Sync {
    /// The last step of the greeting.
    fn greet(&self, greeting: &mut Greeting<'_>) -> Result<(), Error>;

    /// Keys have changed at the server. Returns before a later answer is handled.
    fn keys_changed(&self, keys: &[Reply], connection: &Arc<Connection>);

    /// All keys may have changed at the server.
    fn all_changed(&self, connection: &Arc<Connection>);

    /// The connection is lost. Returns before the requests that were under way are answered.
    fn is_lost(&self);
}

/// The connection that all threads share. The driver and its handle hold it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) settings: Settings,
    clock: Arc<dyn BootClock>,
    session: Arc<dyn Session>,
    outbox: Outbox,
    waker: PollWaker,
    deadline: Deadline,
    /// Moves when a connection is lost.
    generation: AtomicU64,
    is_closed: AtomicBool,
    /// How the first attempt to connect ended.
    first_attempt: Mutex<Option<Result<(), Error>>>,
    attempted: Condvar,
}

/// The handle of a connection. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct ConnectionHandle(pub(crate) Arc<Connection>);

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Connection {
    /// Starts the driver, which connects.
    pub(crate) fn start(
        settings: Settings,
        clock: Arc<dyn BootClock>,
        session: Arc<dyn Session>,
    ) -> Result<ConnectionHandle, Error> {
        let server = settings.server.place.to_string();
        let system = |error: std::io::Error| Error::Unavailable {
            server: server.clone(),
            cause: format!("the system refused a thread or a socket: {error}"),
        };
        let waits = Error::Unavailable { server: server.clone(), cause: "not connected yet".to_owned() };
        let connection = Arc::new(Self {
            settings,
            clock,
            session,
            outbox: Outbox::new(waits),
            waker: PollWaker::new().map_err(system)?,
            deadline: Deadline::default(),
            generation: AtomicU64::new(1),
            is_closed: AtomicBool::new(false),
            first_attempt: Mutex::new(None),
            attempted: Condvar::new(),
        });
        let of_driver = connection.clone();
        let thread = std::thread::Builder::new().name("larder-redis".to_owned());
        thread.spawn(move || driver::run(&of_driver)).map_err(system)?;
        Ok(ConnectionHandle(connection))
    }

    /// Waits until the first attempt to connect has ended. Returns its error.
    pub(crate) fn first_attempt(&self) -> Result<(), Error> {
        let mut ended = self.first_attempt.lock();
        loop {
            if let Some(result) = &*ended {
                return result.clone();
            }
            self.attempted.wait(&mut ended);
        }
    }

    /// Sends a request. Its completion is called once, possibly before this call returns.
    pub(crate) fn submit(&self, request: Request) {
        let until = self.clock.now() + self.settings.timing.request;
        match self.outbox.append(request, until) {
            Ok(()) => self.flush(),
            Err((request, why)) => request.complete(Err(why)),
        }
    }

    /// Returns the generation of the present connection.
    pub(crate) fn generation(&self) -> u64 {
        // Acquire: pairs with the Release in `driver::lose`.
        self.generation.load(Ordering::Acquire)
    }

    /// Returns the deadline of values in memory, as nanoseconds of the boot clock.
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load()
    }

    /// Returns whether a deadline that was read before has not passed.
    pub(crate) fn is_before(&self, deadline: u64) -> bool {
        deadline != 0 && self.clock.now() < Duration::from_nanos(deadline)
    }

    /// Returns why there is no connection. None if there is one.
    pub(crate) fn why_down(&self) -> Option<Error> {
        self.outbox.why_down()
    }

    /// Ends the present connection, because its answers can't be used. The driver makes a new one.
    pub(crate) fn fail(&self, why: &'static str) {
        tracing::warn!(why, "the connection to the server of the remote tier is given up");
        self.outbox.fail();
        self.waker.wake();
    }

    /// Ends the connection, for good.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn flush(&self) {
        if self.outbox.flush() {
            self.waker.wake();
        }
    }
}
