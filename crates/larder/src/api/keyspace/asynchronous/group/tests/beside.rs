//! Tests of lookups at one moment, with a change of the cache or of the time during the lookup. The change
//! is made while the lookup decodes a value that it has read from disk, so the order of the steps is always
//! the same.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::insert_options::InsertOptions;
use crate::error::Error;
use crate::sys::clock::ManualClock;
use crate::testing::await_first_sweep;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::Failure;
use crate::units::ByteSize;

const TTL: Duration = Duration::from_mins(10);
const NUMBERS: KeyspaceDefinition<(u64, u64), Number> = KeyspaceDefinition::new("number").ttl(TTL);

/// Keys on disk, which a lookup reads in this order.
const FIRST: (u64, u64) = (1, 1);
const SECOND: (u64, u64) = (1, 2);
/// A key on disk that no lookup reads.
const OTHER: (u64, u64) = (3, 1);
const HELD: (u64, u64) = (2, 1);

thread_local! {
    /// Runs at the start of the next decoding of a value.
    static CHANGE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// The number whose next `Drop` panics.
    static PANICS: Cell<Option<u64>> = const { Cell::new(None) };
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Number(u64);

impl Drop for Number {
    fn drop(&mut self) {
        if PANICS.get() == Some(self.0) {
            PANICS.set(None);
            panic!("a user's Drop");
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if let Some(change) = CHANGE.take() {
            change();
        }
        u64::deserialize(deserializer).map(Self)
    }
}

fn living(ttls: u32) -> InsertOptions {
    InsertOptions::new().ttl(ttls * TTL)
}

/// A cache with [`FIRST`], [`SECOND`] and [`OTHER`] on disk, and [`HELD`] in memory.
struct Numbers {
    disk: SimulatedVolume,
    clock: Arc<ManualClock>,
    cache: Cache,
    keyspace: Keyspace<(u64, u64), Number>,
}

impl Numbers {
    fn new() -> Self {
        let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
        let open = || {
            let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone());
            let cache = builder.flush_interval(Duration::from_hours(1)).open().unwrap();
            let keyspace = cache.keyspace(NUMBERS).unwrap();
            (cache, keyspace)
        };
        let (cache, keyspace) = open();
        keyspace.insert_with(&FIRST, Number(10), living(2)).unwrap();
        keyspace.insert(&SECOND, Number(11)).unwrap();
        keyspace.insert(&OTHER, Number(30)).unwrap();
        cache.close().unwrap();
        let (cache, keyspace) = open();
        await_first_sweep(&cache).unwrap();
        keyspace.insert_with(&HELD, Number(20), living(2)).unwrap();
        Self { disk, clock, cache, keyspace }
    }

    /// Looks up [`FIRST`], [`SECOND`] and [`HELD`]. Calls `change` while the first value from disk is
    /// decoded.
    fn beside(
        &self,
        change: impl FnOnce(&Keyspace<(u64, u64), Number>) + 'static,
    ) -> Option<[Option<u64>; 3]> {
        let keyspace = self.keyspace.clone();
        CHANGE.set(Some(Box::new(move || change(&keyspace))));
        let inline = self.cache.inline_calls();
        let found = self.keyspace.try_get_group([FIRST, SECOND, HELD]);
        drop(inline);
        assert!(CHANGE.take().is_none(), "the lookup has read the disk");
        let plain = |found: Vec<Option<Arc<Number>>>| [0, 1, 2].map(|at| found[at].as_ref().map(|it| it.0));
        found.map(plain)
    }
}

#[test]
fn keys_on_disk_and_in_memory_are_found_together() {
    assert_eq!(Numbers::new().beside(|_| ()), Some([Some(10), Some(11), Some(20)]));
}

#[test]
fn a_commit_of_another_key_makes_the_lookup_begin_again() {
    let numbers = Numbers::new();
    let cache = numbers.cache.clone();
    let found = numbers.beside(move |keyspace| {
        keyspace.insert(&OTHER, Number(31)).unwrap();
        cache.flush().unwrap();
    });
    assert_eq!(found, Some([Some(10), Some(11), Some(20)]));
}

/// Checks that a missing key is counted once, although the lookup asks the filter in both rounds. The filter
/// knows the keyspace, because the file is new.
#[test]
fn a_lost_round_counts_no_answer_of_the_filter() {
    let disk = SimulatedVolume::new();
    let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).shards(1);
    let builder = builder.memory_capacity(ByteSize::kib(64)).flush_interval(Duration::from_hours(1));
    let cache = builder.open().unwrap();
    let keyspace = cache.keyspace(NUMBERS).unwrap();
    keyspace.insert(&FIRST, Number(10)).unwrap();
    cache.flush().unwrap();
    // These entries take the room of the first one in memory.
    keyspace.insert_many((0..5_000).map(|number| ((4, number), Number(40)))).unwrap();
    cache.flush().unwrap();
    let numbers = Numbers { disk, clock: Arc::new(ManualClock::new()), cache, keyspace };
    let filtered = || numbers.cache.stats().disk.unwrap().filtered;
    let (before, cache) = (filtered(), numbers.cache.clone());
    let found = numbers.beside(move |keyspace| {
        keyspace.insert(&OTHER, Number(31)).unwrap();
        cache.flush().unwrap();
    });
    assert_eq!(found, Some([Some(10), None, None]));
    // The filter may mistake a missing key for one that the file has.
    assert!(filtered() - before <= 2, "{} of 2 keys", filtered() - before);
}

#[test]
fn all_values_of_a_transaction_are_found_together() {
    let numbers = Numbers::new();
    let cache = numbers.cache.clone();
    let found = numbers.beside(move |keyspace| {
        let stored = cache.transaction(|tx| {
            tx.insert(keyspace, &FIRST, Number(12))?;
            tx.insert(keyspace, &HELD, Number(22))
        });
        stored.unwrap_or_else(|error: Error| panic!("{error}"));
    });
    assert_eq!(found, Some([Some(12), Some(11), Some(22)]));
}

#[test]
fn a_value_stored_after_a_removal_of_a_range_is_found_without_the_range() {
    let found = Numbers::new().beside(|keyspace| {
        assert_eq!(keyspace.remove_prefix((1,)).unwrap(), 2);
        keyspace.insert(&HELD, Number(21)).unwrap();
    });
    assert_eq!(found, Some([None, None, Some(21)]));
}

/// The lookup owns the last handle of the replaced value.
#[test]
fn a_panic_in_the_drop_of_a_value_that_is_replaced_meanwhile_ends_in_the_lookup() {
    let found = Numbers::new().beside(|keyspace| {
        PANICS.set(Some(20));
        keyspace.insert(&HELD, Number(21)).unwrap();
        assert_eq!(PANICS.get(), Some(20), "the lookup has a handle");
    });
    assert_eq!(found, Some([Some(10), Some(11), Some(21)]));
    assert_eq!(PANICS.get(), None, "the replaced value is dropped");
}

/// The value in memory is replaced before the second key expires. So the old value and the missing second
/// key never existed at the same time.
#[test]
fn a_value_replaced_before_another_key_expired_is_not_found_beside_the_missing_key() {
    let numbers = Numbers::new();
    let clock = numbers.clock.clone();
    let found = numbers.beside(move |keyspace| {
        keyspace.insert_with(&HELD, Number(21), living(2)).unwrap();
        clock.advance(TTL);
    });
    assert_eq!(found, Some([Some(10), None, Some(21)]));
}

#[test]
fn an_entry_that_expires_after_it_was_read_is_missing() {
    let numbers = Numbers::new();
    let clock = numbers.clock.clone();
    let found = numbers.beside(|keyspace| {
        let keyspace = keyspace.clone();
        // The change is made while the second value is decoded, so the first one was read before.
        CHANGE.set(Some(Box::new(move || {
            keyspace.insert_with(&HELD, Number(21), living(4)).unwrap();
            clock.advance(2 * TTL);
        })));
    });
    assert_eq!(found, Some([None, None, Some(21)]));
}

/// The removal of another key cannot be committed, so the file is discarded, with the keys that were read.
#[test]
fn a_value_stored_after_the_file_was_discarded_is_not_found_beside_its_entries() {
    let numbers = Numbers::new();
    let disk = numbers.disk.clone();
    let found = numbers.beside(|keyspace| {
        let keyspace = keyspace.clone();
        // The change is made while the second value is decoded, so both values were read before.
        CHANGE.set(Some(Box::new(move || {
            disk.fail_from(0, Failure::Io);
            drop(keyspace.remove(&OTHER));
            assert_eq!(keyspace.get(&FIRST), None, "the file is discarded");
            keyspace.insert(&HELD, Number(21)).unwrap();
        })));
    });
    assert_eq!(found, None);
    numbers.disk.heal();
}
