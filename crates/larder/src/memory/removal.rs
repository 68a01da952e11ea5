//! Removal of one key from memory. Afterwards no earlier load can bring the value back.

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::memory::entry::Refused;
use crate::memory::lookup::PreviousState;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

impl Memory {
    /// Removes a key of a keyspace that has no file: a memory-only keyspace, or a keyspace in a remote tier.
    pub(crate) fn forget(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> PreviousState {
        let mut locked = self.lock(key, evicted_values);
        locked.shard.forget(key, now, &mut locked.released.deferred)
    }

    /// Replaces a key with a tombstone. Returns the previous state, the sequence of the removal, the
    /// `min_visible_sequence` of the key, and the result of `read_disk`, which runs under the same lock.
    pub(crate) fn insert_tombstone<S>(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
        read_disk: impl FnOnce() -> S,
    ) -> Result<(PreviousState, u64, u64, S), Refused> {
        let mut locked = self.lock(key, evicted_values);
        if locked.shard.is_closed() {
            return Err(Refused::Closed);
        }
        let deferred = &mut locked.released.deferred;
        let (previous, sequence) = locked.shard.insert_tombstone(key, now, &self.sequence, deferred);
        Ok((previous, sequence, locked.shard.min_visible_sequence(key), read_disk()))
    }

    pub(crate) fn cancel_tombstone(&self, key: SlotKey<'_>, sequence: u64) {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        locked.shard.cancel_tombstone(key, sequence, &mut locked.released.deferred);
    }

    /// Prevents fills of a key until the fence is removed, and revokes the key's leases.
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
