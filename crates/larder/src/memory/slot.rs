//! What a shard knows of one key, and what is handed in and out of it.

use super::entry::{Unsaved, Value};
use super::stored_key::StoredKey;
use super::weight::Weight;
use crate::format::key::scope::Scope;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A key of a shard. One line of the processor's cache, and all that a lookup reads.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) key: StoredKey,
    /// There is one if the slot is clean or dirty.
    pub(super) value: Option<Value>,
    pub(super) expires_at: Timestamp,
    pub(super) sequence: u64,
    /// [`SlotKey::short_hash`](super::slot_key::SlotKey::short_hash); in a vacant slot, the next vacant one.
    pub(super) hash: u32,
    pub(super) state: SlotState,
    /// Whether a removal that is not committed yet stood here before this: somebody may wait for it, and only
    /// this key's commit makes it hold.
    pub(super) hides_removal: bool,
    /// Whether the slot stands in the dirty list.
    pub(super) is_listed: bool,
}

const _: () = assert!(size_of::<Slot>() == 64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// No key's.
    Vacant,
    /// Evictable: on disk, or never to be there. Its weight is charged to the budget.
    Clean,
    /// Pinned until committed. Charged to the write buffer.
    Dirty,
    /// Removed, and pinned until that is committed.
    Tombstone,
}

/// What a dirty slot's value needs besides.
#[derive(Debug)]
pub(super) struct DirtyValue {
    pub(super) unsaved: Arc<Unsaved>,
    pub(super) weight: Weight,
}

/// A dirty key, as the writer gets it.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) key: StoredKey,
    pub(crate) sequence: u64,
    pub(crate) change: Change,
    /// Whether a removal that is not committed yet is made by this, if not the change itself.
    pub(crate) hides_removal: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put { unsaved: Arc<Unsaved>, expires_at: Timestamp, weight: Weight },
    Delete,
}

impl Mutation {
    pub(crate) fn is_put(&self) -> bool {
        matches!(self.change, Change::Put { .. })
    }

    /// What the value weighs that becomes clean with this.
    pub(crate) fn weight(&self) -> u64 {
        match &self.change {
            Change::Put { weight, .. } => weight.bytes(),
            Change::Delete => 0,
        }
    }

    /// Whether a removal becomes durable with this, so that somebody may wait for it.
    pub(crate) fn removes(&self) -> bool {
        self.hides_removal || matches!(self.change, Change::Delete)
    }
}

/// A removal of every key in a scope, until nothing of it is left on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) scope: Scope,
    pub(crate) sequence: u64,
}
