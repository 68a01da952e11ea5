//! The requests that wait to be sent, and the requests that wait for their replies.
//!
//! Both lists change under one lock, so that each reply in the stream belongs to the first request that
//! waits. Any thread may write the requests of all threads:
//!
//! 1. A caller appends its request, and then releases the lock of the outbox.
//! 2. The caller tries to take the lock of the socket. If another thread holds this lock, the caller returns.
//! 3. The thread with the lock takes the contents of the outbox, writes them, and releases the lock of the
//!    socket.
//! 4. After that, the thread checks the outbox again, and continues with (2) if the outbox is not empty. So
//!    no request is left behind: a caller that fails at (2) has already appended its request, which is found
//!    here.
//! 5. If the socket has no room, the driver waits until it has room, and writes the rest. A caller that has
//!    written a few batches also leaves the rest to the driver. Otherwise the caller might never return.
//!
//! The requests that wait for their replies are bounded in bytes, because each request is kept until then,
//! and until the socket has room for what was written. Short requests have some more room than long ones.
//! Otherwise values that wait to be stored would also hold up removals, and the releases of leases. The
//! [`Breaker`] decides before (1) whether a request may be sent.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::breaker::Breaker;
use super::request::{Awaited, Purpose, Request};
use super::stream::Socket;
use crate::error::Error;
use crate::settings::MAX_AWAITED;

#[derive(Debug)]
enum LinkState {
    /// A connection exists, and has been greeted.
    Up,
    /// No connection exists, for this reason.
    Down(Error),
}

#[derive(Debug)]
struct Queue {
    state: LinkState,
    output: Vec<u8>,
    awaited: VecDeque<Awaited>,
    awaited_len: usize,
}

/// Number of bytes that a request takes in addition to those that are written.
const REQUEST_LEN: usize = 256;

/// Maximum length of a short request.
const MAX_SHORT: usize = 4 << 10;

/// Number of bytes of short requests that may wait in addition to [`MAX_AWAITED`].
const ROOM_FOR_SHORT: usize = 8 << 20;

impl Queue {
    /// Appends a request, and waits for its reply. What was written counts, with the text of a script. A
    /// server that knows no script, or whose user may load none, gets the text with each request.
    fn send(&mut self, request: Request, is_by_text: bool, until: Duration) {
        let before = self.output.len();
        request.write(&mut self.output, is_by_text);
        let len = self.output.len() - before + REQUEST_LEN;
        let request = if is_by_text { request.without_script() } else { request };
        self.wait_for(Purpose::Request(request), until, len);
    }

    fn wait_for(&mut self, purpose: Purpose, until: Duration, len: usize) {
        self.awaited_len += len;
        self.awaited.push_back(Awaited { purpose, until, len });
    }
}

#[derive(Debug, Default)]
struct WriteHalf {
    socket: Option<Arc<Socket>>,
    /// The bytes that were taken from the outbox, and how many of them are written.
    taken: Vec<u8>,
    written: usize,
}

enum Wrote {
    /// Everything is written, and the outbox was empty.
    All,
    /// The contents of one batch are written. The outbox may have more.
    Batch,
    Blocked,
    Failed,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    writer: Mutex<WriteHalf>,
    pub(super) breaker: Breaker,
    /// Whether the driver must write the rest when the socket has room.
    is_blocked: AtomicBool,
    has_failed: AtomicBool,
}

/// Maximum number of batches that a caller writes. Its own request is in the first one, unless another thread
/// has taken it before.
const MAX_BATCHES: usize = 4;

/// Maximum capacity of a buffer that is kept for later requests, in bytes.
const MAX_KEPT: usize = 1 << 20;

impl Outbox {
    /// Returns an outbox without a connection. `why` is the reason.
    pub(super) fn new(why: Error, breaker: Breaker) -> Self {
        let state = LinkState::Down(why);
        let queue = Queue { state, output: Vec::new(), awaited: VecDeque::new(), awaited_len: 0 };
        Self {
            queue: Mutex::new(queue),
            writer: Mutex::default(),
            breaker,
            is_blocked: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Starts sending over a connection.
    pub(crate) fn connect(&self, socket: Arc<Socket>) {
        let mut writer = self.writer.lock();
        *writer = WriteHalf { socket: Some(socket), ..WriteHalf::default() };
        self.is_blocked.store(false, Ordering::Relaxed);
        self.has_failed.store(false, Ordering::Relaxed);
        // The state changes under the lock of the writer, so later requests are sent only over this
        // connection.
        self.queue.lock().state = LinkState::Up;
    }

    /// Stops sending. Returns the requests that wait for a reply. `random` is for the breaker.
    pub(crate) fn disconnect(&self, why: Error, now: Duration, random: u64) -> VecDeque<Awaited> {
        let mut writer = self.writer.lock();
        *writer = WriteHalf::default();
        let mut queue = self.queue.lock();
        self.breaker.note_loss(&why, now, random);
        queue.state = LinkState::Down(why);
        queue.output = Vec::new();
        queue.awaited_len = 0;
        std::mem::take(&mut queue.awaited)
    }

    /// Replaces the reason why there is no connection.
    pub(crate) fn explain(&self, why: Error) {
        let mut queue = self.queue.lock();
        if let LinkState::Down(reason) = &mut queue.state {
            *reason = why;
        }
    }

    /// Returns why there is no connection, or `None` if there is one.
    pub(crate) fn why_down(&self) -> Option<Error> {
        match &self.queue.lock().state {
            LinkState::Up => None,
            LinkState::Down(why) => Some(why.clone()),
        }
    }

    /// Runs step 1: appends a request with a time limit. Returns the request if it can't be sent.
    pub(crate) fn append(
        &self,
        request: Request,
        now: Duration,
        limit: Duration,
    ) -> Result<(), Box<(Request, Error)>> {
        let mut queue = self.queue.lock();
        if let Err(why) = self.admit(&queue, &request, now) {
            drop(queue);
            return Err(Box::new((request, why)));
        }
        queue.send(request, false, now + limit);
        Ok(())
    }

    fn admit(&self, queue: &Queue, request: &Request, now: Duration) -> Result<(), Error> {
        if let LinkState::Down(why) = &queue.state {
            return Err(why.clone());
        }
        let max = if request.len() > MAX_SHORT { MAX_AWAITED } else { MAX_AWAITED + ROOM_FOR_SHORT };
        if queue.awaited_len > max {
            return Err(Error::Full(max));
        }
        // This check comes last, because a request that it admits may be the probe, and must be sent.
        if request.is_of_client() { Ok(()) } else { self.breaker.admit(now) }
    }

    /// Appends a request again, this time with the text of its script.
    pub(crate) fn append_by_text(&self, request: Request, until: Duration) {
        self.queue.lock().send(request, true, until);
    }

    /// Appends a heartbeat: a `HELLO` without arguments, whose reply shows whether the server is still a
    /// master. With `has_ping`, a `PING` follows.
    pub(crate) fn append_heartbeat(&self, has_ping: bool, until: Duration) {
        let mut queue = self.queue.lock();
        queue.output.extend_from_slice(b"*1\r\n$5\r\nHELLO\r\n");
        queue.wait_for(Purpose::Hello, until, 0);
        if has_ping {
            queue.output.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
            queue.wait_for(Purpose::Ping, until, 0);
        }
    }

    /// Removes and returns the entry to which the next reply in the stream belongs.
    pub(crate) fn next_awaited(&self) -> Option<Awaited> {
        let mut queue = self.queue.lock();
        let next = queue.awaited.pop_front()?;
        queue.awaited_len = queue.awaited_len.saturating_sub(next.len);
        Some(next)
    }

    /// Returns the deadline of the next reply.
    pub(crate) fn first_deadline(&self) -> Option<Duration> {
        self.queue.lock().awaited.front().map(|awaited| awaited.until)
    }

    /// Returns whether the driver must write the rest when the socket has room.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }

    /// Makes the driver close the connection.
    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Returns whether the connection must be closed.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Runs steps 2 to 5: writes the waiting requests, unless another thread is writing. Returns whether the
    /// caller must wake the driver, because the socket has no room or has failed, or because other callers
    /// keep appending.
    #[must_use]
    pub(crate) fn flush(&self) -> bool {
        for _ in 0..MAX_BATCHES {
            // Step 2.
            let Some(mut writer) = self.writer.try_lock() else { return false };
            // Step 3.
            match writer.write(&self.queue) {
                // The outbox may have more. With TLS, encrypted bytes may still wait to be sent.
                Wrote::Batch => continue,
                Wrote::All => self.is_blocked.store(false, Ordering::Relaxed),
                // Step 5.
                Wrote::Blocked => return !self.is_blocked.swap(true, Ordering::Relaxed),
                Wrote::Failed => return !self.has_failed.swap(true, Ordering::Relaxed),
            }
            drop(writer);
            // Step 4.
            if self.queue.lock().output.is_empty() {
                return false;
            }
        }
        // Step 5. The driver finds that the socket has room, and continues. If another caller has already
        // written everything, the driver finds nothing to write.
        !self.is_blocked.swap(true, Ordering::Relaxed)
    }
}

impl WriteHalf {
    fn write(&mut self, queue: &Mutex<Queue>) -> Wrote {
        let Some(socket) = &self.socket else { return Wrote::All };
        let mut has_swapped = false;
        loop {
            let rest = self.taken.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                if has_swapped {
                    return Wrote::Batch;
                }
                has_swapped = true;
                self.taken.clear();
                self.written = 0;
                if self.taken.capacity() > MAX_KEPT {
                    self.taken = Vec::new();
                }
                std::mem::swap(&mut self.taken, &mut queue.lock().output);
                if self.taken.is_empty() {
                    return match socket.flush() {
                        Ok(()) => Wrote::All,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Wrote::Blocked,
                        Err(_) => Wrote::Failed,
                    };
                }
                continue;
            }
            match socket.write(rest) {
                Ok(0) => return Wrote::Failed,
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Wrote::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Wrote::Failed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use super::*;
    use crate::connection::request::Script;
    use crate::protocol::command::Command;
    use crate::settings::Timing;

    fn connected() -> (Outbox, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).expect("a socket that never blocks");
        let breaker = Breaker::new(Timing::default(), "a server".to_owned());
        let outbox = Outbox::new(Error::Closed, breaker);
        outbox.connect(Arc::new(Socket::Unix(ours)));
        (outbox, theirs)
    }

    #[test]
    fn a_short_request_is_sent_while_long_ones_fill_the_room() {
        let (outbox, _theirs) = connected();
        let is_sent = |len| {
            let request = Request::new(Command::new("SET").arg(vec![b'x'; len]), drop);
            outbox.append(request, Duration::ZERO, Duration::MAX).is_ok()
        };
        let fill = |len| outbox.queue.lock().awaited_len = len;
        assert!(is_sent(8 << 10) && is_sent(8));
        fill(MAX_AWAITED + 1);
        assert!(!is_sent(8 << 10) && is_sent(8));
        fill(MAX_AWAITED + ROOM_FOR_SHORT + 1);
        assert!(!is_sent(8 << 10) && !is_sent(8), "short requests are bounded, too");
        drop(outbox.disconnect(Error::Closed, Duration::ZERO, 0));
    }

    #[test]
    fn the_text_of_a_script_takes_room_until_the_reply() {
        static SCRIPT: Script = Script::new("return 'a text that the server does not know'");
        let (outbox, _theirs) = connected();
        let request = || Request::script(&SCRIPT, Command::tail().arg("0"), drop);
        let len = || outbox.queue.lock().awaited_len;
        let append = || outbox.append(request(), Duration::ZERO, Duration::MAX).is_ok();
        // The first attempt, and the one after a reply that the server does not know the script.
        assert!(append());
        outbox.append_by_text(request(), Duration::MAX);
        let written = outbox.queue.lock().output.len();
        assert!(written > 2 * SCRIPT.text.len() && len() == written + 2 * REQUEST_LEN, "{}", len());
        assert!(outbox.next_awaited().is_some() && outbox.next_awaited().is_some());
        assert_eq!(len(), 0);
        // The text of the last request exceeds the bound, and the rest of the request does not.
        outbox.queue.lock().awaited_len = MAX_AWAITED + ROOM_FOR_SHORT - REQUEST_LEN - SCRIPT.text.len();
        assert!(append() && !append());
        drop(outbox.disconnect(Error::Closed, Duration::ZERO, 0));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "threads keep real time")]
    fn a_caller_does_not_write_for_others_without_end() {
        let (outbox, mut theirs) = connected();
        let (is_done, appended) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let (began, outbox, is_done, appended) = (Instant::now(), &outbox, &is_done, &appended);
            // The peer reads everything, so the socket has room again and again.
            scope.spawn(move || while matches!(theirs.read(&mut [0; 8 << 10]), Ok(1..)) {});
            let appends = move || {
                while !is_done.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(30) {
                    let request = Request::new(Command::new("GET"), drop);
                    drop(outbox.append(request, Duration::ZERO, Duration::MAX));
                    drop(outbox.next_awaited());
                    appended.fetch_add(1, Ordering::Relaxed);
                }
                is_done.load(Ordering::Relaxed)
            };
            let others = [scope.spawn(appends), scope.spawn(appends)];
            while appended.load(Ordering::Relaxed) < 20_000 && began.elapsed() < Duration::from_secs(30) {
                let _ = outbox.flush();
            }
            is_done.store(true, Ordering::Relaxed);
            let have_ended = others.map(|other| other.join().expect("no thread panics"));
            drop(outbox.disconnect(Error::Closed, Duration::ZERO, 0));
            assert_eq!(have_ended, [true, true], "the caller wrote until the others appended no more");
        });
    }
}
