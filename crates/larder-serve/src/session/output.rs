//! The replies of a connection, in the order of its requests.
//!
//! Most replies are known when their command has run. The reply of a durable change is written later, when
//! the change is on disk. Meanwhile the connection executes its next requests, so changes of a pipeline can
//! share a commit. All later replies wait for such a reply. The replies before it do not.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

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
}

impl Output {
    pub(crate) fn new(limits: &OutputLimits) -> Self {
        Self {
            replies: ReplyBuffer::new(Version::default(), limits.max),
            waiting: VecDeque::new(),
            sendable: Vec::new(),
            sent: 0,
            held: 0,
        }
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
        self.waiting.push_back(WaitingReply { before, pending: Box::pin(reply), len });
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

    /// Returns whether the unsent bytes exceed the limit, or whether a reply was left out because of it.
    pub(crate) fn is_too_large(&self, limits: &OutputLimits) -> bool {
        self.replies.is_too_large() || self.len() > limits.max
    }

    /// Returns the number of replies that wait for a commit.
    pub(crate) fn pending(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn sendable(&mut self) -> &[u8] {
        if self.waiting.is_empty() {
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
        let mut polled = Poll::Pending;
        while let Some(first) = self.waiting.front_mut()
            && let Poll::Ready(late) = first.pending.as_mut().poll(context)
        {
            let Some(WaitingReply { before, len, .. }) = self.waiting.pop_front() else { break };
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
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::{LateReply, MAX_KEPT, Output};

    impl Output {
        /// Returns the memory that the connection keeps for its replies, in bytes.
        fn kept(&self) -> usize {
            let waiting = self.waiting.capacity() * size_of::<super::WaitingReply>();
            self.sendable.capacity() + self.replies.bytes.capacity() + waiting
        }

        fn send_all(&mut self) -> usize {
            let _ = self.poll_pending(&mut Context::from_waker(Waker::noop()));
            let len = self.sendable().len();
            self.advance(len);
            len
        }
    }

    #[test]
    fn replies_before_a_waiting_reply_are_sent_and_the_ones_after_it_are_not() {
        let mut context = Context::from_waker(Waker::noop());
        let mut output = Output::new(&super::OutputLimits::default());
        let (first, second) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let ready = |flag: &Arc<AtomicBool>| {
            let flag = flag.clone();
            poll_fn(move |_| {
                if flag.load(Ordering::Relaxed) { Poll::Ready(LateReply::Count(7)) } else { Poll::Pending }
            })
        };
        output.reply().integer(1);
        output.reply_later(ready(&first));
        output.reply().integer(2);
        output.reply_later(ready(&second));
        output.reply().integer(3);
        assert_eq!((output.len(), output.sendable()), (12, &b":1\r\n"[..]));
        output.advance(2);
        assert!(output.poll_pending(&mut context).is_pending());
        assert_eq!((output.len(), output.sendable()), (10, &b"\r\n"[..]));
        first.store(true, Ordering::Relaxed);
        assert!(output.poll_pending(&mut context).is_ready());
        assert_eq!((output.len(), output.sendable()), (14, &b"\r\n:7\r\n:2\r\n"[..]));
        second.store(true, Ordering::Relaxed);
        assert!(output.poll_pending(&mut context).is_ready());
        assert_eq!((output.len(), output.sendable()), (18, &b"\r\n:7\r\n:2\r\n:7\r\n:3\r\n"[..]));
    }

    #[test]
    fn bytes_that_were_sent_are_freed_while_others_wait() {
        let value = vec![b'x'; 64 << 10];
        let mut output = Output::new(&super::OutputLimits::default());
        for _ in 0..1000 {
            output.reply().bulk(&value);
            // The peer reads all but the last ten bytes.
            let len = output.sendable().len();
            output.advance(len - 10);
            assert!(output.len() < 100);
        }
        assert!(output.kept() < 1 << 20, "unsent {}, kept {}", output.len(), output.kept());
    }

    #[test]
    fn bytes_that_were_sent_are_held_until_they_are_freed() {
        let mut output = Output::new(&super::OutputLimits::default());
        output.reply().append(vec![b'x'; 100]);
        assert_eq!(output.sendable().len(), 100);
        output.advance(40);
        assert_eq!((output.len(), output.held_len()), (60, 100));
        output.advance(60);
        assert_eq!((output.len(), output.held_len()), (0, 0));
    }

    #[test]
    fn a_connection_whose_replies_are_sent_holds_little() {
        let large = vec![b'x'; 1 << 20];
        let mut output = Output::new(&super::OutputLimits::default());
        output.reply().bulk(&large);
        assert!(output.sendable().len() > large.len());
        output.advance(1000);
        output.reply().bulk(&large);
        assert!(output.send_all() > 2 * large.len() - 1000);
        for _ in 0..1024 {
            output.reply_later(async { LateReply::Ok });
        }
        output.reply().bulk(&large);
        assert!(output.send_all() > 5 * 1024 + large.len());
        assert_eq!((output.len(), output.sendable().len()), (0, 0));
        assert!(output.kept() <= 3 * MAX_KEPT, "{}", output.kept());
    }
}
