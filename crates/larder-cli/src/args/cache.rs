//! The argument that names a cache: a file, a control socket, or the URL with which a service is started.
//!
//! The argument may be omitted if `LARDER_URL` is set, so clap sees it as optional. Before the command runs,
//! [`crate::cache::located`] replaces it with the path of a file or a socket.

use std::ffi::OsString;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use clap::Arg;
use clap::builder::Resettable;

/// The value of an argument that was not given.
///
/// A process argument cannot contain a zero byte, so no given argument equals this value. The empty string
/// is not used: `larder compact "$FILE"` with an unset `FILE` would then compact the cache of `LARDER_URL`.
pub(crate) const NOT_GIVEN: &str = "\0";

/// Makes the argument required, for commands with another word after the cache: see [`super::parse`].
pub(super) fn is_required(argument: Arg) -> Arg {
    argument.index(1).required(true).default_value(Resettable::Reset)
}

/// The argument that names a cache. [`crate::cache::located`] replaces it with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheArgument(PathBuf);

impl CacheArgument {
    pub(crate) fn is_given(&self) -> bool {
        self.0.as_os_str() != NOT_GIVEN
    }

    pub(crate) fn set(&mut self, path: PathBuf) {
        self.0 = path;
    }
}

impl From<OsString> for CacheArgument {
    fn from(text: OsString) -> Self {
        Self(text.into())
    }
}

impl Deref for CacheArgument {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for CacheArgument {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}
