//! Lookups of a key in its shard, under the shared lock.

use super::Shard;
use crate::format::key::unencoded::UnencodedKey;
use crate::memory::entry::Value;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::{Lookup, MissToken, StaleLookup};
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot::Slot;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Ordering;
use crate::units::Timestamp;

impl Shard {
    /// Looks up a key, and counts a use of a live entry. If the shard does not have the key, reports a miss
    /// to the eviction policy.
    pub(crate) fn get(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        let Some((id, slot)) = self.find(key) else {
            self.policy.note_miss(key.short_hash());
            return Lookup::Unknown(self.miss_token(key));
        };
        match &slot.value {
            Some(value) if slot.expires_at > now => {
                self.policy.touch(id);
                Lookup::Value(value.clone(), slot.expires_at)
            }
            _ => self.get_without_value(id, slot, now),
        }
    }

    pub(in crate::memory) fn frequency(&self, key: SlotKey<'_>) -> u64 {
        self.policy.frequency(key.short_hash())
    }

    /// Like [`get`](Shard::get), but returns only a live value, and reports no miss.
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(crate) fn hit(
        &self,
        key: impl UnencodedKey,
        short_hash: u32,
        now: Timestamp,
    ) -> Option<(Value, Timestamp)> {
        let (id, slot) = self.find_unencoded(key, short_hash)?;
        self.use_live(id, slot, now)
    }

    #[inline]
    pub(crate) fn hit_with_extras(
        &self,
        key: impl UnencodedKey,
        short_hash: u32,
        now: Timestamp,
    ) -> Option<(Value, Timestamp, Option<EntryExtras>)> {
        let (id, slot) = self.find_unencoded(key, short_hash)?;
        let (value, expires_at) = self.use_live(id, slot, now)?;
        Some((value, expires_at, self.extras_of_slot(id)))
    }

    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    fn use_live(&self, id: SlotId, slot: &Slot, now: Timestamp) -> Option<(Value, Timestamp)> {
        match &slot.value {
            Some(value) if slot.expires_at > now => {
                self.policy.touch(id);
                Some((value.clone(), slot.expires_at))
            }
            _ => None,
        }
    }

    #[cold]
    fn get_without_value(&self, id: SlotId, slot: &Slot, now: Timestamp) -> Lookup {
        let found = without_value(slot, now);
        if let Lookup::Absent(_) = found {
            self.policy.touch(id);
        }
        found
    }

    /// Looks up a key to change its content. The lookup is not a use of the entry. A miss is reported to
    /// the eviction policy, because the caller usually stores a value afterwards.
    pub(in crate::memory) fn peek_to_change(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        let found = self.peek(key, now);
        if let Lookup::Unknown(_) = found {
            self.policy.note_miss(key.short_hash());
        }
        found
    }

    /// Looks up a key without counting a use or a miss.
    pub(crate) fn peek(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        let Some((_, slot)) = self.find(key) else {
            return Lookup::Unknown(self.miss_token(key));
        };
        match &slot.value {
            Some(value) if slot.expires_at > now => Lookup::Value(value.clone(), slot.expires_at),
            _ => without_value(slot, now),
        }
    }

    /// Returns the expiry of a key's live value. In any other case, returns the result of
    /// [`peek`](Self::peek) as an error. Does not clone the value.
    pub(crate) fn peek_expiry(&self, key: SlotKey<'_>, now: Timestamp) -> Result<Timestamp, Lookup> {
        let Some((_, slot)) = self.find(key) else {
            return Err(Lookup::Unknown(self.miss_token(key)));
        };
        let is_live = slot.value.is_some() && slot.expires_at > now;
        if is_live { Ok(slot.expires_at) } else { Err(without_value(slot, now)) }
    }

    /// Returns the value of a key, live or expired. A removed key has no value, so a caller never gets an
    /// invalidated value. A key with an absence has no value either.
    pub(crate) fn stale(&self, key: SlotKey<'_>) -> StaleLookup {
        match self.find(key) {
            None => StaleLookup::Unknown(self.miss_token(key)),
            Some((_, slot)) => match &slot.value {
                Some(value) => StaleLookup::Value(value.clone(), slot.expires_at),
                None => StaleLookup::NoValue,
            },
        }
    }

    pub(in crate::memory) fn miss_token(&self, key: SlotKey<'_>) -> MissToken {
        MissToken {
            min_visible_sequence: self.min_visible_sequence(key),
            epoch_token: self.leases.epoch_token(key),
            disk_evictions: self.disk_evictions.load(Ordering::SeqCst),
        }
    }

    pub(super) fn find(&self, key: SlotKey<'_>) -> Option<(SlotId, &Slot)> {
        self.find_unencoded(key, key.short_hash())
    }

    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    fn find_unencoded(&self, key: impl UnencodedKey, short_hash: u32) -> Option<(SlotId, &Slot)> {
        // The first candidate is almost always the key's slot. A loop would prepare the comparison for all
        // candidates before comparing the first.
        let id = self.index.first(short_hash)?;
        // The index contains no vacant slots.
        let slot = self.slots.at(id)?;
        if key.is(&slot.key) { Some((id, slot)) } else { self.find_after_first(key, short_hash) }
    }

    /// Searches the candidates after the first. Begins the search again, so that a hit keeps no candidates
    /// while it compares its key.
    #[cold]
    #[inline(never)]
    fn find_after_first(&self, key: impl UnencodedKey, short_hash: u32) -> Option<(SlotId, &Slot)> {
        for id in self.index.candidates(short_hash).skip(1) {
            let slot = self.slots.at(id)?;
            if key.is(&slot.key) {
                return Some((id, slot));
            }
        }
        None
    }
}

fn without_value(slot: &Slot, now: Timestamp) -> Lookup {
    if slot.is_absence() && slot.expires_at > now {
        return Lookup::Absent(slot.expires_at);
    }
    // The disk has this entry, an older entry that this slot supersedes, or no entry of the key. So no
    // entry on disk may be served.
    Lookup::Negative
}
