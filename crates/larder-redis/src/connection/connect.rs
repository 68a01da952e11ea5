//! Connects a socket within a time limit. Closing the client ends the attempt.
//!
//! The socket never blocks, not even while it connects. A stopped server accepts no more connections once its
//! queue is full, so a blocking connection attempt to its Unix socket would wait forever.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use super::resolve::Resolver;
use super::stream::{PollWaker, Socket, wait_for};
use crate::address::ServerPlace;
use crate::clock::BootClock;
use crate::settings::Settings;

/// Interval between two checks for an event that sends no notification.
const STEP: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) waker: &'a PollWaker,
    pub(crate) clock: &'a dyn BootClock,
    pub(crate) is_closed: &'a AtomicBool,
    /// Deadline for connecting and greeting.
    pub(crate) until: Duration,
}

impl Attempt<'_> {
    /// Returns the time left until `until`. Returns an error if none is left, or if the client is closed.
    pub(super) fn left(&self, until: Duration) -> io::Result<Duration> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(io::Error::other("the client is closed"));
        }
        let left = until.saturating_sub(self.clock.now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it was not made in time"));
        }
        Ok(left)
    }
}

/// Connects the sockets of the driver or of one Sentinel's thread, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Connector {
    resolver: Resolver,
}

impl Connector {
    pub(crate) fn connect(&mut self, settings: &Settings, attempt: Attempt<'_>) -> io::Result<Socket> {
        let (host, port) = match &settings.server.place {
            ServerPlace::Unix(path) => return connect_unix(path, attempt).map(Socket::Unix),
            ServerPlace::Tcp(host, port) => (host, *port),
            ServerPlace::Sentinels(_) => return Err(io::Error::other("the Sentinels name no master yet")),
        };
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.resolver.resolve(host, port, attempt.clock.now(), || {
                wait_for(None, attempt.waker, attempt.left(attempt.until)?.min(STEP))
            })?,
        };
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name of the host has no address");
        let count = addresses.len();
        for (at, address) in addresses.into_iter().enumerate() {
            // Each remaining address gets an equal share of the time left, so that an address that does not
            // respond leaves time for the others.
            let share = attempt.left(attempt.until)? / u32::try_from(count - at).unwrap_or(u32::MAX);
            match connect_tcp(&address, attempt.clock.now() + share, attempt) {
                Ok(stream) => return Socket::over(stream, host, settings),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

fn socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    Ok(socket)
}

fn connect_tcp(address: &SocketAddr, until: Duration, attempt: Attempt<'_>) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let stream = TcpStream::from(socket(family)?);
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let socket = Socket::Tcp(stream);
    match rustix::net::connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let Socket::Tcp(stream) = &socket else { return Err(io::ErrorKind::InvalidInput.into()) };
    // The socket has a peer address once it is connected.
    while stream.peer_addr().is_err() {
        let left = attempt.left(until)?;
        wait_for(Some((&socket, true)), attempt.waker, left)?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    stream.try_clone()
}

fn connect_unix(path: &Path, attempt: Attempt<'_>) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    loop {
        let stream = UnixStream::from(socket(AddressFamily::UNIX)?);
        stream.set_nonblocking(true)?;
        match rustix::net::connect(&stream, &address) {
            Ok(()) => return Ok(stream),
            // The server's queue is full. The system does not report when the queue has room, so the client
            // tries again.
            Err(Errno::AGAIN | Errno::INTR) => {
                let left = attempt.left(attempt.until)?;
                wait_for(None, attempt.waker, left.min(STEP))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
