//! The redb store of `cached`, with one transaction per operation.

use std::path::Path;
use std::time::Duration;

use cached::{ConcurrentCached, RedbCache};

use super::{Peer, Session};
use crate::workload::Page;

/// An open store.
pub struct CachedRedb {
    store: RedbCache<String, Page>,
    is_durable: bool,
}

impl std::fmt::Debug for CachedRedb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedRedb").field("is_durable", &self.is_durable).finish_non_exhaustive()
    }
}

impl CachedRedb {
    /// Opens a store in a directory, or creates it. With `is_durable`, which is the store's default, every
    /// write is synced.
    ///
    /// # Panics
    /// Panics if the store can't be opened.
    #[must_use]
    pub fn open(dir: &Path, is_durable: bool) -> Self {
        let builder = RedbCache::builder("pages").disk_dir(dir).ttl(Duration::from_hours(24));
        let store = builder.durable(is_durable).build().expect("the store opens");
        Self { store, is_durable }
    }

    /// Removes a page.
    ///
    /// # Panics
    /// Panics if the removal can't be written.
    pub fn remove(&self, key: &str) {
        self.store.cache_delete(&key.to_owned()).expect("the disk takes writes");
    }
}

impl Peer for CachedRedb {
    fn name(&self) -> &'static str {
        "cached, redb store"
    }

    fn terms(&self) -> String {
        let terms = if self.is_durable {
            "each write durable (one phase, no quick repair)"
        } else {
            "no write durable before a flush"
        };
        terms.to_owned()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }

    fn settle(&self) {
        self.store.flush().expect("the disk takes what was written");
    }
}

impl Session for &CachedRedb {
    fn get(&mut self, key: &str) -> bool {
        self.store.cache_get(&key.to_owned()).expect("the disk can be read").is_some()
    }

    fn insert(&mut self, key: &str, page: Page) {
        self.store.cache_set(key.to_owned(), page).expect("the disk takes writes");
    }
}
