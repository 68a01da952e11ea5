//! A socket that never blocks, and a waker for the thread that waits for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[cfg(feature = "tls")]
use super::tls::TlsSocket;
use crate::settings::Settings;

/// A connected socket. Reads and writes return `WouldBlock` instead of waiting.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsSocket>),
    Unix(UnixStream),
}

impl Socket {
    /// Starts a TLS session on a connected socket, if the settings require it.
    #[cfg(feature = "tls")]
    pub(super) fn over(stream: TcpStream, host: &str, settings: &Settings) -> io::Result<Self> {
        if !settings.server.is_tls {
            return Ok(Self::Tcp(stream));
        }
        Ok(Self::Tls(Box::new(TlsSocket::new(stream, host, settings.authority.as_deref())?)))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unnecessary_wraps, reason = "with TLS, it may fail")]
    pub(super) fn over(stream: TcpStream, _host: &str, _settings: &Settings) -> io::Result<Self> {
        Ok(Self::Tcp(stream))
    }

    /// Reads the bytes that have arrived. `Ok(0)` means the end of the stream.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&*stream).read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
            Self::Unix(stream) => (&*stream).read(buffer),
        }
    }

    /// Writes as many bytes as the socket has room for.
    pub(crate) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&*stream).write(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(buffer),
            Self::Unix(stream) => (&*stream).write(buffer),
        }
    }

    /// Sends bytes that were written, but not sent yet. Returns `WouldBlock` if the socket has no room.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "with TLS, bytes may be left")
    )]
    pub(crate) fn flush(&self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            return stream.flush();
        }
        Ok(())
    }

    pub(crate) fn shutdown(&self) {
        // If the connection has already ended, the error can be ignored.
        drop(match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.tcp.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        });
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.tcp.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Wakes the thread that waits in [`wait_for`].
#[derive(Debug)]
pub(crate) struct PollWaker {
    sender: UnixStream,
    receiver: UnixStream,
}

impl PollWaker {
    pub(crate) fn new() -> io::Result<Self> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        Ok(Self { sender, receiver })
    }

    /// Ends the current wait, or the next one.
    pub(crate) fn wake(&self) {
        // If this socket is full, a wake-up is already pending.
        drop((&self.sender).write(&[1]));
    }

    fn drain(&self) {
        let mut buffer = [0; 64];
        while matches!((&self.receiver).read(&mut buffer), Ok(read) if read == buffer.len()) {}
    }
}

/// Waits until the socket has bytes to read, the waker wakes, or the time is over. With `is_blocked`, also
/// returns when the socket has room to write.
pub(crate) fn wait_for(
    socket: Option<(&Socket, bool)>,
    waker: &PollWaker,
    limit: Duration,
) -> io::Result<()> {
    // The limit is rounded up. Otherwise the wait could end before the deadline and would be repeated.
    let limit = limit.saturating_add(Duration::from_micros(1)).min(Duration::from_hours(1));
    let limit = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: limit.subsec_nanos().into() };
    let mut places = vec![PollFd::new(&waker.receiver, PollFlags::IN)];
    if let Some((socket, is_blocked)) = socket {
        let flags = if is_blocked { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        places.push(PollFd::new(socket, flags));
    }
    match poll(&mut places, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    if places.first().is_some_and(|place| !place.revents().is_empty()) {
        waker.drain();
    }
    Ok(())
}
