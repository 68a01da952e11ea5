//! Waits until replicas have a removal.
//!
//! `WAIT` blocks its connection. On the shared connection, it would delay all later requests and the
//! heartbeats. So it uses another connection and another thread.
//!
//! 1. When the reply to a removal arrives on the shared connection, the wait for that removal is queued. So
//!    the removal was applied, even if it was sent twice, and is in the stream from the server to its
//!    replicas.
//! 2. The thread takes all queued waits, and writes a mark. In the stream to the replicas, the mark comes
//!    after the removals of these waits.
//! 3. `WAIT` counts the replicas that have the mark, and so the removals. One `WAIT` serves all removals
//!    since the previous one.
//! 4. The server of this connection must have the same run id as the server that replied to the removal.
//!    Another master has possibly not received the removal.
//! 5. With Sentinels, a majority must still vouch for the server when the replicas have answered. Otherwise
//!    a deposed master and its replicas could acknowledge a removal that the new master does not have.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::answers::{accepted, number};
use super::session::{TierState, identity_of};
use crate::connection::connect::{Attempt, Connector};
use crate::connection::greeting::{Greeting, Input, unavailable};
use crate::connection::link::Connection;
use crate::connection::request::Answered;
use crate::connection::sentinels::UNVOUCHED;
use crate::connection::stream::{PollWaker, Socket};
use crate::error::Error;
use crate::protocol::command::Command;
use crate::settings::Settings;

/// Writes the mark. The first write is a removal, so the script also works when the server's memory is full.
/// The mark expires after a minute.
const MARK: &str = "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000) return 1";

/// Runs steps 2 and 3: writes the mark under this key, and waits for replicas, at most for half of the time
/// limit of a request. Returns the number of replicas that have the mark, and so all earlier writes of this
/// connection's server.
///
/// The time is shorter than the limit of the reply, so that the server replies with the number of replicas in
/// time.
pub(crate) fn replicas_with_mark(greeting: &mut Greeting<'_>, mark: Vec<u8>) -> Result<u64, Error> {
    let settings = greeting.settings;
    let limit = settings.timing.request / 2;
    let mark = Command::new("EVAL").arg(MARK).arg("1").arg(mark).number(crate::random::number());
    let wait = Command::new("WAIT").number(settings.replicas).number(limit.as_millis());
    let mut reached = 0;
    for reply in greeting.ask_all(&[mark, wait])? {
        reached = accepted(Ok(Answered { reply, generation: 0 })).and_then(|answered| number(&answered))?;
    }
    Ok(reached)
}

/// Acknowledges a removal if enough replicas have the mark. Otherwise, returns [`Error::NotReplicated`].
/// Calls `is_vouched` for step 5.
pub(crate) fn acknowledge(
    reached: &Result<u64, Error>,
    settings: &Settings,
    is_vouched: impl FnOnce() -> bool,
) -> Result<(), Error> {
    let cause = match reached {
        Err(error) => error.to_string(),
        // Step 5.
        Ok(_) if !is_vouched() => UNVOUCHED.to_owned(),
        Ok(reached) if *reached < u64::from(settings.replicas) => {
            format!("{reached} of {} replicas have it", settings.replicas)
        }
        Ok(_) => return Ok(()),
    };
    Err(Error::NotReplicated(cause))
}

struct ReplicaWait {
    /// The run id of the server that replied to the removal.
    run: Option<String>,
    done: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

#[derive(Default)]
struct Queued {
    waits: Vec<ReplicaWait>,
    is_closed: bool,
}

/// The waits of a tier, and the state of the thread that serves them.
pub(super) struct Replicas {
    settings: Settings,
    /// The shared connection. It has the clock, and knows the server that Sentinels have named.
    shared: Arc<Connection>,
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

/// A connection that has been greeted.
struct MarkConnection {
    socket: Arc<Socket>,
    input: Input,
    run: String,
}

/// The handle of the thread. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct ReplicasHandle(pub(super) Arc<Replicas>);

impl Drop for ReplicasHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl ReplicasHandle {
    pub(super) fn start(shared: Arc<Connection>, state: Arc<TierState>) -> Result<Self, Error> {
        let settings = shared.settings.clone();
        let server = settings.server.place.to_string();
        let system = |error: std::io::Error| Error::Unavailable {
            server: server.clone(),
            cause: format!("the system refused a thread or a socket: {error}"),
        };
        let replicas = Arc::new(Replicas {
            settings,
            shared,
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
    /// Runs step 1: queues the wait of a removal that the server has replied to.
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

    /// Ends all waits with an error.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.queued.lock().is_closed = true;
        self.changed.notify_one();
        self.waker.wake();
    }

    fn run(&self) {
        // If this thread panics, the guard ends the waits of all callers.
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
                // Step 4.
                let is_other = reached.is_ok() && wait.run != run;
                (wait.done)(if is_other {
                    Err(Error::NotReplicated("another server is the master now".to_owned()))
                } else {
                    acknowledge(&reached, &self.settings, || self.shared.is_vouched())
                });
            }
        }
    }

    /// Runs steps 2 and 3. Returns the number of replicas that have the mark.
    fn reach(
        &self,
        connector: &mut Connector,
        connection: &mut Option<MarkConnection>,
    ) -> Result<u64, Error> {
        // The server may have closed the idle connection, or may have restarted. The client detects this only
        // when it uses the connection.
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
            clock: &*self.shared.clock,
            settings: &self.settings,
            is_closed: &self.is_closed,
            until: self.shared.clock.now() + limit,
            limit,
        }
    }

    fn connect(&self, connector: &mut Connector) -> Result<MarkConnection, Error> {
        let limit = self.settings.timing.connect;
        let clock = &*self.shared.clock;
        let until = clock.now() + limit;
        let (waker, is_closed) = (&self.waker, &self.is_closed);
        let attempt = Attempt { waker, clock, is_closed, until };
        let elected = self.shared.sentinels().and_then(|sentinels| sentinels.present_master());
        let socket = connector.connect(elected.as_ref().unwrap_or(&self.settings), attempt);
        let socket = Arc::new(socket.map_err(|error| unavailable(&self.settings, &error))?);
        let mut input = Input::new();
        let mut greeting = Greeting { until, ..self.greeting(&socket, &mut input, limit) };
        greeting.begin()?;
        // The mark is in the same database as the removals.
        greeting.require(&Command::new("SELECT").number(self.settings.server.database))?;
        let run = identity_of(&greeting.require(&Command::new("INFO"))?)?.run;
        Ok(MarkConnection { socket, input, run })
    }

    fn ask(&self, connection: &mut MarkConnection) -> Result<u64, Error> {
        let mark = self.state.directory.read().names.mark();
        let limit = self.settings.timing.request;
        replicas_with_mark(&mut self.greeting(&connection.socket, &mut connection.input, limit), mark)
    }
}

/// Ends the remaining waits when the thread ends.
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;

    use super::*;
    use crate::clock::BootClock;
    use crate::tier::session::TierSession;

    /// A clock that advances by a minute with each reading. It is ahead of the system's clock.
    #[derive(Debug, Default)]
    struct MinuteClock(AtomicU64);

    impl BootClock for MinuteClock {
        fn now(&self) -> Duration {
            Duration::from_hours(1 << 24) + Duration::from_mins(self.0.fetch_add(1, Ordering::SeqCst))
        }
    }

    /// Returns the error of a call on another thread. Panics if the call does not end in time.
    fn error_of<T: Send + 'static>(call: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Error {
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || sender.send(call().map(drop)));
        let ended = ended.recv_timeout(Duration::from_secs(20));
        ended.expect("the wait ends in real time").expect_err("the server never answers")
    }

    #[test]
    fn a_wait_for_replicas_ends_by_the_clock_of_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("silent.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let url = format!("redis+unix://{}?request_timeout=60s&connect_timeout=60s", path.display());
        let state = Arc::new(TierState::new("larder", false));
        let session = Arc::new(TierSession(state.clone()));
        let (settings, clock) = (Settings::from_url(&url).unwrap(), Arc::new(MinuteClock::default()));
        let shared = Arc::new(Connection::new(settings, clock, session).unwrap());
        let handle = ReplicasHandle::start(shared, state).unwrap();
        let replicas = handle.0.clone();
        let greets = replicas.clone();
        let error = error_of(move || greets.reach(&mut Connector::default(), &mut None));
        assert!(error.to_string().contains("did not answer within 60000 ms"), "{error}");
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let error = error_of(move || {
            let (socket, input) = (Arc::new(Socket::Unix(ours)), Input::new());
            replicas.ask(&mut MarkConnection { socket, input, run: String::new() })
        });
        assert!(matches!(error, Error::TimedOut { limit_ms: 60_000, .. }), "{error}");
    }
}
