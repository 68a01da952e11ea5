//! Tests of the states of the disk tier, and of the transitions between them. `docs/design.md` has the
//! diagram.

use std::time::Duration;

use larder::testing::{DiskOperation, Failure};
use larder::{
    ByteSize, DiskState, Durability, Error, Event, INITIAL_RETRY_DELAY, InsertOptions, KeyspaceDefinition,
    MAX_RETRY_DELAY,
};

use crate::support::simulated::{
    PATH, SimulatedPlace, WRITES, discarded, disk_of, filled, open_swept, recover, state_of,
    suspend_on_full_disk, suspended, value, wait_until,
};
use crate::support::{BLOBS, NAMES, VERSIONS};

#[test]
fn a_flush_tells_of_what_was_waiting_when_the_file_was_discarded() {
    let place = SimulatedPlace::new();
    let (cache, names) = discarded(&place);
    place.disk.heal();
    place.clock.advance(MAX_RETRY_DELAY);
    // The step for this removal makes the new file, before any flush.
    assert!(names.remove("old").is_ok());
    assert_eq!(state_of(&cache), DiskState::On);
    assert_eq!(value(&names, "new").as_deref(), Some("new 1"), "in memory alone");
    assert!(matches!(cache.flush(), Err(Error::NotDurable { .. })), "a restart would not find it");
    cache.flush().unwrap();
}

#[test]
fn a_failed_commit_suspends_the_disk_and_memory_keeps_serving() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    assert_eq!(value(&names, "new").as_deref(), Some("new 1"));
    assert_eq!(value(&names, "kept"), None, "the entry is on disk only, and the disk is off");
    names.insert("kept", "kept 2".to_owned()).unwrap();
    assert_eq!(value(&names, "kept").as_deref(), Some("kept 2"));
    let loaded = names.get_or_load("loaded", || Ok::<_, Error>("loaded".to_owned())).unwrap();
    assert!(*loaded == "loaded" && names.contains_key("loaded"));
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    assert!(matches!(names.insert_with("now", String::new(), immediate), Err(Error::NotDurable { .. })));
    let disk = disk_of(&cache);
    assert!(disk.off.unwrap().contains("simulated device failed"));
    assert_eq!((disk.suspensions, disk.discards, disk.recoveries), (1, 0, 0));
    assert!(matches!(place.wait_for_events(1)[..], [Event::DiskSuspended { .. }]));
    assert!(cache.sweep().is_ok() && names.touch("new").unwrap());
    assert!(cache.close().is_err(), "the inserted entry is not on disk");
}

#[test]
fn a_suspended_disk_comes_back_with_its_entries_and_takes_what_was_written_meanwhile() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    names.insert("old", "old 2".to_owned()).unwrap();
    place.disk.heal();
    assert_eq!(state_of(&cache), DiskState::Suspended, "not before its time");
    place.clock.advance(INITIAL_RETRY_DELAY);
    wait_until("the file is tried again without a call", || state_of(&cache) == DiskState::On);
    assert_eq!(value(&names, "kept").as_deref(), Some("kept 1"), "the disk is asked again");
    let disk = disk_of(&cache);
    assert!(disk.off.is_none());
    assert_eq!((disk.suspensions, disk.discards, disk.recoveries), (1, 0, 1));
    let told = place.wait_for_events(2);
    assert!(matches!(told[1], Event::DiskRecovered { kept_entries: true }), "{told:?}");
    // A restart after a crash finds every entry, and no overwritten value.
    let crashed = place.moved_to(place.disk.copy());
    let reopened = crashed.open().keyspace(NAMES).unwrap();
    let found = ["kept", "old", "new"].map(|key| value(&reopened, key).unwrap());
    assert_eq!(found, ["kept 1", "old 2", "new 1"]);
}

#[test]
fn each_retry_that_fails_doubles_the_wait() {
    let place = SimulatedPlace::new();
    let (cache, _names) = suspended(&place);
    place.disk.fail_from(0, Failure::Io);
    let mut wait = INITIAL_RETRY_DELAY;
    for _ in 0..12 {
        let before = disk_of(&cache);
        place.clock.advance(wait.saturating_sub(Duration::from_millis(1)));
        assert!(cache.flush().is_err());
        let tried = place.disk.failed();
        place.clock.advance(Duration::from_millis(1));
        assert!(cache.flush().is_err());
        assert!(place.disk.failed() > tried, "after {wait:?} it is tried again");
        assert_eq!(disk_of(&cache).faults, before.faults, "a retry that fails is no new fault");
        wait = (wait * 2).min(MAX_RETRY_DELAY);
    }
    assert_eq!(wait, MAX_RETRY_DELAY);
}

#[test]
fn a_passing_failure_costs_an_invalidation_nothing() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    place.disk.fail_once(0, Failure::Io);
    assert!(names.remove("old").unwrap());
    assert_eq!(place.disk.failed(), 1);
    let disk = disk_of(&cache);
    assert_eq!((disk.state, disk.faults, disk.suspensions, disk.discards), (DiskState::On, 1, 0, 0));
    assert_eq!(value(&names, "kept").as_deref(), Some("kept 1"));
    let crashed = place.moved_to(place.disk.copy()).open().keyspace(NAMES).unwrap();
    assert_eq!((value(&crashed, "old"), value(&crashed, "kept").is_some()), (None, true));
}

#[test]
fn an_invalidation_that_cannot_be_committed_discards_the_file_and_holds() {
    let place = SimulatedPlace::new();
    let (cache, names) = discarded(&place);
    assert!(!place.disk.files().contains(&PATH.into()), "{:?}", place.disk.files());
    let told = place.wait_for_events(1);
    assert!(matches!(told[0], Event::DiskDiscarded { .. }), "{told:?}");
    // Memory continues to serve its entries. The other entries were only in the discarded file.
    assert_eq!(value(&names, "new").as_deref(), Some("new 1"));
    assert_eq!((value(&names, "kept"), value(&names, "old")), (None, None));
    names.insert("old", "old 2".to_owned()).unwrap();
    assert!(names.remove("old").unwrap());
    assert_eq!(names.clear().unwrap(), 1);
    assert!(matches!(cache.flush(), Err(Error::NotDurable { .. })));
    names.insert("old", "old 3".to_owned()).unwrap();
    // When the disk works again, the cache makes a new file, and stores later writes in it.
    place.disk.heal();
    place.clock.advance(MAX_RETRY_DELAY);
    let told = cache.flush().unwrap_err().to_string();
    assert!(told.contains("lives in memory alone"), "{told}");
    cache.flush().unwrap();
    assert_eq!(state_of(&cache), DiskState::On);
    assert_eq!(value(&names, "old").as_deref(), Some("old 3"));
    names.insert("late", "late 1".to_owned()).unwrap();
    cache.close().unwrap();
    assert!(matches!(place.wait_for_events(1)[..], [Event::DiskRecovered { kept_entries: false }]));
    let reopened = place.open().keyspace(NAMES).unwrap();
    let found = ["kept", "old", "new", "late"].map(|key| value(&reopened, key));
    assert_eq!(
        found,
        [None, None, None, Some("late 1".to_owned())],
        "an entry that was in memory only is gone"
    );
}

#[test]
fn a_file_that_cannot_be_put_aside_refuses_invalidations_until_it_can() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    assert!(matches!(names.remove("kept"), Err(Error::NotDurable { .. })));
    assert_eq!((state_of(&cache), value(&names, "kept")), (DiskState::Discarded, None));
    assert!(matches!(cache.clear(), Err(Error::NotDurable { .. })));
    assert!(place.disk.files().contains(&PATH.into()));
    names.insert("new", "new 2".to_owned()).unwrap();
    place.disk.fail_every(&WRITES, Failure::Io);
    assert!(cache.clear().is_ok(), "renaming works again, and that is enough");
    assert!(!place.disk.files().contains(&PATH.into()));
    recover(&place, &cache);
    assert_eq!(place.moved_to(place.disk.copy()).open().keyspace(NAMES).unwrap().count(), 0);
}

#[test]
fn a_rename_whose_sync_failed_is_no_promise() {
    let place = SimulatedPlace::new();
    let (_cache, names) = suspended(&place);
    place.disk.heal();
    place.disk.fail_every(
        &[DiskOperation::SyncDirectory, DiskOperation::Write, DiskOperation::Sync, DiskOperation::SetLen],
        Failure::Io,
    );
    assert!(names.remove("kept").is_err(), "a power loss might bring the name back");
    place.disk.fail_every(&WRITES, Failure::Io);
    assert!(!names.remove("kept").unwrap(), "only the sync was left to do");
    let lost = place.disk.after_power_loss(place.disk.changes(), larder::testing::Loss::Everything, 0);
    assert!(!lost.files().contains(&PATH.into()), "{:?}", lost.files());
}

#[test]
fn a_full_write_buffer_does_not_hold_writers_up_for_ever() {
    let place = SimulatedPlace::new();
    let builder = place.builder().write_buffer(ByteSize::kib(64)).memory_capacity(ByteSize::mib(4));
    let cache = open_swept(builder);
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(&0, vec![1; 1_000]).unwrap();
    cache.flush().unwrap();
    place.disk.fail_every(&WRITES, Failure::Io);
    for key in 0..200 {
        blobs.insert(&key, vec![2; 1_000]).unwrap();
    }
    // The writer releases the waiting inserts first, and publishes the new state afterwards.
    wait_until("the file is discarded", || state_of(&cache) == DiskState::Discarded);
    assert_eq!(blobs.count(), 200, "they live in memory");
    recover(&place, &cache);
    for key in 0..200 {
        blobs.insert(&key, vec![3; 1_000]).unwrap();
    }
    cache.close().unwrap();
    let reopened = place.open().keyspace(BLOBS).unwrap();
    assert!((0..200).all(|key| reopened.get(&key).is_some_and(|blob| blob[0] == 3)));
}

#[test]
fn damage_found_at_run_time_is_quarantined_and_costs_no_more_than_misses() {
    let place = SimulatedPlace::new();
    // The entries exceed the store's page cache, and there is no early flush. Dirty entries at the moment of
    // the damage are saved, but entries that were committed to the damaged file are not.
    let small = || place.builder().page_cache(ByteSize::kib(64)).memory_capacity(ByteSize::kib(64));
    let open = || small().flush_interval(Duration::from_hours(1)).open().unwrap();
    let cache = open();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..1_000 {
        blobs.insert(&key, vec![1; 1_000]).unwrap();
    }
    cache.close().unwrap();
    let cache = open();
    let (names, blobs) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(BLOBS).unwrap());
    let len = place.disk.read(PATH).unwrap().len();
    place.disk.write(PATH, &vec![0xA5; len]);
    // This entry is inserted after the damage. If the entry were inserted before, the writer's step for the
    // first sweep could commit it to the intact file.
    names.insert("dirty", "dirty 1".to_owned()).unwrap();
    for key in 0..1_000 {
        assert!(blobs.get(&key).is_none_or(|blob| *blob == [1; 1_000]));
    }
    wait_until("the file is replaced", || disk_of(&cache).discards == 1);
    let disk = disk_of(&cache);
    assert_eq!((disk.state, disk.recoveries), (DiskState::On, 1));
    assert!(place.disk.files().contains(&disk.quarantined.unwrap()), "kept for inspection");
    let told = place.wait_for_events(2);
    assert!(matches!(&told[0], Event::DiskQuarantined { moved_to: Some(_), .. }), "{told:?}");
    assert!(matches!(&told[1], Event::DiskRecovered { kept_entries: false }), "{told:?}");
    cache.flush().unwrap();
    let reopened = place.moved_to(place.disk.copy()).open().keyspace(NAMES).unwrap();
    assert_eq!(value(&reopened, "dirty").as_deref(), Some("dirty 1"));
}

#[test]
fn a_suspended_file_that_is_damaged_when_it_opens_again_is_quarantined() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    place.disk.heal();
    let mut bytes = place.disk.read(PATH).unwrap();
    bytes[4096..].fill(0xA5);
    place.disk.write(PATH, &bytes);
    place.clock.advance(INITIAL_RETRY_DELAY);
    cache.flush().unwrap();
    let disk = disk_of(&cache);
    assert_eq!((disk.state, disk.discards), (DiskState::On, 1));
    assert!(disk.quarantined.is_some());
    assert_eq!(value(&names, "new").as_deref(), Some("new 1"), "a write during the outage is not lost");
    assert_eq!(value(&names, "kept"), None);
}

#[test]
fn pages_and_records_are_checked_on_demand() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    let found = cache.verify().unwrap();
    assert_eq!((found.damage, found.records, found.damaged_records), (None, 2, 0));
    let mut bytes = place.disk.read(PATH).unwrap();
    let at = bytes.windows(5).position(|window| window == b"old 1").unwrap();
    bytes[at] ^= 1;
    place.disk.write(PATH, &bytes);
    assert!(cache.verify().unwrap().damage.is_some());
    assert!(disk_of(&cache).quarantined.is_some());
    assert_eq!(value(&names, "old"), None);
    place.disk.fail_from(0, Failure::Io);
    assert!(matches!(cache.verify(), Err(Error::Verify { .. })));
    place.disk.heal();
}

#[test]
fn a_keyspace_opened_during_an_outage_is_on_disk_after_it() {
    for outage in [suspended, discarded] {
        let place = SimulatedPlace::new();
        let (cache, names) = outage(&place);
        let versions = cache.keyspace(VERSIONS).unwrap();
        versions.insert(&1, 1).unwrap();
        drop(names);
        // The old version of this keyspace was open before the outage.
        let names = cache.keyspace(NAMES.version(9)).unwrap();
        assert!(names.get("new").is_none(), "it is of another version");
        recover(&place, &cache);
        versions.insert(&2, 2).unwrap();
        names.insert("new", "new 9".to_owned()).unwrap();
        cache.close().unwrap();
        let reopened = place.open();
        assert_eq!(reopened.keyspace(VERSIONS).unwrap().get(&2).as_deref(), Some(&2));
        let names = reopened.keyspace(NAMES.version(9)).unwrap();
        assert_eq!(value(&names, "new").as_deref(), Some("new 9"));
        assert_eq!(names.count(), 1);
    }
}

#[test]
fn the_ballast_lets_removals_through_on_a_full_disk() {
    const MANY: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("many");
    let place = SimulatedPlace::new();
    let cache = open_swept(place.builder().write_buffer(ByteSize::mib(16)));
    let many = cache.keyspace(MANY).unwrap();
    suspend_on_full_disk(&place, &cache, &many);
    assert!(many.remove(&1).unwrap(), "committed in the room of the ballast");
    let disk = disk_of(&cache);
    assert_eq!(disk.discards, 0, "no entry was lost for the removal");
    let crashed = place.moved_to(place.disk.copy()).open().keyspace(MANY).unwrap();
    assert!(crashed.get(&1).is_none() && crashed.get(&2).is_some());
    place.disk.set_capacity(None);
    place.clock.advance(MAX_RETRY_DELAY);
    cache.flush().unwrap();
    assert_eq!(state_of(&cache), DiskState::On);
    assert!((0..900).all(|key| many.get(&key).is_some() == (key != 1)));
}
