//! The file system, as the disk tier uses it. All files are reached through it, so a simulated one can
//! replace it.
//!
//! It covers everything that a test must be able to break or to lose: opening, reading, writing, syncing,
//! renaming, removing, and the owner's lock. [`OsVolume`](os::OsVolume) is the operating system's file
//! system. The simulated one, which loses power and fails on demand, is in `testing`.

pub(crate) mod content;
pub(crate) mod file;
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

use file::VolumeFile;

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) kind: FileKind,
    pub(crate) len: u64,
    /// Bytes that are allocated to it. `None` where the file system's count can't be believed ([`content`]).
    pub(crate) allocated: Option<u64>,
    pub(crate) identity: Identity,
    /// When the file was made, in ns since 1970, where the file system stores that. Together with the
    /// identity it names one file for good. The identity alone is given to another file once this one is
    /// deleted.
    pub(crate) born: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Directory,
    Symlink,
    Special,
}

/// Which file is at a path, so that another file in its place is recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) u64, pub(crate) u64);

/// A file system.
pub(crate) trait Volume: fmt::Debug + Send + Sync + 'static {
    /// Returns what a path names, without opening or following it. `None` if nothing is there.
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>>;

    /// Returns whether the file system counts the blocks of a file correctly.
    fn counts_blocks(&self, path: &Path) -> bool;
    /// Opens a regular file for reading and writing. Follows no symbolic link. Only its owner may read a new
    /// file.
    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile>;

    /// Opens an anchor on the file at a path. While the anchor is held, the file can be told from every other
    /// one.
    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>>;

    /// Opens the file of an owner's lock. Makes it if it is missing.
    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>>;

    /// Renames a file to a path where nothing is. Not durable until the directory is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file onto another, in one step. Not durable until the directory is synced.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Not durable until the directory is synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the changes to the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Returns the paths in a directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes a directory and those above it, for their owner alone.
    fn create_directories(&self, directory: &Path) -> io::Result<()>;

    /// Returns the missing directories among a directory and those above it, the deepest first.
    fn missing_directories(&self, _directory: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Removes an empty directory. Does nothing where files need no directories.
    fn remove_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Returns the real name of a directory, without symbolic links.
    fn real_directory(&self, directory: &Path) -> io::Result<PathBuf>;

    /// Returns the maximum length of a name in a directory, in bytes.
    fn longest_name(&self, _directory: &Path) -> io::Result<usize> {
        Ok(255)
    }

    /// Returns whether a path itself is a mount point, as far as the system says.
    fn is_mount_point(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Returns the maximum length that this process may give a file now. `None` if there is no limit.
    fn file_size_limit(&self) -> Option<u64> {
        None
    }
}

/// A file that is held open. While it is, no other file gets its identity. File systems soon use an identity
/// again.
pub(crate) trait Anchor: fmt::Debug + Send + Sync {
    fn identity(&self) -> Identity;

    /// Returns whether the file still has a name. A file without one can never be opened again.
    fn has_name(&self) -> io::Result<bool>;

    /// Returns the metadata of the file itself, wherever it is now.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Returns the first bytes of the file, up to `most`.
    fn start(&self, most: usize) -> io::Result<Vec<u8>>;

    /// Writes bytes into the file itself, wherever it is now.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// What is at the path of a lock that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockPlace {
    /// The lock.
    Held,
    /// Nothing. So another owner could make a lock of its own.
    Nothing,
    /// Another file.
    Other,
}

/// The file of an owner's lock.
pub(crate) trait LockFile: fmt::Debug + Send + Sync {
    /// Takes the lock, unless another process or handle has it.
    fn try_lock(&mut self) -> io::Result<bool>;

    /// Returns the first bytes of the file.
    fn read(&mut self, most: usize) -> io::Result<Vec<u8>>;

    /// Replaces the content of the file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Gives the lock back.
    fn unlock(&mut self) -> io::Result<()>;

    /// Returns whether opening made the file.
    fn is_new(&self) -> bool {
        false
    }

    /// Returns what is at the path by which the lock was opened.
    fn place(&self) -> io::Result<LockPlace>;
}
