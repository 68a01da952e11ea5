//! Removals of more keys than one commit can delete. Such a removal takes effect before its call returns, and
//! the entries are deleted later.
//!
//! The caches of these tests treat a few keys as a large removal. In most tests, the test runs the steps of
//! the writer, and each step deletes a part of the entries.

use larder::testing::{Act, DiskOperation, Failure, SimulatedVolume};
use larder::{Any, ByteSize, Cache, DiskState, KeyspaceDefinition, MAX_RETRY_DELAY};

use crate::support::simulated::{PATH, SimulatedPlace, wait_until};
use crate::support::{HOUR, Place};

/// A keyspace whose keys consist of a group and a number.
const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(HOUR);
const ROWS: usize = 4;
const NUMBERS: u64 = 30;

fn open(place: &Place) -> Cache {
    // All entries are on disk, and some of them are also in memory.
    let builder = place.builder().stepped(1).range_rows(ROWS);
    builder.memory_capacity(ByteSize::kib(64)).weigher(|_| 2_000).open().unwrap()
}

fn fill(cache: &Cache, groups: u64) {
    let pairs = cache.keyspace(PAIRS).unwrap();
    for group in 0..groups {
        for number in 0..NUMBERS {
            pairs.insert(&(group, number), number).unwrap();
        }
    }
    cache.flush().unwrap();
}

fn pending(cache: &Cache) -> u64 {
    cache.stats().disk.unwrap().pending_removals
}

/// Runs steps until no removal is pending.
fn settle(cache: &Cache) {
    for _ in 0..10_000 {
        if pending(cache) == 0 {
            return;
        }
        cache.flush().unwrap();
    }
    panic!("no step makes a part");
}

#[test]
fn contract_3_a_large_removal_holds_from_its_answer_on() {
    let place = Place::new();
    let cache = open(&place);
    fill(&cache, 3);
    let pairs = cache.keyspace(PAIRS).unwrap();
    assert_eq!(pairs.remove_prefix((1,)).unwrap(), NUMBERS, "entries that are on disk only count, too");
    assert_eq!(
        (pending(&cache), cache.stats().disk.unwrap().entries),
        (1, 3 * NUMBERS),
        "none is deleted yet"
    );
    let crashed = place.dir().join("crashed.larder");
    std::fs::copy(place.path(), &crashed).unwrap();
    let all_but = |group: u64| {
        (0..3).filter(move |one| *one != group).flat_map(|one| (0..NUMBERS).map(move |number| (one, number)))
    };
    assert!((0..NUMBERS).all(|number| pairs.get(&(1, number)).is_none()));
    assert_eq!(pairs.keys().collect::<Vec<_>>(), all_but(1).collect::<Vec<_>>());
    pairs.insert(&(1, 7), 70).unwrap();
    assert_eq!(
        pairs.remove_prefix((1,)).unwrap(),
        1,
        "an entry that was removed before is not counted again"
    );
    pairs.insert(&(1, 8), 80).unwrap();
    settle(&cache);
    assert_eq!(cache.stats().disk.unwrap().entries, 2 * NUMBERS + 1);
    assert_eq!(pairs.get(&(1, 8)).as_deref(), Some(&80), "written after the removal");
    drop(pairs);
    cache.close().unwrap();
    // `crashed` has the state after a crash between the return of the removal and the first deletion.
    let cache = place.builder().path(&crashed).range_rows(ROWS).stepped(1).open().unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    assert_eq!(pairs.keys().collect::<Vec<_>>(), all_but(1).collect::<Vec<_>>());
    settle(&cache);
    assert_eq!(pairs.count(), 2 * NUMBERS);
}

#[test]
fn contract_3_removals_that_meet_count_each_entry_once() {
    let place = Place::new();
    let cache = open(&place);
    fill(&cache, 4);
    let pairs = cache.keyspace(PAIRS).unwrap();
    let numbers = pairs.remove_matching((Any, &3)).unwrap();
    assert_eq!((numbers, pending(&cache)), (4, 1), "few entries are covered, and many are looked at");
    let mut together = cache.invalidation();
    together.remove(&pairs, &(0, 1)).unwrap().remove_prefix(&pairs, (0,)).clear(&pairs);
    assert_eq!(together.commit().unwrap(), 4 * NUMBERS - 4);
    assert!(pairs.is_empty());
    assert_eq!(pending(&cache), 1, "a removal within the scope of a later one has no row");
    assert_eq!(cache.clear().unwrap(), 0);
    settle(&cache);
    assert_eq!(cache.stats().disk.unwrap().entries, 0);
}

#[test]
fn contract_3_a_cache_that_is_closed_in_between_goes_on_after_it_is_opened() {
    let place = Place::new();
    let cache = open(&place);
    fill(&cache, 2);
    let pairs = cache.keyspace(PAIRS).unwrap();
    assert_eq!(pairs.remove_prefix((0,)).unwrap(), NUMBERS);
    drop(pairs);
    cache.close().unwrap();
    // This cache is not stepped: its writer runs the remaining deletions on its own.
    let cache = place.builder().range_rows(ROWS).open().unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    assert!(pairs.keys().all(|key| key.0 == 1));
    settle(&cache);
    assert_eq!((cache.stats().disk.unwrap().entries, pairs.count()), (NUMBERS, NUMBERS));
}

#[test]
fn contract_7_so_many_large_removals_may_be_pending() {
    let place = Place::new();
    let cache = open(&place);
    fill(&cache, 24);
    let pairs = cache.keyspace(PAIRS).unwrap();
    let mut most = 0;
    for group in 0..24_u64 {
        assert_eq!(pairs.remove_prefix((group,)).unwrap(), NUMBERS);
        most = most.max(pending(&cache));
    }
    assert_eq!(most, 16, "the next caller runs the earliest removal");
    assert!(pairs.is_empty());
    settle(&cache);
    assert_eq!(cache.stats().disk.unwrap().entries, 0);
}

#[test]
fn contract_3_a_pending_removal_outlives_an_outage_and_goes_with_a_discarded_file() {
    for discards in [false, true] {
        let place = SimulatedPlace::new();
        let cache = place.builder().range_rows(ROWS).parts_with_steps().open().unwrap();
        fill(&cache, 3);
        let pairs = cache.keyspace(PAIRS).unwrap();
        assert_eq!(pairs.remove_prefix((0,)).unwrap(), NUMBERS);
        let disk: &SimulatedVolume = &place.disk;
        disk.fail_every(&[DiskOperation::Write, DiskOperation::SetLen, DiskOperation::Sync], Failure::Io);
        pairs.insert(&(1, 1), 11).unwrap();
        drop(cache.flush());
        assert_eq!(cache.stats().disk.unwrap().state, DiskState::Suspended);
        if discards {
            drop(pairs.remove(&(2, 2)));
            assert_eq!(cache.stats().disk.unwrap().state, DiskState::Discarded);
        }
        disk.heal();
        place.clock.advance(MAX_RETRY_DELAY);
        drop(cache.flush());
        assert_eq!(cache.stats().disk.unwrap().state, DiskState::On);
        assert!((0..NUMBERS).all(|number| pairs.get(&(0, number)).is_none()), "{discards}");
        assert_eq!(pairs.get(&(1, 1)).as_deref(), Some(&11));
        let left = u64::from(!discards);
        assert_eq!(pending(&cache), left, "{discards}");
        settle(&cache);
        drop(pairs);
        cache.close().unwrap();
        let copy = place.moved_to(disk.copy());
        let pairs = copy.builder().path(PATH).open().unwrap().keyspace(PAIRS).unwrap();
        assert!(pairs.keys().all(|key| key.0 != 0));
    }
}

#[test]
fn contract_6_a_file_that_is_lost_in_the_middle_of_a_large_removal_is_replaced_at_once() {
    let place = SimulatedPlace::new();
    let cache = place.builder().range_rows(1).open().unwrap();
    fill(&cache, 20);
    let pairs = cache.keyspace(PAIRS).unwrap();
    assert_eq!(pairs.clear().unwrap(), 20 * NUMBERS);
    place.disk.act_at(place.next_operation() + 50, Act::Unlink(PATH.into()));
    // The writer deletes the entries although no call requests it and the clock stands still.
    let disk = || cache.stats().disk.unwrap();
    wait_until("a part finds that the file is gone", || disk().discards == 1);
    wait_until("there is a fresh one", || disk().state == DiskState::On);
    pairs.insert(&(1, 1), 1).unwrap();
    cache.close().unwrap();
}
