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
//! value that it removes. Such a change saves the two exclusive locks that take and release a lease. It locks
//! the shard for reading instead.
//!
//! A change of a key behind a barrier would be refused. So before (1), the caller waits for the end of the
//! range removal ([`super::barrier_waits`]). A range removal that begins later may still refuse the change.
//!
//! A value that will not be committed takes the weight of the value that it replaces. If it is heavier, other
//! entries are evicted for the difference, before (3). The entry that was read is spared: (c) would refuse
//! the change that evicted it.
//!
//! Expiry and eviction do not look up the leases of a key, so they do not revoke them. So (b) and (c) are
//! needed in addition to (a).
//!
//! An entry that exists only on disk cannot be read under the lock. So the caller confirms the entry
//! earlier: it finds the record with the same sequence in a snapshot. Under the lock, it checks that this is
//! still the current snapshot. Lookups see an eviction from disk only in a later snapshot.

use super::Memory;
#[cfg(test)]
use super::deferred_drops::DeferredDrops;
use super::evicted_values::EvictedValues;
use super::key_leases::LeaseId;
#[cfg(test)]
use crate::format::key::scope::Scope;
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

/// A range removal of the key is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BehindBarrier;

impl Memory {
    /// Reads the live value of a key, for a change that takes no lease. The caller publishes the change
    /// with [`NO_LEASE`](super::key_leases::NO_LEASE). If a range removal of the key is in progress, waits
    /// for it, or returns an error if the call may not wait.
    pub(crate) fn read_to_change(
        &self,
        key: SlotKey<'_>,
        now: impl Fn() -> Timestamp,
        may_wait: bool,
    ) -> Result<Option<(Value, ReadEntry)>, BehindBarrier> {
        loop {
            let now = now();
            let Some(shard) = self.read(key.hash) else { return Ok(None) };
            if !shard.leases.is_behind_barrier(key) {
                let Lookup::Value(value, expires_at) = shard.peek(key, now) else { return Ok(None) };
                let read = ReadEntry::new(shard.sequence_of(key), expires_at, shard.extras_of(key));
                return Ok(Some((value, read)));
            }
            drop(shard);
            self.wait_for_barrier(key, may_wait)?;
        }
    }

    /// Waits until no range removal of the key is in progress, or returns an error if the call may not wait.
    /// The calling thread must hold no lock, and must not be the one that removes the range.
    pub(crate) fn wait_for_barrier(&self, key: SlotKey<'_>, may_wait: bool) -> Result<(), BehindBarrier> {
        let is_behind_barrier =
            || self.read(key.hash).is_some_and(|shard| shard.leases.is_behind_barrier(key));
        if !is_behind_barrier() {
            return Ok(());
        }
        if !may_wait {
            return Err(BehindBarrier);
        }
        self.barrier_waits.wait_while(is_behind_barrier);
        Ok(())
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
        let weight = entry.clean_weight();
        let may_fit = weight <= self.budget.capacity();
        let mut reserved = 0;
        loop {
            let mut locked = self.lock(key, evicted_values);
            // The value reuses the room of the value that it replaces, and other entries are evicted only
            // for the rest. A value that will be committed needs no room now.
            let replaced = if weight > 0 { locked.shard.weight_of_clean(key) } else { 0 };
            let missing = weight.saturating_sub(reserved).saturating_sub(replaced);
            let has_room = missing == 0
                || may_fit && (self.budget.try_reserve(missing) || locked.evict_for_growth(key, missing));
            if has_room {
                let deferred = &mut locked.released.deferred;
                deferred.weight += reserved + missing;
                let stored = locked.shard.publish(key, publication, entry, &self.sequence, deferred);
                if stored.is_ok() {
                    let has_given = deferred.give_room(weight);
                    debug_assert!(has_given, "the replaced value and the reservation have this weight");
                }
                return stored;
            }
            drop(locked);
            if !may_fit || !self.reserve_beside(&[key], missing, evicted_values) {
                self.budget.release(reserved);
                return Err(self.publish_nothing(key, publication, evicted_values));
            }
            // The replaced value may be lighter by now. Then the next pass reserves the difference.
            reserved += missing;
        }
    }

    /// Removes the entry that was read, unless changes of the key must be committed. Otherwise the entry
    /// would stay visible after a change that found no room.
    #[cold]
    fn publish_nothing(
        &self,
        key: SlotKey<'_>,
        publication: Publication<'_>,
        evicted_values: &mut EvictedValues,
    ) -> Refused {
        let mut locked = self.lock(key, evicted_values);
        let refused = match locked.shard.confirm(key, publication) {
            Ok(now) => locked.shard.forget_replaced(key, now, &self.sequence, &mut locked.released.deferred),
            Err(refused) => refused,
        };
        if refused == Refused::NoRoom {
            self.count_bypassed();
        }
        refused
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

/// A range removal that has raised its barriers, and goes no further.
#[cfg(test)]
impl Memory {
    pub(crate) fn raise_barriers(&self, scope: &Scope) {
        for shard in &self.shards {
            shard.write().leases.raise_barrier(scope, &mut DeferredDrops::default());
        }
    }

    pub(crate) fn lower_barriers(&self, scope: &Scope) {
        for shard in &self.shards {
            shard.write().leases.lower_barrier(scope, &mut DeferredDrops::default());
            self.barrier_waits.wake();
        }
    }

    pub(crate) fn changes_behind_barriers(&self) -> usize {
        self.barrier_waits.waiting()
    }
}
