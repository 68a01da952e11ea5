//! A file system in memory that fails on demand, runs full, and loses power.
//!
//! It stands where the operating system's does ([`CacheBuilder::volume`](crate::CacheBuilder::volume)), so a
//! test drives the real cache, store and file format. Every operation is numbered, so each can fail in turn.
//! Every change is kept, for the state after a loss of power ([`SimulatedVolume::after_power_loss`]).

pub(crate) mod acts;
mod blocks;
mod handle;
mod nodes;
pub(crate) mod power;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use parking_lot::Mutex;

use crate::config::CacheBuilder;
use crate::sys::sync::Arc;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::{Anchor, FileKind, Identity, LockFile, Metadata, Volume};
use acts::Act;
use handle::{Handle, Lock};
use nodes::Nodes;
use power::Loss;
use power::{Journal, JournalEntry};

/// A disk that a test has in its hands. Clones are the same disk.
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
#[derive(Clone, Default)]
pub struct SimulatedVolume {
    // A lock of its own, which the model checker knows nothing of: an operation of the disk is one step.
    disk: Arc<Mutex<Disk>>,
}

/// What an operation does to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the operation that its name says")]
pub enum Operation {
    Open,
    Look,
    List,
    Read,
    Write,
    SetLen,
    Punch,
    Sync,
    Rename,
    Remove,
    SyncDirectory,
}

impl Operation {
    /// Those that change something, or make a change durable.
    pub const CHANGES: [Self; 7] =
        [Self::Write, Self::SetLen, Self::Punch, Self::Sync, Self::Rename, Self::Remove, Self::SyncDirectory];
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// An input/output error.
    Io,
    /// No space is left on the device.
    Full,
    /// A write stops half way, with an input/output error.
    ShortWrite,
    /// The file system can't do that: what some answer when a directory is to be synced.
    Unsupported,
}

/// From which operation on the disk fails, and how.
#[derive(Debug, Clone)]
struct Planned {
    from: u64,
    failure: Failure,
    /// Whether it fails until it is healed, or once.
    lasts: bool,
    /// What it fails; none for everything.
    only: Option<Vec<Operation>>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a way of this disk's own to differ from others")]
struct Disk {
    nodes: Nodes,
    journal: Journal,
    locks: Vec<Lock>,
    owners: HashSet<PathBuf>,
    last_handle: u64,
    operations: Vec<Operation>,
    planned: Option<Planned>,
    failed: u64,
    capacity: Option<u64>,
    loses_syncs: bool,
    hides_blocks: bool,
    has_no_holes: bool,
    has_unstable_identities: bool,
    /// What somebody else does to files, and before which operation.
    acts: Vec<(u64, Act)>,
    /// Before which operations it was done.
    acted: Vec<u64>,
}

impl fmt::Debug for SimulatedVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.disk.lock();
        f.debug_struct("SimulatedVolume")
            .field("files", &disk.nodes.names())
            .field("operations", &disk.operations.len())
            .finish_non_exhaustive()
    }
}

impl SimulatedVolume {
    /// An empty disk without bounds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was done so far, in order. The number of an operation is its place here.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.disk.lock().operations.clone()
    }

    /// How many operations have failed because they were made to.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.disk.lock().failed
    }

    /// Makes one operation fail: the next that is at or after this number.
    pub fn fail_once(&self, from: u64, failure: Failure) {
        self.disk.lock().planned = Some(Planned { from, failure, lasts: false, only: None });
    }

    /// Makes every operation fail from this number on, until [`heal`](SimulatedVolume::heal).
    pub fn fail_from(&self, from: u64, failure: Failure) {
        self.disk.lock().planned = Some(Planned { from, failure, lasts: true, only: None });
    }

    /// Makes every operation of these kinds fail from here on, until [`heal`](SimulatedVolume::heal).
    pub fn fail_every(&self, kinds: &[Operation], failure: Failure) {
        self.disk.lock().planned =
            Some(Planned { from: 0, failure, lasts: true, only: Some(kinds.to_vec()) });
    }

    /// Ends every planned failure.
    pub fn heal(&self) {
        self.disk.lock().planned = None;
    }

    /// Bounds the bytes that files may take, or lifts the bound. A write that would exceed it fails as on a full device.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk.lock().capacity = bytes;
    }

    /// Bytes that the files take.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.disk.lock().nodes.used()
    }

    /// Makes the disk report syncs as done without doing them, as a bad one does: a fault for a test to find.
    pub fn lose_syncs(&self, loses: bool) {
        self.disk.lock().loses_syncs = loses;
    }

    /// The files there are.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.disk.lock().nodes.names()
    }

    /// What a file holds.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let disk = self.disk.lock();
        disk.nodes.at(path.as_ref()).map(|id| disk.nodes.bytes(id))
    }

    /// Puts a file on the disk, or other bytes into one that is there, durably and past its users: damage, or somebody else's file.
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        let mut disk = self.disk.lock();
        disk.change(JournalEntry::Plant { path: path.as_ref().to_owned(), bytes: bytes.into() });
    }

    /// Removes a file durably and past its users.
    pub fn unlink(&self, path: impl AsRef<Path>) {
        let mut disk = self.disk.lock();
        disk.change(JournalEntry::Remove { path: path.as_ref().to_owned() });
        disk.change(JournalEntry::SyncNames);
    }

    /// How many changes the disk has seen: the moments at which it can lose power are 0 to this number.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.disk.lock().journal.len()
    }

    /// The disk as it would be found if power had been lost after so many changes. What was synced by then is there; of the rest,
    /// as much as `loss` says, by chance where it leaves a choice: `seed` decides.
    #[must_use]
    pub fn after_power_loss(&self, changes: usize, loss: Loss, seed: u64) -> Self {
        let (nodes, journal) = self.disk.lock().journal.after_power_loss(changes, loss, seed);
        let disk = Disk { nodes, journal, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// A disk with the same files, all of them durable: what copying them gives, or `kill -9`.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.after_power_loss(self.changes(), Loss::Nothing, 0)
    }
}

impl CacheBuilder {
    /// Puts the file on a simulated disk. For tests (feature `test-util`).
    pub fn volume(mut self, volume: &SimulatedVolume) -> Self {
        self.volume = Arc::new(volume.clone());
        self
    }
}

impl Disk {
    /// Counts an operation, and fails it if that is planned.
    fn begin(&mut self, operation: Operation) -> Result<(), Failure> {
        let number = self.operations.len() as u64;
        self.operations.push(operation);
        while let Some(at) = self.acts.iter().position(|(at, _)| *at <= number) {
            let (_, act) = self.acts.swap_remove(at);
            self.acted.push(number);
            self.act(act);
        }
        let is_hit = |planned: &Planned| {
            number >= planned.from && planned.only.as_ref().is_none_or(|kinds| kinds.contains(&operation))
        };
        let Some((failure, lasts)) = self
            .planned
            .as_ref()
            .filter(|planned| is_hit(planned))
            .map(|planned| (planned.failure, planned.lasts))
        else {
            return Ok(());
        };
        if !lasts {
            self.planned = None;
        }
        self.failed += 1;
        Err(failure)
    }

    fn change(&mut self, change: JournalEntry) {
        change.apply(&mut self.nodes);
        let is_sync = matches!(change, JournalEntry::SyncNode { .. } | JournalEntry::SyncNames);
        if !(is_sync && self.loses_syncs) {
            self.journal.push(change);
        }
    }

    fn seen(&self, id: u64) -> Metadata {
        // An unstable one is another with each look.
        let identity =
            Identity(if self.has_unstable_identities { self.operations.len() as u64 } else { 0 }, id);
        let allocated = (!self.hides_blocks).then(|| self.nodes.allocated(id));
        Metadata { kind: FileKind::File, len: self.nodes.len(id), allocated, identity, born: Some(id) }
    }

    fn has_room_for(&self, id: u64, offset: u64, len: usize) -> bool {
        let more = self.nodes.pages_missing(id, offset, len) * nodes::PAGE as u64;
        self.capacity.is_none_or(|capacity| self.nodes.used() + more <= capacity)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::new(ErrorKind::StorageFull, "no space left on the simulated device"),
            Failure::Unsupported => Self::from(rustix::io::Errno::INVAL),
            Failure::Io | Failure::ShortWrite => Self::other("the simulated device failed"),
        }
    }
}

impl Volume for SimulatedVolume {
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Look)?;
        Ok(disk.nodes.at(path).map(|id| disk.seen(id)))
    }

    fn counts_blocks(&self, _: &Path) -> bool {
        !self.disk.lock().hides_blocks
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Open)?;
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
        Ok(VolumeFile::new(Handle::new(self.clone(), disk.last_handle, id)))
    }

    fn anchor(&self, path: &Path) -> io::Result<Box<dyn Anchor>> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Open)?;
        let node = disk.nodes.at(path).ok_or(ErrorKind::NotFound)?;
        disk.nodes.opened(node);
        Ok(Box::new(handle::SimulatedAnchor::new(self.clone(), node)))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        Ok(Box::new(handle::OwnerFile::new(self.clone(), path.to_owned())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Rename)?;
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
        disk.begin(Operation::Rename)?;
        if disk.nodes.at(from).is_none() {
            return Err(ErrorKind::NotFound.into());
        }
        disk.change(JournalEntry::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Remove)?;
        if disk.nodes.at(path).is_none() {
            return Err(ErrorKind::NotFound.into());
        }
        disk.change(JournalEntry::Remove { path: path.to_owned() });
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::SyncDirectory)?;
        disk.change(JournalEntry::SyncNames);
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::List)?;
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
