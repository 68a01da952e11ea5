//! Tests of closing while other threads work: the results of their calls, and when the file can be opened
//! again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;
use std::{iter, thread};

use larder::clock::{Clock, ManualClock};
use larder::testing::{DiskOperation, Failure};
use larder::{ByteSize, Cache, Error, Event, Invalidation, Keyspace, KeyspaceDefinition, Timestamp};
use serde::{Deserialize, Serialize};
use smol::block_on;

use crate::support::harness::Harness;
use crate::support::simulated::{SimulatedPlace, WRITES, wait_until};
use crate::support::{BLOBS, HOUR, NAMES, OnDrop, Random, SetOnDrop, VERSIONS, WATCHDOG};

const THREADS: u64 = 16;
/// Number of keys per thread.
const KEYS: u64 = 4;

/// Returns the keys that any kind of lookup finds.
fn found(versions: &Keyspace<u64, u64>) -> Vec<u64> {
    let looks =
        |key: &u64| versions.get(key).is_some() || versions.peek(key).is_some() || versions.contains_key(key);
    versions
        .keys()
        .chain(versions.iter().map(|(key, _)| key))
        .chain((0..THREADS * KEYS).filter(looks))
        .collect()
}

/// Writes until the cache is closed. Returns the last acknowledged version of each key.
fn write_until_closed(versions: &Keyspace<u64, u64>, thread: u64, mut random: Random) -> Vec<(u64, u64)> {
    let mut acknowledged: Vec<_> = (thread * KEYS..(thread + 1) * KEYS).map(|key| (key, 0)).collect();
    for version in 1.. {
        let (key, last) = &mut acknowledged[usize::try_from(random.below(KEYS)).unwrap()];
        let done = match random.below(4) {
            0 => versions.touch(key).map(|_| *last),
            1 => {
                drop(versions.get_or_load(&(THREADS * KEYS + *key), || Ok::<u64, Error>(version)));
                Ok(*last)
            }
            2 => Ok(versions.get(key).map_or(*last, |_| *last)),
            _ => versions.insert(key, version).map(|()| version),
        };
        match done {
            Ok(version) => *last = version,
            Err(Error::Closed) => break,
            Err(error) => panic!("{error}"),
        }
    }
    acknowledged
}

#[test]
fn a_closed_cache_has_nothing_and_the_file_has_what_was_acknowledged() {
    Harness::new("a_closed_cache_has_nothing", "LARDER_CLOSINGS", 300).run(|seed| {
        let place = SimulatedPlace::new();
        // Every second round has no file. Such a cache has no writer thread that refuses writes, and the next
        // cache starts empty.
        let builder = if seed % 2 == 0 { place.builder() } else { Cache::builder().shards(2) };
        let cache = builder.open().unwrap();
        let versions = cache.keyspace(VERSIONS).unwrap();
        let all = Barrier::new(usize::try_from(THREADS).unwrap() + 2);
        let acknowledged: Vec<_> = thread::scope(|scope| {
            let writers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (versions, all) = (&versions, &all);
                    scope.spawn(move || {
                        all.wait();
                        write_until_closed(versions, thread, Random::of_round(seed ^ thread << 48))
                    })
                })
                .collect();
            for closer in 0..2 {
                let (cache, versions, all) = (&cache, &versions, &all);
                scope.spawn(move || {
                    all.wait();
                    for _ in 0..Random::of_round(seed + closer).below(20) {
                        thread::yield_now();
                    }
                    cache.close().unwrap();
                    // The other threads may still make calls.
                    assert!(found(versions).is_empty());
                });
            }
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!((found(&versions), cache.stats().memory.entries), (vec![], 0));
        if seed % 2 == 0 {
            let again = place.open().keyspace(VERSIONS).unwrap();
            let on_disk = |key| again.get(key).map_or(0, |version| *version);
            for (key, version) in &acknowledged {
                assert_eq!(
                    on_disk(key),
                    *version,
                    "key {key}: an insert that was refused has changed nothing"
                );
            }
        }
    });
}

#[test]
fn lookups_on_disk_do_not_hold_the_file_that_is_closed() {
    Harness::new("lookups_on_disk", "LARDER_CLOSINGS", 30).run(|_| {
        let place = SimulatedPlace::new();
        let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
        let blobs = cache.keyspace(BLOBS).unwrap();
        for key in 0..200 {
            blobs.insert(&key, vec![1; 1_000]).unwrap();
        }
        cache.flush().unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _over = SetOnDrop(&is_over);
            for reader in 0..3 {
                let (blobs, is_over) = (&blobs, &is_over);
                scope.spawn(move || {
                    let mut key = reader;
                    while !is_over.load(Ordering::Relaxed) {
                        key = (key * 31 + 7) % 200;
                        drop((blobs.get(&key), blobs.ttl(&key)));
                    }
                });
            }
            cache.close().unwrap();
            assert_eq!(place.builder().open().unwrap().keyspace(BLOBS).unwrap().count(), 200);
            assert!((0..200).all(|key| blobs.get(&key).is_none() && blobs.ttl(&key).is_none()));
        });
    });
}

/// Checks a cache that is closed by its listener, or by the drop of one of its values. `begin` starts that
/// close. If an application thread calls `close` meanwhile, that thread can open the file as soon as its
/// call returns.
fn closes_itself(place: &SimulatedPlace, cache: &Cache, is_begun: &AtomicBool, begin: impl FnOnce()) {
    begin();
    wait_until("the cache begins to close itself", || is_begun.load(Ordering::SeqCst));
    drop(cache.close());
    assert_eq!(cache.flush().unwrap_err().to_string(), Error::Closed.to_string());
    let again = place.builder().open().unwrap();
    again.close().unwrap();
    cache.close().ok();
}

#[test]
fn what_a_listener_closes_can_be_opened_once_another_caller_is_told() {
    Harness::new("what_a_listener_closes", "LARDER_CLOSINGS", 100).run(|_| {
        let place = SimulatedPlace::new();
        let (handle, is_begun) = (Arc::new(Mutex::new(None::<Cache>)), Arc::new(AtomicBool::new(false)));
        let (theirs, begun) = (handle.clone(), is_begun.clone());
        let disk = place.disk.clone();
        let listen = move |_: &Event| {
            let taken = theirs.lock().unwrap().take();
            if let Some(cache) = taken {
                disk.heal();
                begun.store(true, Ordering::SeqCst);
                drop(cache.close());
            }
        };
        let cache = place.builder().on_event(listen).open().unwrap();
        let names = cache.keyspace(NAMES).unwrap();
        *handle.lock().unwrap() = Some(cache.clone());
        closes_itself(&place, &cache, &is_begun, || {
            place.disk.fail_every(&WRITES, Failure::Io);
            names.insert("kept", "kept".to_owned()).unwrap();
            drop(cache.flush());
        });
    });
}

#[derive(Serialize, Deserialize)]
struct Acts {
    filler: Vec<u8>,
    #[serde(skip)]
    _on_drop: Option<OnDrop>,
}

const ACTS: KeyspaceDefinition<u64, Acts> = KeyspaceDefinition::new("acts").ttl(HOUR);

/// Returns a value whose drop closes the cache.
fn closing(cache: &Cache, is_begun: &Arc<AtomicBool>) -> Acts {
    let (cache, is_begun) = (Mutex::new(Some(cache.clone())), is_begun.clone());
    let close = move || {
        let taken = cache.lock().unwrap().take();
        if let Some(cache) = taken {
            is_begun.store(true, Ordering::SeqCst);
            drop(cache.close());
        }
    };
    Acts { filler: vec![0; 4_000], _on_drop: Some(OnDrop(Box::new(close))) }
}

#[test]
fn a_value_may_close_the_cache_wherever_it_is_dropped() {
    type Lets = fn(&Cache, &Keyspace<u64, Acts>);
    let lets_go: [(&str, Lets); 5] = [
        ("replaced", |cache, acts| drop(acts.insert(&1, closing(cache, &Arc::default())))),
        ("removed", |_, acts| drop(acts.remove(&1))),
        ("cleared", |cache, _| drop(cache.clear())),
        ("closed", |cache, _| drop(cache.close())),
        ("evicted by the writer", |cache, _| drop(cache.flush())),
    ];
    for (what, lets_go) in lets_go {
        for _ in 0..20 {
            let place = SimulatedPlace::new();
            let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
            let acts = cache.keyspace(ACTS).unwrap();
            let is_begun = Arc::new(AtomicBool::new(false));
            // Evictions need more committed values than memory has room for.
            for key in 1..=if what.contains("evicted") { 60 } else { 1 } {
                // An eviction may close the cache before all values are inserted.
                if acts.insert(&key, closing(&cache, &is_begun)).is_err() {
                    break;
                }
            }
            closes_itself(&place, &cache, &is_begun, || lets_go(&cache, &acts));
        }
    }
}

fn clears(cache: &Cache, acts: &Keyspace<u64, Acts>) -> Invalidation {
    let mut stale = cache.invalidation();
    stale.clear(acts);
    stale
}

#[test]
fn a_value_may_close_the_cache_that_begins_its_removal() {
    type Removes = fn(&Cache, &Keyspace<u64, Acts>) -> Result<(), Error>;
    let removes: [(&str, Removes); 3] = [
        ("begin", |cache, acts| clears(cache, acts).begin().map(drop)),
        ("begin_async", |cache, acts| block_on(clears(cache, acts).begin_async()).map(drop)),
        ("clear_async", |cache, _| block_on(cache.clear_async()).map(drop)),
    ];
    for (call, remove) in removes {
        for has_file in [true, false] {
            let place = SimulatedPlace::new();
            let cache = if has_file { place.open() } else { Cache::builder().open().unwrap() };
            let acts = cache.keyspace(ACTS).unwrap();
            let is_begun = Arc::new(AtomicBool::new(false));
            acts.insert(&1, closing(&cache, &is_begun)).unwrap();
            let (ended, is_ended) = mpsc::channel();
            let removing = cache.clone();
            thread::spawn(move || ended.send(remove(&removing, &acts)).unwrap());
            let answer = is_ended.recv_timeout(WATCHDOG);
            assert!(answer.is_ok(), "{call} (file: {has_file}) waits for the close that waits for it");
            wait_until("the value is dropped", || is_begun.load(Ordering::SeqCst));
            drop(cache.close());
        }
    }
}

#[test]
fn a_value_may_close_the_cache_that_gives_its_keyspace_another_version() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    let is_begun = Arc::default();
    cache.keyspace(ACTS).unwrap().insert(&1, closing(&cache, &is_begun)).unwrap();
    closes_itself(&place, &cache, &is_begun, || drop(cache.keyspace(ACTS.version(1)).unwrap()));
}

#[test]
fn a_value_may_wait_for_another_thread_that_closes_the_cache() {
    let place = SimulatedPlace::new();
    let (cache, other) = (place.open(), Mutex::new(None::<Cache>));
    *other.lock().unwrap() = Some(cache.clone());
    let (closed, is_closed) = mpsc::channel();
    let close = move || {
        let taken = other.lock().unwrap().take();
        if let Some(cache) = taken {
            thread::spawn(move || cache.close()).join().unwrap().unwrap();
            closed.send(()).unwrap();
        }
    };
    let value = Acts { filler: vec![], _on_drop: Some(OnDrop(Box::new(close))) };
    cache.keyspace(ACTS).unwrap().insert(&1, value).unwrap();
    thread::spawn(move || cache.close());
    is_closed.recv_timeout(WATCHDOG).expect("the second closer waits for the first, which waits for it");
}

/// A clock that closes the cache once, on the writer thread.
#[derive(Debug, Default)]
struct ClosingClock {
    time: ManualClock,
    handle: Mutex<Option<Cache>>,
    is_begun: AtomicBool,
}

impl Clock for ClosingClock {
    fn monotonic(&self) -> Duration {
        if thread::current().name() == Some("larder-writer") {
            let taken = self.handle.lock().unwrap().take();
            if let Some(cache) = taken {
                cache.close().unwrap();
                self.is_begun.store(true, Ordering::SeqCst);
            }
        }
        self.time.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.time.wall()
    }
}

#[test]
fn what_the_writer_closes_is_closed_by_who_comes_next() {
    let place = SimulatedPlace::new();
    let clock = Arc::new(ClosingClock::default());
    let cache = place.builder().clock(clock.clone()).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("kept", "kept".to_owned()).unwrap();
    *clock.handle.lock().unwrap() = Some(cache.clone());
    drop(cache.flush());
    wait_until("the writer closes", || clock.is_begun.load(Ordering::SeqCst));
    cache.close().unwrap();
    assert!(names.get("kept").is_none() && names.keys().next().is_none());
    let names = place.open().keyspace(NAMES).unwrap();
    assert_eq!(names.get("kept").as_deref().map(String::as_str), Some("kept"));
}

#[test]
fn every_caller_is_told_that_the_last_commit_failed() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    cache.keyspace(NAMES).unwrap().insert("lost", "lost".to_owned()).unwrap();
    place.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    let told: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = iter::repeat_with(|| scope.spawn(|| cache.close())).take(4).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(told.iter().all(|told| matches!(told, Err(Error::NotDurable { .. }))), "{told:?}");
    assert!(cache.close().is_err(), "a second close reports it, too");
    place.disk.heal();
    place.open().close().unwrap();
}
