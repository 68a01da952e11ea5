//! The requests that wait to be sent, and the requests that wait for their answers.
//!
//! Both are changed under one lock, so that the answers of the stream belong to the requests in their order.
//! Any thread writes for all threads:
//!
//! 1. A caller appends its request, then releases the lock of the outbox.
//! 2. It tries to take the lock of the socket. If another thread has it, the caller leaves.
//! 3. The thread with the lock takes what is in the outbox, writes it, and releases the lock of the socket.
//! 4. After the release it looks into the outbox again, and begins anew at (2) if there is something. So a
//!    request is never left by a caller that has failed at (2): it was appended before, and is seen here.
//! 5. A socket that takes no more bytes is left to the driver, which waits until it does. So is the rest when
//!    a caller has written for a while what others have appended: otherwise it would have no end, and its own
//!    request would wait longest.
//!
//! What waits for its answer is bounded, in bytes: a request is kept until then, sent or not.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::request::{Awaited, Purpose, Request};
use super::stream::Socket;
use crate::error::Error;
use crate::settings::MAX_AWAITED;

/// Whether the connection can send requests.
#[derive(Debug)]
enum LinkState {
    /// There is a greeted connection.
    Up,
    /// There is no connection, for this reason.
    Down(Error),
}

#[derive(Debug)]
struct Queue {
    state: LinkState,
    output: Vec<u8>,
    awaited: VecDeque<Awaited>,
    /// Bytes of the requests in `awaited`.
    awaited_len: usize,
}

/// Bytes that a request takes besides its words.
const REQUEST_LEN: usize = 256;

impl Awaited {
    fn len(&self) -> usize {
        match &self.purpose {
            Purpose::Request(request) => request.len() + REQUEST_LEN,
            Purpose::Hello | Purpose::Ping => 0,
        }
    }
}

impl Queue {
    fn wait_for(&mut self, purpose: Purpose, until: Duration) {
        let awaited = Awaited { purpose, until };
        self.awaited_len += awaited.len();
        self.awaited.push_back(awaited);
    }
}

/// The writing half of the socket.
#[derive(Debug, Default)]
struct WriteHalf {
    socket: Option<Arc<Socket>>,
    /// The bytes that were taken from the outbox, and the number of these bytes that were written.
    taken: Vec<u8>,
    written: usize,
}

/// The result of a write.
enum Wrote {
    /// There is nothing more.
    All,
    /// What was there at the beginning.
    Batch,
    Blocked,
    Failed,
}

/// The requests that wait to be sent, and the requests that wait for their answers.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    writer: Mutex<WriteHalf>,
    /// Whether the socket has no room for more bytes. It is changed under the lock of the writer.
    is_blocked: AtomicBool,
    has_failed: AtomicBool,
}

/// Batches that a caller writes. The second one has its own request at the latest.
const MAX_BATCHES: usize = 4;

/// A buffer with more room than this is not kept for later requests.
const MAX_KEPT: usize = 1 << 20;

impl Outbox {
    /// Creates an outbox without a connection.
    pub(crate) fn new(why: Error) -> Self {
        let state = LinkState::Down(why);
        let queue = Queue { state, output: Vec::new(), awaited: VecDeque::new(), awaited_len: 0 };
        Self {
            queue: Mutex::new(queue),
            writer: Mutex::default(),
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
        // This happens under the lock of the writer, so only this connection sends later requests.
        self.queue.lock().state = LinkState::Up;
    }

    /// Stops sending. Returns the requests that wait for an answer.
    pub(crate) fn disconnect(&self, why: Error) -> VecDeque<Awaited> {
        let mut writer = self.writer.lock();
        *writer = WriteHalf::default();
        let mut queue = self.queue.lock();
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

    /// Returns the reason why there is no connection, or `None` if there is a connection.
    pub(crate) fn why_down(&self) -> Option<Error> {
        match &self.queue.lock().state {
            LinkState::Up => None,
            LinkState::Down(why) => Some(why.clone()),
        }
    }

    /// Step 1: appends a request. Returns it if it can't be sent.
    pub(crate) fn append(&self, request: Request, until: Duration) -> Result<(), (Request, Error)> {
        let mut queue = self.queue.lock();
        if let LinkState::Down(why) = &queue.state {
            let why = why.clone();
            drop(queue);
            return Err((request, why));
        }
        if queue.awaited_len > MAX_AWAITED {
            drop(queue);
            return Err((request, Error::Full(MAX_AWAITED)));
        }
        request.write(&mut queue.output, false);
        queue.wait_for(Purpose::Request(request), until);
        Ok(())
    }

    /// Appends a request again, with the text of its script.
    pub(crate) fn append_by_text(&self, request: Request, until: Duration) {
        let mut queue = self.queue.lock();
        request.write(&mut queue.output, true);
        queue.wait_for(Purpose::Request(request), until);
    }

    /// Appends a heartbeat: a `HELLO` without arguments, whose answer says that the server is still a master,
    /// and then a `PING` if it is wanted.
    pub(crate) fn append_heartbeat(&self, has_ping: bool, until: Duration) {
        let mut queue = self.queue.lock();
        queue.output.extend_from_slice(b"*1\r\n$5\r\nHELLO\r\n");
        queue.wait_for(Purpose::Hello, until);
        if has_ping {
            queue.output.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
            queue.wait_for(Purpose::Ping, until);
        }
    }

    /// Returns the request or the PING that the next answer of the stream belongs to.
    pub(crate) fn next_awaited(&self) -> Option<Awaited> {
        let mut queue = self.queue.lock();
        let next = queue.awaited.pop_front()?;
        queue.awaited_len = queue.awaited_len.saturating_sub(next.len());
        Some(next)
    }

    /// Returns the deadline of the next answer.
    pub(crate) fn first_deadline(&self) -> Option<Duration> {
        self.queue.lock().awaited.front().map(|awaited| awaited.until)
    }

    /// Returns whether the socket has no room for more bytes.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }

    /// Lets the driver end the connection.
    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Returns whether a write has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Steps 2 to 5: writes what is there, unless another thread does. Returns whether the driver must be
    /// woken, because the socket takes no more or has failed, or because others have appended more and more.
    #[must_use]
    pub(crate) fn flush(&self) -> bool {
        for _ in 0..MAX_BATCHES {
            // Step 2.
            let Some(mut writer) = self.writer.try_lock() else { return false };
            // Step 3.
            match writer.write(&self.queue) {
                // Not the end of it: with TLS, bytes may be left to flush.
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
        // Step 5. The driver finds that the socket takes bytes, and goes on. If it sets this after another
        // caller has written everything, the driver finds nothing to write.
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
    use std::time::Instant;

    use super::*;
    use crate::protocol::command::Command;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "threads keep real time")]
    fn a_caller_does_not_write_for_others_without_end() {
        let (ours, mut theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).expect("a socket that never blocks");
        let outbox = Outbox::new(Error::Closed);
        outbox.connect(Arc::new(Socket::Unix(ours)));
        std::thread::scope(|scope| {
            let (began, outbox) = (Instant::now(), &outbox);
            // It takes all that is written, so that the socket never blocks.
            scope.spawn(move || while matches!(theirs.read(&mut [0; 8 << 10]), Ok(1..)) {});
            let appends = move || {
                while began.elapsed() < Duration::from_millis(800) {
                    let request = Request::new(Command::new("GET"), drop);
                    drop(outbox.append(request, Duration::MAX));
                    drop(outbox.next_awaited());
                }
            };
            let others = [scope.spawn(appends), scope.spawn(appends)];
            let mut longest = Duration::ZERO;
            while began.elapsed() < Duration::from_millis(400) {
                let asked = Instant::now();
                let _ = outbox.flush();
                longest = longest.max(asked.elapsed());
            }
            for other in others {
                drop(other.join());
            }
            drop(outbox.disconnect(Error::Closed));
            assert!(longest < Duration::from_millis(300), "{longest:?}");
        });
    }
}
