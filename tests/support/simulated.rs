//! A place for a cache on a simulated disk. The test sets the time, and receives the events.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use larder::clock::ManualClock;
use larder::testing::{DiskOperation, Failure, SimulatedVolume, await_first_sweep};
use larder::{Cache, CacheBuilder, DiskState, DiskStats, Error, Event, Keyspace, MAX_RETRY_DELAY};

use crate::support::watchdog::Watch;
use crate::support::{HOUR, NAMES, watch_this_test};

pub(crate) const PATH: &str = "/cache/shop.larder";

/// A simulated disk with a path for a cache file.
#[derive(Clone)]
pub(crate) struct SimulatedPlace {
    pub(crate) disk: SimulatedVolume,
    pub(crate) clock: Arc<ManualClock>,
    events: Arc<Mutex<Vec<Event>>>,
    /// Ends the process if the test hangs.
    _watch: Arc<Watch>,
}

impl SimulatedPlace {
    pub(crate) fn new() -> Self {
        Self::on(SimulatedVolume::new())
    }

    pub(crate) fn on(disk: SimulatedVolume) -> Self {
        let watch = Arc::new(watch_this_test());
        Self { disk, clock: Arc::new(ManualClock::new()), events: Arc::default(), _watch: watch }
    }

    /// Returns a place on another disk, with the same clock and listener.
    pub(crate) fn moved_to(&self, disk: SimulatedVolume) -> Self {
        Self { disk, ..self.clone() }
    }

    /// Returns a builder for a cache at this place with this clock. Its flush interval is an hour, so that
    /// the cache commits mostly on request.
    pub(crate) fn builder(&self) -> CacheBuilder {
        let events = self.events.clone();
        Cache::builder()
            .path(PATH)
            .volume(&self.disk)
            .clock(self.clock.clone())
            .flush_interval(HOUR)
            .shards(2)
            .on_event(move |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone()))
    }

    /// Opens a cache, and waits for the first sweep. The sweep includes a step of the writer, and such a
    /// step could disturb a test that counts disk operations.
    pub(crate) fn open(&self) -> Cache {
        open_swept(self.builder())
    }

    /// Returns the paths of damaged files that were moved aside and kept.
    pub(crate) fn quarantined_files(&self) -> Vec<PathBuf> {
        let is_quarantined = |path: &PathBuf| path.to_string_lossy().contains(".damaged-");
        self.disk.files().into_iter().filter(is_quarantined).collect()
    }

    /// Returns the index of the next disk operation.
    pub(crate) fn next_operation(&self) -> u64 {
        self.disk.operations().len() as u64
    }

    /// Heals the disk, and advances the clock until the disk tier retries.
    pub(crate) fn retry(&self, cache: &Cache) {
        self.disk.heal();
        for _ in 0..5 {
            self.clock.advance(MAX_RETRY_DELAY);
            // The first flush after an outage may return an error, because the cache had no file.
            drop(cache.flush());
        }
    }

    /// Returns the events since the last call. A thread of the cache sends the events, so they are complete
    /// only after the cache is closed.
    pub(crate) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the listener has received `count` events, and returns them.
    pub(crate) fn wait_for_events(&self, count: usize) -> Vec<Event> {
        let mut told = Vec::new();
        wait_until("the events are told", || {
            told.extend(self.events());
            told.len() >= count
        });
        told
    }
}

pub(crate) fn disk_of(cache: &Cache) -> DiskStats {
    cache.stats().disk.unwrap()
}

pub(crate) fn state_of(cache: &Cache) -> DiskState {
    disk_of(cache).state
}

pub(crate) fn open_swept(builder: CacheBuilder) -> Cache {
    let cache = builder.open().unwrap();
    // On a failing disk, the sweep may return an error.
    drop(await_first_sweep(&cache));
    cache
}

/// Waits until another thread makes `is_so` return true, without using a clock. Panics with the name `what`
/// after many attempts.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..50_000_000_u64 {
        if is_so() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("{what}: never");
}

/// The operations that a write needs. When they fail, a file can still be renamed and removed.
pub(crate) const WRITES: [DiskOperation; 3] =
    [DiskOperation::Write, DiskOperation::SetLen, DiskOperation::Sync];

pub(crate) type Names = Keyspace<String, String>;

/// Opens a cache with the committed entries `kept` and `old`, neither of which is in memory.
pub(crate) fn filled(place: &SimulatedPlace) -> (Cache, Names) {
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("kept", "kept 1".to_owned()).unwrap();
    names.insert("old", "old 1".to_owned()).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    (cache, names)
}

/// Like [`filled`], but with a suspended disk tier. The entry `new` waits for its commit, and every operation
/// that changes the disk fails.
pub(crate) fn suspended(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    place.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    assert!(matches!(cache.flush(), Err(Error::NotDurable { .. })));
    assert_eq!(state_of(&cache), DiskState::Suspended);
    (cache, names)
}

/// Commits 300 blobs that begin with 1. Then fills the disk, and inserts 600 blobs that begin with 7, whose
/// commit suspends the disk tier. Only the ballast can make room.
pub(crate) fn suspend_on_full_disk(place: &SimulatedPlace, cache: &Cache, blobs: &Keyspace<u64, Vec<u8>>) {
    for key in 0..300 {
        blobs.insert(&key, vec![1; 3_000]).unwrap();
    }
    cache.flush().unwrap();
    place.disk.set_capacity(Some(place.disk.used()));
    for key in 300..900 {
        blobs.insert(&key, vec![7; 3_000]).unwrap();
    }
    assert!(cache.flush().is_err());
    assert_eq!(state_of(cache), DiskState::Suspended);
}

/// Like [`filled`], but the file was discarded for the removal of `kept`. The entry `new` is in memory only,
/// and no write to the disk succeeds.
pub(crate) fn discarded(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    place.disk.fail_every(&WRITES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    // If the sweeper detects the failing disk first, the removal does not read the file. So the test does
    // not check whether the removal found an entry.
    assert!(names.remove("kept").is_ok(), "no restart can find the file: it is removed for good");
    assert_eq!(state_of(&cache), DiskState::Discarded);
    (cache, names)
}

/// Heals the disk, and makes the cache use it again. The first flush may return an error, because the cache
/// had no file.
pub(crate) fn recover(place: &SimulatedPlace, cache: &Cache) {
    place.disk.heal();
    place.clock.advance(MAX_RETRY_DELAY);
    drop(cache.flush());
    cache.flush().unwrap();
    assert_eq!(state_of(cache), DiskState::On);
}

pub(crate) fn value(names: &Names, key: &str) -> Option<String> {
    names.get(key).map(|value| (*value).clone())
}
