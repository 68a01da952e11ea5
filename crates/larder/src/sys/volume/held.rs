//! Files of the operating system that stay open: the anchor of a cache file, and the file of an owner's
//! lock.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::os_metadata::{identity, metadata_at, metadata_of};
use super::{Anchor, Identity, LockFile, LockPlace, Metadata, limit};

/// The anchor of a file of the operating system. The file has one offset, so only one thread may use the
/// anchor at a time: the cache's writer thread.
#[derive(Debug)]
pub(super) struct OsAnchor {
    file: File,
    identity: Identity,
}

impl OsAnchor {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let identity = identity(&file.metadata()?);
        Ok(Self { file, identity })
    }
}

impl Anchor for OsAnchor {
    fn identity(&self) -> Identity {
        self.identity
    }

    #[cfg(unix)]
    fn has_name(&self) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        Ok(self.file.metadata()?.nlink() > 0)
    }

    #[cfg(not(unix))]
    fn has_name(&self) -> io::Result<bool> {
        self.file.metadata().map(|_| true)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(metadata_of(&self.file.metadata()?))
    }

    fn start(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::with_capacity(most);
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        limit::check(offset.saturating_add(bytes.len() as u64))?;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }
}

#[derive(Debug)]
pub(super) struct OsLock {
    file: File,
    path: PathBuf,
    is_new: bool,
}

impl OsLock {
    pub(super) fn new(file: File, path: &Path, is_new: bool) -> Self {
        Self { file, path: path.to_owned(), is_new }
    }
}

impl LockFile for OsLock {
    fn try_lock(&mut self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut self.file).take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        limit::check(bytes.len() as u64)?;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(bytes)
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.file.unlock()
    }

    fn is_new(&self) -> bool {
        self.is_new
    }

    fn place(&self) -> io::Result<LockPlace> {
        Ok(match metadata_at(&self.path)? {
            None => LockPlace::Nothing,
            Some(found) if found.identity == identity(&self.file.metadata()?) => LockPlace::Held,
            Some(_) => LockPlace::Other,
        })
    }
}
