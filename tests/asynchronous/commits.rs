//! Tests of tasks that wait for a commit. Such tasks hold no worker, and every acknowledged change survives a
//! crash.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::thread;

use larder::testing::StallingDisk;
use larder::{Cache, Change, Durability, InsertOptions, Keyspace, Timestamp};

use crate::support::simulated::wait_until;
use crate::support::tasks::{HandPolled, Runtime};
use crate::support::{HOUR, Place, VERSIONS, watch_this_test};

const IMMEDIATE: InsertOptions = InsertOptions::new().durability(Durability::Immediate);

type Waiting<'a> = HandPolled<Pin<Box<dyn Future<Output = ()> + 'a>>>;

/// Number of groups of changes. It exceeds the number of workers of a process.
const MANY: u64 = 40;

fn waiting<'a>(future: impl Future<Output = ()> + 'a) -> Waiting<'a> {
    HandPolled::new(Box::pin(future))
}

/// Returns four changes that are not polled yet: a durable insert, a durable insert of a group, a durable
/// atomic change, and an atomic change that removes.
fn begin(versions: &Keyspace<u64, u64>, key: u64) -> [Waiting<'_>; 4] {
    let base = key * 10;
    let change = |_: Option<&u64>, _| Change::insert(2);
    [
        waiting(async move { versions.insert_with_async(&(base + 1), 2, IMMEDIATE).await.unwrap() }),
        waiting(async move {
            versions.insert_many_with_async([(base + 2, 2), (base + 3, 2)], IMMEDIATE).await.unwrap();
        }),
        waiting(async move {
            let changed = versions.modify_with_async(&(base + 4), Durability::Immediate, change).await;
            assert_eq!(changed.unwrap().new_value(), Some(&2));
        }),
        waiting(async move {
            let removed = versions.modify_async(&(base + 5), |_, _| Change::Remove).await;
            assert_eq!(removed.unwrap().old(), Some(&1));
        }),
    ]
}

#[test]
fn waits_for_a_commit_hold_no_worker() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let open = || place.builder().stalling_disk(&disk).open().unwrap();
    let cache = open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let removed = || (0..MANY).map(|key| key * 10 + 5);
    versions.insert_many(removed().map(|key| (key, 1))).unwrap();
    versions.insert(&9_999, 9).unwrap();
    cache.close().unwrap();
    drop((versions, cache));
    let cache = open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    assert!(removed().all(|key| versions.get(&key).is_some()), "they are in memory");
    disk.stall();
    versions.insert(&0, 0).unwrap();
    let flush = thread::spawn({
        let cache = cache.clone();
        move || cache.flush().unwrap()
    });
    disk.await_sync();
    let mut waits: Vec<_> = (0..MANY).flat_map(|key| begin(&versions, key)).collect();
    assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
    let is_made = |key: u64| {
        let base = key * 10;
        (1..=4).all(|key| versions.get(&(base + key)).is_some()) && versions.get(&(base + 5)).is_none()
    };
    // All changes are visible in memory and wait for their commit. A lookup on disk proves that a worker is
    // free.
    crate::support::simulated::wait_until("the changes", || (0..MANY).all(is_made));
    let mut lookup = HandPolled::new(versions.get_async(&9_999));
    assert_eq!(lookup.finish().as_deref(), Some(&9));
    assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()), "the disk is stalled");
    disk.resume();
    waits.iter_mut().for_each(HandPolled::finish);
    flush.join().unwrap();
    // The copy of the file has the content that a crash would leave.
    let crashed = Place::new();
    std::fs::copy(place.path(), crashed.path()).unwrap();
    let copy = Cache::builder().path(crashed.path()).clock(place.clock.clone()).open().unwrap();
    assert_eq!(copy.keyspace(VERSIONS).unwrap().count(), 4 * MANY + 2);
    cache.close().unwrap();
}

#[test]
fn a_durable_change_that_is_dropped_is_made_before_a_close() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = place.builder().stalling_disk(&disk).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&5, 1).unwrap();
    cache.flush().unwrap();
    disk.stall();
    let mut waits = begin(&versions, 0);
    assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
    waits.iter_mut().for_each(HandPolled::leave);
    drop(waits);
    let closing = thread::spawn({
        let cache = cache.clone();
        move || cache.close().unwrap()
    });
    disk.await_sync();
    disk.resume();
    closing.join().unwrap();
    drop((versions, cache));
    let cache = place.open();
    let mut keys: Vec<_> = cache.keyspace(VERSIONS).unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, [1, 2, 3, 4]);
}

#[test]
fn a_durable_insert_without_a_commit_and_one_of_the_past_end() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        let mut insert = HandPolled::new(versions.insert_with_async(&1, 1, IMMEDIATE));
        let first = insert.poll();
        if place.is_none() {
            assert!(matches!(first, Poll::Ready(Ok(()))), "there is no commit to wait for");
        } else if first.is_pending() {
            insert.finish().unwrap();
        }
        assert_eq!((versions.get(&1).as_deref(), versions.stats().inserts), (Some(&1), 1));
        // An insert that is already expired acts as a removal, and removals are durable.
        let past = IMMEDIATE.ttl(Timestamp::from_millis(1));
        HandPolled::new(versions.insert_with_async(&1, 2, past)).finish().unwrap();
        assert_eq!((versions.get(&1), versions.stats().inserts), (None, 1));
        cache.close().unwrap();
        let closed = HandPolled::new(versions.insert_with_async(&1, 1, IMMEDIATE)).finish();
        assert!(matches!(closed, Err(larder::Error::Closed)));
    }
}

#[test]
fn durable_inserts_of_many_tasks_share_commits() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = place.builder().flush_interval(HOUR).stalling_disk(&disk).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let runtime = Runtime::TokioOnThreads;
    runtime.block_on(async {
        let before = cache.stats().disk.unwrap().commits;
        // Otherwise a quick disk could commit each insert before the next task runs.
        disk.stall();
        let inserts: Vec<_> = (0..2_000)
            .map(|key| {
                let versions = versions.clone();
                runtime.spawn(async move { versions.insert_with_async(&key, key, IMMEDIATE).await.unwrap() })
            })
            .collect();
        wait_until("every task has inserted its value", || versions.stats().inserts == 2_000);
        disk.resume();
        for insert in inserts {
            insert.await;
        }
        let commits = cache.stats().disk.unwrap().commits - before;
        // There are at most 16 workers. If each waiting task held a worker, a commit could serve at most 16
        // tasks.
        assert!(commits < 125, "{commits} commits");
        cache.close_async().await.unwrap();
    });
}
