//! Tests of changes during a range removal, and of changes in full memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::transaction::watch::Watch;
use crate::format::key::scope::Scope;
use crate::sys::clock::Deadline;
use crate::units::ByteSize;

const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");

#[test]
fn a_change_during_a_range_removal_waits_for_it_and_calls_no_closure_meanwhile() {
    let cache = Cache::builder().open().unwrap();
    let (stock, calls) = (cache.keyspace(STOCK).unwrap(), AtomicU64::new(0));
    stock.insert("MTN100", 7).unwrap();
    let (memory, all) = (&cache.shared().tiers.memory, Scope::prefix([]));
    let add = |old: Option<&u64>, _| {
        calls.fetch_add(1, Ordering::SeqCst);
        Change::insert(old.copied().unwrap_or(0) + 1)
    };
    // One transaction reads its key, and the other one first requires a watch of it.
    let watch = stock.watch("watched").unwrap();
    let transact = |key: &str, watch: Option<&Watch>| {
        let add = cache.transaction(|tx| {
            watch.map_or(Ok(()), |watch| tx.require(watch))?;
            let old = tx.get(&stock, key)?;
            calls.fetch_add(1, Ordering::SeqCst);
            tx.insert(&stock, key, old.map_or(0, |old| *old) + 1)
        });
        add.unwrap();
    };
    memory.raise_barriers(&all);
    let calls_before = thread::scope(|scope| {
        scope.spawn(|| stock.modify("MTN100", add).unwrap());
        scope.spawn(|| stock.modify("missing", add).unwrap());
        scope.spawn(|| stock.increment("MTN100", 1).unwrap());
        scope.spawn(|| transact("read", None));
        scope.spawn(|| transact("watched", Some(&watch)));
        let limit = Deadline::after(Duration::from_mins(1));
        while memory.changes_behind_barriers() < 5 && !limit.is_over() {
            thread::yield_now();
        }
        let seen = (memory.changes_behind_barriers(), calls.load(Ordering::SeqCst));
        memory.lower_barriers(&all);
        seen
    });
    assert_eq!(calls_before, (5, 0), "waiting changes, and calls of their closures");
    assert!(calls.load(Ordering::SeqCst) >= 4);
    assert_eq!((stock.get("MTN100").as_deref(), stock.get("missing").as_deref()), (Some(&9), Some(&1)));
    assert_eq!((stock.get("read").as_deref(), stock.get("watched").as_deref()), (Some(&1), Some(&1)));
}

#[cfg(feature = "async")]
#[test]
fn a_change_at_once_does_not_wait_for_a_range_removal() {
    let cache = Cache::builder().open().unwrap();
    let stock = cache.keyspace(STOCK).unwrap();
    stock.insert("MTN100", 7).unwrap();
    let full = stock.encode("MTN100").unwrap();
    let (memory, all) = (&cache.shared().tiers.memory, Scope::prefix([]));
    memory.raise_barriers(&all);
    let mut wait = ChangeCommit::OnThread;
    let mut add =
        |_: Option<&Arc<u64>>, _: CurrentLife| -> Change<u64> { panic!("the change would be refused") };
    let changed = stock.change_at_once(full.as_slice(), Durability::Buffered, &mut wait, &mut add);
    assert!(changed.unwrap().is_none());
    memory.lower_barriers(&all);
}

/// Room for the whole new value beside the old one would evict the old value. Then the closure would get no
/// value, and the change would lose all but its own byte.
#[test]
fn a_value_that_grows_in_memory_keeps_what_it_had() {
    const BYTES: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("bytes");
    let cache = Cache::builder().memory_capacity(ByteSize::mib(1)).shards(1).open().unwrap();
    let bytes = cache.keyspace(BYTES).unwrap();
    bytes.insert(&1, vec![1; 600_000]).unwrap();
    let grow = |by: usize| {
        let grown = bytes.modify(&1, |value, _| {
            let mut value = value.expect("the value is not evicted").clone();
            value.resize(value.len() + by, 1);
            Change::insert(value)
        });
        grown.unwrap();
        bytes.get(&1).map(|value| value.len())
    };
    assert_eq!(grow(1), Some(600_001));
    bytes.insert(&2, vec![2; 400_000]).unwrap();
    assert_eq!(grow(99_999), Some(700_000));
    assert_eq!(bytes.get(&2), None, "it has made room");
}
