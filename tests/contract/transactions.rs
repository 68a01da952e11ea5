//! Tests of transactions over several keys. A transaction takes effect at one moment, and the file contains
//! it completely or not at all. Some tests use broken watches, closures that misbehave, and too many changes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder::{
    ByteSize, Cache, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition, MAX_TRANSACTION_KEYS,
    Remaining, Transaction, Ttl,
};

use crate::support::simulated::open_swept;
use crate::support::{BLOBS, HOUR, NAMES, Place, VERSIONS, panics_with, watch_this_test};

const LOCAL: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("local").ttl(HOUR).memory_only();
const MINUTE: Duration = Duration::from_mins(1);

/// Returns the values that a restart would find if the process crashed now.
fn on_disk(place: &Place, keys: &[u64]) -> Vec<Option<u64>> {
    let copy = Place::new();
    std::fs::copy(place.path(), copy.path()).unwrap();
    let versions = copy.open().keyspace(VERSIONS).unwrap();
    values(&versions, keys)
}

fn values(versions: &Keyspace<u64, u64>, keys: &[u64]) -> Vec<Option<u64>> {
    versions.get_many(keys).into_iter().map(|value| value.map(|value| *value)).collect()
}

fn change(
    cache: &Cache,
    versions: &Keyspace<u64, u64>,
    values: &[(u64, u64)],
    removed: &[u64],
) -> Result<Vec<bool>, Error> {
    cache.transaction(|tx| {
        for (key, value) in values {
            tx.insert(versions, key, *value)?;
        }
        removed.iter().map(|key| tx.remove(versions, key)).collect()
    })
}

#[test]
fn contract_1_a_transaction_sees_and_changes_keys_of_several_keyspaces() {
    let place = Place::new();
    let cache = open_swept(place.builder());
    let (versions, names) = (cache.keyspace(VERSIONS).unwrap(), cache.keyspace(NAMES).unwrap());
    let local = cache.keyspace(LOCAL).unwrap();
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    let seen = cache.transaction(|tx| {
        let before = tx.get(&versions, &1)?.map(|value| *value);
        tx.insert(&versions, &1, 11)?;
        tx.insert_with(&names, "a", "one".to_owned(), InsertOptions::new().ttl(MINUTE))?;
        tx.insert(&local, &1, 7)?;
        // The transaction sees its own changes, and no other caller sees them yet.
        assert_eq!(tx.get(&versions, &1)?.as_deref(), Some(&11));
        assert_eq!(tx.ttl(&names, "a")?, Some(Remaining::For(MINUTE)));
        assert!(tx.contains_key(&local, &1)? && !tx.contains_key(&local, &2)?);
        assert_eq!((versions.get(&1).as_deref(), names.get("a"), local.get(&1)), (Some(&10), None, None));
        Ok::<_, Error>(before)
    });
    assert_eq!(seen.unwrap(), Some(10));
    assert_eq!(values(&versions, &[1]), [Some(11)]);
    assert_eq!(
        (names.get("a").as_deref().map(String::as_str), local.get(&1).as_deref()),
        (Some("one"), Some(&7))
    );
    assert_eq!(names.ttl("a"), Some(Remaining::For(MINUTE)));
    assert!(cache.stats().unsaved_bytes.as_u64() > 0);
    assert_eq!(on_disk(&place, &[1]), [Some(10)], "as an insert, it is buffered");
    cache.flush().unwrap();
    assert_eq!(on_disk(&place, &[1]), [Some(11)]);
}

#[test]
fn contract_4_a_transaction_is_in_the_file_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let cache = open_swept(place.builder());
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert_many([(1, 10), (2, 20), (3, 30)]).unwrap();
    cache.flush().unwrap();
    let commits = || cache.stats().disk.unwrap().commits;
    let before = commits();
    assert_eq!(change(&cache, &versions, &[(1, 11), (4, 41)], &[2, 9]).unwrap(), [true, false]);
    assert_eq!(commits(), before + 1, "the removal and the values are one transaction");
    assert_eq!(on_disk(&place, &[1, 2, 3, 4]), [Some(11), None, Some(30), Some(41)]);
    let now = InsertOptions::new().durability(Durability::Immediate);
    cache
        .transaction(|tx| {
            tx.insert_with(&versions, &1, 12, now)?;
            tx.insert(&versions, &2, 22)
        })
        .unwrap();
    assert_eq!(on_disk(&place, &[1, 2]), [Some(12), Some(22)]);
    let stats = cache.stats();
    assert_eq!((stats.inserts, stats.invalidations, stats.unsaved_bytes.as_u64()), (7, 2, 0));
}

#[test]
fn contract_1_a_sum_over_two_keys_is_never_seen_half_changed() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    for versions in [cache.keyspace(VERSIONS).unwrap(), cache.keyspace(LOCAL).unwrap()] {
        versions.insert_many([(1, 1_000), (2, 1_000)]).unwrap();
        let is_done = AtomicBool::new(false);
        let seen = AtomicU64::new(0);
        thread::scope(|scope| {
            for (from, to) in [(1, 2), (2, 1)] {
                let (cache, versions) = (&cache, &versions);
                scope.spawn(move || {
                    for step in 0..1_000 {
                        let amount = step % 7;
                        let moved = cache.transaction(|tx| {
                            let has = *tx.get(versions, &from)?.unwrap();
                            let other = *tx.get(versions, &to)?.unwrap();
                            let amount = amount.min(has);
                            tx.insert(versions, &from, has - amount)?;
                            tx.insert(versions, &to, other + amount)
                        });
                        moved.unwrap_or_else(|error: Error| panic!("{error}"));
                        if step % 200 == 0 {
                            cache.flush().unwrap();
                        }
                    }
                });
            }
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let both = cache.transaction(|tx| tx.get_many(&versions, [1, 2])).unwrap();
                    let sum: u64 = both.iter().map(|value| **value.as_ref().unwrap()).sum();
                    assert_eq!(sum, 2_000);
                    seen.fetch_add(1, Ordering::SeqCst);
                    if seen.load(Ordering::SeqCst) == 300 {
                        is_done.store(true, Ordering::SeqCst);
                    }
                }
            });
        });
        assert_eq!(values(&versions, &[1, 2]).into_iter().flatten().sum::<u64>(), 2_000);
    }
}

#[test]
fn contract_1_an_error_or_a_panic_of_the_closure_changes_nothing() {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 10).unwrap();
    let body = |tx: &mut Transaction<'_>| {
        tx.insert(&versions, &1, 11)?;
        tx.insert(&versions, &2, 21)?;
        tx.remove(&versions, &1)?;
        Err::<(), _>(Error::Changed)
    };
    assert!(matches!(cache.transaction(body), Err(Error::Changed)));
    let panics = || {
        cache.transaction(|tx| {
            tx.insert(&versions, &1, 11)?;
            if tx.contains_key(&versions, &1)? { panic!("planned") } else { Ok::<_, Error>(()) }
        })
    };
    assert!(panics_with("planned", panics));
    assert_eq!(values(&versions, &[1, 2]), [Some(10), None]);
    // The failed transaction must leave no lease, claimed key or reserved room.
    versions.insert(&1, 12).unwrap();
    change(&cache, &versions, &[(1, 13)], &[]).unwrap();
    assert_eq!(values(&versions, &[1]), [Some(13)]);
}

#[test]
fn contract_1_a_broken_watch_refuses_a_transaction() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let require = |watch: &larder::Watch| {
        cache.transaction(|tx| {
            tx.require(watch)?;
            tx.insert(&versions, &9, 9)
        })
    };
    let set = |key: u64| versions.insert(&key, 1).unwrap();
    // A watched key without an entry: it is inserted and removed again.
    let watch = versions.watch(&1).unwrap();
    require(&watch).unwrap();
    set(1);
    versions.remove(&1).unwrap();
    assert!(matches!(require(&watch), Err(Error::Changed)));
    // A watched entry: the same value is inserted again.
    set(2);
    let watch = versions.watch(&2).unwrap();
    require(&watch).unwrap();
    cache.flush().unwrap();
    require(&watch).unwrap();
    set(2);
    assert!(matches!(require(&watch), Err(Error::Changed)));
    // The transaction reads and changes the watched key itself.
    let watch = versions.watch(&2).unwrap();
    let changed = cache.transaction(|tx| {
        let value = tx.get(&versions, &2)?.map_or(0, |value| *value);
        tx.require(&watch)?;
        tx.insert(&versions, &2, value + 1)
    });
    changed.unwrap();
    assert!(matches!(require(&watch), Err(Error::Changed)));
    // A closure that ignores the error changes nothing either.
    let swallowed = cache.transaction(|tx| {
        _ = tx.require(&watch);
        tx.insert(&versions, &2, 100)
    });
    assert!(matches!(swallowed, Err(Error::Changed)));
    // The watched entry expires.
    versions.insert_with(&3, 3, InsertOptions::new().ttl(MINUTE)).unwrap();
    let watch = versions.watch(&3).unwrap();
    place.clock.advance(MINUTE);
    assert!(matches!(require(&watch), Err(Error::Changed)));
    // A range removal changes a watched entry. A key without an entry is unchanged.
    let (watch, missing) = (versions.watch(&2).unwrap(), versions.watch(&3).unwrap());
    versions.clear().unwrap();
    assert!(matches!(require(&watch), Err(Error::Changed)));
    require(&missing).unwrap();
    assert_eq!(values(&versions, &[2]), [None]);
    // A watch of another cache is refused.
    let other = Cache::builder().open().unwrap();
    let watch = other.keyspace(VERSIONS).unwrap().watch(&9).unwrap();
    assert!(matches!(require(&watch), Err(Error::InvalidSetting { setting: "watch", .. })));
    drop(other);
    let watch = versions.watch(&9).unwrap();
    cache.close().unwrap();
    assert!(matches!(require(&watch), Err(Error::Closed)));
}

#[test]
fn contract_1_a_watch_survives_the_way_to_disk_and_back() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    versions.insert_many([(1, 10), (2, 20)]).unwrap();
    cache.flush().unwrap();
    let watch = versions.watch(&1).unwrap();
    for key in 0..100 {
        blobs.insert(&key, vec![1; 2_000]).unwrap();
    }
    cache.flush().unwrap();
    let disk_hits = |cache: &Cache| cache.stats().disk.unwrap().hits;
    let before = disk_hits(&cache);
    cache
        .transaction(|tx| {
            tx.require(&watch)?;
            let value = *tx.get(&versions, &1)?.unwrap();
            let other = *tx.get(&versions, &2)?.unwrap();
            tx.insert(&versions, &2, value + other)
        })
        .unwrap_or_else(|error: Error| panic!("{error}"));
    assert_eq!(values(&versions, &[1, 2]), [Some(10), Some(30)]);
    assert_eq!(disk_hits(&cache), before + 2, "both were on disk alone");
}

#[test]
fn changes_in_the_closure_of_a_transaction_are_refused_for_its_keys() {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert_many([(1, 1), (2, 2), (3, 3)]).unwrap();
    cache
        .transaction(|tx| {
            tx.get(&versions, &1)?;
            tx.insert(&versions, &2, 22)?;
            for key in [1, 2] {
                assert!(matches!(versions.insert(&key, 0), Err(Error::Reentrant)));
                assert!(matches!(versions.increment(&key, 1), Err(Error::Reentrant)));
                assert!(matches!(change(&cache, &versions, &[(key, 0)], &[]), Err(Error::Reentrant)));
            }
            assert!(matches!(versions.clear(), Err(Error::Reentrant)));
            // The closure may change other keys, and may read its own key.
            change(&cache, &versions, &[(3, 33)], &[]).unwrap();
            assert_eq!(values(&versions, &[1, 2, 3]), [Some(1), Some(2), Some(33)]);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(values(&versions, &[1, 2, 3]), [Some(1), Some(22), Some(33)]);
    // Inside the closure of an atomic change, a transaction must not use the same key.
    let changed = versions.modify(&1, |_, _| {
        assert!(matches!(change(&cache, &versions, &[(1, 5)], &[]), Err(Error::Reentrant)));
        larder::Change::insert(2_u64)
    });
    assert!(changed.unwrap().is_changed());
}

#[test]
fn a_transaction_that_is_too_large_is_refused() {
    let place = Place::new();
    let cache =
        place.builder().disk_capacity(ByteSize::mib(64)).write_buffer(ByteSize::mib(1)).open().unwrap();
    let (versions, blobs) = (cache.keyspace(VERSIONS).unwrap(), cache.keyspace(BLOBS).unwrap());
    let store = |count: u64, len: usize| {
        cache.transaction(|tx| (0..count).try_for_each(|key| tx.insert(&blobs, &key, vec![1; len])))
    };
    let error = store(513, 1).unwrap_err();
    let text = "513 changes for keyspace \"blob\" are too much for one call; the most is 512; change fewer keys at once, \
                or raise disk_capacity";
    assert_eq!(error.to_string(), text);
    let error = store(30, 40_000).unwrap_err();
    assert!(error.to_string().ends_with("raise write_buffer"), "{error}");
    let error = store(1, 4 << 20).unwrap_err();
    assert!(matches!(error, Error::ValueTooLarge { .. }), "{error}");
    let most = MAX_TRANSACTION_KEYS as u64;
    let read = |count: u64| cache.transaction(|tx| tx.get_many(&versions, 0..count));
    assert_eq!(read(most).unwrap().len(), MAX_TRANSACTION_KEYS);
    assert!(matches!(read(most + 1), Err(Error::GroupTooLarge { .. })));
    assert_eq!((blobs.count(), cache.stats().unsaved_bytes.as_u64()), (0, 0));
    store(512, 1).unwrap();
    cache.flush().unwrap();
    assert_eq!(blobs.count(), 512);
    let local = cache.keyspace(LOCAL).unwrap();
    cache.transaction(|tx| (0..2_000).try_for_each(|key| tx.insert(&local, &key, key))).unwrap();
    assert_eq!(local.count(), 2_000);
}

/// Checks that values of a memory-only keyspace take the room of other entries, or of the entries that they
/// replace.
#[test]
fn a_transaction_in_memory_only_finds_room_or_is_refused() {
    let cache = Cache::builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let store = |keys: std::ops::Range<u64>, len: usize| {
        cache.transaction(|tx| keys.clone().try_for_each(|key| tx.insert(&blobs, &key, vec![1; len])))
    };
    for round in 0..50 {
        store(round..round + 20, 2_000).unwrap();
        let found = blobs.get_many(round..round + 20);
        assert!(found.iter().all(Option::is_some), "round {round}");
        assert!(cache.stats().memory.weight.as_u64() <= 64 << 10);
    }
    let error = store(0..40, 2_000).unwrap_err();
    assert!(error.to_string().ends_with("raise memory_capacity"), "{error}");
    crate::support::assert_capacity_is_usable(&cache, 2_300);
}

#[test]
fn the_ttls_of_a_transaction_are_those_of_its_writes() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let with = |ttl: Ttl| InsertOptions::new().ttl(ttl);
    versions.insert_with(&1, 1, with(MINUTE.into())).unwrap();
    versions.insert_with(&2, 2, with(Ttl::Never)).unwrap();
    versions.insert(&3, 3).unwrap();
    cache
        .transaction(|tx| {
            tx.insert_with(&versions, &1, 10, with(Ttl::Keep))?;
            assert!(tx.touch_with(&versions, &2, MINUTE)?);
            assert!(!tx.touch_with(&versions, &4, MINUTE)?);
            tx.insert_with(&versions, &5, 5, with(MINUTE.into()))?;
            tx.insert_with(&versions, &5, 50, with(Ttl::Keep))?;
            tx.insert_with(&versions, &3, 30, with(std::time::SystemTime::UNIX_EPOCH.into()))?;
            assert_eq!((tx.get(&versions, &3)?, tx.ttl(&versions, &3)?), (None, None));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(values(&versions, &[1, 2, 3, 4, 5]), [Some(10), Some(2), None, None, Some(50)]);
    for key in [1, 2, 5] {
        assert_eq!(versions.ttl(&key), Some(Remaining::For(MINUTE)), "{key}");
    }
    let zero = cache.transaction(|tx| tx.insert_with(&versions, &1, 1, with(Duration::ZERO.into())));
    assert!(matches!(zero, Err(Error::InvalidSetting { setting: "ttl", .. })));
}
