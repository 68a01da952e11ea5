//! A place for a cache on a simulated disk, with time and events in the test's hands.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use larder::clock::ManualClock;
use larder::testing::{Failure, Operation, SimulatedVolume, await_first_sweep};
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
    /// A test whose cache hangs fails.
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

    /// The same time and the same listener on another disk.
    pub(crate) fn moved_to(&self, disk: SimulatedVolume) -> Self {
        Self { disk, ..self.clone() }
    }

    /// A cache of this place that keeps the place's time and commits when it is told to.
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

    /// A cache whose sweeper has looked for the first time: until then it asks the writer for a step of its own,
    /// between any two operations of the disk that a test counts.
    pub(crate) fn open(&self) -> Cache {
        let cache = self.builder().open().unwrap();
        // On a disk that fails there is nothing to wait for.
        drop(await_first_sweep(&cache));
        cache
    }

    /// Damaged files that were moved aside and kept.
    pub(crate) fn quarantined_files(&self) -> Vec<PathBuf> {
        let is_quarantined = |path: &PathBuf| path.to_string_lossy().contains(".damaged-");
        self.disk.files().into_iter().filter(is_quarantined).collect()
    }

    /// The number that the next operation of the disk will have.
    pub(crate) fn next_operation(&self) -> u64 {
        self.disk.operations().len() as u64
    }

    /// Lets time pass until the disk tier, which nothing fails any more, has had every chance to be back.
    pub(crate) fn retry(&self, cache: &Cache) {
        self.disk.heal();
        for _ in 0..5 {
            self.clock.advance(MAX_RETRY_DELAY);
            // The first after a time without a file tells of it.
            drop(cache.flush());
        }
    }

    /// The events told since this was last asked. They are told on a thread of the cache: closing it first
    /// makes them complete.
    pub(crate) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the listener has been told so many events, and takes them.
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

/// Waits for what another thread will do, without time: that it ends is what the test is about.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..50_000_000_u64 {
        if is_so() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("{what}: never");
}

/// What writing a file takes; renaming and removing it is still possible without.
pub(crate) const WRITES: [Operation; 3] = [Operation::Write, Operation::SetLen, Operation::Sync];

pub(crate) type Names = Keyspace<String, String>;

/// A cache with `kept` and `old` committed, and `old` not in memory any more.
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

/// The same, with the disk tier suspended: `new` waits to be committed, and the disk fails whatever it is asked to change.
pub(crate) fn suspended(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    place.disk.fail_every(&Operation::CHANGES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    assert!(matches!(cache.flush(), Err(Error::NotDurable { .. })));
    assert_eq!(state_of(&cache), DiskState::Suspended);
    (cache, names)
}

/// The same, with the file discarded for the removal of `kept`: `new` lives in memory alone, and nothing can be written.
pub(crate) fn discarded(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    place.disk.fail_every(&WRITES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    // Whether it was there is not known if the sweeper was the first to find that the disk fails: the file is not asked then.
    assert!(names.remove("kept").is_ok(), "no restart can find the file: it is removed for good");
    assert_eq!(state_of(&cache), DiskState::Discarded);
    (cache, names)
}

/// Lets the disk work again, and waits for the cache to use it. The first flush after a time without a file tells of it.
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
