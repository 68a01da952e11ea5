//! The wait until replicas have a removal.
//!
//! `WAIT` blocks its connection. On the shared connection it would hold up all requests behind it, and the
//! heartbeats among them. So it has a connection and a thread of its own.
//!
//! 1. A removal is answered on the shared connection. Only then is its wait queued. So the removal is
//!    applied, whatever was sent again, and stands in what the server sends to its replicas.
//! 2. The thread takes all waits that are queued, and writes a mark. The mark stands behind the removals of
//!    these waits in what the replicas get.
//! 3. `WAIT` counts the replicas that have the mark. They have the removals, too. So one `WAIT` is for as
//!    many removals as were answered since the one before.
//! 4. The connection must be one to the server that has answered the removal, by its run id. Another master
//!    has not got the removal from it for sure.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::answers::{accepted, number};
use super::session::{TierState, identity_of};
use crate::clock::{BootClock, SystemBootClock};
use crate::connection::connect::{Attempt, Connector};
use crate::connection::greeting::{Greeting, Input, unavailable};
use crate::connection::request::Answered;
use crate::connection::stream::{PollWaker, Socket};
use crate::error::Error;
use crate::protocol::command::Command;
use crate::settings::Settings;

/// Writes the mark. A removal is the first write, so it works when the memory is full, too. The mark ends by
/// itself.
const MARK: &str = "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000) return 1";

/// A removal that was answered, and waits for the replicas.
struct ReplicaWait {
    /// The run id of the server that has answered.
    run: Option<String>,
    done: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

#[derive(Default)]
struct Queued {
    waits: Vec<ReplicaWait>,
    is_closed: bool,
}

/// The waits of a tier, and the thread that ends them.
pub(super) struct Replicas {
    settings: Settings,
    state: Arc<TierState>,
    queued: Mutex<Queued>,
    changed: Condvar,
    waker: PollWaker,
    is_closed: AtomicBool,
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replicas({} waits)", self.queued.lock().waits.len())
    }
}

/// A connection that was greeted.
struct MarkConnection {
    socket: Arc<Socket>,
    input: Input,
    run: String,
}

/// The handle of the waits. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct ReplicasHandle(pub(super) Arc<Replicas>);

impl Drop for ReplicasHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl ReplicasHandle {
    /// Starts the thread.
    pub(super) fn start(settings: Settings, state: Arc<TierState>) -> Result<Self, Error> {
        let server = settings.server.place.to_string();
        let system = |error: std::io::Error| Error::Unavailable {
            server: server.clone(),
            cause: format!("the system refused a thread or a socket: {error}"),
        };
        let replicas = Arc::new(Replicas {
            settings,
            state,
            queued: Mutex::default(),
            changed: Condvar::new(),
            waker: PollWaker::new().map_err(system)?,
            is_closed: AtomicBool::new(false),
        });
        let of_thread = replicas.clone();
        let thread = std::thread::Builder::new().name("larder-replicas".to_owned());
        thread.spawn(move || of_thread.run()).map_err(system)?;
        Ok(Self(replicas))
    }
}

impl Replicas {
    /// Does step 1: queues the wait of a removal that was answered.
    pub(super) fn wait(&self, done: impl FnOnce(Result<(), Error>) + Send + 'static) {
        let run = self.state.run_id();
        let mut queued = self.queued.lock();
        if queued.is_closed {
            drop(queued);
            return done(Err(Error::NotReplicated("the client was closed".to_owned())));
        }
        queued.waits.push(ReplicaWait { run, done: Box::new(done) });
        drop(queued);
        self.changed.notify_one();
    }

    /// Ends the waits with an error.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.queued.lock().is_closed = true;
        self.changed.notify_one();
        self.waker.wake();
    }

    fn run(&self) {
        // A panic of this thread must not leave callers waiting.
        let _guard = EndOfReplicas(self);
        let (mut connector, mut connection) = (Connector::default(), None);
        loop {
            let mut queued = self.queued.lock();
            self.changed.wait_while(&mut queued, |queued| queued.waits.is_empty() && !queued.is_closed);
            if queued.is_closed {
                return;
            }
            let waits = std::mem::take(&mut queued.waits);
            drop(queued);
            let reached = self.reach(&mut connector, &mut connection);
            let run = connection.as_ref().map(|connection: &MarkConnection| connection.run.clone());
            for wait in waits {
                (wait.done)(match &reached {
                    Err(error) => Err(Error::NotReplicated(error.to_string())),
                    // Step 4.
                    Ok(_) if wait.run != run => {
                        Err(Error::NotReplicated("another server is the master now".to_owned()))
                    }
                    Ok(reached) if *reached < u64::from(self.settings.replicas) => {
                        let cause = format!("{reached} of {} replicas have it", self.settings.replicas);
                        Err(Error::NotReplicated(cause))
                    }
                    Ok(_) => Ok(()),
                });
            }
        }
    }

    /// Does steps 2 and 3. Returns the number of replicas that have the mark.
    fn reach(
        &self,
        connector: &mut Connector,
        connection: &mut Option<MarkConnection>,
    ) -> Result<u64, Error> {
        // The server may have closed an idle connection, or was restarted. That is seen when it is used.
        if let Some(idle) = connection
            && let Ok(reached) = self.ask(idle)
        {
            return Ok(reached);
        }
        *connection = None;
        let reached = self.ask(connection.insert(self.connect(connector)?));
        if reached.is_err() {
            *connection = None;
        }
        reached
    }

    fn greeting<'a>(
        &'a self,
        socket: &'a Arc<Socket>,
        input: &'a mut Input,
        limit: Duration,
    ) -> Greeting<'a> {
        Greeting {
            socket,
            input,
            waker: &self.waker,
            clock: &SystemBootClock,
            settings: &self.settings,
            is_closed: &self.is_closed,
            until: SystemBootClock.now() + limit,
        }
    }

    fn connect(&self, connector: &mut Connector) -> Result<MarkConnection, Error> {
        let limit = self.settings.timing.connect;
        let until = SystemBootClock.now() + limit;
        let (waker, is_closed) = (&self.waker, &self.is_closed);
        let attempt = Attempt { waker, clock: &SystemBootClock, is_closed, until };
        let socket = connector.connect(&self.settings, attempt);
        let socket = Arc::new(socket.map_err(|error| unavailable(&self.settings, &error))?);
        let mut input = Input::new();
        let mut greeting = Greeting { until, ..self.greeting(&socket, &mut input, limit) };
        greeting.begin()?;
        // The mark is where the removals are.
        greeting.require(&Command::new("SELECT").number(self.settings.server.database))?;
        let run = identity_of(&greeting.require(&Command::new("INFO"))?)?.run;
        Ok(MarkConnection { socket, input, run })
    }

    fn ask(&self, connection: &mut MarkConnection) -> Result<u64, Error> {
        let request = self.settings.timing.request;
        // Shorter than the limit of the answer, so that the server answers how many there are.
        let limit = request / 2;
        let mark = Command::new("EVAL").arg(MARK).arg("1").arg(self.state.directory.read().names.mark());
        let mark = mark.number(crate::random::number());
        let wait = Command::new("WAIT").number(self.settings.replicas).number(limit.as_millis());
        let mut greeting = self.greeting(&connection.socket, &mut connection.input, request);
        let mut reached = 0;
        for reply in greeting.ask_all(&[mark, wait])? {
            reached =
                accepted(Ok(Answered { reply, generation: 0 })).and_then(|answered| number(&answered))?;
        }
        Ok(reached)
    }
}

/// Ends the waits that are left when the thread ends.
struct EndOfReplicas<'a>(&'a Replicas);

impl Drop for EndOfReplicas<'_> {
    fn drop(&mut self) {
        let mut queued = self.0.queued.lock();
        queued.is_closed = true;
        let waits = std::mem::take(&mut queued.waits);
        drop(queued);
        for wait in waits {
            (wait.done)(Err(Error::NotReplicated("the client was closed".to_owned())));
        }
    }
}
