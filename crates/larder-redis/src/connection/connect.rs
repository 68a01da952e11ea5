//! Connects a socket within a time limit. Closing the client ends the attempt.
//!
//! The socket never blocks, not even while it connects. A stopped server accepts no more connections once its
//! queue is full, so a blocking connection attempt to its Unix socket would wait forever. The system resolves
//! host names without a time limit, so a separate thread resolves them. There is at most one such thread per
//! [`Connector`], and a later attempt waits for the result of an earlier one.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

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

/// Receives the addresses of a host when the system has resolved its name.
type Resolving = Receiver<io::Result<Vec<SocketAddr>>>;

/// Connects the sockets of the driver or of one Sentinel's thread, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Connector {
    /// A resolution for which an earlier attempt could not wait any longer.
    resolving: Option<Resolving>,
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
            Err(_) => self.resolve(host, port, attempt)?,
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

    fn resolve(&mut self, host: &str, port: u16, attempt: Attempt<'_>) -> io::Result<Vec<SocketAddr>> {
        let resolving = match self.resolving.take() {
            Some(resolving) => resolving,
            None => begin_to_resolve(host.to_owned(), port)?,
        };
        loop {
            match resolving.try_recv() {
                Ok(addresses) => return addresses,
                Err(TryRecvError::Disconnected) => return Err(io::Error::other("the resolver has panicked")),
                Err(TryRecvError::Empty) => {}
            }
            match attempt.left(attempt.until) {
                Ok(left) => wait_for(None, attempt.waker, left.min(STEP))?,
                Err(error) => {
                    self.resolving = Some(resolving);
                    return Err(error);
                }
            }
        }
    }
}

fn begin_to_resolve(host: String, port: u16) -> io::Result<Resolving> {
    let (sender, resolving) = channel();
    std::thread::Builder::new().name("larder-resolve".to_owned()).spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // The client may have been closed meanwhile, so an error is ignored.
        drop(sender.send(addresses));
    })?;
    Ok(resolving)
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
