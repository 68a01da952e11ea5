//! The argument that names a cache: a file, a control socket, or the URL that a service is started with.
//!
//! It may be left out where `LARDER_URL` is set, so clap takes it for optional. What it stands for is decided
//! once, before the command runs ([`crate::located`]). The command then reads it as a path.

use std::ffi::OsString;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use clap::Arg;
use clap::builder::Resettable;

/// What clap puts in the place of an argument that was not given. No argument of a process holds a zero byte,
/// so it is told from every one that was: `larder clear "$FILE"` with `FILE` unset names nothing, and must not
/// reach the cache of `LARDER_URL`.
pub(crate) const NOT_GIVEN: &str = "\0";

/// The same argument of a command that has another word behind it: see [`super::parse`].
pub(super) fn is_required(argument: Arg) -> Arg {
    argument.index(1).required(true).default_value(Resettable::Reset)
}

/// A cache, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheArgument(PathBuf);

impl CacheArgument {
    pub(crate) fn is_given(&self) -> bool {
        self.0.as_os_str() != NOT_GIVEN
    }

    /// Puts a path in the place of what was given, or was not.
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
