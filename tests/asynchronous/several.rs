//! Tests of async calls with several keys, and of streams.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::{Cache, LoadError, LookupOutcome};
use smol::stream::StreamExt;

use crate::support::tasks::{HandPolled, Runtime};
use crate::support::{Place, VERSIONS, panics_with, watch_this_test};

#[test]
fn several_values_and_streams_of_them_cross_both_tiers() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        for place in [None, Some(Place::new())] {
            let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
            let versions = cache.keyspace(VERSIONS).unwrap();
            runtime.block_on(async {
                versions.insert_many_async((0..300).map(|key| (key, 2 * key))).await.unwrap();
                cache.flush_async().await.unwrap();
                versions.insert_many_async((300..500).map(|key| (key, 2 * key))).await.unwrap();
                let entries: Vec<_> = versions.iter_async().map(|(key, value)| (key, *value)).collect().await;
                assert!(entries.into_iter().eq((0..500).map(|key| (key, 2 * key))), "{runtime:?}");
                let keys: Vec<u64> = versions.keys_async().collect().await;
                assert!(keys.into_iter().eq(0..500), "{runtime:?}");
                let mut begun = versions.keys_async();
                assert_eq!(begun.next().await, Some(0));
                drop(begun);
                cache.close_async().await.unwrap();
            });
            let Some(place) = place else { continue };
            drop((versions, cache));
            let cache = place.open();
            let versions = cache.keyspace(VERSIONS).unwrap();
            let found = runtime.block_on(versions.get_many_async([1, 999, 499]));
            assert_eq!(
                found.iter().map(|found| found.as_deref()).collect::<Vec<_>>(),
                [Some(&2), None, Some(&998)]
            );
            let at_once = HandPolled::new(versions.get_many_async([1, 499])).poll();
            assert!(at_once.is_ready(), "memory has them now");
            cache.close().unwrap();
        }
    }
}

#[test]
fn several_keys_are_loaded_once_and_shared() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        versions.insert(&1, 10).unwrap();
        // Another caller holds the lease of key 4 while `load` runs.
        let LookupOutcome::Load(lease) = versions.lookup(&4).unwrap() else { panic!("it has no value") };
        let runs = AtomicU64::new(0);
        let load = async |missing: &[u64]| {
            runs.fetch_add(1, Ordering::SeqCst);
            assert_eq!(missing, [2, 3]);
            Ok::<_, Infallible>(HashMap::from([(2, 20_u64), (9, 90)]))
        };
        let mut call = HandPolled::new(versions.get_or_load_many_local_async([1, 2, 3, 2, 4], load));
        while versions.get(&2).is_none() {
            assert!(call.poll().is_pending());
        }
        assert!(lease.fill(40).unwrap());
        let found = call.finish().unwrap();
        let found: Vec<_> = found.iter().map(|found| found.as_deref().copied()).collect();
        assert_eq!(found, [Some(10), Some(20), None, Some(20), Some(40)]);
        assert_eq!((runs.load(Ordering::SeqCst), versions.get(&9)), (1, None));
        let at_once =
            HandPolled::new(versions.get_or_load_many_local_async([1, 2], async |_: &[u64]| {
                Ok::<[(u64, u64); 0], Infallible>([])
            }));
        assert!({ at_once }.poll().is_ready(), "memory has them");
        let fails = async |_: &[u64]| Err::<[(u64, u64); 0], _>("the source is away");
        let failed = HandPolled::new(versions.get_or_load_many_local_async([5, 6], fails)).finish();
        assert!(matches!(failed, Err(LoadError::Loader(_))));
        cache.close().unwrap();
    }
}

#[test]
fn a_load_of_several_keys_that_is_dropped_gives_all_of_them_back() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        let runs = AtomicU64::new(0);
        let never = async |_: &[u64]| {
            runs.fetch_add(1, Ordering::SeqCst);
            pending::<Result<[(u64, u64); 0], Infallible>>().await
        };
        let mut call = HandPolled::new(versions.get_or_load_many_local_async([1, 2], never));
        while runs.load(Ordering::SeqCst) == 0 {
            assert!(call.poll().is_pending());
        }
        assert!(matches!(versions.lookup(&2).unwrap(), LookupOutcome::Wait(_)));
        call.leave();
        for key in [1, 2] {
            assert!(matches!(versions.lookup(&key).unwrap(), LookupOutcome::Load(_)));
        }
        assert_eq!(call.kept_wakers(), 0);
        cache.close().unwrap();
    }
}

#[test]
fn a_loader_of_several_keys_that_waits_for_one_of_them_is_refused() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let load = async |_: &[u64]| {
        // Key 3 is the last key of this call. A request for it inside the loader is a cycle: the loader leads
        // the flight of every key of the call.
        let own = versions.get_or_load_async(&3, || async { Ok::<u64, Infallible>(0) }).await;
        assert!(matches!(own, Err(LoadError::Cycle)));
        Ok::<_, Infallible>([(1, 1), (2, 2), (3, 3_u64)])
    };
    let found = HandPolled::new(versions.get_or_load_many_local_async([1, 2, 3], load)).finish().unwrap();
    assert_eq!(found.iter().flatten().map(|value| **value).sum::<u64>(), 6);
}

/// The loader panics when it is called, or its iterator panics after the first key.
#[test]
fn waiting_callers_get_the_panic_of_a_loader_of_several_keys_and_what_it_has_yielded_before() {
    let _watch = watch_this_test();
    for at_call in [true, false] {
        let versions = Cache::builder().open().unwrap().keyspace(VERSIONS).unwrap();
        let own = || async { Ok::<_, Infallible>(7) };
        let wait = |key: u64| HandPolled::new(versions.get_or_load_async(key, own));
        let waiting = Mutex::new([1, 2].map(wait));
        let load = |_: &[u64]| {
            // Elsewhere, because a loader that waits for itself gets an error.
            std::thread::scope(|scope| {
                let poll = || waiting.lock().unwrap().iter_mut().all(|call| call.poll().is_pending());
                assert!(scope.spawn(poll).join().unwrap());
            });
            assert!(!at_call, "planned");
            ready(Ok::<_, Infallible>([1, 2].into_iter().map(|key: u64| {
                assert_ne!(key, 2, "planned");
                (key, 10)
            })))
        };
        let call = versions.get_or_load_many_local_async([1_u64, 2], load);
        assert!(panics_with("planned", || Runtime::Smol.block_on(call)), "at the call: {at_call}");
        let [first, second] = waiting.into_inner().unwrap().map(|mut call| call.finish());
        assert!(matches!(second, Err(LoadError::Panicked)), "at the call: {at_call}");
        let yielded = (!at_call).then_some(10);
        assert_eq!(first.ok().as_deref(), yielded.as_ref());
        assert_eq!(versions.get(&1).as_deref(), yielded.as_ref());
    }
}
