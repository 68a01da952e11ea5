//! Listening sockets. A Unix socket gets its permissions before any process can connect.
//!
//! The server sets the mode of the socket before it binds the socket, and Linux applies this mode to the
//! file. A socket with a group is bound with mode 0600, then gets its group, and then its mode. So at no
//! time can a process connect that the mode and the group exclude.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::address::Address;
use crate::error::Error;

/// Maximum number of connections that wait to be accepted. The kernel may reduce this number.
const BACKLOG: i32 = 1024;

/// The pause after a failed accept, for example if the process has no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) enum Listener {
    /// A Unix socket and its file. The file is `None` for a socket that was passed to this process.
    Unix(UnixListener, Option<SocketFile>),
    Tcp(TcpListener),
    /// A socket that serves `/health` and `/metrics`.
    Http(TcpListener),
}

/// The file of a Unix socket. Dropping this value removes the file, unless another socket has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode number, which show whether another process has replaced the socket.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            drop(fs::remove_file(&self.path));
        }
    }
}

impl Listener {
    /// Sets a listening socket to non-blocking mode. Returns its address.
    pub(super) fn adopt(&self) -> io::Result<Address> {
        match self {
            Self::Unix(listener, _) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                Ok(Address::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned()))
            }
            Self::Tcp(listener) | Self::Http(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Address::Tcp(listener.local_addr()?))
            }
        }
    }

    /// Listens on an address. Returns the address with the actual port.
    pub(super) fn bind(address: &Address, mode: u32, group: Option<u32>) -> Result<(Self, Address), Error> {
        match address {
            Address::Unix(path) => {
                let path = std::path::absolute(path).map_err(|error| failed(address, error))?;
                make_room(address, &path)?;
                let bound = bind_unix(&path, mode, group).map_err(|error| failed(address, error))?;
                let (listener, file) = bound;
                Ok((Self::Unix(listener, Some(file)), Address::Unix(path)))
            }
            Address::Tcp(wanted) => {
                let bind = || {
                    let listener = TcpListener::bind(wanted)?;
                    listener.set_nonblocking(true)?;
                    let bound = listener.local_addr()?;
                    Ok((Self::Tcp(listener), Address::Tcp(bound)))
                };
                bind().map_err(|error| failed(address, error))
            }
        }
    }
}

fn bind_unix(path: &Path, mode: u32, group: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    let private = if group.is_some() { 0o600 } else { mode };
    bind_private(path, private, || {
        if let Some(group) = group {
            chown(path, None, Some(group))?;
        }
        // The umask of the process may have cleared bits of the mode.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    })
}

/// Binds a socket with a mode. Calls `open_up` before the socket listens. If `open_up` or `listen` fails,
/// removes the file. Otherwise the next start would have to check whether another process owns the file.
fn bind_private(
    path: &Path,
    mode: u32,
    open_up: impl FnOnce() -> io::Result<()>,
) -> io::Result<(UnixListener, SocketFile)> {
    let at = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::fs::fchmod(&socket, rustix::fs::Mode::from_raw_mode(mode))?;
    rustix::net::bind(&socket, &at)?;
    let found = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), identity: (found.dev(), found.ino()) };
    open_up()?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok((UnixListener::from(socket), file))
}

/// Removes a socket file that a crash has left, if no process answers on it. For any other file, returns an
/// error and keeps the file.
fn make_room(address: &Address, path: &Path) -> Result<(), Error> {
    let refused = |cause: &str, remedy| Error::Listen {
        address: address.clone(),
        cause: cause.to_owned(),
        remedy,
        source: None,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(address, error)),
        Ok(found) if !found.file_type().is_socket() => {
            let cause = "the file there is not a socket, and was left as it is";
            return Err(refused(cause, "choose another path, or move the file away"));
        }
        Ok(_) => {}
    }
    match connect(path).map_err(|error| (error.kind(), error)) {
        Err((ErrorKind::ConnectionRefused, _)) => {
            fs::remove_file(path).map_err(|error| failed(address, error))
        }
        // The socket has an owner. With `WouldBlock`, the owner's queue of connections is full.
        Ok(()) | Err((ErrorKind::WouldBlock, _)) => {
            Err(refused("another process has the socket", "stop that process, or choose another path"))
        }
        Err((_, error)) => Err(failed(address, error)),
    }
}

/// Connects to a socket, without waiting for its owner.
fn connect(path: &Path) -> io::Result<()> {
    let at = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(rustix::net::connect(&socket, &at)?)
}

fn failed(address: &Address, error: io::Error) -> Error {
    let (cause, remedy) = match error.kind() {
        ErrorKind::AddrInUse => ("another process has it", "stop that process, or choose another address"),
        ErrorKind::PermissionDenied => ("permission denied", "choose an address that this process may use"),
        ErrorKind::NotFound => {
            ("its directory does not exist", "create the directory, or choose another path")
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => {
            ("the path is too long for a socket", "choose a path of up to 107 bytes")
        }
        _ => ("the system refused it", "choose another address"),
    };
    Error::Listen { address: address.clone(), cause: cause.to_owned(), remedy, source: Some(error) }
}

/// After a failed accept, waits until the next attempt makes sense.
pub(super) async fn pause(error: &io::Error) {
    if is_of_one_connection(error) {
        // Lets other work of the thread run even if there are many such connections.
        return tokio::task::yield_now().await;
    }
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Returns whether an accept has failed because of a single connection. Such an error causes no pause,
/// because otherwise any peer could stall the accepts.
fn is_of_one_connection(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let Some(error) = Errno::from_io_error(error) else { return false };
    // On Linux, accept(2) also returns pending network errors of the new connection. `PERM` comes from a
    // firewall.
    [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::INTR,
        Errno::PERM,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::OPNOTSUPP,
        Errno::TIMEDOUT,
    ]
    .contains(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_cannot_get_its_group_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let refused = bind_private(&path, 0o600, || {
            assert!(path.exists());
            Err(ErrorKind::PermissionDenied.into())
        });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert!(!path.exists());
        let (_listener, file) = bind_private(&path, 0o600, || Ok(())).unwrap();
        assert!(path.exists());
        drop(file);
        assert!(!path.exists());
    }
}
