//! The connection as its callers use it: they send requests, and read the deadline of values in memory.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder::remote::Validity;
use parking_lot::{Condvar, Mutex};

use super::breaker::Breaker;
use super::greeting::Greeting;
use super::outbox::Outbox;
use super::request::Request;
use super::sentinels::{MasterStatus, Sentinels, SentinelsHandle};
use super::stream::PollWaker;
use crate::clock::BootClock;
use crate::error::Error;
use crate::protocol::reply::Reply;
use crate::settings::Settings;

/// The user of a connection. The driver thread calls its methods in the order of events in the stream.
pub(crate) trait Session: Debug + Send + Sync {
    /// Sends the last requests of the greeting.
    fn greet(&self, greeting: &mut Greeting<'_>) -> Result<(), Error>;

    /// Handles changes of keys on the server. Later replies are handled only after this call has returned.
    fn keys_changed(&self, keys: &[Reply], connection: &Arc<Connection>);

    /// Handles a push that says that all keys may have changed.
    fn all_changed(&self, connection: &Arc<Connection>);

    /// Handles the loss of the connection. Open requests are completed only after this call has returned.
    fn is_lost(&self);
}

/// The connection that all threads share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn BootClock>,
    pub(super) session: Arc<dyn Session>,
    pub(super) outbox: Outbox,
    pub(super) waker: Arc<PollWaker>,
    /// The Sentinels that name the server, if the URL names some.
    sentinels: Option<SentinelsHandle>,
    /// The deadline of values in memory. It is on the system's boot clock, and so is `clock` in each
    /// connection of a cache.
    pub(crate) validity: Arc<Validity>,
    /// Incremented when a connection is lost.
    pub(super) generation: AtomicU64,
    pub(super) is_closed: AtomicBool,
    /// Id of the process that created this connection.
    process: u32,
    /// Result of the first attempt to connect. `None` until that attempt has ended.
    pub(super) first_attempt: Mutex<Option<Result<(), Error>>>,
    pub(super) attempted: Condvar,
}

impl Connection {
    /// Returns a connection that is not connected yet. Starts the threads that ask the Sentinels, if the URL
    /// names Sentinels.
    pub(crate) fn new(
        settings: Settings,
        clock: Arc<dyn BootClock>,
        session: Arc<dyn Session>,
    ) -> io::Result<Self> {
        let waker = Arc::new(PollWaker::new()?);
        let sentinels = SentinelsHandle::start(&settings, clock.clone(), waker.clone())?;
        let server = settings.server.place.to_string();
        let breaker = Breaker::new(settings.timing, server.clone());
        let waits = Error::Unavailable { server, cause: "not connected yet".to_owned() };
        Ok(Self {
            settings,
            clock,
            session,
            outbox: Outbox::new(waits, breaker),
            waker,
            sentinels,
            validity: Arc::new(Validity::new()),
            generation: AtomicU64::new(1),
            is_closed: AtomicBool::new(false),
            process: std::process::id(),
            first_attempt: Mutex::new(None),
            attempted: Condvar::new(),
        })
    }

    pub(crate) fn sentinels(&self) -> Option<&Arc<Sentinels>> {
        self.sentinels.as_ref().map(|handle| &handle.0)
    }

    /// Returns whether the server may be used now: no Sentinels are asked, or a majority of them has vouched
    /// for it within the last [`staleness`](crate::settings::Timing).
    pub(crate) fn is_vouched(&self) -> bool {
        self.sentinels().is_none_or(|sentinels| sentinels.status() == MasterStatus::Vouched)
    }

    /// Waits until the first attempt to connect has ended, or a time limit is over. Returns the error of the
    /// attempt.
    pub(crate) fn first_attempt(&self) -> Result<(), Error> {
        let mut ended = self.first_attempt.lock();
        // One attempt should end within half of this limit. It may take longer in a starved thread, or while
        // the system's certificates are read. The tier then connects later.
        let limit = self.settings.timing.connect * 2;
        self.attempted.wait_while_for(&mut ended, |ended| ended.is_none(), limit);
        ended.clone().unwrap_or(Ok(()))
    }

    /// Sends a request. Its callback is called exactly once, possibly before this call returns.
    pub(crate) fn submit(&self, request: Request) {
        // A forked child has its parent's socket, and would write into the parent's stream.
        if std::process::id() != self.process {
            return request.complete(Err(Error::Closed));
        }
        match self.outbox.append(request, self.clock.now(), self.settings.timing.request) {
            Ok(()) => self.flush(),
            Err(refused) => {
                let (request, why) = *refused;
                request.complete(Err(why));
            }
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        // Acquire: pairs with the Release in the driver when a connection is lost.
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn why_down(&self) -> Option<Error> {
        self.outbox.why_down()
    }

    /// Closes the current connection, because its replies can't be used. The driver then makes a new one.
    pub(crate) fn fail(&self, why: &'static str) {
        tracing::warn!(why, "the connection to the server of the remote tier is given up");
        self.outbox.fail();
        self.waker.wake();
    }

    /// Closes the connection for good.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        if let Some(sentinels) = self.sentinels() {
            sentinels.close();
        }
        self.waker.wake();
    }

    /// Writes the waiting requests, unless another thread is writing.
    pub(super) fn flush(&self) {
        if self.outbox.flush() {
            self.waker.wake();
        }
    }
}
