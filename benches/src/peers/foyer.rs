//! foyer's hybrid cache of memory and a directory, on tokio.
//!
//! The caller blocks its own thread on the future, as a blocking program that uses foyer does. Entries are
//! written to the disk when they are inserted, because the bench looks them up after a restart. By default,
//! foyer writes only the entries that memory evicts.

use std::path::Path;

use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, HybridCachePolicy,
    PsyncIoEngineConfig, RecoverMode,
};
use tokio::runtime::{Builder, Runtime};

use super::{Peer, Session};
use crate::workload::Page;

/// Returns the size in bytes of a directory with room for `entries` pages several times over. An entry fills
/// whole pages of 4 KiB, and a replaced entry stays until its block is evicted.
#[must_use]
pub const fn room(entries: usize) -> usize {
    let bytes = entries * 4 * 4096;
    if bytes < LEAST { LEAST } else { bytes }
}

/// Minimum size of the directory in bytes, so that foyer has enough blocks of 16 MiB.
const LEAST: usize = 512 << 20;
/// Number of inserts between two waits while the cache is filled. foyer drops entries when its submission
/// queue is full.
const FILL_BATCH: usize = 1_000;

/// An open cache, and its tokio runtime.
pub struct Foyer {
    runtime: Runtime,
    cache: HybridCache<String, Page>,
}

impl std::fmt::Debug for Foyer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foyer").finish_non_exhaustive()
    }
}

impl Foyer {
    /// Opens a cache in a directory. `in_memory` is the memory capacity in pages, and `disk_bytes` is the
    /// disk capacity in bytes.
    ///
    /// # Panics
    /// Panics if the cache can't be opened.
    #[must_use]
    pub fn open(dir: &Path, in_memory: usize, disk_bytes: usize) -> Self {
        let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
        let device = FsDeviceBuilder::new(dir).with_capacity(disk_bytes).build().expect("the device opens");
        let building = HybridCacheBuilder::new()
            .with_policy(HybridCachePolicy::WriteOnInsertion)
            .memory(in_memory)
            .with_weighter(|_: &String, _: &Page| 1)
            .storage()
            .with_io_engine_config(PsyncIoEngineConfig::new())
            .with_engine_config(BlockEngineConfig::new(device))
            .with_recover_mode(RecoverMode::Quiet)
            .build();
        let cache = runtime.block_on(building).expect("the cache opens");
        Self { runtime, cache }
    }

    /// Stores pages, no faster than foyer writes them to the disk.
    pub fn fill(&self, pages: impl Iterator<Item = (String, Page)>) {
        for (number, (key, page)) in pages.enumerate() {
            drop(self.cache.insert(key, page));
            if number % FILL_BATCH == FILL_BATCH - 1 {
                self.settle();
            }
        }
        self.settle();
    }

    /// Closes the cache.
    ///
    /// # Panics
    /// Panics if the cache can't be closed.
    pub fn close(self) {
        self.runtime.block_on(self.cache.close()).expect("the cache closes");
        drop(self.cache);
    }
}

impl Peer for Foyer {
    fn name(&self) -> &'static str {
        "foyer"
    }

    fn terms(&self) -> String {
        "written in the background, no fsync, best effort; psync I/O".to_owned()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }

    fn settle(&self) {
        self.runtime.block_on(self.cache.storage().wait());
    }
}

impl Session for &Foyer {
    fn get(&mut self, key: &str) -> bool {
        let found = self.runtime.block_on(self.cache.get(key));
        found.expect("the disk can be read").is_some()
    }

    fn insert(&mut self, key: &str, page: Page) {
        drop(self.cache.insert(key.to_owned(), page));
    }
}
