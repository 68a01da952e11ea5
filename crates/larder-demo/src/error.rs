//! The errors that prevent the demo from running. Their texts do not repeat the causes, because `main` prints
//! the sources too.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use larder::LoadError;
use larder_product::CodeError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error(transparent)]
    Cache(#[from] larder::Error),

    #[error(transparent)]
    Server(#[from] larder_redis::OpenError),

    #[error("the shop's database failed")]
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

    #[error(transparent)]
    Load(#[from] LoadError<rusqlite::Error>),

    #[error("the demo made an invalid code")]
    Code(#[from] CodeError),

    #[error(
        "the request was for {asked}, and the answer was about something else: the demo or the cache is broken"
    )]
    WrongAnswer { asked: String },

    #[error("cannot {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },

    #[error("cannot write or read {} as JSON", path.display())]
    Json { path: PathBuf, source: serde_json::Error },

    #[error("the process could not restart itself")]
    Restart(#[source] io::Error),

    #[error(
        "--processes needs a server that all processes share, and {} names none; set it to a URL such as \
         redis://127.0.0.1/0?prefix=demo",
        larder::URL_VARIABLE
    )]
    NeedsServer,

    #[error("process {process} could not be started")]
    Start { process: u64, source: io::Error },

    #[error("process {process} failed ({status}); its message is above")]
    ProcessFailed { process: u64, status: ExitStatus },

    #[error("a thread of the demo panicked")]
    Panicked,
}

impl Error {
    /// Returns the text, followed by the texts of all sources.
    pub(crate) fn with_sources(&self) -> String {
        let sources = std::iter::successors(std::error::Error::source(self), |error| error.source());
        sources.fold(self.to_string(), |text, source| format!("{text}: {source}"))
    }

    /// Adds the operation and the file to an I/O error.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    pub(crate) fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_follow_the_text() {
        let error = Error::file("read", "cards.json")(io::Error::from_raw_os_error(13));
        assert_eq!(error.with_sources(), "cannot read cards.json: Permission denied (os error 13)");
        let cache = Error::from(larder::Cache::builder().memory_capacity(512).open().unwrap_err());
        assert_eq!(cache.with_sources(), "memory_capacity is 512 B; it may be from 64 KiB to 16 TiB");
    }
}
