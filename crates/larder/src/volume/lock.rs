//! The file of an owner's lock, in the operating system's file system.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::LockFile;

#[derive(Debug)]
pub(super) struct OsLock(pub(super) File);

impl LockFile for OsLock {
    fn try_lock(&mut self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut self.0).take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        super::limit::check(bytes.len() as u64)?;
        self.0.set_len(0)?;
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(bytes)
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.0.unlock()
    }
}
