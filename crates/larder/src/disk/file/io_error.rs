//! The errors that a user reads when a system call on a path fails.

use std::io;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;
use crate::error::cause::ErrorCause;

/// Describes a file that is itself a mount point. A mount point can be neither renamed nor removed, but the
/// cache must rename or remove a damaged or discarded file.
pub(super) const MOUNT_POINT: &str = "a mount point of its own, which can't be renamed: mount the directory";
/// Advice for a full disk.
pub(super) const ROOM: &str = "free some room there, or open the cache without a path until there is";

/// Returns the error for a failed system call on a path.
pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    // Opening a symbolic link with `O_NOFOLLOW` fails with this error.
    if rustix::io::Errno::from_io_error(&source) == Some(rustix::io::Errno::LOOP) {
        return Error::NotAFile { path, what: "a symbolic link" };
    }
    match source.kind() {
        ErrorKind::PermissionDenied => Error::Permission { action, path, source },
        ErrorKind::IsADirectory => Error::NotAFile { path, what: "a directory" },
        ErrorKind::ResourceBusy => Error::NotAFile { path, what: MOUNT_POINT },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::io(action, path, ErrorCause::from(source).with_remedy(ROOM))
        }
        ErrorKind::ReadOnlyFilesystem => {
            let remedy =
                "give a path on a file system that can be written to, or read the file with a Follower";
            Error::io(action, path, ErrorCause::from(source).with_remedy(remedy))
        }
        _ => Error::io(action, path, source),
    }
}

pub(crate) fn foreign(path: &Path, why: impl Into<String>) -> Error {
    Error::Foreign { path: path.to_owned(), why: why.into() }
}
