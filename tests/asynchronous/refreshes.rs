//! Tests of refreshes with registered asynchronous loaders. If the key changes during a refresh, the refresh
//! must not overwrite the change (contract 3).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::{Change, Keyspace, KeyspaceDefinition, Load, LoadPolicy};
use tokio::sync::Semaphore;

use super::registered::{AGE, AsyncFares, FARES, SlowSource, TTL, ages, answer, on_hand, value};
use crate::support::tasks::{HandPolled, HandRuntime};
use crate::support::{Place, watch_this_test};

#[test]
fn an_old_value_is_served_to_all_while_one_refresh_runs() {
    let _watch = watch_this_test();
    let ((clock, runtime, builder), source) = (on_hand(), SlowSource::with_permits(1));
    let fares = source.register(&builder.open().unwrap(), FARES, ages());
    assert_eq!(value(&fares), 100);
    clock.advance(AGE.saturating_sub(Duration::from_millis(1)));
    assert_eq!((value(&fares), runtime.tasks()), (100, 0), "it is not old yet");
    clock.advance(Duration::from_millis(1));
    for _ in 0..100 {
        assert_eq!((value(&fares), runtime.poll()), (100, 1));
    }
    let stats = fares.keyspace().stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused, stats.misses, source.loads()), (1, 0, 1, 2));
    source.permit(1);
    runtime.finish();
    assert_eq!((value(&fares), runtime.tasks()), (101, 0));
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
    assert_eq!(fares.keyspace().get(1).as_deref(), Some(&101), "its life began with the refresh");
}

/// Changes the key during a refresh of the key. Returns the value after the refresh has ended.
fn changed_during_a_refresh(
    place: Option<&Place>,
    loads: impl Fn(Arc<u64>) -> Load<u64> + Send + Sync + 'static,
    change: impl FnOnce(&Keyspace<u64, u64>),
) -> Option<u64> {
    let runtime = HandRuntime::default();
    let (clock, _, builder) = on_hand();
    let (clock, builder) = place.map_or((clock, builder), |place| (place.clock.clone(), place.builder()));
    let cache = runtime.of(builder).open().unwrap();
    let (gate, loads) = (Arc::new(Semaphore::new(0)), Arc::new(loads));
    let held = gate.clone();
    let loader = move |_: u64, live: Option<Arc<u64>>| {
        let (held, loads) = (held.clone(), loads.clone());
        async move {
            let Some(live) = live else { return Ok(Load::Cache(Arc::new(1))) };
            held.acquire().await.unwrap().forget();
            Ok(loads(live))
        }
    };
    let fares: AsyncFares = cache.keyspace(FARES).unwrap().with_async_loader(ages(), loader).unwrap();
    assert_eq!(value(&fares), 1);
    clock.advance(AGE);
    assert_eq!(value(&fares), 1);
    assert_eq!(runtime.poll(), 1);
    change(fares.keyspace());
    gate.add_permits(1);
    runtime.finish();
    let found = fares.keyspace().get(1).map(|value| *value);
    cache.close().unwrap();
    found
}

#[test]
fn what_was_removed_during_a_refresh_is_not_brought_back() {
    let _watch = watch_this_test();
    let remove = |fares: &Keyspace<u64, u64>| assert!(fares.remove(1).unwrap());
    let all = |fares: &Keyspace<u64, u64>| assert_eq!(fares.clear().unwrap(), 1);
    for on_disk in [false, true] {
        let place = || on_disk.then(Place::in_memory);
        let refreshed = || |_| Load::Cache(Arc::new(2));
        assert_eq!(changed_during_a_refresh(place().as_ref(), refreshed(), remove), None);
        assert_eq!(
            changed_during_a_refresh(place().as_ref(), |_| Load::Unchanged, remove),
            None,
            "no new life"
        );
        assert_eq!(changed_during_a_refresh(place().as_ref(), refreshed(), all), None);
        assert_eq!(changed_during_a_refresh(place().as_ref(), refreshed(), |_| ()), Some(2), "no change");
    }
    let update = |fares: &Keyspace<u64, u64>| fares.begin_update(1).unwrap().finish();
    assert_eq!(changed_during_a_refresh(None, |_| Load::Cache(Arc::new(2)), update), None);
}

#[test]
fn a_write_during_a_refresh_wins() {
    let _watch = watch_this_test();
    let refreshed = || |_| Load::Cache(Arc::new(2));
    let insert = |fares: &Keyspace<u64, u64>| fares.insert(1, 7).unwrap();
    assert_eq!(changed_during_a_refresh(None, refreshed(), insert), Some(7));
    assert_eq!(changed_during_a_refresh(None, |_| Load::Unchanged, insert), Some(7));
    let modify = |fares: &Keyspace<u64, u64>| drop(fares.modify(1, |_, _| Change::insert(8)).unwrap());
    assert_eq!(changed_during_a_refresh(None, refreshed(), modify), Some(8));
    let touch = |fares: &Keyspace<u64, u64>| assert!(fares.touch(1).unwrap());
    assert_eq!(changed_during_a_refresh(None, refreshed(), touch), Some(1));
}

#[test]
fn a_caller_that_finds_the_value_expired_drives_its_refresh() {
    let _watch = watch_this_test();
    let ((clock, runtime, builder), source) = (on_hand(), SlowSource::with_permits(1));
    let fares = source.register(&builder.open().unwrap(), FARES, ages());
    assert_eq!(value(&fares), 100);
    clock.advance(AGE);
    assert_eq!(value(&fares), 100);
    clock.advance(TTL.saturating_sub(AGE));
    assert!(fares.keyspace().get(1).is_none(), "it has expired");
    // The runtime has not polled the refresh task yet, so the waiter polls the load itself.
    let mut waiter = HandPolled::new(fares.get_async(1));
    assert!(waiter.poll().is_pending());
    source.permit(1);
    assert_eq!(waiter.finish().unwrap().value.as_deref(), Some(&101));
    assert_eq!((source.loads(), runtime.tasks()), (2, 1));
    runtime.finish();
}

#[test]
fn the_loader_of_a_refresh_decides_as_any_loader() {
    let _watch = watch_this_test();
    let (clock, runtime, builder) = on_hand();
    let definition = FARES.absent_ttl(TTL);
    let decision = Arc::new(Mutex::new(None));
    let decided = decision.clone();
    let loader = move |key: u64, live: Option<Arc<u64>>| {
        let load = live.map_or(Ok(Load::Cache(Arc::new(key))), |live| {
            assert_eq!(*live, 1, "the loader gets the live value");
            decided.lock().unwrap().take().unwrap()
        });
        async move { load }
    };
    let fares: AsyncFares =
        builder.open().unwrap().keyspace(definition).unwrap().with_async_loader(ages(), loader).unwrap();
    let refreshed = |load| {
        *decision.lock().unwrap() = Some(load);
        fares.keyspace().insert(1, 1).unwrap();
        clock.advance(AGE);
        assert_eq!(value(&fares), 1);
        runtime.finish();
        fares.keyspace().ttl(1).and_then(larder::Remaining::duration)
    };
    assert_eq!(refreshed(Ok(Load::Unchanged)), Some(TTL), "a new life");
    assert_eq!(refreshed(Ok(Load::CacheFor(Arc::new(2), (2 * TTL).into()))), Some(2 * TTL));
    assert_eq!(refreshed(Ok(Load::DoNotCache(Arc::new(3)))), Some(TTL.saturating_sub(AGE)), "it stays");
    // After a failed refresh, a cool-down begins. The insert of the next call ends this cool-down.
    assert_eq!(refreshed(Err("the database is away")), Some(TTL.saturating_sub(AGE)), "it stays");
    assert_eq!(refreshed(Ok(Load::Absent)), None);
    assert!(answer(&fares).unwrap().value.is_none(), "an absence");
}

#[test]
fn a_failed_refresh_keeps_the_value_and_is_not_repeated_at_once() {
    let _watch = watch_this_test();
    let (clock, runtime, builder) = on_hand();
    let loader = |_: u64, live: Option<Arc<u64>>| async move {
        if live.is_some() { Err("the database is away") } else { Ok(Load::Cache(Arc::new(1))) }
    };
    let keyspace =
        builder.open().unwrap().keyspace(FARES.grace(TTL).cool_down(Duration::from_hours(1))).unwrap();
    let fares: AsyncFares = keyspace.with_async_loader(ages(), loader).unwrap();
    assert_eq!(value(&fares), 1);
    clock.advance(AGE);
    for _ in 0..100 {
        assert_eq!(value(&fares), 1);
        runtime.finish();
    }
    assert_eq!(keyspace.stats().refreshes, 1);
    assert_eq!(keyspace.stats().load_failures, 1);
}

#[test]
fn unchanged_without_a_value_is_an_error_and_ends_the_load() {
    let _watch = watch_this_test();
    let (_, _, builder) = on_hand();
    let loader = |_: u64, _: Option<Arc<u64>>| async { Ok(Load::Unchanged) };
    let fares: AsyncFares = builder
        .open()
        .unwrap()
        .keyspace(FARES)
        .unwrap()
        .with_async_loader(LoadPolicy::new(), loader)
        .unwrap();
    assert!(matches!(answer(&fares), Err(larder::LoadError::NothingUnchanged)));
}

#[test]
fn an_explicit_refresh_needs_no_age_and_no_value() {
    let _watch = watch_this_test();
    let ((_, runtime, builder), source) = (on_hand(), SlowSource::with_permits(1));
    let fares = source.register(&builder.open().unwrap(), FARES, LoadPolicy::new());
    let refresh = || HandPolled::new(fares.refresh_async(1)).finish().unwrap();
    assert!(refresh());
    runtime.finish();
    assert_eq!(fares.keyspace().get(1).as_deref(), Some(&100));
    assert!(refresh() && refresh(), "begun, and under way");
    assert_eq!((runtime.poll(), value(&fares)), (1, 100));
    source.permit(1);
    runtime.finish();
    assert_eq!(value(&fares), 101);
    let update = fares.keyspace().begin_update(1).unwrap();
    fares.keyspace().insert(1, 7).unwrap();
    assert!(!refresh(), "the source is changing");
    update.finish();
    assert_eq!((value(&fares), source.loads(), runtime.tasks()), (7, 2, 0));
}

#[test]
fn a_value_expires_early_by_the_time_of_its_load() {
    let _watch = watch_this_test();
    let (clock, runtime, builder) = on_hand();
    let definition: KeyspaceDefinition<u64, u64> = FARES;
    let source = clock.clone();
    let loader = move |_: u64, _: Option<Arc<u64>>| {
        source.advance(Duration::from_secs(2));
        async { Ok(Load::Cache(Arc::new(1))) }
    };
    let keyspace = builder.open().unwrap().keyspace(definition).unwrap();
    let policy = LoadPolicy::new().early_expiration(1.0);
    let fares: AsyncFares = keyspace.with_async_loader(policy, loader).unwrap();
    assert_eq!(value(&fares), 1);
    clock.advance(TTL.saturating_sub(Duration::from_secs(2)));
    let lookups = (1..1_000).find(|_| {
        let _ = value(&fares);
        runtime.tasks() > 0
    });
    assert!(lookups.is_some_and(|lookups| lookups < 50), "P = e^-1: {lookups:?}");
    runtime.finish();
    assert_eq!(keyspace.stats().refreshes, 1);
}
