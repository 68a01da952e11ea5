//! Tests of range removals that are stored as rows of the file. A test plants these rows, or uses a cache
//! that treats a few keys as a large removal.
//!
//! No reader shows an entry that such a row covers. The entries are deleted later.

use std::path::Path;

use larder::admin::Admin;
use larder::inspect::{Inspector, PageVerifyReport, RecordStatus};
use larder::testing::{Loss, SimulatedVolume};
use larder::{Cache, DiskStats, Error, Follower};
use redb::{ConcurrencyMode, Database, TableDefinition};

use crate::support::simulated::PATH;
use crate::support::{NAMES, Place, VERSIONS};

const RANGES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("larder.ranges");
const COUNT: u64 = 2_500;

/// Makes a file with the names "000" to "049", which have the sequences 1 to 50. Then adds numbers, and
/// writes "049" again.
fn filled(place: &Place) {
    let cache = place.open();
    let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
    for number in 0..50 {
        names.insert(&format!("{number:03}"), format!("value {number}")).unwrap();
    }
    for number in 0..COUNT {
        versions.insert(&number, number).unwrap();
    }
    names.insert("049", "again".to_owned()).unwrap();
    drop((names, versions));
    cache.close().unwrap();
}

/// Plants range removals. Each row is a sequence and an encoded scope.
fn plant(path: &Path, rows: &[(u64, Vec<u8>)]) {
    let db = Database::builder().set_concurrency_mode(ConcurrencyMode::SingleWriter).create(path).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(RANGES).unwrap();
        for (sequence, scope) in rows {
            table.insert(sequence.to_be_bytes().as_slice(), scope.as_slice()).unwrap();
        }
    }
    txn.commit().unwrap();
}

/// Returns the encoded scope of the keys that begin with `start` in a keyspace. The unit tests of scopes
/// check this encoding.
fn prefix(keyspace: u32, start: &[u8]) -> Vec<u8> {
    let len = u32::try_from(4 + start.len()).unwrap();
    [&len.to_be_bytes()[..], &keyspace.to_be_bytes(), start].concat()
}

/// Plants three removals: names that begin with "00" up to sequence 5, all names up to sequence 50, and all
/// numbers.
fn planted(place: &Place) {
    filled(place);
    plant(&place.path(), &[(5, prefix(1, b"00")), (50, prefix(1, b"")), (50 + COUNT, prefix(2, b""))]);
}

fn disk(cache: &Cache) -> DiskStats {
    cache.stats().disk.unwrap()
}

/// Runs steps until no removal is pending. Returns the number of steps.
fn settle(cache: &Cache) -> usize {
    let mut steps = 0;
    while disk(cache).pending_removals > 0 {
        cache.flush().unwrap();
        steps += 1;
        assert!(steps < 10_000, "no step makes a part: {:?}", disk(cache));
    }
    steps
}

#[test]
fn contract_3_an_owner_shows_nothing_that_the_removals_in_its_file_cover_and_deletes_it_behind() {
    let place = Place::new();
    planted(&place);
    let cache = place.builder().stepped(1).range_rows(20).open().unwrap();
    assert_eq!((disk(&cache).entries, disk(&cache).pending_removals), (COUNT + 50, 3), "it opens at once");
    let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
    assert!(disk(&cache).pending_removals > 0, "their entries are deleted behind");
    assert!((0..49).all(|number| names.get(&format!("{number:03}")).is_none()));
    assert!((0..49).all(|number| names.peek(&format!("{number:03}")).is_none()));
    assert!(!names.contains_key("001") && names.ttl("001").is_none());
    assert!((0..COUNT).all(|number| versions.get(&number).is_none()));
    assert_eq!((names.keys().collect::<Vec<_>>(), names.count()), (vec!["049".to_owned()], 1));
    assert_eq!(names.iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>(), ["again"]);
    assert!(versions.is_empty() && versions.keys().next().is_none());
    assert!(!names.touch("002").unwrap());
    let loaded = names.get_or_load("003", || Ok::<_, Error>("loaded".to_owned())).unwrap();
    assert_eq!(*loaded, "loaded", "the old value is no hit");
    assert_eq!(names.get("049").as_deref().map(String::as_str), Some("again"), "written after the removal");
    assert!(names.remove("003").unwrap() && !names.remove("004").unwrap());
    assert_eq!(versions.clear().unwrap(), 0, "nothing is counted twice");
    settle(&cache);
    assert_eq!(disk(&cache).entries, 1);
    // A removal does not apply to later writes.
    names.insert("000", "new".to_owned()).unwrap();
    drop((names, versions));
    cache.close().unwrap();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(names.get("000").as_deref().map(String::as_str), Some("new"));
    drop(names);
    cache.close().unwrap();
    let verified = Inspector::open(place.path()).unwrap().verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_whole() && verified.records == 2, "{verified:?}");
}

#[test]
fn contract_3_no_reader_of_a_file_returns_the_entries_that_its_removals_cover() {
    let place = Place::new();
    planted(&place);
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let names = follower.keyspace(NAMES);
    assert_eq!(names.keys().unwrap(), ["049"]);
    assert!(names.get("001").unwrap().is_none() && names.ttl("001").unwrap().is_none());
    assert_eq!(names.get("049").unwrap().as_deref(), Some("again"));
    assert!(follower.keyspace(VERSIONS).keys().unwrap().is_empty());
    let inspector = Inspector::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    let facts = snapshot.keyspace("name").unwrap();
    let page = snapshot.page(facts, &[], None, 100).unwrap();
    assert_eq!(page.len(), 50);
    assert_eq!(page.iter().filter(|entry| entry.finding.live().is_some()).count(), 1);
    let found = snapshot.find(facts, b"001\0\0").unwrap();
    assert!(matches!(&found, RecordStatus::Removed(record) if record.sequence == 2), "{found:?}");
    let verified = inspector.verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_whole() && verified.pages == PageVerifyReport::Whole, "{verified:?}");
}

#[test]
fn contract_3_the_removals_of_a_file_that_a_crash_left_hold() {
    let place = Place::new();
    planted(&place);
    let cache = place.open();
    cache.keyspace(NAMES).unwrap().insert("x", String::new()).unwrap();
    cache.flush().unwrap();
    let copy = place.dir().join("crashed.larder");
    std::fs::copy(place.path(), &copy).unwrap();
    cache.close().unwrap();
    plant(&copy, &[(1 << 40, prefix(1, b"04"))]);
    let inspector = Inspector::open_with_clock(&copy, place.clock.clone()).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    let names = snapshot.keyspace("name").unwrap();
    assert!(matches!(snapshot.find(names, b"049\0\0").unwrap(), RecordStatus::Removed(_)));
    assert!(snapshot.find(names, b"x\0\0").unwrap().live().is_some());
}

#[test]
fn contract_3_power_lost_while_removals_are_made_brings_nothing_back() {
    let place = Place::new();
    planted(&place);
    let volume = SimulatedVolume::new();
    volume.write(PATH, &std::fs::read(place.path()).unwrap());
    let open = |volume: &SimulatedVolume| {
        Cache::builder().path(PATH).volume(volume).clock(place.clock.clone()).stepped(7).open().unwrap()
    };
    let begin = volume.changes();
    let cache = open(&volume);
    settle(&cache);
    cache.close().unwrap();
    for changes in begin..=volume.changes() {
        let loss = Loss::ALL[changes % Loss::ALL.len()];
        let left = volume.after_power_loss(changes, loss, changes as u64);
        let cache = open(&left);
        let (names, versions) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(VERSIONS).unwrap());
        let told = format!("{changes} {loss:?}");
        assert_eq!(names.keys().collect::<Vec<_>>(), ["049"], "{told}");
        assert!(versions.get(&0).is_none() && versions.get(&(COUNT - 1)).is_none(), "{told}");
        settle(&cache);
        let tier = disk(&cache);
        assert!(tier.quarantined.is_none() && tier.entries == 1, "{told}: {tier:?}");
        drop((names, versions));
        cache.close().unwrap();
    }
}

#[test]
fn contract_3_a_pattern_takes_the_keys_that_it_covers_and_no_other() {
    let place = Place::new();
    filled(&place);
    // The pattern covers the names that begin with "0", have any second byte, and end with "7".
    let pattern = [prefix(1, b"0"), vec![1, 0, 0, 0, 1], vec![0, 0, 0, 0, 3], b"7\0\0".to_vec()].concat();
    plant(&place.path(), &[(50, pattern)]);
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let seen = follower.keyspace(NAMES).keys().unwrap();
    let expected: Vec<String> =
        (0..50).filter(|number| number % 10 != 7).map(|number| format!("{number:03}")).collect();
    assert_eq!(seen, expected);
    drop(follower);
    let cache = place.open();
    assert_eq!(cache.keyspace(NAMES).unwrap().keys().collect::<Vec<_>>(), expected);
    cache.close().unwrap();
}

#[test]
fn contract_3_a_file_that_is_changed_by_hand_makes_its_removals_first() {
    let place = Place::new();
    planted(&place);
    let mut admin = Admin::open(place.path()).unwrap();
    assert_eq!(admin.keyspaces().iter().map(|facts| facts.entries).collect::<Vec<_>>(), [1, 0]);
    assert!(!admin.remove("name", b"001\0\0").unwrap(), "it was removed before");
    admin.close().unwrap();
}

#[test]
fn contract_3_a_removal_that_can_not_be_read_is_damage_and_hides_nothing() {
    let place = Place::new();
    filled(&place);
    plant(&place.path(), &[(7, vec![0, 0, 0, 1])]);
    let follower = Follower::open(place.path()).unwrap();
    let refused = follower.keyspace(NAMES).get("001").unwrap_err().to_string();
    assert!(refused.contains("range removal"), "{refused}");
    let refused = Inspector::open(place.path()).unwrap_err();
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    drop(follower);
    let cache: Cache = place.open();
    assert!(
        cache.stats().disk.unwrap().quarantined.is_some(),
        "the file is moved aside, and no entry of it is served"
    );
    assert!(cache.keyspace(NAMES).unwrap().get("001").is_none());
    cache.close().unwrap();
}
