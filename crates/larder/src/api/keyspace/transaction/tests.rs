//! Tests of transactions: records that do not decode, entries that cannot be read, large values, broken
//! watches, panics, and constant commits of other keys.

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::insert_options::InsertOptions;
use crate::sys::clock::ManualClock;
use crate::sys::sync::{AtomicBool, Ordering};
use crate::testing::await_first_sweep;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::Failure;
use crate::units::ByteSize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("number");
/// The keyspace of [`NUMBERS`] with another value type. The values of `NUMBERS` do not decode as this type.
const TRIPLES: KeyspaceDefinition<u64, (u64, u64, u64)> = KeyspaceDefinition::new("number");
/// More rounds than any transaction in these tests needs.
const MAX_ROUNDS: u32 = 20;

fn open(disk: &SimulatedVolume) -> Cache {
    let builder =
        Cache::builder().path("/cache/shop.larder").volume(disk).clock(Arc::new(ManualClock::new()));
    builder.flush_interval(Duration::from_hours(1)).open().unwrap()
}

/// Returns a cache whose file has a record of key 1 that does not decode. Key 2 is missing.
fn with_undecodable(disk: &SimulatedVolume) -> (Cache, Keyspace<u64, (u64, u64, u64)>) {
    let cache = open(disk);
    cache.keyspace(NUMBERS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = open(disk);
    let triples = cache.keyspace(TRIPLES).unwrap();
    (cache, triples)
}

/// Checks that a record that does not decode does not make a round lose. Otherwise every later round would
/// also lose.
#[test]
fn a_record_that_does_not_decode_is_required_and_read_in_both_orders() {
    for requires_first in [true, false] {
        let disk = SimulatedVolume::new();
        let (cache, triples) = with_undecodable(&disk);
        let watch = triples.watch(&1).unwrap();
        let mut rounds = 0;
        let mut change = |value: u64| {
            cache.transaction(|tx| {
                rounds += 1;
                assert!(rounds < MAX_ROUNDS, "it does not end");
                if requires_first {
                    tx.require(&watch)?;
                }
                assert_eq!((tx.get(&triples, &1)?, tx.ttl(&triples, &1)?), (None, None));
                if !requires_first {
                    tx.require(&watch)?;
                }
                tx.insert(&triples, &2, (value, 0, 0))
            })
        };
        change(1).unwrap();
        change(2).unwrap();
        assert_eq!(triples.get(&2).as_deref(), Some(&(2, 0, 0)));
        // The watch of a record that does not decode breaks like any other watch.
        triples.insert(&1, (0, 0, 0)).unwrap();
        let broken = cache.transaction(|tx| tx.require(&watch));
        assert!(matches!(broken, Err(Error::Changed)));
        assert_eq!(cache.stats().keyspaces[0].misses, 2, "the lookups have found no value");
    }
}

const BYTES: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("bytes");

/// Checks that a value of a transaction that is larger than the write buffer keeps its additional
/// reservation, like a value of an insert.
#[test]
fn a_large_value_of_a_transaction_holds_its_weight_until_it_is_committed() {
    let weight_with = |store: fn(&Cache, &Keyspace<u64, Vec<u8>>)| {
        let disk = SimulatedVolume::new();
        let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).shards(2);
        let builder = builder.memory_capacity(ByteSize::mib(4)).write_buffer(ByteSize::mib(1));
        let cache = builder.flush_interval(Duration::from_hours(1)).open().unwrap();
        await_first_sweep(&cache).unwrap();
        let bytes = cache.keyspace(BYTES).unwrap();
        // The disk fails, because a value that fills half of the buffer would otherwise be committed
        // immediately.
        disk.fail_from(0, Failure::Io);
        store(&cache, &bytes);
        let weight = cache.stats().memory.weight.as_u64();
        cache.shared().tiers.memory.validate();
        disk.heal();
        weight
    };
    let inserted = weight_with(|_, bytes| bytes.insert(&1, vec![1; 3 << 20]).unwrap());
    let changed = weight_with(|cache, bytes| {
        cache.transaction(|tx| tx.insert(bytes, &1, vec![1; 3 << 20])).unwrap();
    });
    assert!(inserted >= 2 << 20, "{inserted}");
    assert_eq!(changed, inserted);
}

#[test]
fn a_value_that_grows_in_memory_evicts_another_and_not_the_entry_that_the_closure_has_read() {
    let cache = Cache::builder().memory_capacity(ByteSize::mib(1)).shards(1).open().unwrap();
    let bytes = cache.keyspace(BYTES).unwrap();
    bytes.insert(&1, vec![1; 600_000]).unwrap();
    bytes.insert(&2, vec![2; 400_000]).unwrap();
    let grown: Result<(), Error> = cache.transaction(|tx| {
        assert!(tx.get(&bytes, &1)?.is_some(), "it is not evicted");
        tx.insert(&bytes, &1, vec![1; 700_000])
    });
    grown.unwrap();
    assert_eq!(bytes.get(&1).map(|value| value.len()), Some(700_000));
    assert_eq!(bytes.get(&2), None, "it has made room");
}

/// A large value that is not committed yet reserves the whole memory. Meanwhile an insert is accepted, and
/// its value is not kept.
#[test]
fn a_transaction_whose_values_find_no_room_in_memory_is_accepted_like_an_insert() {
    const NOTES: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("note").memory_only();
    let disk = SimulatedVolume::new();
    let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).shards(2);
    let builder = builder.memory_capacity(ByteSize::mib(4)).write_buffer(ByteSize::mib(1));
    let cache = builder.flush_interval(Duration::from_hours(1)).open().unwrap();
    await_first_sweep(&cache).unwrap();
    let (bytes, notes) = (cache.keyspace(BYTES).unwrap(), cache.keyspace(NOTES).unwrap());
    notes.insert_many([(1, 10), (2, 20)]).unwrap();
    // The writer cannot commit the large value.
    disk.fail_from(0, Failure::Io);
    bytes.insert(&1, vec![1; 3 << 20]).unwrap();
    assert_eq!(cache.stats().memory.weight, ByteSize::mib(4));
    let before = cache.stats().memory.bypassed;
    notes.insert(&2, 21).unwrap();
    let read = cache.transaction(|tx| {
        let read = tx.get(&notes, &1)?;
        tx.insert(&notes, &1, 11)?;
        tx.insert(&notes, &3, 30)?;
        Ok::<_, Error>(read)
    });
    assert_eq!(read.unwrap(), None, "the large value has its room");
    assert_eq!([1, 2, 3].map(|key| notes.get(&key)), [None, None, None]);
    assert_eq!(cache.stats().memory.bypassed - before, 3);
    cache.shared().tiers.memory.validate();
    disk.heal();
}

/// Lookups miss the entry now, but find it later. So the transaction must not treat it as missing.
#[test]
fn a_touch_of_an_entry_that_cannot_be_read_is_refused() {
    let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
    let builder = || {
        let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone());
        builder.flush_interval(Duration::from_hours(1))
    };
    let cache = builder().open().unwrap();
    cache.keyspace(NUMBERS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = builder().open().unwrap();
    await_first_sweep(&cache).unwrap();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    numbers.insert(&2, 20).unwrap();
    disk.fail_from(0, Failure::Io);
    assert!(cache.flush().is_err());
    let touch = |key: u64| cache.transaction(|tx| tx.touch_with(&numbers, &key, Duration::from_mins(1)));
    assert!(matches!(touch(1), Err(Error::NotDurable { .. })), "it will be back");
    assert!(touch(2).unwrap());
    let again = cache.transaction(|tx| {
        tx.insert(&numbers, &1, 11)?;
        tx.touch_with(&numbers, &1, Duration::from_mins(1))
    });
    assert!(again.unwrap(), "it is a value of this transaction");
    disk.heal();
}

/// Checks that after a broken watch, the closure's error is returned only if no key that the closure has
/// read was changed. Otherwise contradictory reads may have caused the error.
#[test]
fn an_error_after_a_broken_watch_is_changed_unless_all_reads_hold() {
    let cache = Cache::builder().open().unwrap();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    let watch = numbers.watch(&1).unwrap();
    numbers.insert(&1, 1).unwrap();
    let fail = |changes: bool| {
        cache.transaction(|tx| {
            _ = tx.require(&watch);
            tx.get(&numbers, &2)?;
            if changes {
                std::thread::scope(|scope| scope.spawn(|| numbers.insert(&2, 2).unwrap()).join().unwrap());
            }
            Err::<(), _>(Error::Reentrant)
        })
    };
    assert!(matches!(fail(false), Err(Error::Reentrant)));
    assert!(matches!(fail(true), Err(Error::Changed)));
}

#[test]
fn a_weigher_that_panics_leaves_no_lease() {
    const WEIGHED: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("number").weigher(|_| panic!("planned"));
    let disk = SimulatedVolume::new();
    let cache = open(&disk);
    cache.keyspace(NUMBERS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = open(&disk);
    let weighed = cache.keyspace(WEIGHED).unwrap();
    let read = || cache.transaction(|tx| tx.get(&weighed, &1));
    let panic = catch_unwind(AssertUnwindSafe(read)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"planned"));
    assert!(!cache.shared().tiers.memory.has_leases());
}

/// Checks that a transaction over many keys on disk confirms its reads, although commits of other keys
/// constantly replace the snapshot.
#[test]
fn many_keys_on_disk_alone_are_read_at_one_moment_beside_commits() {
    const KEYS: u64 = 1_000;
    let disk = SimulatedVolume::new();
    let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).shards(2);
    let cache = builder.memory_capacity(ByteSize::kib(64)).open().unwrap();
    let bytes = cache.keyspace(BYTES).unwrap();
    for key in 0..KEYS {
        bytes.insert(&key, vec![1; 500]).unwrap();
    }
    cache.flush().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for other in [KEYS, KEYS + 1] {
            let (bytes, is_done) = (&bytes, &is_done);
            let now = InsertOptions::new().durability(Durability::Immediate);
            scope.spawn(move || {
                while !is_done.load(Ordering::SeqCst) {
                    bytes.insert_with(&other, vec![2; 10], now).unwrap();
                }
            });
        }
        let mut rounds = 0;
        let found = catch_unwind(AssertUnwindSafe(|| {
            cache.transaction(|tx| {
                rounds += 1;
                assert!(rounds < MAX_ROUNDS, "it does not end");
                tx.get_many(&bytes, 0..KEYS)
            })
        }));
        is_done.store(true, Ordering::SeqCst);
        let found = found.unwrap().unwrap();
        assert!(found.iter().all(Option::is_some));
    });
}

static PANICS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// A value whose `Drop` panics once after [`PANICS`] is set.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct PanicsWhenReplaced(u64);

impl Drop for PanicsWhenReplaced {
    fn drop(&mut self) {
        assert!(!PANICS.swap(false, Ordering::SeqCst), "planned");
    }
}

/// Checks that the changes are committed before the replaced values are dropped.
#[test]
fn a_replaced_value_whose_drop_panics_keeps_no_removal_from_its_commit() {
    const VALUES: KeyspaceDefinition<u64, PanicsWhenReplaced> = KeyspaceDefinition::new("panicking");
    let disk = SimulatedVolume::new();
    let cache = open(&disk);
    let values = cache.keyspace(VALUES).unwrap();
    values.insert_many([(1, PanicsWhenReplaced(1)), (2, PanicsWhenReplaced(2))]).unwrap();
    cache.flush().unwrap();
    let change = || {
        cache.transaction(|tx| {
            tx.insert(&values, &1, PanicsWhenReplaced(11))?;
            let removed = tx.remove(&values, &2)?;
            PANICS.store(true, Ordering::SeqCst);
            Ok::<_, Error>(removed)
        })
    };
    assert!(change().unwrap(), "the panic is not the caller's");
    assert_eq!(cache.stats().unsaved_bytes.as_u64(), 0, "the removal was committed, and the value with it");
    assert_eq!((cache.stats().inserts, cache.stats().invalidations), (3, 1));
    assert_eq!(values.get(&1).map(|value| value.0), Some(11));
    assert!(values.get(&2).is_none());
}

/// The closure would panic in the task for a miss that no read has found. The disk is slow, so the calling
/// thread must not read it.
#[cfg(feature = "async")]
#[test]
fn a_task_never_sees_a_miss_of_a_key_on_a_slow_disk() {
    use crate::sys::inline_calls;
    use std::sync::atomic::AtomicU32;

    let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
    let open =
        || Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone()).open().unwrap();
    let cache = open();
    cache.keyspace(NUMBERS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = open();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    let watch = numbers.watch(&3).unwrap();
    let _inline = cache.inline_calls();
    for requires in [false, true] {
        inline_calls::look(|| inline_calls::read(|| clock.advance(Duration::from_millis(20))));
        assert!(!inline_calls::may_look());
        let rounds = Arc::new(AtomicU32::new(0));
        let (counted, of_task, watch) = (rounds.clone(), numbers.clone(), watch.clone());
        let made = cache.transaction_async(move |tx| {
            counted.fetch_add(1, Ordering::Relaxed);
            if requires {
                tx.require(&watch)?;
                counted.fetch_add(10, Ordering::Relaxed);
            }
            let seen = tx.get(&of_task, &1)?.expect("it is always there");
            tx.insert(&of_task, &2, *seen)
        });
        pollster::block_on(made).unwrap();
        assert_eq!(rounds.load(Ordering::Relaxed), if requires { 12 } else { 2 }, "the worker's round, too");
        assert!(numbers.remove(&1).unwrap());
        numbers.insert(&1, 10).unwrap();
    }
}
