//! The connection as its callers see it: they send requests, and ask until when memory may be answered.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::greeting::Greeting;
use super::outbox::Outbox;
use super::request::Request;
use super::stream::PollWaker;
use super::validity::Deadline;
use crate::clock::BootClock;
use crate::error::Error;
use crate::protocol::reply::Reply;
use crate::settings::Settings;

/// The user of a connection. The driver's thread calls it for each event, in the order of the stream.
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
    pub(super) clock: Arc<dyn BootClock>,
    pub(super) session: Arc<dyn Session>,
    pub(super) outbox: Outbox,
    pub(super) waker: PollWaker,
    pub(super) deadline: Deadline,
    /// Moves when a connection is lost.
    pub(super) generation: AtomicU64,
    pub(super) is_closed: AtomicBool,
    /// The process that has made the connection.
    process: u32,
    /// The result of the first attempt to connect.
    pub(super) first_attempt: Mutex<Option<Result<(), Error>>>,
    pub(super) attempted: Condvar,
}

impl Connection {
    /// Makes a connection that has no server yet.
    pub(super) fn new(
        settings: Settings,
        clock: Arc<dyn BootClock>,
        session: Arc<dyn Session>,
    ) -> io::Result<Self> {
        let server = settings.server.place.to_string();
        let waits = Error::Unavailable { server, cause: "not connected yet".to_owned() };
        Ok(Self {
            settings,
            clock,
            session,
            outbox: Outbox::new(waits),
            waker: PollWaker::new()?,
            deadline: Deadline::default(),
            generation: AtomicU64::new(1),
            is_closed: AtomicBool::new(false),
            process: std::process::id(),
            first_attempt: Mutex::new(None),
            attempted: Condvar::new(),
        })
    }

    /// Waits until the first attempt to connect has ended. Returns its error.
    pub(crate) fn first_attempt(&self) -> Result<(), Error> {
        let mut ended = self.first_attempt.lock();
        // An attempt has this limit itself. What takes longer is the system: a starved thread, or the reading
        // of its certificates. The tier then connects later.
        let limit = self.settings.timing.connect * 2;
        self.attempted.wait_while_for(&mut ended, |ended| ended.is_none(), limit);
        ended.clone().unwrap_or(Ok(()))
    }

    /// Sends a request. Its completion is called once, possibly before this call returns.
    pub(crate) fn submit(&self, request: Request) {
        // A forked child has the socket of its parent, and would write into the parent's stream.
        if std::process::id() != self.process {
            return request.complete(Err(Error::Closed));
        }
        let until = self.clock.now() + self.settings.timing.request;
        match self.outbox.append(request, until) {
            Ok(()) => self.flush(),
            Err((request, why)) => request.complete(Err(why)),
        }
    }

    /// Returns the generation of the present connection.
    pub(crate) fn generation(&self) -> u64 {
        // Acquire: pairs with the Release in the driver, when a connection is lost.
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

    /// Ends the connection. No new connection is made.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Writes the waiting requests, unless another thread does.
    pub(super) fn flush(&self) {
        if self.outbox.flush() {
            self.waker.wake();
        }
    }
}
