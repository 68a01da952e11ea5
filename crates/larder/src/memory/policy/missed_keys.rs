//! The keys of recent misses. They show which stored entries a caller has asked for.
//!
//! A caller whose lookup misses usually stores the key afterwards. Such a store is a use of the key, and
//! the sketch counts it. A store without a miss is not a use. For example, a job may store many keys again
//! and again while no caller looks them up. If these stores were uses, they would look like a loop that is
//! larger than the cache. The policy would keep a part of the loop and refuse newer entries, but no lookup
//! would gain from this.
//!
//! A miss takes four bytes in a table without chains. A later miss with the same index overwrites an
//! earlier miss. Then the store of the earlier key is not counted. Such a loss is harmless, because it hits
//! popular and other keys alike, and occurs only if many misses wait for their stores. The table takes 2
//! KiB for each shard that has been full.
//!
//! Concurrent lookups write to the table under a shared lock, with relaxed stores. The promises of the cache
//! do not depend on the table, so the model checker does not see it.

use crate::sys::sync::{Ordering, StatisticU32};

/// Number of misses in the table of a shard.
const SLOTS: usize = 512;

/// The hashes of missed keys, indexed by hash. Empty until the first eviction.
#[derive(Debug, Default)]
pub(super) struct MissedKeys(Vec<StatisticU32>);

impl MissedKeys {
    pub(super) fn begin(&mut self) {
        self.0.resize_with(SLOTS, StatisticU32::default);
    }

    /// Records that a lookup of a key has missed. Takes `&self`, because many readers may call it
    /// concurrently.
    pub(super) fn add(&self, hash: u32) {
        if let Some(slot) = self.slot(hash) {
            slot.store(hash, Ordering::Relaxed);
        }
    }

    /// Returns whether a recent lookup of a key has missed, and forgets this miss.
    pub(super) fn take(&mut self, hash: u32) -> bool {
        let Some(slot) = self.slot(hash).filter(|slot| slot.load(Ordering::Relaxed) == hash) else {
            return false;
        };
        // The complement belongs to another slot, so no key of this slot has it.
        slot.store(!hash, Ordering::Relaxed);
        true
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    fn slot(&self, hash: u32) -> Option<&StatisticU32> {
        self.0.get(hash as usize % SLOTS)
    }
}
