use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::KeyspaceDefinition;
#[cfg(feature = "async")]
use crate::memory::evicted_values::EvictedValues;
use crate::memory::idle::{UsedEntry, UsedRecord};
use crate::sys::clock::ManualClock;
use crate::testing::volume::SimulatedVolume;

const NAMES: KeyspaceDefinition<(u64, u64), u64> =
    KeyspaceDefinition::new("name").ttl(Duration::from_hours(1));
const ENTRIES: u64 = 600;

/// Opens a cache without a first sweep. The step of that sweep could install a snapshot just after a test has
/// withdrawn it.
fn opened(disk: &SimulatedVolume) -> (Cache, Keyspace<(u64, u64), u64>) {
    let cache = Cache::builder().path("/cache/shop.larder").volume(disk).stepped(1).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    (cache, names)
}

fn on_disk() -> (SimulatedVolume, Cache, Keyspace<(u64, u64), u64>) {
    let disk = SimulatedVolume::new();
    let (cache, names) = opened(&disk);
    for key in 0..ENTRIES {
        names.insert(&(key % 2, key), key).unwrap();
    }
    cache.close().unwrap();
    let (cache, names) = opened(&disk);
    (disk, cache, names)
}

#[test]
fn a_walk_waits_for_a_snapshot_that_is_withdrawn_to_make_room() {
    let (_disk, cache, names) = on_disk();
    let withdraw = || assert!(cache.shared().tiers.disk.snapshots.withdraw());
    withdraw();
    assert_eq!(names.count(), ENTRIES);
    withdraw();
    assert_eq!(names.keys().count() as u64, ENTRIES);
    // The snapshot is withdrawn inside a chunk of the iteration, and between two chunks.
    for at in [1, 100, 255, 256, 257, 512, 599] {
        let seen = names.iter().enumerate().inspect(|(number, _)| {
            if *number == at {
                withdraw();
            }
        });
        assert_eq!(seen.count() as u64, ENTRIES, "withdrawn after {at}");
    }
    withdraw();
    assert_eq!(cache.verify().unwrap().records, ENTRIES);
}

#[test]
fn a_removal_never_takes_a_withdrawn_snapshot_for_an_empty_disk() {
    let (disk, cache, names) = on_disk();
    let withdraw = || assert!(cache.shared().tiers.disk.snapshots.withdraw());
    withdraw();
    assert!(names.remove(&(0, 0)).unwrap());
    withdraw();
    assert_eq!(names.remove_many([&(0, 2), &(0, 4)]).unwrap(), 2);
    withdraw();
    assert!(names.touch(&(0, 6)).unwrap(), "it is on disk");
    withdraw();
    names.begin_update(&(0, 6)).unwrap().finish();
    withdraw();
    assert_eq!(names.remove_prefix((1,)).unwrap(), ENTRIES / 2);
    cache.close().unwrap();
    let (_cache, names) = opened(&disk);
    assert_eq!(names.count(), ENTRIES / 2 - 4, "none came back");
}

/// Checks that an inline change finds an entry on disk while the snapshot is withdrawn. The change would
/// have to wait for the snapshot, so a worker thread makes the change instead.
#[cfg(feature = "async")]
#[test]
fn a_change_at_once_never_takes_a_withdrawn_snapshot_for_an_empty_disk() {
    let (_disk, cache, names) = on_disk();
    let withdraw = || assert!(cache.shared().tiers.disk.snapshots.withdraw());
    let _calls = cache.inline_calls();
    let add = |value: Option<&u64>, _| crate::Change::insert(value.map_or(0, |value| value + 1));
    withdraw();
    let changed = pollster::block_on(names.modify_async(&(0, 8), add)).unwrap();
    assert_eq!(changed.new_value(), Some(&9));
    withdraw();
    let of_task = names.clone();
    let found = cache.transaction_async(move |tx| tx.get_many(&of_task, [&(0, 10), &(0, 12)]));
    assert_eq!(pollster::block_on(found).unwrap().iter().flatten().count(), 2);
}

#[test]
fn what_was_not_found_while_there_was_no_snapshot_is_looked_up_again() {
    let (_disk, cache, names) = on_disk();
    let tiers = &cache.shared().tiers;
    let looks = Cell::new(0);
    // The snapshot is withdrawn after `look_in_both` has seen it, and is installed again before the number of
    // withdrawals is read again.
    let (found, may_be_on_disk) = tiers.look_in_both(|| {
        looks.set(looks.get() + 1);
        if looks.get() == 1 {
            tiers.disk.snapshots.withdraw();
            let found = names.peek(&(0, 0));
            cache.flush().unwrap();
            return found;
        }
        names.peek(&(0, 0))
    });
    assert!(found.is_some() && !may_be_on_disk && looks.get() == 2);
    // A missing key is looked up once, even while the disk tier is off.
    looks.set(0);
    let miss = || {
        looks.set(looks.get() + 1);
        names.peek(&(9, 9))
    };
    assert!(tiers.look_in_both(miss) == (None, false) && looks.get() == 1);
    tiers.disk.hide();
    cache.close().unwrap();
    let (mut keys, mut entries) = (names.keys(), names.iter());
    assert!(keys.by_ref().count() == 0 && !keys.is_complete(), "the end is not that of the keys");
    assert!(entries.by_ref().count() == 0 && !entries.is_complete());
    assert!(tiers.look_in_both(miss) == (None, true) && looks.get() == 2, "there is no snapshot");
}

/// Returns a cache with one entry, and the key of this entry. The entry is on disk, and its time to idle is 8
/// minutes.
fn idling() -> (SimulatedVolume, Arc<ManualClock>, Cache, Keyspace<u64, u64>, Vec<u8>) {
    let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
    let cache = timed(&disk, &clock);
    let users = KeyspaceDefinition::new("user").ttl(Duration::from_hours(1));
    let users = cache.keyspace(users.time_to_idle(Duration::from_mins(8))).unwrap();
    users.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    let key = cache.shared().tiers.keys_on_disk(&[], None, 9).unwrap().remove(0).to_vec();
    (disk, clock, cache, users, key)
}

/// Opens a cache whose sweeper commits no stamps when the test advances the clock.
fn timed(disk: &SimulatedVolume, clock: &Arc<ManualClock>) -> Cache {
    let builder = Cache::builder().path("/cache/shop.larder").volume(disk).clock(clock.clone());
    builder.stepped(1).open().unwrap()
}

#[test]
fn a_value_that_lives_by_its_slot_alone_is_returned_and_not_promoted() {
    let (_disk, clock, cache, users, key) = idling();
    let tiers = &cache.shared().tiers;
    let key = tiers.memory.key(&key);
    let read = || tiers.read_record(key, 0, Duration::ZERO);
    assert!(read().unwrap().snapshot.is_some());
    clock.advance(Duration::from_mins(5));
    assert_eq!(users.get(&1).as_deref(), Some(&10));
    clock.advance(Duration::from_mins(5));
    assert!(read().unwrap().snapshot.is_some(), "its stamp is looked at again, under the lock");
    // Simulates that the list of stamps was full, so that the use is recorded only in the slot.
    let stamps = &tiers.memory.use_stamps;
    stamps.settle(&stamps.batch(9));
    assert!(read().unwrap().snapshot.is_none());
    clock.advance(Duration::from_mins(4));
    assert!(read().is_none());
}

#[test]
fn a_use_of_a_record_from_an_older_snapshot_is_looked_up_once_more() {
    let (disk, clock, cache, users, key) = idling();
    drop(users);
    cache.close().unwrap();
    // The new cache has no entry in memory.
    let cache = timed(&disk, &clock);
    let tiers = &cache.shared().tiers;
    let key = tiers.memory.key(&key);
    clock.advance(Duration::from_mins(5));
    let read = tiers.read_record(key, 0, Duration::ZERO).unwrap();
    let (sequence, expires_at) = (read.header.sequence, read.header.expires_at);
    let ends_at = read.extension.ends_at.unwrap();
    let used = |sequence| {
        let record = UsedRecord { sequence, expires_at, ends_at, is_current: &|| false };
        assert!(!tiers.extend_life(key, Duration::from_mins(9), UsedEntry::OnDisk(record)));
    };
    used(sequence + 1);
    assert!(tiers.memory.use_stamps.is_empty(), "that entry is not there any more");
    used(sequence);
    let until = || Some(tiers.time.now().after(Duration::from_mins(9)));
    assert_eq!(tiers.memory.use_stamps.expiry_of(key.bytes, sequence), until());
    clock.advance(Duration::from_mins(5));
    assert!(tiers.extend_life(key, Duration::from_mins(9), UsedEntry::InMemory));
    tiers.extend_evicted(key, Duration::from_mins(9));
    assert_eq!(
        tiers.memory.use_stamps.expiry_of(key.bytes, sequence),
        until(),
        "it left memory after its hit"
    );
}

/// Checks calls of async code that find an entry in memory, which is evicted before its use is recorded.
#[cfg(feature = "async")]
#[test]
fn a_task_whose_entry_is_evicted_during_its_hit_leaves_the_read_of_the_file_to_a_worker() {
    use pollster::block_on;

    use crate::sys::offload::{MAX_WORKERS, submit};
    use crate::sys::sync::channel::bounded;
    use crate::testing::remote::tests::sent_uses::EncodedAfterHit;
    use crate::testing::remote::tests::until;

    type Find = fn(&Keyspace<u64, u64>, EncodedAfterHit<'_>) -> Option<Arc<u64>>;
    let finds: [Find; 5] = [
        |users, key| block_on(users.get_async(key)),
        |users, key| block_on(users.get_many_async([key])).remove(0),
        |users, key| block_on(users.get_or_load_async(key, || async { Err::<u64, _>(()) })).ok(),
        |users, key| {
            block_on(users.get_or_load_optional_async(key, || async { Err::<Option<u64>, _>(()) })).ok()?
        },
        |users, key| block_on(users.get_or_load_local_async(key, async || Err::<u64, _>(()))).ok(),
    ];
    for (number, find) in finds.into_iter().enumerate() {
        let (_disk, clock, cache, users, key) = idling();
        let tiers = &cache.shared().tiers;
        let key = tiers.memory.key(&key);
        clock.advance(Duration::from_mins(5));
        // The jobs occupy all workers. Later jobs wait behind them.
        let (releases, busy): (Vec<_>, Vec<_>) = (0..MAX_WORKERS)
            .map(|_| {
                let (release, held) = bounded::<()>(0);
                (release, submit(move || _ = held.recv()))
            })
            .unzip();
        let evict = || _ = tiers.memory.drop_near(key, &mut EvictedValues::default());
        let found = find(&users, EncodedAfterHit(Cell::new(0), &evict));
        assert_eq!(found.as_deref(), Some(&10), "call {number}");
        assert!(tiers.memory.use_stamps.is_empty(), "call {number}");
        drop(releases);
        assert!(busy.into_iter().all(|job| block_on(job).is_some_and(|job| job.is_ok())));
        until(|| !tiers.memory.use_stamps.is_empty());
    }
}
