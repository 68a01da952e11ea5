//! The error of an atomic change. If the change was made in memory, the error holds the result.

use std::fmt;

use super::change::Modified;
use crate::error::Error;
use crate::sys::sync::Arc;
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
impl<V> From<ModifyError<Modified<V>>> for Error {
    fn from(error: ModifyError<Modified<V>>) -> Self {
        if let Some(applied) = error.applied {
            applied.drop_caught();
        }
        error.error
    }
}

/// Drops the value of `applied`. A panic of its `Drop` is caught, because it would hide the error.
impl<V> From<ModifyError<Arc<V>>> for Error {
    fn from(error: ModifyError<Arc<V>>) -> Self {
        drop_caught(error.applied);
        error.error
    }
}

/// The result of an atomic change that a call holds. However the call ends, a panic of the `Drop` of each
/// value is caught.
#[cfg(feature = "async")]
pub(super) struct HeldChange<V>(Option<Changed<V>>);

/// The result of an atomic change.
#[cfg(feature = "async")]
pub(super) type Changed<V> = Result<Modified<V>, ModifyError<Modified<V>>>;

#[cfg(feature = "async")]
impl<V> HeldChange<V> {
    pub(super) const fn new(changed: Changed<V>) -> Self {
        Self(Some(changed))
    }

    /// Returns the result. The caller must return it or hold it again.
    pub(super) fn into_inner(mut self) -> Changed<V> {
        self.0.take().expect("only dropping or consuming the holder takes the result out")
    }
}

#[cfg(feature = "async")]
impl<V> Drop for HeldChange<V> {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Ok(modified)) => modified.drop_caught(),
            Some(Err(error)) => drop(Error::from(error)),
            None => {}
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("planned");
        }
    }

    /// A panic of the second value during the first panic would end the process.
    #[test]
    fn both_values_of_a_change_may_panic() {
        let changed =
            || Modified::Inserted { old: Some(Arc::new(PanicsOnDrop)), new: Arc::new(PanicsOnDrop) };
        let failed = || ModifyError { error: Error::Closed, applied: Some(changed()) };
        changed().drop_caught();
        assert!(matches!(Error::from(failed()), Error::Closed));
        #[cfg(feature = "async")]
        drop((HeldChange::new(Ok(changed())), HeldChange::new(Err(failed()))));
    }
}
