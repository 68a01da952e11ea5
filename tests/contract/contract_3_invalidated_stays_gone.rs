//! Contract 3: an invalidated entry does not come back. No load or promotion that began earlier restores it,
//! and no crash does.

use std::sync::mpsc::channel;
use std::thread;

use larder::Error;
use larder::testing::StallingDisk;

use crate::support::simulated::{open_swept, wait_until};
use crate::support::{NAMES, Place, watch_this_test};

type Invalidation = fn(&larder::Cache, &larder::Keyspace<String, String>);

const INVALIDATIONS: [(&str, Invalidation); 5] = [
    ("remove", |_, names| assert!(names.remove("key").is_ok())),
    ("remove_prefix", |_, names| assert!(names.remove_prefix("ke").is_ok())),
    ("clear of the keyspace", |_, names| assert!(names.clear().is_ok())),
    ("clear of the cache", |cache, _| assert!(cache.clear().is_ok())),
    ("begin_update", |_, names| names.begin_update("key").unwrap().finish()),
];

#[test]
fn contract_3_a_load_in_flight_is_answered_and_not_cached() {
    for (name, invalidate) in INVALIDATIONS {
        let place = Place::new();
        let cache = place.open();
        let names = cache.keyspace(NAMES).unwrap();
        let (started, wait_for_start) = channel();
        let (go_on, wait_to_go_on) = channel::<()>();
        thread::scope(|scope| {
            let names = &names;
            let load = scope.spawn(move || {
                names.get_or_load("key", || {
                    started.send(()).unwrap();
                    wait_to_go_on.recv().unwrap();
                    Ok::<_, Error>("old".to_owned())
                })
            });
            wait_for_start.recv().unwrap();
            invalidate(&cache, names);
            // A lookup that begins after the invalidation does not wait for the older load.
            let fresh = names.get_or_load("key", || Ok::<_, Error>("new".to_owned())).unwrap();
            assert_eq!(*fresh, "new", "{name}");
            go_on.send(()).unwrap();
            assert_eq!(*load.join().unwrap().unwrap(), "old", "{name}: the caller gets what it loaded");
            assert_eq!(*names.get("key").unwrap(), "new", "{name}: the old value was cached");
        });
        assert_eq!(cache.stats().voided_fills, 1, "{name}");
    }
}

#[test]
fn contract_3_loads_during_an_update_are_not_cached() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("key", "old".to_owned()).unwrap();
    let load =
        |value: &str| (*names.get_or_load("key", || Ok::<_, Error>(value.to_owned())).unwrap()).clone();
    let update = names.begin_update("key").unwrap();
    assert_eq!(load("read while the update was under way"), "read while the update was under way");
    assert!(!names.contains_key("key"));
    let other = names.begin_update("key").unwrap();
    drop(update);
    assert_eq!(load("still under way"), "still under way");
    assert!(!names.contains_key("key"), "the second update is not over");
    other.finish();
    assert_eq!(load("new"), "new");
    assert_eq!(load("never"), "new");
}

#[test]
fn contract_3_a_removal_outlives_a_restart_and_what_it_removed_was_on_disk() {
    for (name, invalidate) in INVALIDATIONS {
        let place = Place::new();
        let cache = place.open();
        let names = cache.keyspace(NAMES).unwrap();
        names.insert("key", "old".to_owned()).unwrap();
        cache.flush().unwrap();
        names.insert("key", "newer, not committed".to_owned()).unwrap();
        invalidate(&cache, &names);
        // The copy of the file has the content that a crash would leave.
        let crashed = Place::new();
        std::fs::copy(place.path(), crashed.path()).unwrap();
        let cache = crashed.open();
        assert!(cache.keyspace(NAMES).unwrap().get("key").is_none(), "{name}");
    }
}

#[test]
fn contract_3_removals_by_many_threads_share_commits() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = open_swept(place.builder().stalling_disk(&disk));
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..400 {
        names.insert(&number.to_string(), String::new()).unwrap();
    }
    cache.flush().unwrap();
    let before = cache.stats().disk.unwrap().commits;
    // Otherwise a quick disk could commit each removal before the next thread runs.
    disk.stall();
    thread::scope(|scope| {
        for thread in 0..8 {
            let names = &names;
            scope.spawn(move || {
                (0..50)
                    .for_each(|number| assert!(names.remove(&(thread * 50 + number).to_string()).unwrap()));
            });
        }
        wait_until("every thread has removed a key", || names.stats().invalidations == 8);
        disk.resume();
    });
    let commits = cache.stats().disk.unwrap().commits - before;
    assert!(commits < 400, "{commits} commits for 400 removals");
    assert!(names.is_empty());
    let before = cache.stats().disk.unwrap().commits;
    for number in 1_000..1_020 {
        assert!(!names.remove(&number.to_string()).unwrap());
    }
    assert_eq!(cache.stats().disk.unwrap().commits, before, "removing nothing commits nothing");
}
