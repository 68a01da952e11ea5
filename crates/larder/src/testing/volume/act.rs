//! The changes that another process can make to the files of a simulated disk.

use std::path::PathBuf;

/// A change by another process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Removes a file, or the lock file of an owner. The owner then finds that it has lost its lock.
    Unlink(PathBuf),
    /// Renames a file. Replaces the target if it exists.
    Rename(PathBuf, PathBuf),
    /// Replaces a file with a new file with these bytes, like a rename of another file over it.
    Replace(PathBuf, Vec<u8>),
    /// Overwrites the bytes of a file. The file keeps its identity.
    Overwrite(PathBuf, Vec<u8>),
}
