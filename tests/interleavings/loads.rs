//! Tests of loads and promotions together with removals, clears and updates (contract 3).
//!
//! The source of all values is a number that only increases. A thread changes the source, invalidates the
//! key, and then records the new number as the lowest correct answer. A later lookup that returns a lower
//! number has returned an invalidated value. Such a value comes from an older load or promotion, or from a
//! flight that the lookup should not have joined.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Keyspace, LoadError};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{PAIRS, Place, versions};
use crate::source::Source;

pub(crate) fn a_load_never_outlives_a_removal() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open();
    let versions = versions(&cache);
    contest([
        &|| {
            source.change(|| _ = versions.remove(&1).unwrap());
            source.load(&versions, &1);
        },
        &|| {
            source.load(&versions, &1);
            source.change(|| _ = versions.remove(&1).unwrap());
        },
        &|| {
            source.load(&versions, &1);
            source.get(&versions, &1);
            source.load(&versions, &1);
        },
    ]);
    source.get(&versions, &1);
    cache.close().unwrap();
    source.look("committed", || place.committed(1));
    source.check();
}

pub(crate) fn a_load_never_outlives_a_removal_by_prefix() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.builder().shards(2).open().unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    source.load(&pairs, &(1, 2));
    cache.flush().unwrap();
    contest([
        &|| {
            source.change(|| _ = pairs.remove_prefix((1,)).unwrap());
            source.get(&pairs, &(1, 1));
            source.get(&pairs, &(1, 2));
        },
        &|| {
            source.load(&pairs, &(1, 1));
            source.load(&pairs, &(1, 2));
        },
        &|| {
            source.load(&pairs, &(1, 2));
            source.load(&pairs, &(1, 1));
        },
    ]);
    source.get(&pairs, &(1, 1));
    source.get(&pairs, &(1, 2));
    cache.close().unwrap();
    source.check();
}

/// The key is on disk only, so lookups promote it during a range removal.
pub(crate) fn a_promotion_never_outlives_a_clear() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open_tight();
    let versions = versions(&cache);
    source.load(&versions, &1);
    cache.flush().unwrap();
    versions.insert(&2, 1 << 20).unwrap();
    cache.flush().unwrap();
    contest([
        &|| {
            source.change(|| _ = versions.clear().unwrap());
            source.get(&versions, &1);
        },
        &|| {
            source.get(&versions, &1);
            cache.flush().unwrap();
            source.get(&versions, &1);
        },
        &|| {
            source.get(&versions, &1);
            source.get(&versions, &1);
        },
    ]);
    source.get(&versions, &1);
    cache.close().unwrap();
    source.look("committed", || place.committed(1));
    source.check();
}

/// The loaders of two keys load each other's key. A load that would wait forever gets an error, and all loads
/// end.
pub(crate) fn loads_that_wait_for_one_another_end() {
    let cache = Place::new().open();
    let versions = versions(&cache);
    let values = AtomicU64::new(0);
    let load = |mine: u64, other: u64| {
        let loaded =
            versions.get_or_load(&mine, || versions.get_or_load(&other, || Err::<u64, _>("nothing to load")));
        values.fetch_add(u64::from(loaded.is_ok()), Ordering::SeqCst);
    };
    contest([&|| load(1, 2), &|| load(2, 1), &|| load(1, 2)]);
    let left = versions.get_or_load(&1, || Ok::<u64, Infallible>(10)).ok();
    cache.close().unwrap();
    assert_eq!(values.into_inner(), 0, "there was no value to be had");
    assert_eq!(left.as_deref(), Some(&10), "a flight was left behind");
}

/// Each thread loads from one of two caches, and its loader loads from the other cache. All loads end.
pub(crate) fn loads_across_two_caches_end() {
    let place = Place::new();
    let (first, second) = (place.open(), Cache::builder().open().unwrap());
    let (one, two) = (versions(&first), versions(&second));
    let values = AtomicU64::new(0);
    let load = |mine: &Keyspace<u64, u64>, other: &Keyspace<u64, u64>| {
        let loaded = mine.get_or_load(&1, || other.get_or_load(&1, || Err::<u64, _>("nothing to load")));
        values.fetch_add(u64::from(loaded.is_ok()), Ordering::SeqCst);
    };
    contest([&|| load(&one, &two), &|| load(&two, &one), &|| load(&one, &two)]);
    let left = [one, two].map(|space| space.get_or_load(&1, || Ok::<u64, Infallible>(10)).ok());
    first.close().unwrap();
    second.close().unwrap();
    assert_eq!(values.into_inner(), 0, "there was no value to be had");
    assert!(left.iter().all(|left| left.as_deref() == Some(&10)), "a flight was left behind: {left:?}");
}

/// A wait for a load times out before the load ends. Callers that wait longer, or begin to wait later,
/// still get the value of that load.
pub(crate) fn a_wait_that_is_over_leaves_the_load_alone() {
    let cache = Cache::builder().load_timeout(Duration::from_secs(1)).open().unwrap();
    let versions = versions(&cache);
    let wrong = Mutex::new(Vec::new());
    let load = || {
        let loaded = versions.get_or_load(&1, || {
            sleep(Duration::ZERO);
            Ok::<u64, Infallible>(10)
        });
        match loaded {
            Ok(value) if *value == 10 => {}
            Err(LoadError::Timeout { .. }) => {}
            other => wrong.lock().unwrap().push(format!("{other:?}")),
        }
    };
    contest([&load, &load, &load]);
    let left = versions.get_or_load(&1, || Ok::<u64, Infallible>(11)).ok();
    let loads = cache.stats().loads;
    cache.close().unwrap();
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!((left.as_deref(), loads), (Some(&10), 1), "the load was not left alone");
}

/// An update invalidates the key before the source changes. Loads that read the source before the change
/// are not cached.
pub(crate) fn a_load_never_outlives_an_update() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open();
    let versions = versions(&cache);
    source.load(&versions, &1);
    contest([
        &|| {
            let update = versions.begin_update(&1).unwrap();
            let new = source.next();
            update.finish();
            source.settle(new);
            source.load(&versions, &1);
        },
        &|| {
            source.load(&versions, &1);
            source.get(&versions, &1);
        },
        &|| {
            source.load(&versions, &1);
            source.load(&versions, &1);
        },
    ]);
    source.get(&versions, &1);
    cache.close().unwrap();
    source.look("committed", || place.committed(1));
    source.check();
}
