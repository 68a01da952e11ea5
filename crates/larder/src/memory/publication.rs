//! The publication of a change that was computed from the content of its key.
//!
//! 1. The caller takes a lease on the key, and then reads the key ([`Memory::lease_over`]).
//! 2. The caller computes the change. It holds no lock.
//! 3. The change is published under the exclusive lock of the shard, if all of these conditions hold:
//!    - (a) The lease is valid. So no write and no removal came after (1).
//!    - (b) The entry that was read has not expired. The time is read under the lock. Otherwise a lookup
//!      could find the entry expired, and the publication would then revive it.
//!    - (c) The entry that was read still exists, in the shard or only on disk. Otherwise the publication
//!      could revive an evicted entry. If no entry was read, the shard must have no live value. A change
//!      treats an absence as no entry, and replaces it.
//!
//! A change of a live value in memory needs no lease ([`Memory::read_to_change`]). Then (a) is that no range
//! removal of the key is in progress, and in (c) the entry must exist in the shard. So a value with the
//! sequence that was read is proof that no write and no removal came in between: every write has a new
//! sequence, a removal leaves no value, and only a range removal that is in progress may still leave the
//! value that it removes. Such a change locks the shard twice, once of these for reading only. With a lease,
//! the shard is locked exclusively three times.
//!
//! Expiry and eviction do not look up the leases of a key, so they do not revoke them. So (b) and (c) are
//! needed in addition to (a).
//!
//! An entry that exists only on disk cannot be read under the lock. So the caller confirms the entry
//! earlier: it finds the record with the same sequence in a snapshot. Under the lock, it checks that this is
//! still the current snapshot. Lookups see an eviction from disk only in a later snapshot.

use super::Memory;
use super::evicted_values::EvictedValues;
use super::key_leases::LeaseId;
use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::lookup::{Lookup, ReadEntry};
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

#[derive(Clone, Copy)]
pub(crate) struct Publication<'a> {
    /// The lease, or [`NO_LEASE`](super::key_leases::NO_LEASE).
    pub(crate) lease: LeaseId,
    /// The entry that was read after the lease was taken, or `None` if the key had no live value.
    pub(crate) read: Option<ReadEntry>,
    /// Returns the current time. The call runs under the shard's lock.
    pub(crate) now: &'a dyn Fn() -> Timestamp,
    /// Returns whether the entry was confirmed in the current disk snapshot. The call runs under the
    /// shard's lock, and only if the shard has no entry of the key.
    pub(crate) is_on_disk: &'a dyn Fn() -> bool,
}

impl Memory {
    /// Reads the live value of a key, for a change that takes no lease. The caller publishes the change with
    /// [`NO_LEASE`](super::key_leases::NO_LEASE).
    pub(crate) fn read_to_change(&self, key: SlotKey<'_>, now: Timestamp) -> Option<(Value, ReadEntry)> {
        let shard = self.read(key.hash)?;
        let Lookup::Value(value, expires_at) = shard.peek(key, now) else { return None };
        Some((value, ReadEntry::new(shard.sequence_of(key), expires_at, shard.extras_of(key))))
    }

    /// Publishes a value. If the value will not be committed and memory has no room for it, removes the
    /// entry that was read, unless changes of the key must be committed. The caller drops the values in
    /// `evicted_values`.
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
            // The value reuses the room of the value that it replaces. Evicting other entries instead could
            // evict the entry that was read.
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
            // The previous value is removed. Otherwise it would stay visible after this write.
            return Err(locked.shard.forget_replaced(key, now, &mut locked.released.deferred));
        };
        let deferred = &mut locked.released.deferred;
        let stored = locked.shard.publish(key, publication, entry, &self.sequence, deferred);
        stored.inspect_err(|_| locked.released.deferred.weight += weight)
    }

    /// In a memory-only keyspace, removes the entry that was read.
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

    /// Replaces the entry that was read with a tombstone, to be committed.
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
