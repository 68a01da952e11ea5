//! A slot: the state of one key in a shard.

use super::entry::{Unsaved, Value};
use super::grace::Grace;
use super::weight::Weight;
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A key of a shard, with its state. A slot fills one CPU cache line, so a lookup reads one line of the
/// entry.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) key: StoredKey,
    /// `None` for an absence, and in a slot that is vacant or a tombstone.
    pub(super) value: Option<Value>,
    pub(super) expires_at: Timestamp,
    pub(super) sequence: u64,
    /// The key's [`short_hash`](super::slot_key::SlotKey::short_hash). In a vacant slot, the id of the next
    /// vacant slot.
    pub(super) hash: u32,
    pub(super) state: SlotState,
    /// Whether this slot replaced an uncommitted removal. A caller may be waiting for that removal, and only
    /// the commit of this slot makes it durable.
    pub(super) hides_removal: bool,
    pub(super) is_listed: bool,
    pub(super) grace: Grace,
}

impl Slot {
    pub(super) const fn vacant() -> Self {
        Self {
            key: StoredKey::EMPTY,
            value: None,
            expires_at: Timestamp::ZERO,
            sequence: 0,
            hash: 0,
            state: SlotState::Vacant,
            hides_removal: false,
            is_listed: false,
            grace: Grace::NONE,
        }
    }

    pub(super) fn has_value(&self) -> bool {
        self.value.is_some()
    }

    pub(super) fn is_absence(&self) -> bool {
        self.value.is_none() && matches!(self.state, SlotState::Clean | SlotState::Dirty)
    }

    /// Returns the time after which the entry may be deleted.
    pub(super) fn delete_after(&self) -> Timestamp {
        self.grace.after(self.expires_at)
    }
}

const _: () = assert!(size_of::<Slot>() == 64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// The slot belongs to no key.
    Vacant,
    /// Evictable: the entry is on disk, or will never be committed. Its weight is reserved in the budget.
    Clean,
    /// Pinned until the entry is committed. Its bytes are reserved in the write buffer.
    Dirty,
    /// Removed, and pinned until the removal is committed.
    Tombstone,
}

#[derive(Debug)]
pub(super) struct DirtyValue {
    pub(super) unsaved: Arc<Unsaved>,
}

impl DirtyValue {
    pub(super) fn weight(&self) -> Weight {
        self.unsaved.weight
    }
}
