//! What concerns every shard: expiring, listing, counting. One lock at a time.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::slot::Tally;
use super::{Memory, Remains};
use crate::id::KeyspaceId;
use crate::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// Expired entries removed under one hold of a shard's lock.
const EXPIRE_BATCH: usize = 256;

/// Sums over all shards.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryTotals {
    pub(crate) by_keyspace: BTreeMap<KeyspaceId, Tally>,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) bypassed: u64,
}

impl Memory {
    /// Removes expired clean entries; how many. The first panic of a user's `Drop` is left to the caller, who
    /// has still to plan when to look again.
    pub(crate) fn expire(&self, now: Timestamp, panic: &mut Option<Box<dyn Any + Send>>) -> u64 {
        let mut expired = 0;
        for shard in &self.shards {
            loop {
                let mut remains = Remains::default();
                let batch =
                    self.keeping(shard, &mut remains, |shard, trash| shard.expire(now, EXPIRE_BATCH, trash));
                // In batches: all of them may be a good part of what memory holds.
                if let Err(dropped) = catch_unwind(AssertUnwindSafe(|| drop(remains))) {
                    panic.get_or_insert(dropped);
                }
                expired += batch as u64;
                if batch < EXPIRE_BATCH {
                    break;
                }
            }
        }
        expired
    }

    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.shards.iter().filter_map(|shard| shard.read().next_expiry()).min()
    }

    #[cfg(test)]
    pub(crate) fn has_clean(&self, key: &[u8]) -> bool {
        let key = self.key(key);
        self.shard(key).read().has_clean(key)
    }

    /// Whether memory has a value of a key, committed or not.
    pub(crate) fn has_value(&self, key: &[u8]) -> bool {
        let key = self.key(key);
        self.shard(key).read().has_value(key)
    }

    /// The keys in memory with a prefix, sorted.
    pub(crate) fn keys(&self, prefix: &[u8]) -> Vec<Arc<[u8]>> {
        let mut keys = Vec::new();
        for shard in &self.shards {
            shard.read().keys(prefix, &mut keys);
        }
        keys.sort_unstable();
        keys
    }

    pub(crate) fn totals(&self) -> MemoryTotals {
        let mut totals =
            MemoryTotals { bypassed: self.bypassed.load(Ordering::Relaxed), ..MemoryTotals::default() };
        for shard in &self.shards {
            let shard = shard.read();
            for (id, tally) in shard.tallies.iter() {
                let sum = totals.by_keyspace.entry(id).or_default();
                sum.entries += tally.entries;
                sum.weight += tally.weight;
                sum.evictions += tally.evictions;
                sum.expirations += tally.expirations;
                totals.evictions += tally.evictions;
                totals.expirations += tally.expirations;
            }
        }
        totals
    }
}
