//! The errors of the store, and the guard around every call into redb.
//!
//! An error is either *damage* or a failure of *input and output*. Damage means that the file is not what was
//! written: corrupted pages, invalid data, an unexpected end, or a panic inside redb. Only damage moves a
//! file aside for good. A plain I/O error, a lock, a permission or a full disk never does that on opening.

use std::any::Any;
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io};

use crate::sys::process::Process;

/// The error of a call into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreError {
    pub(crate) kind: StoreErrorKind,
    pub(crate) cause: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreErrorKind {
    /// The file is not what was written.
    Damage,
    /// The file is in use, by its lock.
    Locked,
    /// The file was not closed, and this way of opening it may not repair it.
    Unrepaired,
    /// There is no room left for the file.
    Full,
    /// The file would exceed its capacity ([`super::sparse`]), or a limit of the system.
    TooLarge,
    /// The operating system does not let this process use the file.
    Denied,
    /// The open file is not the one at its path: it was moved away or replaced.
    Displaced,
    /// The file was removed: it has no name any more, and nothing stands in its place.
    Removed,
    /// The device or the operating system failed in another way.
    Io,
}

impl StoreError {
    pub(crate) fn io(cause: impl Into<String>) -> Self {
        Self { kind: StoreErrorKind::Io, cause: cause.into() }
    }

    pub(crate) fn damage(cause: impl Into<String>) -> Self {
        Self { kind: StoreErrorKind::Damage, cause: cause.into() }
    }

    pub(crate) fn displaced(cause: &str) -> Self {
        Self { kind: StoreErrorKind::Displaced, cause: cause.to_owned() }
    }

    pub(crate) fn removed() -> Self {
        Self { kind: StoreErrorKind::Removed, cause: "the cache file was removed".to_owned() }
    }

    /// Returns whether a restart would not find the open file.
    pub(crate) fn is_displacement(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Displaced | StoreErrorKind::Removed)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        let kind = match &error {
            redb::Error::Corrupted(_)
            | redb::Error::LockPoisoned(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. } => StoreErrorKind::Damage,
            redb::Error::Io(error) => of_io(error),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreErrorKind::Locked,
            redb::Error::RepairAborted => StoreErrorKind::Unrepaired,
            _ => StoreErrorKind::Io,
        };
        Self { kind, cause: error.to_string() }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self { kind: of_io(&error), cause: error.to_string() }
    }
}

fn of_io(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => StoreErrorKind::Damage,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        ErrorKind::FileTooLarge => StoreErrorKind::TooLarge,
        ErrorKind::PermissionDenied => StoreErrorKind::Denied,
        _ => StoreErrorKind::Io,
    }
}

/// Runs a call into redb. A panic inside it is reported as damage and does not end the thread.
///
/// A panic may leave a transaction half done. It is dropped and never committed, so nothing that it changed
/// is used again.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(StoreError::from),
        Err(panic) => Err(StoreError::damage(format!("the store panicked: {}", panic_message(&*panic)))),
    }
}

/// Something of redb's whose drop is guarded as well: it may be the last holder of a lookup's thread.
///
/// A forked child drops nothing of its parent's: redb writes to the file when it is closed, gives its locks
/// back, and takes locks for it.
#[derive(Debug)]
pub(crate) struct Guarded<T>(Option<T>, Process);

impl<T> Guarded<T> {
    pub(crate) fn new(held: T) -> Self {
        Self(Some(held), Process::current())
    }

    /// Whether it is of the process that this one was forked from, whose threads may hold its locks.
    pub(crate) fn is_inherited(this: &Self) -> bool {
        !this.1.is_current()
    }

    /// Takes it out. What is left can only be dropped, or replaced.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }

    pub(crate) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only dropping or consuming the guard takes the value out")
    }
}

impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("only dropping or consuming the guard takes the value out")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let held = self.0.take();
        if Self::is_inherited(self) {
            return std::mem::forget(held);
        }
        drop(catch_unwind(AssertUnwindSafe(|| drop(held))));
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("planted");
        }
    }

    #[test]
    fn only_a_file_that_is_not_what_was_written_counts_as_damaged() {
        let kind = |error: redb::Error| StoreError::from(error).kind;
        assert_eq!(kind(redb::Error::Corrupted(String::new())), StoreErrorKind::Damage);
        assert_eq!(kind(io::Error::from(ErrorKind::UnexpectedEof).into()), StoreErrorKind::Damage);
        assert_eq!(kind(io::Error::from(ErrorKind::StorageFull).into()), StoreErrorKind::Full);
        assert_eq!(kind(io::Error::from(ErrorKind::PermissionDenied).into()), StoreErrorKind::Denied);
        assert_eq!(kind(io::Error::from(ErrorKind::TimedOut).into()), StoreErrorKind::Io);
        assert_eq!(kind(redb::Error::PreviousIo), StoreErrorKind::Io);
        assert_eq!(kind(redb::Error::DatabaseAlreadyOpen), StoreErrorKind::Locked);
        drop(Guarded::new(Panics));
        let error = guarded::<()>(|| panic!("page {}", 7)).unwrap_err();
        assert_eq!(
            (error.kind, error.cause.as_str()),
            (StoreErrorKind::Damage, "the store panicked: page 7")
        );
    }
}
