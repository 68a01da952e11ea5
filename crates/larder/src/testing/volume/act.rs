//! The acts of another process on the files of a simulated disk.

use std::path::PathBuf;

/// An act of another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Removes a file.
    Unlink(PathBuf),
    /// Renames a file. Replaces the target if there is one.
    Rename(PathBuf, PathBuf),
    /// Replaces a file by a new one with these bytes, as renaming a copy onto it does.
    Replace(PathBuf, Vec<u8>),
    /// Overwrites the bytes of a file, which keeps its identity.
    Overwrite(PathBuf, Vec<u8>),
}
