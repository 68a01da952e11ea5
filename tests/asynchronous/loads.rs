//! Tests of loads from async code. Tasks and threads share one flight, and a task may leave the flight in
//! several ways.

use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use larder::{Cache, Keyspace, Load, LoadError, LookupOutcome, Waited};

use crate::support::tasks::{HandPolled, Runtime};
use crate::support::{HOUR, Place, VERSIONS, watch_this_test};

const SOON: Duration = Duration::from_millis(1);

type Versions = Keyspace<u64, u64>;

fn in_memory() -> (Cache, Versions) {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    (cache, versions)
}

/// Returns a sender that opens a gate, and a function whose future waits for that gate.
fn gate() -> (tokio::sync::watch::Sender<bool>, impl Fn() -> Wait + Clone) {
    let (open, opened) = tokio::sync::watch::channel(false);
    (open, move || {
        let mut opened = opened.clone();
        Box::pin(async move { drop(opened.wait_for(|is_open| *is_open).await) })
    })
}

type Wait = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
type Loading = std::pin::Pin<Box<dyn Future<Output = Result<u64, LoadError<Infallible>>> + Send>>;

/// Returns a load of key 1 whose loader waits at the gate. `loads` counts the runs of the loader.
fn load(
    versions: &Versions,
    gate: &(impl Fn() -> Wait + Clone + Send + 'static),
    loads: &Arc<AtomicU64>,
) -> Loading {
    let (versions, gate, loads) = (versions.clone(), gate.clone(), loads.clone());
    Box::pin(async move {
        let loader = move || async move {
            let number = loads.fetch_add(1, Ordering::SeqCst) + 1;
            gate().await;
            Ok(number)
        };
        versions.get_or_load_async(&1, loader).await.map(|value| *value)
    })
}

#[test]
fn ten_thousand_tasks_share_one_load() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        for place in [None, Some(Place::new())] {
            let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
            let versions = cache.keyspace(VERSIONS).unwrap();
            let (loads, (open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
            runtime.block_on(async {
                let tasks: Vec<_> =
                    (0..10_000).map(|_| runtime.spawn(load(&versions, &gate, &loads))).collect();
                open.send(true).unwrap();
                for task in tasks {
                    assert_eq!(task.await.unwrap(), 1, "{runtime:?}");
                }
                cache.close_async().await.unwrap();
            });
            assert_eq!(loads.load(Ordering::SeqCst), 1, "{runtime:?}");
        }
    }
}

#[test]
fn a_thread_waits_for_the_load_of_a_task_and_a_task_for_that_of_a_thread() {
    let _watch = watch_this_test();
    let (_cache, versions) = in_memory();
    let (loads, (open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
    let mut task = HandPolled::new(load(&versions, &gate, &loads));
    assert!(task.poll().is_pending());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| *versions.get_or_load(&1, || Ok::<u64, Infallible>(9)).unwrap());
        open.send(true).unwrap();
        assert_eq!(task.finish().unwrap(), 1);
        assert_eq!(waiter.join().unwrap(), 1);
    });
    versions.remove(&1).unwrap();
    let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() else { panic!("it was removed") };
    let mut task = HandPolled::new(load(&versions, &gate, &loads));
    assert!(task.poll().is_pending());
    assert!(lease.fill(7).unwrap());
    assert!(task.is_woken());
    assert_eq!(task.finish().unwrap(), 7);
    assert_eq!(task.kept_wakers(), 0);
}

#[test]
fn a_task_that_began_a_load_may_be_dropped_or_never_polled_again() {
    let _watch = watch_this_test();
    for drops in [true, false] {
        let (_cache, versions) = in_memory();
        let (loads, (open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
        let mut leader = HandPolled::new(load(&versions, &gate, &loads));
        assert!(leader.poll().is_pending());
        let mut follower = HandPolled::new(load(&versions, &gate, &loads));
        assert!(follower.poll().is_pending());
        if drops {
            leader.leave();
        }
        open.send(true).unwrap();
        assert_eq!(follower.finish().unwrap(), 1);
        assert_eq!((loads.load(Ordering::SeqCst), leader.kept_wakers()), (1, 0));
    }
}

#[test]
fn a_thread_loads_itself_when_no_task_waits_any_more() {
    let _watch = watch_this_test();
    let (_cache, versions) = in_memory();
    let (loads, (_open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
    let mut tasks = [(); 2].map(|()| HandPolled::new(load(&versions, &gate, &loads)));
    for task in &mut tasks {
        assert!(task.poll().is_pending());
    }
    thread::scope(|scope| {
        let (told, tell) = channel();
        let versions = &versions;
        let waiter = scope.spawn(move || {
            let LookupOutcome::Wait(pending) = versions.lookup(&1).unwrap() else {
                panic!("a task loads it")
            };
            told.send(()).unwrap();
            assert_eq!(pending.wait::<Infallible>().unwrap(), Waited::Unanswered);
            *versions.get_or_load(&1, || Ok::<u64, Infallible>(9)).unwrap()
        });
        tell.recv().unwrap();
        tasks.iter_mut().for_each(HandPolled::leave);
        assert_eq!(waiter.join().unwrap(), 9);
    });
    assert!(tasks.iter().all(|task| task.kept_wakers() == 0));
}

#[test]
fn a_waiter_runs_its_own_loader_when_a_borrowed_one_is_dropped() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        let runs = AtomicU64::new(0);
        let local = || {
            HandPolled::new(versions.get_or_load_local_async(&1, async || {
                // A local loader may borrow from its caller.
                runs.fetch_add(1, Ordering::SeqCst);
                pending::<Result<u64, Infallible>>().await
            }))
        };
        let mut leader = local();
        while runs.load(Ordering::SeqCst) == 0 {
            assert!(leader.poll().is_pending());
        }
        let (loads, (open, gate)) = (Arc::new(AtomicU64::new(10)), gate());
        open.send(true).unwrap();
        let mut follower = HandPolled::new(load(&versions, &gate, &loads));
        assert!(follower.poll().is_pending());
        leader.leave();
        assert_eq!(follower.finish().unwrap(), 11);
        assert_eq!(versions.get(&1).as_deref(), Some(&11));
        cache.close().unwrap();
    }
}

#[test]
fn a_borrowed_loader_that_is_never_polled_again_ends_with_its_lease() {
    let _watch = watch_this_test();
    let cache = Cache::builder().lease_timeout(SOON).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let mut leader = HandPolled::new(
        versions.get_or_load_local_async(&1, async || pending::<Result<u64, Infallible>>().await),
    );
    assert!(leader.poll().is_pending());
    let (loads, (open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
    open.send(true).unwrap();
    let mut follower = HandPolled::new(load(&versions, &gate, &loads));
    assert_eq!(follower.finish().unwrap(), 1, "the sweeper wakes the task");
}

#[test]
fn a_forgotten_lease_stalls_no_task_when_the_cache_closes() {
    let _watch = watch_this_test();
    let cache = Cache::builder().lease_timeout(Duration::from_millis(500)).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() else { panic!("the cache is empty") };
    let (loads, (open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
    open.send(true).unwrap();
    let mut task = HandPolled::new(load(&versions, &gate, &loads));
    assert!(task.poll().is_pending());
    cache.close().unwrap();
    assert_eq!(task.finish().unwrap(), 1, "the value is returned, and not cached");
    drop(lease);
}

#[test]
fn what_a_change_has_voided_is_returned_and_not_cached() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        let (loads, (open, gate)) = (Arc::new(AtomicU64::new(0)), gate());
        let mut before = HandPolled::new(load(&versions, &gate, &loads));
        while loads.load(Ordering::SeqCst) == 0 {
            assert!(before.poll().is_pending());
        }
        versions.remove(&1).unwrap();
        let mut after = HandPolled::new(load(&versions, &gate, &loads));
        while loads.load(Ordering::SeqCst) == 1 {
            assert!(after.poll().is_pending());
        }
        open.send(true).unwrap();
        assert_eq!(before.finish().unwrap(), 1);
        assert_eq!(versions.get(&1), None);
        assert_eq!(after.finish().unwrap(), 2);
        assert_eq!(versions.get(&1).as_deref(), Some(&2));
        cache.close().unwrap();
    }
}

#[test]
fn errors_and_panics_reach_every_task() {
    let _watch = watch_this_test();
    let (_cache, versions) = in_memory();
    let (open, gate) = gate();
    let load = |fails: &'static str| {
        let gate = gate.clone();
        let loader = move || async move {
            gate().await;
            assert_eq!(fails, "by an error");
            Err::<u64, _>(fails)
        };
        HandPolled::new(versions.get_or_load_async(&1, loader))
    };
    let (mut leader, mut follower) = (load("by an error"), load("not run"));
    assert!(leader.poll().is_pending() && follower.poll().is_pending());
    open.send(true).unwrap();
    for task in [&mut follower, &mut leader] {
        let error = task.finish().unwrap_err();
        assert_eq!(error.loader_error(), Some(&"by an error"));
    }
    open.send(false).unwrap();
    let (mut leader, mut follower) = (load("by a panic"), load("not run"));
    assert!(leader.poll().is_pending() && follower.poll().is_pending());
    open.send(true).unwrap();
    for task in [&mut follower, &mut leader] {
        assert!(matches!(task.finish(), Err(LoadError::Panicked)));
    }
    assert_eq!(versions.stats().load_failures, 2);
    assert!(matches!(versions.lookup(&1).unwrap(), LookupOutcome::Load(_)), "no lease is left");
}

#[test]
fn a_loader_decides_what_becomes_of_its_value() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        let decided = |key: u64, decide: fn() -> Load<u64>| {
            let load = versions.get_or_load_with_async(&key, move |stale| async move {
                assert_eq!(stale, None);
                Ok::<_, Infallible>(decide())
            });
            HandPolled::new(load).finish()
        };
        assert_eq!(decided(1, || Load::Cache(1.into())).unwrap().value.as_deref(), Some(&1));
        assert_eq!(decided(2, || Load::CacheFor(2.into(), HOUR.into())).unwrap().value.as_deref(), Some(&2));
        assert_eq!(decided(3, || Load::DoNotCache(3.into())).unwrap().value.as_deref(), Some(&3));
        assert_eq!(
            decided(3, || Load::Cache(4.into())).unwrap().value.as_deref(),
            Some(&4),
            "a load without a flight"
        );
        assert!(matches!(decided(5, || Load::Unchanged), Err(LoadError::NothingUnchanged)));
        let cached = [1, 2, 3, 4, 5].map(|key| versions.get(&key).map(|value| *value));
        assert_eq!(cached, [Some(1), Some(2), Some(4), None, None]);
        cache.close().unwrap();
    }
}

#[test]
fn an_absence_is_cached_and_shared() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS.absent_ttl(HOUR)).unwrap();
        let (open, gate) = gate();
        let asked = Arc::new(AtomicU64::new(0));
        let load = || {
            let (gate, asked) = (gate.clone(), asked.clone());
            HandPolled::new(versions.get_or_load_optional_async(&1, move || async move {
                asked.fetch_add(1, Ordering::SeqCst);
                gate().await;
                Ok::<_, Infallible>(None::<u64>)
            }))
        };
        let (mut leader, mut follower) = (load(), load());
        assert!(leader.poll().is_pending() && follower.poll().is_pending());
        open.send(true).unwrap();
        assert_eq!((follower.finish().unwrap(), leader.finish().unwrap()), (None, None));
        assert_eq!((load().finish().unwrap(), asked.load(Ordering::SeqCst)), (None, 1));
        let loaded =
            HandPolled::new(versions.get_or_load_async(&1, || ready(Ok::<u64, Infallible>(7)))).finish();
        assert_eq!(*loaded.unwrap(), 7, "this loader always has a value");
        cache.close().unwrap();
    }
}

#[test]
fn a_failing_load_is_answered_with_the_stale_value() {
    let _watch = watch_this_test();
    for place in [Place::in_memory(), Place::new()] {
        let cache = place.open();
        let versions = cache.keyspace(VERSIONS.ttl(Duration::from_secs(1)).grace(HOUR)).unwrap();
        versions.insert(&1, 1).unwrap();
        place.clock.advance(Duration::from_secs(2));
        let mut failing = HandPolled::new(versions.get_or_load_with_async(&1, |stale| {
            assert_eq!(stale.as_deref(), Some(&1));
            ready(Err::<Load<u64>, _>("the source is away"))
        }));
        let loaded = failing.finish().unwrap();
        assert_eq!((loaded.value.as_deref(), loaded.is_stale), (Some(&1), true));
        cache.close().unwrap();
    }
}

#[test]
fn a_task_waits_no_longer_than_its_timeout() {
    let _watch = watch_this_test();
    let (_cache, versions) = in_memory();
    let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() else { panic!("the cache is empty") };
    let wait = || match versions.lookup(&1).unwrap() {
        LookupOutcome::Wait(pending) => pending,
        other => panic!("{other:?}"),
    };
    let mut timed = HandPolled::new(wait().wait_for_async::<Infallible>(SOON));
    assert!(matches!(timed.finish(), Err(LoadError::Timeout { waited: SOON })));
    let mut patient = HandPolled::new(wait().wait_async::<Infallible>());
    assert!(patient.poll().is_pending());
    assert!(HandPolled::new(lease.fill_async(7)).finish().unwrap());
    assert_eq!(patient.finish().unwrap(), Waited::Value(7.into()));
    assert_eq!((patient.kept_wakers(), timed.kept_wakers()), (0, 0));
}

#[test]
fn a_lookup_finds_memory_at_its_first_poll_and_the_disk_too() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 10).unwrap();
    let at_once = HandPolled::new(versions.get_async(&1)).poll();
    assert_eq!(at_once, Poll::Ready(Some(Arc::new(10))));
    let loaded = HandPolled::new(versions.get_or_load_async(&1, || ready(Err::<u64, _>("not run")))).poll();
    assert!(matches!(loaded, Poll::Ready(Ok(value)) if *value == 10));
    drop(versions);
    cache.close().unwrap();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    assert_eq!(HandPolled::new(versions.get_async(&1)).finish().as_deref(), Some(&10));
    assert_eq!(HandPolled::new(versions.get_async(&2)).finish(), None);
    let stats = versions.stats();
    assert_eq!((stats.memory_hits, stats.disk_hits, stats.misses), (0, 1, 1));
    assert_eq!(
        HandPolled::new(versions.get_async(&1)).poll(),
        Poll::Ready(Some(Arc::new(10))),
        "it was promoted"
    );
    cache.close().unwrap();
    assert_eq!(HandPolled::new(versions.get_async(&1)).poll(), Poll::Ready(None));
}
