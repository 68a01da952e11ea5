//! The groups of removals. A removal of a transaction is committed together with the other changes of its
//! group ([`crate::memory::store_group`]). All other removals are committed before the groups.
//!
//! The group is kept outside the slot, because few slots have a group. It is removed together with the
//! tombstone:
//!
//! - A later write of the key replaces the removal. Its key is a key of the group, so the write is committed
//!   with any remaining change of the group. The write does not count as hiding a removal, because the
//!   caller of the transaction waits for the commit of every write.
//! - A later removal by another call may be committed before the group. Its caller waits for this commit.
//! - An earlier removal by another call, which the group's removal replaces, is still committed before the
//!   group. So the slot is marked as hiding a removal.

use std::collections::HashMap;

use super::deferred_drops::DeferredDrops;
use super::group::Group;
use crate::memory::policy::slot_id::SlotId;
use crate::sys::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct RemovalGroups(HashMap<SlotId, Arc<Group>, ahash::RandomState>);

impl RemovalGroups {
    pub(super) fn get(&self, id: SlotId) -> Option<Arc<Group>> {
        self.0.get(&id).cloned()
    }

    #[inline]
    pub(super) fn has(&self, id: SlotId) -> bool {
        !self.0.is_empty() && self.0.contains_key(&id)
    }

    pub(super) fn join(&mut self, id: SlotId, group: Option<Arc<Group>>) {
        if let Some(group) = group {
            self.0.insert(id, group);
        }
    }

    /// Removes the group of a slot that gets new content. Most slots have no group.
    #[inline]
    pub(super) fn leave(&mut self, id: SlotId, deferred: &mut DeferredDrops) {
        if !self.0.is_empty() {
            deferred.group(self.0.remove(&id));
        }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn ids(&self) -> impl Iterator<Item = SlotId> {
        self.0.keys().copied()
    }
}
