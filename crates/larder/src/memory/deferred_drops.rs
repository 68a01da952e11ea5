//! Values that a shard lets go of, dropped after its lock is released.

use smallvec::SmallVec;

use super::entry::{IncomingEntry, Unsaved, Value};
use crate::sys::sync::Arc;

/// What is to be dropped once the lock is released: a user's `Drop` may call the cache.
#[derive(Debug, Default)]
pub(crate) struct DeferredDrops {
    pub(super) values: SmallVec<[Value; 2]>,
    /// Dropping the last holder of one wakes those who wait for room in the write buffer.
    pub(super) unsaved: SmallVec<[Arc<Unsaved>; 1]>,
    /// Weight to give back to the budget.
    pub(super) weight: u64,
}

impl DeferredDrops {
    /// Takes an entry that was refused.
    pub(super) fn refused(&mut self, entry: IncomingEntry) {
        self.values.push(entry.value);
        self.unsaved.extend(entry.unsaved);
    }

    /// Takes a flight from the lease that it hung on. It may hold a value or an error.
    pub(super) fn flight(&mut self, flight: Option<Value>) {
        self.values.extend(flight);
    }

    /// Keeps that much of the weight that is to be given back for somebody else; all or nothing.
    pub(super) fn give_room(&mut self, weight: u64) -> bool {
        let left = self.weight.checked_sub(weight);
        self.weight = left.unwrap_or(self.weight);
        left.is_some()
    }
}
