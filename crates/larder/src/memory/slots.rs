//! The slots of a shard, by id. Vacant slots form a list, and are reused first.

use super::segments::Segments;
use super::slot::{Slot, SlotState};
use crate::format::stored_key::StoredKey;
use crate::memory::policy::slot_id::SlotId;

const NONE: SlotId = SlotId::MAX;

#[derive(Debug)]
pub(super) struct Slots {
    all: Segments<Slot>,
    /// The vacant slot to reuse next. Each vacant slot stores the id of the next vacant slot in its `hash`
    /// field.
    vacant: SlotId,
    /// One more than the highest slot id that was ever in use. Later slots are vacant, and in no list.
    end: SlotId,
    taken: usize,
}

impl Slots {
    pub(super) const fn new() -> Self {
        Self { all: Segments::new(), vacant: NONE, end: 0, taken: 0 }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) const fn len(&self) -> usize {
        self.taken
    }

    /// Returns one more than the highest slot id that was ever in use.
    pub(super) const fn end(&self) -> SlotId {
        self.end
    }

    /// Returns a slot, vacant or not.
    #[inline]
    pub(super) fn at(&self, id: SlotId) -> Option<&Slot> {
        self.all.get(id as usize)
    }

    #[inline]
    pub(super) fn get(&self, id: SlotId) -> Option<&Slot> {
        self.all.get(id as usize).filter(|slot| slot.state != SlotState::Vacant)
    }

    pub(super) fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.all.get_mut(id as usize).filter(|slot| slot.state != SlotState::Vacant)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..).zip(self.all.iter()).filter(|(_, slot)| slot.state != SlotState::Vacant)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (SlotId, &mut Slot)> {
        (0..).zip(self.all.iter_mut()).filter(|(_, slot)| slot.state != SlotState::Vacant)
    }

    /// Adds a slot. Returns its id.
    #[inline]
    pub(super) fn take(&mut self, slot: Slot) -> SlotId {
        self.taken += 1;
        let id = self.vacant;
        if let Some(vacant) = self.all.get_mut(id as usize) {
            self.vacant = vacant.hash;
            *vacant = slot;
            return id;
        }
        self.take_next(slot)
    }

    #[inline(never)]
    fn take_next(&mut self, slot: Slot) -> SlotId {
        let id = self.end;
        self.end = id.checked_add(1).expect("a shard of 2^32 slots would not fit in memory");
        self.all.cover(id as usize, Slot::vacant);
        if let Some(next) = self.all.get_mut(id as usize) {
            *next = slot;
        }
        id
    }

    /// Makes a slot vacant, and returns the hash of its key. The slot must not have a value.
    pub(super) fn vacate(&mut self, id: SlotId) -> Option<u32> {
        self.vacate_with(id, |_| ())
    }

    /// Like [`vacate`](Self::vacate), but first calls `before` with the slot, which may take the value.
    #[inline]
    pub(super) fn vacate_with(&mut self, id: SlotId, before: impl FnOnce(&mut Slot)) -> Option<u32> {
        let next = self.vacant;
        let slot = self.get_mut(id)?;
        before(slot);
        debug_assert!(slot.value.is_none(), "a value is dropped after the lock is released");
        // The other fields are not read until the slot is allocated again.
        (slot.key, slot.state) = (StoredKey::EMPTY, SlotState::Vacant);
        let hash = std::mem::replace(&mut slot.hash, next);
        self.vacant = id;
        self.taken -= 1;
        Some(hash)
    }
}
