//! What a cache tells its application of its own accord.

use std::fmt;
use std::path::PathBuf;

/// Something that happened to the disk tier. [`CacheBuilder::on_event`](crate::CacheBuilder::on_event) listens.
///
/// Prints as a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The disk failed, or is full. Memory keeps serving, what is written is kept to be committed later, and the file is tried again.
    DiskSuspended {
        /// What failed.
        cause: String,
    },
    /// The disk failed, and the file was put out of service for good, with its entries: an invalidation could not be committed, or no
    /// more writes could be kept for it. A fresh file is made when the disk allows.
    DiskDiscarded {
        /// What failed.
        cause: String,
    },
    /// The file was found to be damaged and was moved aside. A fresh file takes its place.
    DiskQuarantined {
        /// What was wrong.
        cause: String,
        /// Where the damaged file is kept; none if it could not be moved.
        moved_to: Option<PathBuf>,
    },
    /// The disk tier works, with less than was asked of it: a smaller capacity, or a weaker promise.
    DiskLimited {
        /// What is less, why, and what would change it.
        cause: String,
    },
    /// The disk tier works again.
    DiskRecovered {
        /// Whether its entries are still there: not after the file was discarded or quarantined.
        kept_entries: bool,
    },
    /// `<path>.lock` was removed or replaced while the cache had it locked. It is locked again, or another
    /// process has it; then the file stays in service, but is not put aside, opened again or replaced until
    /// the lock is this cache's.
    LockLost {
        /// What happened to it.
        cause: String,
        /// Whether this cache has the lock again.
        is_held: bool,
    },
    /// The file system gives the cache file another identity with time, as some network file systems do.
    /// Identities are no longer believed: whether the file was moved or replaced is told by what is written
    /// into it.
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
