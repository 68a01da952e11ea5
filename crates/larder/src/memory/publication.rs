//! The publication of a change that was computed from the content of its key.
//!
//! 1. The caller takes a lease on the key, and then reads the key ([`Memory::lease_over`]).
//! 2. The caller computes the change. It holds no lock.
//! 3. The change is published under the exclusive lock of the shard, if all of these conditions hold:
//!    - (a) The lease holds. So no write and no removal came after (1).
//!    - (b) The entry that was read has not expired. The time is read under the lock. Otherwise a lookup that
//!      found the entry expired could be followed by the publication, which would revive the entry.
//!    - (c) The entry that was read is still there: in the shard, or on disk alone. Otherwise an evicted
//!      entry could be revived in the same way. If no entry was read, the shard must have no live value. For
//!      a change, an absence is not an entry, so the change replaces it.
//!
//! Expiry and eviction revoke no lease, because they do not know the leases of a key. So (b) and (c) are
//! needed in addition to (a).
//!
//! An entry that is on disk alone can't be read under the lock. So the caller confirms the entry earlier: it
//! finds the record with the same sequence in a snapshot. Under the lock, it checks that this is still the
//! current snapshot. Lookups see an eviction from disk only in a later snapshot.

use super::Memory;
use super::evicted_values::EvictedValues;
use super::key_leases::LeaseId;
use crate::memory::entry::{IncomingEntry, Refused};
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

/// The conditions under which a change is published.
#[derive(Clone, Copy)]
pub(crate) struct Publication<'a> {
    pub(crate) lease: LeaseId,
    /// The entry that was read after the lease was taken. None if the key had no live entry.
    pub(crate) read: Option<ReadEntry>,
    /// Reads the time. Called under the shard's lock.
    pub(crate) now: &'a dyn Fn() -> Timestamp,
    /// Returns whether the entry was confirmed in the current snapshot of the disk. Called under the shard's
    /// lock, if the shard does not have the key.
    pub(crate) is_on_disk: &'a dyn Fn() -> bool,
}

impl Memory {
    /// Publishes a value. If the value will not be saved and memory has no room for it, removes the entry
    /// that was read. The caller drops the values in `evicted_values`.
    pub(crate) fn publish_entry(
        &self,
        key: SlotKey<'_>,
        publication: Publication<'_>,
        entry: IncomingEntry,
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Refused> {
        self.note_unsaved(key, &entry);
        let weight = entry.clean_weight();
        if weight > 0 {
            // The value takes the room of the value that it replaces. If other entries were evicted instead,
            // one of them could be the entry that was read.
            let mut locked = self.lock(key, evicted_values);
            if locked.shard.weight_of_clean(key) >= weight {
                let deferred = &mut locked.released.deferred;
                let stored = locked.shard.publish(key, publication, entry, &self.sequence, deferred);
                if stored.is_ok() {
                    deferred.give_room(weight);
                }
                return stored;
            }
            drop(locked);
        }
        let Some(mut locked) = self.lock_with_room(key, weight, evicted_values) else {
            let mut locked = self.lock(key, evicted_values);
            let now = locked.shard.confirm(key, publication)?;
            // Otherwise the previous value would stay visible after this write.
            return Err(locked.shard.forget_replaced(key, now, &mut locked.released.deferred));
        };
        let deferred = &mut locked.released.deferred;
        let stored = locked.shard.publish(key, publication, entry, &self.sequence, deferred);
        stored.inspect_err(|_| locked.released.deferred.weight += weight)
    }

    /// Removes the entry that was read, in a memory-only keyspace.
    pub(crate) fn forget_read(
        &self,
        key: SlotKey<'_>,
        publication: Publication<'_>,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        let mut locked = self.lock(key, evicted_values);
        let now = locked.shard.confirm(key, publication)?;
        locked.shard.forget(key, now, &mut locked.released.deferred);
        Ok(())
    }

    /// Replaces the entry that was read with a tombstone. The tombstone will be committed.
    pub(crate) fn remove_read(
        &self,
        key: SlotKey<'_>,
        publication: Publication<'_>,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        let mut locked = self.lock(key, evicted_values);
        let now = locked.shard.confirm(key, publication)?;
        locked.shard.insert_tombstone(key, now, &self.sequence, &mut locked.released.deferred);
        Ok(())
    }
}
