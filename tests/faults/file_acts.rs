//! Removes, moves, replaces, cuts and restores a real cache file at random moments of a workload.
//!
//! The test checks these rules:
//!
//! - A lookup returns the latest version, or misses.
//! - After a restart, no version is found that an acknowledged removal has removed.
//! - An entry of a durable insert, or of an insert before a successful flush, is found again, unless an
//!   event has since reported a loss.
//!
//! If another file replaces the cache file after a call has returned, the change of that call may be lost,
//! and `close` then fails. So after a failed `close`, calls from before the last act are not checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use larder::{Cache, Durability, Error, Event, InsertOptions, Keyspace, MAX_RETRY_DELAY};

use crate::support::harness::Harness;
use crate::support::{Place, Random, VERSIONS, panics_with, spin};

const KEYS: u64 = 12;
const CALLS: u64 = 60;

/// Number of different acts. Some acts need a file that another act makes.
const ACTS: u64 = 10;

/// Performs one act of another program. Does nothing if a file that the act needs is missing.
fn act(place: &Place, which: u64, is_between_calls: bool) {
    let (path, beside) = (place.path(), |name: &str| -> PathBuf { place.dir().join(name) });
    match which {
        0 => drop(fs::remove_file(&path)),
        1 => drop(fs::rename(&path, beside("away"))),
        2 | 3 => drop(fs::rename(beside("away"), &path)),
        4 => drop(fs::copy(&path, beside("copy"))),
        5 => drop(fs::rename(beside("copy"), &path)),
        6 => {
            fs::write(beside("letters"), "a note of the user").unwrap();
            drop(fs::rename(beside("letters"), &path));
        }
        7 => {
            // This hard link keeps the file when a later act removes its path.
            drop(fs::remove_file(beside("away")));
            drop(fs::hard_link(&path, beside("away")));
        }
        8 => drop(fs::remove_file(beside("shop.larder.lock"))),
        // During a commit, the cache can't distinguish this change from its own writes.
        _ if is_between_calls => {
            if let Ok(file) = fs::OpenOptions::new().write(true).open(&path) {
                drop(file.set_len(fs::metadata(&path).map_or(0, |found| found.len() / 2)));
            }
        }
        _ => {}
    }
}

/// The latest acknowledgement for a key.
#[derive(Debug, Clone, Copy, Default)]
struct Promise {
    version: u64,
    /// Number of acts before the call began.
    acts: u64,
    /// Number of events when the call returned.
    events: u64,
}

#[derive(Debug, Default)]
struct RestartOracle {
    latest: BTreeMap<u64, Option<u64>>,
    /// For each removed key, the lowest version that may be found again.
    removed: BTreeMap<u64, Promise>,
    /// For each durable key, the oldest version that may be found, unless the key has been removed since.
    durable: BTreeMap<u64, Promise>,
    /// The inserted versions, which are on disk once a flush has returned `Ok`.
    written: BTreeMap<u64, u64>,
}

struct Round {
    place: Place,
    acts: AtomicU64,
    /// The acts and calls in their order, for failure messages.
    history: Mutex<Vec<String>>,
    events: Arc<AtomicU64>,
    oracle: RestartOracle,
    last_version: u64,
}

impl Round {
    fn new() -> Self {
        let (place, events) = (Place::in_memory(), Arc::default());
        Self {
            place,
            acts: AtomicU64::new(0),
            history: Mutex::default(),
            events,
            oracle: RestartOracle::default(),
            last_version: 0,
        }
    }

    fn open(&self) -> Result<(Cache, Keyspace<u64, u64>), Error> {
        let events = self.events.clone();
        let cache = self.place.builder().memory_capacity(64_u64 << 10).on_event(move |event| {
            let is_back = matches!(event, Event::DiskRecovered { .. } | Event::LockLost { .. });
            events.fetch_add(u64::from(!is_back), Ordering::SeqCst);
        });
        let cache = cache.open()?;
        let versions = cache.keyspace(VERSIONS)?;
        Ok((cache, versions))
    }

    /// Makes one call, and possibly performs an act before, during or after it.
    fn call(&mut self, cache: &Cache, versions: &Keyspace<u64, u64>, random: &mut Random, is_apart: bool) {
        let (which, key, is_acting) = (random.below(10), random.below(KEYS), random.below(4) == 0);
        let (an_act, moment) = (random.below(ACTS), random.below(400));
        let began = self.acts.load(Ordering::SeqCst);
        let Self { place, acts, history, events, oracle, last_version } = self;
        let history = &*history;
        let do_act = |is_between: bool| {
            act(place, an_act, is_between);
            acts.fetch_add(1, Ordering::SeqCst);
            history.lock().unwrap().push(format!("act {an_act}"));
        };
        std::thread::scope(|scope| {
            if is_acting && is_apart {
                scope.spawn(|| {
                    spin(moment);
                    do_act(false);
                });
            }
            *last_version += 1;
            let version = *last_version;
            let promise = |version| Promise { version, acts: began, events: events.load(Ordering::SeqCst) };
            let state = cache.stats().disk.map(|disk| (disk.state, disk.off));
            history.lock().unwrap().push(format!("call {which} of {key}: {version}, {state:?}"));
            match which {
                0..=2 => {
                    versions.insert(&key, version).unwrap();
                    oracle.latest.insert(key, Some(version));
                    oracle.written.insert(key, version);
                }
                3 | 4 => {
                    let immediate = InsertOptions::new().durability(Durability::Immediate);
                    let answer = versions.insert_with(&key, version, immediate);
                    oracle.latest.insert(key, Some(version));
                    oracle.written.insert(key, version);
                    if held(answer) {
                        oracle.durable.insert(key, promise(version));
                    }
                }
                5 | 6 => {
                    oracle.durable.remove(&key);
                    oracle.written.remove(&key);
                    let answer = versions.remove(&key).map(drop);
                    oracle.latest.insert(key, None);
                    if held(answer) {
                        oracle.removed.insert(key, promise(version));
                    }
                }
                7 => {
                    let written = std::mem::take(&mut oracle.written);
                    if held(cache.flush()) {
                        oracle
                            .durable
                            .extend(written.into_iter().map(|(key, version)| (key, promise(version))));
                    }
                }
                _ => {
                    let found = versions.get(&key).map(|found| *found);
                    let latest = oracle.latest.get(&key).copied().flatten();
                    assert!(found.is_none() || found == latest, "{key} is {found:?}, was made {latest:?}");
                }
            }
        });
        if is_acting && !is_apart {
            do_act(true);
        }
        if random.below(12) == 0 {
            self.place.clock.advance(MAX_RETRY_DELAY);
        }
    }

    /// Restarts the cache, and compares what it finds with the acknowledgements.
    fn restart(&self, has_closed: bool) {
        let (acts, events) = (self.acts.load(Ordering::SeqCst), self.events.load(Ordering::SeqCst));
        let (cache, versions) = match self.open() {
            Ok(opened) => opened,
            // An act has replaced the file with a text file.
            Err(Error::Foreign { .. }) if !has_closed => return,
            Err(error) => panic!("a restart fails: {error}"),
        };
        let holds = |promise: &Promise| has_closed || promise.acts == acts;
        for key in 0..KEYS {
            let found = versions.get(&key).map(|found| *found);
            let removed = self.oracle.removed.get(&key).filter(|promise| holds(promise));
            let why = || {
                format!(
                    "{key} is {found:?}, closed: {has_closed}, {acts} acts, {events} events: {:#?} {:?}",
                    self.history, self.oracle
                )
            };
            assert!(
                removed.is_none_or(|removed| found.is_none_or(|found| found >= removed.version)),
                "{}",
                why()
            );
            let durable =
                self.oracle.durable.get(&key).filter(|promise| holds(promise) && promise.events == events);
            assert!(
                durable.is_none_or(|durable| found.is_some_and(|found| found >= durable.version)),
                "{}",
                why()
            );
        }
        drop(versions);
        drop(cache.close());
    }
}

/// Returns whether the call has made its changes durable. Panics at any other error than `NotDurable`.
fn held(answer: Result<(), Error>) -> bool {
    match answer {
        Ok(()) => true,
        Err(Error::NotDurable { .. }) => false,
        Err(error) => panic!("a call failed: {error}"),
    }
}

fn run(seed: u64) {
    let random = &mut Random::of_round(seed);
    let mut round = Round::new();
    let (cache, versions) = round.open().unwrap();
    let is_apart = random.below(2) == 0;
    for _ in 0..random.below(CALLS) {
        round.call(&cache, &versions, random, is_apart);
    }
    drop(versions);
    let has_closed = cache.close().is_ok();
    drop(cache);
    round.restart(has_closed);
}

#[test]
fn contract_3_what_happens_to_the_file_brings_nothing_back() {
    let harness =
        Harness::new("contract_3_what_happens_to_the_file_brings_nothing_back", "LARDER_FILE_ACTS", 150);
    harness.run(run);
}

#[test]
fn a_removal_that_was_acknowledged_and_comes_back_is_noticed() {
    let noticed = |removed: u64, durable: u64| {
        let mut round = Round::new();
        let (cache, versions) = round.open().unwrap();
        versions.insert(&0, 5).unwrap();
        drop(versions);
        cache.close().unwrap();
        round.oracle.removed.insert(0, Promise { version: removed, ..Promise::default() });
        round.oracle.durable.insert(0, Promise { version: durable, ..Promise::default() });
        panics_with(", closed: true, ", || round.restart(true))
    };
    assert!(!noticed(4, 5) && noticed(6, 5) && noticed(4, 6));
}
