//! Creates the errors that have a cause.

use std::path::PathBuf;

use super::Error;
use super::cause::ErrorCause;

impl Error {
    pub(crate) fn io(action: &'static str, path: PathBuf, cause: impl Into<ErrorCause>) -> Self {
        let (cause, source) = cause.into().into_fields();
        Self::Io { action, path, cause, source }
    }

    pub(crate) fn not_durable(cause: impl Into<ErrorCause>) -> Self {
        let (cause, source) = cause.into().into_fields();
        Self::NotDurable { cause, source }
    }

    pub(crate) fn unverified(cause: impl Into<ErrorCause>) -> Self {
        let (cause, source) = cause.into().into_fields();
        Self::Verify { cause, source }
    }
}
