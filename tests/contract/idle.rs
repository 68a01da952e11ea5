//! Contract 2: an entry with a time to idle expires between 1 and 9/8 of that time after its last use, but no
//! later than its TTL. The rule holds in both tiers, after evictions, and after restarts.

mod filler;

use std::sync::Arc;
use std::time::Duration;

use larder::clock::{Clock, ManualClock};
use larder::testing::StallingDisk;
use larder::{
    ByteSize, Cache, Change, Follower, Found, InsertOptions, Keyspace, KeyspaceDefinition, Load, LoadPolicy,
    LookupOutcome, MAX_TTL, Remaining, Ttl,
};

use filler::Filler;

use crate::support::simulated::open_swept;
use crate::support::{HOUR, Place};

const IDLE: Duration = Duration::from_mins(8);
/// Maximum time between the last use of an entry and its expiry.
const LIFE: Duration = Duration::from_mins(9);
const MINUTE: Duration = Duration::from_mins(1);
const MILLI: Duration = Duration::from_millis(1);

const USERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("user").ttl(HOUR).time_to_idle(IDLE);
const BLOBS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("blob").ttl(HOUR).time_to_idle(IDLE);

type Users = Keyspace<u64, u64>;

fn left(users: &Users) -> Option<Duration> {
    users.ttl(1).and_then(Remaining::duration)
}

/// Runs a test with three keyspaces: in a file, in memory only, and in a file whose entries the third
/// argument of `test` evicts from memory, so that each use reads the disk.
fn each_way(test: impl Fn(&ManualClock, &Users, &dyn Fn())) {
    let place = Place::new();
    let cache = place.open();
    test(&place.clock, &cache.keyspace(USERS).unwrap(), &|| {});
    let memory_only = KeyspaceDefinition::new("in memory").ttl(HOUR).time_to_idle(IDLE).memory_only();
    test(&place.clock, &cache.keyspace(memory_only).unwrap(), &|| {});
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let filler = Filler::new(&cache);
    test(&place.clock, &cache.keyspace(USERS).unwrap(), &|| {
        cache.flush().unwrap();
        filler.evict_users(&cache);
    });
}

#[test]
fn contract_2_an_entry_that_is_used_lives_until_its_ttl_and_no_longer() {
    type Use = fn(&Users) -> bool;
    let uses: [Use; 6] = [
        |users| matches!(users.find(1), Found::Value(_)),
        |users| users.get(1).is_some(),
        |users| users.get_many([1, 2])[0].is_some(),
        |users| users.get_or_load(1, || Err::<u64, _>(())).is_ok(),
        |users| users.get_or_load_many([1], |_| Err::<[(u64, u64); 0], _>(())).is_ok(),
        |users| matches!(users.lookup(1), Ok(LookupOutcome::Hit { .. })),
    ];
    each_way(|clock, users, settle| {
        for (number, used) in uses.iter().enumerate() {
            users.insert(1, 10).unwrap();
            for minutes in 1..=8 {
                settle();
                clock.advance(7 * MINUTE);
                assert!(used(users), "use {number} after {} minutes", 7 * minutes);
                let until_limit = HOUR.saturating_sub(7 * minutes * MINUTE);
                assert_eq!(left(users), Some(LIFE.min(until_limit)), "use {number}");
            }
            clock.advance((4 * MINUTE).saturating_sub(MILLI));
            assert!(used(users), "its TTL is not over");
            clock.advance(MILLI);
            assert!(!used(users) && users.ttl(1).is_none(), "its TTL is over");
        }
    });
}

#[test]
fn contract_2_an_entry_that_is_not_used_ends_although_it_is_looked_at() {
    type Look = fn(&Users);
    let looks: [Look; 6] = [
        |users| assert!(users.peek(1).is_some()),
        |users| assert!(users.contains_key(1)),
        |users| assert!(users.ttl(1).is_some()),
        |users| assert_eq!(users.count(), 1),
        |users| assert_eq!(users.iter().count(), 1),
        |users| assert!(matches!(users.modify(1, |_, _| Change::Keep), Ok(done) if !done.is_changed())),
    ];
    each_way(|clock, users, settle| {
        for look in looks {
            users.insert(1, 10).unwrap();
            for _ in 0..4 {
                settle();
                clock.advance(2 * MINUTE);
                look(users);
            }
            clock.advance(MINUTE.saturating_sub(MILLI));
            look(users);
            clock.advance(MILLI);
            assert_eq!((users.get(1), users.count()), (None, 0));
        }
    });
}

#[test]
fn contract_2_an_entry_lives_for_its_time_to_idle_at_least_after_any_use() {
    each_way(|clock, users, settle| {
        // The intervals differ, so that uses happen at many points of the time to idle.
        for seconds in (1..120).step_by(7) {
            users.insert(1, 10).unwrap();
            settle();
            clock.advance(Duration::from_secs(seconds));
            assert!(users.get(1).is_some());
            clock.advance(IDLE.saturating_sub(MILLI));
            assert!(users.peek(1).is_some(), "used after {seconds} s");
            clock.advance(IDLE / 8 + MILLI);
            assert!(users.peek(1).is_none(), "used after {seconds} s");
        }
    });
}

#[test]
fn contract_2_a_write_or_a_touch_begins_a_new_time_and_sets_the_limit() {
    each_way(|clock, users, settle| {
        users.insert(1, 10).unwrap();
        settle();
        clock.advance(5 * MINUTE);
        assert!(users.touch(1).unwrap());
        assert_eq!(left(users), Some(LIFE));
        settle();
        clock.advance(5 * MINUTE);
        assert_eq!(users.increment(1, 1).unwrap(), 11);
        assert_eq!(left(users), Some(LIFE));
        settle();
        // A change with `Ttl::Keep` also keeps the hard limit that `touch` set.
        let mut seen = Ttl::Default;
        let kept = users.modify(1, |_, ttl| {
            seen = ttl;
            Change::insert_for(12_u64, Ttl::Keep)
        });
        assert!(kept.unwrap().is_changed());
        assert_eq!(seen, Duration::from_mins(55));
        settle();
        for _ in 0..54 {
            clock.advance(MINUTE);
            assert!(users.get(1).is_some());
        }
        clock.advance(MINUTE);
        assert!(users.get(1).is_none(), "an hour after the touch");
        users.insert_many_with([(1, 10)], InsertOptions::new().ttl(2 * MINUTE)).unwrap();
        assert_eq!(left(users), Some(2 * MINUTE), "the nearer of both");
        settle();
        clock.advance(MINUTE);
        assert!(users.get(1).is_some());
        assert_eq!(left(users), Some(MINUTE));
        // Without a TTL, the entry expires only by its time to idle.
        assert!(users.persist(1).unwrap());
        for _ in 0..100 {
            settle();
            clock.advance(IDLE);
            assert!(users.get(1).is_some());
        }
        clock.advance(LIFE);
        assert!(users.get(1).is_none());
    });
}

#[test]
fn contract_2_a_use_writes_nothing_and_the_disk_learns_of_it_later() {
    let place = Place::new();
    let cache = open_swept(place.builder());
    let users = cache.keyspace(USERS).unwrap();
    users.insert(1, 10).unwrap();
    cache.flush().unwrap();
    let commits = || cache.stats().disk.unwrap().commits;
    let on_disk = || {
        let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
        follower.keyspace(USERS).ttl(&1).unwrap()
    };
    let before = commits();
    place.clock.advance(5 * MINUTE);
    for _ in 0..10 {
        assert!(users.get(1).is_some());
    }
    assert_eq!((commits(), on_disk()), (before, Some((4 * MINUTE).into())));
    cache.flush().unwrap();
    assert_eq!((commits(), on_disk()), (before + 1, Some(LIFE.into())), "one stamp, in the flush's commit");
    cache.flush().unwrap();
    assert_eq!(commits(), before + 1, "there is nothing more to commit");
    // A commit of other changes writes the waiting stamps too.
    place.clock.advance(5 * MINUTE);
    assert!(users.get(1).is_some());
    users.remove(2).unwrap();
    users.insert(3, 30).unwrap();
    users.remove(3).unwrap();
    assert_eq!(on_disk(), Some(LIFE.into()));
}

#[test]
fn contract_2_a_sweep_and_an_eviction_spare_an_entry_whose_use_is_not_on_disk_yet() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let users = cache.keyspace(USERS).unwrap();
    let filler = Filler::new(&cache);
    users.insert(1, 10).unwrap();
    cache.flush().unwrap();
    place.clock.advance(8 * MINUTE);
    assert!(users.get(1).is_some());
    // Evicts the entry before its stamp is committed. Hits of the other entries cause no commit.
    filler.evict_users(&cache);
    let hits = cache.stats().disk.unwrap().hits;
    place.clock.advance(5 * MINUTE);
    assert!(users.peek(1).is_some(), "its record alone has expired");
    assert_eq!(left(&users), Some(4 * MINUTE));
    assert!(users.get(1).is_some());
    assert!(cache.stats().disk.unwrap().hits > hits, "it was evicted");
    place.clock.advance(8 * MINUTE);
    // The transaction of the sweep first moves the expiry, and then deletes expired entries.
    cache.sweep().unwrap();
    assert!(users.get(1).is_some());
    drop((users, filler));
    cache.close().unwrap();
    let cache = place.open();
    assert_eq!(left(&cache.keyspace(USERS).unwrap()), Some(LIFE));
}

#[test]
fn contract_2_a_clean_close_keeps_the_uses_and_a_crash_ends_an_entry_earlier_at_most() {
    let place = Place::new();
    let cache = place.open();
    let users = cache.keyspace(USERS).unwrap();
    users.insert(1, 10).unwrap();
    cache.flush().unwrap();
    place.clock.advance(5 * MINUTE);
    assert!(users.get(1).is_some());
    let crashed = Place::new();
    std::fs::copy(place.path(), crashed.path()).unwrap();
    crashed.clock.advance(place.clock.wall().since(crashed.clock.wall()));
    let after_crash = crashed.open();
    assert_eq!(left(&after_crash.keyspace(USERS).unwrap()), Some(4 * MINUTE), "the use is forgotten");
    drop(users);
    cache.close().unwrap();
    let cache = place.open();
    let users = cache.keyspace(USERS).unwrap();
    assert_eq!(left(&users), Some(LIFE), "the last commit has the use");
    // The hard limit is stored on disk too.
    for _ in 0..54 {
        place.clock.advance(MINUTE);
        assert!(users.get(1).is_some());
    }
    place.clock.advance(MINUTE);
    assert!(users.get(1).is_none());
}

#[test]
fn contract_2_a_value_that_memory_does_not_take_is_used_on_disk() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(1, vec![7; 100_000]).unwrap();
    cache.flush().unwrap();
    for round in 0..8 {
        place.clock.advance(7 * MINUTE);
        assert!(blobs.get(1).is_some(), "round {round}");
        if round % 2 == 0 {
            cache.flush().unwrap();
        }
        cache.sweep().unwrap();
    }
    assert_eq!(cache.stats().memory.hits, 0);
    place.clock.advance(4 * MINUTE);
    assert!(blobs.get(1).is_none(), "its TTL is over");
}

#[test]
fn contract_2_uses_are_stamped_in_bounded_batches_and_what_is_too_much_is_counted() {
    const KEYS: u64 = 5_000;
    /// Maximum number of waiting stamps.
    const WAITING: u64 = 4_096;
    /// Maximum number of stamps in one transaction, with the default capacity.
    const BATCH: u64 = 256;
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = open_swept(place.builder().stalling_disk(&disk));
    let users = cache.keyspace(USERS).unwrap();
    for key in 0..KEYS {
        users.insert(key, key).unwrap();
    }
    cache.flush().unwrap();
    place.clock.advance(5 * MINUTE);
    let before = cache.stats().disk.unwrap();
    // Without the stall, the writer could commit some stamps meanwhile, and make room for others.
    disk.stall();
    for key in 0..KEYS {
        assert!(users.get(key).is_some());
    }
    disk.resume();
    cache.flush().unwrap();
    let after = cache.stats().disk.unwrap();
    assert_eq!(after.unstamped_uses - before.unstamped_uses, KEYS - WAITING);
    // The writer may already have committed some stamps, because it is woken when half of the list is full.
    let commits = after.commits - before.commits;
    assert!((WAITING / BATCH..=WAITING / BATCH + 1).contains(&commits), "{commits} commits");
    place.clock.advance(8 * MINUTE);
    cache.sweep().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, WAITING);
    assert_eq!(users.count(), KEYS, "memory has every use");
    drop(users);
    cache.close().unwrap();
    assert_eq!(place.open().keyspace(USERS).unwrap().count(), WAITING);
}

#[test]
fn contract_2_an_idle_entry_has_its_grace() {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    let users = cache.keyspace(USERS.grace(HOUR).cool_down(MILLI)).unwrap();
    users.insert(1, 10).unwrap();
    clock.advance(5 * MINUTE);
    assert!(users.get(1).is_some());
    clock.advance(LIFE);
    assert!(users.get(1).is_none());
    clock.advance(HOUR.saturating_sub(MILLI));
    cache.sweep().unwrap();
    assert_eq!(*users.get_or_load(1, || Err::<u64, _>(())).unwrap(), 10);
    clock.advance(MILLI);
    while users.get_or_load(1, || Err::<u64, _>(())).is_ok() {}
}

#[test]
fn contract_2_an_entry_of_before_the_time_to_idle_keeps_its_ttl() {
    let place = Place::new();
    let cache = place.open();
    let plain = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("user").ttl(HOUR)).unwrap();
    plain.insert(1, 10).unwrap();
    plain.insert(2, 10).unwrap();
    let users = cache.keyspace(USERS).unwrap();
    place.clock.advance(30 * MINUTE);
    assert!(users.get(1).is_some(), "it has no time to idle");
    users.insert(2, 10).unwrap();
    place.clock.advance(LIFE);
    assert_eq!((users.contains_key(1), users.contains_key(2)), (true, false));
}

#[test]
fn contract_2_an_entry_of_when_there_was_a_time_to_idle_is_copied_into_memory() {
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(USERS).unwrap().insert(1, 10).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let plain = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("user").ttl(HOUR)).unwrap();
    // With a refreshing policy, entries keep their extra data, which includes the hard limit of this entry.
    let policy = LoadPolicy::new().refresh_after(30 * MINUTE);
    let loading = plain.with_loader(policy, |_: &u64, _| Err::<Load<u64>, ()>(())).unwrap();
    // A commit between the lookup and the promotion prevents the promotion. The sweeper's first sweep may
    // commit once.
    let is_hit = (0..4).any(|_| {
        assert_eq!(plain.get(1).as_deref(), Some(&10));
        cache.stats().memory.hits > 0
    });
    assert!(is_hit, "it is not copied into memory");
    drop(loading);
}

#[test]
fn contract_2_a_time_to_idle_that_contradicts_the_ttl_is_refused() {
    let place = Place::new();
    let cache = place.open();
    let plain = || KeyspaceDefinition::<u64, u64>::new("wrong");
    for (definition, error) in [
        (
            plain().ttl(HOUR).time_to_idle(HOUR),
            "time_to_idle is 3600s; it must be shorter than the ttl, which is 3600s: otherwise it ends no entry",
        ),
        (plain().time_to_idle(Duration::ZERO), "time_to_idle is 0ns; it may be from 1ms to 316224000s"),
        (
            plain().never_expires().time_to_idle(2 * MAX_TTL),
            "time_to_idle is 632448000s; it may be from 1ms to 316224000s",
        ),
    ] {
        assert_eq!(cache.keyspace(definition).unwrap_err().to_string(), error);
    }
    cache.keyspace(plain().never_expires().time_to_idle(HOUR)).unwrap();
}
