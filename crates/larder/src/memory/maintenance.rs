//! Operations over all shards, such as expiring, listing and counting entries. They lock one shard at a
//! time.

use std::collections::BTreeMap;

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::keyspace_usage::KeyspaceUsage;
use crate::sys::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// Maximum number of expired entries to remove while holding a shard's lock.
const EXPIRE_BATCH: usize = 256;

/// Maximum number of slots to visit while holding a shard's shared lock, when listing keys.
#[cfg(all(unix, feature = "control"))]
const LISTED_SLOTS: u32 = 1024;

/// Sums over all shards and all keyspaces.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MemoryTotals {
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) bypassed: u64,
}

impl Memory {
    /// Removes the clean entries whose grace has ended, and returns their number.
    pub(crate) fn expire(&self, now: Timestamp) -> u64 {
        let mut expired = 0;
        for shard in &self.shards {
            loop {
                let mut evicted_values = EvictedValues::default();
                let mut locked = self.lock_shard(shard, &mut evicted_values);
                let batch = locked.shard.expire(now, EXPIRE_BATCH, &mut locked.released.deferred);
                drop(locked);
                // Each batch is dropped immediately, because the expired entries may be a large part of the
                // memory tier.
                drop(evicted_values);
                expired += batch as u64;
                if batch < EXPIRE_BATCH {
                    break;
                }
            }
        }
        expired
    }

    /// Removes the leases whose deadlines have passed, and the passes, cool-downs and pauses that have
    /// ended. Locks a shard exclusively only if a key of it has a lease, a fence, a flight, a pass, a
    /// cool-down or a pause.
    pub(crate) fn drop_overdue_leases(&self) {
        for shard in self.shards.iter().filter(|shard| !shard.read().leases.has_none()) {
            let mut evicted_values = EvictedValues::default();
            let mut locked = self.lock_shard(shard, &mut evicted_values);
            locked.shard.leases.drop_overdue(&mut locked.released.deferred);
        }
    }

    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.shards.iter().filter_map(|shard| shard.read().next_expiry()).min()
    }

    #[cfg(test)]
    pub(crate) fn has_clean(&self, key: &[u8]) -> bool {
        let key = self.key(key);
        self.shard(key).read().has_clean(key)
    }

    /// Returns whether memory has a value or an absence of a key, committed or not.
    pub(crate) fn has_entry(&self, key: &[u8]) -> bool {
        let key = self.key(key);
        self.shard(key).read().has_entry(key)
    }

    #[cfg(test)]
    pub(crate) fn has_leases(&self) -> bool {
        self.shards.iter().any(|shard| !shard.read().leases.is_empty())
    }

    /// Returns the keys in memory that begin with `prefix`, sorted. They include expired and removed keys
    /// that still have a slot.
    pub(crate) fn keys(&self, prefix: &[u8]) -> Vec<Arc<[u8]>> {
        let mut keys = Vec::new();
        for shard in &self.shards {
            shard.read().keys(prefix, &mut keys);
        }
        keys.sort_unstable();
        keys
    }

    /// Returns the first `most` keys in memory that begin with `prefix` and come after `after`, if it is
    /// `Some`, in order. They include expired and removed keys that still have a slot.
    ///
    /// # Cost
    /// Visits all entries in memory, for any prefix. Holds each lock for at most [`LISTED_SLOTS`] slots at a
    /// time. Takes memory for `most` keys.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn keys_after(&self, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Vec<Arc<[u8]>> {
        // The greatest key is at the top of the heap, so that a smaller key can replace it.
        let mut least = std::collections::BinaryHeap::<Arc<[u8]>>::new();
        let mut show = |key: &[u8]| {
            if !key.starts_with(prefix) || after.is_some_and(|after| key <= after) {
                return;
            }
            if least.len() < most {
                least.push(key.into());
            } else if let Some(mut greatest) = least.peek_mut().filter(|greatest| *key < ***greatest) {
                *greatest = key.into();
            }
        };
        for shard in &self.shards {
            let mut next = Some(0);
            while let Some(from) = next {
                next = shard.read().list_part((from, LISTED_SLOTS), &mut show);
            }
        }
        least.into_sorted_vec()
    }

    /// Describes a key in memory. The call does not count as a use of the key.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn describe(&self, key: &[u8]) -> super::shard::describe::KeyInMemory {
        let key = self.key(key);
        self.shard(key).read().describe(key)
    }

    /// Returns the reserved weight, in bytes. The budget keeps it as one number, which never exceeds the
    /// capacity. A sum over shards could exceed the capacity while other threads add and remove entries.
    pub(crate) fn taken(&self) -> u64 {
        self.budget.used()
    }

    /// Locks each shard briefly, for a time that does not depend on the number of keyspaces.
    pub(crate) fn totals(&self) -> MemoryTotals {
        let mut totals =
            MemoryTotals { bypassed: self.bypassed.load(Ordering::Relaxed), ..MemoryTotals::default() };
        for shard in &self.shards {
            let (evictions, expirations) = shard.read().usages.removed();
            totals.evictions += evictions;
            totals.expirations += expirations;
        }
        totals
    }

    pub(crate) fn usages(&self) -> BTreeMap<KeyspaceId, KeyspaceUsage> {
        let mut sums = BTreeMap::<_, KeyspaceUsage>::new();
        for shard in &self.shards {
            for (id, usage) in shard.read().usages.iter() {
                sums.entry(id).or_default().add(usage);
            }
        }
        sums
    }

    pub(crate) fn usage(&self, id: KeyspaceId) -> KeyspaceUsage {
        let mut sum = KeyspaceUsage::default();
        for shard in &self.shards {
            sum.add(shard.read().usages.get(id));
        }
        sum
    }

    /// Adds the evictions and expirations of a keyspace that was retired and purged to those of the
    /// keyspace that replaces it.
    pub(crate) fn pass_counts_on(&self, retired: KeyspaceId, successor: KeyspaceId) {
        for shard in &self.shards {
            shard.write().usages.pass_on(retired, successor);
        }
    }
}
