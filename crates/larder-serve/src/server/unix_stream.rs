//! The Unix socket of a connection. While its replies find room, the event loop watches it only for bytes to
//! read.
//!
//! When a peer reads from a Unix socket, the kernel reports room to the other side, even if that side did not
//! wait for room. tokio's own type watches for both, so each reply that a peer reads would be one more event,
//! and would wake a server that has nothing to do. A TCP socket reports room only after a write has found
//! none.
//!
//! 1. The socket is registered for reads. A write does not ask the event loop first.
//! 2. When a write finds no room, the socket is registered anew, for reads and writes, until it is closed.
//!    The kernel reports the present state of a socket that is registered. So bytes and room from before the
//!    registration are reported too.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

/// A connected Unix socket in the event loop of its thread.
#[derive(Debug)]
pub(super) struct QuietUnixStream {
    /// `None` only after the socket could not be registered. The connection then ends.
    registered: Option<AsyncFd<UnixStream>>,
    /// Whether the event loop also watches for room.
    awaits_room: bool,
}

impl QuietUnixStream {
    /// Registers a socket in non-blocking mode with the event loop of this thread.
    pub(super) fn register(stream: UnixStream) -> io::Result<Self> {
        let registered = register(stream, Interest::READABLE)?;
        Ok(Self { registered: Some(registered), awaits_room: false })
    }

    /// Returns the socket in its event loop.
    pub(super) fn registered(&self) -> io::Result<&AsyncFd<UnixStream>> {
        self.registered.as_ref().ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Runs step 2.
    fn watch_for_room(&mut self) -> io::Result<()> {
        if let Some(registered) = self.registered.take() {
            let stream = registered.into_inner();
            self.registered = Some(register(stream, Interest::READABLE | Interest::WRITABLE)?);
            self.awaits_room = true;
        }
        Ok(())
    }
}

#[expect(
    deprecated,
    reason = "the later function is unsafe. A `UnixStream` keeps its descriptor, as it requires"
)]
fn register(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}

impl AsyncRead for QuietUnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let registered = self.registered()?;
        loop {
            let mut guard = ready!(registered.poll_read_ready(context))?;
            let room = into.initialize_unfilled();
            let max = room.len();
            let len = match registered.get_ref().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    guard.clear_ready_matching(Ready::READABLE);
                    continue;
                }
                read => read?,
            };
            if 0 < len && len < max {
                // The socket is empty. The next read would only find this out.
                guard.clear_ready_matching(Ready::READABLE);
            }
            into.advance(len);
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for QuietUnixStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.awaits_room {
            match self.registered()?.get_ref().write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.watch_for_room()?,
                written => return Poll::Ready(written),
            }
        }
        let registered = self.registered()?;
        loop {
            let mut guard = ready!(registered.poll_write_ready(context))?;
            if let Ok(written) = guard.try_io(|registered| registered.get_ref().write(bytes)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.registered()?.get_ref().shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    /// Returns whether the event loop has reported room, after it has looked at all of its sockets.
    async fn has_room(stream: &QuietUnixStream) -> bool {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let mut ready = pin!(stream.registered().unwrap().ready(Interest::WRITABLE));
        poll_fn(|context| Poll::Ready(ready.as_mut().poll(context).is_ready())).await
    }

    async fn write(stream: &mut QuietUnixStream, bytes: &[u8]) -> Poll<usize> {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *stream).poll_write(context, bytes).map(Result::unwrap)))
            .await
    }

    #[test]
    fn room_is_reported_only_after_a_write_has_found_none() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (stream, mut peer) = UnixStream::pair().unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = QuietUnixStream::register(stream).unwrap();
            let (block, mut read) = ([b'x'; 4096], [0; 4096]);
            assert!(write(&mut stream, &block).await.is_ready());
            peer.read_exact(&mut read).unwrap();
            assert!(!has_room(&stream).await, "the peer has read, and no write waits");

            // These bytes arrive before the socket is registered anew.
            peer.write_all(b"request").unwrap();
            let mut sent = 0;
            while let Poll::Ready(len) = write(&mut stream, &block).await {
                sent += len;
            }
            while sent > 0 {
                sent -= peer.read(&mut read).unwrap();
            }
            assert!(has_room(&stream).await);
            assert!(write(&mut stream, &block).await.is_ready());
            let mut into = ReadBuf::new(&mut read);
            poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut into)).await.unwrap();
            assert_eq!(into.filled(), b"request");
        });
    }
}
