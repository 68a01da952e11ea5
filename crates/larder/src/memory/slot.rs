//! A slot: the state of one key in a shard.

use super::entry::{Unsaved, Value};
use super::grace::Grace;
use super::weight::Weight;
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A key of a shard, with its state. A slot fills one line of the processor's cache, and a lookup reads
/// nothing else of the entry.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) key: StoredKey,
    /// `None` in a clean or dirty slot of an absence, and in any other slot.
    pub(super) value: Option<Value>,
    pub(super) expires_at: Timestamp,
    pub(super) sequence: u64,
    /// The key's [`short_hash`](super::slot_key::SlotKey::short_hash). In a vacant slot, the number of the
    /// next vacant slot.
    pub(super) hash: u32,
    pub(super) state: SlotState,
    /// Whether this slot replaced a removal that is not committed yet. A caller may wait for that removal.
    /// Only the commit of this key makes the removal durable.
    pub(super) hides_removal: bool,
    /// Whether the slot's key is in the dirty list.
    pub(super) is_listed: bool,
    /// The time for which the entry is kept after its expiry.
    pub(super) grace: Grace,
}

impl Slot {
    /// Returns whether the slot has a value, live or expired.
    pub(super) fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// Returns whether the slot has an absence, live or expired.
    pub(super) fn is_absence(&self) -> bool {
        self.value.is_none() && matches!(self.state, SlotState::Clean | SlotState::Dirty)
    }

    /// Returns the time from which the entry may be deleted.
    pub(super) fn delete_after(&self) -> Timestamp {
        self.grace.after(self.expires_at)
    }
}

const _: () = assert!(size_of::<Slot>() == 64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// The slot belongs to no key.
    Vacant,
    /// Evictable: the entry is on disk, or it will never be saved. The entry's weight is charged to the
    /// budget.
    Clean,
    /// Pinned until the entry is committed. The entry's bytes are charged to the write buffer.
    Dirty,
    /// Removed, and pinned until the removal is committed.
    Tombstone,
}

/// Data that only the slot of a dirty value needs.
#[derive(Debug)]
pub(super) struct DirtyValue {
    pub(super) unsaved: Arc<Unsaved>,
    pub(super) weight: Weight,
}
