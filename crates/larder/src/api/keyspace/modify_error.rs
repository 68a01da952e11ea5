//! The error of an atomic change, with the change if it was made all the same.

use std::fmt;

use crate::error::Error;

/// The error of a call that changes an entry atomically.
///
/// The change may have been made although the call failed: with [`Error::NotDurable`], memory has the change,
/// and the disk may not. Then `applied` has what the call would have returned. For example, a `take` gives
/// its value in either case.
///
/// `?` converts it into an [`Error`].
#[non_exhaustive]
pub struct ModifyError<T> {
    /// The error.
    pub error: Error,
    /// What the call would have returned, if the change is visible in this process. None if nothing was
    /// changed.
    pub applied: Option<T>,
}

impl<T> ModifyError<T> {
    /// Converts what was applied.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> ModifyError<U> {
        ModifyError { error: self.error, applied: self.applied.map(map) }
    }
}

/// Nothing was changed.
impl<T> From<Error> for ModifyError<T> {
    fn from(error: Error) -> Self {
        Self { error, applied: None }
    }
}

impl<T> From<ModifyError<T>> for Error {
    fn from(error: ModifyError<T>) -> Self {
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
