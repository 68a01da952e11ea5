//! Tests of keyspaces that are opened while the file is out of service. When the file comes back, each
//! keyspace must have its own number and version, even if a disk operation fails at that time. The file
//! must not be treated as damaged.

use larder::testing::Failure;
use larder::{Cache, DiskState, KeyspaceDefinition, MAX_RETRY_DELAY};

use crate::support::simulated::{SimulatedPlace, disk_of, recover, state_of, suspended};
use crate::support::{HOUR, NAMES};

const ONE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("one").ttl(HOUR);
const TWO: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("two").ttl(HOUR);

/// Checks that after the disk is healed, the cache uses its old file.
fn assert_file_is_kept(place: &SimulatedPlace, cache: &Cache, operation: u64) {
    place.retry(cache);
    let disk = disk_of(cache);
    assert_eq!((disk.state, disk.discards), (DiskState::On, 0), "operation {operation}: {:?}", disk.off);
    assert!(place.quarantined_files().is_empty(), "operation {operation}");
}

#[test]
fn keyspaces_opened_before_and_after_a_way_back_that_fails_stay_apart() {
    let mut failed = 0;
    for operation in 0..60 {
        let place = SimulatedPlace::new();
        let (cache, _names) = suspended(&place);
        let one = cache.keyspace(ONE).unwrap();
        one.insert(&1, 111).unwrap();
        // The file may be opened again, and then fail again.
        place.disk.fail_from(place.next_operation() + operation, Failure::Io);
        place.clock.advance(MAX_RETRY_DELAY);
        drop(cache.flush());
        if state_of(&cache) == DiskState::On {
            continue;
        }
        failed += 1;
        let two = cache.keyspace(TWO).unwrap();
        assert_eq!(two.get(&1).as_deref(), None, "operation {operation}: it was inserted in the other");
        two.insert(&1, 222).unwrap();
        assert_eq!(one.get(&1).as_deref(), Some(&111), "operation {operation}");
        assert_file_is_kept(&place, &cache, operation);
        let crashed = place.moved_to(place.disk.copy()).open();
        let found = [ONE, TWO].map(|space| crashed.keyspace(space).unwrap().get(&1).as_deref().copied());
        assert_eq!(found, [Some(111), Some(222)], "operation {operation}");
    }
    assert!(failed > 10, "only {failed} ways back failed");
}

#[test]
fn a_keyspace_that_changes_its_version_twice_in_an_outage_keeps_the_file() {
    for operation in 0..80 {
        let place = SimulatedPlace::new();
        let (cache, names) = suspended(&place);
        drop(names);
        drop(cache.keyspace(NAMES.version(8)).unwrap());
        let names = cache.keyspace(NAMES.version(9)).unwrap();
        names.insert("kept", "kept 9".to_owned()).unwrap();
        // The commit that stores these versions in the file fails at some operation, so an unknown part of it
        // is on the disk.
        place.disk.fail_once(place.next_operation() + operation, Failure::Io);
        place.clock.advance(MAX_RETRY_DELAY);
        drop(cache.flush());
        assert_file_is_kept(&place, &cache, operation);
        assert_eq!(names.keys().collect::<Vec<_>>(), ["kept"], "operation {operation}");
    }
}

#[test]
fn a_version_that_comes_back_within_an_outage_begins_empty() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    drop(names);
    let bumped = cache.keyspace(NAMES.version(8)).unwrap();
    bumped.insert("kept", "kept 8".to_owned()).unwrap();
    drop(bumped);
    let names = cache.keyspace(NAMES).unwrap();
    assert!(names.is_empty(), "neither the first of its version nor the other");
    recover(&place, &cache);
    assert!(names.is_empty());
}
