//! The content of a file: redb's operations, holes, and the number of allocated blocks.
//!
//! A hole is a range of a file that uses no blocks and reads as zeros. The allocated size is reported only
//! on a file system that is known to count blocks correctly. A file system that compresses, shares blocks or
//! is remote (btrfs, zfs, f2fs, network and FUSE file systems) may report any number.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::{fs, io};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::forward_backend::forward_backend;
use super::forward_locks::forward_locks;
use super::limit::Limited;

/// The smallest unit that a file system allocates, and the size of redb's page.
pub(crate) const BLOCK: u64 = 4096;

pub(crate) trait FileContent: StorageBackend {
    /// Turns a range within the file into a hole, which reads as zeros. The length of the file does not
    /// change. The change is durable only after a sync of the file.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::Unsupported`] on a file system without holes.
    fn punch(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Returns the ranges of the file that may contain data, in order. All other ranges are holes.
    fn data(&self) -> io::Result<Vec<Range<u64>>>;
}

#[derive(Debug)]
pub(super) struct OsContent {
    backend: Limited<FileBackend>,
    /// The same open file, to punch holes, which redb's handle cannot do. `None` for a file that is only read
    /// and locked.
    file: Option<File>,
}

impl OsContent {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let same = file.try_clone()?;
        Ok(Self { file: Some(same), ..Self::of_locks(file)? })
    }

    /// Wraps a file that is only read and locked.
    pub(super) fn of_locks(file: File) -> io::Result<Self> {
        let backend =
            FileBackend::new(file).map(Limited).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { backend, file: None })
    }
}

impl FileContent for OsContent {
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
    forward_backend! { backend: len read set_len sync_data write close }

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

/// Returns the whole file as one range, for a file whose holes are unknown.
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
        // This call moves the file offset, but no thread reads or writes at that offset.
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

/// Returns whether the file system of a directory is known to count blocks correctly. The result is true only
/// for the listed file systems, which neither compress nor share blocks on their own.
#[cfg(target_os = "linux")]
pub(super) fn counts_blocks(directory: &Path) -> bool {
    /// The magic numbers of `linux/magic.h`: ext2 to ext4, XFS, tmpfs, ramfs and overlayfs. overlayfs
    /// returns the count of the underlying file system, in practice ext2 to ext4 or XFS.
    const COUNTING: [u64; 5] = [0xEF53, 0x5846_5342, 0x0102_1994, 0x8584_58F6, 0x794C_7630];
    rustix::fs::statfs(directory)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| COUNTING.contains(&kind)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn counts_blocks(_: &Path) -> bool {
    false
}

#[cfg(unix)]
pub(super) fn allocated(found: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    /// The unit of `st_blocks`, the same for every file system.
    const UNIT: u64 = 512;
    found.blocks() * UNIT
}

#[cfg(not(unix))]
pub(super) fn allocated(found: &fs::Metadata) -> u64 {
    found.len()
}
