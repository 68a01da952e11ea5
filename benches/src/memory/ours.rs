//! The contestant larder, without a file.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use larder::{ByteSize, Cache, Keyspace};

use super::MemoryCache;
use crate::workload::{PAGES, Page, key};

/// larder without a weigher, so that the weight of an entry is larder's own figure for its memory.
#[derive(Debug)]
pub struct LarderInMemory {
    pages: Keyspace<String, Page>,
    cache: Cache,
}

/// Returns the weight of an entry of the benches.
pub(super) fn weight() -> u64 {
    let cache = LarderInMemory::open(ByteSize::mib(1));
    cache.insert(&key(0), Arc::new(Page::of(0)));
    cache.cache.stats().memory.weight.as_u64()
}

impl LarderInMemory {
    /// Looks up a key with `get_or_load`. The loader runs only if the key has no entry. Returns the length
    /// of the value's text.
    #[must_use]
    pub fn load(&self, key: &str) -> usize {
        let loaded = self.pages.get_or_load(key, || Ok::<_, Infallible>(Page { text: String::new() }));
        loaded.map_or(0, |value| black_box(&value).text.len())
    }

    fn open(capacity: ByteSize) -> Self {
        let cache = Cache::builder().memory_capacity(capacity).open().expect("a cache in memory opens");
        let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
        Self { pages, cache }
    }
}

impl MemoryCache for LarderInMemory {
    const NAME: &'static str = crate::outcome::OURS;

    fn with_room(entries: usize) -> Self {
        Self::open(ByteSize::bytes(entries as u64 * weight()))
    }

    fn read(&self, key: &str) -> usize {
        self.pages.get(key).map_or(0, |value| black_box(&value).text.len())
    }

    fn insert(&self, key: &str, value: Arc<Page>) {
        self.pages.insert(key, value).expect("a page can be stored");
    }

    fn contains(&self, key: &str) -> bool {
        self.pages.contains_key(key)
    }
}
