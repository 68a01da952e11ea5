//! Extends the life of an entry on a use ([`crate::memory::use_stamps`]).

use super::Shard;
use crate::memory::extras::EntryExtras;
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

impl Shard {
    /// Returns whether a use may extend the life of a key's entry. Only an entry that has a value and a
    /// time to idle, and that expires before its hard limit, can be extended. Returns `None` if the shard
    /// does not have the key.
    pub(in crate::memory) fn can_extend(&self, key: SlotKey<'_>) -> Option<bool> {
        let (id, slot) = self.find(key)?;
        let ends_at = self.extras.get(&id).map_or(Timestamp::ZERO, |extras| extras.ends_at);
        Some(slot.value.is_some() && ends_at > slot.expires_at)
    }

    /// Extends the life of a key's entry to `expires_at`, or to its hard limit if that is earlier. Returns
    /// the entry's sequence and its new expiry. Returns `None` if the entry is not live at `now`, or if its
    /// life was not extended.
    pub(in crate::memory) fn extend(
        &mut self,
        key: SlotKey<'_>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Option<(u64, Timestamp)> {
        if self.can_extend(key) != Some(true) || self.is_closed() {
            return None;
        }
        let (id, _) = self.find(key)?;
        let ends_at = self.extras.get(&id)?.ends_at;
        let slot = self.slots.get_mut(id)?;
        let new = expires_at.min(ends_at);
        let is_dead = slot.expires_at <= now && !failpoint_is_set(Failpoint::ExtendExpired);
        if is_dead || new <= slot.expires_at {
            return None;
        }
        let before = slot.delete_after();
        slot.expires_at = new;
        if slot.state == SlotState::Clean {
            self.expiry.remove(id, before);
            self.expiry.add(id, slot.delete_after());
        }
        Some((slot.sequence, new))
    }

    /// Returns the extras of a key's entry, if the entry has a value and this expiry.
    pub(in crate::memory) fn extras_expiring_at(
        &self,
        key: SlotKey<'_>,
        expires_at: Timestamp,
    ) -> Option<EntryExtras> {
        let (id, slot) = self.find(key)?;
        let is_it = slot.value.is_some() && slot.expires_at == expires_at;
        if is_it { self.extras_of_slot(id) } else { None }
    }

    /// Returns the expiry of a key's entry, if the entry has a value and this sequence.
    pub(in crate::memory) fn expiry_of(&self, key: SlotKey<'_>, sequence: u64) -> Option<Timestamp> {
        let (_, slot) = self.find(key)?;
        (slot.value.is_some() && slot.sequence == sequence).then_some(slot.expires_at)
    }
}
