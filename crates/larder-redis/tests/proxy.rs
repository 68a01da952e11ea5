//! A proxy between a client and a server. It can hold back, delay and drop bytes, and close connections or
//! one direction of them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::support::{LIMIT, pause};

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

/// A proxy on its own Unix socket.
pub(crate) struct Proxy {
    switches: Arc<Switches>,
    server: Arc<Mutex<PathBuf>>,
    dir: tempfile::TempDir,
    connections: Arc<Mutex<Vec<(UnixStream, UnixStream)>>>,
}

impl Proxy {
    pub(crate) fn start(server: PathBuf) -> Self {
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
                pass(client.try_clone().unwrap(), server.try_clone().unwrap(), of_thread.clone(), false);
                pass(server, client, of_thread.clone(), true);
            }
        });
        Self { switches, server, dir, connections }
    }

    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis+unix://{}?{options}", self.dir.path().join("proxy.sock").display())
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

fn pass(mut from: UnixStream, mut to: UnixStream, switches: Arc<Switches>, is_answer: bool) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if is_answer {
                let delay = switches.delay_ms.load(Ordering::SeqCst);
                if delay > 0 {
                    pause(Duration::from_millis(delay));
                }
                switches.hold_while_on(&buffer[..read]);
            }
            if !switches.drops.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
        drop(from.shutdown(Shutdown::Both));
    });
}
