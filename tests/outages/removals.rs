//! Tests of changes while the disk fails. A durable change is acknowledged only if a restart finds the
//! change. No call reports that an entry is gone if the disk tier may bring the entry back. One test checks
//! that the file is not discarded without need.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use larder::MAX_RETRY_DELAY;
use larder::clock::{Clock, ManualClock};
use larder::testing::{DiskOperation, Failure};
use larder::{
    ByteSize, Cache, CacheBuilder, Change, DiskState, Durability, Error, InsertOptions, Keyspace,
    KeyspaceDefinition, Load, Timestamp, Ttl,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol::block_on;

use crate::support::harness::Harness;
use crate::support::simulated::{
    SimulatedPlace, WRITES, discarded, recover, state_of, suspend_on_full_disk, suspended, value, wait_until,
};
use crate::support::{BLOBS, HOUR, NAMES, VERSIONS};

const IMMEDIATELY: InsertOptions = InsertOptions::new().durability(Durability::Immediate);

/// A clock that can hold up the writer, because the writer reads the clock before it drains the dirty
/// entries.
#[derive(Debug, Default)]
struct Gate {
    time: ManualClock,
    is_shut: Mutex<bool>,
    opened: Condvar,
    holds_writer: AtomicBool,
}

impl Clock for Gate {
    fn monotonic(&self) -> Duration {
        if thread::current().name() == Some("larder-writer") {
            let mut is_shut = self.is_shut.lock().unwrap();
            while *is_shut {
                self.holds_writer.store(true, Ordering::SeqCst);
                is_shut = self.opened.wait(is_shut).unwrap();
            }
        }
        self.time.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.time.wall()
    }
}

/// A value that calls a function whenever it is encoded.
struct Noticed(u64, Option<Arc<dyn Fn() + Send + Sync>>);

const NOTICED: KeyspaceDefinition<u64, Noticed> = KeyspaceDefinition::new("noticed").ttl(HOUR);

impl Serialize for Noticed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(run) = &self.1 {
            run();
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Noticed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|value| Self(value, None))
    }
}

/// Opens a gate when it is dropped, even if a test fails. Otherwise the threads that wait for the writer
/// would never end.
struct Opens<'a>(&'a Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        *self.0.is_shut.lock().unwrap() = false;
        self.0.opened.notify_all();
    }
}

impl Gate {
    /// Removes a key whose entry is in memory, and writes the key again. The removal has then woken the
    /// writer, but the writer has not drained the dirty entries.
    fn remove_and_replace(&self, blobs: &Keyspace<u64, Vec<u8>>, key: u64) -> Result<bool, Error> {
        *self.is_shut.lock().unwrap() = true;
        self.holds_writer.store(false, Ordering::SeqCst);
        thread::scope(|scope| {
            let opens = Opens(self);
            let remover = scope.spawn(|| blobs.remove(&key));
            wait_until("the writer is held", || self.holds_writer.load(Ordering::SeqCst));
            wait_until("the removal is under way", || !blobs.contains_key(&key));
            blobs.insert(&key, vec![2; 10]).unwrap();
            drop(opens);
            remover.join().unwrap()
        })
    }
}

fn open(builder: CacheBuilder, gate: &Arc<Gate>) -> (Cache, Keyspace<u64, Vec<u8>>) {
    let cache = builder.clock(gate.clone()).shards(1).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    // The gate must not hold up a step that the sweeper has requested. On a failing disk, the removals would
    // then wait for the writer.
    larder::testing::await_first_sweep(&cache).unwrap();
    (cache, blobs)
}

/// Returns the first byte of the value that a restart would find if the process crashed now.
fn after_crash(place: &SimulatedPlace, key: u64) -> Option<u8> {
    let left = place.moved_to(place.disk.copy()).open();
    left.keyspace(BLOBS).unwrap().get(&key).map(|blob| blob[0])
}

#[test]
fn a_removal_that_a_write_replaced_is_not_acknowledged_by_a_part_without_it() {
    let mut suspended = 0;
    for operation in 0..40 {
        let (place, gate) = (SimulatedPlace::new(), Arc::new(Gate::default()));
        let (cache, blobs) = open(place.builder().disk_capacity(ByteSize::mib(1)), &gate);
        blobs.insert(&200, vec![1; 10]).unwrap();
        cache.flush().unwrap();
        // The writer commits these values in several parts. In the order of the keys, they come first.
        for key in 100..140 {
            blobs.insert(&key, vec![9; 100]).unwrap();
        }
        place.disk.fail_from(place.next_operation() + operation, Failure::Io);
        let removed = gate.remove_and_replace(&blobs, 200);
        let found = after_crash(&place, 200);
        // The removal may be answered before the writer commits the other values.
        drop(cache.flush());
        let state = state_of(&cache);
        suspended += u64::from(removed.is_ok() && state == DiskState::Suspended);
        assert!(
            removed.is_err() || found != Some(1),
            "at operation {operation}: it is back, though {removed:?}; {state:?}"
        );
    }
    assert!(suspended > 0, "no removal was durable without the values that waited with it");
}

#[test]
fn a_removal_that_a_write_replaced_holds_on_a_full_disk() {
    let (place, gate) = (SimulatedPlace::new(), Arc::new(Gate::default()));
    let (cache, blobs) = open(place.builder().write_buffer(ByteSize::mib(16)), &gate);
    suspend_on_full_disk(&place, &cache, &blobs);
    assert!(gate.remove_and_replace(&blobs, 7).is_ok());
    assert_ne!(after_crash(&place, 7), Some(1));
    assert_eq!(blobs.get(&7).map(|blob| blob[0]), Some(2));
}

#[test]
fn an_immediate_write_is_acknowledged_only_by_a_file_that_has_it() {
    let place = SimulatedPlace::new();
    // The gate's clock wakes no thread, so the write itself must detect that a new file is due.
    let gate = Arc::new(Gate::default());
    let (cache, blobs) = open(place.builder(), &gate);
    blobs.insert(&1, vec![1]).unwrap();
    cache.flush().unwrap();
    place.disk.fail_every(&WRITES, Failure::Io);
    assert!(blobs.remove(&1).unwrap());
    assert_eq!(state_of(&cache), DiskState::Discarded);
    place.disk.heal();
    gate.time.advance(MAX_RETRY_DELAY);
    let written = blobs.insert_with(&1, vec![2], IMMEDIATELY);
    assert!(written.is_err() || after_crash(&place, 1) == Some(2), "{written:?}");
    blobs.insert_with(&1, vec![3], IMMEDIATELY).unwrap();
    assert_eq!((state_of(&cache), after_crash(&place, 1)), (DiskState::On, Some(3)));
}

#[test]
fn the_first_immediate_write_that_is_acknowledged_after_an_outage_is_on_disk() {
    let harness = Harness::new("the_first_immediate_write", "LARDER_OUTAGE_ROUNDS", 20);
    harness.run(|_| {
        let place = SimulatedPlace::new();
        let (cache, names) = discarded(&place);
        place.disk.heal();
        let acknowledged = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut at = 0_u64;
                while names.insert_with("now", at.to_string(), IMMEDIATELY).is_err() {
                    at += 1;
                }
                at
            });
            place.clock.advance(MAX_RETRY_DELAY);
            writer.join().unwrap()
        });
        let crashed = place.moved_to(place.disk.copy()).open().keyspace(NAMES).unwrap();
        assert_eq!(crashed.get("now").as_deref(), Some(&acknowledged.to_string()));
        cache.close().unwrap_or_else(|error| assert!(matches!(error, Error::NotDurable { .. }), "{error}"));
    });
}

#[test]
fn closing_tells_of_what_was_inserted_while_there_was_no_file() {
    let place = SimulatedPlace::new();
    let (cache, names) = discarded(&place);
    names.insert("meanwhile", "the file is discarded later".to_owned()).unwrap();
    place.disk.heal();
    place.clock.advance(MAX_RETRY_DELAY);
    let told = cache.close().unwrap_err().to_string();
    assert!(told.contains("lives in memory alone"), "{told}");
    assert!(!place.open().keyspace(NAMES).unwrap().contains_key("meanwhile"));
}

#[test]
fn a_value_too_large_for_memory_replaces_the_older_one_in_an_outage_too() {
    let place = SimulatedPlace::new();
    let builder = place.builder().memory_capacity(ByteSize::kib(64)).write_buffer(ByteSize::mib(1));
    let cache = builder.open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(&1, vec![1; 10]).unwrap();
    blobs.insert(&2, vec![1; 100_000]).unwrap();
    cache.flush().unwrap();
    place.disk.fail_every(&WRITES, Failure::Io);
    assert!(blobs.remove(&2).unwrap());
    assert_eq!(state_of(&cache), DiskState::Discarded);
    blobs.insert(&1, vec![2; 100_000]).unwrap();
    assert_ne!(
        blobs.get(&1).map(|blob| blob[0]),
        Some(1),
        "the older value is gone, whether there is room for the newer"
    );
}

#[test]
fn a_file_is_not_discarded_for_writers_that_wait_no_more() {
    let harness = Harness::new("a_file_is_not_discarded_for_writers", "LARDER_OUTAGE_ROUNDS", 8);
    harness.run(|_| {
        let place = SimulatedPlace::new();
        let builder = place.builder().write_buffer(ByteSize::kib(64)).memory_capacity(ByteSize::mib(4));
        let cache = builder.shards(1).open().unwrap();
        let blobs = cache.keyspace(BLOBS).unwrap();
        blobs.insert(&0, vec![1; 1_000]).unwrap();
        cache.flush().unwrap();
        thread::scope(|scope| {
            for writer in 0..4 {
                let blobs = &blobs;
                scope.spawn(move || {
                    for key in 0..60 {
                        blobs.insert(&(writer * 1_000 + key), vec![2; 4_000]).unwrap();
                    }
                });
            }
        });
        // All inserts have returned, so no caller waits for room in the buffer.
        place.disk.fail_every(&WRITES, Failure::Io);
        drop(cache.flush());
        assert_ne!(state_of(&cache), DiskState::Discarded);
    });
}

#[test]
fn what_a_suspended_disk_may_bring_back_is_not_told_to_be_gone() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    let past = Ttl::Until(Timestamp::ZERO);
    // The entries are on disk only.
    let errors = [
        names.expire("kept").unwrap_err(),
        names.take("kept").map(drop).unwrap_err().into(),
        names.remove_if("old", |_| true).map(drop).unwrap_err().into(),
        names.modify("old", |_, _| Change::Remove).map(drop).unwrap_err().into(),
        names.touch_with("old", past).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| matches!(error, Error::NotDurable { .. })), "{errors:?}");
    assert!(names.take("kept").unwrap_err().applied.is_none());
    // This call would store nothing, so there is nothing to remove.
    let absent = names.insert_if_absent_with("old", "old 2".to_owned(), InsertOptions::new().ttl(past));
    assert_eq!(absent.unwrap(), None);
    // For entries in memory, the calls return exact answers.
    assert!(names.expire("new").unwrap() && !names.expire("new").unwrap());
    assert!(names.take("new").unwrap().is_none());
    // Other changes treat an entry that is on disk only as missing.
    assert!(!names.touch("kept").unwrap() && names.replace("kept", "kept 2".to_owned()).unwrap().is_none());
    assert!(names.insert_if_absent("old", "old 2".to_owned()).unwrap().is_none());
    recover(&place, &cache);
    assert_eq!(value(&names, "kept").as_deref(), Some("kept 1"));
    assert_eq!(value(&names, "old").as_deref(), Some("old 2"), "it replaces the earlier value");
    assert!(names.expire("kept").unwrap() && !names.expire("kept").unwrap());
    assert_eq!(value(&names, "kept"), None);
    // The entries of a discarded file do not come back.
    let place = SimulatedPlace::new();
    let (_cache, names) = discarded(&place);
    assert!(!names.expire("old").unwrap() && names.take("old").unwrap().is_none());
}

#[test]
fn what_cannot_be_read_is_not_told_to_be_gone() {
    let place = SimulatedPlace::new();
    let open = || {
        let builder = place.builder().page_cache(ByteSize::kib(64)).memory_capacity(ByteSize::kib(64));
        builder.open().unwrap()
    };
    let cache = open();
    let blobs = cache.keyspace(BLOBS).unwrap();
    (0..1_000).for_each(|key| blobs.insert(&key, vec![1; 1_000]).unwrap());
    cache.close().unwrap();
    let cache = open();
    let blobs = cache.keyspace(BLOBS).unwrap();
    place.disk.fail_every(&[DiskOperation::Read], Failure::Io);
    let expired: Vec<_> = (0..1_000).map(|key| blobs.expire(&key)).collect();
    let told = |told: &Result<bool, Error>| matches!(told, Ok(true) | Err(Error::NotDurable { .. }));
    assert!(expired.iter().all(told), "an entry is not told to be missing");
    assert!(expired.iter().any(Result::is_err) && cache.stats().disk.unwrap().read_faults > 0);
    // The writer may react to the failed reads only now. The delay of the retry begins with the suspension,
    // so the test waits for it.
    wait_until("the disk is off", || state_of(&cache) == DiskState::Suspended);
    recover(&place, &cache);
    for (key, told) in (0..).zip(expired) {
        assert_eq!(blobs.contains_key(&key), told.is_err(), "{key}");
    }
}

#[test]
fn no_stale_value_comes_back_that_the_source_no_longer_has() {
    const STALE: KeyspaceDefinition<u64, u64> = VERSIONS.grace(HOUR);
    let place = SimulatedPlace::new();
    let cache = place.open();
    cache.keyspace(STALE).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = place.open();
    let (versions, names) = (cache.keyspace(STALE).unwrap(), cache.keyspace(NAMES).unwrap());
    place.clock.advance(HOUR);
    place.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    assert!(cache.flush().is_err() && state_of(&cache) == DiskState::Suspended);
    // The stale value is on disk only, and the disk tier is off.
    let loaded = versions.get_or_load_with(&1, |_| Ok::<_, Error>(Load::Absent)).unwrap();
    assert!(loaded.value.is_none());
    recover(&place, &cache);
    assert!(versions.get_or_load(&1, || Err::<u64, _>("the source is away")).is_err());
}

/// The insert finds no file, and makes a commit that creates one. If it stored its value before that, and
/// again afterwards, another call could find the value, and remove it in between.
#[test]
fn contract_1_a_durable_insert_after_which_a_new_file_is_made_brings_no_removed_value_back() {
    type Insert = fn(&Keyspace<u64, Noticed>, Noticed) -> Result<(), Error>;
    let inserts: [(&str, Insert); 4] = [
        ("insert", |noticed, value| noticed.insert_with(&1, value, IMMEDIATELY)),
        ("insert_many", |noticed, value| noticed.insert_many_with([(&1, value)], IMMEDIATELY)),
        ("insert_async", |noticed, value| block_on(noticed.insert_with_async(&1, value, IMMEDIATELY))),
        ("insert_many_async", |noticed, value| {
            block_on(noticed.insert_many_with_async([(&1, value)], IMMEDIATELY))
        }),
    ];
    for (way, insert) in inserts {
        let place = SimulatedPlace::new();
        let (cache, _names) = discarded(&place);
        let noticed = cache.keyspace(NOTICED).unwrap();
        place.disk.heal();
        place.clock.advance(MAX_RETRY_DELAY);
        let is_removed = Arc::new(AtomicBool::new(false));
        let (found, has_removed) = (noticed.clone(), is_removed.clone());
        let remove_what_is_found = move || {
            if found.get(&1).is_some() {
                has_removed.store(found.remove(&1).unwrap(), Ordering::SeqCst);
            }
        };
        insert(&noticed, Noticed(7, Some(Arc::new(remove_what_is_found)))).unwrap();
        let is_found = noticed.get(&1).is_some();
        assert_ne!(is_found, is_removed.load(Ordering::SeqCst), "{way}");
        if is_found {
            let crashed = place.moved_to(place.disk.copy()).open();
            assert!(crashed.keyspace(NOTICED).unwrap().get(&1).is_some_and(|value| value.0 == 7), "{way}");
        }
        // The close tells of the entry `new`, which was lost with the first file.
        drop(cache.close());
    }
}
