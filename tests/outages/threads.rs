//! Tests of threads during an outage:
//!
//! - Lookups while the file is closed and reopened.
//! - A `Drop` that panics during a close.
//! - A listener that has the last handle to the cache.
//! - The order of events.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use larder::testing::{DiskOperation, Failure};
use larder::{ByteSize, Cache, DiskState, Error, Keyspace, KeyspaceDefinition, MAX_RETRY_DELAY};
use serde::{Deserialize, Serialize};

use crate::support::harness::Harness;
use crate::support::simulated::{
    SimulatedPlace, WRITES, disk_of, filled, open_swept, state_of, value, wait_until,
};
use crate::support::{BLOBS, HOUR, NAMES, SetOnDrop};

#[test]
fn lookups_in_flight_are_no_reason_to_lose_the_file() {
    let place = SimulatedPlace::new();
    let builder = place.builder().page_cache(ByteSize::kib(64)).memory_capacity(ByteSize::kib(64));
    let cache = builder.open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..1_000 {
        blobs.insert(&key, vec![1; 1_000]).unwrap();
    }
    cache.flush().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..3 {
            let (blobs, stop) = (&blobs, &stop);
            scope.spawn(move || {
                let mut key = reader;
                while !stop.load(Ordering::Relaxed) {
                    key = (key * 31 + 7) % 1_000;
                    drop(blobs.get(&key));
                }
            });
        }
        let _stop = SetOnDrop(&stop);
        Harness::new("lookups_in_flight", "LARDER_OUTAGE_ROUNDS", 20).run(|round| {
            place.disk.fail_every(&[DiskOperation::Sync], Failure::Io);
            thread::scope(|scope| {
                let _flushing = scope.spawn(|| drop(cache.flush()));
                blobs.insert(&(round % 1_000), vec![2; 10]).unwrap();
            });
            drop(cache.flush());
            place.disk.heal();
            place.clock.advance(MAX_RETRY_DELAY);
            cache.flush().unwrap();
        });
    });
    let disk = disk_of(&cache);
    assert!(disk.discards == 0 && place.quarantined_files().is_empty(), "{disk:?}");
}

#[test]
fn what_is_told_of_a_disk_that_is_back_includes_that_it_came_back() {
    Harness::new("what_is_told_of_a_disk", "LARDER_OUTAGE_ROUNDS", 50).run(|_| {
        let place = SimulatedPlace::new();
        let (cache, names) = filled(&place);
        place.disk.fail_every(&[DiskOperation::Sync], Failure::Io);
        names.insert("kept", "kept 2".to_owned()).unwrap();
        assert!(cache.flush().is_err());
        place.disk.heal();
        place.clock.advance(MAX_RETRY_DELAY);
        wait_until("it is back", || {
            let disk = disk_of(&cache);
            assert!(disk.state != DiskState::On || disk.recoveries == 1, "On, and no recovery");
            disk.recoveries == 1
        });
    });
}

/// A value whose `Drop` panics while a flag is set.
#[derive(Serialize, Deserialize)]
struct ArmedValue(Vec<u8>);

static IS_ARMED: AtomicBool = AtomicBool::new(false);

impl Drop for ArmedValue {
    fn drop(&mut self) {
        assert!(!IS_ARMED.load(Ordering::SeqCst) || thread::panicking(), "planted");
    }
}

#[test]
fn a_drop_that_panics_while_the_cache_closes_costs_no_file() {
    const ARMED_VALUES: KeyspaceDefinition<u64, ArmedValue> = KeyspaceDefinition::new("grenade").ttl(HOUR);
    let place = SimulatedPlace::new();
    let cache = open_swept(place.builder().memory_capacity(ByteSize::kib(64)));
    let (names, armed) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(ARMED_VALUES).unwrap());
    names.insert("kept", "kept".to_owned()).unwrap();
    cache.flush().unwrap();
    for key in 0..100 {
        armed.insert(&key, ArmedValue(vec![1; 2_000])).unwrap();
    }
    IS_ARMED.store(true, Ordering::SeqCst);
    cache.close().unwrap();
    IS_ARMED.store(false, Ordering::SeqCst);
    let left = place.moved_to(place.disk.copy()).open().keyspace(NAMES).unwrap();
    assert_eq!(value(&left, "kept").as_deref(), Some("kept"));
}

/// The use that a listener makes of the last handle of its cache.
type Use = fn(&Cache, &Keyspace<String, String>);

#[test]
fn the_last_handle_may_go_in_a_listener_whatever_it_did_before() {
    let only_dropped: Use = |_, _| {};
    let closed: Use = |cache, _| drop(cache.close());
    let used: Use = |cache, names| {
        drop((cache.flush(), names.remove("kept"), cache.clear(), cache.sweep(), cache.verify()));
    };
    for what in [only_dropped, closed, used] {
        let place = SimulatedPlace::new();
        let last = Arc::new(Mutex::new(None));
        let (is_done, theirs) = (Arc::new(AtomicBool::new(false)), last.clone());
        let done = is_done.clone();
        let listen = move |_: &_| {
            let taken: Option<(Cache, Keyspace<_, _>)> = theirs.lock().unwrap().take();
            if let Some((cache, names)) = taken {
                what(&cache, &names);
                drop((names, cache));
                done.store(true, Ordering::SeqCst);
            }
        };
        let cache = open_swept(place.builder().on_event(listen));
        let names = cache.keyspace(NAMES).unwrap();
        names.insert("kept", "kept".to_owned()).unwrap();
        cache.flush().unwrap();
        place.disk.fail_every(&WRITES, Failure::Io);
        names.insert("kept", "new".to_owned()).unwrap();
        *last.lock().unwrap() = Some((cache.clone(), names.clone()));
        drop(cache.flush());
        drop((cache, names));
        wait_until("the listener has returned", || is_done.load(Ordering::SeqCst));
        place.disk.heal();
        wait_until("the file is released", || match place.builder().open() {
            Ok(again) => state_of(&again) == DiskState::On,
            Err(error) => {
                assert!(matches!(error, Error::InUse { .. }), "{error}");
                false
            }
        });
    }
}
