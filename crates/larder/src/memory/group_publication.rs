//! The publication of a transaction: changes of several keys, computed from the content of several keys.
//!
//! The caller has taken a lease on each key before reading it, as for a change of one key
//! ([`super::publication`]). It has computed its changes without a lock, and reserved room for all of them
//! in the write buffer. Then:
//!
//! 1. The group gate is held shared ([`super::store_group`]), so a drain of the writer contains every
//!    change of the transaction, or none.
//! 2. The shards of all keys are locked in the order of their numbers, each once. Only this module and
//!    [`super::group_lookup`] wait for a shard's lock while they hold another shard's lock, and both lock in
//!    this order. So no two callers deadlock.
//! 3. Each read is checked as for a change of one key: the lease is valid, and the entry that was read is
//!    still there and live. The time is read once, under all locks. If any check fails, nothing is changed.
//! 4. Each change is checked: its shard is open, and a change that must be committed was prepared for the
//!    commit.
//! 5. Weight is reserved for the values that are stored clean because they will not be committed. These
//!    values reuse the weight of the values that they replace. If this weight and the free weight are too
//!    small, the locks are released, other entries are evicted for the difference, and the steps begin again
//!    at (1). The entries that were read are evicted only if the others do not suffice. Then (3) fails, and
//!    the next round finds that these entries are missing. If even that does not suffice, because other
//!    callers have reserved the weight, the new values are left out, and their keys have no entry afterwards.
//!    An insert does the same, and a lookup cannot distinguish this from an eviction.
//! 6. All changes are made. Each stored entry and each tombstone gets a sequence.
//! 7. The locks are released. Then the replaced values are added to the caller's list, and their weight is
//!    released.
//!
//! Every read is valid at (3), and every change is made before any lock is released. So the transaction is
//! atomic. A lookup locks one shard at a time. Once a thread has found one of the new values, it finds no
//! older content of another key of the transaction.
//!
//! Without (2), a lookup between two changes would find one of them and not the other. If a read were
//! checked before another shard is locked, the check could be outdated when the changes are made.

use super::Memory;
use super::deferred_drops::DeferredDrops;
use super::evicted_values::EvictedValues;
use super::key_leases::LeaseId;
use super::locked_shard::pass_on;
use super::publication::Publication;
use super::shard::Shard;
use crate::memory::entry::{IncomingEntry, Refused};
use crate::memory::group::Group;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};
use crate::units::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupRead<'a> {
    pub(crate) key: SlotKey<'a>,
    pub(crate) lease: LeaseId,
    /// The entry that was read, or `None` if the key had no live value.
    pub(crate) entry: Option<ReadEntry>,
    /// Whether the entry was confirmed on disk, in the snapshot that [`GroupConditions::is_current`] checks.
    pub(crate) is_confirmed: bool,
}

#[derive(Debug)]
pub(crate) enum GroupChange {
    /// Stores an entry under the key.
    Put(IncomingEntry),
    /// Removes the entry of the key from memory and disk. The removal is committed with its group, if it has
    /// one. `is_saved` is false if the disk tier is currently not saving changes.
    Remove { group: Option<Arc<Group>>, is_saved: bool },
    /// Removes the entry of a key whose changes are not committed.
    Forget,
}

impl GroupChange {
    fn clean_weight(&self) -> u64 {
        if let Self::Put(entry) = self { entry.clean_weight() } else { 0 }
    }

    const fn is_saved(&self) -> bool {
        match self {
            Self::Put(entry) => entry.unsaved.is_some(),
            Self::Remove { is_saved, .. } => *is_saved,
            Self::Forget => false,
        }
    }
}

/// Callbacks that run under the locks.
#[derive(Clone, Copy)]
pub(crate) struct GroupConditions<'a> {
    pub(crate) now: &'a dyn Fn() -> Timestamp,
    /// Returns whether the snapshot in which entries were confirmed is still the current one.
    pub(crate) is_current: &'a dyn Fn() -> bool,
}

/// The weight in the budget for the values that are stored clean.
struct CleanRoom {
    /// The weight of these values.
    needed: u64,
    /// The part of `needed` that is reserved.
    reserved: u64,
    /// The part of `needed` that step 5 could not reserve, beside `reserved` and the weight of the replaced
    /// values.
    missing: u64,
}

/// The locks of several shards, in the order of their numbers.
pub(super) struct LockedShards<G> {
    numbers: Vec<usize>,
    guards: Vec<G>,
}

impl<G> LockedShards<G> {
    pub(super) fn of(&mut self, number: usize) -> &mut G {
        let at = self.numbers.binary_search(&number).expect("the shards of all keys are locked");
        self.guards.get_mut(at).expect("there is a guard for each number")
    }
}

impl Memory {
    /// Makes all changes of a transaction if every read is still valid. Otherwise changes nothing, and
    /// leaves `changes` as it is. The caller drops the values in `evicted_values`.
    ///
    /// # Errors
    /// Returns [`Refused::Revoked`], [`Refused::Unconfirmed`] and [`Refused::Closed`] as for one key. Returns
    /// [`Refused::Unsaved`] if the disk tier came back after the changes were prepared. Does not return
    /// [`Refused::NoRoom`]: values that will not be committed, and find no room, are left out.
    pub(crate) fn publish_group(
        &self,
        reads: &[GroupRead<'_>],
        changes: &mut Vec<(SlotKey<'_>, GroupChange)>,
        conditions: GroupConditions<'_>,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        let needed = changes.iter().map(|(_, change)| change.clean_weight()).sum();
        let mut room = CleanRoom { needed, reserved: 0, missing: 0 };
        let mut left_out = 0;
        loop {
            let published = self.publish_locked(reads, changes, &mut room, conditions, evicted_values);
            // 5.
            if published == Err(Refused::NoRoom) {
                if self.reserve_missing(reads, room.missing, evicted_values) {
                    room.reserved += room.missing;
                } else {
                    self.budget.release(room.reserved);
                    room = CleanRoom { needed: 0, reserved: 0, missing: 0 };
                    left_out = leave_out(changes, evicted_values);
                }
                continue;
            }
            if published.is_ok() {
                (0..left_out).for_each(|_| self.count_bypassed());
            } else {
                self.budget.release(room.reserved);
            }
            return published;
        }
    }

    /// Reserves weight, and evicts the entries that were read only if the others do not suffice.
    #[cold]
    fn reserve_missing(
        &self,
        reads: &[GroupRead<'_>],
        missing: u64,
        evicted_values: &mut EvictedValues,
    ) -> bool {
        let found = reads.iter().filter(|read| read.entry.is_some());
        let mut spared: Vec<_> = found.map(|read| read.key).collect();
        spared.sort_unstable_by_key(|key| self.index_of(key.hash));
        missing <= self.budget.capacity()
            && (self.reserve_beside(&spared, missing, evicted_values)
                || self.reserve_beside(&[], missing, evicted_values))
    }

    /// Runs steps 1 to 7. If the changes are refused, the caller releases the reserved weight.
    fn publish_locked(
        &self,
        reads: &[GroupRead<'_>],
        changes: &mut Vec<(SlotKey<'_>, GroupChange)>,
        room: &mut CleanRoom,
        conditions: GroupConditions<'_>,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        // 1. and 2.
        let _gate = self.group_gate.read();
        let keys = reads.iter().map(|read| read.key).chain(changes.iter().map(|(key, _)| *key));
        let mut locked: LockedShards<RwLockWriteGuard<'_, Shard>> =
            self.lock_shards(keys, |number| self.shards.get(number).map(|shard| shard.write()));
        // 3.
        let now = (conditions.now)();
        for read in reads {
            confirm(locked.of(self.index_of(read.key.hash)), read, now, conditions)?;
        }
        // 4.
        let mut replaced = 0;
        for (key, change) in &*changes {
            let shard = locked.of(self.index_of(key.hash));
            if shard.is_closed() {
                return Err(Refused::Closed);
            }
            if !change.is_saved() && shard.must_save(*key) {
                return Err(Refused::Unsaved);
            }
            replaced += shard.weight_of_clean(*key);
        }
        // 5.
        room.missing = room.needed.saturating_sub(room.reserved).saturating_sub(replaced);
        if room.missing > 0 && !self.budget.try_reserve(room.missing) {
            return Err(Refused::NoRoom);
        }
        room.reserved += room.missing;
        // 6.
        let mut deferred = DeferredDrops::default();
        let mut locked = Some(locked);
        for (key, change) in changes.drain(..) {
            let number = self.index_of(key.hash);
            if failpoint_is_set(Failpoint::PublishOneByOne) {
                drop(locked.take());
                let mut shard = self.shards.get(number).expect("the number of a shard").write();
                self.make_change(&mut shard, key, change, now, &mut deferred);
            } else if let Some(locked) = &mut locked {
                self.make_change(locked.of(number), key, change, now, &mut deferred);
            }
        }
        // 7. The new values take the reserved weight, and as much of the released weight as they need.
        drop(locked);
        deferred.weight = (deferred.weight + room.reserved).saturating_sub(room.needed);
        pass_on(&mut deferred, &self.budget, evicted_values);
        Ok(())
    }

    /// Runs step 6 for one change.
    fn make_change(
        &self,
        shard: &mut Shard,
        key: SlotKey<'_>,
        change: GroupChange,
        now: Timestamp,
        deferred: &mut DeferredDrops,
    ) {
        match change {
            GroupChange::Put(entry) => {
                let stored = shard.store(key, entry, &self.sequence, deferred);
                debug_assert!(stored.is_ok(), "the shard was checked under this lock: {stored:?}");
            }
            GroupChange::Remove { group, .. } => {
                shard.insert_group_tombstone(key, group, &self.sequence, deferred);
            }
            GroupChange::Forget => {
                shard.forget(key, now, deferred);
            }
        }
    }

    /// Runs steps 2 and 3 with shared locks: checks that every read is valid at one moment.
    pub(crate) fn confirm_group(
        &self,
        reads: &[GroupRead<'_>],
        conditions: GroupConditions<'_>,
    ) -> Result<(), Refused> {
        let keys = reads.iter().map(|read| read.key);
        let mut locked: LockedShards<RwLockReadGuard<'_, Shard>> =
            self.lock_shards(keys, |number| self.shards.get(number).map(|shard| shard.read()));
        let now = (conditions.now)();
        reads
            .iter()
            .try_for_each(|read| confirm(locked.of(self.index_of(read.key.hash)), read, now, conditions))
    }

    /// Returns the current epoch of a watched key. The caller looks the key up after this call, not before.
    pub(crate) fn watch_epoch(&self, key: SlotKey<'_>) -> u64 {
        self.shard(key).write().watch_epochs.take(key, self.shards.len())
    }

    /// Returns true only if no value of the key has been stored since its epoch was read. A store of a
    /// different key can also make the result false.
    pub(crate) fn is_unstored(&self, key: SlotKey<'_>, epoch: u64) -> bool {
        self.shard(key).read().watch_epochs.get(key) == epoch
    }

    /// Locks the shards of the keys, each once, in the order of their numbers.
    pub(super) fn lock_shards<'a, G>(
        &self,
        keys: impl Iterator<Item = SlotKey<'a>>,
        lock: impl Fn(usize) -> Option<G>,
    ) -> LockedShards<G> {
        let mut numbers: Vec<usize> = keys.map(|key| self.index_of(key.hash)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let guards = numbers.iter().filter_map(|&number| lock(number)).collect();
        LockedShards { numbers, guards }
    }

    /// Returns the number of the shard that a hash belongs to. The upper half of the hash chooses the shard,
    /// because the shard's index and its policy use the lower half.
    #[inline]
    pub(super) fn index_of(&self, hash: u64) -> usize {
        usize::try_from(hash >> 32).unwrap_or(0) & (self.shards.len() - 1)
    }
}

/// Replaces the puts of values that will not be committed by removals, and returns their number. The caller
/// holds no lock.
#[cold]
fn leave_out(changes: &mut [(SlotKey<'_>, GroupChange)], evicted_values: &mut EvictedValues) -> usize {
    let mut left_out = 0;
    for (_, change) in changes.iter_mut().filter(|(_, change)| change.clean_weight() > 0) {
        if let GroupChange::Put(entry) = std::mem::replace(change, GroupChange::Forget) {
            entry.value.into_iter().for_each(|value| evicted_values.push(value));
            left_out += 1;
        }
    }
    left_out
}

/// Runs step 3 for one read.
fn confirm(
    shard: &Shard,
    read: &GroupRead<'_>,
    now: Timestamp,
    conditions: GroupConditions<'_>,
) -> Result<(), Refused> {
    let publication = Publication {
        lease: read.lease,
        read: read.entry,
        now: &|| now,
        is_on_disk: &|| read.is_confirmed && (conditions.is_current)(),
    };
    shard.confirm(read.key, publication).map(drop)
}
