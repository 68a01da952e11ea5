//! What is not committed yet: removals and values on their way to the disk.

use super::{Content, Shard, next};
use crate::id::KeyspaceId;
use crate::memory::policy::SlotId;
use crate::memory::segments::make_room;
use crate::memory::slot::{Change, Mutation, Prior, Purged, Range, SlotKey, State, Trash};
use crate::sync::AtomicU64;
use crate::units::Timestamp;

impl Shard {
    /// Removes a key by a tombstone, to be committed.
    pub(crate) fn bury(
        &mut self,
        key: SlotKey<'_>,
        now: Timestamp,
        counter: &AtomicU64,
        trash: &mut Trash,
    ) -> (Prior, u64) {
        self.leases.revoke(key, trash);
        let prior = self.prior(key, now);
        let sequence = next(counter);
        self.set(key, Content::Tombstone, Timestamp::ZERO, sequence, trash);
        (prior, sequence)
    }

    /// Takes a tombstone back if it is still the latest word: nothing stands on disk for it to remove.
    pub(crate) fn unbury(&mut self, key: SlotKey<'_>, sequence: u64, trash: &mut Trash) {
        if let Some((id, slot)) = self.find(key)
            && slot.sequence == sequence
            && slot.state == State::Tombstone
        {
            self.remove(id, trash);
            // The writer may not look at the list for long.
            if let Some(at) = self.dirty.iter().rposition(|&dirty| dirty == id) {
                self.dirty.swap_remove(at);
            }
        }
    }

    /// Removes every key of the range that was written before it, and revokes the leases on them. On
    /// disk they are disbelieved until [`Shard::range_committed`]. The range's barrier was raised in every
    /// shard before its sequence was taken: else a fill in a shard that is purged late could have a later
    /// sequence and an older value.
    pub(crate) fn purge(
        &mut self,
        range: &Range,
        is_on_disk: bool,
        now: Timestamp,
        trash: &mut Trash,
    ) -> Purged {
        self.leases.lower_barrier(&range.scope, trash);
        let mut purged = Purged::default();
        for id in 0..self.slots.end() {
            let Some(slot) = self.slots.get(id) else { continue };
            if slot.sequence > range.sequence || !range.scope.covers(&slot.key) {
                continue;
            }
            let is_live = slot.expires_at > now;
            match slot.state {
                State::Clean if KeyspaceId::of(&slot.key).is_memory_only() => {
                    purged.memory_only += u64::from(is_live);
                    self.remove(id, trash);
                }
                State::Clean => {
                    purged.known.push((slot.key.clone(), is_live));
                    self.remove(id, trash);
                }
                State::Dirty => {
                    purged.known.push((slot.key.clone(), is_live));
                    self.entomb(id, trash);
                }
                // A removal that somebody waits for stays until it is committed.
                State::Tombstone => purged.known.push((slot.key.clone(), false)),
                State::Vacant => {}
            }
        }
        if is_on_disk {
            self.ranges.push(range.clone());
        }
        purged
    }

    pub(crate) fn range_committed(&mut self, sequence: u64) {
        self.ranges.retain(|range| range.sequence != sequence);
    }

    /// Lists every dirty key that the writer has drained: its commit failed.
    pub(crate) fn relist(&mut self) {
        for (id, slot) in self.slots.iter_mut() {
            let is_dirty = matches!(slot.state, State::Dirty | State::Tombstone);
            if is_dirty && !std::mem::replace(&mut slot.is_listed, true) {
                self.dirty.push(id);
            }
        }
    }

    pub(crate) fn start_saving(&mut self) {
        self.saves = true;
    }

    pub(crate) fn stop_saving(&mut self) {
        self.saves = false;
        self.ranges.clear();
    }

    /// Hands the dirty keys to the writer; they stay dirty. A value that has expired becomes a tombstone.
    pub(crate) fn drain(&mut self, now: Timestamp, out: &mut Vec<Mutation>, trash: &mut Trash) {
        make_room(out, self.dirty.len());
        for id in std::mem::take(&mut self.dirty) {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            if !std::mem::take(&mut slot.is_listed) {
                continue;
            }
            if slot.state == State::Dirty && slot.expires_at <= now {
                self.tallies.of(&slot.key).expirations += 1;
                self.entomb(id, trash);
            }
            let Some(slot) = self.slots.get(id) else { continue };
            let change = match (slot.state, self.pending.get(&id)) {
                (State::Dirty, Some(pending)) => Change::Put {
                    unsaved: pending.unsaved.clone(),
                    expires_at: slot.expires_at,
                    weight: pending.weight,
                },
                (State::Tombstone, _) => Change::Delete,
                _ => continue,
            };
            let (key, sequence) = (slot.key.clone(), slot.sequence);
            out.push(Mutation { key, sequence, change, hides_removal: slot.hides_removal });
        }
    }

    /// After a commit, and after its snapshot was installed: the key is clean, if nothing happened to it
    /// since. `keep` says that the value's weight is reserved in the budget; otherwise the value leaves
    /// memory. Answers whether it stays.
    pub(crate) fn settle(&mut self, key: SlotKey<'_>, sequence: u64, keep: bool, trash: &mut Trash) -> bool {
        let Some((id, slot)) = self.find(key) else {
            return false;
        };
        if slot.sequence != sequence {
            return false;
        }
        match slot.state {
            State::Vacant | State::Clean => false,
            State::Dirty if keep => {
                self.clean(id, trash);
                true
            }
            State::Dirty | State::Tombstone => {
                self.remove(id, trash);
                false
            }
        }
    }

    /// Turns a dirty value that will not be written into a tombstone of the same sequence: what it replaced
    /// may still be on disk, and a removal that it replaced may still be waited for.
    fn entomb(&mut self, id: SlotId, trash: &mut Trash) {
        self.strip(id, trash);
        if let Some(slot) = self.slots.get_mut(id) {
            (slot.expires_at, slot.state) = (Timestamp::ZERO, State::Tombstone);
        }
    }

    /// Turns the value of a dirty slot into a clean one, its weight being reserved.
    fn clean(&mut self, id: SlotId, trash: &mut Trash) {
        let (Some(slot), Some(pending)) = (self.slots.get_mut(id), self.pending.remove(&id)) else {
            return;
        };
        (slot.state, slot.is_listed, slot.hides_removal) = (State::Clean, false, false);
        self.policy.attach(id, slot.hash, pending.weight);
        self.expiry.add(id, slot.expires_at);
        trash.unsaved.push(pending.unsaved);
    }
}
