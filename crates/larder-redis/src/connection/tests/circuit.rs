//! Tests of the circuit breaker with a server whose answers a test chooses, and with a clock that the test
//! advances.

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use parking_lot::Mutex;

use super::*;
use crate::connection::request::{Answered, Request};

/// A time that is longer than the waits of the breaker in these tests, and shorter than the time limit of a
/// heartbeat that is on its way.
const JUMP: Duration = Duration::from_secs(1);

/// What a server does with each `GET`.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Serves,
    IsSilent,
    Answers(&'static str),
}

#[derive(Debug, Default)]
struct ManualClock(AtomicU64);

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

/// A connection to a server in the same process.
struct Trial {
    handle: ConnectionHandle,
    clock: Arc<ManualClock>,
    manner: Arc<Mutex<Manner>>,
    /// Number of `GET`s that the server has received.
    gets: Arc<AtomicUsize>,
    _dir: tempfile::TempDir,
}

impl Trial {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (manner, gets) = (Arc::new(Mutex::new(Manner::Serves)), Arc::new(AtomicUsize::new(0)));
        let (of_server, counts) = (manner.clone(), gets.clone());
        // The thread ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                serve(&client.unwrap(), &of_server, &counts);
            }
        });
        let settings = Settings::from_url(&format!("redis+unix://{}", path.display())).unwrap();
        let clock = Arc::new(ManualClock::default());
        let handle = ConnectionHandle::start(settings, clock.clone(), Arc::new(NoSession)).unwrap();
        handle.0.first_attempt().unwrap();
        Self { handle, clock, manner, gets, _dir: dir }
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
        self.gets.load(Ordering::SeqCst)
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

fn serve(mut client: &UnixStream, manner: &Mutex<Manner>, gets: &AtomicUsize) {
    let mut requests = BufReader::new(client);
    while let Some(words) = read_request(&mut requests) {
        let answer = match words[0].as_str() {
            "HELLO" => "%2\r\n+role\r\n+master\r\n+mode\r\n+standalone\r\n".to_owned(),
            "GET" => {
                gets.fetch_add(1, Ordering::SeqCst);
                let manner = *manner.lock();
                match manner {
                    Manner::Serves => "+v\r\n".to_owned(),
                    // A reply to a later request would count as the reply to this request.
                    Manner::IsSilent => {
                        while read_request(&mut requests).is_some() {}
                        return;
                    }
                    Manner::Answers(text) => format!("-{text}\r\n"),
                }
            }
            _ => "+OK\r\n".to_owned(),
        };
        if client.write_all(answer.as_bytes()).is_err() {
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
