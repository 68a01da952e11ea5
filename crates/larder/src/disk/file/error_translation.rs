//! The one translation of the store's errors into those that a user reads.
//!
//! What a user is to do depends on what was to be done with the file, so each kind of error is translated by the
//! action that failed.

use std::io;
use std::path::Path;

use super::evidence;
use super::io_error::{ROOM, foreign, io_error};
use super::owner;
use super::owner::Owner;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::error::Error;
use crate::sys::volume::OsVolume;
use crate::sys::volume::file::VolumeFile;

/// What was to be done with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileAction {
    /// Open it as its owner.
    Open,
    /// Change it as its owner, without a cache.
    Change,
    /// Read it, whoever owns it.
    Read,
    /// Read it again and again while its owner writes it.
    Follow,
}

impl FileAction {
    fn verb(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Change => "change",
            Self::Read => "read",
            Self::Follow => "follow",
        }
    }
}

/// Returns the error that a user reads.
pub(crate) fn error_of(action: FileAction, path: &Path, error: StoreError) -> Error {
    let StoreError { kind, cause } = error;
    let cause = match (kind, action) {
        (StoreErrorKind::Damage, FileAction::Read | FileAction::Change) => return damaged(path, cause),
        (StoreErrorKind::Damage, FileAction::Follow) => {
            format!("it is damaged ({cause}); open it as a cache, which moves it aside")
        }
        // The lock beside the file names this process, so it does not say who has the file.
        (StoreErrorKind::Locked, FileAction::Open | FileAction::Change | FileAction::Follow) => {
            return Owner::default().in_use(path);
        }
        (StoreErrorKind::Locked, FileAction::Read) => return Owner::beside(path).in_use(path),
        (StoreErrorKind::Denied, FileAction::Open | FileAction::Change | FileAction::Read) => {
            return io_error(action.verb(), path, io::Error::new(io::ErrorKind::PermissionDenied, cause));
        }
        (StoreErrorKind::Unrepaired, FileAction::Follow) => {
            "its owner crashed and it has not been opened for writing since; open it as a cache once"
                .to_owned()
        }
        (StoreErrorKind::Full, FileAction::Open) => format!("{cause}; {ROOM}"),
        _ => cause,
    };
    Error::Io { action: action.verb(), path: path.to_owned(), cause }
}

/// The error of a file that is damaged: it says whether the file is larder's.
fn damaged(path: &Path, cause: String) -> Error {
    match OsVolume::open_to_read(path) {
        Ok(file) if shows_larder(path, &file) => Error::Damaged { path: path.to_owned(), cause },
        Ok(_) => unknown_damage(path, &cause),
        Err(error) => io_error("read", path, error),
    }
}

/// The error of a damaged file that nothing shows to be larder's.
pub(crate) fn unknown_damage(path: &Path, cause: &str) -> Error {
    foreign(path, format!("it is a damaged redb database ({cause}) with no sign of larder in it"))
}

/// Returns whether a cache would take a damaged file for its own.
pub(crate) fn shows_larder(path: &Path, file: &VolumeFile) -> bool {
    evidence::is_ours(&OsVolume, path, file, owner::accepted(path).as_ref()).unwrap_or(false)
}
