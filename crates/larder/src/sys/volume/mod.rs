//! The file system, as the disk tier uses it: the one door to files, so that a simulated one can take its
//! place.
//!
//! What a test has to be able to break or to forget is here: opening, reading, writing, syncing, renaming,
//! removing, and the lock of the owner. [`OsVolume`](os::OsVolume) is the operating system's file system; the simulated
//! one, which loses power and fails on demand, stands in the test support.

pub(crate) mod content;
pub(crate) mod file;
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
    /// Bytes that are allocated to it; none where the file system can't be believed ([`content`]).
    pub(crate) allocated: Option<u64>,
    pub(crate) identity: Identity,
    /// When the file was made, in ns since 1970, where the file system keeps it. With the identity it names a
    /// file for good: an identity alone is given to another file once this one is gone.
    pub(crate) born: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Directory,
    Symlink,
    Special,
}

/// Which file stands at a path, so that another one that takes its place is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) u64, pub(crate) u64);

/// A file system.
pub(crate) trait Volume: fmt::Debug + Send + Sync + 'static {
    /// Looks at a path without opening or following anything. None if there is nothing.
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>>;

    /// Whether it tells the blocks of a file.
    fn counts_blocks(&self, path: &Path) -> bool;
    /// Opens a regular file for reading and writing, through no symbolic link; a new one is readable by its
    /// owner alone.
    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile>;

    /// Holds on to the file at a path, so that it is told from every other one for as long.
    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>>;

    /// Opens the file of an owner's lock, and makes it if it is missing.
    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>>;

    /// Renames a file onto nothing. Not durable until the directory is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file onto another, in one step. Not durable until the directory is synced.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Not durable until the directory is synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes what happened to the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// What stands in a directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes a directory with those above it, for their owner alone.
    fn create_directories(&self, directory: &Path) -> io::Result<()>;

    /// Which of a directory and those above it are missing, the deepest first.
    fn missing_directories(&self, _directory: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Removes a directory that is empty. Nothing to do where files need none.
    fn remove_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    /// A directory by its own name, through no symbolic link.
    fn real_directory(&self, directory: &Path) -> io::Result<PathBuf>;

    /// How many bytes a name in a directory may have.
    fn longest_name(&self, _directory: &Path) -> io::Result<usize> {
        Ok(255)
    }

    /// Whether a path is a mount point by itself, as far as the system tells.
    fn is_mount_point(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// The length that this process may give a file now. None if there is no limit.
    fn file_size_limit(&self) -> Option<u64> {
        None
    }
}

/// A file that is held on to. While it is, no other file is given its identity, which file systems are quick
/// to use again.
pub(crate) trait Anchor: fmt::Debug + Send + Sync {
    fn identity(&self) -> Identity;

    /// Whether the file still has a name somewhere: without one nobody can ever open it again.
    fn has_name(&self) -> io::Result<bool>;

    /// The file itself, wherever it stands by now.
    fn metadata(&self) -> io::Result<Metadata>;

    /// The first bytes of the file, as many as there are up to `most`.
    fn start(&self, most: usize) -> io::Result<Vec<u8>>;

    /// Writes bytes into the file itself, wherever it stands by now.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// What stands at the path of a lock that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockPlace {
    /// The lock.
    Held,
    /// Nothing: another owner could make a lock of its own.
    Nothing,
    /// Another file.
    Other,
}

/// The file of an owner's lock.
pub(crate) trait LockFile: fmt::Debug + Send + Sync {
    /// Takes the lock, unless somebody else has it.
    fn try_lock(&mut self) -> io::Result<bool>;

    /// The first bytes of the file.
    fn read(&mut self, most: usize) -> io::Result<Vec<u8>>;

    /// Replaces what the file holds.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Gives the lock back.
    fn unlock(&mut self) -> io::Result<()>;

    /// Whether it was made when it was opened.
    fn is_new(&self) -> bool {
        false
    }

    /// What stands at the path that the lock was opened by.
    fn place(&self) -> io::Result<LockPlace>;
}
