//! Tests of many keyspaces. Opening a keyspace makes no commit if that is safe. No two keyspaces ever share a
//! number.

use std::time::Duration;

use larder::testing::Failure;
use larder::{ByteSize, Cache, DiskState, Follower, Keyspace, KeyspaceDefinition};

use crate::support::simulated::{SimulatedPlace, disk_of, state_of, wait_until};
use crate::support::{HOUR, Place};

type Numbers = Keyspace<u64, u64>;

fn numbered(number: u64) -> KeyspaceDefinition<u64, u64> {
    let name = format!("keyspace {number:04}");
    KeyspaceDefinition::new(Box::leak(name.into_boxed_str())).ttl(HOUR)
}

fn open(cache: &Cache, number: u64) -> Numbers {
    cache.keyspace(numbered(number)).unwrap()
}

/// Opens a cache whose file has one entry: key 1 of keyspace 1.
fn filled(place: &SimulatedPlace) -> (Cache, Numbers) {
    let cache = place.open();
    let one = open(&cache, 1);
    one.insert(&1, 11).unwrap();
    cache.flush().unwrap();
    (cache, one)
}

#[test]
fn opening_keyspaces_commits_nothing_and_the_next_commit_enters_them_all() {
    const MANY: u64 = 300;
    let place = Place::in_memory();
    let cache = place.open();
    open(&cache, 0).insert(&0, 0).unwrap();
    cache.flush().unwrap();
    let commits = || cache.stats().disk.unwrap().commits;
    let before = commits();
    let opened: Vec<Numbers> = (0..MANY).map(|number| open(&cache, number)).collect();
    cache.sweep().unwrap();
    assert_eq!(commits(), before, "a sweep that finds nothing commits nothing");
    let in_file = || Follower::open(place.path()).unwrap().keyspaces().unwrap();
    assert_eq!(in_file().len(), 1);
    cache.flush().unwrap();
    assert_eq!((in_file().len() as u64, commits()), (MANY, before + 1));
    // After a restart, the keyspaces are opened in reverse order. The file already has them, so no commit is
    // needed, and each keyspace finds its own entries.
    drop(opened);
    cache.close().unwrap();
    let cache = place.open();
    let opened: Vec<Numbers> = (0..MANY).rev().map(|number| open(&cache, number)).collect();
    cache.flush().unwrap();
    assert_eq!(cache.stats().disk.unwrap().commits, 0);
    assert_eq!(opened.last().unwrap().get(&0).as_deref(), Some(&0));
}

#[test]
fn a_new_keyspace_reaches_the_file_in_the_flush_interval_whatever_comes_in_between() {
    let place = SimulatedPlace::new();
    let cache = place.builder().flush_interval(Duration::from_millis(20)).open().unwrap();
    for number in 0..5 {
        let commits = disk_of(&cache).commits;
        drop(open(&cache, number));
        // A sweep wakes the writer. The step that follows stores no keyspace in the file.
        cache.sweep().unwrap();
        wait_until("the commit", || disk_of(&cache).commits > commits);
    }
}

#[test]
fn what_is_counted_of_one_keyspace_is_its_part_of_the_whole() {
    let place = Place::in_memory();
    let cache = place.open();
    let opened: Vec<Numbers> = (0..40).map(|number| open(&cache, number)).collect();
    for round in 0..3 {
        for (number, numbers) in (0_u64..).zip(&opened) {
            for key in 0..number % 7 {
                numbers.insert(&key, key).unwrap();
                numbers.get(&(key + 1));
            }
            if number % 5 == round {
                assert!(numbers.clear().is_ok());
            }
        }
        if round != 1 {
            cache.flush().unwrap();
        }
        let all = cache.stats();
        assert!(all.keyspaces.iter().any(|keyspace| keyspace.memory_entries > 0 && keyspace.misses > 0));
        assert!(opened.iter().map(Keyspace::stats).eq(all.keyspaces));
        let (disk, lifetime) = (all.disk.unwrap(), all.lifetime.unwrap());
        let on_disk = opened.iter().map(|numbers| (numbers.stats().disk_entries, numbers.stats().disk_bytes));
        let sum = on_disk.fold((0, ByteSize::ZERO), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        assert_eq!(sum, (disk.entries, disk.bytes), "round {round}");
        assert_eq!((lifetime.inserts, lifetime.misses), (all.inserts, all.misses));
    }
    let misses = cache.stats().misses;
    for numbers in &opened {
        numbers.get(&1_000);
    }
    cache.close().unwrap();
    // A commit normally reads the counters of a limited number of keyspaces. The last commit reads the
    // counters of all keyspaces.
    assert_eq!(place.open().stats().lifetime.unwrap().misses, misses + opened.len() as u64);
}

#[test]
fn no_number_is_given_to_two_keyspaces_whenever_the_process_ends() {
    // Each case is the number of opened keyspaces, and the keyspaces that get an entry before the crash.
    for (opened, filled_first) in [(3, vec![2]), (3, vec![2, 3, 4]), (1, vec![2]), (3, vec![])] {
        let place = SimulatedPlace::new();
        let (cache, _one) = filled(&place);
        let spaces: Vec<Numbers> = (2..2 + opened).map(|number| open(&cache, number)).collect();
        for number in &filled_first {
            spaces[usize::try_from(*number).unwrap() - 2].insert(&1, 10 * number).unwrap();
        }
        let before = place.disk.copy();
        cache.flush().unwrap();
        for (disk, is_flushed) in [(before, false), (place.disk.copy(), true)] {
            let crashed = place.moved_to(disk).open();
            // After the crash, the keyspaces are opened in another order, and a new keyspace is opened first.
            let other = open(&crashed, 9);
            assert_eq!(other.get(&1), None, "a keyspace has the entry of another");
            other.insert(&1, 99).unwrap();
            for number in (2..2 + opened).rev() {
                let found = open(&crashed, number).get(&1).as_deref().copied();
                let expected = filled_first.contains(&number).then_some(10 * number);
                // If the entries were not flushed, the sweeper's first sweep may have committed them.
                assert!(
                    found == expected || (found.is_none() && !is_flushed),
                    "keyspace {number}: {found:?}"
                );
            }
            assert_eq!(open(&crashed, 1).get(&1).as_deref(), Some(&11));
            assert_eq!(other.get(&1).as_deref(), Some(&99));
        }
    }
}

/// A removal that finds nothing in the new version makes no commit. Therefore the entry of the old version
/// must already be deleted.
#[test]
fn a_version_that_was_opened_has_taken_the_others_place_for_good() {
    for is_entered in [true, false] {
        let place = SimulatedPlace::new();
        let (cache, one) = filled(&place);
        let two = open(&cache, 2);
        two.insert(&1, 22).unwrap();
        if is_entered {
            cache.flush().unwrap();
        }
        drop((one, two));
        // Keyspace 2 may not be in the file yet. It must come first, because a commit for keyspace 1 would
        // store it.
        for number in [2, 1] {
            let newer = cache.keyspace(numbered(number).version(1)).unwrap();
            assert!(!newer.remove(&1).unwrap());
        }
        let crashed = place.moved_to(place.disk.copy()).open();
        for number in [1, 2] {
            assert_eq!(open(&crashed, number).get(&1), None, "keyspace {number} of the version before");
        }
        // An entry of the new version is found only in that version.
        for number in [1, 2] {
            cache.keyspace(numbered(number).version(1)).unwrap().insert(&1, 100 * number).unwrap();
        }
        cache.flush().unwrap();
        let crashed = place.moved_to(place.disk.copy()).open();
        for number in [1, 2] {
            let newer = crashed.keyspace(numbered(number).version(1)).unwrap();
            assert_eq!(newer.get(&1).as_deref(), Some(&(100 * number)), "keyspace {number}");
        }
    }
}

#[test]
fn keyspaces_opened_before_an_outage_and_in_it_stay_apart() {
    let mut suspensions = 0;
    for operation in 0..40 {
        let place = SimulatedPlace::new();
        let (cache, one) = filled(&place);
        let two = open(&cache, 2);
        two.insert(&1, 22).unwrap();
        place.disk.fail_from(place.next_operation() + operation, Failure::Io);
        drop(cache.flush());
        suspensions += u64::from(state_of(&cache) == DiskState::Suspended);
        let three = open(&cache, 3);
        three.insert(&1, 33).unwrap();
        drop(cache.flush());
        place.retry(&cache);
        assert_eq!((state_of(&cache), disk_of(&cache).discards), (DiskState::On, 0), "operation {operation}");
        let four = open(&cache, 4);
        four.insert(&1, 44).unwrap();
        cache.flush().unwrap();
        let expected = [11, 22, 33, 44];
        let answers = [&one, &two, &three, &four].map(|space| *space.get(&1).unwrap());
        assert_eq!(answers, expected, "operation {operation}");
        let crashed = place.moved_to(place.disk.copy()).open();
        let found = [1, 2, 3, 4].map(|number| open(&crashed, number).get(&1).as_deref().copied());
        assert_eq!(found, expected.map(Some), "operation {operation}");
    }
    assert!(suspensions > 5, "only {suspensions} outages");
}
