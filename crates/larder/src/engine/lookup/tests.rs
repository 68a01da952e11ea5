use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::idle::{UsedEntry, UsedRecord};
use crate::stats::DiskState;
use crate::sys::clock::ManualClock;
#[cfg(feature = "async")]
use crate::sys::offload::{JobResult, MAX_WORKERS, submit};
#[cfg(feature = "async")]
use crate::sys::sync::channel::{Sender, bounded};
#[cfg(feature = "async")]
use crate::testing::remote::tests::sent_uses::EncodedAfterHit;
#[cfg(feature = "async")]
use crate::testing::remote::tests::until;
use crate::testing::volume::SimulatedVolume;
#[cfg(feature = "async")]
use crate::units::ByteSize;

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
    tiers.extend_evicted(key, until().unwrap());
    assert_eq!(
        tiers.memory.use_stamps.expiry_of(key.bytes, sequence),
        until(),
        "it left memory after its hit"
    );
}

#[test]
fn a_use_of_an_entry_that_left_memory_while_the_disk_is_off_is_counted() {
    let (_disk, _clock, cache, _users, key) = idling();
    let tiers = &cache.shared().tiers;
    let use_evicted = || {
        let key = tiers.memory.key(&key);
        tiers.memory.forget(key, tiers.time.now(), &mut EvictedValues::default());
        let needs_record = tiers.extend_life(key, Duration::from_mins(9), UsedEntry::InMemory);
        (needs_record, tiers.memory.use_stamps.dropped())
    };
    assert_eq!(use_evicted(), (true, 0), "the file can be read");
    tiers.disk.change_state(DiskState::Suspended);
    assert_eq!(use_evicted(), (false, 1), "the file may have the entry, but can't be read");
    tiers.disk.change_state(DiskState::Discarded);
    assert_eq!(use_evicted(), (false, 1), "the entry exists no more");
    tiers.disk.change_state(DiskState::On);
}

/// Jobs that occupy all workers. Later jobs wait behind them.
#[cfg(feature = "async")]
struct BusyWorkers {
    releases: Vec<Sender<()>>,
    jobs: Vec<JobResult<()>>,
}

#[cfg(feature = "async")]
impl BusyWorkers {
    fn new() -> Self {
        let job = |_| {
            let (release, held) = bounded::<()>(0);
            (release, submit(move || _ = held.recv()))
        };
        let (releases, jobs) = (0..MAX_WORKERS).map(job).unzip();
        Self { releases, jobs }
    }

    fn end(self) {
        drop(self.releases);
        assert!(self.jobs.into_iter().all(|job| pollster::block_on(job).is_some_and(|job| job.is_ok())));
    }
}

/// Gets the entry of [`idling`] from async code. During the hit, the entry is evicted from memory.
#[cfg(feature = "async")]
fn get_while_evicted(cache: &Cache, users: &Keyspace<u64, u64>, key: &[u8]) {
    let memory = &cache.shared().tiers.memory;
    let evict = || _ = memory.drop_near(memory.key(key), &mut EvictedValues::default());
    let found = pollster::block_on(users.get_async(EncodedAfterHit(Cell::new(0), &evict)));
    assert_eq!(found.as_deref(), Some(&10));
}

#[cfg(feature = "async")]
#[test]
fn a_use_that_a_worker_records_late_counts_from_the_hit() {
    let (_disk, clock, cache, users, key) = idling();
    let tiers = &cache.shared().tiers;
    clock.advance(Duration::from_mins(5));
    let sequence = tiers.read_record(tiers.memory.key(&key), 0, Duration::ZERO).unwrap().header.sequence;
    let until_then = tiers.time.now().after(Duration::from_mins(9));
    let busy = BusyWorkers::new();
    get_while_evicted(&cache, &users, &key);
    clock.advance(Duration::from_mins(1));
    busy.end();
    until(|| !tiers.memory.use_stamps.is_empty());
    assert_eq!(tiers.memory.use_stamps.expiry_of(&key, sequence), Some(until_then));
}

#[cfg(feature = "async")]
#[test]
fn a_use_that_waits_for_a_worker_does_not_keep_a_cache_open() {
    let (disk, clock, cache, users, key) = idling();
    clock.advance(Duration::from_mins(5));
    let busy = BusyWorkers::new();
    get_while_evicted(&cache, &users, &key);
    drop((users, cache));
    let path = "/cache/shop.larder";
    let reopened = Cache::builder().path(path).volume(&disk).clock(clock).open_timeout(Duration::ZERO).open();
    busy.end();
    assert!(reopened.is_ok(), "{reopened:?}");
}

/// The second read of the transaction evicts the entry of the first one from memory, before the use of that
/// entry is recorded.
#[cfg(feature = "async")]
#[test]
fn a_transaction_on_a_thread_of_async_code_leaves_the_read_of_the_file_to_a_worker() {
    let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
    let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone());
    let builder = builder.shards(1).memory_capacity(ByteSize::kib(64)).weigher(|_| 40 << 10);
    let cache = builder.stepped(1).open().unwrap();
    let users = KeyspaceDefinition::new("user").ttl(Duration::from_hours(1));
    let users = cache.keyspace(users.time_to_idle(Duration::from_mins(8))).unwrap();
    users.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    let tiers = &cache.shared().tiers;
    let full = tiers.memory.keys(&[]).remove(0);
    let sequence = tiers.read_record(tiers.memory.key(&full), 0, Duration::ZERO).unwrap().header.sequence;
    users.insert(&2, 20).unwrap();
    cache.flush().unwrap();
    assert!(users.get(&1).is_some() && tiers.memory.has_entry(&full), "memory has one of the two entries");
    clock.advance(Duration::from_mins(5));
    let until_then = tiers.time.now().after(Duration::from_mins(9));
    let busy = BusyWorkers::new();
    let _calls = cache.inline_calls();
    let of_task = users.clone();
    let found = cache.transaction_async(move |tx| tx.get_many(&of_task, [&1, &2]));
    assert_eq!(pollster::block_on(found).unwrap().iter().flatten().count(), 2);
    assert!(!tiers.memory.has_entry(&full), "the other entry has taken the room");
    let stamped = || tiers.memory.use_stamps.expiry_of(&full, sequence);
    assert_eq!(stamped(), None, "this thread has not read the file for the use");
    busy.end();
    until(|| stamped().is_some());
    assert_eq!(stamped(), Some(until_then));
}

/// Checks calls of async code that find an entry in memory, which is evicted before its use is recorded.
#[cfg(feature = "async")]
#[test]
fn a_task_whose_entry_is_evicted_during_its_hit_leaves_the_read_of_the_file_to_a_worker() {
    use pollster::block_on;

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
        let busy = BusyWorkers::new();
        let evict = || _ = tiers.memory.drop_near(key, &mut EvictedValues::default());
        let found = find(&users, EncodedAfterHit(Cell::new(0), &evict));
        assert_eq!(found.as_deref(), Some(&10), "call {number}");
        assert!(tiers.memory.use_stamps.is_empty(), "call {number}");
        busy.end();
        until(|| !tiers.memory.use_stamps.is_empty());
    }
}
