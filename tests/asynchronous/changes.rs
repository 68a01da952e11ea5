//! Tests of changes from async code. These changes keep the same promises as the blocking calls, and do not
//! block the executor.

use std::future::poll_fn;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use larder::testing::StallingDisk;
use larder::{Any, Cache, Change, Durability, Error, InsertOptions, KeyspaceDefinition};

use crate::support::simulated::wait_until;
use crate::support::tasks::{HandPolled, Runtime};
use crate::support::{BLOBS, HOUR, Place, VERSIONS, watch_this_test};

/// Length of a value that exceeds the write buffer of these tests.
const LARGE: usize = 80 << 10;

const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(HOUR);

/// Returns the number of entries that a restart would find if the process crashed now.
fn entries_after_a_crash(place: &Place) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("shop.larder");
    std::fs::copy(place.path(), &copy).unwrap();
    let cache = Cache::builder().path(copy).clock(place.clock.clone()).open().unwrap();
    let entries = cache.keyspace(PAIRS).unwrap().count() + cache.keyspace(VERSIONS).unwrap().count();
    cache.close().unwrap();
    entries
}

#[test]
fn what_an_async_call_has_removed_does_not_come_back() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        let place = Place::new();
        let cache = place.open();
        let pairs = cache.keyspace(PAIRS).unwrap();
        runtime.block_on(async {
            for key in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 1), (5, 1)] {
                pairs.insert_async(&key, key.0).await.unwrap();
            }
            cache.flush_async().await.unwrap();
            assert!(pairs.remove_async(&(3, 1)).await.unwrap());
            assert!(!pairs.remove_async(&(3, 1)).await.unwrap());
            assert_eq!(pairs.remove_prefix_async((1,)).await.unwrap(), 2);
            assert_eq!(pairs.remove_matching_async((Any, 2)).await.unwrap(), 1);
            assert_eq!(pairs.remove_many_async([(4, 1), (4, 2)]).await.unwrap(), 1);
            let mut left: Vec<_> = pairs.keys().collect();
            left.sort_unstable();
            assert_eq!(left, [(2, 1), (5, 1)]);
            assert_eq!(pairs.clear_async().await.unwrap(), 2);
            pairs.insert_async(&(6, 1), 6).await.unwrap();
            assert_eq!(cache.clear_async().await.unwrap(), 1);
            // The copy of the file has the content that a crash would leave. It must contain every
            // acknowledged change.
            assert_eq!(entries_after_a_crash(&place), 0, "{runtime:?}");
            cache.close_async().await.unwrap();
            assert!(matches!(pairs.insert_async(&(1, 1), 1).await, Err(Error::Closed)));
            assert!(matches!(pairs.remove_async(&(1, 1)).await, Err(Error::Closed)));
            assert!(matches!(cache.flush_async().await, Err(Error::Closed)));
            cache.close_async().await.unwrap();
        });
    }
}

#[test]
fn an_invalidation_and_the_other_changes_do_what_their_twins_do() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let (pairs, versions) = (cache.keyspace(PAIRS).unwrap(), cache.keyspace(VERSIONS).unwrap());
        Runtime::TokioOnOneThread.block_on(async {
            let options = InsertOptions::new().durability(Durability::Immediate);
            versions.insert_with_async(&1, 1, options).await.unwrap();
            let add = |value: Option<&u64>, _| Change::insert(value.copied().unwrap_or_default() + 1);
            let added = versions.modify_async(&1, add).await.unwrap();
            assert_eq!((added.old(), added.new_value()), (Some(&1), Some(&2)));
            pairs.insert_async(&(1, 1), 1).await.unwrap();
            let mut stale = cache.invalidation();
            stale.remove(&versions, &1).unwrap().clear(&pairs);
            assert_eq!(stale.commit_async().await.unwrap(), 2);
            let other = Cache::builder().open().unwrap();
            let mut foreign = other.invalidation();
            foreign.clear(&pairs);
            assert!(matches!(foreign.commit_async().await, Err(Error::InvalidSetting { .. })));
            cache.close_async().await.unwrap();
        });
    }
}

#[test]
fn a_removal_that_is_dropped_after_its_first_poll_is_made() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    cache.flush().unwrap();
    let mut removal = HandPolled::new(versions.remove_async(&1));
    // On a fast disk, the worker may already have finished the removal, so the result of the poll is ignored.
    _ = removal.poll();
    removal.leave();
    while versions.get(&1).is_some() {
        std::thread::yield_now();
    }
    // The key already has a tombstone. A second removal waits until that tombstone is committed.
    assert!(!versions.remove(&1).unwrap());
    assert_eq!(entries_after_a_crash(&place), 0);
    while removal.kept_wakers() > 0 {
        std::thread::yield_now();
    }
}

/// Polls `blocked` ten times while the disk is stalled. Then resumes the disk, and returns the output. The
/// test would hang if a poll blocked.
async fn goes_on_beside<T>(disk: &StallingDisk, blocked: impl Future<Output = T>) -> T {
    let mut blocked = Box::pin(blocked);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        match blocked.as_mut().poll(context) {
            Poll::Ready(_) => panic!("the disk is stalled"),
            Poll::Pending => {}
        }
        if polls < 10 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    disk.resume();
    blocked.await
}

#[test]
fn a_stalled_disk_and_a_full_write_buffer_block_no_executor() {
    let _watch = watch_this_test();
    for runtime in [Runtime::TokioOnOneThread, Runtime::Smol] {
        let (place, disk) = (Place::new(), StallingDisk::new());
        let cache = place.builder().write_buffer(64 << 10).stalling_disk(&disk).open().unwrap();
        let blobs = cache.keyspace(BLOBS).unwrap();
        // Stalls the disk during a commit, so that an entry stays in the buffer and `LARGE` bytes do not
        // fit.
        let stall = || {
            cache.flush().unwrap();
            disk.stall();
            blobs.insert(&0, vec![0; 1 << 10]).unwrap();
            let cache = cache.clone();
            thread::spawn(move || drop(cache.flush()));
            disk.await_sync();
        };
        runtime.block_on(async {
            stall();
            goes_on_beside(&disk, blobs.insert_async(&1, vec![1; LARGE])).await.unwrap();
            stall();
            assert!(goes_on_beside(&disk, blobs.remove_async(&1)).await.unwrap());
            stall();
            goes_on_beside(&disk, cache.flush_async()).await.unwrap();
            stall();
            let load = blobs.get_or_load_async(&2, || async { Ok::<_, ()>(vec![2; LARGE]) });
            assert_eq!(goes_on_beside(&disk, load).await.unwrap()[0], 2);
            stall();
            goes_on_beside(&disk, cache.close_async()).await.unwrap();
        });
    }
}

#[test]
fn removals_of_many_tasks_share_commits() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = place.builder().stalling_disk(&disk).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let runtime = Runtime::TokioOnThreads;
    runtime.block_on(async {
        for key in 0..2_000 {
            versions.insert(&key, key).unwrap();
        }
        cache.flush_async().await.unwrap();
        let before = cache.stats().disk.unwrap().commits;
        // Otherwise a quick disk could commit each removal before the next task runs.
        disk.stall();
        let removals: Vec<_> = (0..2_000)
            .map(|key| {
                let versions = versions.clone();
                runtime.spawn(async move { versions.remove_async(&key).await.unwrap() })
            })
            .collect();
        wait_until("every task has removed its key", || versions.stats().invalidations == 2_000);
        disk.resume();
        for removal in removals {
            assert!(removal.await);
        }
        let commits = cache.stats().disk.unwrap().commits - before;
        // There are at most 16 workers. If each waiting task held a worker, a commit could serve at most 16
        // tasks.
        assert!(commits < 125, "{commits} commits");
        cache.close_async().await.unwrap();
    });
}

#[test]
fn what_needs_no_wait_is_done_at_the_first_poll() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    assert!(HandPolled::new(versions.insert_async(&1, 1)).poll().is_ready(), "there is room");
    assert_eq!((versions.get(&1).as_deref(), versions.stats().inserts), (Some(&1), 1));
    let short = InsertOptions::new().ttl(Duration::from_secs(1));
    assert!(HandPolled::new(versions.insert_with_async(&2, 2, short)).poll().is_ready());
    place.clock.advance(Duration::from_secs(2));
    assert_eq!(versions.get(&2), None);
    let wrong = InsertOptions::new().ttl(Duration::ZERO);
    let refused = HandPolled::new(versions.insert_with_async(&1, 1, wrong)).finish();
    assert!(matches!(refused, Err(Error::InvalidSetting { .. })));
    cache.flush().unwrap();
    cache.close().unwrap();
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    // Without a file, no change waits for a commit, so every call is ready at its first poll.
    assert!(HandPolled::new(versions.insert_async(&1, 1)).poll().is_ready());
    assert!(HandPolled::new(versions.remove_async(&1)).poll().is_ready());
    assert!(HandPolled::new(versions.clear_async()).poll().is_ready());
    assert!(HandPolled::new(cache.flush_async()).poll().is_ready());
}
