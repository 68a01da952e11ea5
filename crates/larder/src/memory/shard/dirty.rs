//! Dirty keys: uncommitted values and removals.

use super::{Shard, SlotValue, next};
use crate::format::keyspace_id::{KeyspaceId, LowestTier};
use crate::format::range_tombstone::RangeTombstone;
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::grace::Grace;
use crate::memory::lookup::PreviousState;
use crate::memory::mutation::{Mutation, SlotChange};
use crate::memory::policy::slot_id::SlotId;
use crate::memory::purged::Purged;
use crate::memory::segments::make_room;
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::AtomicU64;
use crate::units::Timestamp;

impl Shard {
    /// Replaces a key with a tombstone, to be committed.
    pub(crate) fn insert_tombstone(
        &mut self,
        key: SlotKey<'_>,
        now: Timestamp,
        counter: &AtomicU64,
        deferred: &mut DeferredDrops,
    ) -> (PreviousState, u64) {
        self.leases.revoke(key, deferred);
        let previous = self.previous(key, now);
        let sequence = next(counter);
        self.set(key, SlotValue::Tombstone, (Timestamp::ZERO, Grace::NONE), sequence, deferred);
        (previous, sequence)
    }

    /// Removes a tombstone if it is still the latest change of the key. Must be called only if the disk has
    /// no record for the tombstone to remove.
    pub(crate) fn cancel_tombstone(&mut self, key: SlotKey<'_>, sequence: u64, deferred: &mut DeferredDrops) {
        if let Some((id, slot)) = self.find(key)
            && slot.sequence == sequence
            && slot.state == SlotState::Tombstone
        {
            self.remove(id, deferred);
            // The slot also leaves the dirty list, because the writer may not drain that list for a long
            // time.
            if let Some(at) = self.dirty.iter().rposition(|&dirty| dirty == id) {
                self.dirty.swap_remove(at);
            }
        }
    }

    /// Hides the records of a range on disk until [`Shard::remove_range_tombstone`] is called. Returns the
    /// range removals that are already pending.
    pub(crate) fn insert_range_tombstone(&mut self, range: &RangeTombstone) -> Vec<RangeTombstone> {
        let earlier = self.ranges.clone();
        // A sealed shard gets no range tombstone. The writer thread accepts no range removal after the
        // sealing, so it would never remove the tombstone.
        if !self.is_closed {
            self.ranges.push(range.clone());
        }
        earlier
    }

    /// Visits up to `most` slots, starting at slot `from`. Skips keys outside the range, and keys that have
    /// changed since the range removal. Removes a clean entry, and replaces a dirty value with a tombstone.
    /// Adds these keys and those with a tombstone to `purged` if they belong to the disk tier. A clean key is
    /// added only while `purged` has fewer than `most_listed` keys. Counts the live clean entries that are
    /// not added, except those of remote tiers. Returns the next slot to visit. At the end, removes the
    /// barrier of the range and returns `None`.
    ///
    /// An entry of the range stays in its slot until it is removed. No further old entry can appear in the
    /// meantime, because the barrier prevents fills and a write has a later sequence.
    pub(crate) fn purge_part(
        &mut self,
        range: &RangeTombstone,
        now: Timestamp,
        (from, most): (SlotId, SlotId),
        most_listed: usize,
        purged: &mut Purged,
        deferred: &mut DeferredDrops,
    ) -> Option<SlotId> {
        let end = self.slots.end();
        let to = from.saturating_add(most).min(end);
        for id in from..to {
            let Some(slot) = self.slots.get(id) else { continue };
            if slot.sequence > range.sequence || !range.scope.covers(&slot.key) {
                continue;
            }
            let is_live = slot.has_value() && slot.expires_at > now;
            match slot.state {
                SlotState::Clean if !KeyspaceId::of(&slot.key).is_in_file() => {
                    let is_counted = match KeyspaceId::of(&slot.key).lowest_tier() {
                        LowestTier::Memory => is_live,
                        LowestTier::File | LowestTier::Remote => false,
                    };
                    purged.only_in_memory += u64::from(is_counted);
                    self.remove(id, deferred);
                }
                SlotState::Clean if purged.memory_keys.len() >= most_listed => {
                    purged.unlisted += u64::from(is_live);
                    self.remove(id, deferred);
                }
                SlotState::Clean => {
                    purged.memory_keys.push((slot.key.clone(), is_live));
                    self.remove(id, deferred);
                }
                SlotState::Dirty => {
                    purged.memory_keys.push((slot.key.clone(), is_live));
                    self.convert_to_tombstone(id, deferred);
                }
                // A caller may be waiting for this removal, so the tombstone stays until it is committed.
                SlotState::Tombstone => purged.memory_keys.push((slot.key.clone(), false)),
                SlotState::Vacant => {}
            }
        }
        if to < end {
            return Some(to);
        }
        self.leases.lower_barrier(&range.scope, deferred);
        None
    }

    /// Removes a range tombstone. Records on disk that only this tombstone has hidden become visible again.
    pub(crate) fn remove_range_tombstone(&mut self, sequence: u64) {
        self.ranges.retain(|range| range.sequence != sequence);
    }

    /// Puts the drained keys that are still dirty back on the dirty list, after a failed commit.
    pub(crate) fn requeue(&mut self) {
        for (id, slot) in self.slots.iter_mut() {
            let is_dirty = matches!(slot.state, SlotState::Dirty | SlotState::Tombstone);
            if is_dirty && !std::mem::replace(&mut slot.is_listed, true) {
                self.dirty.push(id);
            }
        }
    }

    /// Notes the sequence of a write that will not be committed.
    pub(super) fn note_unsaved(&mut self, key: SlotKey<'_>, sequence: impl FnOnce() -> u64) {
        if !self.saves && KeyspaceId::of(key.bytes).is_in_file() {
            self.unsaved_up_to = sequence();
        }
    }

    /// Returns the highest sequence of the writes that were made not to be committed, or 0. From now on,
    /// the shard refuses such writes.
    pub(crate) fn start_saving(&mut self) -> u64 {
        self.saves = true;
        std::mem::take(&mut self.unsaved_up_to)
    }

    pub(crate) fn stop_saving(&mut self) {
        self.saves = false;
        self.ranges.clear();
    }

    /// Adds the keys of the dirty list to `out` for the writer, and clears the list. The keys stay dirty.
    /// An entry whose grace has ended becomes a tombstone. `shard` is the index of this shard.
    pub(crate) fn drain(
        &mut self,
        shard: u16,
        now: Timestamp,
        out: &mut Vec<Mutation>,
        deferred: &mut DeferredDrops,
    ) {
        make_room(out, self.dirty.len());
        for id in std::mem::take(&mut self.dirty) {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            if !std::mem::take(&mut slot.is_listed) {
                continue;
            }
            if slot.state == SlotState::Dirty && slot.delete_after() <= now {
                self.usages.expired(&slot.key);
                // The deletion of the expired value belongs to the same group as the value.
                let group = self.pending.get(&id).and_then(|pending| pending.unsaved.group.clone());
                self.convert_to_tombstone(id, deferred);
                self.removal_groups.join(id, group);
            }
            let Some(slot) = self.slots.get(id) else { continue };
            let change = match (slot.state, self.pending.get(&id)) {
                (SlotState::Dirty, Some(pending)) => SlotChange::Put {
                    unsaved: pending.unsaved.clone(),
                    expires_at: slot.expires_at,
                    grace: slot.grace,
                    shard,
                    slot: id,
                },
                (SlotState::Tombstone, _) => {
                    self.removal_groups.get(id).map_or(SlotChange::Delete, SlotChange::DeleteInGroup)
                }
                _ => continue,
            };
            let (key, sequence) = (slot.key.clone(), slot.sequence);
            out.push(Mutation { key, sequence, change, hides_removal: slot.hides_removal, unit: 0 });
        }
    }

    /// Marks a drained key clean, if the key has not changed since the drain. Its change was committed, and
    /// the snapshot of the commit is already installed; or the file was discarded. If `keep` is set, the
    /// caller has reserved the value's weight in the budget. If not, the value leaves memory. Returns
    /// whether the value stays in memory.
    pub(crate) fn mark_clean(
        &mut self,
        key: SlotKey<'_>,
        sequence: u64,
        keep: bool,
        deferred: &mut DeferredDrops,
    ) -> bool {
        let Some((id, slot)) = self.find(key) else { return false };
        // The committed removal of a key that has a newer value. If no change came between the two, the value
        // hides no other removal.
        if slot.sequence.checked_sub(1) == Some(sequence) {
            self.note_hidden_removal(id, key, sequence + 1);
        }
        self.mark_slot_clean(id, key, sequence, keep, deferred)
    }

    /// Returns whether a value that was drained from this slot is still the key's content. If so,
    /// [`mark_slot_clean`](Self::mark_slot_clean) needs its weight.
    pub(crate) fn is_dirty(&self, id: SlotId, key: SlotKey<'_>, sequence: u64) -> bool {
        self.slots.get(id).is_some_and(|slot| {
            slot.state == SlotState::Dirty && slot.sequence == sequence && *slot.key == *key.bytes
        })
    }

    /// Like [`mark_clean`](Self::mark_clean), for a key that was drained from this slot. A dirty key may
    /// have left the slot since, for example while there was no file, and another key may have taken it. So
    /// the slot must still have this key, with this sequence.
    pub(crate) fn mark_slot_clean(
        &mut self,
        id: SlotId,
        key: SlotKey<'_>,
        sequence: u64,
        keep: bool,
        deferred: &mut DeferredDrops,
    ) -> bool {
        let Some(slot) = self.slots.get(id) else { return false };
        if slot.sequence != sequence || *slot.key != *key.bytes {
            return false;
        }
        match slot.state {
            SlotState::Vacant | SlotState::Clean => false,
            SlotState::Dirty if keep => {
                self.clean(id, deferred);
                true
            }
            SlotState::Dirty | SlotState::Tombstone => {
                self.remove(id, deferred);
                false
            }
        }
    }

    /// Notes that the removal that a drained value hides was committed without the value. Does nothing if the
    /// key has changed since the drain.
    pub(crate) fn note_hidden_removal(&mut self, id: SlotId, key: SlotKey<'_>, sequence: u64) {
        if let Some(slot) = self.slots.get_mut(id)
            && slot.sequence == sequence
            && *slot.key == *key.bytes
        {
            slot.hides_removal = false;
        }
    }

    /// Replaces a dirty value that will not be committed with a tombstone of the same sequence. An older
    /// value of the key may still be on disk, and a caller may still be waiting for an earlier removal of
    /// the key.
    fn convert_to_tombstone(&mut self, id: SlotId, deferred: &mut DeferredDrops) {
        self.take_content(id, deferred);
        if let Some(slot) = self.slots.get_mut(id) {
            (slot.expires_at, slot.grace, slot.state) = (Timestamp::ZERO, Grace::NONE, SlotState::Tombstone);
        }
    }

    /// Turns a dirty value into a clean value, whose weight is already reserved in the budget.
    fn clean(&mut self, id: SlotId, deferred: &mut DeferredDrops) {
        let (Some(slot), Some(pending)) = (self.slots.get_mut(id), self.pending.remove(&id)) else {
            return;
        };
        (slot.state, slot.is_listed, slot.hides_removal) = (SlotState::Clean, false, false);
        self.usages.mark_clean(&slot.key, pending.weight());
        self.policy.attach(id, slot.hash, pending.weight());
        self.expiry.add(id, slot.delete_after());
        deferred.unsaved(Some(pending.unsaved));
    }
}
