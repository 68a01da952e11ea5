//! Tests of closing while other threads work. No thread waits forever, and no acknowledged change is lost.

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

/// A value that holds a handle of its own cache, as a value of an application might. Dropping the value may
/// close the cache.
#[derive(Serialize, Deserialize)]
struct Holder {
    #[serde(skip)]
    _handle: Option<Cache>,
}

/// Returns whether a call succeeded. During a close, it may also fail with `Closed` or `NotDurable`.
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

/// Any thread may drop the last handle: a caller's thread, or a worker that drops a value.
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
    // If another thread is still closing the cache, the file can be opened a little later.
    let reopened = std::iter::repeat_with(|| {
        yield_now();
        place.builder().open()
    });
    let cache = reopened.take(100).find_map(Result::ok).expect("the cache was not closed");
    let value = crate::place::versions(&cache).get(&2).map(|value| *value);
    cache.close().unwrap();
    assert_eq!(value, Some(20), "the insert had returned before its handle was dropped");
}

/// Once the cache is closed, no lookup finds a value, even if other calls are in progress. Every change that
/// was acknowledged before the close is on disk.
pub(crate) fn a_closed_cache_has_nothing() {
    let place = Place::new();
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    // Memory holds one clean entry, so one of the two keys is on disk only after the flush.
    versions.insert(&2, 20).unwrap();
    cache.flush().unwrap();
    let inserted = AtomicBool::new(false);
    let left = Mutex::new(Vec::new());
    contest([
        &|| {
            cache.close().unwrap();
            let found = (1..=4).filter(|key| versions.get(key).is_some() || versions.peek(key).is_some());
            *left.lock().unwrap() = found.collect();
        },
        &|| inserted.store(is_done(versions.insert(&3, 30)), Ordering::SeqCst),
        &|| {
            drop(versions.get(&1));
            drop(versions.touch(&2));
        },
        &|| drop(versions.get_or_load(&4, || Ok::<u64, Infallible>(40))),
    ]);
    let left = left.into_inner().unwrap();
    assert_eq!((left, versions.keys().count()), (vec![], 0), "found in a cache that is closed");
    let expected = inserted.into_inner().then_some(30);
    assert_eq!(place.committed(3), expected, "an insert is committed, or refused and not made");
}

const CLOSERS: KeyspaceDefinition<u64, Closer> = KeyspaceDefinition::new("holder").ttl(TTL);

/// A value whose drop closes the cache.
#[derive(Serialize, Deserialize)]
struct Closer {
    #[serde(skip)]
    handle: Option<Cache>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        if let Some(cache) = &self.handle {
            drop(cache.close());
        }
    }
}

/// Any thread may close the cache, even one of the cache's own threads. A thread of the application for which
/// `close` has returned can open the file again.
pub(crate) fn what_is_closed_can_be_opened() {
    let place = Place::new();
    let cache = place.open_tight();
    let closers = cache.keyspace(CLOSERS).unwrap();
    let versions = versions(&cache);
    closers.insert(&1, Closer { handle: Some(cache.clone()) }).unwrap();
    cache.flush().unwrap();
    let reopened = Mutex::new(None);
    contest([
        // Committing this entry evicts the other entry, whose value the sweeper then drops.
        &|| drop(versions.insert(&2, 20).and_then(|()| cache.flush())),
        &|| {
            let closed = cache.close();
            *reopened.lock().unwrap() =
                Some((closed, place.builder().open().and_then(|again| again.close())));
        },
        &|| drop(cache.close()),
    ]);
    let reopened = reopened.into_inner().unwrap();
    assert!(matches!(reopened, Some((Ok(()), Ok(())))), "{reopened:?}");
}
