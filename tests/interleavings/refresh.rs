//! Tests of refreshes of live values, together with removals, updates, writes and expiry.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use larder::{Cache, Keyspace, Load, LoadPolicy, LoadingKeyspace};

use crate::explorer::contest;
use crate::place::{Place, TTL, let_others_go_on, versions};
use crate::source::Source;

type Refreshed = LoadingKeyspace<u64, u64, Infallible>;

/// Returns a handle whose loader reads the source.
fn refreshed(cache: &Cache, source: &Arc<Source>, is_unchanged: bool) -> Refreshed {
    let source = source.clone();
    let loader = move |_: &u64, live: Option<Arc<u64>>| {
        let value = source.number();
        // With `is_unchanged`, the source acts like a server that can tell that a page has not changed.
        Ok(if is_unchanged && live.as_deref() == Some(&value) {
            Load::Unchanged
        } else {
            Load::Cache(value.into())
        })
    };
    versions(cache).with_loader(LoadPolicy::new().refresh_after(TTL / 2), loader).unwrap()
}

fn get(source: &Source, versions: &Refreshed) {
    source.look("got", || versions.get(1).ok().map(|loaded| *loaded.value.unwrap()));
}

/// Key 1 is old, so each lookup may begin a refresh, while another thread runs `change`.
fn contest_with(is_unchanged: bool, change: impl Fn(&Source, &Keyspace<u64, u64>, &Place) + Sync) {
    let (place, source) = (Place::new(), Arc::new(Source::new()));
    let cache = place.open();
    let versions = refreshed(&cache, &source, is_unchanged);
    get(&source, &versions);
    place.time.advance(TTL / 2);
    contest([
        &|| {
            change(&source, versions.keyspace(), &place);
            get(&source, &versions);
        },
        &|| {
            get(&source, &versions);
            get(&source, &versions);
        },
        &|| {
            drop(versions.refresh(1));
            get(&source, &versions);
        },
    ]);
    get(&source, &versions);
    cache.close().unwrap();
    source.look("committed", || place.committed(1));
    source.check();
}

pub(crate) fn a_refresh_never_outlives_a_removal() {
    contest_with(false, |source, versions, _| source.change(|| _ = versions.remove(1).unwrap()));
}

/// The loader may return `Unchanged` just before the source changes and the key is removed.
pub(crate) fn an_unchanged_value_never_outlives_a_removal() {
    contest_with(true, |source, versions, _| source.change(|| _ = versions.remove(1).unwrap()));
}

/// During an update, another value is inserted and becomes old immediately. The refresh of that value may
/// read the source before the update changes it.
pub(crate) fn a_refresh_never_outlives_an_update() {
    contest_with(false, |source, versions, place| {
        let update = versions.begin_update(1).unwrap();
        versions.insert(1, u64::MAX).unwrap();
        place.time.advance(TTL / 2);
        let new = source.next();
        update.finish();
        source.settle(new);
    });
}

/// A load that finds the value expired waits for the refresh, or loads the key itself. After the change, no
/// lookup returns a value from before it.
pub(crate) fn a_refresh_and_an_expiry_agree() {
    contest_with(false, |source, versions, place| {
        place.time.advance(TTL / 2);
        source.load(versions, &1);
        source.change(|| versions.insert(1, source.current() + 1).unwrap());
    });
}

/// Several callers find the value old, but only one refresh runs. After that, the value is new.
pub(crate) fn an_old_value_is_refreshed_once() {
    let (place, source) = (Place::new(), Arc::new(Source::new()));
    let cache = place.open();
    let versions = refreshed(&cache, &source, false);
    get(&source, &versions);
    place.time.advance(TTL / 2);
    let look = || {
        get(&source, &versions);
        get(&source, &versions);
    };
    contest([&look, &look, &look]);
    let refreshes = versions.keyspace().stats().refreshes;
    cache.close().unwrap();
    assert_eq!(refreshes, 1, "the value was not refreshed once");
    source.check();
}

/// The cache is closed while refreshes run. The threads of the pool end, and no caller waits forever.
pub(crate) fn a_close_beside_refreshes_ends() {
    let (place, source) = (Place::new(), Arc::new(Source::new()));
    let cache = place.open();
    let versions = refreshed(&cache, &source, false);
    get(&source, &versions);
    place.time.advance(TTL / 2);
    let look = || {
        for key in 1..3 {
            drop(versions.refresh(key));
            source.look("got", || versions.get(key).ok().map(|loaded| *loaded.value.unwrap()));
        }
    };
    contest([&|| cache.close().unwrap(), &look, &look]);
    assert!(versions.keyspace().get(1).is_none(), "a closed cache has nothing");
    source.check();
}

/// Loads of two keys share a pool of one thread, and the loader of key 1 requests key 2. The load of key 2
/// may be in the queue behind that loader. No caller waits forever, and the pool does not run a load that a
/// caller has taken over.
pub(crate) fn a_load_in_the_queue_is_taken_over() {
    let place = Place::new();
    let cache = place.builder().load_threads(1).open().unwrap();
    let_others_go_on();
    let loads = Arc::new(AtomicU64::new(0));
    let (counted, inner) = (loads.clone(), versions(&cache));
    let loader = move |key: &u64, _: Option<Arc<u64>>| {
        let second = || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok::<u64, Infallible>(20)
        };
        let value = match *key {
            2 => second()?,
            _ => 1 + *inner.get_or_load(2, second).unwrap(),
        };
        Ok(Load::Cache(Arc::new(value)))
    };
    let versions: Refreshed = versions(&cache).with_loader(LoadPolicy::new(), loader).unwrap();
    let seen = Mutex::new(Vec::new());
    let get = |key| {
        let value = versions.get(key).ok().and_then(|loaded| loaded.value).map(|value| *value);
        seen.lock().unwrap().push((key, value));
    };
    contest([
        &|| {
            drop(versions.refresh(1));
            get(1);
        },
        &|| {
            drop(versions.refresh(2));
            get(2);
        },
        &|| get(1),
    ]);
    let refreshes = versions.keyspace().stats().refreshes;
    cache.close().unwrap();
    drop(versions);
    let (seen, loads) = (seen.into_inner().unwrap(), loads.load(Ordering::SeqCst));
    assert!(seen.iter().all(|(key, value)| *value == Some(if *key == 1 { 21 } else { 20 })), "{seen:?}");
    // Each refresh of a live value adds at most one load.
    assert!(loads <= 1 + refreshes, "{loads} loads, {refreshes} refreshes");
}
