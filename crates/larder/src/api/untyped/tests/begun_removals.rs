//! Tests of removals that are begun by their caller, whose commit is waited for later.

use std::pin::pin;
use std::task::{Context, Waker};

use pollster::block_on;
use serde::{Deserialize, Serialize};

use super::*;
use crate::testing::StallingDisk;

#[test]
fn a_removal_that_is_begun_is_visible_at_once_and_durable_after_its_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let disk = StallingDisk::new();
    let cache = Cache::builder().path(&path).stalling_disk(&disk).open().unwrap();
    let prices = cache.keyspace(PRICE).unwrap();
    prices.insert_many([("MTN", 7), ("GLO", 8), ("AIRTEL", 9)]).unwrap();
    cache.flush().unwrap();
    let untyped = pinned(&cache, "price");
    disk.stall();
    let commit = untyped.begin_remove(&text("MTN")).unwrap();
    assert_eq!((commit.removed(), untyped.get(&text("MTN")).unwrap(), prices.get("MTN")), (1, None, None));
    // The commit is being made, although its caller does not wait for it yet.
    disk.await_sync();
    let unwaited = untyped.begin_remove(&text("GLO")).unwrap();
    let mut wait = pin!(commit.wait());
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    disk.resume();
    assert_eq!(block_on(wait).unwrap(), 1);
    drop(unwaited);
    let missing = untyped.begin_remove(&text("MTN")).unwrap();
    assert_eq!((missing.removed(), block_on(missing.wait()).unwrap()), (0, 0));
    cache.close().unwrap();
    assert!(matches!(untyped.begin_remove(&text("AIRTEL")), Err(Error::Closed)));
    let reopened = Cache::builder().path(&path).open().unwrap();
    let left = pinned(&reopened, "price").keys_after(None).unwrap().collect::<Vec<_>>();
    assert_eq!(left, [text("AIRTEL")]);
}

#[test]
fn a_removal_that_is_begun_finds_an_entry_that_is_on_disk_only() {
    let disk = SimulatedVolume::new();
    let open = || Cache::builder().path("/cache/shop.larder").volume(&disk).open().unwrap();
    let cache = open();
    cache.keyspace(PRICE).unwrap().insert("MTN", 7).unwrap();
    cache.close().unwrap();
    // The application has not opened the keyspace.
    let cache = open();
    let commit = pinned(&cache, "price").begin_remove(&text("MTN")).unwrap();
    assert_eq!((commit.removed(), pinned(&cache, "price").get(&text("MTN")).unwrap()), (1, None));
    assert_eq!(block_on(commit.wait()).unwrap(), 1);
    assert!(
        Cache::builder()
            .path("/cache/shop.larder")
            .volume(&disk.copy())
            .open()
            .is_ok_and(|copy| { pinned(&copy, "price").keys_after(None).unwrap().next().is_none() })
    );
}

/// A value whose `Drop` closes the cache.
#[derive(Serialize, Deserialize)]
struct Closes {
    #[serde(skip)]
    cache: Option<Cache>,
}

impl Drop for Closes {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.take() {
            cache.close().unwrap();
        }
    }
}

/// The removal drops the value. If it were a pending change, the close would wait for its own thread.
#[test]
fn a_value_may_close_the_cache_that_begins_its_removal() {
    const CLOSING: KeyspaceDefinition<u64, Closes> = KeyspaceDefinition::new("closing").never_expires();
    let cache = Cache::builder().path("/cache/shop.larder").volume(&SimulatedVolume::new()).open().unwrap();
    let closing = cache.keyspace(CLOSING).unwrap();
    closing.insert(&1, Closes { cache: Some(cache.clone()) }).unwrap();
    let untyped = pinned(&cache, "closing");
    let (begun, is_begun) = std::sync::mpsc::channel();
    std::thread::spawn(move || begun.send(untyped.begin_remove(&1_u64.to_be_bytes()).map(drop)));
    let begun = is_begun.recv_timeout(Duration::from_secs(20)).expect("the close waits for its own removal");
    begun.unwrap();
    assert!(matches!(cache.keyspace(PRICE), Err(Error::Closed)));
}
