//! The interface to the file system. A cache accesses the files of its disk tier through this interface, so a
//! test can use a simulated file system.
//!
//! The interface covers the operations that a test must be able to fail or to undo, such as opening,
//! reading, writing, syncing, renaming, removing, and locking. [`OsVolume`](os::OsVolume) is the operating
//! system's file system. The simulated file system, in `testing`, loses power and fails on demand.

pub(crate) mod content;
pub(crate) mod file;
pub(crate) mod forward_backend;
pub(crate) mod forward_locks;
pub(crate) mod forward_volume;
mod held;
mod limit;
pub(crate) mod os;
mod os_metadata;
mod os_open;
mod rename;
pub(crate) mod seal;
pub(crate) mod tracked;
pub(crate) mod written;

use file::VolumeFile;

use std::path::{Path, PathBuf};
use std::{fmt, io};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) kind: FileKind,
    pub(crate) len: u64,
    /// Number of allocated bytes, which is wrong on some file systems ([`Volume::counts_blocks`]).
    pub(crate) allocated: u64,
    pub(crate) identity: Identity,
    /// When the file was created, in ns since 1970. `None` if the file system does not record it. Together
    /// with the identity, this time identifies one file forever. The identity alone is not enough: after the
    /// file is deleted, another file may get the same identity.
    pub(crate) born: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Directory,
    Symlink,
    Special,
}

/// The identity of a file. If it changes, usually a different file is at the path. Some file systems change
/// the identity of a file over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) u64, pub(crate) u64);

pub(crate) trait Volume: fmt::Debug + Send + Sync + 'static {
    /// Returns the metadata of a path, without opening the file or following a link. Returns `None` if
    /// nothing is at the path.
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>>;

    /// Returns whether the file system counts the blocks of a file correctly.
    fn counts_blocks(&self, path: &Path) -> bool;
    /// Opens a regular file for reading and writing. Does not follow a symbolic link. A new file is
    /// accessible only to the user that creates it.
    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile>;

    /// Opens an anchor on the file at a path. While the anchor is held, no other file can have the same
    /// identity.
    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>>;

    /// Opens the file of an owner's lock. Creates the file if it is missing.
    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>>;

    /// Renames a file to a path that does not exist yet. The change is durable only after a sync of the
    /// directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Atomically replaces a file with another file. The change is durable only after a sync of the
    /// directory.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. The change is durable only after a sync of the directory.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the changes to the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Returns the paths of the entries of a directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Creates a directory and its missing parents. Only their owner may access the new directories.
    fn create_directories(&self, directory: &Path) -> io::Result<()>;

    /// Returns the missing directories among a directory and its parents, the deepest first.
    fn missing_directories(&self, _directory: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Removes an empty directory. Does nothing in a volume that needs no directories.
    fn remove_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Returns the path of a directory, with all symbolic links resolved.
    fn real_directory(&self, directory: &Path) -> io::Result<PathBuf>;

    /// Returns the maximum length of a file name in a directory, in bytes.
    fn longest_name(&self, _directory: &Path) -> io::Result<usize> {
        Ok(255)
    }

    /// Returns whether the system reports the path itself as a mount point.
    fn is_mount_point(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Returns the maximum length that this process may currently give to a file, or `None` if there is no
    /// limit.
    fn file_size_limit(&self) -> Option<u64> {
        None
    }
}

/// A file that is kept open, so that no other file gets its identity. Without an anchor, a file system may
/// soon reuse the identity of a deleted file.
pub(crate) trait Anchor: fmt::Debug + Send + Sync {
    fn identity(&self) -> Identity;

    /// Returns whether the file still has a name. A file without a name can never be opened again.
    fn has_name(&self) -> io::Result<bool>;

    /// Returns the metadata of the file itself, even if it was moved.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Returns at most `most` bytes from the start of the file.
    fn start(&self, most: usize) -> io::Result<Vec<u8>>;

    /// Writes bytes into the file itself, even if it was moved.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// What is at the path of a held lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockPlace {
    /// The file of the lock.
    Held,
    /// No file. Another owner could create a second lock at the path.
    Nothing,
    /// A different file.
    Other,
}

/// The file of an owner's lock.
pub(crate) trait LockFile: fmt::Debug + Send + Sync {
    /// Takes the lock if it is free. Returns whether this handle now holds the lock.
    fn try_lock(&mut self) -> io::Result<bool>;

    /// Returns at most `most` bytes from the start of the file.
    fn read(&mut self, most: usize) -> io::Result<Vec<u8>>;

    /// Replaces the content of the file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    fn unlock(&mut self) -> io::Result<()>;

    /// Returns whether opening the lock has created the file.
    fn is_new(&self) -> bool {
        false
    }

    /// Returns which file is now at the path through which the lock was opened.
    fn place(&self) -> io::Result<LockPlace>;
}
