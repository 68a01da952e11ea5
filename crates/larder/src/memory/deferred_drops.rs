//! Values that leave a shard. They are dropped after the shard's lock is released.

use smallvec::SmallVec;

use super::entry::{IncomingEntry, Unsaved, Value};
use super::group::Group;
use crate::sys::sync::Arc;

/// Values to drop after the lock is released. Otherwise a user's `Drop` that calls the cache would wait for
/// the lock forever.
#[derive(Debug, Default)]
pub(crate) struct DeferredDrops {
    pub(super) values: SmallVec<[Value; 2]>,
    /// Uncommitted values. Dropping the last holder of such a value wakes the callers that wait for room in
    /// the write buffer.
    pub(super) unsaved: SmallVec<[Arc<Unsaved>; 1]>,
    /// Groups of removals. Dropping the last holder of a group wakes these callers, too.
    pub(super) groups: Vec<Arc<Group>>,
    /// Weight to give back to the budget.
    pub(super) weight: u64,
}

impl DeferredDrops {
    /// Adds an entry that was refused.
    pub(super) fn refused(&mut self, entry: IncomingEntry) {
        self.value(entry.value);
        self.unsaved.extend(entry.unsaved);
    }

    /// Adds the value that an entry had.
    #[inline]
    pub(super) fn value(&mut self, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
        }
    }

    /// Adds a flight that was detached from its lease. The flight may hold a value or an error.
    pub(super) fn flight(&mut self, flight: Option<Value>) {
        self.value(flight);
    }

    /// Gives `weight` to a new entry, instead of to the budget. Returns whether there was enough weight. If
    /// there was too little weight, gives nothing.
    pub(super) fn give_room(&mut self, weight: u64) -> bool {
        let left = self.weight.checked_sub(weight);
        self.weight = left.unwrap_or(self.weight);
        left.is_some()
    }
}
