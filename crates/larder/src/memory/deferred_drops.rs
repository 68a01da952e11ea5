//! Collects the values that leave a shard, to drop them after the shard's lock is released.

use super::entry::{IncomingEntry, Unsaved, Value};
use super::few::Few;
use super::group::Group;
use crate::sys::sync::Arc;

/// Values to drop after the lock is released. If a user's `Drop` called the cache under the lock, it would
/// deadlock.
#[derive(Debug, Default)]
pub(super) struct DeferredDrops {
    pub(super) values: Few<Value>,
    pub(super) room_holders: Few<RoomHolder>,
    /// The weight to release to the budget.
    pub(super) weight: u64,
}

/// Data with room in the write buffer. Dropping its last handle wakes the callers that wait for room.
#[derive(Debug)]
#[expect(dead_code, reason = "a handle is only dropped")]
pub(super) enum RoomHolder {
    Unsaved(Arc<Unsaved>),
    Group(Arc<Group>),
}

impl DeferredDrops {
    pub(super) fn refused(&mut self, entry: IncomingEntry) {
        self.value(entry.value);
        self.unsaved(entry.unsaved);
    }

    #[inline]
    pub(super) fn value(&mut self, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
        }
    }

    pub(super) fn unsaved(&mut self, unsaved: Option<Arc<Unsaved>>) {
        self.room_holders.extend(unsaved.map(RoomHolder::Unsaved));
    }

    pub(super) fn group(&mut self, group: Option<Arc<Group>>) {
        self.room_holders.extend(group.map(RoomHolder::Group));
    }

    /// Adds a flight that was detached from its lease. The flight may own a user's value or error.
    pub(super) fn flight(&mut self, flight: Option<Value>) {
        self.value(flight);
    }

    /// Takes `weight` from the released weight, for a new entry. Returns whether there was enough. If not,
    /// takes nothing.
    pub(super) fn give_room(&mut self, weight: u64) -> bool {
        let left = self.weight.checked_sub(weight);
        self.weight = left.unwrap_or(self.weight);
        left.is_some()
    }
}
