//! The peers, each set up as its own documentation says, with a TTL if the peer offers one.

use std::hint::black_box;
use std::sync::Arc;

use super::{MemoryCache, TTL};
use crate::workload::Page;

type Value = Arc<Page>;

/// Reads a value, as the code of larder's contestant does.
fn len(value: &Value) -> usize {
    black_box(value).text.len()
}

/// `quick_cache`. It has no TTL.
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

/// moka, with its own hasher.
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

/// moka with the hasher that its documentation recommends for speed, and that larder uses.
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

/// The store of `cached` for many threads. It is bounded and has a TTL.
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

/// foyer in memory with S3-FIFO.
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
