//! Tests of leases: the ways in which a load ends, and the results of the callers that wait for it.
//!
//! A lease times out in real time. If a test needs a lease that has timed out, it uses a timeout of 1 ms.
//! Such a test waits until the lease has timed out: in another lookup that waits for the lease, or with
//! `wait_until`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, Keyspace, LoadError, LoadLease, LookupOutcome, PendingLoad, Waited};

use crate::support::simulated::wait_until;
use crate::support::{Place, VERSIONS, panic_of, watch_this_test};

const SOON: Duration = Duration::from_millis(1);

fn versions(cache: &Cache) -> Keyspace<u64, u64> {
    cache.keyspace(VERSIONS).unwrap()
}

fn in_memory() -> (Cache, Keyspace<u64, u64>) {
    let cache = Cache::builder().open().unwrap();
    let versions = versions(&cache);
    (cache, versions)
}

fn with_short_leases() -> (Cache, Keyspace<u64, u64>) {
    let cache = Cache::builder().lease_timeout(SOON).open().unwrap();
    let versions = versions(&cache);
    (cache, versions)
}

#[track_caller]
fn lease(versions: &Keyspace<u64, u64>) -> LoadLease<u64, u64> {
    match versions.lookup(&1).unwrap() {
        LookupOutcome::Load(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn pending(versions: &Keyspace<u64, u64>) -> PendingLoad<u64> {
    match versions.lookup(&1).unwrap() {
        LookupOutcome::Wait(pending) => pending,
        other => panic!("{other:?}"),
    }
}

/// A change of key 1.
type KeyChange = fn(&Keyspace<u64, u64>);

fn waited(pending: PendingLoad<u64>) -> Result<Option<u64>, LoadError<String>> {
    pending.wait().map(|waited| waited.value().map(|value| *value))
}

/// Returns a lease, and the wait of a second lookup for it. If a lease of 1 ms times out before the second
/// lookup, the function takes another lease.
fn lease_and_pending(versions: &Keyspace<u64, u64>) -> (LoadLease<u64, u64>, PendingLoad<u64>) {
    loop {
        let lease = lease(versions);
        if let LookupOutcome::Wait(pending) = versions.lookup(&1).unwrap() {
            return (lease, pending);
        }
    }
}

#[test]
fn a_lease_that_another_thread_fills_answers_those_who_wait() {
    let (cache, versions) = in_memory();
    let (lease, waiting) = (lease(&versions), pending(&versions));
    let filler = thread::spawn(move || lease.fill(10).unwrap());
    assert_eq!(waited(waiting).unwrap(), Some(10));
    assert!(filler.join().unwrap());
    match versions.lookup(&1).unwrap() {
        LookupOutcome::Hit { value, expires_at, is_stale: false } => {
            assert_eq!((*value, versions.ttl(&1).is_some()), (10, true));
            assert!(expires_at.as_millis() > 0);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (1, 0));
}

#[test]
fn a_lookup_of_a_key_that_is_on_disk_alone_answers_from_there() {
    let place = Place::new();
    let cache = place.open();
    versions(&cache).insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let versions = versions(&cache);
    let LookupOutcome::Hit { value, .. } = versions.lookup(&1).unwrap() else { panic!("it is on disk") };
    assert_eq!((*value, cache.stats().disk.unwrap().hits, cache.stats().loads), (10, 1, 0));
    assert_eq!(*versions.get_or_load(&1, || Err::<u64, _>("no load is needed")).unwrap(), 10);
}

#[test]
fn an_error_is_shared_and_another_type_of_error_is_asked_again() {
    let (_cache, versions) = in_memory();
    let (lease, first, second) = (lease(&versions), pending(&versions), pending(&versions));
    lease.fail("the database is away".to_owned());
    let Err(LoadError::Loader(error)) = waited(first) else { panic!("the error is shared") };
    assert_eq!(*error, "the database is away");
    assert_eq!(second.wait::<u32>().unwrap(), Waited::Unanswered);
    assert!(matches!(versions.lookup(&1).unwrap(), LookupOutcome::Load(_)), "errors are not cached");
}

#[test]
fn a_panic_is_told_once_to_all_who_waited() {
    let (cache, versions) = in_memory();
    let lease = lease(&versions);
    let waiting: Vec<_> = (0..3).map(|_| pending(&versions)).collect();
    let panicked = panic_of(|| {
        let _lease = lease;
        panic!("the loader panicked");
    });
    assert_eq!(panicked.as_deref(), Some("the loader panicked"));
    for pending in waiting {
        assert!(matches!(waited(pending), Err(LoadError::Panicked)));
    }
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (1, 1));
    assert_eq!(*versions.get_or_load(&1, || Ok::<u64, ()>(10)).unwrap(), 10);
}

#[test]
fn of_those_who_wait_for_a_dropped_lease_one_loads() {
    let _watch = watch_this_test();
    let (cache, versions) = in_memory();
    let loads = AtomicU64::new(0);
    let lease = lease(&versions);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let load = || Ok::<u64, ()>(10 + loads.fetch_add(1, Ordering::SeqCst));
                assert_eq!(*versions.get_or_load(&1, load).unwrap(), 10);
            });
        }
        wait_until("all of them wait", || cache.stats().misses >= 9);
        drop(lease);
    });
    assert_eq!(loads.into_inner(), 1);
}

#[test]
fn a_forgotten_lease_stalls_no_caller_for_longer_than_its_deadline() {
    let _watch = watch_this_test();
    let (_cache, versions) = with_short_leases();
    for round in 0..300 {
        std::mem::forget(lease(&versions));
        assert_eq!(*versions.get_or_load(&1, || Ok::<u64, ()>(round)).unwrap(), round);
        versions.remove(&1).unwrap();
    }
}

#[test]
fn a_late_fill_is_void_and_a_waiter_takes_over() {
    let _watch = watch_this_test();
    let (cache, versions) = with_short_leases();
    let (late, waiting) = lease_and_pending(&versions);
    assert_eq!(waited(waiting).unwrap(), None, "the waiter looks the key up again");
    assert!(late.remaining().is_zero());
    assert!(!late.fill(10).unwrap(), "too late, although no caller has taken over yet");
    assert!(versions.get(&1).is_none());
    assert_eq!(cache.stats().voided_fills, 1);
    let late = lease(&versions);
    wait_until("the lease is past its deadline", || late.remaining().is_zero());
    let _taken_over = lease(&versions);
    assert!(!late.fill(10).unwrap());
    assert!(versions.get(&1).is_none());
}

#[test]
fn a_jump_of_the_caches_time_neither_ends_a_lease_nor_keeps_one() {
    let _watch = watch_this_test();
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    let names = versions(&cache);
    let parked = lease(&names);
    clock.advance(Duration::from_hours(24 * 365));
    assert!(parked.fill(10).unwrap(), "a year has passed for the cache alone");
    let cache = Cache::builder().clock(clock).lease_timeout(SOON).open().unwrap();
    let names = versions(&cache);
    std::mem::forget(lease(&names));
    assert_eq!(*names.get_or_load(&1, || Ok::<u64, ()>(20)).unwrap(), 20, "the cache's time stands still");
}

#[test]
fn a_change_voids_a_lease_and_those_who_came_before_share_its_value() {
    let (_cache, versions) = in_memory();
    let changes: [(KeyChange, Option<u64>); 3] = [
        (|versions| _ = versions.remove(&1).unwrap(), None),
        (|versions| _ = versions.clear().unwrap(), None),
        (|versions| versions.insert(&1, 20).unwrap(), Some(20)),
    ];
    for (change, then) in changes {
        versions.remove(&1).unwrap();
        let (lease, before) = (lease(&versions), pending(&versions));
        change(&versions);
        assert!(!matches!(versions.lookup(&1).unwrap(), LookupOutcome::Wait(_)));
        assert!(!lease.fill(10).unwrap());
        assert_eq!(waited(before).unwrap(), Some(10));
        assert_eq!(versions.get(&1).as_deref().copied(), then);
    }
}

#[test]
fn after_a_decline_no_caller_waits_for_another_until_the_key_is_changed() {
    let (cache, versions) = in_memory();
    let (first, waiting) = (lease(&versions), pending(&versions));
    first.decline_with(10);
    assert_eq!(waited(waiting).unwrap(), Some(10), "a value that is not cached is shared");
    assert!(versions.get(&1).is_none());
    let (one, other) = (lease(&versions), lease(&versions));
    assert!(one.fill(20).unwrap(), "they may fill");
    assert!(!other.fill(30).unwrap(), "and the first that does voids the others");
    versions.remove(&1).unwrap();
    let (lease_after, waiting) = (lease(&versions), pending(&versions));
    lease_after.decline();
    assert_eq!(waited(waiting).unwrap(), None, "there is nothing to share");
    drop((lease(&versions), lease(&versions)));
    versions.remove(&1).unwrap();
    let _lease = lease(&versions);
    assert!(matches!(versions.lookup(&1).unwrap(), LookupOutcome::Wait(_)), "a change ends the pass");
    assert_eq!(cache.stats().load_failures, 2, "of the two that were dropped");
}

#[test]
fn a_lease_that_declines_after_a_change_lets_the_next_callers_share_a_load() {
    let (_cache, versions) = in_memory();
    let old = lease(&versions);
    versions.remove(&1).unwrap();
    old.decline();
    let _lease = lease(&versions);
    assert!(matches!(versions.lookup(&1).unwrap(), LookupOutcome::Wait(_)));
}

#[test]
fn a_parked_lease_keeps_neither_the_cache_nor_its_file() {
    let place = Place::new();
    let cache = place.open();
    let names = versions(&cache);
    let (parked, closed_over) = (lease(&names), {
        let LookupOutcome::Load(lease) = names.lookup(&2).unwrap() else { panic!("there is nothing") };
        lease
    });
    cache.close().unwrap();
    assert!(!closed_over.fill(10).unwrap(), "the cache is closed");
    drop((names, cache));
    let cache = place.open();
    let names = versions(&cache);
    assert!(!parked.fill(10).unwrap(), "its cache is gone");
    assert!(names.get(&1).is_none());
    let dropped = lease(&names);
    drop((names, cache));
    drop(place.open());
    drop(dropped);
}

#[test]
fn a_lease_does_not_make_its_thread_part_of_a_circle() {
    let (_cache, versions) = in_memory();
    let lease = lease(&versions);
    let waiting = pending(&versions);
    assert!(matches!(waiting.wait_for::<()>(SOON), Err(LoadError::Timeout { .. })), "another may fill it");
    assert!(lease.fill(10).unwrap());
    let nested = versions.get_or_load(&2, || versions.get_or_load(&2, || Ok::<u64, String>(1)).map(|_| 1));
    let Err(LoadError::Loader(inner)) = nested else { panic!("{nested:?}") };
    assert!(matches!(*inner, LoadError::Cycle), "a loader that asks for its own key");
}

#[test]
fn a_closed_cache_gives_a_lease_that_fills_nothing() {
    let (cache, versions) = in_memory();
    cache.close().unwrap();
    assert!(!lease(&versions).fill(10).unwrap());
    assert!(!lease(&versions).fill_with(10, Duration::from_secs(1)).unwrap());
}

#[test]
fn a_lease_refuses_a_wrong_ttl_and_shares_the_value_nevertheless() {
    let (_cache, versions) = in_memory();
    let (lease, waiting) = (lease(&versions), pending(&versions));
    let error = lease.fill_with(10, Duration::ZERO).unwrap_err();
    assert!(error.to_string().starts_with("ttl is 0ns"), "{error}");
    assert_eq!(waited(waiting).unwrap(), Some(10));
    assert!(versions.get(&1).is_none());
}

#[test]
fn a_lease_without_waiters_has_a_deadline_too() {
    let _watch = watch_this_test();
    let (_cache, versions) = with_short_leases();
    lease(&versions).decline();
    let late = lease(&versions);
    wait_until("the lease is past its deadline", || late.remaining().is_zero());
    assert!(!late.fill(10).unwrap());
    assert!(versions.get(&1).is_none());
}

#[test]
fn a_wait_may_be_as_long_as_a_duration_can_be() {
    let (_cache, versions) = in_memory();
    let (lease, waiting) = (lease(&versions), pending(&versions));
    let filler = thread::spawn(move || lease.fill(10).unwrap());
    assert_eq!(waiting.wait_for::<()>(Duration::MAX).unwrap(), Waited::Value(10.into()));
    assert!(filler.join().unwrap());
}

#[test]
fn callers_that_wait_learn_that_the_source_has_no_value() {
    const WAITERS: usize = 64;
    let _watch = watch_this_test();
    // Without an `absent_ttl`, the next lookup starts another load.
    let (cache, versions) = in_memory();
    let lease = lease(&versions);
    let all_wait = Barrier::new(WAITERS + 1);
    let answers: Vec<_> = thread::scope(|scope| {
        let waiters: Vec<_> = (0..WAITERS)
            .map(|_| {
                scope.spawn(|| {
                    let pending = pending(&versions);
                    all_wait.wait();
                    pending.wait::<()>().unwrap()
                })
            })
            .collect();
        all_wait.wait();
        assert!(!lease.fill_absent());
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect()
    });
    assert_eq!(answers, [const { Waited::Absent }; WAITERS]);
    assert_eq!(cache.stats().loads, 1, "the source is asked once");
}

#[test]
fn a_caller_whose_loader_has_a_value_does_not_wait_for_one_absence_after_another() {
    let cache = Cache::builder().load_timeout(Duration::from_secs(20)).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    for _ in 0..50 {
        let first = lease(&versions);
        let misses = cache.stats().misses;
        thread::scope(|scope| {
            let plain = scope.spawn(|| versions.get_or_load(&1, || Ok::<u64, ()>(10)).unwrap());
            wait_until("the caller has missed", || cache.stats().misses > misses);
            thread::yield_now();
            first.fill_absent();
            // In most rounds, this lookup takes a lease before the waiting caller has woken up. That caller
            // then waits for this load too.
            let second = versions.lookup(&1).unwrap();
            assert_eq!(*plain.join().unwrap(), 10);
            drop(second);
        });
        versions.remove(&1).unwrap();
    }
}
