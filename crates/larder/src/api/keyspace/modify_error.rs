//! The error of an atomic change. If the change was made in memory, the error holds the result.

use std::fmt;

use crate::error::Error;
use crate::sys::user_code::drop_caught;

/// The error of a call that changes an entry atomically.
///
/// The change may have been made although the call failed. If memory has the change, but the disk may not
/// have it, `error` is [`Error::NotDurable`]. Then `applied` holds what the call would have returned, for
/// example the value that `take` removed.
///
/// The `?` operator converts a `ModifyError` into an [`Error`].
#[non_exhaustive]
pub struct ModifyError<T> {
    /// The error.
    pub error: Error,
    /// What the call would have returned, if the change is visible in this process. `None` if nothing was
    /// changed, or if only the server of a remote tier may have made the change.
    pub applied: Option<T>,
}

impl<T> ModifyError<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> ModifyError<U> {
        ModifyError { error: self.error, applied: self.applied.map(map) }
    }
}

/// Converts the error of a call that changed nothing.
impl<T> From<Error> for ModifyError<T> {
    fn from(error: Error) -> Self {
        Self { error, applied: None }
    }
}

/// Drops the values of `applied`. A panic of their `Drop` is caught, because it would hide the error.
impl<T> From<ModifyError<T>> for Error {
    fn from(error: ModifyError<T>) -> Self {
        drop_caught(error.applied);
        error.error
    }
}

impl<T> fmt::Display for ModifyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<T> fmt::Debug for ModifyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl<T> std::error::Error for ModifyError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
