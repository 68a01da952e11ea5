//! What stands in a shard, told without a use of it: nothing is counted, marked or changed.

use super::Shard;
use crate::memory::entry::{Unsaved, Value};
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// What a shard says of a key.
#[derive(Debug, Default)]
pub(crate) struct KeyInMemory {
    pub(crate) slot: Option<SlotContent>,
    /// The sequence that a record on disk must exceed to be believed.
    pub(crate) min_visible_sequence: u64,
    /// Whether a caller is loading it.
    pub(crate) is_loading: bool,
}

/// What stands in the slot of a key.
#[derive(Debug)]
pub(crate) struct SlotContent {
    /// Its value, expired or not; none for a removal that is still to be committed.
    pub(crate) value: Option<Value>,
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
    /// What the value is charged.
    pub(crate) weight: u64,
    /// What is still to be committed of the value.
    pub(crate) unsaved: Option<Arc<Unsaved>>,
    /// Whether a removal that is not committed yet stood here before the value.
    pub(crate) hides_removal: bool,
}

impl Shard {
    /// Shows keys, from the slot `from` on, up to `most` slots. Answers the slot to go on at; none if there
    /// are no more. A key stays in its slot for as long as it has one.
    pub(crate) fn list_part(
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

    /// Tells what stands for a key.
    pub(crate) fn describe(&self, key: SlotKey<'_>) -> KeyInMemory {
        let slot = self.find(key).map(|(id, slot)| {
            let pending = self.pending.get(&id).filter(|_| slot.state == SlotState::Dirty);
            let weight = match slot.state {
                SlotState::Clean => self.policy.weight_of(id).bytes(),
                _ => pending.map_or(0, |pending| pending.weight.bytes()),
            };
            SlotContent {
                value: slot.value.clone(),
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
