//! Inserts of several values as a group.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use larder::testing::Failure;
use larder::{
    ByteSize, Cache, DiskState, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition, Remaining,
    Ttl,
};
use serde::{Deserialize, Serialize, Serializer};

use crate::support::simulated::SimulatedPlace;
use crate::support::{BLOBS, HOUR, NAMES, Place, VERSIONS, assert_capacity_is_usable};

/// A value that can be encoded only if it is even.
#[derive(Debug, PartialEq, Deserialize)]
struct Even(u64);

impl Serialize for Even {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(2) {
            self.0.serialize(serializer)
        } else {
            Err(serde::ser::Error::custom("it is odd"))
        }
    }
}

const EVEN: KeyspaceDefinition<u64, Even> = KeyspaceDefinition::new("even").ttl(HOUR);
const MEMORY_ONLY: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("memory only").memory_only();

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

#[test]
fn contract_4_a_group_is_in_the_file_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert_many([(1, 10), (2, 20), (3, 30), (2, 21)]).unwrap();
    assert_eq!(values(&versions, &[1, 2, 3]), [Some(10), Some(21), Some(30)], "visible at once");
    assert_eq!(on_disk(&place, &[1, 2, 3]), [None; 3]);
    cache.flush().unwrap();
    assert_eq!(on_disk(&place, &[1, 2, 3]), [Some(10), Some(21), Some(30)]);
    let now = InsertOptions::new().durability(Durability::Immediate).ttl(Duration::from_mins(1));
    versions.insert_many_with(HashMap::from([(1, 11), (4, 40)]), now).unwrap();
    assert_eq!(on_disk(&place, &[1, 2, 3, 4]), [Some(11), Some(21), Some(30), Some(40)]);
    assert_eq!(versions.ttl(&4), Some(Remaining::For(Duration::from_mins(1))));
    assert_eq!((cache.stats().inserts, cache.stats().unsaved_bytes.as_u64()), (6, 0));
    cache.close().unwrap();
}

#[test]
fn a_group_is_inserted_from_what_an_application_has() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert_many([("a", "1".to_owned()), ("b", "2".to_owned())]).unwrap();
    names.insert_many(HashMap::from([("c".to_owned(), "3".to_owned())])).unwrap();
    let shared = Arc::new("4".to_owned());
    names.insert_many(&mut ["d", "e"].into_iter().map(|key| (key, shared.clone()))).unwrap();
    assert!(Arc::ptr_eq(&names.get("d").unwrap(), &names.get("e").unwrap()));
    names.insert_many(Vec::<(&str, String)>::new()).unwrap();
    assert_eq!((names.count(), cache.stats().inserts), (5, 5));
}

#[test]
fn a_group_with_one_value_that_is_refused_changes_nothing() {
    let place = Place::new();
    let cache = place.builder().disk_capacity(ByteSize::mib(8)).open().unwrap();
    let even = cache.keyspace(EVEN).unwrap();
    even.insert(&1, Even(2)).unwrap();
    let error = even.insert_many([(1, Even(4)), (2, Even(6)), (3, Even(7))]).unwrap_err();
    assert!(matches!(error, Error::Encode { .. }), "{error}");
    assert_eq!((even.get(&1).as_deref(), even.count()), (Some(&Even(2)), 1));

    let names = cache.keyspace(NAMES).unwrap();
    let long = "k".repeat(5_000);
    let error = names.insert_many([("a", String::new()), (&long, String::new())]).unwrap_err();
    assert!(matches!(error, Error::KeyTooLarge { .. }), "{error}");
    assert_eq!(names.count(), 0);

    let blobs = cache.keyspace(BLOBS).unwrap();
    // If the second value were inserted alone, it would be kept in memory.
    blobs.insert(&2, vec![1; 600_000]).unwrap();
    let error = blobs.insert_many([(1, vec![1; 10]), (2, vec![2; 600_000])]).unwrap_err();
    assert!(matches!(error, Error::ValueTooLarge { .. }), "{error}");
    assert_eq!((blobs.count(), blobs.get(&2).unwrap()[0]), (1, 1));
    let zero = InsertOptions::new().ttl(Duration::ZERO);
    assert!(matches!(blobs.insert_many_with([(1, vec![])], zero), Err(Error::InvalidSetting { .. })));
    cache.flush().unwrap();
    assert_eq!((cache.stats().unsaved_bytes.as_u64(), cache.stats().inserts), (0, 2));
    assert_capacity_is_usable(&cache, 600_400);
}

#[test]
fn a_group_that_is_too_large_for_one_transaction_is_refused() {
    let place = Place::new();
    let builder = || place.builder().disk_capacity(ByteSize::mib(64));
    let cache = builder().write_buffer(ByteSize::mib(1)).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let many = versions.insert_many((0..100_000).map(|key| (key, key))).unwrap_err();
    let text = "100000 values for keyspace \"version\" are too much for one call; the most is 512; store fewer at \
                once, or raise disk_capacity";
    assert_eq!(many.to_string(), text);
    let blobs = cache.keyspace(BLOBS).unwrap();
    let of = |count: u64, len: usize| (0..count).map(move |key| (key, vec![7_u8; len]));
    let heavy = blobs.insert_many(of(30, 40_000)).unwrap_err();
    assert!(heavy.to_string().ends_with("raise write_buffer"), "{heavy}");
    cache.close().unwrap();
    let cache = builder().write_buffer(ByteSize::mib(32)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let heavy = blobs.insert_many(of(30, 80_000)).unwrap_err();
    assert!(heavy.to_string().contains("the most is 2 MiB; store fewer"), "{heavy}");
    assert!(matches!(heavy, Error::GroupTooLarge { .. }));
    assert_eq!((cache.stats().inserts, cache.stats().unsaved_bytes.as_u64()), (0, 0));
    blobs.insert_many(of(25, 80_000)).unwrap();
    cache.keyspace(VERSIONS).unwrap().insert_many((0..512).map(|key| (key, key))).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, 537);
}

#[test]
fn contract_7_groups_of_the_greatest_size_fit_into_a_full_file() {
    let place = Place::new();
    let cache = place.builder().disk_capacity(ByteSize::mib(8)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for round in 0..40_u64 {
        // The keys are far apart, so each key is on a different leaf page.
        let small = (0..64).map(|key| ((key << 20) + round * 7_919, vec![1; 900]));
        blobs.insert_many(small).unwrap();
        let large = (0..7).map(|key| ((1 << 40) + (key << 20) + round, vec![2; 30_000]));
        blobs.insert_many(large).unwrap();
        cache.flush().unwrap();
        assert!(crate::support::taken(&place.path()) <= 8 << 20, "round {round}");
    }
    let disk = cache.stats().disk.unwrap();
    assert_eq!((disk.state, disk.faults), (DiskState::On, 0));
    assert!(disk.evictions > 0);
}

#[test]
fn a_memory_only_keyspace_stores_a_group_of_any_size() {
    let cache = Cache::builder().memory_capacity(ByteSize::mib(256)).open().unwrap();
    let keyspace = cache.keyspace(MEMORY_ONLY).unwrap();
    keyspace.insert_many((0..100_000).map(|key| (key, key))).unwrap();
    assert_eq!(keyspace.count(), 100_000);
    let options = InsertOptions::new().durability(Durability::Immediate);
    keyspace.insert_many_with([(1, 2)], options).unwrap();
    assert_eq!(keyspace.get(&1).as_deref(), Some(&2));
}

#[test]
fn a_closed_cache_refuses_a_group() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    cache.close().unwrap();
    assert!(matches!(versions.insert_many([(1, 1)]), Err(Error::Closed)));
}

#[test]
fn a_group_during_an_outage_is_kept_and_saved_as_a_whole() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert_many([(1, 1), (2, 1)]).unwrap();
    cache.flush().unwrap();
    place.disk.fail_from(0, Failure::Io);
    versions.insert_many([(1, 2), (2, 2)]).unwrap();
    drop(cache.flush());
    assert_eq!(values(&versions, &[1, 2]), [Some(2); 2]);
    let options = InsertOptions::new().durability(Durability::Immediate);
    let refused = versions.insert_many_with([(1, 3), (2, 3)], options);
    assert!(matches!(refused, Err(Error::NotDurable { .. })));
    assert_eq!(values(&versions, &[1, 2]), [Some(3); 2], "memory has it");
    place.retry(&cache);
    versions.insert_many_with([(1, 4), (2, 4)], options).unwrap();
    cache.close().unwrap();
    let versions = place.open().keyspace(VERSIONS).unwrap();
    assert_eq!(values(&versions, &[1, 2]), [Some(4); 2]);
}

#[test]
fn contract_4_a_full_disk_splits_no_group() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let keys: Vec<u64> = (0..40).collect();
    let group = |version: u64| keys.iter().map(move |key| (*key, version));
    versions.insert_many(group(1)).unwrap();
    cache.flush().unwrap();
    let next = place.next_operation();
    for (round, after) in (0..12).enumerate() {
        let version = 2 + round as u64;
        place.disk.fail_from(next.max(place.next_operation()) + after, Failure::Full);
        versions.insert_many(group(version)).unwrap();
        drop(cache.flush());
        versions.remove(&39).ok();
        let left = place.moved_to(place.disk.copy());
        left.disk.heal();
        let found = values(&left.open().keyspace(VERSIONS).unwrap(), &keys[..39]);
        assert!(found.iter().all(|value| *value == found[0]), "round {round}: {found:?}");
        place.retry(&cache);
    }
    assert_eq!(values(&versions, &[0, 38]), [Some(13); 2]);
}

/// Each group shares a key with the next group, so all groups are in one transaction. That transaction is far
/// larger than the limit for one group.
#[test]
fn groups_that_share_keys_are_saved_together_in_a_small_file() {
    let place = Place::new();
    let cache = place.builder().disk_capacity(ByteSize::mib(4)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for round in 0..5_u8 {
        for group in 0..40_u64 {
            blobs.insert_many((0..32).map(|key| (group * 31 + key, vec![round; 400]))).unwrap();
        }
        cache.flush().unwrap();
        let disk = cache.stats().disk.unwrap();
        assert_eq!((disk.state, disk.faults), (DiskState::On, 0), "round {round}");
        assert!(crate::support::taken(&place.path()) <= 4 << 20, "round {round}");
    }
    assert_eq!(cache.stats().disk.unwrap().entries, 40 * 31 + 1);
}

#[test]
fn a_group_has_one_ttl_and_a_time_that_has_come_removes_its_keys() {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert_many([(1, 10), (2, 20)]).unwrap();
    let keep = InsertOptions::new().ttl(Ttl::Keep);
    let error = versions.insert_many_with([(1, 11)], keep).unwrap_err();
    assert!(error.to_string().starts_with("ttl is Ttl::Keep; the values of a group have one TTL"), "{error}");
    let past = InsertOptions::new().ttl(std::time::SystemTime::UNIX_EPOCH);
    versions.insert_many_with([(1, 11), (3, 30)], past).unwrap();
    assert_eq!(values(&versions, &[1, 2, 3]), [None, Some(20), None]);
    let never = InsertOptions::new().ttl(Ttl::Never);
    versions.insert_many_with([(2, 21), (3, 31)], never).unwrap();
    assert_eq!((versions.ttl(&2), versions.ttl(&3)), (Some(Remaining::Never), Some(Remaining::Never)));
}
