//! Tests of lock files that are removed or replaced while their cache is open.

use std::fs;
use std::path::{Path, PathBuf};

use larder::testing::{Act, DiskOperation};
use larder::{ByteSize, Cache, DiskState, Error, Event, INITIAL_RETRY_DELAY, InsertOptions};

use crate::faults::file_replaced::{WatchedCache, is_not_durable, some};
use crate::support::simulated::{PATH, SimulatedPlace, state_of, value};
use crate::support::{BLOBS, HOUR, NAMES};

fn lock_of(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

#[test]
fn a_lock_that_was_removed_or_replaced_is_taken_again_before_anybody_is_answered() {
    for replaces in [false, true] {
        let watched = WatchedCache::new();
        let lock = lock_of(&watched.path());
        fs::remove_file(&lock).unwrap();
        if replaces {
            fs::write(&lock, "").unwrap();
        }
        watched.cache.flush().unwrap();
        watched.wait_for("it is told", |event| matches!(event, Event::LockLost { is_held: true, .. }));
        let second = Cache::builder().path(watched.path()).open().unwrap_err();
        assert!(matches!(second, Error::InUse { pid: Some(_), .. }), "{second}");
        watched.cache.flush().unwrap();
        let told = watched.told.lock().unwrap().len();
        assert_eq!(told, 1, "told once");
        assert_eq!(watched.restart(&["kept"]), [some("kept 1")]);
    }
}

#[test]
fn a_lock_that_another_has_leaves_the_file_in_service_and_in_its_place() {
    let watched = WatchedCache::new();
    let lock = lock_of(&watched.path());
    fs::remove_file(&lock).unwrap();
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();
    watched.insert_now("new", "new 1").unwrap();
    watched.wait_for("it is told", |event| matches!(event, Event::LockLost { is_held: false, .. }));
    // From now on the file may belong to another process. So the cache must neither move a file aside nor
    // create one.
    fs::write(watched.path(), "").unwrap();
    is_not_durable(watched.names.remove("kept"));
    assert!(fs::read(watched.path()).unwrap().is_empty());
    drop(other);
    assert!(watched.names.remove("old").is_ok());
    watched.place.clock.advance(10 * INITIAL_RETRY_DELAY);
    drop(watched.cache.flush());
    watched.cache.flush().unwrap();
    assert_eq!(state_of(&watched.cache), DiskState::On);
}

const CAPACITY: ByteSize = ByteSize::mib(1);

/// What a cache does before the flush with a number.
type Before = fn(u64, &SimulatedPlace, &Cache);

/// The file gets longer than its capacity, because its blocks are counted. Then the blocks are no longer
/// counted, so the next step compacts the file.
fn lengthens(flush: u64, place: &SimulatedPlace, cache: &Cache) {
    if flush == 6 {
        return place.disk.hide_blocks(true);
    }
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..10 {
        blobs.insert(&(10 * flush + key), vec![7; 9_000]).unwrap();
    }
}

/// Values of changing sizes leave gaps, so a transaction does not fit in spite of its evictions.
fn fragments(flush: u64, _: &SimulatedPlace, cache: &Cache) {
    let blobs = cache.keyspace(BLOBS).unwrap();
    let size = [100, 5_000, 100, 33_000][usize::try_from(flush / 8 % 4).unwrap()];
    for key in 0..(100_000 / size).min(64) as u64 {
        blobs.insert(&(100 * flush + key), vec![7; size]).unwrap();
    }
}

fn flushed(before: Before, flushes: u64) -> (SimulatedPlace, Cache) {
    let place = SimulatedPlace::new();
    let builder = place.builder().stepped(1).disk_capacity(CAPACITY).memory_capacity(ByteSize::kib(64));
    let cache = builder.open().unwrap();
    cache.keyspace(NAMES).unwrap();
    for flush in 0..flushes {
        before(flush, &place, &cache);
        cache.flush().unwrap();
    }
    before(flushes, &place, &cache);
    (place, cache)
}

/// Returns the operations of the next flush.
fn operations_of_flush(place: &SimulatedPlace, cache: &Cache) -> Vec<DiskOperation> {
    let began = place.next_operation();
    cache.flush().unwrap();
    place.disk.operations().split_off(usize::try_from(began).unwrap())
}

/// A step closes the file and opens it again. Between the two, another process takes the lock, stores an
/// entry and ends. The filter of absent keys lacks the key of this entry, so it must be given up before a
/// lookup reads the file.
#[test]
fn an_entry_that_another_owner_adds_while_the_file_is_closed_is_found() {
    let is_open = |operation: &DiskOperation| *operation == DiskOperation::Open;
    for (what, before) in [("compacted", lengthens as Before), ("refused", fragments)] {
        let (place, cache) = flushed(before, 0);
        let mut flush = 0;
        let operations = loop {
            let operations = operations_of_flush(&place, &cache);
            if operations.iter().any(is_open) {
                break operations;
            }
            flush += 1;
            assert!(flush < 100, "{what}: no flush opens the file again");
            before(flush, &place, &cache);
        };
        let opened = operations.iter().position(is_open).unwrap();
        // Before the file is closed, it is read or written a last time.
        let uses = |operation: &DiskOperation| {
            DiskOperation::CHANGES.contains(operation) || *operation == DiskOperation::Read
        };
        let closed = operations[..opened].iter().rposition(uses).expect("the file is closed before") + 1;
        for offset in closed..=opened {
            let (place, cache) = flushed(before, flush);
            let names = cache.keyspace(NAMES).unwrap();
            assert_eq!(value(&names, "added"), None);
            let other = place.moved_to(place.disk.copy());
            let owner = other.open();
            // It expires last, so the step does not evict it.
            let last = InsertOptions::new().ttl(10 * HOUR);
            owner
                .keyspace(NAMES)
                .unwrap()
                .insert_with("added", "by the other owner".to_owned(), last)
                .unwrap();
            owner.close().unwrap();
            let at = place.next_operation() + offset as u64;
            place.disk.act_at(at, Act::Unlink(lock_of(Path::new(PATH))));
            place.disk.act_at(at, Act::Overwrite(PATH.into(), other.disk.read(PATH).unwrap()));
            cache.flush().unwrap();
            let found = value(&names, "added");
            let restarted = place.moved_to(place.disk.copy()).open();
            let stored = value(&restarted.keyspace(NAMES).unwrap(), "added");
            assert_eq!((state_of(&cache), stored.is_some()), (DiskState::On, true), "{what}, {offset}");
            assert_eq!(found, stored, "{what}, before operation {offset}");
        }
    }
}
