//! Removals that belong to a group ([`crate::memory::removal_groups`]).

use super::{Shard, SlotValue, next};
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::grace::Grace;
use crate::memory::group::Group;
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot::{Slot, SlotState};
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, AtomicU64};
use crate::units::Timestamp;

impl Shard {
    /// Replaces a key with a tombstone that is committed with its group. Without a group, the tombstone is
    /// committed like any other.
    pub(crate) fn insert_group_tombstone(
        &mut self,
        key: SlotKey<'_>,
        group: Option<Arc<Group>>,
        counter: &AtomicU64,
        deferred: &mut DeferredDrops,
    ) {
        self.leases.revoke(key, deferred);
        let hides_removal = self.find(key).is_some_and(|(id, _)| self.is_removed(id));
        let sequence = next(counter);
        let id = self.set(key, SlotValue::Tombstone, (Timestamp::ZERO, Grace::NONE), sequence, deferred);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.hides_removal |= hides_removal;
        }
        self.removal_groups.join(id, group.filter(|_| !failpoint_is_set(Failpoint::RemoveBeforeGroup)));
    }

    /// Returns whether a slot is a tombstone that belongs to no group. A caller may be waiting for its
    /// commit.
    pub(super) fn is_removed(&self, id: SlotId) -> bool {
        let is_tombstone = |slot: &Slot| slot.state == SlotState::Tombstone;
        self.slots.get(id).is_some_and(is_tombstone) && !self.removal_groups.has(id)
    }
}
