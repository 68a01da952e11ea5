//! A file system in memory that can fail on demand, become full, and lose power.
//!
//! [`CacheBuilder::volume`](crate::CacheBuilder::volume) puts it in place of the operating system's file
//! system, so a test runs the real cache, store and file format. Operations are numbered, so a test can make
//! any one of them fail. Changes are recorded, to compute the state after a loss of power
//! ([`SimulatedVolume::after_power_loss`]).

pub(crate) mod act;
mod acts;
mod blocks;
mod disk;
mod handle;
mod nodes;
pub(crate) mod operation;
pub(crate) mod power;
mod range_lock;

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::config::CacheBuilder;
use crate::sys::sync::Arc;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::{Anchor, LockFile, Metadata, Volume};
use disk::{Disk, PlannedFailure, SharedDisk};
use handle::Handle;
use operation::{DiskOperation, Failure};
use power::JournalEntry;
use power::Loss;

/// A disk that a test controls. All clones control the same disk.
///
/// ```
/// use larder::{Cache, KeyspaceDefinition, testing::SimulatedVolume};
/// const NAME: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("name");
///
/// let disk = SimulatedVolume::new();
/// let cache = Cache::builder().path("/cache/shop.larder").volume(&disk).open()?;
/// let names = cache.keyspace(NAME)?;
/// names.insert(&7, "Ada".to_owned())?;
/// cache.flush()?;
/// let crashed = disk.after_power_loss(disk.changes(), larder::testing::Loss::Everything, 0);
/// let reopened = Cache::builder().path("/cache/shop.larder").volume(&crashed).open()?;
/// assert_eq!(*reopened.keyspace(NAME)?.get(&7).unwrap(), "Ada");
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SimulatedVolume {
    disk: SharedDisk,
}

impl SimulatedVolume {
    /// Creates an empty disk without a capacity limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns all operations so far, in order. The number of an operation is its index.
    #[must_use]
    pub fn operations(&self) -> Vec<DiskOperation> {
        self.disk.lock().operations.clone()
    }

    /// Returns the numbers of the writes at the start of a file, such as those of its header.
    #[must_use]
    pub fn writes_at_start(&self) -> Vec<u64> {
        self.disk.lock().starts.clone()
    }

    /// Returns the number of operations that have failed as planned.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.disk.lock().failed
    }

    /// Makes the first operation from this number on fail.
    pub fn fail_once(&self, from: u64, failure: Failure) {
        self.disk.lock().planned = Some(PlannedFailure { from, failure, lasts: false, only: None });
    }

    /// Makes every operation from this number on fail, until [`heal`](SimulatedVolume::heal).
    pub fn fail_from(&self, from: u64, failure: Failure) {
        self.disk.lock().planned = Some(PlannedFailure { from, failure, lasts: true, only: None });
    }

    /// Makes every operation of these kinds fail from now on, until [`heal`](SimulatedVolume::heal).
    pub fn fail_every(&self, kinds: &[DiskOperation], failure: Failure) {
        self.disk.lock().planned =
            Some(PlannedFailure { from: 0, failure, lasts: true, only: Some(kinds.to_vec()) });
    }

    /// Cancels the planned failure.
    pub fn heal(&self) {
        self.disk.lock().planned = None;
    }

    /// Limits the number of bytes that files may use, or removes the limit. A write beyond the limit fails as
    /// on a full device.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk.lock().capacity = bytes;
    }

    /// Returns the number of bytes that the files use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.disk.lock().nodes.used()
    }

    /// Sets whether the disk reports syncs as done without doing them, like a faulty disk. Tests use this to
    /// check that they detect lost data.
    pub fn lose_syncs(&self, loses: bool) {
        self.disk.lock().loses_syncs = loses;
    }

    /// Returns the paths of the files.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.disk.lock().nodes.names()
    }

    /// Returns the content of a file, or `None` if there is no such file.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let disk = self.disk.lock();
        disk.nodes.at(path.as_ref()).map(|id| disk.nodes.bytes(id))
    }

    /// Writes a file, or replaces its bytes. The change is durable, and processes that have the file open are
    /// not notified. Use this to simulate damage, or a file of another program.
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        let mut disk = self.disk.lock();
        disk.change(JournalEntry::Plant { path: path.as_ref().to_owned(), bytes: bytes.into() });
    }

    /// Removes a file. The change is durable, and processes that have the file open are not notified.
    pub fn unlink(&self, path: impl AsRef<Path>) {
        let mut disk = self.disk.lock();
        disk.change(JournalEntry::Remove { path: path.as_ref().to_owned() });
        disk.change(JournalEntry::SyncNames);
    }

    /// Returns the number of changes so far. The disk can lose power after any number of changes from 0 to
    /// this number.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.disk.lock().journal.len()
    }

    /// Returns the disk as it would be after losing power after `changes` changes. Synced data is kept.
    /// `loss` says how much of the unsynced data is kept. If several outcomes are possible, `seed` selects
    /// one.
    #[must_use]
    pub fn after_power_loss(&self, changes: usize, loss: Loss, seed: u64) -> Self {
        let (nodes, journal) = self.disk.lock().journal.after_power_loss(changes, loss, seed);
        let disk = Disk { nodes, journal, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Returns a disk with the same files, all of them durable, as after the process is killed.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.after_power_loss(self.changes(), Loss::Nothing, 0)
    }
}

impl CacheBuilder {
    /// Puts the cache file on a simulated disk. For tests (feature `test-util`).
    pub fn volume(mut self, volume: &SimulatedVolume) -> Self {
        self.volume = Arc::new(volume.clone());
        self
    }
}

impl Volume for SimulatedVolume {
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Metadata)?;
        Ok(disk.nodes.at(path).map(|id| disk.metadata(id)))
    }

    fn counts_blocks(&self, _: &Path) -> bool {
        !self.disk.lock().hides_blocks
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Open)?;
        if disk.nodes.at(path).is_none() {
            if !create {
                return Err(ErrorKind::NotFound.into());
            }
            let id = disk.nodes.next_id();
            disk.change(JournalEntry::Create { path: path.to_owned(), id });
        }
        let id = disk.nodes.at(path).ok_or(ErrorKind::NotFound)?;
        disk.nodes.opened(id);
        disk.last_handle += 1;
        Ok(VolumeFile::new(Handle::new(self.disk.clone(), disk.last_handle, id)))
    }

    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Open)?;
        let node = disk.nodes.at(path).ok_or(ErrorKind::NotFound)?;
        disk.nodes.opened(node);
        Ok(Box::new(handle::SimulatedAnchor::new(self.disk.clone(), node)))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        Ok(Box::new(handle::OwnerFile::new(self.disk.clone(), path.to_owned())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Rename)?;
        match (disk.nodes.at(from), disk.nodes.at(to)) {
            (None, _) => Err(ErrorKind::NotFound.into()),
            (_, Some(_)) => Err(ErrorKind::AlreadyExists.into()),
            _ => {
                disk.change(JournalEntry::Rename { from: from.to_owned(), to: to.to_owned() });
                Ok(())
            }
        }
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Rename)?;
        if disk.nodes.at(from).is_none() {
            return Err(ErrorKind::NotFound.into());
        }
        disk.change(JournalEntry::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::Remove)?;
        if disk.nodes.at(path).is_none() {
            return Err(ErrorKind::NotFound.into());
        }
        disk.change(JournalEntry::Remove { path: path.to_owned() });
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::SyncDirectory)?;
        disk.change(JournalEntry::SyncNames);
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut disk = self.disk.lock();
        disk.begin(DiskOperation::List)?;
        let mut names = disk.nodes.names();
        names.retain(|name| name.parent() == Some(directory));
        Ok(names)
    }

    fn create_directories(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn real_directory(&self, directory: &Path) -> io::Result<PathBuf> {
        Ok(directory.to_owned())
    }
}

#[cfg(test)]
mod tests;
