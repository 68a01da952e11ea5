//! The replies of a connection, in the order of its requests.
//!
//! Most replies are known when their command has run. The reply of a durable change is written later, when
//! the change is on disk. Meanwhile the connection executes its next requests, so changes of a pipeline can
//! share a commit. All later replies wait for such a reply. The replies before it do not.
//!
//! While a command runs, it has the output for itself. A command that waits lends the output to its
//! connection, which sends the replies to earlier requests:
//!
//! 1. The command waits with [`Output::wait`]. The first time that the awaited future is pending, the output
//!    moves into the connection's [`OutputLoan`].
//! 2. The connection sends what it finds there each time that it has polled the command.
//! 3. When the future is ready, the output moves back, before the command goes on.
//!
//! A command that need not wait moves nothing.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::monitors::{Monitor, Overfull};
use crate::protocol::reply::{ReplyBuffer, Version};

/// Maximum capacity of an empty buffer that a connection keeps, in bytes. Without this limit, each idle
/// connection would keep the memory of its largest reply.
const MAX_KEPT: usize = 4 << 10;

/// Number of late replies for which a connection keeps memory when no reply waits.
const MAX_KEPT_WAITING: usize = 16;

/// A reply that was not known when its command had run.
#[derive(Debug)]
pub(crate) enum LateReply {
    Ok,
    Count(u64),
    /// A reply that is already written.
    Bytes(Vec<u8>),
    Error(String),
}

pub(crate) type PendingReply = Pin<Box<dyn Future<Output = LateReply> + Send>>;

/// Limits on the unsent replies of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// The connection accepts no request while it has more unsent bytes than this. Default 1 MiB. A value
    /// above `max` counts as `max`.
    pub pause: usize,
    /// The server closes a connection with more unsent bytes than this. A request or transaction on several
    /// keys returns an error if its replies or values exceed this limit. Default 256 MiB.
    pub max: usize,
    /// The connection accepts no request while this number of replies wait for a commit. Default 1,024.
    pub pending: usize,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self { pause: 1 << 20, max: 256 << 20, pending: 1024 }
    }
}

/// A reply that waits for a commit.
struct WaitingReply {
    /// The bytes to send before this reply.
    before: Vec<u8>,
    pending: PendingReply,
    /// Number of bytes in `before`, plus the reply itself if it is already written.
    len: usize,
}

impl WaitingReply {
    /// Returns the memory of this value and of its future, in bytes, without the replies.
    fn own_len(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.pending)
    }
}

/// The replies of a connection.
pub(crate) struct Output {
    /// The replies after the last element of `waiting`.
    replies: ReplyBuffer,
    /// Replies that wait for a commit, in order.
    waiting: VecDeque<WaitingReply>,
    /// Bytes that can be sent.
    sendable: Vec<u8>,
    /// Number of bytes of `sendable` that are already sent.
    sent: usize,
    /// Number of bytes that wait for a commit.
    held: usize,
    /// Memory of the elements of `waiting`, in bytes, without the replies.
    waiting_len: usize,
    /// Memory that the present command holds beside its arguments and these replies, in bytes: the requests
    /// since `MULTI`, the watches, and the replies of an `EXEC` that is not finished. It is set before each
    /// command.
    pub(crate) executing: usize,
    /// The queue of the connection's lines, if it is a monitor.
    pub(crate) monitor: Option<Monitor>,
    /// Where the output is while a command waits. `None` if the replies are not those of a connection.
    loan: Option<OutputLoan>,
}

/// The place of a connection's output while a command of the connection waits. Otherwise it is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutputLoan(Arc<Mutex<Option<Output>>>);

impl OutputLoan {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Output>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    pub(crate) fn new(limits: &OutputLimits) -> Self {
        Self::of(ReplyBuffer::new(Version::default(), limits.max))
    }

    fn of(replies: ReplyBuffer) -> Self {
        Self {
            replies,
            waiting: VecDeque::new(),
            sendable: Vec::new(),
            sent: 0,
            held: 0,
            waiting_len: 0,
            executing: 0,
            monitor: None,
            loan: None,
        }
    }

    /// Makes commands that wait lend this output to the connection that has the loan.
    pub(crate) fn lend_to(&mut self, loan: &OutputLoan) {
        self.loan = Some(loan.clone());
    }

    /// Returns whether this is the output of a connection, and not only of a transaction.
    pub(crate) const fn is_of_connection(&self) -> bool {
        self.loan.is_some()
    }

    /// Waits for a future. Meanwhile the connection sends the replies to earlier requests, so the current
    /// request must not have written a part of its reply. The caller pins the future, because a move would
    /// copy it at each request.
    pub(crate) fn wait<T>(
        &mut self,
        mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    ) -> impl Future<Output = T> {
        let mut is_lent = false;
        poll_fn(move |context| {
            let polled = future.as_mut().poll(context);
            if polled.is_pending() != is_lent {
                self.exchange();
                is_lent = !is_lent;
            }
            polled
        })
    }

    /// Moves the replies into the loan, or back from it.
    fn exchange(&mut self) {
        let Some(loan) = self.loan.take() else { return };
        let back = loan.lock().take();
        if let Some(replies) = back {
            *self = replies;
        } else {
            let empty = Self::of(self.replies.empty_copy());
            *loan.lock() = Some(mem::replace(self, empty));
        }
        self.loan = Some(loan);
    }

    /// If the connection is a monitor, writes its queued lines as replies, unless more than `pause` bytes are
    /// unsent. Ready when it has written at least one line, or with an error if the queue was overfull.
    pub(crate) fn poll_monitor(
        &mut self,
        context: &mut Context<'_>,
        pause: usize,
    ) -> Poll<Result<(), Overfull>> {
        let has_room = self.len() <= pause;
        let Some(monitor) = &self.monitor else { return Poll::Pending };
        monitor.poll_lines(context, has_room.then_some(&mut self.replies.bytes))
    }

    /// Returns the buffer for the reply to the current request.
    pub(crate) fn reply(&mut self) -> &mut ReplyBuffer {
        &mut self.replies
    }

    /// Sends a reply when the future is ready. Meanwhile the connection executes its next requests, so the
    /// effects of the current request must already be visible.
    pub(crate) fn reply_later(&mut self, reply: impl Future<Output = LateReply> + Send + 'static) {
        self.reply_later_of(0, reply);
    }

    /// Like [`reply_later`](Self::reply_later), for a future that holds a reply of `len` bytes.
    pub(crate) fn reply_later_of(
        &mut self,
        len: usize,
        reply: impl Future<Output = LateReply> + Send + 'static,
    ) {
        let mut before = mem::take(&mut self.replies.bytes);
        if self.waiting.is_empty() {
            // No reply waits before these bytes, so they can be sent now.
            self.release(&mut before);
        }
        let len = before.len() + len;
        self.held += len;
        let waiting = WaitingReply { before, pending: Box::pin(reply), len };
        self.waiting_len += waiting.own_len();
        self.waiting.push_back(waiting);
    }

    /// Returns whether the connection can accept another request.
    pub(crate) fn has_room(&self, limits: &OutputLimits) -> bool {
        self.len() <= limits.pause && self.waiting.len() < limits.pending
    }

    /// Returns the number of unsent bytes.
    pub(crate) fn len(&self) -> usize {
        self.sendable.len() - self.sent + self.held + self.replies.bytes.len()
    }

    /// Returns the number of bytes that the buffers hold. Unlike [`len`](Self::len), it includes bytes that
    /// were sent but not yet freed.
    pub(crate) fn held_len(&self) -> usize {
        self.len() + self.sent
    }

    /// Returns the memory of the replies and of the present command, in bytes. Unlike
    /// [`held_len`](Self::held_len), it includes the futures of late replies.
    pub(crate) fn memory(&self) -> usize {
        self.held_len() + self.waiting_len + self.executing
    }

    /// Returns whether the unsent bytes exceed the limit, or whether a reply was left out because of it.
    pub(crate) fn is_too_large(&self, limits: &OutputLimits) -> bool {
        self.replies.is_too_large() || self.len() > limits.max
    }

    /// Returns whether there is nothing to write, to send or to wait for.
    pub(crate) fn is_idle(&self) -> bool {
        self.len() == 0 && self.waiting.is_empty() && self.monitor.is_none() && !self.replies.is_too_large()
    }

    /// Returns the number of replies that wait for a commit.
    pub(crate) fn pending(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn sendable(&mut self) -> &[u8] {
        if self.waiting.is_empty() && !self.replies.bytes.is_empty() {
            let mut replies = mem::take(&mut self.replies.bytes);
            self.release(&mut replies);
            self.replies.bytes = replies;
        }
        self.sendable.get(self.sent..).unwrap_or_default()
    }

    /// Moves these replies to the sendable bytes. Must be called only if no earlier reply still waits.
    fn release(&mut self, replies: &mut Vec<u8>) {
        if replies.is_empty() {
            return;
        }
        if self.sent == self.sendable.len() {
            empty(&mut self.sendable);
            self.sent = 0;
            mem::swap(&mut self.sendable, replies);
        } else {
            self.sendable.append(replies);
            empty(replies);
        }
    }

    pub(crate) fn advance(&mut self, sent: usize) {
        self.sent = (self.sent + sent).min(self.sendable.len());
        if self.sent == self.sendable.len() {
            empty(&mut self.sendable);
            self.sent = 0;
        } else if self.sent >= MAX_KEPT && self.sent >= self.sendable.len() / 2 {
            // Otherwise a peer that never reads the last byte would make the server keep all bytes that
            // were sent. Each byte is moved at most once on average, because at least half of the bytes are
            // dropped.
            self.sendable.drain(..self.sent);
            self.sent = 0;
            self.sendable.shrink_to(self.sendable.len().saturating_mul(2).max(MAX_KEPT));
        }
    }

    /// Writes the late replies that are known, up to the first one that still waits. Ready when it has
    /// written at least one reply.
    pub(crate) fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_empty() {
            return Poll::Pending;
        }
        let mut polled = Poll::Pending;
        while let Some(first) = self.waiting.front_mut()
            && let Poll::Ready(late) = first.pending.as_mut().poll(context)
        {
            let Some(written) = self.waiting.pop_front() else { break };
            self.waiting_len -= written.own_len();
            let WaitingReply { before, len, .. } = written;
            self.held -= len;
            let mut known = ReplyBuffer::new(self.replies.version, usize::MAX);
            known.append(before);
            match late {
                LateReply::Ok => known.ok(),
                LateReply::Count(count) => known.count(count),
                LateReply::Bytes(bytes) => known.append(bytes),
                LateReply::Error(text) => known.error(&text),
            }
            self.sendable.append(&mut known.bytes);
            polled = Poll::Ready(());
        }
        if polled.is_ready()
            && let Some(next) = self.waiting.front_mut()
        {
            let mut before = mem::take(&mut next.before);
            next.len -= before.len();
            self.held -= before.len();
            self.release(&mut before);
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to(MAX_KEPT_WAITING);
        }
        polled
    }
}

/// Empties a buffer, and frees its memory if it is large.
fn empty(buffer: &mut Vec<u8>) {
    if buffer.capacity() > MAX_KEPT {
        *buffer = Vec::new();
    }
    buffer.clear();
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("len", &self.len())
            .field("pending", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
