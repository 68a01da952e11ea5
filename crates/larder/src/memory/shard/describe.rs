//! Describes the keys of a shard, without counting a use or changing anything.

use super::Shard;
use crate::memory::entry::{Unsaved, Value};
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct KeyInMemory {
    pub(crate) slot: Option<SlotContent>,
    /// A record on disk is visible only if its sequence is greater than this one.
    pub(crate) min_visible_sequence: u64,
    pub(crate) is_loading: bool,
}

#[derive(Debug)]
pub(crate) struct SlotContent {
    /// The value, live or expired. `None` for an absence and for an uncommitted removal.
    pub(crate) value: Option<Value>,
    pub(crate) is_absence: bool,
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
    /// The weight of the value. The budget includes the weight of a clean value.
    pub(crate) weight: u64,
    pub(crate) unsaved: Option<Arc<Unsaved>>,
    /// Whether the value replaced a removal that is not committed yet.
    pub(crate) hides_removal: bool,
}

impl Shard {
    /// Calls `show` with each key of up to `most` slots, starting at slot `from`. Returns the next slot to
    /// visit, or `None` at the end. A key stays in its slot while the shard has the key. So a caller that
    /// visits all slots misses no key that the shard has all the time.
    pub(in crate::memory) fn list_part(
        &self,
        (from, most): (SlotId, SlotId),
        show: &mut impl FnMut(&[u8]),
    ) -> Option<SlotId> {
        let next = from.saturating_add(most);
        for slot in (from..next.min(self.slots.end())).filter_map(|id| self.slots.get(id)) {
            show(&slot.key);
        }
        (next < self.slots.end()).then_some(next)
    }

    pub(in crate::memory) fn describe(&self, key: SlotKey<'_>) -> KeyInMemory {
        let slot = self.find(key).map(|(id, slot)| {
            let pending = self.pending.get(&id).filter(|_| slot.state == SlotState::Dirty);
            let weight = match slot.state {
                SlotState::Clean => self.policy.weight_of(id).bytes(),
                _ => pending.map_or(0, |pending| pending.weight().bytes()),
            };
            SlotContent {
                value: slot.value.clone(),
                is_absence: slot.is_absence(),
                sequence: slot.sequence,
                expires_at: slot.expires_at,
                weight,
                unsaved: pending.map(|pending| pending.unsaved.clone()),
                hides_removal: slot.hides_removal,
            }
        });
        KeyInMemory {
            slot,
            min_visible_sequence: self.min_visible_sequence(key),
            is_loading: self.leases.has_flight(key),
        }
    }
}
