//! The errors of a connection to a server.

use std::fmt;

/// An error of the connection to a server, or of one request to it. No error shows a password.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not the URL of a server.
    #[error(
        "cannot read the URL of the server: {why}; write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or redis+unix:///PATH"
    )]
    InvalidUrl {
        /// The fault of the URL.
        why: String,
    },

    /// A setting is outside its range.
    #[error("{setting} is {value}; {allowed}")]
    InvalidSetting {
        /// The name of the setting.
        setting: &'static str,
        /// The given value. It is never a password.
        value: String,
        /// The valid values.
        allowed: &'static str,
    },

    /// The server can't be reached, or the connection ended.
    #[error("no connection to {server}: {cause}")]
    Unavailable {
        /// The address of the server, without a password.
        server: String,
        /// The cause.
        cause: String,
    },

    /// The server did not answer in time. It may apply the request later.
    #[error("{server} did not answer within {limit_ms} ms")]
    TimedOut {
        /// The address of the server, without a password.
        server: String,
        /// The time limit in milliseconds.
        limit_ms: u64,
    },

    /// The server refused the user or the password.
    #[error("{server} refuses the user or the password: {answer}")]
    Refused {
        /// The address of the server, without a password.
        server: String,
        /// The server's answer.
        answer: String,
    },

    /// The server can't be used for a shared cache.
    #[error("{server} cannot be used: {why}; {remedy}")]
    Unsupported {
        /// The address of the server, without a password.
        server: String,
        /// The reason.
        why: String,
        /// The remedy.
        remedy: &'static str,
    },

    /// The server answered a request with an error, such as `OOM`. The request changed nothing.
    #[error("the server answered: {0}")]
    Server(String),

    /// The answer has the wrong form for its request.
    #[error("the server answered {0} in an unknown form")]
    Garbled(&'static str),

    /// The unsent bytes exceed the limit. The request was not sent.
    #[error("more than {0} bytes wait to be sent")]
    Full(usize),

    /// The client has been closed.
    #[error("the client is closed")]
    Closed,
}

impl Error {
    /// Returns whether the server may have applied the request, now or later.
    #[must_use]
    pub const fn may_be_applied(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Unavailable { .. } | Self::Garbled(_))
    }
}

/// Writes the text, then the name of the variant.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::InvalidUrl { .. } => "InvalidUrl",
            Self::InvalidSetting { .. } => "InvalidSetting",
            Self::Unavailable { .. } => "Unavailable",
            Self::TimedOut { .. } => "TimedOut",
            Self::Refused { .. } => "Refused",
            Self::Unsupported { .. } => "Unsupported",
            Self::Server(_) => "Server",
            Self::Garbled(_) => "Garbled",
            Self::Full(_) => "Full",
            Self::Closed => "Closed",
        };
        write!(f, "{self} ({variant})")
    }
}
