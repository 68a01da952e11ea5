//! A disk that can stall: it stores its files in the operating system, and delays their syncs and reads.
//!
//! A stalled sync or read neither ends nor returns an error. While syncs are stalled, entries wait for their
//! commit.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use redb::StorageBackend;

use crate::config::CacheBuilder;
use crate::sys::clock::ManualClock;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::sys::volume::content::FileContent;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::forward_backend::forward_backend;
use crate::sys::volume::forward_locks::forward_locks;
use crate::sys::volume::forward_volume::forward_volume;
use crate::sys::volume::os::OsVolume;

/// A disk with real files, whose syncs and reads a test can stall. All clones control the same disk.
///
/// ```
/// use larder::{Cache, KeyspaceDefinition, testing::StallingDisk};
/// const NAME: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("name");
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("shop.larder");
/// let disk = StallingDisk::new();
/// let cache = Cache::builder().path(path).stalling_disk(&disk).open()?;
/// let names = cache.keyspace(NAME)?;
/// disk.stall();
/// names.insert(&7, "Ada".to_owned())?;
/// disk.await_sync();
/// assert_eq!(cache.stats().disk.map(|disk| disk.entries), Some(0), "it waits for its commit");
/// disk.resume();
/// cache.flush()?;
/// assert_eq!(cache.stats().disk.map(|disk| disk.entries), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct StallingDisk {
    // Uses `parking_lot` directly, as the simulated disk does. The model checker never runs on real files, so
    // it does not need to control this lock.
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    syncs: Mutex<Calls>,
    reads: Mutex<Calls>,
    /// The clock that each read advances, and by how much.
    slowness: Mutex<Option<(Arc<ManualClock>, Duration)>>,
    changed: Condvar,
    read_changed: Condvar,
}

#[derive(Debug, Default)]
struct Calls {
    are_stalled: bool,
    waiting: usize,
}

impl Gate {
    fn pass(calls: &Mutex<Calls>, changed: &Condvar) {
        let mut calls = calls.lock();
        calls.waiting += 1;
        changed.notify_all();
        while calls.are_stalled {
            changed.wait(&mut calls);
        }
        calls.waiting -= 1;
    }

    fn sync(&self) {
        Self::pass(&self.syncs, &self.changed);
    }

    fn read(&self) {
        Self::pass(&self.reads, &self.read_changed);
        let slowness = self.slowness.lock().clone();
        if let Some((clock, took)) = slowness {
            clock.advance(took);
        }
    }
}

impl StallingDisk {
    /// Creates a disk that is not stalled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stalls every sync from now on.
    pub fn stall(&self) {
        self.gate.syncs.lock().are_stalled = true;
    }

    /// Waits until a sync is stalled. The commit that needs this sync cannot end before
    /// [`resume`](Self::resume).
    pub fn await_sync(&self) {
        let mut syncs = self.gate.syncs.lock();
        while syncs.waiting == 0 {
            self.gate.changed.wait(&mut syncs);
        }
    }

    /// Ends the stall of syncs and reads, and the effect of [`slow_reads`](Self::slow_reads).
    pub fn resume(&self) {
        self.gate.syncs.lock().are_stalled = false;
        self.gate.changed.notify_all();
        self.gate.reads.lock().are_stalled = false;
        self.gate.read_changed.notify_all();
        *self.gate.slowness.lock() = None;
    }

    /// Makes every read advance this clock by `took` from now on, as if the read took that time.
    pub fn slow_reads(&self, clock: &Arc<ManualClock>, took: Duration) {
        *self.gate.slowness.lock() = Some((clock.clone(), took));
    }

    /// Stalls every read from now on.
    pub fn stall_reads(&self) {
        self.gate.reads.lock().are_stalled = true;
    }

    /// Waits until a read is stalled. That read cannot end before [`resume`](Self::resume).
    pub fn await_read(&self) {
        let mut reads = self.gate.reads.lock();
        while reads.waiting == 0 {
            self.gate.read_changed.wait(&mut reads);
        }
    }
}

impl CacheBuilder {
    /// Puts the cache file on a disk that can be stalled. For tests (feature `test-util`).
    pub fn stalling_disk(mut self, disk: &StallingDisk) -> Self {
        self.volume = Arc::new(disk.clone());
        self
    }
}

impl StallingDisk {
    #[expect(clippy::unused_self, reason = "`forward_volume` calls it as a method")]
    fn below(&self) -> &dyn Volume {
        &OsVolume
    }
}

impl Volume for StallingDisk {
    forward_volume! {
        metadata counts_blocks anchor open_lock rename replace remove list create_directories
        missing_directories remove_directory real_directory
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<VolumeFile> {
        let file = OsVolume.open(path, create)?;
        Ok(VolumeFile::new(StallingFile { file, gate: Arc::clone(&self.gate) }))
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.gate.sync();
        OsVolume.sync_directory(directory)
    }
}

#[derive(Debug)]
struct StallingFile {
    file: VolumeFile,
    gate: Arc<Gate>,
}

impl FileContent for StallingFile {
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.punch(offset, len)
    }

    fn data(&self) -> io::Result<Vec<Range<u64>>> {
        self.file.data()
    }
}

impl StorageBackend for StallingFile {
    forward_backend! { file: len set_len write close }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.gate.read();
        self.file.read(offset, out)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.sync();
        self.file.sync_data()
    }

    forward_locks!(file);
}
