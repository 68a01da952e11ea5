//! Events that a cache reports to the application.

use std::fmt;
use std::path::PathBuf;

/// An event of the disk tier. [`CacheBuilder::on_event`](crate::CacheBuilder::on_event) sets a listener.
///
/// `Display` prints a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The disk failed, or is full. The memory tier still answers lookups. The cache keeps writes in memory
    /// to commit them later, and tries to open the file again.
    DiskSuspended {
        /// The failure.
        cause: String,
    },
    /// The cache permanently stopped using the file, and the entries of the file are lost. The cache does
    /// this after a failure of the disk, if it could not commit a removal or had no room to keep more
    /// writes. It also does this if the file was removed, if rewriting the file failed, or if the writer
    /// thread panicked. It creates a new file when the disk works again.
    DiskDiscarded {
        /// The failure.
        cause: String,
    },
    /// The file is damaged. The cache moves it aside if possible, and creates a new file.
    DiskQuarantined {
        /// The damage that was found.
        cause: String,
        /// The path to which the damaged file was moved. `None` if it could not be moved.
        moved_to: Option<PathBuf>,
    },
    /// The disk tier works, but with a smaller capacity or a weaker guarantee than the settings request.
    DiskLimited {
        /// The limit, its reason and the remedy.
        cause: String,
    },
    /// The disk tier works again.
    DiskRecovered {
        /// Whether the entries of the file are still there. They are lost if the file was discarded or
        /// quarantined.
        kept_entries: bool,
    },
    /// `<path>.lock` was removed or replaced while the cache had it locked. Either this cache has locked it
    /// again, or another process has the lock. In the second case the cache continues to use the cache file,
    /// but does not move, reopen or replace it until the cache has the lock again.
    LockLost {
        /// What happened to the lock file.
        cause: String,
        /// Whether this cache has the lock again.
        is_held: bool,
    },
    /// The file system changes the identity of the cache file over time, as some network file systems do. To
    /// detect that the file was moved or replaced, the cache now compares a mark in the file instead of the
    /// file's identity.
    FileIdentityUnstable,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskSuspended { cause } => {
                write!(
                    f,
                    "the disk tier is suspended: {cause}; memory keeps serving, and the file is tried again"
                )
            }
            Self::DiskDiscarded { cause } => {
                write!(f, "the cache file was discarded: {cause}; a fresh one is made when the disk allows")
            }
            Self::DiskQuarantined { cause, moved_to: Some(path) } => {
                write!(
                    f,
                    "the cache file is damaged: {cause}; it is kept as {}, and a fresh one is made",
                    path.display()
                )
            }
            Self::DiskQuarantined { cause, moved_to: None } => {
                write!(f, "the cache file is damaged: {cause}; it could not be moved aside")
            }
            Self::DiskLimited { cause } => write!(f, "the disk tier is limited: {cause}"),
            Self::DiskRecovered { kept_entries: true } => {
                f.write_str("the disk tier works again, with the entries it had")
            }
            Self::DiskRecovered { kept_entries: false } => {
                f.write_str("the disk tier works again, with a fresh file")
            }
            Self::LockLost { cause, is_held: true } => write!(f, "{cause}; it is locked again"),
            Self::LockLost { cause, is_held: false } => {
                write!(f, "{cause}; the file stays in service, and must not be opened by two processes")
            }
            Self::FileIdentityUnstable => f.write_str(
                "the file system gives the cache file changing identities; it is known by its first bytes",
            ),
        }
    }
}
