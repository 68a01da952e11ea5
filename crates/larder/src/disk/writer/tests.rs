use std::time::Duration;

use super::*;
use crate::cache::Cache;
use crate::disk::fault::FaultKind;
use crate::stats::DiskState;
use crate::testing::{Failure, Operation, SimulatedVolume};

const NAME: crate::KeyspaceDefinition<u64, u64> = crate::KeyspaceDefinition::new("name");

fn cache(disk: &SimulatedVolume) -> Cache {
    let builder = Cache::builder().path("/cache/shop.larder").volume(disk);
    builder.flush_interval(Duration::from_hours(1)).open().unwrap()
}

#[test]
fn a_fault_of_an_older_handle_changes_nothing() {
    let disk = SimulatedVolume::new();
    let cache = cache(&disk);
    let names = cache.keyspace(NAME).unwrap();
    names.insert(&1, 1).unwrap();
    disk.fail_once(disk.operations().len() as u64, Failure::Io);
    // The removal closes the file and opens it again: what is reported of the first handle is history.
    assert!(names.remove(&1).unwrap());
    let tiers = cache.inner().tiers.clone();
    let old = Fault { kind: FaultKind::Damage, cause: "of the first handle".to_owned() };
    assert!(tiers.send(Command::Fault(1, old.clone())));
    cache.flush().unwrap();
    let stats = cache.stats().disk.unwrap();
    assert_eq!((stats.state, stats.faults, stats.discards), (DiskState::On, 1, 0));
    assert!(tiers.send(Command::Fault(2, old)));
    cache.flush().unwrap();
    assert_eq!(cache.stats().disk.unwrap().discards, 1, "one of the handle that is open is not");
}

#[test]
fn deletions_are_committed_before_anything_else_on_a_disk_that_was_full() {
    let disk = SimulatedVolume::new();
    let cache = cache(&disk);
    let names = cache.keyspace(NAME).unwrap();
    for key in 0..50 {
        names.insert(&key, key).unwrap();
    }
    cache.flush().unwrap();
    let committed = cache.stats().disk.unwrap().commits;
    disk.fail_once(disk.operations().len() as u64, Failure::Full);
    names.insert(&99, 99).unwrap();
    assert!(names.remove(&1).unwrap());
    assert_eq!(cache.stats().disk.unwrap().commits, committed + 2, "one for the removal, one for the rest");
    let kinds = disk.operations();
    assert!(kinds.contains(&Operation::Remove), "the ballast was given up");
}
