//! Closing while others are at work: nobody is left waiting, and nothing that was acknowledged is lost.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::{Cache, Error, KeyspaceDefinition};
use serde::{Deserialize, Serialize};
use shuttle::thread::{sleep, yield_now};

use crate::explorer::contest;
use crate::place::{Place, TTL, versions};

const HOLDERS: KeyspaceDefinition<u64, Holder> = KeyspaceDefinition::new("holder").ttl(TTL);

/// A value that holds a handle to the cache that holds it, as an application's might. Where it is dropped, the cache may end.
#[derive(Serialize, Deserialize)]
struct Holder {
    #[serde(skip)]
    _handle: Option<Cache>,
}

/// How a call during the closing may end.
fn is_done(result: Result<(), Error>) -> bool {
    match result {
        Ok(()) => true,
        Err(Error::Closed | Error::NotDurable { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

pub(crate) fn closing_loses_nothing_acknowledged() {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    versions.insert(&2, 20).unwrap();
    cache.flush().unwrap();
    let (inserted, removed) = (AtomicBool::new(false), AtomicBool::new(false));
    let loaded = Mutex::new(None);
    contest([
        &|| drop(cache.close()),
        &|| inserted.store(is_done(versions.insert(&1, 11)), Ordering::SeqCst),
        &|| removed.store(is_done(versions.remove(&2).map(drop)), Ordering::SeqCst),
        &|| {
            let value = versions.get_or_load(&3, || {
                sleep(Duration::ZERO);
                Ok::<u64, Infallible>(30)
            });
            *loaded.lock().unwrap() = value.ok();
        },
    ]);
    // Waits for the closing, if that was not over.
    cache.close().unwrap();
    assert_eq!(
        loaded.into_inner().unwrap().as_deref(),
        Some(&30),
        "a load is answered whatever becomes of the cache"
    );
    if inserted.into_inner() {
        assert_eq!(place.committed(1), Some(11), "the insert was acknowledged");
    }
    if removed.into_inner() {
        assert_eq!(place.committed(2), None, "the removal was acknowledged");
    }
}

/// The last handle may go in any thread: a caller's, or a worker's that drops a value.
pub(crate) fn the_last_handle_may_go_anywhere() {
    let place = Place::new();
    let cache = place.open_tight();
    let holders = cache.keyspace(HOLDERS).unwrap();
    let versions = versions(&cache);
    holders.insert(&1, Holder { _handle: Some(cache.clone()) }).unwrap();
    cache.flush().unwrap();
    let (first, second) = (Mutex::new(Some(versions.clone())), Mutex::new(Some(holders)));
    let third = Mutex::new(Some((cache, versions)));
    contest([
        &|| {
            let versions = first.lock().unwrap().take();
            versions.unwrap().insert(&2, 20).unwrap();
        },
        &|| {
            let holders = second.lock().unwrap().take();
            _ = holders.unwrap().remove(&1).unwrap();
        },
        &|| {
            let handles = third.lock().unwrap().take();
            drop(handles);
        },
    ]);
    // Somebody is closing the cache, or has. Its file is free when that is over.
    let reopened = std::iter::repeat_with(|| {
        yield_now();
        place.builder().open()
    });
    let cache = reopened.take(100).find_map(Result::ok).expect("the cache was not closed");
    let value = crate::place::versions(&cache).get(&2).map(|value| *value);
    cache.close().unwrap();
    assert_eq!(value, Some(20), "the insert had returned before its handle was dropped");
}
