//! The test drops the futures of the async calls in [`CALLS`] after each number of polls. Afterwards no
//! lease, flight or waker may remain, and no worker may still use the cache.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use larder::{Cache, Change, Durability, InsertOptions, Keyspace, LookupOutcome};

use crate::support::tasks::HandPolled;
use crate::support::{Place, VERSIONS, watch_this_test};

type Dropped = Pin<Box<dyn Future<Output = ()>>>;
type Begin = fn(Cache, Keyspace<u64, u64>) -> Dropped;

async fn yield_twice() {
    let mut left = 2;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Async calls of the main kinds, with names for messages. Key 1 is in memory, and key 2 is in neither tier.
/// With a file, key 1 is also on disk, and key 3 is on disk only.
const CALLS: [(&str, Begin); 18] = [
    ("a lookup", |_, versions| Box::pin(async move { drop(versions.get_async(&1).await) })),
    ("a lookup on disk", |_, versions| Box::pin(async move { drop(versions.get_async(&3).await) })),
    ("a load", |_, versions| {
        Box::pin(async move {
            let loader = || async {
                yield_twice().await;
                Ok::<u64, Infallible>(2)
            };
            drop(versions.get_or_load_async(&2, loader).await);
        })
    }),
    ("a load that fails", |_, versions| {
        Box::pin(async move {
            let loader = || async {
                yield_twice().await;
                Err::<u64, _>("no value")
            };
            drop(versions.get_or_load_async(&2, loader).await);
        })
    }),
    ("a load that finds the disk", |_, versions| {
        Box::pin(async move {
            drop(versions.get_or_load_async(&3, || async { Ok::<u64, Infallible>(2) }).await);
        })
    }),
    ("a load that never ends", |_, versions| {
        Box::pin(async move {
            let loader = || async {
                yield_twice().await;
                pending::<Result<u64, Infallible>>().await
            };
            drop(versions.get_or_load_async(&2, loader).await);
        })
    }),
    ("a borrowed load", |_, versions| {
        Box::pin(async move {
            let loader = async || {
                yield_twice().await;
                Ok::<u64, Infallible>(2)
            };
            drop(versions.get_or_load_local_async(&2, loader).await);
        })
    }),
    ("a wait for a thread", |_, versions| {
        Box::pin(async move {
            let LookupOutcome::Load(lease) = versions.lookup(&2).unwrap() else { return };
            let mut load = Box::pin(versions.get_or_load_async(&2, || async { Ok::<u64, Infallible>(2) }));
            let polled = poll_fn(|context| Poll::Ready(load.as_mut().poll(context).is_ready())).await;
            assert!(!polled);
            yield_twice().await;
            drop(lease);
            drop(load.await);
        })
    }),
    ("an insert", |_, versions| Box::pin(async move { versions.insert_async(&1, 1).await.unwrap() })),
    ("a durable insert", |_, versions| {
        let options = InsertOptions::new().durability(Durability::Immediate);
        Box::pin(async move { versions.insert_with_async(&1, 1, options).await.unwrap() })
    }),
    ("a durable group", |_, versions| {
        let options = InsertOptions::new().durability(Durability::Immediate);
        Box::pin(async move { versions.insert_many_with_async([(1, 1), (4, 4)], options).await.unwrap() })
    }),
    ("a durable change", |_, versions| {
        let change = |value: Option<&u64>, _| Change::insert(value.copied().unwrap_or_default());
        let changed = async move { versions.modify_with_async(&1, Durability::Immediate, change).await };
        Box::pin(async move { drop(changed.await.unwrap()) })
    }),
    ("a change that removes", |_, versions| {
        Box::pin(async move { drop(versions.modify_async(&1, |_, _| Change::Remove).await.unwrap()) })
    }),
    ("a change", |_, versions| {
        let change = |value: Option<&u64>, _| Change::insert(value.copied().unwrap_or_default());
        Box::pin(async move { drop(versions.modify_async(&1, change).await.unwrap()) })
    }),
    ("a removal", |_, versions| Box::pin(async move { _ = versions.remove_async(&1).await.unwrap() })),
    ("a removal of all", |_, versions| Box::pin(async move { _ = versions.clear_async().await.unwrap() })),
    ("a flush", |cache, _| Box::pin(async move { cache.flush_async().await.unwrap() })),
    ("a close", |cache, _| Box::pin(async move { cache.close_async().await.unwrap() })),
];

/// Waits until the condition is true. A worker may still run a call after its future has been dropped.
fn eventually(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// Polls a call up to `n` times, and drops it. Returns whether the call has ended.
fn drop_at_poll(n: usize, name: &str, begin: Begin, place: Option<&Place>) -> bool {
    let open = || place.map_or_else(|| Cache::builder().open().unwrap(), Place::open);
    let cache = open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    versions.insert(&3, 3).unwrap();
    drop(versions);
    let cache = if place.is_some() {
        cache.close().unwrap();
        open()
    } else {
        cache
    };
    let versions = cache.keyspace(VERSIONS).unwrap();
    assert!(versions.get(&1).is_some());
    let mut call = HandPolled::new(begin(cache.clone(), versions.clone()));
    let mut has_ended = false;
    for poll in 0..n {
        if poll > 0 {
            // Once its loader has run, a load that never ends is not woken again, so the wait is limited.
            let mut left = if name == "a load that never ends" { 1_000 } else { usize::MAX };
            while !call.is_woken() && left > 0 {
                std::thread::yield_now();
                left -= 1;
            }
        }
        if call.poll().is_ready() {
            has_ended = true;
            break;
        }
    }
    call.leave();
    // A worker may still be running the call.
    eventually(|| call.kept_wakers() == 0);
    if name != "a close" {
        // `lookup` returns `Wait` until the flight of key 2 has ended.
        eventually(|| !matches!(versions.lookup(&2).unwrap(), LookupOutcome::Wait(_)));
        if let Ok(LookupOutcome::Load(lease)) = versions.lookup(&2) {
            drop(lease);
        }
    }
    // A close checks the counters, and checks that the cache holds no lease except leases of loads.
    cache.close().unwrap();
    has_ended
}

#[test]
fn a_future_that_is_dropped_at_any_poll_leaves_nothing_behind() {
    let _watch = watch_this_test();
    for place in [false, true] {
        for (name, begin) in CALLS {
            let most = if name == "a load that never ends" { 9 } else { usize::MAX };
            let mut n = 0;
            loop {
                let place = place.then(Place::in_memory);
                if drop_at_poll(n, name, begin, place.as_ref()) || n == most {
                    break;
                }
                n += 1;
                assert!(n < 50, "{name} does not end");
            }
        }
    }
}
