//! Room in the budget for entries that become clean: the weight of other entries, which are evicted.
//!
//! A change in full memory usually needs room while the entry that it was computed from is in memory. If this
//! entry were evicted for the change, the change would be lost, and the next round would find no entry. So
//! the caller may spare entries.

use super::Memory;
use super::evicted_values::EvictedValues;
use super::slot_key::SlotKey;
use crate::sys::sync::{Ordering, thread};

impl Memory {
    /// Counts a value that memory does not keep, for lack of room.
    pub(super) fn count_bypassed(&self) {
        self.bypassed.fetch_add(1, Ordering::Relaxed);
    }

    /// Reserves weight in the budget for a key, evicting entries as needed. The first victim is in the key's
    /// own shard, so that shards keep their sizes and the new entry competes with its neighbours. The other
    /// victims come from all shards, round-robin. The caller must not hold a lock.
    pub(super) fn reserve_weight(
        &self,
        key: SlotKey<'_>,
        weight: u64,
        evicted_values: &mut EvictedValues,
    ) -> bool {
        if weight > self.budget.capacity() {
            return false;
        }
        if self.budget.try_reserve(weight) {
            return true;
        }
        self.lock(key, evicted_values).evict();
        self.reserve_beside(&[], weight, evicted_values)
    }

    /// Reserves weight in the budget, evicting entries of all shards, round-robin. Evicts no entry of the
    /// keys in `spared`, which are in the order of their shards ([`index_of`](Self::index_of)). The caller
    /// must not hold a lock.
    pub(super) fn reserve_beside(
        &self,
        spared: &[SlotKey<'_>],
        weight: u64,
        evicted_values: &mut EvictedValues,
    ) -> bool {
        let mut idle = 0;
        while !self.budget.try_reserve(weight) {
            if self.evict_next(spared, evicted_values) {
                idle = 0;
                continue;
            }
            // The shard has no other clean entry. If no shard has one, other callers have reserved the room,
            // and will use or release it soon.
            idle += 1;
            if idle > 8 * self.shards.len() {
                return false;
            }
            if idle % self.shards.len() == 0 {
                thread::yield_now();
            }
        }
        true
    }

    /// Evicts one clean entry from the next shard, round-robin, but none of the keys in `spared`. Returns
    /// whether that shard had another clean entry.
    pub(super) fn evict_next(&self, spared: &[SlotKey<'_>], evicted_values: &mut EvictedValues) -> bool {
        let number = self.next_victim.fetch_add(1, Ordering::Relaxed) & (self.shards.len() - 1);
        let Some(shard) = self.shards.get(number) else { return false };
        let number_of = |key: &SlotKey<'_>| self.index_of(key.hash);
        let first = spared.partition_point(|key| number_of(key) < number);
        let end = spared.partition_point(|key| number_of(key) <= number);
        let spared = spared.get(first..end).unwrap_or_default();
        self.lock_shard(shard, evicted_values).evict_beside(spared)
    }
}
