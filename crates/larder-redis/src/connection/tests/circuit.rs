//! Tests of the circuit breaker and of the waits between connections, with a server whose answers a test
//! chooses, and with a clock that the test advances.

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use parking_lot::Mutex;

use super::*;
use crate::connection::request::{Answered, Request};

/// A time that is longer than the waits of the breaker in these tests, and shorter than the time limit of a
/// heartbeat that is on its way.
const JUMP: Duration = Duration::from_secs(1);

/// The shortest possible wait before the first attempt to connect again.
const STEP: Duration = Duration::from_millis(25);

/// What a server does with each `GET`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Serves,
    IsSilent,
    Answers(&'static str),
    /// Closes the connection, and each later connection after its greeting.
    Closes,
}

#[derive(Debug, Default)]
pub(super) struct ManualClock(AtomicU64);

impl BootClock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_hours(1) + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug)]
struct NoSession;

impl Session for NoSession {
    fn greet(&self, _: &mut Greeting<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn keys_changed(&self, _: &[Reply], _: &Arc<Connection>) {}

    fn all_changed(&self, _: &Arc<Connection>) {}

    fn is_lost(&self) {}
}

type Answer = Receiver<Result<Answered, Error>>;

/// How often the server has received these requests.
#[derive(Debug, Default)]
struct Counts {
    gets: AtomicUsize,
    /// Each greeting and each heartbeat has one.
    hellos: AtomicUsize,
    greetings: AtomicUsize,
}

/// A connection to a server in the same process.
struct Trial {
    handle: ConnectionHandle,
    clock: Arc<ManualClock>,
    manner: Arc<Mutex<Manner>>,
    counts: Arc<Counts>,
    _dir: tempfile::TempDir,
}

impl Trial {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (manner, counts) = (Arc::new(Mutex::new(Manner::Serves)), Arc::<Counts>::default());
        let (of_server, counted) = (manner.clone(), counts.clone());
        // The thread ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                serve(&client.unwrap(), &of_server, &counted);
            }
        });
        // The clock may advance by many steps while the driver waits for the processor.
        let url = format!("redis+unix://{}?connect_timeout=60s", path.display());
        let settings = Settings::from_url(&url).unwrap();
        let clock = Arc::new(ManualClock::default());
        let handle = ConnectionHandle::start(settings, clock.clone(), Arc::new(NoSession)).unwrap();
        handle.0.first_attempt().unwrap();
        Self { handle, clock, manner, counts, _dir: dir }
    }

    fn manner(&self, manner: Manner) {
        *self.manner.lock() = manner;
    }

    fn advance(&self, time: Duration) {
        self.clock.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        self.handle.0.waker.wake();
    }

    fn send(&self) -> Answer {
        let (sender, answer) = channel();
        let complete = move |answered| drop(sender.send(answered));
        self.handle.0.submit(Request::new(Command::new("GET").arg("k"), complete));
        answer
    }

    fn ask(&self) -> Result<Reply, Error> {
        let answered = self.send().recv_timeout(LIMIT).expect("the server answers");
        answered.map(|answered| answered.reply)
    }

    fn gets(&self) -> usize {
        self.counts.gets.load(Ordering::SeqCst)
    }

    fn greetings(&self) -> usize {
        self.counts.greetings.load(Ordering::SeqCst)
    }

    /// Advances the clock in steps until the server has closed one connection more. Lets some real time pass
    /// after each step. Returns by how much the clock has advanced.
    fn time_to_greeting(&self, real: Duration) -> Duration {
        let (greetings, generation) = (self.greetings(), self.handle.0.generation());
        let mut time = Duration::ZERO;
        let (_sender, never) = channel::<()>();
        while self.greetings() == greetings {
            assert!(time < Duration::from_mins(10), "no greeting: {:?}", self.handle.0.why_down());
            time += STEP;
            self.advance(STEP);
            let _ = never.recv_timeout(real);
        }
        // Otherwise the connection could last until the driver notices its end.
        until("the end of the connection", || self.handle.0.generation() > generation);
        time
    }

    /// Advances the clock until the answer comes. The clock advances in small steps, because a driver that
    /// wakes late gives the server more time.
    fn error_of(&self, answer: &Answer) -> Error {
        for _ in 0..10_000 {
            match answer.recv_timeout(Duration::from_millis(1)) {
                Ok(answered) => return answered.expect_err("the server is silent"),
                Err(RecvTimeoutError::Timeout) => self.advance(Duration::from_millis(50)),
                Err(RecvTimeoutError::Disconnected) => panic!("the request was dropped"),
            }
        }
        panic!("the request never ends");
    }

    /// Advances the clock until the driver has connected again, and the wait of the breaker is over.
    fn connect(&self) {
        let (_sender, never) = channel::<()>();
        let mut steps = 0;
        while self.handle.0.why_down().is_some() {
            steps += 1;
            assert!(steps < 10_000, "no connection: {:?}", self.handle.0.why_down());
            self.advance(Duration::from_millis(50));
            let _ = never.recv_timeout(Duration::from_millis(1));
        }
        self.advance(JUMP);
    }
}

fn serve(mut client: &UnixStream, manner: &Mutex<Manner>, counts: &Counts) {
    let mut requests = BufReader::new(client);
    while let Some(words) = read_request(&mut requests) {
        let answer = match words[0].as_str() {
            "HELLO" => {
                counts.hellos.fetch_add(1, Ordering::SeqCst);
                "%2\r\n+role\r\n+master\r\n+mode\r\n+standalone\r\n".to_owned()
            }
            // The last request of the greeting.
            "CLIENT" => {
                counts.greetings.fetch_add(1, Ordering::SeqCst);
                "+OK\r\n".to_owned()
            }
            "GET" => {
                counts.gets.fetch_add(1, Ordering::SeqCst);
                let manner = *manner.lock();
                match manner {
                    Manner::Serves => "+v\r\n".to_owned(),
                    // A reply to a later request would count as the reply to this request.
                    Manner::IsSilent => {
                        while read_request(&mut requests).is_some() {}
                        return;
                    }
                    Manner::Answers(text) => format!("-{text}\r\n"),
                    Manner::Closes => return,
                }
            }
            _ => "+OK\r\n".to_owned(),
        };
        let closes = words[0] == "CLIENT" && *manner.lock() == Manner::Closes;
        if client.write_all(answer.as_bytes()).is_err() || closes {
            return;
        }
    }
}

#[test]
fn a_server_that_refuses_all_requests_gets_one_request_at_a_time() {
    let trial = Trial::start();
    for text in ["LOADING Redis is loading", "BUSY a script", "MASTERDOWN Link", "CLUSTERDOWN slot"] {
        trial.manner(Manner::Answers(text));
        let begun = trial.gets();
        for _ in 0..3 {
            assert_eq!(trial.ask(), Ok(Reply::Error(text.into())));
        }
        for probes in 0..3 {
            for _ in 0..10 {
                let error = trial.ask().unwrap_err();
                let is_named = matches!(&error, Error::Unavailable { cause, .. } if cause.contains(text));
                assert!(is_named, "{error:?}");
            }
            assert_eq!(trial.gets(), begun + 3 + probes, "{text}: refused requests were sent");
            trial.advance(JUMP);
            if probes < 2 {
                assert_eq!(trial.ask(), Ok(Reply::Error(text.into())), "the probe");
            }
        }
        trial.manner(Manner::Serves);
        for _ in 0..10 {
            assert_eq!(trial.ask(), Ok(Reply::Status("v".into())), "{text}");
        }
    }
    assert!(trial.handle.0.why_down().is_none());
}

#[test]
fn a_server_that_refuses_single_requests_gets_each_of_them() {
    let trial = Trial::start();
    for text in ["OOM used memory", "NOREPLICAS Not enough", "MISCONF disk", "WRONGTYPE list", "ERR other"] {
        trial.manner(Manner::Answers(text));
        for _ in 0..10 {
            assert_eq!(trial.ask(), Ok(Reply::Error(text.into())));
        }
    }
    assert_eq!(trial.gets(), 50);
}

#[test]
fn callers_of_a_server_that_answers_greetings_only_do_not_wait_in_turn() {
    let trial = Trial::start();
    trial.manner(Manner::IsSilent);
    let mut waits = trial.send();
    for sent in 1..=3 {
        let error = trial.error_of(&waits);
        assert!(matches!(error, Error::TimedOut { limit_ms: 2000, .. }), "{error:?}");
        trial.connect();
        waits = trial.send();
        // The clock stands still. So a request that was sent would never end.
        for _ in 0..10 {
            let error = trial.ask().unwrap_err().to_string();
            assert!(error.contains("did not answer within 2000 ms"), "{error}");
        }
        assert!(trial.gets() <= sent + 1, "{} requests were sent", trial.gets());
    }
    trial.error_of(&waits);
    trial.manner(Manner::Serves);
    trial.connect();
    for _ in 0..10 {
        assert_eq!(trial.ask(), Ok(Reply::Status("v".into())));
    }
}

/// Returns the time in which the server gets ten greetings, if it closes each connection after its greeting.
fn time_of_ten_greetings(trial: &Trial) -> Duration {
    trial.manner(Manner::Closes);
    let lost = trial.ask().unwrap_err();
    assert!(matches!(lost, Error::Unavailable { .. }), "{lost:?}");
    (0..10).map(|_| trial.time_to_greeting(Duration::from_millis(1))).sum()
}

#[test]
fn a_server_that_closes_each_connection_after_its_greeting_is_greeted_ever_more_seldom() {
    let trial = Trial::start();
    // Half of 50, 100, 200, 400, 800, 1600, 3200 and three times 5000 ms.
    let least = Duration::from_millis(10_675);
    let time = time_of_ten_greetings(&trial);
    assert!(time >= least, "ten greetings within {time:?}");
    // The driver waits for the clock, which stands still. So a request that waited for it would never end.
    let (gets, greetings) = (trial.gets(), trial.greetings());
    for _ in 0..100 {
        assert!(trial.ask().is_err());
    }
    assert_eq!((trial.gets(), trial.greetings()), (gets, greetings));
}

#[test]
fn a_connection_that_has_served_a_request_or_has_lasted_ends_the_long_waits() {
    // The shortest wait is 25 to 50 ms, and one after ten failures is 2.5 to 5 s.
    let short = Duration::from_secs(1);
    let trial = Trial::start();
    for serves in [true, false] {
        time_of_ten_greetings(&trial);
        trial.manner(Manner::Serves);
        trial.connect();
        if serves {
            assert_eq!(trial.ask(), Ok(Reply::Status("v".into())));
        } else {
            // Each heartbeat follows the answer to the one before it.
            for _ in 0..6 {
                let hellos = trial.counts.hellos.load(Ordering::SeqCst);
                trial.advance(JUMP);
                until("a heartbeat", || trial.counts.hellos.load(Ordering::SeqCst) > hellos);
            }
        }
        trial.manner(Manner::Closes);
        trial.ask().unwrap_err();
        // The driver wakes long before the next step, unless the machine is busy.
        let time = trial.time_to_greeting(Duration::from_millis(50));
        assert!(time < short, "{serves}: {time:?}");
    }
}
