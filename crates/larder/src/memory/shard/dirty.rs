//! What is not committed yet: removals and values on their way to the disk.

use super::{Shard, next};
use crate::id::KeyspaceId;
use crate::memory::policy::SlotId;
use crate::memory::slot::{Change, Content, Mutation, Prior, Purged, Range, SlotKey, Trash};
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
        self.leases.revoke(key);
        let prior = self.prior(key, now);
        let sequence = next(counter);
        self.set(key, Content::Tombstone, Timestamp::ZERO, 0, sequence, trash);
        (prior, sequence)
    }

    /// Takes a tombstone back if it is still the latest word: nothing stands on disk for it to remove.
    pub(crate) fn unbury(&mut self, key: SlotKey<'_>, sequence: u64, trash: &mut Trash) {
        if let Some((id, slot)) = self.find(key)
            && slot.sequence == sequence
            && matches!(slot.content, Content::Tombstone)
        {
            self.remove(id, trash);
            // The writer may not look at the list for long.
            if let Some(at) = self.dirty.iter().rposition(|&dirty| dirty == id) {
                self.dirty.swap_remove(at);
            }
        }
    }

    /// Removes every key of the range that was written before it, and revokes the leases on them. On
    /// disk they are disbelieved until [`Shard::range_committed`]. The range's barrier was raised in every shard before its sequence
    /// was taken: else a fill in a shard that is purged late could have a later sequence and an older value.
    pub(crate) fn purge(
        &mut self,
        range: &Range,
        is_on_disk: bool,
        now: Timestamp,
        trash: &mut Trash,
    ) -> Purged {
        self.leases.lower_barrier(&range.scope);
        let mut purged = Purged::default();
        for id in 0..SlotId::try_from(self.slots.len()).unwrap_or(SlotId::MAX) {
            let Some(slot) = self.slots.get(id as usize).and_then(Option::as_ref) else {
                continue;
            };
            if slot.sequence > range.sequence || !range.scope.covers(&slot.key) {
                continue;
            }
            let is_live = slot.expires_at > now;
            match slot.content {
                Content::Clean(_) if KeyspaceId::of(&slot.key).is_memory_only() => {
                    purged.memory_only += u64::from(is_live);
                    self.remove(id, trash);
                }
                Content::Clean(_) => {
                    purged.known.push((slot.key.clone(), is_live));
                    self.remove(id, trash);
                }
                Content::Dirty(..) => {
                    purged.known.push((slot.key.clone(), is_live));
                    self.entomb(id, trash);
                }
                // A removal that somebody waits for stays until it is committed.
                Content::Tombstone => purged.known.push((slot.key.clone(), false)),
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
        for (id, slot) in self.slots.iter_mut().enumerate() {
            let Some(slot) = slot else { continue };
            let is_dirty = matches!(slot.content, Content::Dirty(..) | Content::Tombstone);
            if is_dirty && !std::mem::replace(&mut slot.is_listed, true) {
                self.dirty.extend(SlotId::try_from(id));
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
        for id in std::mem::take(&mut self.dirty) {
            let Some(slot) = self.slots.get_mut(id as usize).and_then(Option::as_mut) else {
                continue;
            };
            if !std::mem::take(&mut slot.is_listed) {
                continue;
            }
            if matches!(slot.content, Content::Dirty(..)) && slot.expires_at <= now {
                self.entomb(id, trash);
                self.expirations += 1;
            }
            let Some(slot) = self.slots.get(id as usize).and_then(Option::as_ref) else {
                continue;
            };
            let change = match &slot.content {
                Content::Dirty(_, unsaved) => {
                    Change::Put { unsaved: unsaved.clone(), expires_at: slot.expires_at, weight: slot.weight }
                }
                Content::Tombstone => Change::Delete,
                Content::Clean(_) => continue,
            };
            let (hash, key, sequence) = (slot.hash, slot.key.clone(), slot.sequence);
            out.push(Mutation { hash, key, sequence, change, hides_removal: slot.hides_removal });
        }
    }

    /// After a commit, and after its snapshot was installed: the key is clean, if nothing happened to it since. `keep` says
    /// that the value's weight is reserved in the budget; otherwise the value leaves memory. Answers whether it stays.
    pub(crate) fn settle(&mut self, key: SlotKey<'_>, sequence: u64, keep: bool, trash: &mut Trash) -> bool {
        let Some((id, slot)) = self.find(key) else {
            return false;
        };
        if slot.sequence != sequence {
            return false;
        }
        match slot.content {
            Content::Clean(_) => false,
            Content::Dirty(..) if keep => {
                self.clean(id, trash);
                true
            }
            Content::Dirty(..) | Content::Tombstone => {
                self.remove(id, trash);
                false
            }
        }
    }

    /// Turns a dirty value that will not be written into a tombstone of the same sequence: what it replaced may still be on
    /// disk, and a removal that it replaced may still be waited for.
    fn entomb(&mut self, id: SlotId, trash: &mut Trash) {
        self.uncharge(id, trash);
        if let Some(slot) = self.slots.get_mut(id as usize).and_then(Option::as_mut) {
            (slot.weight, slot.expires_at) = (0, Timestamp::ZERO);
            trash.contents.push(std::mem::replace(&mut slot.content, Content::Tombstone));
        }
    }

    /// Turns the value of a dirty slot into a clean one, its weight being reserved.
    fn clean(&mut self, id: SlotId, trash: &mut Trash) {
        let Some(slot) = self.slots.get_mut(id as usize).and_then(Option::as_mut) else {
            return;
        };
        (slot.is_listed, slot.hides_removal) = (false, false);
        let old = std::mem::replace(&mut slot.content, Content::Tombstone);
        if let Content::Dirty(value, _) = &old {
            slot.content = Content::Clean(value.clone());
        }
        trash.contents.push(old);
        self.policy.attach(id, slot.hash, slot.weight);
        self.expiry.add(id, slot.expires_at);
    }
}
