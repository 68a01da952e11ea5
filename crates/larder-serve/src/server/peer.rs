//! Detects whether the peer of a connection is still connected.

use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, Ready};
use tokio::net::TcpStream;

use super::unix_stream::QuietUnixStream;

/// What the server knows about the peer without reading from the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerState {
    Open,
    /// The peer will send no more bytes. It may still read replies, or may have closed a TCP connection.
    HalfClosed,
    /// The peer can't read replies any more.
    Gone,
}

pub(super) trait PeerStream: AsyncRead + AsyncWrite + Unpin {
    fn peer_state(&self, context: &mut Context<'_>) -> PeerState;
}

impl PeerStream for TcpStream {
    fn peer_state(&self, context: &mut Context<'_>) -> PeerState {
        state(&pin!(self.ready(Interest::READABLE | Interest::WRITABLE)).poll(context))
    }
}

impl PeerStream for QuietUnixStream {
    fn peer_state(&self, context: &mut Context<'_>) -> PeerState {
        let Ok(registered) = self.registered() else { return PeerState::Gone };
        let ready = pin!(registered.ready(Interest::READABLE | Interest::WRITABLE)).poll(context);
        state(&ready.map(|guard| guard.map(|guard| guard.ready())))
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
