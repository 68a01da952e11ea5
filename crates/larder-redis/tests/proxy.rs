//! A proxy between a client and a server. It can hold back, delay and drop bytes, and close connections or
//! one direction of them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::support::{LIMIT, patient, pause};

/// Whether the bytes of the server are held back.
#[derive(Debug, Default)]
struct Hold {
    is_on: bool,
    /// The hold begins with bytes that contain this word. An empty word holds back all bytes.
    word: &'static [u8],
    has_bytes: bool,
}

impl Switches {
    fn hold_while_on(&self, bytes: &[u8]) {
        let mut hold = self.hold.lock().unwrap();
        let has_word = |word: &[u8]| word.is_empty() || bytes.windows(word.len()).any(|part| part == word);
        if hold.is_on && has_word(hold.word) {
            hold.has_bytes = true;
            self.changed.notify_all();
            drop(self.changed.wait_while(hold, |hold| hold.is_on).unwrap());
        }
    }
}

/// The faults that the proxy currently causes.
#[derive(Debug, Default)]
struct Switches {
    hold: Mutex<Hold>,
    /// Notified when the hold begins, ends, or gets bytes.
    changed: Condvar,
    /// While this is true, the proxy drops all bytes that either side sends.
    drops: AtomicBool,
    delay_ms: AtomicU64,
    accepted: AtomicU64,
    is_ended: AtomicBool,
}

/// Replaces a text in the bytes of a client by another text of the same length, so that the server gets a
/// faulty request.
#[derive(Debug, Clone)]
struct Rewriter {
    from: &'static str,
    to: String,
    /// The last bytes, if they may be the beginning of the text.
    kept: Vec<u8>,
}

impl Rewriter {
    fn new(from: &'static str, to: &str) -> Self {
        assert!(to.len() <= from.len() && to != from, "{to:?} cannot replace {from:?}");
        Self { from, to: format!("{to:<len$}", len = from.len()), kept: Vec::new() }
    }

    fn rewrite(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (from, len) = (self.from.as_bytes(), self.from.len());
        self.kept.extend_from_slice(bytes);
        while let Some(at) = self.kept.windows(len).position(|part| part == from) {
            self.kept[at..at + len].copy_from_slice(self.to.as_bytes());
        }
        let kept = (1..len).rev().find(|len| self.kept.ends_with(&from[..*len])).unwrap_or(0);
        let rest = self.kept.split_off(self.kept.len() - kept);
        std::mem::replace(&mut self.kept, rest)
    }
}

/// A proxy on its own Unix socket.
pub(crate) struct Proxy {
    switches: Arc<Switches>,
    server: Arc<Mutex<PathBuf>>,
    dir: tempfile::TempDir,
    connections: Arc<Mutex<Vec<(UnixStream, UnixStream)>>>,
}

impl Proxy {
    pub(crate) fn start(server: PathBuf) -> Self {
        Self::start_with(server, None)
    }

    /// Like [`start`](Self::start), and replaces a text in the bytes of the clients, such as a line of a
    /// script. A shorter text is padded with spaces.
    pub(crate) fn start_rewriting(server: PathBuf, from: &'static str, to: &str) -> Self {
        Self::start_with(server, Some(Rewriter::new(from, to)))
    }

    fn start_with(server: PathBuf, rewriter: Option<Rewriter>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("proxy.sock")).unwrap();
        let switches = Arc::new(Switches::default());
        let connections: Arc<Mutex<Vec<(UnixStream, UnixStream)>>> = Arc::default();
        let server = Arc::new(Mutex::new(server));
        let (of_thread, list, place) = (switches.clone(), connections.clone(), server.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.is_ended.load(Ordering::SeqCst) {
                    return;
                }
                let client = client.unwrap();
                of_thread.accepted.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = UnixStream::connect(&*place.lock().unwrap()) else { continue };
                list.lock().unwrap().push((client.try_clone().unwrap(), server.try_clone().unwrap()));
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(from, to, of_thread.clone(), Direction::Requests(rewriter.clone()));
                pass(server, client, of_thread.clone(), Direction::Answers);
            }
        });
        Self { switches, server, dir, connections }
    }

    /// Returns the URL with these options. The time limits are like those of a
    /// [`RedisServer`](crate::server::RedisServer).
    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis+unix://{}?{}", self.dir.path().join("proxy.sock").display(), patient(options))
    }

    /// Directs later connections to another server.
    pub(crate) fn aim(&self, server: PathBuf) {
        *self.server.lock().unwrap() = server;
    }

    /// Holds back the bytes of the server, or releases them.
    pub(crate) fn hold_answers(&self, holds: bool) {
        self.hold(holds, b"");
    }

    /// Holds back the bytes of the server, beginning with an answer that contains this word.
    pub(crate) fn hold_answer_with(&self, word: &'static [u8]) {
        self.hold(true, word);
    }

    fn hold(&self, is_on: bool, word: &'static [u8]) {
        *self.switches.hold.lock().unwrap() = Hold { is_on, word, has_bytes: false };
        self.switches.changed.notify_all();
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.switches.accepted.load(Ordering::SeqCst)
    }

    /// Waits until bytes of the server are held back.
    pub(crate) fn await_held(&self) {
        let hold = self.switches.hold.lock().unwrap();
        let waited = self.switches.changed.wait_timeout_while(hold, LIMIT, |hold| !hold.has_bytes);
        assert!(!waited.unwrap().1.timed_out(), "the server sends nothing");
    }

    pub(crate) fn drop_bytes(&self, drops: bool) {
        self.switches.drops.store(drops, Ordering::SeqCst);
    }

    /// Delays each chunk of bytes from the server.
    pub(crate) fn delay(&self, time: Duration) {
        self.switches.delay_ms.store(time.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// Closes all connections. With `is_half`, closes only the direction to the client.
    pub(crate) fn cut(&self, is_half: bool) {
        for (client, server) in self.connections.lock().unwrap().drain(..) {
            drop(client.shutdown(if is_half { Shutdown::Write } else { Shutdown::Both }));
            if !is_half {
                drop(server.shutdown(Shutdown::Both));
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.switches.is_ended.store(true, Ordering::SeqCst);
        self.hold_answers(false);
        self.cut(false);
        drop(UnixStream::connect(self.dir.path().join("proxy.sock")));
    }
}

enum Direction {
    Requests(Option<Rewriter>),
    Answers,
}

fn pass(mut from: UnixStream, mut to: UnixStream, switches: Arc<Switches>, mut direction: Direction) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut bytes = buffer[..read].to_vec();
            match &mut direction {
                Direction::Requests(None) => {}
                Direction::Requests(Some(rewriter)) => bytes = rewriter.rewrite(&bytes),
                Direction::Answers => {
                    let delay = switches.delay_ms.load(Ordering::SeqCst);
                    if delay > 0 {
                        pause(Duration::from_millis(delay));
                    }
                    switches.hold_while_on(&bytes);
                }
            }
            if !switches.drops.load(Ordering::SeqCst) && to.write_all(&bytes).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
        drop(from.shutdown(Shutdown::Both));
    });
}
