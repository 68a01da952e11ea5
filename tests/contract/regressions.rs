//! Regression tests for bugs that reviews found.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use larder::{ByteSize, Cache, Error, InsertOptions, Keyspace, KeyspaceDefinition};

use crate::support::{BLOBS, HOUR, NAMES, Place, SetOnDrop, VERSIONS};

/// A writer changes the source and then clears the cache, while other threads load and touch. No load or
/// touch may leave a stale value.
#[test]
fn a_load_or_touch_that_races_with_clear_leaves_nothing_stale() {
    const KEYS: u64 = 64;
    let place = Place::new();
    let cache = Cache::builder()
        .path(place.path())
        .shards(64)
        .flush_interval(Duration::from_millis(1))
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let (truth, done) = (AtomicU64::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        for thread in 0..2 {
            let (versions, truth, done) = (&versions, &truth, &done);
            scope.spawn(move || {
                for round in 0_u64.. {
                    if done.load(Ordering::SeqCst) {
                        return;
                    }
                    let key = (round * 7 + thread) % KEYS;
                    versions.get_or_load(&key, || Ok::<_, Error>(truth.load(Ordering::SeqCst))).unwrap();
                    versions.touch(&key).unwrap();
                }
            });
        }
        let _done = SetOnDrop(&done);
        for version in 2..60 {
            truth.store(version, Ordering::SeqCst);
            let _removed = if version % 2 == 0 { cache.clear().unwrap() } else { versions.clear().unwrap() };
            for key in 0..KEYS {
                let found = versions.get(&key).map(|found| *found);
                assert!(
                    found.is_none_or(|found| found >= version),
                    "{key}: {found:?} after clearing {version}"
                );
            }
        }
    });
}

#[test]
fn touching_during_an_update_ends() {
    let place = Place::new();
    let names = place.open().keyspace(NAMES).unwrap();
    let update = names.begin_update("key").unwrap();
    names
        .insert_with("key", "explicit".to_owned(), InsertOptions::new().ttl(Duration::from_secs(1)))
        .unwrap();
    assert!(names.touch("key").unwrap());
    assert_eq!(names.ttl("key"), Some(HOUR.into()));
    update.finish();
}

#[test]
fn files_of_others_with_the_names_of_ours_are_left_alone() {
    let place = Place::new();
    let path = place.dir().join("Cargo");
    fs::write(place.dir().join("Cargo.lock"), "[[package]]\n").unwrap();
    fs::write(place.dir().join("Cargo.new"), "notes").unwrap();
    let refused = Cache::builder().path(&path).open().unwrap_err();
    assert!(
        matches!(refused, Error::Foreign { .. }) && refused.to_string().contains("Cargo.lock"),
        "{refused}"
    );
    assert_eq!(fs::read(place.dir().join("Cargo.lock")).unwrap(), b"[[package]]\n");
    assert_eq!(fs::read(place.dir().join("Cargo.new")).unwrap(), b"notes");
    assert!(!path.exists());
}

#[test]
fn a_second_close_waits_for_the_first() {
    for _ in 0..20 {
        let place = Place::new();
        let cache = place.open();
        let blobs = cache.keyspace(BLOBS).unwrap();
        for key in 0..200 {
            blobs.insert(&key, vec![0; 1000]).unwrap();
        }
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                let cache = cache.clone();
                let both = &both;
                let place = &place;
                scope.spawn(move || {
                    both.wait();
                    cache.close().unwrap();
                    // The first closer may reopen the file as soon as its `close` returns. The other closer
                    // may then find the file in use by this process.
                    match place.builder().open() {
                        Ok(again) => assert_eq!(again.stats().disk.unwrap().recovered_entries, 200),
                        Err(error) => assert!(matches!(error, Error::InUse { .. })),
                    }
                });
            }
        });
        assert_eq!(place.open().stats().disk.unwrap().recovered_entries, 200);
    }
}

#[test]
fn removing_what_is_not_there_leaves_nothing_behind() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..2_000 {
        assert!(!names.remove(&number.to_string()).unwrap());
    }
    let stats = cache.stats();
    // One commit stores the keyspace in the file. The sweeper's first sweep may commit a tombstone before
    // that tombstone is cancelled.
    assert!(stats.disk.unwrap().commits <= 2);
    assert_eq!(stats.memory.entries, 0);
}

#[test]
fn a_walk_and_a_clear_find_what_memory_alone_still_holds() {
    let place = Place::new();
    let cache =
        place.builder().disk_capacity(ByteSize::mib(1)).memory_capacity(ByteSize::mib(32)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..2_000 {
        blobs.insert(&key, vec![1; 1_000]).unwrap();
    }
    cache.flush().unwrap();
    assert!(cache.stats().disk.unwrap().entries < 1_000, "the disk had to evict");
    assert_eq!(blobs.count(), 2_000);
    assert_eq!(blobs.iter().count(), 2_000);
    assert_eq!(blobs.clear().unwrap(), 2_000);
}

#[test]
fn a_keyspace_of_another_type_does_not_meet_the_values_of_the_first() {
    const TEXT: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("space");
    const NUMBER: KeyspaceDefinition<u64, u8> = KeyspaceDefinition::new("space");
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(TEXT).unwrap().insert(&1, "text".to_owned()).unwrap();
    let numbers = cache.keyspace(NUMBER).unwrap();
    let loads = AtomicU64::new(0);
    for _ in 0..3 {
        let load = || Ok::<_, Error>(u8::try_from(loads.fetch_add(1, Ordering::SeqCst)).unwrap());
        assert_eq!(*numbers.get_or_load(&1, load).unwrap(), 0);
    }
    assert_eq!(loads.into_inner(), 1);
}

#[test]
fn retired_entries_are_swept_without_being_asked_for() {
    let cache_place = Place::new();
    let cache = cache_place.open();
    cache.keyspace(NAMES).unwrap().insert("old", String::new()).unwrap();
    cache.flush().unwrap();
    let names = cache.keyspace(NAMES.version(1)).unwrap();
    assert_eq!(cache.clear().unwrap(), 0, "an entry that no handle can reach is not counted");
    names.insert("new", String::new()).unwrap();
    drop(names);
    cache.flush().unwrap();
    let _names = cache.keyspace(NAMES.version(2)).unwrap();
    // The sweeper runs although no call requests a sweep. The test harness limits this wait.
    while !cache.stats().disk.unwrap().bytes.is_zero() {
        cache_place.clock.advance(Duration::from_secs(1));
        thread::yield_now();
    }
}

/// A value of a keyspace on disk. Its drop runs a function.
struct Loud(Arc<dyn Fn() + Send + Sync>);

impl serde::Serialize for Loud {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        vec![0_u8; 20_000].serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Loud {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(deserializer)?;
        Ok(Self(Arc::new(|| ())))
    }
}

impl Drop for Loud {
    fn drop(&mut self) {
        (self.0)();
    }
}

const LOUD: KeyspaceDefinition<u64, Loud> = KeyspaceDefinition::new("loud");

#[test]
fn a_users_drop_may_wait_for_a_commit_wherever_the_value_was_let_go() {
    let place = Place::new();
    let cache = place
        .builder()
        .memory_capacity(ByteSize::kib(64))
        .flush_interval(Duration::from_millis(1))
        .open()
        .unwrap();
    let (loud, names) = (cache.keyspace(LOUD).unwrap(), cache.keyspace(NAMES).unwrap());
    let (calls, handle) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Some(names.clone()))));
    for key in 0..20 {
        let (counted, handle) = (calls.clone(), handle.clone());
        let call = move || {
            let names: Option<Keyspace<_, _>> = handle.lock().unwrap().clone();
            if let Some(names) = names {
                names.insert("dropped", String::new()).unwrap();
                // This removal waits for a commit. The drop may run on any thread except the writer.
                assert!(names.remove("dropped").is_ok());
                counted.fetch_add(1, Ordering::SeqCst);
            }
        };
        loud.insert(&key, Loud(Arc::new(call))).unwrap();
    }
    cache.flush().unwrap();
    while calls.load(Ordering::SeqCst) < 10 {
        thread::yield_now();
    }
    cache.flush().unwrap();
    *handle.lock().unwrap() = None;
}

#[test]
fn the_last_handle_may_go_with_a_value_that_the_writer_let_go() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).shards(1).open().unwrap();
    let loud = cache.keyspace(LOUD).unwrap();
    let handle = Mutex::new(Some((cache.clone(), loud.clone())));
    loud.insert(&0, Loud(Arc::new(move || drop(handle.lock().unwrap().take())))).unwrap();
    // When these entries are committed, they evict the first entry.
    for key in 1..10 {
        loud.insert(&key, Loud(Arc::new(|| ()))).unwrap();
    }
    drop(loud);
    drop(cache.flush());
    drop(cache);
    place.builder().open_timeout(Duration::from_secs(20)).open().unwrap();
}

/// In an earlier version, a panic left barriers of the removal in the shards that the removal had not
/// reached. No later load in these shards was cached.
#[test]
fn a_removal_is_made_though_a_value_panics_when_it_is_dropped() {
    const KEYS: u64 = 40;
    type Removal = fn(&Cache, &Keyspace<u64, Loud>) -> Result<u64, Error>;
    let removals: [Removal; 3] = [
        |cache, _| cache.clear(),
        |_, loud| loud.clear(),
        |_, loud| loud.remove_many(&(0..KEYS).collect::<Vec<_>>()),
    ];
    for remove in removals {
        let place = Place::new();
        let cache = place.builder().shards(8).open().unwrap();
        let loud = cache.keyspace(LOUD).unwrap();
        let panics = || Loud(Arc::new(|| assert!(thread::panicking(), "planted")));
        (0..KEYS).for_each(|key| loud.insert(&key, panics()).unwrap());
        cache.flush().unwrap();
        assert_eq!(remove(&cache, &loud).unwrap(), KEYS);
        let crashed = Place::new();
        fs::copy(place.path(), crashed.path()).unwrap();
        assert_eq!(crashed.open().stats().disk.unwrap().entries, 0, "it is durable");
        for key in 0..KEYS {
            let quiet = || Ok::<_, Error>(Loud(Arc::new(|| ())));
            assert!(loud.get_or_load(&key, quiet).is_ok() && loud.get(&key).is_some());
        }
        let keyspace = &cache.stats().keyspaces[0];
        assert_eq!((keyspace.loads, keyspace.voided_fills), (KEYS, 0));
    }
}
