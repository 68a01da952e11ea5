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
        let mut locked = self.lock(key, evicted_values);
        locked.shard.forget(key, now, &mut locked.released.deferred)
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
        let mut locked = self.lock(key, evicted_values);
        if locked.shard.is_closed() {
            return Err(Refused::Closed);
        }
        let deferred = &mut locked.released.deferred;
        let (previous, sequence) = locked.shard.insert_tombstone(key, now, &self.sequence, deferred);
        Ok((previous, sequence, locked.shard.min_visible_sequence(key), look()))
    }

    pub(crate) fn cancel_tombstone(&self, key: SlotKey<'_>, sequence: u64) {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        locked.shard.cancel_tombstone(key, sequence, &mut locked.released.deferred);
    }

    /// Bars fills of a key, together with the removal that `remove` makes under the same lock.
    pub(crate) fn raise_fence(&self, key: SlotKey<'_>) {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        locked.shard.leases.raise_fence(key, &mut locked.released.deferred);
    }

    pub(crate) fn lower_fence(&self, key: SlotKey<'_>) {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        locked.shard.leases.lower_fence(key, &mut locked.released.deferred);
    }
}
