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
    /// Values with their room in the write buffer. Dropping the last holder of such a value wakes the
    /// callers that wait for room.
    pub(super) unsaved: Few<Arc<Unsaved>>,
    /// Groups of removals. Dropping the last holder of a group also wakes the callers that wait for room.
    pub(super) groups: Few<Arc<Group>>,
    /// The weight to release to the budget.
    pub(super) weight: u64,
}

impl DeferredDrops {
    pub(super) fn refused(&mut self, entry: IncomingEntry) {
        self.value(entry.value);
        self.unsaved.extend(entry.unsaved);
    }

    #[inline]
    pub(super) fn value(&mut self, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
        }
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
