//! Tests of registered asynchronous loaders on each runtime, and on runtimes that drop their tasks or shut
//! down.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};

use larder::clock::ManualClock;
use larder::{Cache, Load, LoadPolicy, LookupOutcome};

use super::registered::{AGE, FARES, GRACED, SOON, SlowSource, TTL, ages, on_hand, stale, value};
use crate::support::simulated::wait_until;
use crate::support::tasks::{HandPolled, HandRuntime, Runtime};
use crate::support::{Place, watch_this_test};

#[test]
fn a_task_that_its_runtime_drops_gives_its_load_back() {
    let _watch = watch_this_test();
    let ((clock, runtime, builder), source) = (on_hand(), SlowSource::with_permits(1));
    let fares = source.register(&builder.load_tasks(1).open().unwrap(), FARES, ages());
    assert_eq!(value(&fares), 100);
    for is_begun in [false, true] {
        clock.advance(AGE);
        assert_eq!(value(&fares), 100);
        assert_eq!(runtime.tasks(), 1);
        if is_begun {
            assert_eq!(runtime.poll(), 1);
        }
        runtime.shut_down();
        let stats = fares.keyspace().stats();
        assert_eq!(source.dropped(), u64::from(is_begun));
        assert_eq!(stats.refreshes, 1 + u64::from(is_begun));
        // No flight remains, so a caller that finds the value expired must load the key itself.
        clock.advance(TTL);
        let found = fares.keyspace().lookup(1).unwrap();
        let LookupOutcome::Load(lease) = found else { panic!("{found:?}") };
        assert!(lease.fill(100).unwrap());
    }
}

#[test]
fn a_runtime_that_ends_while_a_refresh_hangs_stalls_no_caller() {
    let _watch = watch_this_test();
    let source = SlowSource::with_permits(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let cache = Cache::builder().spawner(move |load| drop(handle.spawn(load))).open().unwrap();
    let fares = source.register(&cache, FARES, LoadPolicy::new());
    assert!(runtime.block_on(fares.refresh_async(1)).unwrap());
    wait_until("the refresh", || source.loads() == 1);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| *fares.keyspace().get_or_load(1, || Ok::<u64, Infallible>(7)).unwrap());
        wait_until("the waiter", || fares.keyspace().stats().misses > 0);
        drop(runtime);
        assert_eq!(waiter.join().unwrap(), 7);
    });
    assert_eq!(source.dropped(), 1);
    // A runtime that has shut down drops every task, so the refresh is refused.
    let begun = HandPolled::new(fares.refresh_async(1)).finish().unwrap();
    assert!(!begun && fares.keyspace().stats().refreshes_refused == 1);
}

#[test]
fn a_spawner_that_panics_costs_the_refresh_and_no_load() {
    let _watch = watch_this_test();
    let clock = Arc::new(ManualClock::new());
    let builder = Cache::builder().clock(clock.clone()).load_tasks(1);
    let cache = builder.spawner(|_| std::panic::resume_unwind(Box::new("planted"))).open().unwrap();
    let source = SlowSource::with_permits(2);
    let fares = source.register(&cache, GRACED, ages().soft_timeout(SOON));
    assert_eq!(value(&fares), 100);
    clock.advance(AGE);
    assert_eq!(value(&fares), 100);
    let stats = fares.keyspace().stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused), (0, 1));
    fares.keyspace().remove(1).unwrap();
    assert_eq!(value(&fares), 101, "its caller drives it");
}

#[test]
fn a_hung_task_holds_up_no_close_and_a_late_one_asks_no_source() {
    let _watch = watch_this_test();
    for is_begun in [false, true] {
        let ((_, runtime, builder), source) = (on_hand(), SlowSource::with_permits(0));
        let place = Place::in_memory();
        let cache = builder.path(place.path()).open().unwrap();
        let fares = source.register(&cache, FARES, LoadPolicy::new());
        fares.keyspace().insert(1, 1).unwrap();
        assert!(HandPolled::new(fares.refresh_async(1)).finish().unwrap());
        if is_begun {
            assert_eq!(runtime.poll(), 1);
        }
        cache.close().unwrap();
        source.permit(1);
        runtime.finish();
        assert_eq!((source.loads(), runtime.tasks()), (u64::from(is_begun), 0));
        drop((fares, cache));
        place.builder().open().unwrap().close().unwrap();
    }
}

#[test]
fn refreshes_and_soft_timeouts_work_on_each_runtime() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        runtime.block_on(async {
            let clock = Arc::new(ManualClock::new());
            let cache = Cache::builder().clock(clock.clone()).spawner(runtime.spawner()).open().unwrap();
            let source = SlowSource::with_permits(1);
            let policy = ages().soft_timeout(SOON);
            let fares = source.register(&cache, GRACED, policy);
            let get = async || stale(&fares.get_async(1).await.unwrap());
            assert_eq!(get().await, (Some(100), false), "{runtime:?}");
            clock.advance(AGE);
            assert_eq!(get().await, (Some(100), false), "{runtime:?}");
            source.permit(1);
            while get().await != (Some(101), false) {
                smol::future::yield_now().await;
            }
            clock.advance(TTL);
            assert_eq!(get().await, (Some(101), true), "{runtime:?}");
            source.permit(1);
            while get().await != (Some(102), false) {
                smol::future::yield_now().await;
            }
            cache.close_async().await.unwrap();
        });
    }
}

#[test]
fn a_lookup_that_is_dropped_at_any_poll_leaves_nothing_behind() {
    let _watch = watch_this_test();
    for n in 0.. {
        let place = Place::in_memory();
        let runtime = HandRuntime::default();
        let cache = runtime.of(place.builder()).open().unwrap();
        let ended = Arc::new(Mutex::new(0));
        let counted = ended.clone();
        let loader = move |_: u64, _: Option<Arc<u64>>| {
            let counted = counted.clone();
            async move {
                smol::future::yield_now().await;
                *counted.lock().unwrap() += 1;
                pending::<Result<Load<u64>, &'static str>>().await
            }
        };
        let graced = cache.keyspace(GRACED).unwrap();
        graced.insert(1, 1).unwrap();
        place.clock.advance(TTL);
        let policy = LoadPolicy::new().soft_timeout(SOON);
        let fares = graced.with_async_loader(policy, loader).unwrap();
        let mut call = HandPolled::new(fares.get_async(1));
        let mut has_ended = false;
        for poll in 0..n {
            if poll > 0 {
                call.await_wake();
            }
            if call.poll().is_ready() {
                has_ended = true;
                break;
            }
        }
        call.leave();
        wait_until("its wakers", || call.kept_wakers() == 0);
        runtime.shut_down();
        wait_until("the end of its lease", || matches!(graced.lookup(1).unwrap(), LookupOutcome::Load(_)));
        cache.close().unwrap();
        if has_ended {
            return;
        }
        assert!(n < 50, "it does not end");
    }
}
