//! Removing one key from memory, and keeping loads that began before from bringing it back.

use super::Memory;
use super::evicted_values::Remains;
use super::slot::{Prior, Refused, SlotKey};
use crate::units::Timestamp;

impl Memory {
    /// Removes a key that is only ever in memory.
    pub(crate) fn forget(&self, key: SlotKey<'_>, now: Timestamp, remains: &mut Remains) -> Prior {
        self.keeping(self.shard(key), remains, |shard, trash| shard.forget(key, now, trash))
    }

    /// Removes a key by a tombstone: what stood there, its sequence, the floor for a record on disk, and what
    /// `look` says of the disk, asked under the same lock.
    pub(crate) fn bury<S>(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        remains: &mut Remains,
        look: impl FnOnce() -> S,
    ) -> Result<(Prior, u64, u64, S), Refused> {
        self.keeping(self.shard(key), remains, |shard, trash| {
            if shard.is_closed() {
                return Err(Refused::Closed);
            }
            let (prior, sequence) = shard.bury(key, now, &self.sequence, trash);
            Ok((prior, sequence, shard.floor(key), look()))
        })
    }

    pub(crate) fn unbury(&self, key: SlotKey<'_>, sequence: u64) {
        self.locked(key, |shard, trash| shard.unbury(key, sequence, trash));
    }

    /// Bars fills of a key, together with the removal that `remove` makes under the same lock.
    pub(crate) fn raise_fence(&self, key: SlotKey<'_>) {
        self.locked(key, |shard, trash| shard.leases.raise_fence(key, trash));
    }

    pub(crate) fn lower_fence(&self, key: SlotKey<'_>) {
        self.locked(key, |shard, trash| shard.leases.lower_fence(key, trash));
    }
}
