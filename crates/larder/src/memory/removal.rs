//! Removing one key from memory, so that no load that began earlier brings it back.

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::memory::entry::Refused;
use crate::memory::lookup::PreviousState;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

impl Memory {
    /// Removes a key that is only ever in memory.
    pub(crate) fn forget(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> PreviousState {
        self.change_shard(self.shard(key), evicted_values, |shard, deferred| shard.forget(key, now, deferred))
    }

    /// Removes a key by a tombstone. Returns the previous state, the sequence of the removal, the
    /// `min_visible_sequence` of the key, and the answer of `read_disk`, which runs under the same lock.
    pub(crate) fn insert_tombstone<S>(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
        read_disk: impl FnOnce() -> S,
    ) -> Result<(PreviousState, u64, u64, S), Refused> {
        self.change_shard(self.shard(key), evicted_values, |shard, deferred| {
            if shard.is_closed() {
                return Err(Refused::Closed);
            }
            let (previous, sequence) = shard.insert_tombstone(key, now, &self.sequence, deferred);
            Ok((previous, sequence, shard.min_visible_sequence(key), read_disk()))
        })
    }

    pub(crate) fn cancel_tombstone(&self, key: SlotKey<'_>, sequence: u64) {
        self.change_shard_of(key, |shard, deferred| shard.cancel_tombstone(key, sequence, deferred));
    }

    /// Bars fills of a key. The removal that follows lowers the fence again.
    pub(crate) fn raise_fence(&self, key: SlotKey<'_>) {
        self.change_shard_of(key, |shard, deferred| shard.leases.raise_fence(key, deferred));
    }

    pub(crate) fn lower_fence(&self, key: SlotKey<'_>) {
        self.change_shard_of(key, |shard, deferred| shard.leases.lower_fence(key, deferred));
    }
}
