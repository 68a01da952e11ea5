//! Tests of leases that are dropped, are forgotten, or time out.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::model::pass_time;
use larder::{Keyspace, LookupOutcome};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, versions};

/// Loads the key and returns the value. `loads` counts the runs of the loader.
fn load(versions: &Keyspace<u64, u64>, loads: &AtomicU64) -> Option<u64> {
    let loaded = versions.get_or_load(&1, || {
        sleep(Duration::ZERO);
        Ok::<u64, Infallible>(10 + loads.fetch_add(1, Ordering::SeqCst))
    });
    loaded.ok().map(|value| *value)
}

/// A lease is dropped while other callers wait for it. One of these callers loads, and the others wait for
/// its load.
pub(crate) fn one_waiter_loads_for_a_dropped_lease() {
    let cache = Place::new().open();
    let versions = versions(&cache);
    let (loads, seen) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let see = || {
        let value = load(&versions, &loads);
        seen.lock().unwrap().push(value);
    };
    contest([
        &|| {
            if let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() {
                sleep(Duration::ZERO);
                drop(lease);
            }
        },
        &see,
        &see,
    ]);
    cache.close().unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen, loads.into_inner()), (vec![Some(10); 2], 1));
}

/// A lease is forgotten and times out. The callers that wait for it continue, and so do later callers.
pub(crate) fn a_forgotten_lease_stalls_no_caller() {
    let cache = Place::new().open();
    let versions = versions(&cache);
    let (loads, seen) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let see = || {
        let value = load(&versions, &loads);
        seen.lock().unwrap().push(value);
    };
    contest([
        &|| {
            if let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() {
                std::mem::forget(lease);
            }
            pass_time();
        },
        &see,
        &see,
    ]);
    let left = load(&versions, &loads);
    cache.close().unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().chain([&left]).all(Option::is_some), "{seen:?}, and then {left:?}");
}

/// A lease is filled after it has timed out, while another caller takes over the load.
pub(crate) fn a_late_lease_fills_nothing() {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    let (loads, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let get = || {
        let value = versions.get(&1).map(|value| *value);
        if value == Some(1) {
            wrong.lock().unwrap().push("a lookup found the late value".to_owned());
        }
    };
    contest([
        &|| {
            if let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() {
                pass_time();
                if lease.fill(1).unwrap() {
                    wrong.lock().unwrap().push("a late fill was cached".to_owned());
                }
            }
        },
        &|| {
            get();
            _ = load(&versions, &loads);
        },
        &|| {
            get();
            get();
        },
    ]);
    get();
    cache.close().unwrap();
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_ne!(place.committed(1), Some(1), "the late value is on disk");
}
