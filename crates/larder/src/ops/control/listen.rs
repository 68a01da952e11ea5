//! Creates and removes the socket file. Only the file's user and root can connect. A new socket replaces only
//! a socket on which no process answers.
//!
//! The socket is first bound under another name, in a directory that only this user and root can enter. It
//! gets its mode there, and is then renamed to its path. The rename fails if the path exists. So no socket
//! at the path is ever writable by other users. The socket also listens before it is at its path.
//! Otherwise, another process would take it for stale.
//!
//! A forked child inherits the descriptor of the socket. If the child outlives the process that serves the
//! socket, connections to the socket still succeed, and are never answered. So each process keeps a list of
//! the sockets that it and its ancestors created, with their file numbers. If the ancestor that created a
//! socket has ended, the child may replace that socket with its own. Processes without this list leave the
//! socket in place.

use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::disk::file::owner::has_ended;
use crate::error::Error;
use crate::error::cause::ErrorCause;
use crate::sys::sync::{Arc, AtomicSnapshot, process_static};
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;

process_static! {
    /// The sockets that this process and its ancestors created and have not removed.
    static MADE: AtomicSnapshot<Vec<CreatedSocket>> = AtomicSnapshot::empty();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CreatedSocket {
    pid: u32,
    file: (u64, u64),
    /// Change time of the file (ctime), in seconds and nanoseconds. It is compared too, because file numbers
    /// are reused.
    at: (i64, i64),
}

impl CreatedSocket {
    fn of(pid: u32, found: &fs::Metadata) -> Self {
        Self { pid, file: (found.dev(), found.ino()), at: (found.ctime(), found.ctime_nsec()) }
    }

    fn note(self) {
        MADE.update(|made| {
            let others = made.iter().flat_map(|made| made.iter().copied());
            Some(Arc::new(others.chain([self]).collect()))
        });
    }

    fn forget(file: (u64, u64)) {
        let pid = std::process::id();
        MADE.update(|made| {
            let others = made.iter().flat_map(|made| made.iter().copied());
            Some(Arc::new(others.filter(|made| made.pid != pid || made.file != file).collect()))
        });
    }

    /// Returns whether an ancestor that has ended created the socket with this metadata.
    fn is_inherited(found: &fs::Metadata) -> bool {
        let made = MADE.load();
        let mut all = made.iter().flat_map(|made| made.iter());
        all.any(|made| {
            *made == Self::of(made.pid, found) && made.pid != std::process::id() && has_ended(made.pid)
        })
    }
}

/// A socket that listens at a path. Dropping this value removes the socket file.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and file number of this socket. They distinguish it from a socket that another process has put
    /// at the path since then.
    identity: (u64, u64),
}

impl Listening {
    pub(super) fn at(path: &Path) -> Result<Self, Error> {
        let failed = |error: io::Error| failed_at(path, error);
        let path = std::path::absolute(path).map_err(failed)?;
        // Checks that the path fits into a socket address. Binding does not check this, because the socket is
        // bound under another, shorter name.
        SocketAddrUnix::new(&path).map_err(|error| failed(error.into()))?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        OsVolume.create_directories(parent).map_err(failed)?;
        make_room(&path)?;
        let private = Private::below(parent).map_err(failed)?;
        let unfinished = private.0.join("s");
        let bind = || {
            let listener = UnixListener::bind(&unfinished)?;
            listener.set_nonblocking(true)?;
            fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
            let found = fs::symlink_metadata(&unfinished)?;
            OsVolume.rename(&unfinished, &path)?;
            // Another process may have put its own socket at the path meanwhile. That socket must not be
            // recorded.
            if let Ok(placed) = fs::symlink_metadata(&path)
                && (placed.dev(), placed.ino()) == (found.dev(), found.ino())
            {
                CreatedSocket::of(std::process::id(), &placed).note();
            }
            Ok((listener, (found.dev(), found.ino())))
        };
        let (listener, identity) = bind().map_err(failed)?;
        Ok(Self { listener, path, identity })
    }
}

/// Refuses a path that is too long for a socket, that leads through a file, or at which something other
/// than a socket exists. Must be called before the cache creates any file. Other failures are detected
/// later, such as a missing permission. A process that still answers at the path is also detected later,
/// because the previous owner may be about to end.
pub(crate) fn refuse_unfit(path: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| failed_at(path, error);
    let path = std::path::absolute(path).map_err(failed)?;
    SocketAddrUnix::new(&path).map_err(|error| failed(error.into()))?;
    let there = path.ancestors().skip(1).find_map(|above| fs::metadata(above).ok());
    if there.is_some_and(|above| !above.is_dir()) {
        return Err(failed(ErrorKind::NotADirectory.into()));
    }
    refuse_unless_socket(&path).map(drop)
}

impl Drop for Listening {
    fn drop(&mut self) {
        CreatedSocket::forget(self.identity);
        let is_ours = |found: &fs::Metadata| (found.dev(), found.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(|found| is_ours(&found)) {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A directory that no other user can enter. Dropping this value removes the directory and its content.
struct Private(PathBuf);

impl Private {
    fn below(parent: &Path) -> io::Result<Self> {
        let pid = std::process::id();
        // The name may exist already, from another cache of this process or from a crashed process with the
        // same id.
        for attempt in 0..100 {
            let path = parent.join(format!(".{pid}-{attempt}"));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(path)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        drop(fs::remove_file(self.0.join("s")));
        drop(fs::remove_dir(&self.0));
    }
}

/// Returns the metadata of the socket at a path, or `None` if there is no file. Refuses a file that is not a
/// socket.
fn refuse_unless_socket(path: &Path) -> Result<Option<fs::Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed_at(path, error)),
        Ok(found) if found.file_type().is_socket() => Ok(Some(found)),
        Ok(_) => {
            let cause = "what stands there is not a socket, and was left as it is";
            Err(refused(path, cause, "choose another path, or move it away"))
        }
    }
}

/// Removes a socket left by a crash, or by an ancestor that has ended. Returns an error and changes nothing
/// if anything else is at the path.
fn make_room(path: &Path) -> Result<(), Error> {
    let Some(found) = refuse_unless_socket(path)? else { return Ok(()) };
    match connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| failed_at(path, error))
        }
        Ok(_) if CreatedSocket::is_inherited(&found) => {
            fs::remove_file(path).map_err(|error| failed_at(path, error))
        }
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            let cause =
                ErrorCause::from(error).in_context("it is unknown whether the socket there is in use");
            Err(refused(path, cause, OTHER))
        }
        _ => Err(refused(path, "another process, or another cache of this one, answers there", OTHER)),
    }
}

const OTHER: &str = "give each cache a socket of its own";

pub(super) fn refused(path: &Path, cause: impl Into<ErrorCause>, remedy: &'static str) -> Error {
    let (cause, source) = cause.into().into_fields();
    Error::ControlSocket { path: path.to_owned(), cause, remedy, source }
}

fn failed_at(path: &Path, error: io::Error) -> Error {
    let remedy = remedy(&error);
    refused(path, error, remedy)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => {
            "choose a shorter path: a socket's has about 80 bytes"
        }
        ErrorKind::PermissionDenied => "choose a directory that this process may write",
        _ => "choose another path",
    }
}

/// Connects without waiting. Otherwise a process that does not accept connections would block the opening of
/// the cache.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(true)?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(path)?)?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}
