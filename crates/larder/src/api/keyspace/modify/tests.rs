//! Tests of changes during a range removal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::format::key::scope::Scope;
use crate::sys::clock::Deadline;

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
    memory.raise_barriers(&all);
    let calls_before = thread::scope(|scope| {
        scope.spawn(|| stock.modify("MTN100", add).unwrap());
        scope.spawn(|| stock.modify("missing", add).unwrap());
        scope.spawn(|| stock.increment("MTN100", 1).unwrap());
        let limit = Deadline::after(Duration::from_secs(10));
        while memory.changes_behind_barriers() < 3 && !limit.is_over() {
            thread::yield_now();
        }
        let seen = (memory.changes_behind_barriers(), calls.load(Ordering::SeqCst));
        memory.lower_barriers(&all);
        seen
    });
    assert_eq!(calls_before, (3, 0), "waiting changes, and calls of their closures");
    assert!(calls.load(Ordering::SeqCst) >= 2);
    assert_eq!((stock.get("MTN100").as_deref(), stock.get("missing").as_deref()), (Some(&9), Some(&1)));
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
