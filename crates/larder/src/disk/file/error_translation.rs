//! Translates the store's errors into the errors that a user reads.
//!
//! The advice to the user depends on both the kind of the error and the failed action.

use std::io;
use std::path::Path;

use super::evidence;
use super::io_error::{ROOM, foreign, io_error};
use super::owner;
use super::owner::Owner;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::error::Error;
use crate::error::cause::ErrorCause;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::os::OsVolume;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileAction {
    /// Opening the file as its owner.
    Open,
    /// Changing the file as its owner, without a cache.
    Change,
    /// Reading the file, whichever process owns it.
    Read,
    /// Reading the file repeatedly while its owner writes it.
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

/// Returns the error that a user reads after this action on a file has failed.
pub(crate) fn error_of(action: FileAction, path: &Path, error: StoreError) -> Error {
    let StoreError { kind, cause } = error;
    let cause = match (kind, action) {
        (StoreErrorKind::Damage, FileAction::Read | FileAction::Change) => {
            return damaged(path, cause.into_text());
        }
        (StoreErrorKind::Damage, FileAction::Follow) => {
            format!("it is damaged ({cause}); open it as a cache, which moves it aside").into()
        }
        // A call that opens or changes the file holds the owner's lock, so the lock file names this process.
        // A follower is refused only by a program that is not larder, which the lock file does not name.
        (StoreErrorKind::Locked, FileAction::Open | FileAction::Change | FileAction::Follow) => {
            return Owner::default().in_use(path);
        }
        (StoreErrorKind::Locked, FileAction::Read) => return Owner::beside(path).in_use(path),
        (StoreErrorKind::Denied, _) => {
            let denied = || io::ErrorKind::PermissionDenied.into();
            let source = cause.into_fields().1.unwrap_or_else(denied);
            return io_error(action.verb(), path, source);
        }
        (StoreErrorKind::Unrepaired, FileAction::Follow) => {
            "its owner crashed and it has not been opened for writing since; open it as a cache once".into()
        }
        (StoreErrorKind::Full, FileAction::Open) => cause.with_remedy(ROOM),
        _ => cause,
    };
    Error::io(action.verb(), path.to_owned(), cause)
}

/// Returns the error for a change that may not be on disk.
pub(crate) fn not_durable(error: StoreError) -> Error {
    Error::not_durable(error.cause)
}

/// Returns the error for a change while the disk tier is off. `why` is the failure, if it is known.
pub(crate) fn not_durable_while_off(why: Option<&StoreError>) -> Error {
    Error::not_durable(off(why))
}

pub(crate) fn unverified(error: StoreError) -> Error {
    Error::unverified(error.cause)
}

/// Returns the error for a verification while the disk tier is off. `why` is the failure, if it is known.
pub(crate) fn unverified_while_off(why: Option<&StoreError>) -> Error {
    Error::unverified(off(why))
}

fn off(why: Option<&StoreError>) -> ErrorCause {
    const OFF: &str = "the disk tier is off";
    why.map_or_else(|| OFF.into(), |why| why.cause.clone().in_context(OFF))
}

/// Returns the error for a damaged file. The error says whether the file is larder's.
fn damaged(path: &Path, cause: String) -> Error {
    match OsVolume::open_to_read(path) {
        Ok(file) if shows_larder(path, &file) => Error::Damaged { path: path.to_owned(), cause },
        Ok(_) => unknown_damage(path, &cause),
        Err(error) => io_error("read", path, error),
    }
}

/// Returns the error for a damaged file without any sign of larder.
pub(super) fn unknown_damage(path: &Path, cause: &str) -> Error {
    foreign(path, format!("it is a damaged redb database ({cause}) with no sign of larder in it"))
}

/// Returns whether there is evidence that a damaged file is larder's. If so, opening a cache moves the file
/// aside.
pub(crate) fn shows_larder(path: &Path, file: &VolumeFile) -> bool {
    evidence::is_ours(&OsVolume, path, file, owner::accepted(path).as_ref()).unwrap_or(false)
}
