//! Removal of entries from a shard: by a call, by eviction, by expiry, or by closing the cache.

use super::{Shard, next};
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::entry::Refused;
use crate::memory::lookup::PreviousState;
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::sys::prefetch::prefetch;
use crate::sys::sync::AtomicU64;
use crate::units::Timestamp;

impl Shard {
    /// Removes the previous value of a key after an unsaved write of the key found no room. If changes of
    /// the key must be committed, removes nothing. Otherwise no tier has the write, as if it had been stored
    /// not to be committed, so it gets a sequence.
    pub(crate) fn forget_replaced(
        &mut self,
        key: SlotKey<'_>,
        now: Timestamp,
        counter: &AtomicU64,
        deferred: &mut DeferredDrops,
    ) -> Refused {
        if self.is_closed() {
            return Refused::Closed;
        }
        if self.must_save(key) {
            return Refused::Unsaved;
        }
        self.note_unsaved(key, || next(counter));
        self.forget(key, now, deferred);
        Refused::NoRoom
    }

    pub(crate) fn forget(
        &mut self,
        key: SlotKey<'_>,
        now: Timestamp,
        deferred: &mut DeferredDrops,
    ) -> PreviousState {
        self.leases.revoke(key, deferred);
        let previous = self.previous(key, now);
        if let Some((id, _)) = self.find(key) {
            self.remove(id, deferred);
        }
        previous
    }

    pub(crate) fn evict(&mut self, deferred: &mut DeferredDrops) -> bool {
        let Some(id) = self.policy.evict() else {
            return false;
        };
        self.remove_victim(id, deferred);
        self.prefetch_next_victim();
        true
    }

    /// Like [`evict`](Self::evict), but evicts no entry of the keys in `spared`. These entries move to the
    /// start of their queues, like entries that are overwritten.
    pub(in crate::memory) fn evict_beside(
        &mut self,
        spared: &[SlotKey<'_>],
        deferred: &mut DeferredDrops,
    ) -> bool {
        let clean = |key: &SlotKey<'_>| {
            let (id, slot) = self.find(*key)?;
            (slot.state == SlotState::Clean).then(|| (id, slot.hash, self.policy.weight_of(id)))
        };
        let spared: Vec<_> = spared.iter().filter_map(clean).collect();
        for (id, ..) in &spared {
            self.policy.detach(*id);
        }
        let is_evicted = self.evict(deferred);
        for (id, hash, weight) in spared {
            self.policy.attach(id, hash, weight);
        }
        is_evicted
    }

    /// Prefetches the entry that is probably the next victim. Otherwise the next eviction would wait for the
    /// cache lines of this entry, one after another.
    #[inline]
    fn prefetch_next_victim(&self) {
        if let Some((id, hash)) = self.policy.prefetch_candidate() {
            if let Some(slot) = self.slots.at(id) {
                prefetch(slot);
            }
            self.index.prefetch(hash);
            self.expiry.prefetch(id);
        }
    }

    /// Prefetches the home of a key in the index.
    #[inline]
    pub(in crate::memory) fn prefetch_home(&self, key: SlotKey<'_>) {
        self.index.prefetch(key.short_hash());
    }

    /// Removes an entry that the policy has evicted. The entry is clean, so nothing is pending for it, and it
    /// belongs to no group of removals. Each structure is visited once, because most inserts into full
    /// memory evict an entry.
    fn remove_victim(&mut self, id: SlotId, deferred: &mut DeferredDrops) {
        let weight = self.policy.weight_of(id);
        let (usages, expiry) = (&mut self.usages, &mut self.expiry);
        let hash = self.slots.vacate_with(id, |slot| {
            debug_assert_eq!(slot.state, SlotState::Clean, "only clean entries are in a queue");
            usages.evict_clean(&slot.key, weight);
            expiry.remove(id, slot.delete_after());
            deferred.weight += weight.bytes();
            deferred.value(slot.value.take());
        });
        self.take_extras(id);
        self.leave_index(id, hash);
    }

    /// Removes up to `most` clean entries that have expired and whose grace has ended. Returns the number of
    /// removed entries.
    pub(crate) fn expire(&mut self, now: Timestamp, most: usize, deferred: &mut DeferredDrops) -> usize {
        let mut expired = 0;
        for id in self.expiry.due(now, most) {
            if let Some(slot) = self.slots.get(id).filter(|slot| slot.delete_after() <= now) {
                self.usages.expired(&slot.key);
                self.remove(id, deferred);
                expired += 1;
            }
        }
        expired
    }

    /// Returns a time by which at least one more clean entry can be removed.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiry.next()
    }

    /// Seals the shard and removes every entry. Leases stay until their holders release them.
    pub(crate) fn close(&mut self, deferred: &mut DeferredDrops) {
        self.seal();
        for id in 0..self.slots.end() {
            if self.slots.get(id).is_some() {
                self.remove(id, deferred);
            }
        }
        self.dirty.clear();
        self.ranges.clear();
    }
}
