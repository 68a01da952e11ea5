//! The peers of the tests of a connection.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::consume_budget;

use crate::server::peer::{PeerState, PeerStream};
use crate::session::served::Served;

/// A peer for which the server never waits. It has sent all its requests, and reads all replies.
pub(super) struct EagerPeer {
    pub(super) requests: Vec<u8>,
    pub(super) taken: usize,
}

impl AsyncRead for EagerPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = into.remaining().min(self.requests.len() - self.taken);
        into.put_slice(&self.requests[self.taken..][..len]);
        self.taken += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for EagerPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for EagerPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}

/// A peer that sends the same bytes again and again, without a pause.
pub(super) struct TirelessPeer {
    pub(super) requests: Vec<u8>,
    pub(super) taken: usize,
    /// Whether the peer reads all replies, or none.
    pub(super) reads: bool,
}

impl AsyncRead for TirelessPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while into.remaining() > 0 {
            let rest = &self.requests[self.taken..];
            let len = rest.len().min(into.remaining());
            into.put_slice(&rest[..len]);
            self.taken = (self.taken + len) % self.requests.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TirelessPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.reads { Poll::Ready(Ok(bytes.len())) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for TirelessPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}

/// A peer that sends one request, and reads no reply.
pub(super) struct DeafPeer {
    pub(super) request: Option<&'static [u8]>,
    /// Whether the first wait for another request uses up tokio's budget of the task.
    pub(super) uses_budget: bool,
}

impl AsyncRead for DeafPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(request) = self.request.take() else {
            if std::mem::take(&mut self.uses_budget) {
                while pin!(consume_budget()).poll(context).is_ready() {}
            }
            return Poll::Pending;
        };
        into.put_slice(request);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DeafPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for DeafPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}

/// A peer that sends one request and then closes its half. Records how many requests the server had executed
/// when it sent the reply.
pub(super) struct CountingPeer {
    pub(super) request: Vec<u8>,
    pub(super) served: Arc<Served>,
    pub(super) sent_after: Arc<Mutex<Vec<u64>>>,
}

impl AsyncRead for CountingPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.request.len().min(into.remaining());
        into.put_slice(&self.request.drain(..len).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CountingPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let executed = self.served.counters.requests.load(Ordering::Relaxed);
        self.sent_after.lock().unwrap().push(executed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for CountingPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}

/// A peer that sends requests, and reads replies only while it is told to. The test polls the connection.
#[derive(Clone)]
pub(super) struct ToldPeer(Arc<Mutex<Told>>);

struct Told {
    requests: Vec<u8>,
    reads: bool,
    received: Vec<u8>,
}

impl ToldPeer {
    /// Returns a peer that reads.
    pub(super) fn new(requests: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(Told { requests: requests.to_vec(), reads: true, received: Vec::new() })))
    }

    /// Makes the peer read, or not.
    pub(super) fn reads(&self, reads: bool) {
        self.0.lock().unwrap().reads = reads;
    }

    pub(super) fn received(&self) -> Vec<u8> {
        self.0.lock().unwrap().received.clone()
    }
}

impl AsyncRead for ToldPeer {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut told = self.0.lock().unwrap();
        if told.requests.is_empty() {
            return Poll::Pending;
        }
        let len = told.requests.len().min(into.remaining());
        into.put_slice(&told.requests.drain(..len).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ToldPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut told = self.0.lock().unwrap();
        if !told.reads {
            return Poll::Pending;
        }
        told.received.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl PeerStream for ToldPeer {
    fn peer_state(&self, _context: &mut Context<'_>) -> PeerState {
        PeerState::Open
    }
}
