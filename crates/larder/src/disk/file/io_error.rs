//! The error of a system call on a path, as the user reads it.

use std::io;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;

/// What a file is that was mounted by itself: it can be neither renamed nor removed, which is what a cache
/// does with a file that is damaged or must be discarded.
pub(crate) const MOUNT_POINT: &str = "a mount point of its own, which can't be renamed: mount the directory";
/// What to do about a full disk.
pub(crate) const ROOM: &str = "free some room there, or open the cache without a path until there is";

/// The error of a system call on a path.
pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    // What O_NOFOLLOW answers for a symbolic link.
    if rustix::io::Errno::from_io_error(&source) == Some(rustix::io::Errno::LOOP) {
        return Error::NotAFile { path, what: "a symbolic link" };
    }
    match source.kind() {
        ErrorKind::PermissionDenied => Error::Permission { action, path, source },
        ErrorKind::IsADirectory => Error::NotAFile { path, what: "a directory" },
        ErrorKind::ResourceBusy => Error::NotAFile { path, what: MOUNT_POINT },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::Io { action, path, cause: format!("{source}; {ROOM}") }
        }
        ErrorKind::ReadOnlyFilesystem => {
            let remedy =
                "give a path on a file system that can be written to, or read the file with a Follower";
            Error::Io { action, path, cause: format!("{source}; {remedy}") }
        }
        _ => Error::Io { action, path, cause: source.to_string() },
    }
}

/// The error of a file that is not larder's.
pub(crate) fn foreign(path: &Path, why: impl Into<String>) -> Error {
    Error::Foreign { path: path.to_owned(), why: why.into() }
}
