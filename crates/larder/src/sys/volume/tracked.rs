//! The files that a cache has open, so that a forked child can close them.
//!
//! A child inherits every descriptor. The descriptors of locks matter most. A lock belongs to the open file,
//! which parent and child share, so it ends only when both have closed the file. Threads that exist only in
//! the parent may be using the inherited files. So every handle accesses its file through a slot, and the
//! volume has a list of the slots:
//!
//! 1. A thread holds a lock on the slot while it uses the file through a handle. The lock is shared, except
//!    for an owner's lock file.
//! 2. In a child, handles refuse to write, sync, resize or lock the file. Closing the store's file and
//!    unlocking its ranges do nothing, because an unlock would take the lock from the parent. Unlocking an
//!    owner's lock is refused. So a child never changes the file, even if it drops a handle.
//! 3. In a child, [`TrackedVolume::release`] empties the slots without waiting. Emptying a slot closes its
//!    descriptor, and unlocks nothing. If a thread of the parent held a slot at the fork, the slot stays
//!    locked forever and keeps its descriptor.
//!
//! At the fork, a thread of the parent may have been reading, writing or syncing, which can take a long time.
//! So locks are on a descriptor that is used for nothing else (see [`VolumeFile::with_locks`]). The store
//! takes some of its locks for each transaction, so this descriptor may also be in use at the fork. Then the
//! child gets an error. In a process that commits continuously, this happens a few times in a thousand forks.

use std::io;
use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};
use std::sync::Weak;

use redb::{BackendError, StorageBackend};

use super::content::FileContent;
use super::file::VolumeFile;
use super::forward_volume::forward_volume;
use super::{Anchor, Identity, LockFile, LockPlace, Metadata, Volume};
use crate::sys::process::FileProcess;
use crate::sys::sync::{Arc, UncontendedRwLock};

/// A volume that tracks the files that were opened through it.
#[derive(Debug)]
pub(crate) struct TrackedVolume {
    volume: Arc<dyn Volume>,
    process: FileProcess,
    path: PathBuf,
    opened: UncontendedRwLock<Vec<TrackedHandle>>,
}

/// An entry of the list of open files. The file is open as long as its handle exists.
#[derive(Debug)]
struct TrackedHandle {
    slot: Weak<dyn CloseSlot>,
    /// Whether the descriptor may have a lock.
    is_locking: bool,
}

/// The slot through which a handle accesses its file. Empty after [`TrackedVolume::release`].
#[derive(Debug)]
struct TrackedSlot<T>(UncontendedRwLock<Option<T>>);

trait CloseSlot: std::fmt::Debug + Send + Sync {
    /// Closes the file, unless a thread is using it. Returns whether the file is closed.
    fn empty(&self) -> bool;
}

impl<T: std::fmt::Debug + Send + Sync> CloseSlot for TrackedSlot<T> {
    fn empty(&self) -> bool {
        self.0.try_write().is_some_and(|mut file| {
            drop(file.take());
            true
        })
    }
}

fn released() -> io::Error {
    io::Error::other("this process is a fork of the one that opened the file")
}

impl TrackedVolume {
    /// Creates a volume for the cache at a path, owned by the calling process.
    pub(crate) fn new(volume: Arc<dyn Volume>, path: &Path) -> Arc<Self> {
        let opened = UncontendedRwLock::new(Vec::new());
        Arc::new(Self { volume, process: FileProcess::current(), path: path.to_owned(), opened })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes every open file that no thread was using at the fork. A forked child may call this more than
    /// once.
    ///
    /// # Errors
    /// Returns an error if a descriptor that may have a lock stays open.
    pub(crate) fn release(&self) -> io::Result<()> {
        let held = || io::Error::other("a thread of the parent was using the lock at the moment of the fork");
        let opened = self.opened.try_read().ok_or_else(held)?;
        let mut is_unlocked = true;
        for TrackedHandle { slot, is_locking } in &*opened {
            let is_closed = slot.upgrade().is_none_or(|slot| slot.empty());
            is_unlocked &= is_closed || !is_locking;
        }
        if is_unlocked { Ok(()) } else { Err(held()) }
    }

    fn track<T: std::fmt::Debug + Send + Sync + 'static>(
        &self,
        file: T,
        is_locking: bool,
    ) -> Arc<TrackedSlot<T>> {
        let slot = Arc::new(TrackedSlot(UncontendedRwLock::new(Some(file))));
        let weak: Weak<TrackedSlot<T>> = Arc::downgrade(&slot);
        let mut opened = self.opened.write();
        opened.retain(|opened| opened.slot.strong_count() > 0);
        opened.push(TrackedHandle { slot: weak, is_locking });
        slot
    }

    fn file(&self, content: Arc<dyn FileContent>, is_locking: bool) -> Arc<dyn FileContent> {
        Arc::new(TrackedFile { slot: self.track(content, is_locking), process: self.process.clone() })
    }
}

impl TrackedVolume {
    fn below(&self) -> &dyn Volume {
        &*self.volume
    }
}

impl Volume for TrackedVolume {
    forward_volume! {
        metadata counts_blocks rename replace remove sync_directory list create_directories
        missing_directories remove_directory real_directory longest_name is_mount_point
        file_size_limit
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        let VolumeFile { content, locks, seal, own } = self.volume.open(path, create)?;
        let content = self.file(content, locks.is_none());
        Ok(VolumeFile { content, locks: locks.map(|locks| self.file(locks, true)), seal, own })
    }

    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>> {
        let anchor = self.volume.anchor(path)?;
        let identity = anchor.identity();
        Ok(Box::new(TrackedAnchor {
            slot: self.track(anchor, false),
            process: self.process.clone(),
            identity,
        }))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        let slot = self.track(self.volume.open_lock(path)?, true);
        Ok(Box::new(TrackedLock { slot, process: self.process.clone() }))
    }
}

#[derive(Debug)]
struct TrackedFile {
    slot: Arc<TrackedSlot<Arc<dyn FileContent>>>,
    process: FileProcess,
}

impl TrackedFile {
    fn read_with<R>(&self, call: impl FnOnce(&dyn FileContent) -> io::Result<R>) -> io::Result<R> {
        self.slot.0.read().as_ref().map_or_else(|| Err(released()), |file| call(&**file))
    }

    /// Changes the file, or its locks. Returns an error in a process that did not open the file.
    fn change<R, E: From<io::Error>>(
        &self,
        call: impl FnOnce(&dyn FileContent) -> Result<R, E>,
    ) -> Result<R, E> {
        if !self.process.is_current() {
            return Err(released().into());
        }
        self.slot.0.read().as_ref().map_or_else(|| Err(released().into()), |file| call(&**file))
    }

    /// Releases a lock or closes the file. Does nothing in a child.
    fn give_back<E: From<io::Error>>(
        &self,
        call: impl FnOnce(&dyn FileContent) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.process.is_current() { self.change(call) } else { Ok(()) }
    }
}

impl FileContent for TrackedFile {
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.change(|file| file.punch(offset, len))
    }

    fn data(&self) -> io::Result<Vec<Range<u64>>> {
        self.read_with(FileContent::data)
    }
}

impl StorageBackend for TrackedFile {
    fn len(&self) -> io::Result<u64> {
        self.read_with(StorageBackend::len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_with(|file| file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|file| file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(StorageBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|file| file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.give_back(StorageBackend::close)
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.change(|file| file.try_lock_range(start, end))
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.change(|file| file.try_lock_shared_range(start, end))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.change(|file| file.lock_range(start, end))
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.change(|file| file.lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.give_back(|file| file.unlock_range(start, end))
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.change(|file| file.query_lock_range(start, end))
    }
}

#[derive(Debug)]
struct TrackedAnchor {
    slot: Arc<TrackedSlot<Box<dyn Anchor>>>,
    process: FileProcess,
    identity: Identity,
}

impl TrackedAnchor {
    fn with<R>(&self, call: impl FnOnce(&dyn Anchor) -> io::Result<R>) -> io::Result<R> {
        self.slot.0.read().as_ref().map_or_else(|| Err(released()), |anchor| call(&**anchor))
    }
}

impl Anchor for TrackedAnchor {
    fn identity(&self) -> Identity {
        self.identity
    }

    fn has_name(&self) -> io::Result<bool> {
        self.with(|anchor| anchor.has_name())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.with(|anchor| anchor.metadata())
    }

    fn start(&self, most: usize) -> io::Result<Vec<u8>> {
        self.with(|anchor| anchor.start(most))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.process.is_current() {
            self.with(|anchor| anchor.write(offset, bytes))
        } else {
            Err(released())
        }
    }
}

#[derive(Debug)]
struct TrackedLock {
    slot: Arc<TrackedSlot<Box<dyn LockFile>>>,
    process: FileProcess,
}

impl TrackedLock {
    fn change<R>(&self, call: impl FnOnce(&mut dyn LockFile) -> io::Result<R>) -> io::Result<R> {
        if !self.process.is_current() {
            return Err(released());
        }
        self.slot.0.write().as_mut().map_or_else(|| Err(released()), |lock| call(&mut **lock))
    }
}

impl LockFile for TrackedLock {
    fn try_lock(&mut self) -> io::Result<bool> {
        self.change(|lock| lock.try_lock())
    }

    fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        self.change(|lock| lock.read(most))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.change(|lock| lock.write(bytes))
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.change(|lock| lock.unlock())
    }

    fn is_new(&self) -> bool {
        self.slot.0.read().as_ref().is_some_and(|lock| lock.is_new())
    }

    fn place(&self) -> io::Result<LockPlace> {
        self.slot.0.read().as_ref().map_or_else(|| Err(released()), |lock| lock.place())
    }
}

#[cfg(test)]
mod tests;
