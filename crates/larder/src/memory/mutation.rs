//! The changes of dirty keys, in the form in which the writer commits them.

use super::entry::Unsaved;
use super::grace::Grace;
use super::group::Group;
use super::policy::slot_id::SlotId;
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) key: StoredKey,
    pub(crate) sequence: u64,
    pub(crate) change: SlotChange,
    /// Whether this change also makes durable an earlier removal that is not committed yet.
    pub(crate) hides_removal: bool,
    /// The number of the unit that the change belongs to, set by the writer. Zero if there is none.
    pub(crate) unit: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum SlotChange {
    Put {
        unsaved: Arc<Unsaved>,
        expires_at: Timestamp,
        grace: Grace,
        /// The shard and the slot of the drained value, so that no search is needed to mark it clean. The
        /// slot may have another content by then.
        shard: u16,
        slot: SlotId,
    },
    Delete,
    /// A deletion that is committed in the same transaction as the other changes of its group.
    DeleteInGroup(Arc<Group>),
}

impl Mutation {
    pub(crate) fn is_put(&self) -> bool {
        matches!(self.change, SlotChange::Put { .. })
    }

    pub(crate) fn group(&self) -> Option<&Arc<Group>> {
        match &self.change {
            SlotChange::Put { unsaved, .. } => unsaved.group.as_ref(),
            SlotChange::DeleteInGroup(group) => Some(group),
            SlotChange::Delete => None,
        }
    }

    /// Returns a number that orders puts by their shards and slots. Removals come first.
    pub(crate) fn place(&self) -> u64 {
        match &self.change {
            SlotChange::Put { shard, slot, .. } => u64::from(*shard) << SlotId::BITS | u64::from(*slot),
            SlotChange::Delete | SlotChange::DeleteInGroup(_) => 0,
        }
    }

    /// Returns the weight of the value that becomes clean when this mutation is committed.
    pub(crate) fn weight(&self) -> u64 {
        match &self.change {
            SlotChange::Put { unsaved, .. } => unsaved.weight.bytes(),
            SlotChange::Delete | SlotChange::DeleteInGroup(_) => 0,
        }
    }

    /// Returns whether this mutation may make a removal durable that a caller waits for.
    pub(crate) fn removes(&self) -> bool {
        self.hides_removal || !self.is_put()
    }
}
