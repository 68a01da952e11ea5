//! Tests of waits for a load of another machine, and of the fences of updates.

use std::sync::mpsc;

use super::*;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::lookup::{LookupOutcome, PendingLoad, Waited};
use crate::error::load_error::LoadError;

/// Maximum time that a test waits for a call, so that a hanging call fails the test.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn lease(keyspace: &Keyspace<String, u64>, key: &str) -> LoadLease<String, u64> {
    match keyspace.lookup(key).unwrap() {
        LookupOutcome::Load(lease) => lease,
        other => panic!("{key} has {other:?}"),
    }
}

pub(super) fn pending(keyspace: &Keyspace<String, u64>, key: &str) -> PendingLoad<u64> {
    match keyspace.lookup(key).unwrap() {
        LookupOutcome::Wait(pending) => pending,
        other => panic!("{key} has {other:?}"),
    }
}

/// Runs a call on another thread, and returns its result. Panics if the call does not end in time.
pub(super) fn ends<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, result) = mpsc::channel();
    std::thread::spawn(move || send.send(call()));
    result.recv_timeout(LIMIT).expect("the call waits for nothing that this test holds back")
}

#[test]
fn a_lookup_of_a_key_that_another_machine_loads_waits_for_nothing() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let leases = (lease(&one, "MTNVTU"), lease(&other, "AIRTEL"));
    let (here, there) = (one.clone(), other.clone());
    let waits =
        ends(move || (pending(&here, "AIRTEL"), pending(&there, "MTNVTU"), pending(&there, "MTNVTU")));
    let asked = two.server.requests();
    let joined = pending(&other, "MTNVTU");
    assert_eq!(two.server.requests(), asked, "the second caller joins the wait of the first");
    assert!(leases.0.fill(100).unwrap() && leases.1.fill(90).unwrap());
    for pending in [waits.0, waits.1, waits.2, joined] {
        assert_eq!(pending.wait_for::<Error>(LIMIT).unwrap(), Waited::Unanswered, "look again");
    }
    assert_eq!((one.get("AIRTEL").as_deref(), other.get("MTNVTU").as_deref()), (Some(&90), Some(&100)));
}

#[test]
fn a_bulk_load_loads_its_own_keys_before_it_waits_for_another_machine() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let held = lease(&one, "MTNVTU");
    let (begun, wait_for_begin) = mpsc::channel();
    let load = std::thread::spawn(move || {
        let values = other.get_or_load_many(["AIRTEL", "MTNVTU"], |missing| {
            begun.send(missing.to_vec()).unwrap();
            Ok::<_, Error>([("AIRTEL", 90_u64)])
        });
        values.unwrap().iter().map(|value| value.as_deref().copied()).collect::<Vec<_>>()
    });
    assert_eq!(wait_for_begin.recv_timeout(LIMIT).unwrap(), ["AIRTEL"]);
    assert_eq!(*one.get_or_load("AIRTEL", || Ok::<_, Error>(1_u64)).unwrap(), 90);
    assert!(held.fill(100).unwrap());
    assert_eq!(load.join().unwrap(), [Some(90), Some(100)]);
}

#[test]
fn a_lease_that_another_machine_gives_back_is_taken_by_one_of_those_that_wait() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let held = lease(&one, "MTNVTU");
    let waits = [pending(&other, "MTNVTU"), pending(&other, "MTNVTU")];
    drop(held);
    assert!(
        waits.map(|wait| wait.wait_for::<Error>(LIMIT).unwrap()).iter().all(|end| *end == Waited::Unanswered)
    );
    let held = lease(&other, "MTNVTU");
    drop(pending(&other, "MTNVTU"));
    assert!(held.fill(100).unwrap());
}

#[test]
fn a_wait_for_another_machine_ends_with_the_load_timeout_the_connection_and_the_cache() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let _held = (lease(&one, "MTNVTU"), lease(&one, "AIRTEL"));
    let node = two.server.node();
    let builder = Cache::builder().clock(two.clock.clone()).remote(node.clone());
    let cache = builder.load_timeout(Duration::from_millis(20)).open().unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    let loaded = prices.get_or_load("MTNVTU", || Ok::<u64, Error>(1));
    assert!(matches!(loaded, Err(LoadError::Timeout { waited }) if waited == Duration::from_millis(20)));
    let wait = pending(&prices, "MTNVTU");
    node.lose();
    assert_eq!(wait.wait_for::<Error>(LIMIT).unwrap(), Waited::Unanswered);
    assert_eq!(*prices.get_or_load("MTNVTU", || Ok::<u64, Error>(2)).unwrap(), 2, "without a server");
    node.connect();
    let wait = pending(&prices, "AIRTEL");
    cache.close().unwrap();
    assert_eq!(wait.wait_for::<Error>(LIMIT).unwrap(), Waited::Unanswered);
}

#[test]
fn the_end_of_an_update_is_confirmed_by_the_server_and_its_drop_waits_for_nothing() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let load = |keyspace: &Keyspace<String, u64>, value| {
        *keyspace.get_or_load("MTNVTU", || Ok::<u64, Error>(value)).unwrap()
    };
    one.begin_update("MTNVTU").unwrap().try_finish().unwrap();
    // An insert during the update is stored. The end of the update removes it.
    let update = one.begin_update("MTNVTU").unwrap();
    other.insert("MTNVTU", 90).unwrap();
    assert_eq!((load(&other, 100), one.get("MTNVTU").as_deref()), (90, Some(&90)));
    // Only the answer arrives. The push of the removal is held back.
    two.nodes[0].hold_stream(true);
    let finish = std::thread::spawn(move || update.try_finish());
    while !two.nodes[0].deliver_one() {
        std::thread::yield_now();
    }
    finish.join().unwrap().unwrap();
    let (asked, reader) = (two.server.requests(), one.clone());
    let read = std::thread::spawn(move || reader.get("MTNVTU"));
    while two.server.requests() == asked && !read.is_finished() {
        std::thread::yield_now();
    }
    two.nodes[0].hold_stream(false);
    assert!(read.join().unwrap().is_none() && other.get("MTNVTU").is_none());
    let update = one.begin_update("MTNVTU").unwrap();
    two.nodes[0].hold_stream(true);
    ends(move || drop(update));
    two.nodes[0].hold_stream(false);
    assert_eq!((load(&other, 100), two.server.records()), (100, 1));
    let update = one.begin_update("MTNVTU").unwrap();
    two.nodes[0].lose();
    assert!(matches!(update.try_finish(), Err(Error::Remote { action: "finish an update", .. })));
    assert!(matches!(one.begin_update("MTNVTU"), Err(Error::Remote { action: "begin an update", .. })));
    two.nodes[0].connect();
    two.clock.advance(Duration::from_mins(1));
    assert_eq!((load(&one, 110), load(&other, 120)), (110, 110), "the fence has ended by its time");
    #[cfg(feature = "async")]
    pollster::block_on(one.begin_update("MTNVTU").unwrap().finish_async()).unwrap();
}

#[test]
fn a_fence_is_renewed_as_long_as_its_update_lasts() {
    let two = two_nodes_with(|builder| builder.lease_timeout(60 * SECOND));
    let [one, other] = two.prices();
    let update = one.begin_update("MTNVTU").unwrap();
    for _ in 0..6 {
        let asked = two.server.requests();
        two.clock.advance(30 * SECOND);
        until(|| two.server.requests() > asked);
        let loaded = other.get_or_load("MTNVTU", || Ok::<_, Error>(90_u64)).unwrap();
        assert_eq!((*loaded, two.server.records()), (90, 0), "the fence holds");
    }
    update.finish();
    two.clock.advance(30 * SECOND);
    assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(100_u64)).unwrap(), 100);
    assert_eq!(two.server.records(), 1, "nothing renews the fence of an update that has ended");
}

#[test]
fn a_fence_that_was_lost_is_raised_again_and_removes_what_was_stored_meanwhile() {
    let two = two_nodes_with(|builder| builder.lease_timeout(60 * SECOND));
    let [one, other] = two.prices();
    let update = one.begin_update("MTNVTU").unwrap();
    two.nodes[0].hold_requests(true);
    two.clock.advance(61 * SECOND);
    assert_eq!(*other.get_or_load("MTNVTU", || Ok::<_, Error>(90_u64)).unwrap(), 90);
    assert_eq!(two.server.records(), 1, "the process was paused");
    until(|| two.nodes[0].is_sending());
    two.nodes[0].hold_requests(false);
    assert!(two.server.records() == 0 && other.get("MTNVTU").is_none());
    update.finish();
}

/// Checks that tasks that wait for another machine do not block the worker threads, although there are more
/// such tasks than threads.
#[cfg(feature = "async")]
#[test]
fn tasks_that_wait_for_another_machine_keep_no_worker_from_a_fill() {
    const TASKS: u64 = 40;
    let two = two_nodes();
    let [one, other] = two.prices();
    let held: Vec<_> = (0..TASKS).map(|key| lease(&one, &key.to_string())).collect();
    let asked = two.server.requests();
    let tasks: Vec<_> = (0..TASKS)
        .map(|key| {
            let other = other.clone();
            let load = || async { Ok::<u64, Error>(1) };
            std::thread::spawn(move || {
                *pollster::block_on(other.get_or_load_async(&key.to_string(), load)).unwrap()
            })
        })
        .collect();
    // Waits for one request fewer than there are worker threads, so that this loop also ends if all threads
    // are blocked.
    while two.server.requests() < asked + 15 {
        std::thread::yield_now();
    }
    let free = other.clone();
    let load = || async { Ok::<u64, Error>(100) };
    assert_eq!(ends(move || *pollster::block_on(free.get_or_load_async("FREE", load)).unwrap()), 100);
    for lease in held {
        assert!(lease.fill(7).unwrap());
    }
    assert!(tasks.into_iter().all(|task| task.join().unwrap() == 7));
}
