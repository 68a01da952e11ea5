//! The content of a file: what redb asks of it, holes, and how many of its blocks are allocated.
//!
//! A hole is a range of a file that takes no blocks and reads as zeros. What a file takes is told only where
//! the file system is known to count blocks truly: one that compresses, shares blocks or is somebody else's
//! (btrfs, zfs, f2fs, network and FUSE file systems) may answer any number.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::{fs, io};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::forward_locks::forward_locks;
use super::limit::Limited;

/// What a file system allocates at once, at the least, and redb's page.
pub(crate) const BLOCK: u64 = 4096;

/// The content of an open file.
pub(crate) trait Content: StorageBackend {
    /// Makes a hole of a range within the file, which stays as long as it is. The range then reads as zeros.
    /// Not durable until the file is synced.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where there can be no holes.
    fn punch(&self, offset: u64, len: u64) -> io::Result<()>;

    /// The ranges of the file that may be other than holes, in order.
    fn data(&self) -> io::Result<Vec<Range<u64>>>;
}

/// A file of the operating system.
#[derive(Debug)]
pub(super) struct OsContent {
    backend: Limited<FileBackend>,
    /// The same open file, to be punched: redb's handle has no verb for it. None of one that is only locked.
    file: Option<File>,
}

impl OsContent {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let same = file.try_clone()?;
        Ok(Self { file: Some(same), ..Self::of_locks(file)? })
    }

    /// A file that is open to be read and locked.
    pub(super) fn of_locks(file: File) -> io::Result<Self> {
        let backend =
            FileBackend::new(file).map(Limited).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { backend, file: None })
    }
}

impl Content for OsContent {
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        punch(file, offset, len)
    }

    fn data(&self) -> io::Result<Vec<Range<u64>>> {
        let len = self.backend.len()?;
        self.file.as_ref().map_or_else(|| Ok(whole(len)), |file| data(file, len))
    }
}

impl StorageBackend for OsContent {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    forward_locks!(backend);
}

#[cfg(target_os = "linux")]
fn punch(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
        done => Ok(done?),
    }
}

#[cfg(not(target_os = "linux"))]
fn punch(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file that may be other than holes everywhere.
fn whole(len: u64) -> Vec<Range<u64>> {
    std::iter::once(0..len).collect()
}

#[cfg(target_os = "linux")]
fn data(file: &File, len: u64) -> io::Result<Vec<Range<u64>>> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;
    let mut found = Vec::new();
    let mut at = 0;
    while at < len {
        // Nobody reads or writes at the position that this moves.
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(whole(len)),
            Err(error) => return Err(error.into()),
        };
        at = seek(file, SeekFrom::Hole(start))?.max(start + 1);
        found.push(start..at);
    }
    Ok(found)
}

#[cfg(not(target_os = "linux"))]
fn data(_: &File, len: u64) -> io::Result<Vec<Range<u64>>> {
    Ok(whole(len))
}

/// Whether the blocks of the files in a directory are counted truly: the file system is one of those that
/// neither compress nor share blocks on their own.
#[cfg(target_os = "linux")]
pub(super) fn counts_blocks(directory: &Path) -> bool {
    /// The magic numbers of `linux/magic.h`: ext2 to ext4, XFS, tmpfs, ramfs and overlayfs. The last passes
    /// the count of the file system below on, which in practice is one of the first two.
    const COUNTING: [u64; 5] = [0xEF53, 0x5846_5342, 0x0102_1994, 0x8584_58F6, 0x794C_7630];
    rustix::fs::statfs(directory)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| COUNTING.contains(&kind)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn counts_blocks(_: &Path) -> bool {
    false
}

/// The bytes that are allocated to a file.
#[cfg(unix)]
pub(super) fn allocated(found: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    /// The unit of `st_blocks`, whatever the file system's own is.
    const UNIT: u64 = 512;
    found.blocks() * UNIT
}

#[cfg(not(unix))]
pub(super) fn allocated(found: &fs::Metadata) -> u64 {
    found.len()
}
