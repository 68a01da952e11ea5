//! Errors that can occur while a server starts.

use std::fmt;
use std::io;

use crate::server::address::Address;

/// An error that prevents a server from starting.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range, or conflicts with another setting.
    #[error("{setting} is {value}; {allowed}")]
    InvalidSetting {
        /// Name of the setting.
        setting: &'static str,
        /// The invalid value. It is never a password.
        value: String,
        /// The valid values.
        allowed: String,
    },

    /// The server can't listen on an address.
    #[error("cannot listen at {address}: {cause}; {remedy}")]
    Listen {
        /// The address in the settings.
        address: Address,
        /// Why the server can't listen there.
        cause: String,
        /// What the user can do.
        remedy: &'static str,
        /// The error of the operating system.
        #[source]
        source: Option<io::Error>,
    },

    /// The system refused a thread, an event loop, or the use of a socket that was passed to the process.
    #[error("the system refused a thread or a socket of the server")]
    System(#[source] io::Error),

    /// A keyspace of a database could not be opened.
    #[error("cannot open the databases: {0}")]
    Cache(#[source] larder::Error),
}

/// Prints the text, the variant, and the source of the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::InvalidSetting { .. } => "InvalidSetting",
            Self::Listen { .. } => "Listen",
            Self::System(_) => "System",
            Self::Cache(_) => "Cache",
        };
        match std::error::Error::source(self) {
            Some(source) => write!(f, "{self} ({variant}: {source})"),
            None => write!(f, "{self} ({variant})"),
        }
    }
}
