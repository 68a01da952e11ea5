//! The errors that prevent the demo from running.

use std::io;
use std::path::PathBuf;

use larder::LoadError;
use larder_product::CodeError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error(transparent)]
    Cache(#[from] larder::Error),

    #[error("the shop's database failed: {0}")]
    Database(#[from] rusqlite::Error),

    #[error(
        "{} is a database of another program; give --dir a directory of its own",
        path.display()
    )]
    ForeignDatabase { path: PathBuf },

    #[error("the argument is empty; is a shell variable unset?")]
    EmptyArgument,

    #[error("{} is a file, and --dir takes a directory", path.display())]
    NotADirectory { path: PathBuf },

    #[error("a load failed: {0}")]
    Load(#[from] LoadError<rusqlite::Error>),

    #[error("the demo made an invalid code: {0}")]
    Code(#[from] CodeError),

    #[error(
        "the request was for {asked}, and the answer was about something else: the demo or the cache is broken"
    )]
    WrongAnswer { asked: String },

    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },

    #[error("cannot write or read {} as JSON: {source}", path.display())]
    Json { path: PathBuf, source: serde_json::Error },

    #[error("the process could not restart itself: {0}")]
    Restart(io::Error),

    #[error("a thread of the demo panicked")]
    Panicked,
}

impl Error {
    /// Adds the operation and the file to an I/O error.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// Adds the file to a JSON error.
    pub(crate) fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}
