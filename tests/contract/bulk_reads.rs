//! Tests of lookups of several keys in one call, and of loads with many or large keys.

use std::sync::Arc;

use larder::testing::Failure;
use larder::{ByteSize, Cache, Error, Keyspace, KeyspaceDefinition, LoadError};

use crate::support::simulated::SimulatedPlace;
use crate::support::{BLOBS, NAMES, Place, VERSIONS};

const MEMORY_ONLY: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("memory only").memory_only();

pub(super) fn in_memory() -> (Cache, Keyspace<u64, u64>) {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    (cache, versions)
}

pub(super) fn values<V: Copy>(found: &[Option<Arc<V>>]) -> Vec<Option<V>> {
    found.iter().map(|value| value.as_deref().copied()).collect()
}

/// A loader that always fails, for calls that must not load.
pub(super) fn none(keys: &[&u64]) -> Result<Vec<(u64, u64)>, String> {
    Err(format!("no load is needed of {keys:?}"))
}

#[expect(clippy::unnecessary_wraps, reason = "a loader returns a result")]
pub(super) fn tenfold(keys: &[&u64]) -> Result<Vec<(u64, u64)>, String> {
    Ok(keys.iter().map(|&&key| (key, 10 * key)).collect())
}

#[test]
fn many_keys_are_found_in_either_tier_in_the_order_of_the_input() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    for key in 0..6 {
        versions.insert(&key, 10 * key).unwrap();
    }
    versions.remove(&4).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&7, 70).unwrap();
    let keys = [5, 7, 4, 0, 5, 9, 3];
    let expected = [Some(50), Some(70), None, Some(0), Some(50), None, Some(30)];
    assert_eq!(values(&versions.get_many(&keys)), expected);
    let stats = cache.stats();
    assert_eq!((stats.memory.hits, stats.disk.as_ref().unwrap().hits, stats.misses), (1, 4, 2));
    assert_eq!((stats.promotions, stats.voided_fills), (3, 0), "a key that is asked twice is promoted once");
    assert_eq!(values(&versions.get_many(&keys)), expected);
    assert_eq!((cache.stats().memory.hits, cache.stats().promotions), (6, 3), "they are in memory now");
}

#[test]
fn an_empty_input_asks_nothing() {
    let (cache, versions) = in_memory();
    assert!(versions.get_many::<u64>([]).is_empty());
    assert!(versions.get_or_load_many([], none).unwrap().is_empty());
    assert_eq!(cache.stats().requests(), 0);
}

#[test]
fn a_hundred_thousand_keys_are_found_and_loaded_at_once() {
    let (_cache, versions) = in_memory();
    for key in (0..100_000).step_by(4) {
        versions.insert(&key, 10 * key).unwrap();
    }
    let keys: Vec<u64> = (0..100_000).rev().collect();
    let found = values(&versions.get_many(&keys));
    assert!(keys.iter().zip(found).all(|(key, value)| value == (key % 4 == 0).then_some(10 * key)));
    let mut missing = 0;
    let loaded = versions.get_or_load_many(&keys, |keys| {
        missing += keys.len();
        tenfold(keys)
    });
    assert!(keys.iter().zip(values(&loaded.unwrap())).all(|(key, value)| value == Some(10 * key)));
    assert_eq!(missing, 75_000);
}

#[test]
fn more_records_than_one_snapshot_is_held_for_are_found() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..100_u64 {
        blobs.insert(&key, vec![u8::try_from(key).unwrap(); 100_000]).unwrap();
    }
    cache.flush().unwrap();
    let keys: Vec<u64> = (0..110).rev().collect();
    for (key, value) in keys.iter().zip(blobs.get_many(&keys)) {
        assert_eq!(value.map(|value| u64::from(value[0])), Some(*key).filter(|key| *key < 100));
    }
    assert_eq!(cache.stats().misses, 10);
}

#[test]
fn a_key_that_is_too_long_is_a_miss_and_no_load() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("short", "value".to_owned()).unwrap();
    let long = "k".repeat(5_000);
    let keys = ["short", long.as_str(), "other"];
    let found: Vec<_> = names.get_many(keys).iter().map(Option::is_some).collect();
    assert_eq!(found, [true, false, false]);
    let requests = cache.stats().requests();
    let loaded = names.get_or_load_many(keys, |_| -> Result<Vec<(String, String)>, Error> {
        panic!("nothing is loaded");
    });
    assert!(matches!(loaded, Err(LoadError::Key(Error::KeyTooLarge { .. }))));
    assert_eq!(cache.stats().requests(), requests);
}

#[test]
fn a_closed_cache_has_no_values_and_still_loads() {
    let place = Place::new();
    let cache = place.open();
    let (versions, memory_only) = (cache.keyspace(VERSIONS).unwrap(), cache.keyspace(MEMORY_ONLY).unwrap());
    for keyspace in [&versions, &memory_only] {
        keyspace.insert(&1, 1).unwrap();
    }
    cache.close().unwrap();
    for keyspace in [&versions, &memory_only] {
        assert_eq!(values(&keyspace.get_many(&[1, 2])), [None, None]);
        let loaded = keyspace.get_or_load_many(&[1, 2, 1], tenfold).unwrap();
        assert_eq!(values(&loaded), [Some(10), Some(20), Some(10)]);
        assert_eq!(values(&keyspace.get_many(&[1])), [None]);
    }
}

#[test]
fn a_disk_that_fails_gives_misses() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    cache.keyspace(VERSIONS).unwrap().insert(&1, 1).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&2, 2).unwrap();
    place.disk.fail_from(0, Failure::Io);
    drop(cache.flush());
    assert_eq!(values(&versions.get_many(&[1, 2])), [None, Some(2)]);
    let loaded = versions.get_or_load_many(&[1, 2, 3], tenfold).unwrap();
    assert_eq!(values(&loaded), [Some(10), Some(2), Some(30)]);
}
