//! Events that a cache reports to its application.

use std::fmt;
use std::path::PathBuf;

/// An event of the disk tier. [`CacheBuilder::on_event`](crate::CacheBuilder::on_event) sets a listener.
///
/// `Display` prints a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The disk failed, or is full. Memory still answers lookups. Writes are kept in memory to be committed
    /// later, and the cache tries to open the file again.
    DiskSuspended {
        /// The failure.
        cause: String,
    },
    /// The disk failed, and the cache permanently stopped using the file. The entries of the file are lost.
    /// The reason is that an invalidation could not be committed, or that there was no room to keep more
    /// writes. A new file is made when the disk works again.
    DiskDiscarded {
        /// The failure.
        cause: String,
    },
    /// The file was found to be damaged. It is moved aside if that is possible. A new file replaces it.
    DiskQuarantined {
        /// The damage that was found.
        cause: String,
        /// The path to which the damaged file was moved. `None` if it could not be moved.
        moved_to: Option<PathBuf>,
    },
    /// The disk tier works, but offers less than the settings request: a smaller capacity, or a weaker
    /// promise.
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
    /// again, or another process has the lock. In the second case the cache file stays in service. But the
    /// cache file is not moved aside, opened again or replaced until this cache has the lock.
    LockLost {
        /// The event that happened to the lock file.
        cause: String,
        /// Whether this cache has the lock again.
        is_held: bool,
    },
    /// The file system changes the identity of the cache file over time, as some network file systems do. The
    /// cache no longer compares identities. Instead, it compares a mark in the file to detect that the file
    /// was moved or replaced.
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
