//! The file system of the operating system.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::content::OsContent;
use super::file::VolumeFile;
use super::held::{OsAnchor, OsLock};
use super::os_metadata::{counts_blocks, identity, metadata_at};
use super::os_open::{open, open_with, read_only};
use super::{Anchor, LockFile, Metadata, Volume, limit, rename};

#[cfg(unix)]
const DIR_MODE: u32 = 0o700;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OsVolume;

impl Volume for OsVolume {
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        metadata_at(path)
    }

    fn counts_blocks(&self, path: &Path) -> bool {
        counts_blocks(path)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        let (content, locks) = (open(path, create)?, open(path, false)?);
        // Either another file was put at the path in between, or the file system reports changing
        // identities. In both cases the locks are on the content's descriptor.
        if identity(&content.metadata()?) != identity(&locks.metadata()?) {
            return Ok(VolumeFile::new(OsContent::new(content)?));
        }
        Ok(VolumeFile::with_locks(OsContent::new(content)?, OsContent::of_locks(locks)?))
    }

    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>> {
        Ok(Box::new(OsAnchor::new(open(path, false)?)?))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        // `create_new` fails if another process creates the file at the same moment. So `is_new` is never
        // true for a file that another process has created.
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
        // The system returns zero if it does not know the maximum length.
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
    /// Opens a regular file read-only, so that a process without write permission can inspect it. Does not
    /// follow a symbolic link.
    pub(crate) fn open_to_read(path: &Path) -> io::Result<VolumeFile> {
        Ok(VolumeFile::new(OsContent::of_locks(read_only(path)?)?))
    }

    /// Returns at most `most` bytes from the start of a file other than the cache file. Examples are an
    /// owner's lock file and the system's list of locks.
    pub(crate) fn read_beside(path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        read_only(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
