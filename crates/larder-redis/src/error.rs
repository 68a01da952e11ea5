//! The errors of a connection to a server.

use std::fmt;

/// An error of the connection to a server, or of a request to it. No error text contains a password.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not a valid URL of a server.
    #[error(
        "cannot read the URL of the server: {why}; write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], \
         redis+unix:///PATH or redis-sentinel://SENTINEL,SENTINEL/MASTER"
    )]
    InvalidUrl {
        /// What is wrong with the URL.
        why: String,
    },

    /// A setting is outside its range.
    #[error("{setting} is {value}; {allowed}")]
    InvalidSetting {
        /// Name of the setting.
        setting: &'static str,
        /// The invalid value. It is never a password.
        value: String,
        /// The valid values.
        allowed: &'static str,
    },

    /// The server can't be reached, or the connection was lost.
    #[error("no connection to {server}: {cause}")]
    Unavailable {
        /// Address of the server. It contains no password.
        server: String,
        /// Why there is no connection.
        cause: String,
    },

    /// The server did not reply in time. It may still apply the request.
    #[error("{server} did not answer within {limit_ms} ms")]
    TimedOut {
        /// Address of the server. It contains no password.
        server: String,
        /// Time limit in milliseconds.
        limit_ms: u64,
    },

    /// The server refused the user or the password, or the user lacks a right.
    #[error("{server} refuses the user or the password: {answer}")]
    Refused {
        /// Address of the server. It contains no password.
        server: String,
        /// The error text of the server.
        answer: String,
    },

    /// The server can't be used for a shared cache.
    #[error("{server} cannot be used: {why}; {remedy}")]
    Unsupported {
        /// Address of the server. It contains no password.
        server: String,
        /// Why the server can't be used.
        why: String,
        /// What the user can do.
        remedy: &'static str,
    },

    /// The server replied with an error, such as `OOM`. The request changed nothing, with one exception: if
    /// the user may write only some keys of a transaction, the server may have applied a part of the
    /// transaction.
    #[error("the server answered: {0}")]
    Server(String),

    /// The server has applied the removal, but too few replicas are known to have it.
    #[error("the removal was made, but {0}")]
    NotReplicated(String),

    /// The schema of the keyspace has no such key. Nothing was sent.
    #[error("the schema has no such key: {0}")]
    InvalidKey(String),

    /// The reply does not have the form that the request expects.
    #[error("the server answered {0} in an unknown form")]
    Garbled(&'static str),

    /// A walk over the keys of the server does not end as a walk of Redis or Valkey does.
    #[error("the server's walk over its keys does not end: {why}; {remedy}")]
    EndlessWalk {
        /// Why the walk was given up.
        why: String,
        /// What the user can do.
        remedy: &'static str,
    },

    /// The reply was larger than larder allows. It was received and discarded.
    #[error("the answer of the server is larger than allowed")]
    Oversize,

    /// Too many bytes of requests wait for their replies. Nothing was sent.
    #[error("requests of more than {0} bytes wait for their answers")]
    Full(usize),

    /// The client has been closed.
    #[error("the client is closed")]
    Closed,
}

impl Error {
    /// Returns whether the server may have applied the request, or may still apply it.
    #[must_use]
    pub const fn may_be_applied(&self) -> bool {
        matches!(
            self,
            Self::TimedOut { .. }
                | Self::Unavailable { .. }
                | Self::NotReplicated(_)
                | Self::Garbled(_)
                | Self::EndlessWalk { .. }
                | Self::Oversize
        )
    }
}

/// Prints the text of the error, and the name of its variant.
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
            Self::NotReplicated(_) => "NotReplicated",
            Self::InvalidKey(_) => "InvalidKey",
            Self::Garbled(_) => "Garbled",
            Self::EndlessWalk { .. } => "EndlessWalk",
            Self::Oversize => "Oversize",
            Self::Full(_) => "Full",
            Self::Closed => "Closed",
        };
        write!(f, "{self} ({variant})")
    }
}
