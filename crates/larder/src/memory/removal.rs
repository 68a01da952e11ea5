//! Removing one key from memory, and keeping loads that began before from bringing it back.

use super::Memory;
use super::evicted_values::EvictedValues;
use super::slot::{PreviousState, Refused, SlotKey};
use crate::units::Timestamp;

impl Memory {
    /// Removes a key that is only ever in memory.
    pub(crate) fn forget(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> PreviousState {
        self.keeping(self.shard(key), evicted_values, |shard, deferred| shard.forget(key, now, deferred))
    }

    /// Removes a key by a tombstone: what stood there, its sequence, the floor for a record on disk, and what
    /// `look` says of the disk, asked under the same lock.
    pub(crate) fn insert_tombstone<S>(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
        look: impl FnOnce() -> S,
    ) -> Result<(PreviousState, u64, u64, S), Refused> {
        self.keeping(self.shard(key), evicted_values, |shard, deferred| {
            if shard.is_closed() {
                return Err(Refused::Closed);
            }
            let (prior, sequence) = shard.insert_tombstone(key, now, &self.sequence, deferred);
            Ok((prior, sequence, shard.min_visible_sequence(key), look()))
        })
    }

    pub(crate) fn cancel_tombstone(&self, key: SlotKey<'_>, sequence: u64) {
        self.locked(key, |shard, deferred| shard.cancel_tombstone(key, sequence, deferred));
    }

    /// Bars fills of a key, together with the removal that `remove` makes under the same lock.
    pub(crate) fn raise_fence(&self, key: SlotKey<'_>) {
        self.locked(key, |shard, deferred| shard.leases.raise_fence(key, deferred));
    }

    pub(crate) fn lower_fence(&self, key: SlotKey<'_>) {
        self.locked(key, |shard, deferred| shard.leases.lower_fence(key, deferred));
    }
}
