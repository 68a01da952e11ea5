//! The other end of a connection: whether it is still there.

use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

/// What is known of the other end of a connection, without reading from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerState {
    /// Nothing tells that the peer has gone.
    Open,
    /// The peer sends nothing more. It may still take replies, or has closed a TCP connection.
    HalfClosed,
    /// The peer takes no reply.
    Gone,
}

/// The socket of a connection.
pub(super) trait PeerStream: AsyncRead + AsyncWrite + Unpin {
    /// Returns the state of the other end.
    fn peer_state(&self, context: &mut Context<'_>) -> PeerState;
}

impl PeerStream for TcpStream {
    fn peer_state(&self, context: &mut Context<'_>) -> PeerState {
        state(&pin!(self.ready(Interest::READABLE | Interest::WRITABLE)).poll(context))
    }
}

impl PeerStream for UnixStream {
    fn peer_state(&self, context: &mut Context<'_>) -> PeerState {
        state(&pin!(self.ready(Interest::READABLE | Interest::WRITABLE)).poll(context))
    }
}

fn state(ready: &Poll<std::io::Result<Ready>>) -> PeerState {
    match ready {
        Poll::Ready(Err(_)) => PeerState::Gone,
        Poll::Ready(Ok(ready)) if ready.is_write_closed() => PeerState::Gone,
        Poll::Ready(Ok(ready)) if ready.is_read_closed() => PeerState::HalfClosed,
        Poll::Ready(Ok(_)) | Poll::Pending => PeerState::Open,
    }
}
