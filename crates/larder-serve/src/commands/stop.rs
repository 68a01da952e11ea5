//! The reason why a transaction, or a command on a keyspace of the application, fails.

use larder::Error;

use super::errors;

/// Why a transaction, or a command on a keyspace of the application, has no reply of its own.
#[derive(Debug)]
pub(super) enum Stop {
    Cache(Error),
    /// The replies, or the values that a transaction reads, exceed the memory limit of a connection.
    TooLarge,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

impl Stop {
    /// Returns the text of the error reply. `max` is the limit in bytes.
    pub(super) fn text(&self, max: usize) -> String {
        match self {
            Self::Cache(error) => errors::of(error),
            Self::TooLarge => format!("ERR one request may read and return up to {max} bytes at once"),
        }
    }
}
