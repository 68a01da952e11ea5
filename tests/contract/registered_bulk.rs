//! Tests of calls for several keys with a registered loader.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, Load, LoadError, LoadPolicy, Loaded};

use super::registered_loaders::{AGE, GRACEFUL, PRICES, Registered, TTL, ages, builder, with_loader};
use crate::support::simulated::wait_until;
use crate::support::{Place, watch_this_test};

fn answers(loaded: &[Loaded<u64>]) -> Vec<(Option<u64>, bool)> {
    loaded.iter().map(|loaded| (loaded.value.as_deref().copied(), loaded.is_stale)).collect()
}

fn fresh(value: u64) -> (Option<u64>, bool) {
    (Some(value), false)
}

/// Returns a handle whose loader records its keys and returns ten times the key. The source has no value for
/// keys from 90 on.
fn noting(cache: &Cache, policy: LoadPolicy) -> (Registered, Arc<Mutex<Vec<u64>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = asked.clone();
    let loader = move |key: &u64, _: Option<Arc<u64>>| {
        notes.lock().unwrap().push(*key);
        Ok(if *key < 90 { Load::Cache(Arc::new(10 * key)) } else { Load::Absent })
    };
    (cache.keyspace(PRICES).unwrap().with_loader(policy, loader).unwrap(), asked)
}

#[test]
fn several_keys_are_found_in_either_tier_and_only_the_missing_ones_are_loaded() {
    let _watch = watch_this_test();
    let (clock, place) = (Arc::new(ManualClock::new()), Place::new());
    let open = || place.builder().clock(clock.clone()).open().unwrap();
    let cache = open();
    let prices = cache.keyspace(PRICES).unwrap();
    prices.insert_many([(1, 7), (2, 8)]).unwrap();
    cache.close().unwrap();
    for policy in [LoadPolicy::new(), LoadPolicy::new().hard_timeout(Duration::from_mins(10))] {
        let cache = open();
        let (prices, asked) = noting(&cache, policy);
        prices.keyspace().insert(3, 9).unwrap();
        // Key 5 occurs twice and is in neither tier. The source has no value for key 99.
        let found = prices.get_many([5, 1, 3, 99, 2, 5, 99, 4]).unwrap();
        let expected =
            [fresh(50), fresh(7), fresh(9), (None, false), fresh(8), fresh(50), (None, false), fresh(40)];
        assert_eq!(answers(&found), expected);
        assert_eq!(*asked.lock().unwrap(), [5, 99, 4], "one load for each missing key, in their order");
        let stats = prices.keyspace().stats();
        assert_eq!(
            (stats.memory_hits, stats.disk_hits, stats.misses),
            (1, 2, 3),
            "each answer is counted once"
        );
        assert_eq!(answers(&prices.get_many([4, 5]).unwrap()), [fresh(40), fresh(50)]);
        assert_eq!(asked.lock().unwrap().len(), 3, "they are cached");
        assert!(prices.get_many::<u64>([]).unwrap().is_empty());
        prices.keyspace().remove_many([3, 4, 5]).unwrap();
        cache.close().unwrap();
    }
}

#[test]
fn old_values_among_several_are_served_and_refreshed() {
    let _watch = watch_this_test();
    let (clock, place) = (Arc::new(ManualClock::new()), Place::new());
    let open = || place.builder().clock(clock.clone()).open().unwrap();
    let cache = open();
    cache.keyspace(PRICES).unwrap().insert_many([(1, 7), (2, 8)]).unwrap();
    cache.close().unwrap();
    clock.advance(AGE);
    let cache = open();
    let (prices, asked) = noting(&cache, ages());
    prices.keyspace().insert(3, 9).unwrap();
    assert_eq!(answers(&prices.get_many([1, 3]).unwrap()), [fresh(7), fresh(9)]);
    wait_until("the refresh of what was on disk", || prices.keyspace().get(1).as_deref() == Some(&10));
    clock.advance(AGE);
    assert_eq!(answers(&prices.get_many([3]).unwrap()), [fresh(9)]);
    wait_until("the refresh of what was in memory", || prices.keyspace().get(3).as_deref() == Some(&30));
    assert_eq!(*asked.lock().unwrap(), [1, 3], "key 3 was young at first, and no caller asked for key 2");
}

#[test]
fn the_first_error_ends_the_call_and_what_was_loaded_before_it_stays() {
    let _watch = watch_this_test();
    let (_clock, prices) = with_loader(PRICES, LoadPolicy::new(), |key, _| match key {
        2 => Err("the database is away"),
        _ => Ok(Load::Cache(Arc::new(10 * key))),
    });
    let refused = prices.get_many([1, 2, 3]).unwrap_err();
    assert!(matches!(refused, LoadError::Loader(error) if *error == "the database is away"));
    assert_eq!(prices.keyspace().get(1).as_deref(), Some(&10));
    assert!(prices.keyspace().get(3).is_none(), "the loads after the error are not begun");
    assert_eq!(prices.keyspace().stats().load_failures, 1);
    let refused = prices.get_many([1]).map(|found| answers(&found));
    assert_eq!(refused.unwrap(), [fresh(10)]);
}

#[test]
fn a_failing_load_among_several_is_answered_with_the_stale_value() {
    let _watch = watch_this_test();
    let (clock, builder) = builder();
    let keyspace = builder.open().unwrap().keyspace(GRACEFUL).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let of_loader = asked.clone();
    let loader = move |key: &u64, _: Option<Arc<u64>>| {
        of_loader.fetch_add(1, Ordering::SeqCst);
        if *key == 1 { Err("the database is away") } else { Ok(Load::Cache(Arc::new(10 * key))) }
    };
    let prices = keyspace.with_loader(LoadPolicy::new(), loader).unwrap();
    keyspace.insert(1, 7).unwrap();
    clock.advance(TTL);
    assert_eq!(answers(&prices.get_many([1, 2, 1]).unwrap()), [(Some(7), true), fresh(20), (Some(7), true)]);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a key that occurs twice is loaded once");
    keyspace.remove(1).unwrap();
    assert!(prices.get_many([2, 1]).is_err(), "what was removed is not served stale");
}
