//! The errors of the store, and the guard around every call into redb.
//!
//! *Damage* means that the file differs from what was written: corrupted pages, invalid data, an unexpected
//! end, or a panic inside redb. Opening moves a file aside for good only if the file is damaged. After an
//! I/O error, a lock, a missing permission or a full disk, the file stays at its path.
//!
//! A destructor that panics during another panic aborts the process. redb has destructors that panic on
//! damaged pages, and on locks that an earlier panic has poisoned. So:
//!
//! - A call that changes the file holds redb's transactions, tables and database in a [`Guarded`]. The
//!   [`Guarded`] catches a panic of their destructors, even during another panic.
//! - Some access guards change a page when they are dropped. These guards are read by [`read_out`], and
//!   dropped while no panic unwinds.
//! - Values inside redb's own functions cannot be guarded from here. The commit of redb 4.6 has an iterator
//!   whose destructor reads a damaged page again. So no commit may read damage in redb's own tables.
//!   [`super::system_tree`] ensures this for a file, and [`super::overlay::OverlaidDatabase`] for an
//!   overlay.

use std::any::Any;
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{fmt, io};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};

use crate::error::cause::ErrorCause;
use crate::sys::process::Process;
use crate::sys::user_code::{drop_caught, drop_panic};
use crate::sys::volume::seal::SealedLen;

#[derive(Debug, Clone)]
pub(crate) struct StoreError {
    pub(crate) kind: StoreErrorKind,
    pub(crate) cause: ErrorCause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreErrorKind {
    /// The file differs from what was written.
    Damage,
    /// The file is in use: another process holds redb's lock on it.
    Locked,
    /// The file was not closed, and this way of opening must not repair it.
    Unrepaired,
    /// There is no room left for the file.
    Full,
    /// The file would exceed its capacity ([`super::sparse`]), or a limit of the system.
    TooLarge,
    /// The operating system denies this process access to the file.
    Denied,
    /// The open file is not at its path: it was moved away or replaced.
    Displaced,
    /// The file was removed. It has no other name, and no file is at its path.
    Removed,
    /// The device or the operating system failed in another way.
    Io,
}

impl StoreError {
    pub(crate) fn io(cause: impl Into<ErrorCause>) -> Self {
        Self { kind: StoreErrorKind::Io, cause: cause.into() }
    }

    pub(crate) fn damage(cause: impl Into<ErrorCause>) -> Self {
        Self { kind: StoreErrorKind::Damage, cause: cause.into() }
    }

    /// The error of a file that another program has overwritten or cut in its place.
    pub(crate) fn overwritten(SealedLen { expected, found }: &SealedLen) -> Self {
        if expected == found {
            Self::damage("another program has overwritten it")
        } else {
            Self::damage(format!("another program has changed its length from {expected} to {found} bytes"))
        }
    }

    pub(crate) fn displaced(cause: &'static str) -> Self {
        Self { kind: StoreErrorKind::Displaced, cause: cause.into() }
    }

    pub(crate) fn removed() -> Self {
        Self { kind: StoreErrorKind::Removed, cause: "the cache file was removed".into() }
    }

    /// Returns whether a restart may not find what was committed before this error.
    pub(crate) fn may_lack_commits(&self) -> bool {
        self.kind == StoreErrorKind::Damage || self.is_displacement()
    }

    /// Returns whether a restart would not find the open file.
    pub(crate) fn is_displacement(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Displaced | StoreErrorKind::Removed)
    }
}

/// Prints the full cause, including the error of the operating system, because events and statistics do not
/// show sources.
impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.cause)
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        let kind = match error {
            redb::Error::Io(error) => return error.into(),
            redb::Error::Corrupted(_)
            | redb::Error::LockPoisoned(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. } => StoreErrorKind::Damage,
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreErrorKind::Locked,
            redb::Error::RepairAborted => StoreErrorKind::Unrepaired,
            _ => StoreErrorKind::Io,
        };
        Self { kind, cause: error.to_string().into() }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self { kind: of_io(&error), cause: error.into() }
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

/// Runs a call into redb. A panic inside the call is caught and returned as damage.
///
/// An interrupted transaction is dropped and never committed, so none of its changes takes effect.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(StoreError::from),
        Err(panic) => {
            let error = StoreError::damage(format!("the store panicked: {}", panic_message(&*panic)));
            drop_panic(panic);
            Err(error)
        }
    }
}

/// Begins a read transaction. Must be called inside [`guarded`].
pub(crate) fn begin_read(db: &impl ReadableDatabase) -> Result<Guarded<ReadTransaction>, redb::Error> {
    Ok(Guarded::new(db.begin_read()?))
}

/// Begins a write transaction. Must be called inside [`guarded`].
pub(crate) fn begin_write(db: &Database) -> Result<Guarded<WriteTransaction>, redb::Error> {
    let mut txn = Guarded::new(db.begin_write()?);
    // With quick repair, opening the file after a crash takes milliseconds, even for a large file.
    txn.set_quick_repair(true);
    Ok(txn)
}

/// Commits a write transaction. Must be called inside [`guarded`].
pub(crate) fn commit(txn: Guarded<WriteTransaction>) -> Result<(), redb::Error> {
    Ok(txn.into_inner().map_or(Ok(()), WriteTransaction::commit)?)
}

/// Reads from a redb access guard, and drops the guard. The guard's destructor may change a page, and may
/// panic on the page on which the read panicked. So if the read panics, the guard is dropped before the
/// panic resumes.
pub(super) fn read_out<G, T>(held: G, read: impl FnOnce(&G) -> T) -> T {
    let found = catch_unwind(AssertUnwindSafe(|| read(&held)));
    drop(held);
    found.unwrap_or_else(|panic| resume_unwind(panic))
}

/// A redb value. A panic of its destructor is caught, even during another panic. The destructor may run on
/// the thread of a lookup, if that thread holds the last reference.
///
/// A caught panic is not reported. But if the drop of a table panics, the transaction cannot be committed,
/// because for redb the table is still open or a lock is poisoned. So no change is lost unnoticed.
///
/// A forked child does not drop a value of its parent. When redb closes a database, it writes to the file
/// and releases its file locks. redb also takes locks in memory that a thread of the parent may have held at
/// the fork.
#[derive(Debug)]
pub(crate) struct Guarded<T>(Option<T>, Process);

impl<T> Guarded<T> {
    pub(crate) fn new(held: T) -> Self {
        Self(Some(held), Process::current())
    }

    /// Returns whether this process is a fork of the process that created the value. A thread of that
    /// process may have held a lock of the value at the fork.
    pub(crate) fn is_inherited(this: &Self) -> bool {
        !this.1.is_current()
    }

    /// Returns whether the value was taken out.
    pub(crate) fn is_taken(this: &Self) -> bool {
        this.0.is_none()
    }

    /// Takes the value out. After this call, the empty guard may only be dropped or replaced.
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
        drop_caught(held);
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
        assert_eq!((error.kind, error.cause.text()), (StoreErrorKind::Damage, "the store panicked: page 7"));
    }

    #[test]
    fn a_destructor_that_panics_while_a_panic_unwinds_ends_nothing() {
        let error = guarded::<()>(|| {
            let (_first, _second) = (Guarded::new(Panics), Guarded::new(Panics));
            panic!("the first of three");
        });
        assert_eq!(error.unwrap_err().cause.text(), "the store panicked: the first of three");
        let error = guarded::<()>(|| read_out(Panics, |_| panic!("on the same page")));
        assert_eq!(error.unwrap_err().kind, StoreErrorKind::Damage);
    }
}
