//! The open files of a simulated disk: a handle, an anchor, and the file of an owner's lock.
//!
//! A range lock belongs to a handle, as it belongs to an open file description in Linux. So two handles of
//! one process exclude each other. Closing a handle releases its locks.

use std::io;
use std::io::ErrorKind;
use std::ops::{Bound, Range};
use std::path::PathBuf;

use redb::{BackendError, StorageBackend};

use super::disk::{Disk, SharedDisk};
use super::operation::{DiskOperation, Failure};
use super::power::JournalEntry;
use super::range_lock::RangeLock;
use crate::sys::volume::content::FileContent;
use crate::sys::volume::{Anchor, Identity, LockFile, LockPlace, Metadata};

#[derive(Debug)]
pub(super) struct Handle {
    disk: SharedDisk,
    number: u64,
    node: u64,
}

impl Handle {
    pub(super) fn new(disk: SharedDisk, number: u64, node: u64) -> Self {
        Self { disk, number, node }
    }

    fn with<T>(
        &self,
        operation: DiskOperation,
        act: impl FnOnce(&mut Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut disk = self.disk.lock();
        disk.begin(operation)?;
        act(&mut disk)
    }

    fn lock(&self, start: Bound<u64>, end: Bound<u64>, is_shared: bool) -> RangeLock {
        let start = match start {
            Bound::Unbounded => 0,
            Bound::Included(start) => start,
            Bound::Excluded(start) => start.saturating_add(1),
        };
        let end = match end {
            Bound::Unbounded => None,
            Bound::Included(end) => end.checked_add(1),
            Bound::Excluded(end) => Some(end),
        };
        RangeLock { handle: self.number, node: self.node, start, end, is_shared }
    }

    fn try_take(&self, lock: RangeLock) -> bool {
        let mut disk = self.disk.lock();
        if disk.locks.iter().any(|held| held.excludes(&lock)) {
            return false;
        }
        disk.locks.push(lock);
        true
    }

    fn take(&self, lock: &RangeLock) {
        while !self.try_take(lock.clone()) {
            std::thread::yield_now();
        }
    }

    fn give_back(&self) {
        self.disk.lock().locks.retain(|held| held.handle != self.number);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.give_back();
        self.disk.lock().nodes.closed(self.node);
    }
}

impl FileContent for Handle {
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.with(DiskOperation::Punch, |disk| {
            if disk.has_no_holes {
                return Err(ErrorKind::Unsupported.into());
            }
            disk.change(JournalEntry::Punch { id: self.node, offset, len });
            Ok(())
        })
    }

    fn data(&self) -> io::Result<Vec<Range<u64>>> {
        Ok(self.disk.lock().nodes.data(self.node))
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().nodes.len(self.node))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(DiskOperation::Read, |disk| {
            if offset.saturating_add(out.len() as u64) > disk.nodes.len(self.node) {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            disk.nodes.read(self.node, offset, out);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(DiskOperation::SetLen, |disk| {
            disk.change(JournalEntry::SetLen { id: self.node, len });
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(DiskOperation::Sync, |disk| {
            disk.change(JournalEntry::SyncNode { id: self.node });
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let number = disk.operations.len() as u64;
        let failed = disk.begin(DiskOperation::Write).err();
        if offset == 0 {
            disk.starts.push(number);
        }
        let written = match failed {
            None => data,
            Some(Failure::ShortWrite) => data.get(..data.len() / 2).unwrap_or_default(),
            Some(failure) => return Err(failure.into()),
        };
        if !disk.has_room_for(self.node, offset, written.len()) {
            return Err(Failure::Full.into());
        }
        disk.change(JournalEntry::Write { id: self.node, offset, data: written.into() });
        failed.map_or(Ok(()), |failure| Err(failure.into()))
    }

    fn close(&self) -> io::Result<()> {
        self.give_back();
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.try_take(self.lock(start, end, false)))
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.try_take(self.lock(start, end, true)))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.take(&self.lock(start, end, false));
        Ok(())
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.take(&self.lock(start, end, true));
        Ok(())
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        let lock = self.lock(start, end, false);
        let mut disk = self.disk.lock();
        let of =
            |held: &RangeLock| (held.handle, held.start, held.end) == (lock.handle, lock.start, lock.end);
        if let Some(at) = disk.locks.iter().position(of) {
            disk.locks.swap_remove(at);
        }
        Ok(())
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let lock = self.lock(start, end, false);
        Ok(self.disk.lock().locks.iter().any(|held| held.excludes(&lock)))
    }
}

#[derive(Debug)]
pub(super) struct SimulatedAnchor {
    disk: SharedDisk,
    node: u64,
}

impl SimulatedAnchor {
    pub(super) fn new(disk: SharedDisk, node: u64) -> Self {
        Self { disk, node }
    }
}

impl Anchor for SimulatedAnchor {
    fn identity(&self) -> Identity {
        Identity(0, self.node)
    }

    fn has_name(&self) -> io::Result<bool> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Metadata)?;
        Ok(disk.nodes.is_named(self.node))
    }

    fn metadata(&self) -> io::Result<Metadata> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Metadata)?;
        Ok(disk.metadata(self.node))
    }

    fn start(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Read)?;
        let len = usize::try_from(disk.nodes.len(self.node)).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; len];
        disk.nodes.read(self.node, 0, &mut bytes);
        Ok(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Write)?;
        disk.change(JournalEntry::Write { id: self.node, offset, data: bytes.into() });
        Ok(())
    }
}

impl Drop for SimulatedAnchor {
    fn drop(&mut self) {
        self.disk.lock().nodes.closed(self.node);
    }
}

/// The file of an owner's lock. It is not stored on the simulated disk. Reading it returns the id of this
/// process, because openers read it only while an owner holds the lock.
#[derive(Debug)]
pub(super) struct OwnerFile {
    disk: SharedDisk,
    path: PathBuf,
    /// The number of the lock that this handle has taken.
    taken: Option<u64>,
}

impl OwnerFile {
    pub(super) fn new(disk: SharedDisk, path: PathBuf) -> Self {
        Self { disk, path, taken: None }
    }
}

impl LockFile for OwnerFile {
    fn try_lock(&mut self) -> io::Result<bool> {
        self.taken = self.disk.lock().take_owner_lock(&self.path);
        Ok(self.taken.is_some())
    }

    fn read(&mut self, _: usize) -> io::Result<Vec<u8>> {
        Ok(std::process::id().to_string().into_bytes())
    }

    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn unlock(&mut self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        // After the lock file was removed, another handle may have taken a new lock.
        if self.taken.take().is_some_and(|taken| disk.owners.get(&self.path) == Some(&taken)) {
            disk.owners.remove(&self.path);
        }
        Ok(())
    }

    fn place(&self) -> io::Result<LockPlace> {
        let Some(taken) = self.taken else { return Ok(LockPlace::Held) };
        Ok(match self.disk.lock().owners.get(&self.path) {
            Some(now) if *now == taken => LockPlace::Held,
            Some(_) => LockPlace::Other,
            None => LockPlace::Nothing,
        })
    }
}

impl Drop for OwnerFile {
    fn drop(&mut self) {
        drop(self.unlock());
    }
}
