//! Sends the replies of a connection, up to the first one that still waits for a commit, and the lines of a
//! monitor. Counts the memory of the replies that could not be sent.
//!
//! The connection sends and counts when its requests are executed, and while a request of it waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::peer::PeerStream;
use crate::session::buffers::BufferShare;
use crate::session::client::Client;
use crate::session::monitors::Overfull;
use crate::session::output::Output;
use crate::session::served::Served;

#[derive(Debug)]
pub(super) struct Sender<S> {
    pub(super) stream: S,
    pub(super) client: Arc<Client>,
    served: Arc<Served>,
    buffers: BufferShare,
    /// Since when the socket has had no room for the next reply. `None` if it has room.
    pub(super) blocked_since: Option<Instant>,
}

/// Why a connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MustEnd {
    /// The replies, or the lines for a monitor, are too large.
    TooLarge,
    /// The peer can't be reached.
    Unreachable,
}

impl<S: PeerStream> Sender<S> {
    pub(super) fn new(stream: S, client: Arc<Client>, served: Arc<Served>) -> Self {
        let buffers = served.buffers.connect();
        Self { stream, client, served, buffers, blocked_since: None }
    }

    /// Counts the memory of the connection's buffers: `received` bytes of requests, and the replies. Returns
    /// whether the connection may go on.
    pub(super) fn count_buffers(&mut self, received: usize, output: &Output) -> bool {
        let ended = self.buffers.count(received + output.memory(), &self.client, &self.served.clients);
        if ended == 0 {
            return true;
        }
        self.count_cut_off(ended);
        !self.client.is_killed()
    }

    /// Returns whether the peer has read none of its replies for this time.
    pub(super) fn is_blocked_for(&self, time: Duration) -> bool {
        self.blocked_since.is_some_and(|since| since.elapsed() >= time)
    }

    /// Counts connections that are closed because their buffers are too large, or their peer reads nothing.
    pub(super) fn count_cut_off(&self, connections: usize) {
        let connections = u64::try_from(connections).unwrap_or(u64::MAX);
        self.served.counters.cut_off.fetch_add(connections, Ordering::Relaxed);
    }

    /// Writes the late replies and the lines for a monitor that are known. Sends what can be sent. Returns
    /// whether any such reply or line was written.
    pub(super) fn poll_replies(
        &mut self,
        output: &mut Output,
        context: &mut Context<'_>,
    ) -> Result<bool, MustEnd> {
        let limits = self.served.output_limits;
        let pause = limits.pause.min(limits.max);
        let mut is_written = false;
        loop {
            let had_room = output.len() <= pause;
            let shown = output.poll_monitor(context, pause);
            is_written |= output.poll_pending(context).is_ready() || shown.is_ready();
            // The buffer is checked before sending, so that no part of a reply that is too large is sent.
            let is_overfull = shown == Poll::Ready(Err(Overfull));
            if is_overfull || output.is_too_large(&limits) {
                self.count_cut_off(1);
                return Err(MustEnd::TooLarge);
            }
            self.poll_send(output, context).map_err(|_| MustEnd::Unreachable)?;
            // Without room, the lines for a monitor have stayed in its queue. If there is room now, they are
            // written now, because no event would follow.
            if had_room || output.len() > pause {
                return Ok(is_written);
            }
        }
    }

    fn poll_send(&mut self, output: &mut Output, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            let sendable = output.sendable();
            if sendable.is_empty() {
                self.blocked_since = None;
                return Ok(());
            }
            match Pin::new(&mut self.stream).poll_write(context, sendable) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(sent)) => {
                    output.advance(sent);
                    self.blocked_since = None;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
        }
    }
}
