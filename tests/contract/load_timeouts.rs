//! Tests of the timeouts of registered loaders, of their thread pool, and of loaders that misbehave.
//!
//! Timeouts pass in real time, so a test that needs a timeout sets a short one. The slow loaders wait for
//! the test.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use larder::{Error, KeyspaceDefinition, Load, LoadError, LoadPolicy};

use super::registered_loaders::{
    AGE, GRACEFUL, LATE, PRICES, Registered, SOON, Source, TTL, ages, builder, loading, value, with_loader,
};
use crate::support::simulated::wait_until;
use crate::support::{Place, watch_this_test};

#[test]
fn a_slow_load_is_answered_with_the_stale_value_and_goes_on() {
    let _watch = watch_this_test();
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let policy = LoadPolicy::new().soft_timeout(SOON).hard_timeout(LATE);
    let prices = loading(&builder.open().unwrap(), GRACEFUL, policy, &source);
    assert_eq!(value(&prices), 100);
    clock.advance(TTL);
    let held = source.is_held.lock().unwrap();
    let answer = prices.get(1).unwrap();
    assert_eq!((*answer.value.unwrap(), answer.is_stale), (100, true));
    // The load may begin after the answer.
    source.wait_for(2);
    assert_eq!(prices.keyspace().stats().stale_answers, 1);
    // A removed value must not be served as a stale value.
    prices.keyspace().remove(1).unwrap();
    drop(held);
    let answer = prices.get(1).unwrap();
    assert_eq!((*answer.value.unwrap(), answer.is_stale), (102, false), "not the load of before the removal");
    assert_eq!(prices.keyspace().get(1).as_deref(), Some(&102));
}

#[test]
fn a_slow_load_without_a_stale_value_is_waited_for() {
    let _watch = watch_this_test();
    let ((_, builder), source) = (builder(), Arc::new(Source::default()));
    let policy = LoadPolicy::new().soft_timeout(Duration::from_millis(1)).hard_timeout(LATE);
    let prices = loading(&builder.open().unwrap(), GRACEFUL, policy, &source);
    let held = source.is_held.lock().unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| prices.get(1).unwrap());
        source.wait_for(1);
        drop(held);
        let answer = waiter.join().unwrap();
        assert_eq!((*answer.value.unwrap(), answer.is_stale), (100, false));
    });
}

#[test]
fn past_the_hard_timeout_the_load_is_void_and_its_callers_are_answered() {
    let _watch = watch_this_test();
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let policy = LoadPolicy::new().hard_timeout(SOON);
    let definition = GRACEFUL.cool_down(Duration::from_hours(1));
    let prices = loading(&builder.open().unwrap(), definition, policy, &source);
    let held = source.is_held.lock().unwrap();
    // A load that no thread has begun before its deadline is dropped. So the test asks until one has begun.
    let begun = (1..10_000).find(|key| {
        assert!(matches!(prices.get(*key), Err(LoadError::Timeout { waited: SOON })));
        source.loads() > 0
    });
    drop(held);
    wait_until("the late load", || prices.keyspace().stats().load_latency.count() > 0);
    assert!(prices.keyspace().get(begun.unwrap()).is_none(), "it is not cached");
    prices.keyspace().insert(1, 7).unwrap();
    clock.advance(TTL);
    let held = source.is_held.lock().unwrap();
    let answer = prices.get(1).unwrap();
    assert_eq!((*answer.value.unwrap(), answer.is_stale), (7, true));
    let misses = prices.keyspace().stats().misses;
    let answer = prices.get(1).unwrap();
    assert!(answer.is_stale);
    assert_eq!(prices.keyspace().stats().misses, misses, "a cool-down has begun, so it takes no lease");
    drop(held);
}

#[test]
fn a_stale_answer_from_disk_begins_a_cool_down_too() {
    let _watch = watch_this_test();
    let (place, source) = (Place::new(), Arc::new(Source::default()));
    let definition = GRACEFUL.cool_down(Duration::from_hours(1));
    let cache = place.builder().open().unwrap();
    cache.keyspace(definition).unwrap().insert(1, 7).unwrap();
    cache.close().unwrap();
    drop(cache);
    let cache = place.builder().open().unwrap();
    let prices = loading(&cache, definition, LoadPolicy::new().hard_timeout(SOON), &source);
    place.clock.advance(TTL);
    let held = source.is_held.lock().unwrap();
    for lookup in 0..3 {
        let answer = prices.get(1).unwrap();
        assert_eq!((*answer.value.unwrap(), answer.is_stale), (7, true));
        assert_eq!(prices.keyspace().stats().misses, 1, "only the first lookup takes a lease: {lookup}");
    }
    drop(held);
    cache.close().unwrap();
}

#[test]
fn a_caller_whose_time_is_over_gets_the_live_value_if_there_is_one_by_then() {
    let _watch = watch_this_test();
    let (go_on, may_go_on) = mpsc::channel::<u64>();
    let may_go_on = Mutex::new(may_go_on);
    let (_, builder) = builder();
    let keyspace = builder.open().unwrap().keyspace(PRICES).unwrap();
    let inserted = keyspace.clone();
    let policy = LoadPolicy::new().hard_timeout(Duration::from_millis(500));
    let loader = move |key: &u64, _: Option<Arc<u64>>| {
        inserted.insert(*key, 7).unwrap();
        // The loader hangs until the time of its caller is over.
        while may_go_on.lock().unwrap().recv().is_ok_and(|over| over < *key) {}
        Ok(Load::Cache(Arc::new(8)))
    };
    let prices: Registered = keyspace.with_loader(policy, loader).unwrap();
    // If the machine stalls, the loader may begin too late to insert the value in time.
    let answer = (1..40).find_map(|key| {
        let answer = prices.get(key);
        go_on.send(key).unwrap();
        answer.ok()
    });
    assert_eq!(answer.unwrap().value.as_deref(), Some(&7));
    drop(go_on);
}

#[test]
fn a_full_pool_refuses_refreshes_and_holds_up_neither_hits_nor_the_close() {
    let _watch = watch_this_test();
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let cache = builder.load_threads(1).open().unwrap();
    let prices = loading(&cache, PRICES, ages(), &source);
    for key in 0..40 {
        prices.keyspace().insert(key, key).unwrap();
    }
    clock.advance(AGE);
    let held = source.is_held.lock().unwrap();
    for key in 0..40 {
        assert_eq!(*prices.get(key).unwrap().value.unwrap(), key);
        // Waits until the thread is busy. Otherwise the thread could take the first load from the queue
        // later, and that would free a place.
        source.wait_for(1);
    }
    let stats = cache.stats();
    // One thread is busy, and sixteen refreshes queue.
    assert_eq!((stats.refreshes, stats.refreshes_refused), (17, 23));
    assert!(!prices.refresh(39).unwrap());
    cache.close().unwrap();
    drop(held);
}

#[test]
fn a_load_that_finds_the_pool_full_is_answered_in_its_time() {
    let _watch = watch_this_test();
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let cache = builder.load_threads(1).open().unwrap();
    let stuck = Arc::new(Source::default());
    let filler = loading(&cache, PRICES, LoadPolicy::new(), &stuck);
    let soft = loading(&cache, GRACEFUL, LoadPolicy::new().soft_timeout(LATE), &source);
    let definition = KeyspaceDefinition::new("hard").ttl(TTL);
    let hard = loading(&cache, definition, LoadPolicy::new().hard_timeout(SOON), &source);
    soft.keyspace().insert(1, 7).unwrap();
    let held = stuck.is_held.lock().unwrap();
    assert!(filler.refresh(0).unwrap());
    // Waits until the thread is busy. Otherwise the thread could take a queued load later, and that would
    // free a place in the queue.
    stuck.wait_for(1);
    (1..100).find(|key| !filler.refresh(key).unwrap()).unwrap();
    assert_eq!(filler.keyspace().stats().refreshes_refused, 1, "an explicit refresh is counted");
    // Refreshes have a queue of their own. Loads of callers fill the other queue.
    let impatient = loading(&cache, GRACEFUL, LoadPolicy::new().soft_timeout(SOON), &stuck);
    for key in 10..26 {
        impatient.keyspace().insert(key, 7).unwrap();
    }
    clock.advance(TTL);
    for key in 10..26 {
        assert!(impatient.get(key).unwrap().is_stale);
    }
    let answer = soft.get(1).unwrap();
    assert_eq!(
        (*answer.value.unwrap(), answer.is_stale, source.loads()),
        (7, true, 0),
        "the stale value at once"
    );
    assert!(matches!(hard.get(1), Err(LoadError::Timeout { .. })), "no place in time");
    assert_eq!(*soft.get(2).unwrap().value.unwrap(), 100, "the caller runs the loader");
    drop(held);
    wait_until("a free thread", || hard.get(1).is_ok());
    cache.close().unwrap();
}

#[test]
fn a_panic_of_a_pooled_load_reaches_its_callers_and_ends_no_thread() {
    let _watch = watch_this_test();
    let (_, prices) = with_loader(PRICES, LoadPolicy::new().hard_timeout(LATE), |key, _| match key {
        0 => panic!("the loader panics"),
        1 => Err("the database is away"),
        _ => Ok(Load::Unchanged),
    });
    for _ in 0..10 {
        assert!(matches!(prices.get(0), Err(LoadError::Panicked)));
        assert!(matches!(prices.get(1), Err(LoadError::Loader(error)) if *error == "the database is away"));
        assert!(matches!(prices.get(2), Err(LoadError::NothingUnchanged)));
    }
}

#[test]
fn a_loader_that_asks_for_its_own_key_gets_an_error() {
    let _watch = watch_this_test();
    for policy in [LoadPolicy::new(), LoadPolicy::new().hard_timeout(LATE)] {
        let own = Arc::new(Mutex::new(None::<Registered>));
        let asks = own.clone();
        let (_, prices) = with_loader(PRICES, policy, move |key, _| {
            let own = asks.lock().unwrap().clone().unwrap();
            // The loaders of keys 1 and 2 request each other's key.
            let circle = own.get(3 - key).is_err_and(|error| matches!(error, LoadError::Cycle));
            Ok(Load::Cache(Arc::new(u64::from(circle) + 10 * key)))
        });
        *own.lock().unwrap() = Some(prices.clone());
        assert_eq!(value(&prices), 10, "its inner load is no circle");
        assert_eq!(prices.keyspace().get(2).as_deref(), Some(&21), "the inner one was");
        own.lock().unwrap().take();
    }
}

#[test]
fn loads_within_loads_do_not_wait_for_the_pool() {
    let _watch = watch_this_test();
    let own = Arc::new(Mutex::new(None::<Registered>));
    let asks = own.clone();
    let (_, prices) = with_loader(PRICES, LoadPolicy::new().hard_timeout(LATE), move |key, _| {
        let own = asks.lock().unwrap().clone().unwrap();
        Ok(Load::Cache(if *key == 0 { Arc::new(1) } else { own.get(key - 1).unwrap().value.unwrap() }))
    });
    *own.lock().unwrap() = Some(prices.clone());
    assert_eq!(*prices.get(50).unwrap().value.unwrap(), 1);
    own.lock().unwrap().take();
}

#[test]
fn a_loader_may_close_the_cache() {
    let _watch = watch_this_test();
    for policy in [LoadPolicy::new(), LoadPolicy::new().hard_timeout(LATE)] {
        let place = Place::new();
        let cache = place.builder().open().unwrap();
        let closed = cache.clone();
        let loader = move |_: &u64, _: Option<Arc<u64>>| {
            closed.close().map_err(|_| "it is not durable")?;
            Ok(Load::Cache(Arc::new(7)))
        };
        let prices: Registered = cache.keyspace(PRICES).unwrap().with_loader(policy, loader).unwrap();
        assert_eq!(value(&prices), 7, "its value is returned, and not cached");
        assert_eq!((prices.keyspace().get(1), value(&prices)), (None, 7));
        assert!(matches!(prices.refresh(1), Err(Error::Closed)));
        place.builder().open().unwrap();
    }
}

#[test]
fn the_last_handle_may_go_with_a_loader_of_the_pool() {
    let place = Place::new();
    let cache = place.builder().open().unwrap();
    let last = Mutex::new(Some(cache.clone()));
    let (runs, is_running) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let loader = move |_: &u64, _: Option<Arc<u64>>| {
        runs.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        drop(last.lock().unwrap().take());
        Ok(Load::Cache(Arc::new(7)))
    };
    let prices: Registered = cache.keyspace(PRICES).unwrap().with_loader(LoadPolicy::new(), loader).unwrap();
    assert!(prices.refresh(1).unwrap());
    is_running.recv().unwrap();
    drop((cache, prices));
    go_on.send(()).unwrap();
    place.builder().open_timeout(Duration::from_mins(1)).open().unwrap();
}
