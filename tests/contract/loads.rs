//! Tests of loads: each key has one loader at a time, a failed load fails for all waiting callers that
//! expect the same type of error, and no caller waits forever.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use larder::{Cache, Error, LoadError};

use crate::support::panics::message;
use crate::support::simulated::wait_until;
use crate::support::{NAMES, Place, VERSIONS, watch_this_test};

type Load<'scope, E> = thread::ScopedJoinHandle<'scope, Result<Arc<String>, LoadError<E>>>;

/// Starts a load that waits for a signal. Returns once the loader runs.
fn load_and_wait<'scope, E: Send + Sync + 'static>(
    scope: &'scope thread::Scope<'scope, '_>,
    names: &'scope larder::Keyspace<String, String>,
    result: impl FnOnce() -> Result<String, E> + Send + 'scope,
) -> (mpsc::Sender<()>, Load<'scope, E>) {
    let (started, wait_for_start) = mpsc::channel();
    let (go_on, wait_to_go_on) = mpsc::channel::<()>();
    let load = scope.spawn(move || {
        names.get_or_load("key", || {
            started.send(()).unwrap();
            wait_to_go_on.recv().unwrap();
            result()
        })
    });
    wait_for_start.recv().unwrap();
    (go_on, load)
}

/// Waits until `misses` lookups have missed. The callers of these lookups have then joined a flight, or are
/// about to.
fn wait_for_misses(cache: &Cache, misses: u64) {
    wait_until("the callers have missed", || cache.stats().misses >= misses);
}

#[test]
fn concurrent_callers_run_one_loader() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let (loads, barrier) = (AtomicU64::new(0), Barrier::new(8));
    for round in 0..50 {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let load = || Ok::<_, Error>(loads.fetch_add(1, Ordering::SeqCst));
                    assert_eq!(*versions.get_or_load(&round, load).unwrap(), round);
                });
            }
        });
    }
    assert_eq!(loads.into_inner(), 50);
    assert_eq!(cache.stats().loads, 50);
}

#[test]
fn an_error_reaches_every_waiter_and_is_not_cached() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    thread::scope(|scope| {
        let (go_on, first) = load_and_wait(scope, &names, || Err("no such product"));
        let waiters: Vec<_> =
            (0..3).map(|_| scope.spawn(|| names.get_or_load("key", || Err::<String, _>("own")))).collect();
        wait_for_misses(&cache, 4);
        go_on.send(()).unwrap();
        let Err(LoadError::Loader(error)) = first.join().unwrap() else { panic!("the error of the loader") };
        assert_eq!(*error, "no such product");
        for waiter in waiters {
            let Err(LoadError::Loader(error)) = waiter.join().unwrap() else { panic!("an error") };
            // A caller that was too late to join the flight has run its own loader.
            assert!(["no such product", "own"].contains(&*error));
        }
    });
    assert!(!names.contains_key("key"));
    assert!(cache.stats().load_failures >= 1);
}

#[test]
fn a_waiter_with_another_type_of_error_runs_its_own_loader() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    thread::scope(|scope| {
        let (go_on, first) = load_and_wait(scope, &names, || Err("text"));
        let waiter = scope.spawn(|| names.get_or_load("key", || Err::<String, u64>(7)));
        wait_for_misses(&cache, 2);
        go_on.send(()).unwrap();
        assert!(first.join().unwrap().is_err());
        assert!(matches!(waiter.join().unwrap(), Err(LoadError::Loader(error)) if *error == 7));
    });
}

#[test]
fn a_panicking_loader_releases_its_waiters() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    thread::scope(|scope| {
        let (go_on, first) =
            load_and_wait(scope, &names, || -> Result<String, Error> { panic!("on purpose") });
        let waiter = scope.spawn(|| names.get_or_load("key", || Ok::<_, Error>("own".to_owned())));
        wait_for_misses(&cache, 2);
        go_on.send(()).unwrap();
        let panic = first.join().expect_err("the panic stays in its own thread");
        assert_eq!(message(&*panic), "on purpose");
        match waiter.join().unwrap() {
            Err(LoadError::Panicked) => {}
            other => assert_eq!(*other.unwrap(), "own"),
        }
    });
    assert_eq!(
        *names.get_or_load("key", || Ok::<_, Error>("next".to_owned())).unwrap(),
        names.get("key").unwrap().as_str()
    );
    assert_eq!(cache.stats().load_failures, 1);
}

#[test]
fn a_loader_that_asks_for_its_own_key_gets_an_error() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let nested = names.get_or_load("key", || {
        let inner = names.get_or_load("key", || Ok::<_, String>("inner".to_owned()));
        assert!(matches!(inner, Err(LoadError::Cycle)));
        names
            .get_or_load("other", || Ok::<_, String>("other".to_owned()))
            .map(|other| format!("from {other}"))
            .map_err(|error| error.to_string())
    });
    assert_eq!(*nested.unwrap(), "from other");
}

#[test]
fn loaders_that_ask_for_one_anothers_keys_do_not_wait_for_ever() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let both_are_loading = Barrier::new(2);
    let load = |mine: &'static str, other: &'static str| {
        names.get_or_load(mine, || {
            both_are_loading.wait();
            match names.get_or_load(other, || Ok::<_, String>("alone".to_owned())) {
                Ok(value) => Ok((*value).clone()),
                Err(LoadError::Cycle) => Err("a circle".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
    };
    thread::scope(|scope| {
        let one = scope.spawn(|| load("a", "b"));
        let two = scope.spawn(|| load("b", "a"));
        let texts = [one.join().unwrap(), two.join().unwrap()]
            .map(|end| end.map_or_else(|error| error.to_string(), |value| (*value).clone()));
        assert!(texts.iter().any(|text| text.contains("a circle")), "{texts:?}");
    });
}

#[test]
fn loaders_that_ask_across_two_caches_do_not_wait_for_ever() {
    let _watch = watch_this_test();
    let caches = [(); 2].map(|()| Cache::builder().open().unwrap().keyspace(NAMES).unwrap());
    let both_are_loading = Barrier::new(2);
    let load = |mine: usize| {
        caches[mine].get_or_load("key", || {
            both_are_loading.wait();
            match caches[1 - mine].get_or_load("key", || Err::<String, _>("not run".to_owned())) {
                Ok(value) => Ok((*value).clone()),
                Err(LoadError::Cycle) => Ok::<_, String>("a circle".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
    };
    let ends = thread::scope(|scope| {
        let load = &load;
        [0, 1].map(|mine| scope.spawn(move || load(mine))).map(|end| end.join().unwrap())
    });
    // At least one of the two loads detects the cycle and uses a fallback value. The other load gets that
    // value, or also detects the cycle.
    assert!(ends.iter().all(|end| end.as_ref().is_ok_and(|value| **value == "a circle")), "{ends:?}");
}

#[test]
fn a_load_looks_on_disk_first_and_a_promotion_counts_as_a_disk_hit() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(NAMES).unwrap().insert("key", "stored".to_owned()).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let load = || Err::<String, _>("must not run");
    assert_eq!(*names.get_or_load("key", load).unwrap(), "stored");
    assert_eq!(*names.get_or_load("key", load).unwrap(), "stored");
    let stats = cache.stats();
    assert_eq!((stats.disk.unwrap().hits, stats.memory.hits, stats.loads, stats.promotions), (1, 1, 0, 1));
}

#[test]
fn a_loaded_value_survives_a_restart() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.get_or_load("key", || Ok::<_, Error>("loaded".to_owned())).unwrap();
    drop((names, cache));
    assert_eq!(*place.open().keyspace(NAMES).unwrap().get("key").unwrap(), "loaded");
}
