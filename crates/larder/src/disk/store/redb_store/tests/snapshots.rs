//! Tests of the eviction epochs of installed snapshots.

use super::*;
use crate::disk::store::snapshot::SnapshotCell;
use crate::sys::sync::Ordering;

#[test]
fn a_snapshot_has_a_new_eviction_epoch_at_once_if_its_commit_has_evicted_entries() {
    let store = store(u64::MAX);
    let snapshot = |generation| store.snapshot(generation).unwrap();
    let cell = SnapshotCell::new(Some(snapshot(1)));
    let epoch = || cell.current().as_ref().map(|snapshot| snapshot.eviction_epoch());
    let mut last = epoch();
    let mut is_new = |what: &str, is_wanted: bool| {
        let now = epoch();
        assert_eq!(std::mem::replace(&mut last, now) != now, is_wanted, "{what}");
    };
    cell.install_commit(snapshot(1), 0);
    is_new("a commit without evictions", false);
    cell.install_commit(snapshot(1), 1);
    is_new("a commit that has evicted an entry", true);
    cell.install_commit(snapshot(1), 0);
    is_new("the next commit", false);
    cell.install(Some(snapshot(2)));
    is_new("the file was opened again", true);
    cell.install(None);
    is_new("there is no snapshot", true);
    cell.install(Some(snapshot(2)));
    is_new("the snapshot is of a fresh file", true);
}

/// If the evictions were counted after the snapshot is installed, its epoch would lack them. A caller that
/// has read an earlier snapshot may store nothing from the moment when they are counted.
#[test]
fn evictions_are_counted_before_the_snapshot_that_lacks_the_entries_is_installed() {
    let store = store(u64::MAX);
    let snapshot = || store.snapshot(1).unwrap();
    let cell = SnapshotCell::new(Some(snapshot()));
    let epoch = || cell.current().as_ref().unwrap().eviction_epoch();
    let first = epoch();
    assert!(cell.is_in(first));
    cell.install_commit(snapshot(), 1);
    assert!(cell.is_in(epoch()) && !cell.is_in(first));
    // This is the state between the two steps.
    cell.evictions().fetch_add(1, Ordering::SeqCst);
    assert!(!cell.is_in(epoch()), "the next snapshot is about to be installed");
    cell.install(None);
    assert!(!cell.is_in(first), "there is no snapshot");
}
