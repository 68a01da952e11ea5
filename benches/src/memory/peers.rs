//! The peers of the memory tier. Each has its default settings, unless its comment says otherwise, and a TTL
//! if it supports one.

use std::hint::black_box;
use std::sync::Arc;

use super::{MemoryCache, TTL};
use crate::workload::Page;

type Value = Arc<Page>;

/// Reads a value in the same way as larder's contestant.
fn len(value: &Value) -> usize {
    black_box(value).text.len()
}

/// `quick_cache`, which has no TTL.
#[derive(Debug)]
pub struct QuickCache(quick_cache::sync::Cache<String, Value>);

impl MemoryCache for QuickCache {
    const NAME: &'static str = "quick_cache";

    fn with_room(entries: usize) -> Self {
        Self(quick_cache::sync::Cache::new(entries))
    }

    fn read(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |value| len(&value))
    }

    fn insert(&self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

/// moka with its default hasher.
#[derive(Debug)]
pub struct Moka(moka::sync::Cache<String, Value>);

impl MemoryCache for Moka {
    const NAME: &'static str = "moka";

    fn with_room(entries: usize) -> Self {
        Self(moka::sync::Cache::builder().max_capacity(entries as u64).time_to_live(TTL).build())
    }

    fn read(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |value| len(&value))
    }

    fn insert(&self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn settle(&self) {
        self.0.run_pending_tasks();
    }
}

/// moka with the hasher that its documentation recommends for speed. larder uses the same hasher.
#[derive(Debug)]
pub struct MokaAhash(moka::sync::Cache<String, Value, ahash::RandomState>);

impl MemoryCache for MokaAhash {
    const NAME: &'static str = "moka, ahash";

    fn with_room(entries: usize) -> Self {
        let builder = moka::sync::Cache::builder().max_capacity(entries as u64).time_to_live(TTL);
        Self(builder.build_with_hasher(ahash::RandomState::new()))
    }

    fn read(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |value| len(&value))
    }

    fn insert(&self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn settle(&self) {
        self.0.run_pending_tasks();
    }
}

/// The sharded store of `cached`, which is bounded and has a TTL.
#[derive(Debug)]
pub struct Cached(cached::ShardedLruTtlCache<String, Value>);

impl MemoryCache for Cached {
    const NAME: &'static str = "cached";

    fn with_room(entries: usize) -> Self {
        Self(cached::ShardedLruTtlCache::new(entries, TTL))
    }

    fn read(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |value| len(&value))
    }

    fn insert(&self, key: &str, value: Value) {
        self.0.set(key.to_owned(), value);
    }

    fn contains(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

/// foyer in memory with its default policy, an LRU list. It has no TTL.
#[derive(Debug)]
pub struct FoyerLru(foyer::Cache<String, Value>);

/// foyer in memory with the S3-FIFO policy.
#[derive(Debug)]
pub struct FoyerS3Fifo(foyer::Cache<String, Value>);

impl MemoryCache for FoyerLru {
    const NAME: &'static str = "foyer";

    fn with_room(entries: usize) -> Self {
        Self(foyer::CacheBuilder::new(entries).build())
    }

    fn read(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |entry| len(entry.value()))
    }

    fn insert(&self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn contains(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

impl MemoryCache for FoyerS3Fifo {
    const NAME: &'static str = "foyer, S3-FIFO";

    fn with_room(entries: usize) -> Self {
        let builder = foyer::CacheBuilder::new(entries);
        Self(builder.with_eviction_config(foyer::S3FifoConfig::default()).build())
    }

    fn read(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |entry| len(entry.value()))
    }

    fn insert(&self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn contains(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}
