//! A shard: the current state of each of its keys, under one lock.
//!
//! A key's value or tombstone, its sequence and its leases change together, so no two readers can disagree
//! about the order of changes (contract 1). Dirty entries are the content of the write buffer. A dirty entry
//! becomes clean only after the writer has committed it *and* installed the snapshot that shows it (invariant
//! 2 of `docs/design.md`). The entry's sequence must still be the committed sequence. After the file was
//! discarded, dirty entries become clean without a commit.
//!
//! A shard does no I/O, and drops no value. Its callers pass the time of the cache. Only its table of
//! leases reads the real clock. Values that leave the shard are added to [`DeferredDrops`].

#[cfg(all(unix, feature = "control"))]
pub(crate) mod describe;
mod dirty;
mod extras;
mod group_tombstone;
mod idle;
mod leaving;
mod listing;
mod lookup;
mod near;
mod publish;
#[cfg(any(test, feature = "test-util"))]
pub(super) mod validate;

use std::collections::HashMap;

use super::expiry::ExpiryIndex;
use super::key_leases::LeaseId;
use super::leases::{Leases, Permit};
use super::policy::Policy;
use super::removal_groups::RemovalGroups;
use super::slot::{DirtyValue, Slot, SlotState};
use super::slot_index::SlotIndex;
use super::slots::Slots;
use super::watch_epochs::WatchEpochs;
use super::weight::Weight;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::RangeTombstone;
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::extras::EntryExtras;
use crate::memory::grace::Grace;
use crate::memory::keyspace_usage::KeyspaceUsages;
use crate::memory::lookup::{Lookup, PreviousState};
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, AtomicU64, Ordering};
use crate::units::Timestamp;

#[derive(Debug)]
pub(super) struct Shard {
    index: SlotIndex,
    slots: Slots,
    policy: Policy,
    expiry: ExpiryIndex,
    pub(super) leases: Leases,
    /// The dirty slots that the writer's next drain returns.
    dirty: Vec<SlotId>,
    /// Data that only dirty slots need. Few slots are dirty at a time, so the data is outside the slots.
    pending: HashMap<SlotId, DirtyValue, ahash::RandomState>,
    /// The groups of tombstones that belong to a group ([`super::removal_groups`]).
    removal_groups: RemovalGroups,
    extras: HashMap<SlotId, EntryExtras, ahash::RandomState>,
    /// Range removals whose records may still be in the installed snapshot.
    ranges: Vec<RangeTombstone>,
    /// Whether entries of the disk tier must be committed. If so, the shard refuses to store one that will
    /// not be committed. Otherwise a lookup could find an older value on disk after the eviction of that
    /// entry.
    saves: bool,
    /// The highest sequence of the writes to keyspaces of the disk tier that were made while the shard did
    /// not save, so that they will not be committed.
    unsaved_up_to: u64,
    /// Whether the shard is sealed ([`super::closing`]).
    is_closed: bool,
    pub(super) usages: KeyspaceUsages,
    pub(super) watch_epochs: WatchEpochs,
    /// The number of evictions from disk that have begun.
    pub(super) disk_evictions: Arc<AtomicU64>,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            index: SlotIndex::new(),
            slots: Slots::new(),
            policy: Policy::new(),
            expiry: ExpiryIndex::new(),
            leases: Leases::default(),
            dirty: Vec::new(),
            pending: HashMap::default(),
            removal_groups: RemovalGroups::default(),
            extras: HashMap::default(),
            ranges: Vec::new(),
            saves: true,
            unsaved_up_to: 0,
            is_closed: false,
            usages: KeyspaceUsages::default(),
            watch_epochs: WatchEpochs::default(),
            disk_evictions: Arc::default(),
        }
    }

    /// Returns the sequence that a record on disk must exceed to be visible: the sequence of the latest
    /// range tombstone that covers the key, or 0.
    pub(crate) fn min_visible_sequence(&self, key: SlotKey<'_>) -> u64 {
        if failpoint_is_set(Failpoint::IgnoreMinVisibleSequence) {
            return 0;
        }
        let matching = self.ranges.iter().filter(|range| range.scope.covers(key.bytes));
        matching.map(|range| range.sequence).max().unwrap_or(0)
    }

    /// Stores an entry: revokes the leases on the key, takes the next sequence, and replaces the previous
    /// value.
    #[inline]
    pub(crate) fn store(
        &mut self,
        key: SlotKey<'_>,
        entry: IncomingEntry,
        counter: &AtomicU64,
        deferred: &mut DeferredDrops,
    ) -> Result<u64, Refused> {
        if self.is_closed() || (entry.unsaved.is_none() && self.must_save(key)) {
            deferred.refused(entry);
            return Err(if self.is_closed() { Refused::Closed } else { Refused::Unsaved });
        }
        self.leases.revoke(key, deferred);
        self.watch_epochs.increment(key);
        let sequence = next(counter);
        if entry.unsaved.is_none() {
            self.note_unsaved(key, || sequence);
        }
        self.put(key, entry, sequence, deferred);
        Ok(sequence)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed && !failpoint_is_set(Failpoint::StoreInClosed)
    }

    /// Seals the shard. Afterwards no write, fill, promotion or tombstone may be stored in it.
    pub(crate) fn seal(&mut self) {
        self.is_closed = true;
    }

    pub(in crate::memory) fn must_save(&self, key: SlotKey<'_>) -> bool {
        self.saves && KeyspaceId::of(key.bytes).is_in_file()
    }

    /// Stores a loaded value with a new sequence, if its lease is still valid.
    pub(crate) fn fill(
        &mut self,
        key: SlotKey<'_>,
        lease: LeaseId,
        entry: IncomingEntry,
        counter: &AtomicU64,
        deferred: &mut DeferredDrops,
    ) -> Result<u64, Refused> {
        if !self.leases.holds(key, lease) && !failpoint_is_set(Failpoint::FillWithoutLease) {
            deferred.refused(entry);
            return Err(Refused::Revoked);
        }
        let unsaved_up_to = self.unsaved_up_to;
        let filled = self.store(key, entry, counter, deferred);
        // No caller waits for the commit of a loaded value.
        self.unsaved_up_to = unsaved_up_to;
        filled
    }

    /// Stores a value that was read from disk or from a server, if the permit is still valid and the shard
    /// has no entry of the key.
    pub(super) fn promote(
        &mut self,
        key: SlotKey<'_>,
        permit: Permit,
        entry: IncomingEntry,
        sequence: u64,
        deferred: &mut DeferredDrops,
    ) -> Result<(), Refused> {
        let may_fill = self.leases.permits(key, permit) || failpoint_is_set(Failpoint::PromoteWithoutLease);
        if !may_fill || self.is_closed() || self.find(key).is_some() {
            deferred.refused(entry);
            return Err(if self.is_closed() { Refused::Closed } else { Refused::Revoked });
        }
        self.put(key, entry, sequence, deferred);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn has_clean(&self, key: SlotKey<'_>) -> bool {
        self.find(key).is_some_and(|(_, slot)| slot.state == SlotState::Clean)
    }

    pub(super) fn has_entry(&self, key: SlotKey<'_>) -> bool {
        self.find(key).is_some_and(|(_, slot)| slot.has_value() || slot.is_absence())
    }

    fn previous(&self, key: SlotKey<'_>, now: Timestamp) -> PreviousState {
        match self.peek(key, now) {
            Lookup::Value(..) => PreviousState::Live,
            Lookup::Absent(_) | Lookup::Negative => PreviousState::Dead,
            Lookup::Unknown(_) => PreviousState::Nothing,
        }
    }

    #[inline]
    fn put(&mut self, key: SlotKey<'_>, entry: IncomingEntry, sequence: u64, deferred: &mut DeferredDrops) {
        let IncomingEntry { value, expires_at, grace, weight, unsaved, extras } = entry;
        let content = match unsaved {
            Some(unsaved) => {
                debug_assert_eq!(unsaved.weight, weight, "an entry has one weight");
                SlotValue::Dirty(value, DirtyValue { unsaved })
            }
            None => SlotValue::Clean(value, weight),
        };
        let id = self.set(key, content, (expires_at, grace), sequence, deferred);
        if let Some(extras) = extras {
            self.extras.insert(id, extras);
        }
    }

    fn set(
        &mut self,
        key: SlotKey<'_>,
        content: SlotValue,
        (expires_at, grace): (Timestamp, Grace),
        sequence: u64,
        deferred: &mut DeferredDrops,
    ) -> SlotId {
        let Some((id, _)) = self.find(key) else {
            return self.set_new(key, content, (expires_at, grace), sequence);
        };
        self.take_content(id, deferred);
        let was_removed = self.is_removed(id);
        self.removal_groups.leave(id, deferred);
        let Some(slot) = self.slots.get_mut(id) else {
            return id;
        };
        (slot.expires_at, slot.grace, slot.sequence) = (expires_at, grace, sequence);
        match content {
            SlotValue::Clean(value, weight) => {
                (slot.value, slot.state) = (value, SlotState::Clean);
                slot.hides_removal |= was_removed;
                self.usages.add_clean(key.bytes, weight);
                self.policy.attach(id, key.short_hash(), weight);
                self.expiry.add(id, slot.delete_after());
                return id;
            }
            SlotValue::Dirty(value, pending) => {
                (slot.value, slot.state) = (value, SlotState::Dirty);
                slot.hides_removal |= was_removed;
                self.usages.add_dirty(key.bytes, pending.weight());
                self.pending.insert(id, pending);
            }
            SlotValue::Tombstone => slot.state = SlotState::Tombstone,
        }
        if !std::mem::replace(&mut slot.is_listed, true) {
            self.dirty.push(id);
        }
        id
    }

    /// Adds a key that the shard does not have.
    #[inline]
    fn set_new(
        &mut self,
        key: SlotKey<'_>,
        content: SlotValue,
        life: (Timestamp, Grace),
        sequence: u64,
    ) -> SlotId {
        let (value, weight) = match content {
            SlotValue::Clean(value, weight) => (value, weight),
            SlotValue::Dirty(value, pending) => {
                return self.set_new_pinned(key, value, Some(pending), life, sequence);
            }
            SlotValue::Tombstone => return self.set_new_pinned(key, None, None, life, sequence),
        };
        let id = self.take_slot(key, value, SlotState::Clean, life, sequence);
        self.usages.add_clean(key.bytes, weight);
        self.policy.attach(id, key.short_hash(), weight);
        self.expiry.add(id, life.1.after(life.0));
        id
    }

    /// Adds a key with a dirty value, or with a tombstone if `pending` is `None`. Separate from
    /// [`set_new`](Self::set_new), so that an insert of a clean value has less code.
    #[inline(never)]
    fn set_new_pinned(
        &mut self,
        key: SlotKey<'_>,
        value: Option<Value>,
        pending: Option<DirtyValue>,
        life: (Timestamp, Grace),
        sequence: u64,
    ) -> SlotId {
        let state = if pending.is_some() { SlotState::Dirty } else { SlotState::Tombstone };
        let id = self.take_slot(key, value, state, life, sequence);
        if let Some(pending) = pending {
            self.usages.add_dirty(key.bytes, pending.weight());
            self.pending.insert(id, pending);
        }
        self.dirty.push(id);
        id
    }

    /// Takes a slot for a new key, and adds the slot to the index.
    #[expect(clippy::inline_always, reason = "of the path of an insert")]
    #[inline(always)]
    fn take_slot(
        &mut self,
        key: SlotKey<'_>,
        value: Option<Value>,
        state: SlotState,
        (expires_at, grace): (Timestamp, Grace),
        sequence: u64,
    ) -> SlotId {
        if self.index.is_full() {
            self.index.grow(self.slots.iter().map(|(id, slot)| (id, slot.hash)));
        }
        let hash = key.short_hash();
        let id = self.slots.take(Slot {
            key: key.bytes.into(),
            value,
            expires_at,
            sequence,
            hash,
            state,
            hides_removal: false,
            is_listed: state != SlotState::Clean,
            grace,
        });
        self.index.insert(id, hash);
        id
    }

    /// Removes the value from a slot, and subtracts its weight. The caller sets the new state.
    fn take_content(&mut self, id: SlotId, deferred: &mut DeferredDrops) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        match slot.state {
            SlotState::Vacant | SlotState::Tombstone => return,
            SlotState::Clean => {
                let weight = self.policy.weight_of(id);
                deferred.weight += weight.bytes();
                self.policy.detach(id);
                self.expiry.remove(id, slot.delete_after());
                self.usages.subtract_clean(&slot.key, weight);
            }
            SlotState::Dirty => {
                let pending = self.pending.remove(&id);
                let weight = pending.as_ref().map_or(Weight::ZERO, DirtyValue::weight);
                self.usages.subtract_dirty(&slot.key, weight);
                deferred.unsaved(pending.map(|pending| pending.unsaved));
            }
        }
        deferred.value(slot.value.take());
        self.take_extras(id);
    }

    fn remove(&mut self, id: SlotId, deferred: &mut DeferredDrops) {
        self.take_content(id, deferred);
        self.removal_groups.leave(id, deferred);
        self.policy.forget(id);
        let hash = self.slots.vacate(id);
        self.leave_index(id, hash);
    }

    /// Removes a slot from the index, with the hash of its key, after the slot was vacated.
    fn leave_index(&mut self, id: SlotId, hash: Option<u32>) {
        if let Some(hash) = hash {
            let slots = &self.slots;
            self.index.remove(id, hash, |other| slots.at(other).map_or(0, |slot| slot.hash));
        }
    }
}

enum SlotValue {
    /// A value or an absence that is on disk, or that will never be committed. Its weight is reserved in the
    /// budget.
    Clean(Option<Value>, Weight),
    Dirty(Option<Value>, DirtyValue),
    Tombstone,
}

/// Takes the next sequence. The caller holds the lock of the key's shard, so the sequences of a key follow
/// the order of its changes. Relaxed ordering is enough: the lock orders the changes of a key, and across
/// shards the numbers must only be unique.
fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests;
