//! A place for a cache on a simulated disk. The test controls time, and collects events.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use larder::clock::ManualClock;
use larder::testing::{DiskOperation, Failure, SimulatedVolume, await_first_sweep};
use larder::{Cache, CacheBuilder, DiskState, DiskStats, Error, Event, Keyspace, MAX_RETRY_DELAY};

use crate::support::watchdog::Watch;
use crate::support::{HOUR, NAMES, watch_this_test};

pub(crate) const PATH: &str = "/cache/shop.larder";

/// A simulated disk with a place for a cache file.
#[derive(Clone)]
pub(crate) struct SimulatedPlace {
    pub(crate) disk: SimulatedVolume,
    pub(crate) clock: Arc<ManualClock>,
    events: Arc<Mutex<Vec<Event>>>,
    /// Fails the test if its cache hangs.
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

    /// Returns a place with the same time and the same listener on another disk.
    pub(crate) fn moved_to(&self, disk: SimulatedVolume) -> Self {
        Self { disk, ..self.clone() }
    }

    /// Returns settings for a cache in this place. It keeps the place's time, and commits only when it is
    /// told to.
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

    /// Opens a cache, and waits for its sweeper's first sweep. Before that, the sweeper asks the writer for a
    /// step of its own, which could come between any two operations of the disk that a test counts.
    pub(crate) fn open(&self) -> Cache {
        open_swept(self.builder())
    }

    /// Returns the damaged files that were moved aside and kept.
    pub(crate) fn quarantined_files(&self) -> Vec<PathBuf> {
        let is_quarantined = |path: &PathBuf| path.to_string_lossy().contains(".damaged-");
        self.disk.files().into_iter().filter(is_quarantined).collect()
    }

    /// Returns the number of the disk's next operation.
    pub(crate) fn next_operation(&self) -> u64 {
        self.disk.operations().len() as u64
    }

    /// Heals the disk, and lets enough time pass for the disk tier to be back.
    pub(crate) fn retry(&self, cache: &Cache) {
        self.disk.heal();
        for _ in 0..5 {
            self.clock.advance(MAX_RETRY_DELAY);
            // The first flush after a time without a file reports that time as an error.
            drop(cache.flush());
        }
    }

    /// Returns the events since the last call. They are sent on a thread of the cache, so they are complete
    /// once it is closed.
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

/// Opens a cache with other settings than [`SimulatedPlace::open`] has. Waits for its first sweep too.
pub(crate) fn open_swept(builder: CacheBuilder) -> Cache {
    let cache = builder.open().unwrap();
    // On a disk that fails, the first sweep never comes.
    drop(await_first_sweep(&cache));
    cache
}

/// Waits for what another thread will do, without a clock. A test that uses it checks that the wait ends.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..50_000_000_u64 {
        if is_so() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("{what}: never");
}

/// The operations that writing a file needs. Without them a file can still be renamed and removed.
pub(crate) const WRITES: [DiskOperation; 3] =
    [DiskOperation::Write, DiskOperation::SetLen, DiskOperation::Sync];

pub(crate) type Names = Keyspace<String, String>;

/// Opens a cache with `kept` and `old` committed. Neither is in memory.
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

/// The same, with the disk tier suspended: `new` waits to be committed, and every operation that changes the
/// disk fails.
pub(crate) fn suspended(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    place.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    assert!(matches!(cache.flush(), Err(Error::NotDurable { .. })));
    assert_eq!(state_of(&cache), DiskState::Suspended);
    (cache, names)
}

/// The same, with the file discarded for the removal of `kept`: `new` is in memory alone, and nothing can be
/// written.
pub(crate) fn discarded(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    place.disk.fail_every(&WRITES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    // The number of removed entries is unknown if the sweeper was the first to find that the disk fails. Then
    // the file is not asked.
    assert!(names.remove("kept").is_ok(), "no restart can find the file: it is removed for good");
    assert_eq!(state_of(&cache), DiskState::Discarded);
    (cache, names)
}

/// Heals the disk, and waits until the cache uses it. The first flush after a time without a file reports
/// that time as an error.
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
