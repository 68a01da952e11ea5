//! The text of the error reply to a transaction or a data command that ended with a [`Stop`].

use super::errors;
use crate::session::entries::Stop;

impl Stop {
    /// Returns the text of the error reply. `max` is the limit in bytes.
    pub(super) fn text(&self, max: usize) -> String {
        match self {
            Self::Cache(error) => errors::of(error),
            Self::TooLarge => format!("ERR one request may read and return up to {max} bytes at once"),
            Self::Continue(_) => unreachable!("`named` runs such a command again"),
        }
    }
}
