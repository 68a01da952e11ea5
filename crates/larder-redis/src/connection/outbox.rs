//! The requests that wait to be sent, and the requests that wait for their answers.
//!
//! Both are changed under one lock, so that the answers of the stream belong to the requests in their order.
//! Any thread writes for all threads:
//!
//! 1. A caller appends its request, then releases the lock of the outbox.
//! 2. It tries to take the lock of the socket. If another thread has the lock, the caller does nothing more.
//! 3. The thread with the lock takes the bytes in the outbox, writes them, and releases the lock of the
//!    socket.
//! 4. After the release, the thread checks the outbox again. If it has bytes, the thread continues at (2). So
//!    no request stays unsent when its caller finds the lock taken in (2): the request was appended in (1),
//!    and this check finds it.
//! 5. If the socket takes no more bytes, the driver waits until the socket has room, and writes the rest.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::request::{Awaited, Purpose, Request};
use super::stream::Socket;
use crate::error::Error;
use crate::settings::MAX_OUTPUT;

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
    All,
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

/// A buffer with more room than this is not kept for later requests.
const MAX_KEPT: usize = 1 << 20;

impl Outbox {
    /// Creates an outbox without a connection.
    pub(crate) fn new(why: Error) -> Self {
        let queue = Queue { state: LinkState::Down(why), output: Vec::new(), awaited: VecDeque::new() };
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
        if queue.output.len() > MAX_OUTPUT {
            drop(queue);
            return Err((request, Error::Full(MAX_OUTPUT)));
        }
        request.write(&mut queue.output, false);
        queue.awaited.push_back(Awaited { purpose: Purpose::Request(request), until });
        Ok(())
    }

    /// Appends a request again, with the text of its script.
    pub(crate) fn append_by_text(&self, request: Request, until: Duration) {
        let mut queue = self.queue.lock();
        request.write(&mut queue.output, true);
        queue.awaited.push_back(Awaited { purpose: Purpose::Request(request), until });
    }

    /// Appends a PING: a `HELLO` without arguments, whose answer also says whether the server is still a
    /// master.
    pub(crate) fn append_ping(&self, until: Duration) {
        let mut queue = self.queue.lock();
        queue.output.extend_from_slice(b"*1\r\n$5\r\nHELLO\r\n");
        queue.awaited.push_back(Awaited { purpose: Purpose::Ping, until });
    }

    /// Returns the request or the PING that the next answer of the stream belongs to.
    pub(crate) fn next_awaited(&self) -> Option<Awaited> {
        self.queue.lock().awaited.pop_front()
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

    /// Steps 2 to 5: writes the bytes of the outbox, unless another thread writes. Returns whether the driver
    /// must be woken, because the socket has no more room or has failed.
    #[must_use]
    pub(crate) fn flush(&self) -> bool {
        loop {
            // Step 2.
            let Some(mut writer) = self.writer.try_lock() else { return false };
            // Step 3.
            match writer.write(&self.queue) {
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
    }
}

impl WriteHalf {
    fn write(&mut self, queue: &Mutex<Queue>) -> Wrote {
        let Some(socket) = &self.socket else { return Wrote::All };
        loop {
            let rest = self.taken.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
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
