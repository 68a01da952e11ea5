//! The errors of a control client.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use super::refusal::Refusal;
use crate::error::cause::in_words;
use crate::error::debug::with_sources;
use crate::format::escape::escape_control;

/// The reason why a request failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client could not connect, for example because no process listens at the path.
    #[error("cannot reach a cache at {}: {}; is the process running, and its control socket there?", path.display(), in_words(source))]
    Connect {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The connection ended, or no answer came in time.
    #[error("no answer from the cache at {}: {}; ask again, unless it is the socket of another program", path.display(), in_words(source))]
    Disconnected {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The connection succeeded, but no process identified itself in time.
    #[error("connected to {}, and no answer came within {waited:?}: its process may be stopped, or have ended, with one that it forked holding the socket (`larder info` of the cache file tells), or be busy with a long verification or removal: then ask again; or it is the socket of another program", path.display())]
    Silent {
        /// The path of the socket.
        path: PathBuf,
        /// The time that the client waited for the answer.
        waited: Duration,
    },
    /// The process that answers is not a cache, or uses another version of the protocol.
    #[error("what answers at {} is not understood: {}; is it the control socket of a larder of this version?", path.display(), escape_control(cause))]
    Garbled {
        /// The path of the socket.
        path: PathBuf,
        /// What is wrong with the answer.
        cause: String,
    },
    /// The process that answers is not the owner of the file.
    #[error("what answers at {} is not asked: {cause}; name the owner's socket by hand", path.display())]
    NotOwner {
        /// The path of the socket.
        path: PathBuf,
        /// How the process differs from the owner.
        cause: String,
    },
    /// The cache refused the request.
    #[error("{0}")]
    Refused(Refusal),
}

/// Writes the text of the error, then the name of the variant and the source. `unwrap` prints this form, so
/// its message includes the remedy.
impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::Connect { .. } => "Connect",
            Self::Disconnected { .. } => "Disconnected",
            Self::Silent { .. } => "Silent",
            Self::Garbled { .. } => "Garbled",
            Self::Refused(_) => "Refused",
            Self::NotOwner { .. } => "NotOwner",
        };
        with_sources(f, self, variant)
    }
}
