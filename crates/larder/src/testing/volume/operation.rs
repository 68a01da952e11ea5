//! The operations of a simulated disk, and the ways in which they can fail.

use std::io;
use std::io::ErrorKind;

/// An operation on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the operation that its name says")]
pub enum DiskOperation {
    Open,
    Metadata,
    List,
    Read,
    Write,
    SetLen,
    Punch,
    Sync,
    Rename,
    Remove,
    SyncDirectory,
}

impl DiskOperation {
    /// The operations that change the disk, or make a change durable. `Open` is not one of them, although
    /// it may create a file.
    pub const CHANGES: [Self; 7] =
        [Self::Write, Self::SetLen, Self::Punch, Self::Sync, Self::Rename, Self::Remove, Self::SyncDirectory];
}

/// The way in which an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// An input/output error.
    Io,
    /// No space is left on the device.
    Full,
    /// A write stops halfway with an input/output error.
    ShortWrite,
    /// The file system does not support the operation. Some file systems return this error when a directory
    /// is synced.
    Unsupported,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::new(ErrorKind::StorageFull, "no space left on the simulated device"),
            Failure::Unsupported => Self::from(rustix::io::Errno::INVAL),
            Failure::Io | Failure::ShortWrite => Self::other("the simulated device failed"),
        }
    }
}
