//! The reasons why a request to a remote tier fails.

use std::fmt;

/// The reason why a request to the remote tier failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    kind: RemoteErrorKind,
    cause: String,
    may_be_applied: bool,
}

/// The kind of a [`RemoteError`]. It tells a caller how to handle the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// There is no connection, or it ended, or the time limit of the request has passed. Repeat the request
    /// later.
    Unavailable,
    /// The server refuses the request now: it is full, loading, or read-only. Repeat the request later.
    Refused,
    /// The server or its configuration does not support the request. Repeating the request does not help.
    Unsupported,
    /// The answer does not have larder's format.
    Garbled,
}

impl RemoteError {
    /// Returns the error of a request that the server has not applied. `cause` names the cause, without a
    /// password.
    #[must_use]
    pub fn new(kind: RemoteErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), may_be_applied: false }
    }

    /// Marks the error: the server may have applied the request, or may still apply it. The request was
    /// written to the connection, and no answer came.
    #[must_use]
    pub fn maybe_applied(self) -> Self {
        Self { may_be_applied: true, ..self }
    }

    /// Returns the kind of the error, which tells a caller how to handle the error.
    #[must_use]
    pub const fn kind(&self) -> RemoteErrorKind {
        self.kind
    }

    /// Returns whether the server may have applied the request despite the error.
    #[must_use]
    pub const fn may_be_applied(&self) -> bool {
        self.may_be_applied
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for RemoteError {}
