use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::insert_options::{Durability, InsertOptions};
use crate::disk::file::cache_file::backoff::MAX_RETRY_DELAY;
use crate::disk::store::guard::StoreError;
use crate::engine::writer::command::Command;
use crate::memory::entry::{IncomingEntry, Refused};
use crate::memory::grace::Grace;
use crate::memory::weight::Weight;
use crate::stats::DiskState;
use crate::sys::clock::ManualClock;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::{DiskOperation, Failure};

const NAME: crate::api::keyspace::definition::KeyspaceDefinition<u64, u64> =
    crate::api::keyspace::definition::KeyspaceDefinition::new("name");

/// Opens a cache without a first sweep, whose operations a test would take for those of its own calls.
fn cache(disk: &SimulatedVolume) -> Cache {
    Cache::builder().path("/cache/shop.larder").volume(disk).stepped(1).open().unwrap()
}

#[test]
fn a_fault_of_an_older_handle_changes_nothing() {
    let disk = SimulatedVolume::new();
    let cache = cache(&disk);
    let names = cache.keyspace(NAME).unwrap();
    names.insert(&1, 1).unwrap();
    disk.fail_once(disk.operations().len() as u64, Failure::Io);
    // The removal closes the file and opens it again. After that, a fault of the first handle is ignored.
    assert!(names.remove(&1).unwrap());
    let tiers = cache.shared().tiers.clone();
    let old = StoreError::damage("of the first handle");
    assert!(tiers.writer.send(Command::ReportFault(1, old.clone())));
    cache.flush().unwrap();
    let stats = cache.stats().disk.unwrap();
    assert_eq!((stats.state, stats.faults, stats.discards), (DiskState::On, 1, 0));
    assert!(tiers.writer.send(Command::ReportFault(2, old)));
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
    assert!(kinds.contains(&DiskOperation::Remove), "the ballast was given up");
}

/// Stores a value that was prepared not to be committed.
fn store_unsaved(cache: &Cache, full: &[u8]) -> Result<u64, Refused> {
    let tiers = &cache.shared().tiers;
    let (value, expires_at) = (Arc::new(2_u64), tiers.time.now().after(Duration::from_hours(1)));
    let (value, grace, weight) = (Some(value as _), Grace::NONE, Weight::of(200));
    let entry = IncomingEntry { value, expires_at, grace, weight, unsaved: None, extras: None };
    tiers.memory.store(tiers.memory.key(full), entry, tiers.time.now())
}

/// Opens a cache, and commits the entry of key 1. Also returns the full key.
fn with_one(disk: &SimulatedVolume) -> (Cache, Keyspace<u64, u64>, Arc<ManualClock>, Vec<u8>) {
    let clock = Arc::new(ManualClock::new());
    let builder = Cache::builder().path("/cache/shop.larder").volume(disk).clock(clock.clone());
    let cache = builder.stepped(1).open().unwrap();
    let names = cache.keyspace(NAME).unwrap();
    names.insert(&1, 1).unwrap();
    cache.flush().unwrap();
    let full = cache.shared().tiers.memory.keys(&[]).remove(0).to_vec();
    (cache, names, clock, full)
}

/// Makes a removal discard the file. Afterwards the disk works, and the next step makes a new file.
fn discard(disk: &SimulatedVolume, cache: &Cache, names: &Keyspace<u64, u64>, clock: &ManualClock) {
    disk.fail_every(&[DiskOperation::Write, DiskOperation::SetLen, DiskOperation::Sync], Failure::Io);
    drop(names.remove(&1));
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::Discarded);
    disk.heal();
    clock.advance(MAX_RETRY_DELAY);
}

#[test]
fn a_fresh_file_takes_no_value_that_was_made_not_to_be_saved() {
    let disk = SimulatedVolume::new();
    let (cache, names, clock, full) = with_one(&disk);
    assert_eq!(store_unsaved(&cache, &full), Err(Refused::Unsaved), "there is a file");
    discard(&disk, &cache, &names, &clock);
    assert!(store_unsaved(&cache, &full).is_ok(), "there is none");
    drop(cache.flush());
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::On);
    // If this value were stored, the file's value would be back after the new value was evicted.
    assert_eq!(store_unsaved(&cache, &full), Err(Refused::Unsaved), "there is one again");
}

const IMMEDIATE: InsertOptions = InsertOptions::new().durability(Durability::Immediate);

#[test]
fn a_refused_write_makes_no_durable_value_count_as_lost() {
    let disk = SimulatedVolume::new();
    let (cache, names, _clock, full) = with_one(&disk);
    assert_eq!(store_unsaved(&cache, &full), Err(Refused::Unsaved), "there is a file");
    disk.unlink("/cache/shop.larder");
    // The step finds no file, makes a new one, and commits the value to it.
    names.insert_with(&2, 2, IMMEDIATE).unwrap();
    assert_eq!(cache.stats().disk.unwrap().discards, 1);
}

#[test]
fn a_durable_value_that_is_stored_while_a_new_file_comes_into_service_does_not_count_as_lost() {
    let disk = SimulatedVolume::new();
    let (cache, names, clock, full) = with_one(&disk);
    discard(&disk, &cache, &names, &clock);
    assert!(store_unsaved(&cache, &full).is_ok(), "there is no file");
    // The writer does this before the shards begin to save. The caller prepares its value in between.
    cache.shared().tiers.memory.buffer().open();
    cache.shared().tiers.disk.change_state(DiskState::On);
    names.insert_with(&2, 2, IMMEDIATE).unwrap();
    assert!(cache.flush().is_err(), "the other value is in memory only");
    cache.flush().unwrap();
}

#[test]
fn stamps_of_uses_are_never_committed_with_the_deletions_of_a_full_disk() {
    let (disk, clock) = (SimulatedVolume::new(), std::sync::Arc::new(ManualClock::new()));
    let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone());
    // Without `stepped`, an event wakes the sweeper after the clock was advanced, and it commits the stamps.
    let cache = builder.stepped(1).open().unwrap();
    let names = NAME.ttl(Duration::from_hours(1)).time_to_idle(Duration::from_mins(8));
    let names = cache.keyspace(names).unwrap();
    for key in 0..50 {
        names.insert(&key, key).unwrap();
    }
    cache.flush().unwrap();
    clock.advance(Duration::from_mins(5));
    assert!(names.get(&5).is_some());
    let stamps = &cache.shared().tiers.memory.use_stamps;
    disk.fail_once(disk.operations().len() as u64, Failure::Full);
    assert!(names.remove(&1).unwrap());
    assert!(!stamps.is_empty(), "they wait for a commit that a removal does not need");
    cache.flush().unwrap();
    assert!(stamps.is_empty());
    assert_eq!(cache.stats().disk.unwrap().discards, 0);
}

#[test]
fn a_filter_of_an_earlier_file_is_built_once_lookups_have_missed_often() {
    let disk = SimulatedVolume::new();
    let earlier = cache(&disk);
    earlier.keyspace(NAME).unwrap().insert_many((0..3_000).map(|key| (key, key))).unwrap();
    earlier.close().unwrap();
    let cache = cache(&disk);
    let names = cache.keyspace(NAME).unwrap();
    assert!((10_000..11_000).all(|key| names.get(&key).is_none()));
    let reads = || cache.stats().disk.map(|disk| (disk.unfound, disk.filtered)).unwrap();
    assert_eq!(reads(), (1_000, 0));
    // The first step plans the filter. The writer builds all of it before it waits for a command.
    names.insert(&3_000, 3_000).unwrap();
    cache.flush().unwrap();
    names.insert(&3_001, 3_001).unwrap();
    let is_built = || {
        std::thread::yield_now();
        !cache.shared().tiers.disk.absent_keys.is_building()
    };
    assert!((0..50_000_000).any(|_| is_built()), "the build does not end");
    cache.flush().unwrap();
    assert!((0..3_002).all(|key| names.peek(&key).as_deref() == Some(&key)));
    assert!((20_000..21_000).all(|key| names.get(&key).is_none()));
    let (unfound, filtered) = reads();
    assert!(unfound < 1_050 && filtered > 950, "{unfound} {filtered}");
}
