//! The content of the golden files, and the code that writes it. An earlier form of this code wrote the
//! first file with larder's first version.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, CacheBuilder, Follower, InsertOptions, KeyspaceDefinition, Timestamp};
use serde::{Deserialize, Serialize};

/// The maximum TTL, so that the files stay readable for years.
const LONG: Duration = Duration::from_hours(87_600);
/// The time when the content was written: 2026-01-01T00:00:00Z.
const WRITTEN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) code: String,
    pub(crate) prices: BTreeMap<u64, Option<u32>>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Airtime,
    Data { mebibytes: u32 },
    Other(String, i8),
}

const OLD_PRODUCTS: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("product").ttl(LONG).version(1);
pub(crate) const PRODUCTS: KeyspaceDefinition<String, Product> =
    KeyspaceDefinition::new("product").ttl(LONG).version(2);
pub(crate) const PRICES: KeyspaceDefinition<(String, u64), u64> = KeyspaceDefinition::new("price").ttl(LONG);
pub(crate) const COUNTERS: KeyspaceDefinition<u64, i64> = KeyspaceDefinition::new("counter").ttl(LONG);
pub(crate) const DEPTHS: KeyspaceDefinition<i32, f64> = KeyspaceDefinition::new("depth").ttl(LONG);
pub(crate) const BLOBS: KeyspaceDefinition<Vec<u8>, Vec<u8>> = KeyspaceDefinition::new("blob").ttl(LONG);
pub(crate) const NOTES: KeyspaceDefinition<(u8, String, i64), Option<String>> =
    KeyspaceDefinition::new("note").ttl(LONG);

/// Number of entries: all live entries, and one expired entry.
pub(crate) const ENTRIES: u64 = 12 + 12 + 10 + 8 + 4 + 6 + 1;

fn product(number: u64) -> Product {
    let kind = match number % 3 {
        0 => Kind::Airtime,
        1 => Kind::Data { mebibytes: 1 << number },
        _ => Kind::Other("électricité".to_owned(), -3),
    };
    let prices = [(number, None), (number + 70_000, Some(250))].into();
    Product { code: format!("P{number}"), prices, kind }
}

fn price_key(number: u64) -> (String, u64) {
    (format!("MTN{}\0", number % 3), number)
}

fn depth(number: i32) -> f64 {
    f64::from(number) / 8.0
}

fn blob(number: u8) -> Vec<u8> {
    // The largest value does not fit in a page of the store.
    (0..u32::from(number) * 1_500).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn note_key(number: u8) -> (u8, String, i64) {
    (number, format!("note {number}"), i64::from(number) - 3)
}

fn note(number: u8) -> Option<String> {
    (number > 2).then(|| "n".repeat(usize::from(number)))
}

/// Returns a clock that is set to the time when the files were closed.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting_at(WRITTEN.after(Duration::from_secs(2))))
}

pub(crate) fn builder(path: &Path, clock: &Arc<ManualClock>) -> CacheBuilder {
    Cache::builder().path(path).clock(clock.clone()).disk_capacity(1 << 20).shards(1).stepped(7)
}

pub(crate) fn make(path: &Path) {
    let clock = Arc::new(ManualClock::starting_at(WRITTEN));
    let cache = builder(path, &clock).open().unwrap();
    let old = cache.keyspace(OLD_PRODUCTS).unwrap();
    for number in 0..3 {
        old.insert(&format!("P{number}"), format!("old {number}")).unwrap();
    }
    cache.flush().unwrap();
    drop(old);
    let products = cache.keyspace(PRODUCTS).unwrap();
    let (prices, counters) = (cache.keyspace(PRICES).unwrap(), cache.keyspace(COUNTERS).unwrap());
    let (depths, blobs) = (cache.keyspace(DEPTHS).unwrap(), cache.keyspace(BLOBS).unwrap());
    let notes = cache.keyspace(NOTES).unwrap();
    for number in 0..12 {
        products.insert(&format!("P{number}"), product(number)).unwrap();
        prices.insert(&price_key(number), number * 1_000).unwrap();
    }
    for number in 0..10 {
        counters.insert(&(1 << (number * 6)), i64::MIN >> number).unwrap();
    }
    for number in -4..4 {
        depths.insert(&number, depth(number)).unwrap();
    }
    for number in 0..4 {
        blobs.insert(&vec![0, number, 255], blob(number)).unwrap();
    }
    for number in 0..6 {
        notes.insert(&note_key(number), note(number)).unwrap();
    }
    notes.insert(&note_key(9), note(9)).unwrap();
    cache.flush().unwrap();
    assert!(notes.remove(&note_key(9)).unwrap());
    let short = InsertOptions::new().ttl(Duration::from_secs(1));
    notes.insert_with(&note_key(8), note(8), short).unwrap();
    cache.flush().unwrap();
    clock.advance(Duration::from_secs(2));
    drop((products, prices, counters, depths, blobs, notes));
    cache.close().unwrap();
}

/// Removes the counters and a third of the prices from a golden file. The cache treats a removal of more than
/// two keys as large, so it stores these removals as rows. The first removal is already partly executed.
pub(crate) fn remove_many(path: &Path) {
    let cache = builder(path, &clock()).range_rows(2).open().unwrap();
    let (prices, counters) = (cache.keyspace(PRICES).unwrap(), cache.keyspace(COUNTERS).unwrap());
    assert_eq!(counters.clear().unwrap(), 10);
    assert_eq!(prices.remove_prefix(("MTN1\0",)).unwrap(), 4);
    drop((prices, counters));
    cache.close().unwrap();
}

/// Checks that an owner finds the entries that [`remove_many`] leaves.
pub(crate) fn owner_finds_what_is_left(cache: &Cache) {
    let prices = cache.keyspace(PRICES).unwrap();
    for number in 0..12 {
        let left = (number % 3 != 1).then_some(number * 1_000);
        assert_eq!(prices.get(&price_key(number)).as_deref().copied(), left);
    }
    assert_eq!((prices.count(), cache.keyspace(COUNTERS).unwrap().count()), (8, 0));
    assert_eq!(cache.keyspace(PRODUCTS).unwrap().count(), 12);
}

/// Checks that a follower finds the entries that [`remove_many`] leaves.
pub(crate) fn follower_finds_what_is_left(follower: &Follower) {
    let prices = follower.keyspace(PRICES);
    for number in 0..12 {
        let left = (number % 3 != 1).then_some(number * 1_000);
        assert_eq!(prices.get(&price_key(number)).unwrap(), left);
    }
    assert_eq!((prices.keys().unwrap().len(), follower.keyspace(PRODUCTS).keys().unwrap().len()), (8, 12));
    assert!(follower.keyspace(COUNTERS).keys().unwrap().is_empty());
}

pub(crate) fn owner_finds_all(cache: &Cache) {
    let products = cache.keyspace(PRODUCTS).unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    for number in 0..12 {
        assert_eq!(products.get(&format!("P{number}")).as_deref(), Some(&product(number)));
        assert_eq!(prices.get(&price_key(number)).as_deref(), Some(&(number * 1_000)));
    }
    let counters = cache.keyspace(COUNTERS).unwrap();
    for number in 0..10 {
        assert_eq!(counters.get(&(1 << (number * 6))).as_deref(), Some(&(i64::MIN >> number)));
    }
    let depths = cache.keyspace(DEPTHS).unwrap();
    assert_eq!(depths.keys().collect::<Vec<_>>(), (-4..4).collect::<Vec<_>>());
    for number in -4..4 {
        assert_eq!(depths.get(&number).as_deref(), Some(&depth(number)));
    }
    let blobs = cache.keyspace(BLOBS).unwrap();
    for number in 0..4 {
        assert_eq!(blobs.get(&vec![0, number, 255]).as_deref(), Some(&blob(number)));
    }
    let notes = cache.keyspace(NOTES).unwrap();
    for number in 0..6 {
        assert_eq!(notes.get(&note_key(number)).as_deref(), Some(&note(number)));
    }
    assert!(notes.get(&note_key(8)).is_none() && notes.get(&note_key(9)).is_none());
}

pub(crate) fn follower_finds_all(follower: &Follower) {
    let (products, prices) = (follower.keyspace(PRODUCTS), follower.keyspace(PRICES));
    for number in 0..12 {
        assert_eq!(products.get(&format!("P{number}")).unwrap(), Some(product(number)));
        assert_eq!(prices.get(&price_key(number)).unwrap(), Some(number * 1_000));
    }
    let counters = follower.keyspace(COUNTERS);
    for number in 0..10 {
        assert_eq!(counters.get(&(1 << (number * 6))).unwrap(), Some(i64::MIN >> number));
    }
    let depths = follower.keyspace(DEPTHS);
    assert_eq!(depths.keys().unwrap(), (-4..4).collect::<Vec<_>>());
    for number in -4..4 {
        assert_eq!(depths.get(&number).unwrap(), Some(depth(number)));
    }
    for number in 0..4 {
        assert_eq!(follower.keyspace(BLOBS).get(&vec![0, number, 255]).unwrap(), Some(blob(number)));
    }
    let notes = follower.keyspace(NOTES);
    for number in 0..6 {
        assert_eq!(notes.get(&note_key(number)).unwrap(), Some(note(number)));
    }
    assert_eq!(notes.get(&note_key(8)).unwrap(), None);
}
