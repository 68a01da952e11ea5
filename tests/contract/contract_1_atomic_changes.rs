//! Contract 1: each atomic change takes effect at one moment, and depends only on the content of its key at
//! that moment. Some tests use a closure that misbehaves, or a closed cache.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use larder::{
    Cache, Change, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition, Modified, Remaining, Ttl,
};

use crate::support::{HOUR, Place, VERSIONS, panics_with, watch_this_test};

const IN_MEMORY: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("in memory").ttl(HOUR).memory_only();
const SMALL: KeyspaceDefinition<u64, i8> = KeyspaceDefinition::new("small").ttl(HOUR);
const MINUTE: Duration = Duration::from_mins(1);

fn add(versions: &Keyspace<u64, u64>, key: u64) {
    versions.modify(&key, |old, _| Change::insert(old.copied().unwrap_or(0) + 1)).unwrap();
}

/// Runs a test with keyspaces whose changes take different code paths: in a file, only in memory, and with a
/// weigher.
fn each_way(test: impl Fn(&Cache, &Keyspace<u64, u64>)) {
    for weighs in [false, true] {
        let place = Place::new();
        let builder = if weighs { place.builder().weigher(|_| 300) } else { place.builder() };
        let cache = builder.open().unwrap();
        test(&cache, &cache.keyspace(VERSIONS).unwrap());
        test(&cache, &cache.keyspace(IN_MEMORY).unwrap());
    }
}

#[test]
fn contract_1_no_increment_of_many_threads_is_lost() {
    let _watch = watch_this_test();
    each_way(|cache, versions| {
        let sums = AtomicU64::new(0);
        thread::scope(|scope| {
            for number in 0..8_u64 {
                let sums = &sums;
                scope.spawn(move || {
                    for step in 0..1_000 {
                        if (step + number).is_multiple_of(10) {
                            add(versions, 1);
                            versions.decrement(&1, 1).unwrap();
                        }
                        sums.fetch_add(versions.increment(&1, 1).unwrap(), Ordering::Relaxed);
                        if step % 250 == number {
                            cache.flush().unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(versions.get(&1).as_deref(), Some(&8_000));
        assert!(sums.into_inner() >= 8_000 * 8_001 / 2, "no two increments have the same sum");
    });
}

#[test]
fn contract_1_a_slow_change_finishes_beside_fast_ones() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let (is_done, rounds, fast) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    add(&versions, 1);
                    versions.increment(&1, 1).unwrap();
                    fast.fetch_add(2, Ordering::SeqCst);
                }
            });
        }
        let (_silent, never) = mpsc::channel::<()>();
        while fast.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        let slow = versions.modify(&1, |old, _| {
            rounds.fetch_add(1, Ordering::SeqCst);
            // Waits until other threads have changed the key, but at most about 100 ms.
            let before = fast.load(Ordering::SeqCst);
            for _ in 0..20 {
                if fast.load(Ordering::SeqCst) > before + 8 {
                    break;
                }
                _ = never.recv_timeout(Duration::from_millis(5));
            }
            Change::insert(old.copied().unwrap_or(0) + 1)
        });
        is_done.store(true, Ordering::SeqCst);
        slow.unwrap();
    });
    let (rounds, fast) = (rounds.into_inner(), fast.into_inner());
    assert_eq!(versions.get(&1).as_deref(), Some(&(fast + 1)), "no change is lost");
    // After eight failed rounds, `modify` takes an exclusive turn. Each other thread may complete one more
    // change in that turn. On a busy machine, an earlier round may succeed.
    assert!((1..=16).contains(&rounds), "the slow change took {rounds} rounds, beside {fast} changes");
}

#[test]
fn contract_1_changes_that_change_one_anothers_key_end() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let both = Barrier::new(2);
    thread::scope(|scope| {
        for (outer, inner) in [(1, 2), (2, 1)] {
            let (versions, both) = (&versions, &both);
            scope.spawn(move || {
                both.wait();
                for _ in 0..20 {
                    let change = |old: Option<&u64>, _| {
                        versions.increment(&inner, 1).unwrap();
                        add(versions, inner);
                        Change::insert(old.copied().unwrap_or(0) + 1_000_000)
                    };
                    versions.modify(&outer, change).unwrap();
                }
            });
        }
    });
    for key in [1, 2] {
        let value = *versions.get(&key).unwrap();
        assert_eq!(value / 1_000_000, 20, "{value}");
    }
}

#[test]
fn contract_1_a_closure_is_refused_a_change_of_its_own_key() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let other = Cache::builder().open().unwrap();
    let other = other.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    let modified = versions.modify(&1, |old, _| {
        let refused = [
            versions.insert(&1, 7),
            versions.modify(&1, |_, _| Change::Remove).map(drop).map_err(Error::from),
            versions.increment(&1, 7).map(drop),
            versions.touch(&1).map(drop),
            versions.insert_if_absent(&1, 7).map(drop),
            versions.take(&1).map(drop).map_err(Error::from),
            versions.remove(&1).map(drop),
            versions.remove_many(&[2, 1]).map(drop),
            versions.clear().map(drop),
            cache.clear().map(drop),
            versions.begin_update(&1).map(drop),
        ];
        assert!(refused.iter().all(|refused| matches!(refused, Err(Error::Reentrant))), "{refused:?}");
        assert_eq!(versions.get(&1).as_deref(), Some(&1), "it may be read");
        versions.insert(&2, 20).unwrap();
        add(&versions, 2);
        other.insert(&1, 7).unwrap();
        Change::insert(old.unwrap() + 1)
    });
    assert_eq!(modified.unwrap().new_value(), Some(&2));
    assert_eq!((versions.get(&1).as_deref(), versions.get(&2).as_deref()), (Some(&2), Some(&21)));
    versions.insert(&1, 3).unwrap();
}

#[test]
fn contract_1_a_closure_that_panics_or_closes_the_cache_changes_nothing() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    assert!(panics_with("a test panics", || versions.modify(&1, |_, _| panic!("a test panics"))));
    assert_eq!(versions.get(&1).as_deref(), Some(&1));
    add(&versions, 1);
    for change in [|| Change::insert(7_u64), || Change::Remove, || Change::Keep] {
        let place = Place::new();
        let cache = place.open();
        let versions = cache.keyspace(VERSIONS).unwrap();
        versions.insert(&1, 1).unwrap();
        let closed = versions.modify(&1, |_, _| {
            cache.close().unwrap();
            change()
        });
        let closed = closed.unwrap_err();
        assert!(matches!(closed.error, Error::Closed) && closed.applied.is_none(), "{closed}");
        assert!(matches!(versions.increment(&1, 1), Err(Error::Closed)));
        assert_eq!(place.open().keyspace(VERSIONS).unwrap().get(&1).as_deref(), Some(&1));
    }
}

#[test]
fn contract_1_an_increment_that_overflows_is_an_error_and_changes_nothing() {
    let place = Place::new();
    for shows_keys in [true, false] {
        let cache = place.builder().log_keys(shows_keys).open().unwrap();
        let small = cache.keyspace(SMALL).unwrap();
        small.insert(&1, 120).unwrap();
        cache.flush().unwrap();
        assert_eq!(small.increment(&1, 7).unwrap(), 127);
        let error = small.increment(&1, 1).unwrap_err();
        assert!(matches!(error, Error::Overflow { .. }));
        let key = if shows_keys { ", key 1" } else { "" };
        let said = format!("cannot change a counter of keyspace \"small\"{key} by 1: it is 127, and");
        assert!(error.to_string().starts_with(&said), "{error}");
        let error = small.decrement(&2, i8::MIN).unwrap_err().to_string();
        assert!(error.contains("by minus -128: it is 0"), "{error}");
        assert_eq!((small.get(&1).as_deref(), small.get(&2)), (Some(&127), None));
        assert_eq!(small.decrement(&1, -128).unwrap_err().to_string().matches("it is 127").count(), 1);
        let versions = cache.keyspace(VERSIONS).unwrap();
        assert!(matches!(versions.decrement(&9, 1), Err(Error::Overflow { .. })), "none is below zero");
        cache.close().unwrap();
    }
}

#[test]
fn contract_1_an_increment_keeps_the_ttl_of_its_counter() {
    each_way(|cache, versions| {
        versions.insert_with(&1, 5, InsertOptions::new().ttl(Ttl::Never)).unwrap();
        versions.insert_with(&2, 5, InsertOptions::new().ttl(MINUTE)).unwrap();
        for _ in 0..2 {
            for key in [1, 2, 3] {
                versions.increment(&key, 2).unwrap();
            }
            cache.flush().unwrap();
        }
        let sums = [1, 2, 3].map(|key| *versions.get(&key).unwrap());
        assert_eq!(sums, [9, 9, 4]);
        let ttls = [1, 2, 3].map(|key| versions.ttl(&key).unwrap());
        assert_eq!(ttls, [Remaining::Never, MINUTE.into(), HOUR.into()]);
    });
}

#[test]
fn contract_1_each_verb_answers_for_the_entry_that_is_there() {
    each_way(|cache, versions| {
        assert!(versions.replace(&1, 1).unwrap().is_none() && !versions.contains_key(&1));
        assert!(!versions.compare_and_insert(&1, &0, 1).unwrap().is_changed());
        assert!(versions.insert_if_absent(&1, 1).unwrap().is_none());
        assert_eq!(versions.insert_if_absent(&1, 2).unwrap().as_deref(), Some(&1));
        cache.flush().unwrap();
        assert_eq!(versions.replace(&1, 2).unwrap().as_deref(), Some(&1));
        let compared = versions.compare_and_insert(&1, &1, 3).unwrap();
        assert_eq!((compared.is_changed(), compared.old()), (false, Some(&2)));
        let compared = versions.compare_and_insert(&1, &2, 3).unwrap();
        assert_eq!((compared.old(), compared.new_value()), (Some(&2), Some(&3)));
        assert!(versions.persist(&1).unwrap() && !versions.persist(&2).unwrap());
        assert_eq!(versions.ttl(&1), Some(Remaining::Never));
        assert!(versions.remove_if(&1, |value| *value == 2).unwrap().is_none());
        assert_eq!(versions.remove_if(&1, |value| *value == 3).unwrap().as_deref(), Some(&3));
        assert!(versions.take(&1).unwrap().is_none());
        versions.insert(&1, 4).unwrap();
        assert_eq!(versions.take(&1).unwrap().as_deref(), Some(&4));
        assert!(!versions.contains_key(&1));
    });
}

#[test]
fn contract_1_a_change_sees_the_ttl_and_may_choose_another() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let mut seen = Vec::new();
    for next in [Ttl::Keep, Ttl::For(MINUTE), Ttl::Keep, Ttl::Never, Ttl::Default] {
        let modified = versions.modify(&1, |_, ttl| {
            seen.push(ttl);
            Change::insert_for(1_u64, next)
        });
        assert!(matches!(modified, Ok(Modified::Inserted { .. })));
    }
    assert_eq!(seen, [Ttl::Default, HOUR.into(), MINUTE.into(), MINUTE.into(), Ttl::Never]);
    let refused = versions.modify(&1, |_, _| Change::insert_for(2_u64, Duration::ZERO)).unwrap_err();
    assert!(matches!(refused.error, Error::InvalidSetting { setting: "ttl", .. }), "{refused}");
    assert_eq!((versions.get(&1).as_deref(), versions.ttl(&1)), (Some(&1), Some(HOUR.into())));
    let past = larder::clock::Clock::wall(&*place.clock);
    let removed = versions.modify(&1, |_, _| Change::insert_for(2_u64, past)).unwrap();
    assert!(matches!(removed, Modified::Removed(_)) && !versions.contains_key(&1));
}

#[test]
fn contract_1_a_change_of_an_entry_that_is_on_disk_alone_is_made_there() {
    let place = Place::new();
    let open = || place.open();
    let cache = open();
    cache.keyspace(VERSIONS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    for expected in [11, 12] {
        let cache = open();
        let versions = cache.keyspace(VERSIONS).unwrap();
        assert_eq!(versions.increment(&1, 1).unwrap(), expected);
        cache.close().unwrap();
    }
    let cache = open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let modified = versions.modify_with(&1, Durability::Immediate, |old, _| Change::insert(old.unwrap() * 2));
    assert_eq!(modified.unwrap().new_value(), Some(&24));
    let crashed = Place::new();
    std::fs::copy(place.path(), crashed.path()).unwrap();
    assert_eq!(crashed.open().keyspace(VERSIONS).unwrap().take(&1).unwrap().as_deref(), Some(&24));
    assert!(crashed.open().keyspace(VERSIONS).unwrap().get(&1).is_none());
}

#[test]
fn contract_1_a_lock_is_taken_renewed_and_released_by_its_holder_alone() {
    each_way(|cache, versions| {
        let clock = larder::clock::ManualClock::new();
        let lease = InsertOptions::new().ttl(MINUTE).durability(Durability::Immediate);
        assert!(versions.insert_if_absent_with(&1, 7, lease).unwrap().is_none());
        assert_eq!(versions.insert_if_absent_with(&1, 8, lease).unwrap().as_deref(), Some(&7));
        versions.touch_with(&1, MINUTE / 2).unwrap();
        assert!(!versions.compare_and_insert_with(&1, &8, 8, lease).unwrap().is_changed());
        assert_eq!(versions.ttl(&1), Some((MINUTE / 2).into()), "8 has not renewed it");
        assert!(versions.compare_and_insert_with(&1, &7, 7, lease).unwrap().is_changed());
        assert_eq!(versions.ttl(&1), Some(MINUTE.into()));
        assert!(versions.remove_if(&1, |holder| *holder == 8).unwrap().is_none());
        let keep = InsertOptions::new().ttl(Ttl::Keep);
        versions.touch_with(&1, MINUTE / 2).unwrap();
        assert_eq!(versions.replace_with(&1, 9, keep).unwrap().as_deref(), Some(&7));
        assert_eq!(versions.ttl(&1), Some((MINUTE / 2).into()));
        let past = larder::clock::Clock::wall(&clock);
        assert_eq!(versions.replace_with(&1, 10, keep.ttl(past)).unwrap().as_deref(), Some(&9));
        assert_eq!(versions.replace_with(&1, 10, keep).unwrap(), None, "its time had come");
        let refused = versions.replace_with(&1, 10, keep.ttl(Duration::ZERO)).unwrap_err();
        assert!(matches!(refused, Error::InvalidSetting { setting: "ttl", .. }), "{refused}");
        cache.flush().unwrap();
    });
}

#[test]
fn contract_1_an_atomic_insert_that_is_immediate_is_on_disk_when_it_returns() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let crashed = |expected: u64| {
        let crashed = Place::new();
        std::fs::copy(place.path(), crashed.path()).unwrap();
        assert_eq!(crashed.open().keyspace(VERSIONS).unwrap().get(&1).as_deref(), Some(&expected));
    };
    versions.insert_if_absent_with(&1, 1, immediate).unwrap();
    crashed(1);
    versions.replace_with(&1, 2, immediate).unwrap();
    crashed(2);
    versions.compare_and_insert_with(&1, &2, 3, immediate).unwrap();
    crashed(3);
}
