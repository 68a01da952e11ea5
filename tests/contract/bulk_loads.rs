//! Tests of one loader call for several keys: its errors, and other callers that need the same keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use larder::{Cache, Error, KeyspaceDefinition, LoadError, LookupOutcome, Waited};

use super::bulk_reads::{in_memory, none, tenfold, values};
use crate::support::simulated::wait_until;
use crate::support::{NAMES, Place, VERSIONS, panics_with, watch_this_test};

#[test]
fn the_loader_is_called_once_with_the_missing_keys() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    let mut calls = Vec::new();
    let mut load = |keys: &[&u64]| {
        calls.push(keys.iter().map(|key| **key).collect::<Vec<_>>());
        // The loader returns key 2 twice, omits key 3, and returns key 77, which the caller did not request.
        Ok::<_, String>([(77, 77), (5, 50), (2, 20), (2, 21)])
    };
    let loaded = versions.get_or_load_many(&[5, 1, 3, 2, 5, 3], &mut load).unwrap();
    assert_eq!(values(&loaded), [Some(50), Some(1), None, Some(20), Some(50), None]);
    assert_eq!(calls, [[5, 3, 2]]);
    assert_eq!(versions.count(), 3, "77 was not asked, and 3 is absent");
    let stats = versions.stats();
    assert_eq!((stats.loads, stats.load_failures, stats.load_latency.count()), (3, 0, 1));
    assert_eq!((stats.memory_hits, stats.misses), (1, 3));
    cache.close().unwrap();
    let versions = place.open().keyspace(VERSIONS).unwrap();
    assert_eq!(values(&versions.get_many(&[1, 2, 3, 5])), [Some(1), Some(20), None, Some(50)]);
}

#[test]
fn loaded_keys_may_come_in_any_form() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let owned =
        names.get_or_load_many(["a"], |_| Ok::<_, Error>(HashMap::from([("a".to_owned(), "1".to_owned())])));
    assert_eq!(owned.unwrap()[0].as_deref().unwrap(), "1");
    let borrowed = names.get_or_load_many(&["b".to_owned()], |missing| {
        Ok::<_, Error>(missing.iter().map(|key| (key.as_str(), Arc::new((*key).clone()))).collect::<Vec<_>>())
    });
    assert_eq!(borrowed.unwrap()[0].as_deref().unwrap(), "b");
}

#[test]
fn an_error_of_the_loader_reaches_everyone_who_waits_for_one_of_its_keys() {
    let _watch = watch_this_test();
    let (cache, versions) = in_memory();
    thread::scope(|scope| {
        let (go_on, wait) = mpsc::channel::<()>();
        let loading = scope.spawn(|| {
            versions.get_or_load_many(&[1, 2], move |_| {
                wait.recv().unwrap();
                Err::<Vec<(u64, u64)>, _>("the database is away".to_owned())
            })
        });
        wait_until("both keys are being loaded", || cache.stats().loads == 2);
        let one = scope.spawn(|| versions.get_or_load(&1, || Ok::<_, String>(7)));
        let many = scope.spawn(|| versions.get_or_load_many(&[2, 1], none));
        wait_until("the others have missed", || cache.stats().misses == 5);
        go_on.send(()).unwrap();
        assert!(matches!(loading.join().unwrap(), Err(LoadError::Loader(_))));
        // A caller that was too late to join the flight has run its own loader.
        if let Err(error) = one.join().unwrap() {
            assert_eq!(error.loader_error().unwrap(), "the database is away");
        }
        assert!(matches!(many.join().unwrap(), Err(LoadError::Loader(_)) | Ok(_)));
    });
    let again = versions.get_or_load_many(&[1, 2], tenfold);
    assert!(again.is_ok(), "errors are not cached");
    assert!(cache.stats().load_failures >= 2);
}

#[test]
fn a_panicking_loader_lands_every_flight() {
    let _watch = watch_this_test();
    let (cache, versions) = in_memory();
    thread::scope(|scope| {
        let (go_on, wait) = mpsc::channel::<()>();
        let versions = &versions;
        let loading = scope.spawn(move || {
            panics_with("planned", || {
                versions.get_or_load_many(&[1, 2, 3], |_| {
                    wait.recv().unwrap();
                    // The cache takes the first value before the iterator panics.
                    let pair = |key| if key == 1 { (1, 10) } else { panic!("planned") };
                    Ok::<_, String>([1_u64, 2].into_iter().map(pair))
                })
            })
        });
        wait_until("all keys are being loaded", || cache.stats().loads == 3);
        let others: Vec<_> = [1_u64, 2, 3]
            .map(|key| match versions.lookup(&key).unwrap() {
                LookupOutcome::Wait(pending) => pending,
                other => panic!("{other:?}"),
            })
            .into_iter()
            .collect();
        go_on.send(()).unwrap();
        assert!(loading.join().unwrap(), "the panic stays in its thread");
        let ends: Vec<_> =
            others.into_iter().map(|pending| pending.wait_for::<String>(Duration::ZERO)).collect();
        assert!(matches!(&ends[0], Ok(Waited::Value(value)) if **value == 10));
        assert!(ends[1..].iter().all(|end| matches!(end, Err(LoadError::Panicked))));
    });
    assert_eq!(values(&versions.get_or_load_many(&[3, 2], tenfold).unwrap()), [Some(30), Some(20)]);
}

#[test]
fn two_calls_with_overlapping_keys_do_not_wait_for_each_other_in_a_circle() {
    let _watch = watch_this_test();
    for round in 0..200 {
        let (_cache, versions) = in_memory();
        let both = Barrier::new(2);
        let loads = AtomicU64::new(0);
        let ask = |keys: [u64; 3]| {
            both.wait();
            let found = versions.get_or_load_many(&keys, |missing| {
                loads.fetch_add(missing.len() as u64, Ordering::SeqCst);
                thread::yield_now();
                tenfold(missing)
            });
            assert_eq!(values(&found.unwrap()), keys.map(|key| Some(10 * key)), "round {round}");
        };
        thread::scope(|scope| {
            scope.spawn(|| ask([1, 2, 3]));
            scope.spawn(|| ask([3, 2, 1]));
        });
        assert_eq!(loads.into_inner(), 3, "each key is loaded once");
    }
}

#[test]
fn a_call_lands_its_own_keys_before_it_waits_for_others() {
    let _watch = watch_this_test();
    let (cache, versions) = in_memory();
    let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() else { panic!("the cache is empty") };
    thread::scope(|scope| {
        let waiting = scope.spawn(|| versions.get_or_load_many(&[1, 2], tenfold));
        wait_until("key 2 is loaded and cached", || versions.contains_key(&2));
        assert_eq!(cache.stats().loads, 2);
        assert!(lease.fill(11).unwrap());
        assert_eq!(values(&waiting.join().unwrap().unwrap()), [Some(11), Some(20)]);
    });
}

#[test]
fn a_load_of_another_caller_that_ends_without_an_answer_is_loaded_here() {
    let _watch = watch_this_test();
    let (cache, versions) = in_memory();
    let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() else { panic!("the cache is empty") };
    thread::scope(|scope| {
        let mut calls = Vec::new();
        let waiting = scope.spawn(|| {
            let found = versions.get_or_load_many(&[1, 2], |missing| {
                calls.push(missing.iter().map(|key| **key).collect::<Vec<_>>());
                tenfold(missing)
            });
            (values(&found.unwrap()), calls)
        });
        wait_until("key 2 is loaded", || versions.contains_key(&2));
        drop(lease);
        assert_eq!(waiting.join().unwrap(), (vec![Some(10), Some(20)], vec![vec![2], vec![1]]));
    });
    assert_eq!(cache.stats().misses, 3, "each distinct key is counted once in a call, and once by `lookup`");
}

#[test]
fn an_omitted_key_is_absent_for_the_other_calls_that_wait_for_it() {
    let _watch = watch_this_test();
    let (cache, versions) = in_memory();
    let loads = AtomicU64::new(0);
    thread::scope(|scope| {
        let (go_on, wait) = mpsc::channel::<()>();
        let first = scope.spawn(|| {
            versions.get_or_load_many(&[1, 2], move |_| {
                wait.recv().unwrap();
                Ok::<_, String>([(2, 20)])
            })
        });
        wait_until("the keys are being loaded", || cache.stats().loads == 2);
        let LookupOutcome::Wait(pending) = versions.lookup(&1).unwrap() else { panic!("it is being loaded") };
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    versions.get_or_load_many(&[1], |_| {
                        loads.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, String>([(1, 11)])
                    })
                })
            })
            .collect();
        wait_until("the others have missed", || cache.stats().misses == 7);
        go_on.send(()).unwrap();
        assert_eq!(values(&first.join().unwrap().unwrap()), [None, Some(20)]);
        assert_eq!(pending.wait::<String>().unwrap(), Waited::Absent, "the key is omitted");
        for other in waiting {
            let found = other.join().unwrap().unwrap();
            // A caller that was too late to join the flight has loaded the key itself.
            assert!([None, Some(11)].contains(&values(&found)[0]));
        }
    });
    assert!(loads.into_inner() <= 1, "the callers that waited got the answer of the first");
    assert!(matches!(versions.lookup(&3).unwrap(), LookupOutcome::Load(_)));
}

#[test]
fn a_removal_during_the_load_keeps_that_key_out() {
    let (_cache, versions) = in_memory();
    let found = versions.get_or_load_many(&[1, 2], |missing| {
        versions.remove(&1).unwrap();
        tenfold(missing)
    });
    assert_eq!(values(&found.unwrap()), [Some(10), Some(20)]);
    assert_eq!(values(&versions.get_many(&[1, 2])), [None, Some(20)]);
}

#[test]
fn a_loader_that_asks_for_one_of_its_own_keys_gets_an_error() {
    let _watch = watch_this_test();
    let (_cache, versions) = in_memory();
    let found = versions.get_or_load_many(&[1, 2], |missing| {
        let inner = versions.get_or_load(&2, || Ok::<_, String>(7));
        assert!(matches!(inner, Err(LoadError::Cycle)));
        let inner = versions.get_or_load_many(&[3, 1], tenfold);
        assert!(matches!(inner, Err(LoadError::Cycle)));
        tenfold(missing)
    });
    assert_eq!(values(&found.unwrap()), [Some(10), Some(20)]);
    assert!(versions.contains_key(&3), "the inner call has loaded its own key before the error");
}

#[test]
fn the_timeout_limits_the_whole_wait() {
    let _watch = watch_this_test();
    let timeout = Duration::from_millis(20);
    let cache = Cache::builder().load_timeout(timeout).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let leases: Vec<_> = (1..=50_u64).map(|key| versions.lookup(&key).unwrap()).collect();
    let keys: Vec<u64> = (1..=51).collect();
    let Err(LoadError::Timeout { waited }) = versions.get_or_load_many(&keys, tenfold) else {
        panic!("the leases are held");
    };
    assert_eq!(waited, timeout);
    assert!(versions.contains_key(&51), "its own key is loaded");
    drop(leases);
    assert!(versions.get_or_load_many(&keys, tenfold).is_ok());
}

/// Checks that a failed loader is answered with stale values if every requested key has one, and with the
/// error otherwise.
#[test]
fn a_failed_loader_of_several_keys_is_answered_with_stale_values() {
    const HELD: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("held").ttl(Duration::from_mins(1)).grace(Duration::from_mins(10));
    let place = Place::new();
    let cache = place.open();
    let held = cache.keyspace(HELD).unwrap();
    held.insert_many([(1, 10), (2, 20)]).unwrap();
    place.clock.advance(Duration::from_secs(61));
    assert_eq!(values(&held.get_many([1, 2])), [None, None]);
    let calls = AtomicU64::new(0);
    let mut fail = |keys: &[u64]| {
        calls.fetch_add(1, Ordering::SeqCst);
        Err::<Vec<(u64, u64)>, _>(format!("the database is away: {keys:?}"))
    };
    let stale = held.get_or_load_many([1, 2], &mut fail).unwrap();
    assert_eq!(values(&stale), [Some(10), Some(20)]);
    assert_eq!(values(&held.get_or_load_many([2, 1], &mut fail).unwrap()), [Some(20), Some(10)]);
    assert!(held.get_or_load_many([1, 2, 3], &mut fail).is_err(), "key 3 has no stale value");
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the keys that cool down are not asked for");
    assert!(held.remove(1).unwrap() || !held.contains_key(1));
    assert!(held.get_or_load_many([1, 2], &mut fail).is_err(), "what was removed is not stale");
}
