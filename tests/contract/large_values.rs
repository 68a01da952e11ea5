//! Values larger than the write buffer are stored and read back within the bounds (contract 7), and block no
//! other call.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder::testing::{Failure, SimulatedVolume};
use larder::{ByteSize, Cache, DiskState, Durability, Error, Follower, InsertOptions, KeyspaceDefinition};
use serde::{Deserialize, Serialize};

use crate::support::{HOUR, OnDrop, Place, SetOnDrop, taken};

/// A keyspace of texts. A long text is encoded faster than a list of bytes.
const TEXTS: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("text").ttl(HOUR);

const MIB: usize = 1 << 20;

fn text(letter: char, len: usize) -> String {
    letter.to_string().repeat(len)
}

#[test]
fn a_value_up_to_64_mib_is_stored_and_read_back_with_the_default_settings() {
    let place = Place::new();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    // The subtracted 1,024 bytes leave room for the key and the overhead of the entry.
    let largest = 64 * MIB - 1_024;
    for (key, len) in [(1, 5 * MIB), (2, 9 * MIB), (3, largest)] {
        texts.insert(&key, text('a', len)).unwrap();
        assert_eq!(texts.get(&key).unwrap().len(), len);
    }
    let loaded = texts.get_or_load(&4, || Ok::<_, Error>(text('b', 5 * MIB))).unwrap();
    assert_eq!(loaded.len(), 5 * MIB);
    let error = texts.insert(&5, text('c', 64 * MIB)).unwrap_err();
    assert!(error.to_string().contains("the most is 64 MiB"), "{error}");
    cache.flush().unwrap();
    assert!(texts.get_or_load(&4, || Err::<String, _>("loaded anew")).is_ok());
    let stats = cache.stats();
    assert_eq!(
        (stats.unsaved_bytes, stats.voided_fills, stats.uncacheable),
        (ByteSize::ZERO, 0, 0),
        "{stats}"
    );
    assert!(stats.memory.weight <= stats.memory.capacity);
    drop(texts);
    cache.close().unwrap();
    let texts = Cache::builder().path(place.path()).open().unwrap().keyspace(TEXTS).unwrap();
    for (key, letter, len) in [(1, 'a', 5 * MIB), (2, 'a', 9 * MIB), (3, 'a', largest), (4, 'b', 5 * MIB)] {
        assert!(*texts.get(&key).unwrap() == text(letter, len), "{key}");
    }
}

#[test]
fn what_bounds_a_value_is_named_with_the_remedy() {
    let place = Place::new();
    let (memory, disk) = (ByteSize::mib(2), ByteSize::mib(16));
    let cache =
        place.builder().memory_capacity(memory).disk_capacity(disk).write_buffer(64 << 10).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    texts.insert(&1, text('a', 10)).unwrap();
    let error = texts.insert(&1, text('b', 2 * MIB)).unwrap_err().to_string();
    assert!(error.contains("(in memory); the most is 2 MiB; raise memory_capacity"), "{error}");
    texts.insert(&2, text('b', 2 * MIB - 1_024)).unwrap();
    assert_eq!(texts.get(&1).unwrap().len(), 10, "an insert that fails changes nothing");
    drop(texts);
    cache.close().unwrap();
    // The page of a value may take at most a sixteenth of the file, and its size is a power of two.
    let cache = place.builder().disk_capacity(disk).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let error = texts.insert_with(&1, text('c', MIB), immediate).unwrap_err().to_string();
    assert!(error.contains("raise disk_capacity to 32 MiB"), "{error}");
    texts.insert_with(&1, text('c', MIB - 1_024), immediate).unwrap();
    // A value that fits in the write buffer may exceed the capacity of memory. Such a value is on disk only.
    drop(texts);
    cache.close().unwrap();
    let cache = place.builder().disk_capacity(disk).memory_capacity(64 << 10).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    texts.insert(&3, text('d', MIB - 1_024)).unwrap();
    cache.flush().unwrap();
    assert_eq!(texts.get(&3).unwrap().len(), MIB - 1_024);
    assert_eq!(cache.stats().disk.unwrap().hits, 1);
}

/// A commit does not evict the value that it writes, even if that value expires first. The file stays within
/// its capacity.
#[test]
fn a_large_value_survives_its_own_commit_in_a_full_file() {
    let place = Place::new();
    let capacity = ByteSize::mib(8);
    let cache =
        place.builder().memory_capacity(MIB as u64).disk_capacity(capacity).write_buffer(64 << 10).open();
    let cache = cache.unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    for key in 0..4_000 {
        texts.insert(&key, text('a', 1_000)).unwrap();
    }
    let soon = InsertOptions::new().ttl(Duration::from_mins(1)).durability(Durability::Immediate);
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let large = MIB / 2 - 1_024;
    for key in 10_000..10_010 {
        texts.insert_with(&key, text('b', large), soon).unwrap();
        // A follower reads the file, so it can't find entries of memory.
        assert_eq!(follower.keyspace(TEXTS).get(&key).unwrap().unwrap().len(), large, "{key}");
        let taken = taken(&place.path());
        assert!(taken <= capacity.as_u64(), "the file takes {taken} bytes");
    }
    assert!(cache.stats().disk.unwrap().evictions > 0, "the file was not full");
}

#[test]
fn contract_7_memory_and_the_write_buffer_are_bounded_while_large_values_are_written() {
    let place = Place::new();
    let (capacity, buffer) = (1_u64 << 20, 128_u64 << 10);
    let builder = Cache::builder().path(place.path()).memory_capacity(capacity).write_buffer(buffer);
    let cache = builder.flush_interval(Duration::from_millis(1)).shards(4).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    let (done, most, largest) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let writers = [700 << 10, 100 << 10, 1_000].map(|len| {
            let texts = &texts;
            scope.spawn(move || {
                for round in 0..60_u64 {
                    texts.insert(&(round % 7 + len as u64), text('a', len)).unwrap();
                    texts.get(&(round % 5 + 1_000));
                }
            })
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let stats = cache.stats();
                // The unsaved bytes fit in the buffer, or belong to one large value.
                let unsaved = stats.unsaved_bytes.as_u64();
                assert!(unsaved <= buffer || unsaved > 2 * (90 << 10));
                largest.fetch_max(unsaved, Ordering::SeqCst);
                let larder::MemoryStats { weight, unsaved_weight, .. } = stats.memory;
                assert!(weight.as_u64() <= capacity, "{stats}");
                most.fetch_max(u64::from(weight + unsaved_weight), Ordering::SeqCst);
            }
        });
        let ended = SetOnDrop(&done);
        for writer in writers {
            writer.join().unwrap();
        }
        drop(ended);
    });
    let (most, largest) = (most.into_inner(), largest.into_inner());
    // The statistics sum up the unsaved weights one shard after another, and then read the weight of
    // memory. Meanwhile entries are committed and inserted, so the total may exceed the bound by a few
    // values.
    assert!(most <= capacity + buffer + (700 << 10), "{most} in memory");
    assert!(largest > 1_400 << 10, "no look met a large value: {largest}");
    cache.flush().unwrap();
    let stats = cache.stats();
    assert!(stats.memory.weight.as_u64() <= capacity && stats.unsaved_bytes.is_zero(), "{stats}");
    // The whole capacity must still be usable.
    texts.insert(&1, text('z', (1 << 20) - 1_024)).unwrap();
    cache.flush().unwrap();
    let weight = cache.stats().memory.weight.as_u64();
    assert!(weight > capacity - 1_024, "room was lost: {}", cache.stats());
}

#[test]
fn large_values_and_small_ones_take_their_turns() {
    let place = Place::new();
    let cache = place.builder().write_buffer(64 << 10).memory_capacity(4 << 20).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    let all = Barrier::new(6);
    // The test makes no flush: a waiting caller relies on the commits that other callers request.
    thread::scope(|scope| {
        for thread in 0..6_u64 {
            let (texts, all) = (&texts, &all);
            let len = if thread < 3 { 200 << 10 } else { 9_000 };
            scope.spawn(move || {
                all.wait();
                for round in 0..20 {
                    texts.insert(&(thread * 100 + round), text('a', len)).unwrap();
                }
            });
        }
    });
    assert_eq!(texts.count(), 120);
    cache.flush().unwrap();
    assert_eq!(cache.stats().unsaved_bytes, ByteSize::ZERO);
}

/// While the large value waits for the disk, no other value can enter the buffer. Therefore the cache
/// discards the file, as it does when the buffer is full, and all callers continue.
#[test]
fn a_large_value_does_not_hold_writers_up_while_the_disk_fails() {
    let place = Place::new();
    let disk = SimulatedVolume::new();
    let builder = place.builder().volume(&disk).write_buffer(64 << 10).memory_capacity(4 << 20);
    let cache = builder.open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    texts.insert(&1, text('a', 10)).unwrap();
    cache.flush().unwrap();
    disk.fail_from(0, Failure::Io);
    texts.insert(&2, text('b', MIB)).unwrap();
    cache.flush().unwrap_err();
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::Suspended);
    assert_eq!(texts.get(&2).unwrap().len(), MIB);
    texts.insert(&3, text('c', 2 * MIB)).unwrap();
    texts.insert(&4, text('d', 1_000)).unwrap();
    // The writer wakes the callers first, and reports the new state afterwards.
    while cache.stats().disk.unwrap().state != DiskState::Discarded {
        thread::yield_now();
    }
    for (key, len) in [(2, MIB), (3, 2 * MIB), (4, 1_000)] {
        assert_eq!(texts.get(&key).unwrap().len(), len, "it lives in memory");
    }
    disk.heal();
    place.clock.advance(larder::MAX_RETRY_DELAY);
    while cache.stats().disk.unwrap().state != DiskState::On {
        thread::yield_now();
    }
    texts.insert_with(&5, text('e', MIB), InsertOptions::new().durability(Durability::Immediate)).unwrap();
    assert_eq!(cache.stats().unsaved_bytes, ByteSize::ZERO);
}

#[test]
fn closing_turns_a_large_value_away_that_waits() {
    let place = Place::new();
    let cache = place.builder().write_buffer(64 << 10).memory_capacity(4 << 20).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    let all = Barrier::new(5);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (texts, all) = (&texts, &all);
            scope.spawn(move || {
                all.wait();
                for key in 0.. {
                    match texts.insert(&(thread * 1_000 + key), text('a', 150 << 10)) {
                        Ok(()) => {}
                        Err(Error::Closed) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        all.wait();
        texts.insert(&99_999, text('b', 100_000)).unwrap();
        cache.close().unwrap();
    });
}

/// A value whose drop writes to its cache.
#[derive(Serialize, Deserialize)]
struct Writes {
    text: String,
    #[serde(skip)]
    #[expect(dead_code, reason = "held for its Drop")]
    on_drop: Option<Skipped>,
}

struct Skipped(#[expect(dead_code, reason = "as above")] OnDrop);

const WRITES: KeyspaceDefinition<u64, Writes> = KeyspaceDefinition::new("writes").ttl(HOUR);

#[test]
fn what_a_large_value_evicts_may_write_one_when_it_is_dropped() {
    let place = Place::new();
    let cache = place.builder().write_buffer(64 << 10).memory_capacity(MIB as u64).open().unwrap();
    let (texts, writes) = (cache.keyspace(TEXTS).unwrap(), cache.keyspace(WRITES).unwrap());
    let dropped = std::sync::Arc::new(AtomicU64::new(0));
    for key in 0..5 {
        let (texts, dropped) = (texts.clone(), dropped.clone());
        let on_drop = OnDrop(Box::new(move || {
            // When the cache is closed, this insert fails.
            drop(texts.insert(&(1_000 + key), text('w', 300_000)));
            dropped.fetch_add(1, Ordering::SeqCst);
        }));
        writes.insert(&key, Writes { text: text('a', 100_000), on_drop: Some(Skipped(on_drop)) }).unwrap();
    }
    cache.flush().unwrap();
    for key in 0..4 {
        texts.insert(&key, text('b', 900_000)).unwrap();
    }
    cache.flush().unwrap();
    while dropped.load(Ordering::SeqCst) < 5 {
        thread::yield_now();
    }
    assert_eq!(texts.get(&3).unwrap().len(), 900_000);
}
