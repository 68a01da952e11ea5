//! The file system, as the disk tier uses it: the one door to files, so that a simulated one can take its
//! place.
//!
//! What a test has to be able to break or to forget is here: opening, reading, writing, syncing, renaming,
//! removing, and the lock of the owner. [`OsVolume`] is the operating system's file system; the simulated
//! one, which loses power and fails on demand, stands in the test support.

pub(crate) mod content;
pub(crate) mod file;
pub(crate) mod forward_locks;
mod held;
mod limit;
mod rename;
pub(crate) mod seal;
pub(crate) mod tracked;

use file::VolumeFile;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use content::OsContent;
use held::{OsAnchor, OsLock};

#[cfg(unix)]
const FILE_MODE: u32 = 0o600;
#[cfg(unix)]
const DIR_MODE: u32 = 0o700;

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

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OsVolume;

impl Volume for OsVolume {
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let allocated = self.counts_blocks(path).then(|| content::allocated(&found));
        Ok(Some(Metadata { allocated, ..seen(&found) }))
    }

    fn counts_blocks(&self, path: &Path) -> bool {
        path.parent().is_some_and(content::counts_blocks)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        let (content, locks) = (open(path, create)?, open(path, false)?);
        // Another file took its place in between, or the file system gives it changing identities. Then one
        // descriptor has to do.
        if identity(&content.metadata()?) != identity(&locks.metadata()?) {
            return Ok(VolumeFile::new(OsContent::new(content)?));
        }
        Ok(VolumeFile::with_locks(OsContent::new(content)?, OsContent::of_locks(locks)?))
    }

    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>> {
        Ok(Box::new(OsAnchor::new(open(path, false)?)?))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        // By this call, and by no other that is made at the same moment.
        let made = open_with(path, OpenOptions::create_new);
        let (file, is_new) = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (open(path, true)?, false),
            made => (made?, true),
        };
        Ok(Box::new(OsLock::new(file, path, is_new)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        rename::onto_nothing(from, to)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        rename::onto_original(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect()
    }

    fn create_directories(&self, directory: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(DIR_MODE);
        }
        builder.create(directory)
    }

    fn missing_directories(&self, directory: &Path) -> Vec<PathBuf> {
        let is_missing = |directory: &&Path| {
            let found = fs::symlink_metadata(directory);
            !directory.as_os_str().is_empty() && found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        directory.ancestors().take_while(is_missing).map(Path::to_owned).collect()
    }

    fn remove_directory(&self, directory: &Path) -> io::Result<()> {
        fs::remove_dir(directory)
    }

    fn real_directory(&self, directory: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(directory)
    }

    #[cfg(unix)]
    fn longest_name(&self, directory: &Path) -> io::Result<usize> {
        let longest = rustix::fs::statvfs(directory)?.f_namemax;
        // One that does not tell says zero.
        Ok(usize::try_from(longest).ok().filter(|longest| *longest > 0).unwrap_or(255))
    }

    #[cfg(target_os = "linux")]
    fn is_mount_point(&self, path: &Path) -> io::Result<bool> {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
        let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())?;
        let told = found.stx_attributes & found.stx_attributes_mask;
        Ok(told.contains(StatxAttributes::MOUNT_ROOT))
    }

    fn file_size_limit(&self) -> Option<u64> {
        limit::file_size_limit()
    }
}

impl OsVolume {
    /// Opens a regular file to be read only, through no symbolic link: a process that may not write the file
    /// can look into it.
    pub(crate) fn open_to_read(path: &Path) -> io::Result<VolumeFile> {
        Ok(VolumeFile::new(OsContent::of_locks(read_only(path)?)?))
    }

    /// The first bytes of a file that is not the cache's own: the lock of an owner, what the system says of
    /// its locks.
    pub(crate) fn read_beside(path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        read_only(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn seen(found: &fs::Metadata) -> Metadata {
    let kind = match found.file_type() {
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_symlink() => FileKind::Symlink,
        kind if kind.is_file() => FileKind::File,
        _ => FileKind::Special,
    };
    let born = found.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.and_then(|since| u64::try_from(since.as_nanos()).ok());
    Metadata { kind, len: found.len(), allocated: None, identity: identity(found), born }
}

#[cfg(unix)]
fn identity(found: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    Identity(found.dev(), found.ino())
}

/// Every file counts as the same: an open one can't be replaced there.
#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Identity {
    Identity(0, 0)
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    if create { open_with(path, OpenOptions::create) } else { open_with(path, |options, _| options) }
}

/// Opens a regular file, with one more option.
fn open_with(
    path: &Path,
    option: impl FnOnce(&mut OpenOptions, bool) -> &mut OpenOptions,
) -> io::Result<File> {
    let mut options = OpenOptions::new();
    option(options.read(true).write(true).truncate(false), true);
    no_detour(&mut options);
    options.open(path)
}

fn read_only(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    no_detour(&mut options);
    options.open(path)
}

/// Through no symbolic link, and without waiting for whoever has the other end of a pipe.
#[cfg(unix)]
fn no_detour(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(FILE_MODE).custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn no_detour(_: &mut OpenOptions) {}
