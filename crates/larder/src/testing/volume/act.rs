//! What another process does to the files of a simulated disk.

use std::path::PathBuf;

/// What another process does to files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Removes a file.
    Unlink(PathBuf),
    /// Renames a file, in the place of another if there is one.
    Rename(PathBuf, PathBuf),
    /// Puts a new file of these bytes in the place of one, as a copy does that is renamed into it.
    Replace(PathBuf, Vec<u8>),
    /// Puts other bytes into a file, which stays the one that it is.
    Overwrite(PathBuf, Vec<u8>),
}
