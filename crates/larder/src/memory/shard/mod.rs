//! A shard: what each of its keys is right now, under one lock.
//!
//! A key's value or tombstone, its sequence and its leases change together, so no two readers can disagree
//! about their order (contract 1). Dirty entries are the write buffer: they leave only when the writer has
//! committed them *and* installed the snapshot that shows them (invariant 2), and only if their sequence is
//! still the committed one.
//!
//! A shard does no I/O, asks no clock, and drops no value: what it lets go of is handed out as [`Trash`].

#[cfg(all(unix, feature = "control"))]
pub(crate) mod describe;
mod dirty;
mod listing;
#[cfg(any(test, feature = "test-util"))]
pub(crate) mod validate;

use std::collections::HashMap;

use hashbrown::HashTable;

use super::expiry::ExpiryIndex;
use super::leases::{LeaseId, Leases, Permit};
use super::policy::{Policy, SlotId};
use super::slot::{
    Absent, Entry, Found, Pending, Prior, Range, Refused, Slot, SlotKey, State, Tallies, Trash, Value,
};
use super::slots::Slots;
use super::weight::Weight;
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::sync::planted::{Fault, is_planted};
use crate::sys::sync::{AtomicU64, Ordering};
use crate::units::Timestamp;

#[derive(Debug)]
pub(crate) struct Shard {
    ids: HashTable<SlotId>,
    slots: Slots,
    policy: Policy,
    expiry: ExpiryIndex,
    pub(super) leases: Leases,
    /// Slots dirtied since the writer last drained.
    dirty: Vec<SlotId>,
    /// What the dirty slots have besides: few at a time, so they do not take room in every slot.
    pending: HashMap<SlotId, Pending, ahash::RandomState>,
    /// Range removals that are not committed yet.
    ranges: Vec<Range>,
    /// Whether what belongs on disk is to be committed. If it is, a value that is not is refused: once
    /// evicted, an older one on disk would show.
    saves: bool,
    /// Whether the shard takes nothing any more ([`super::closing`]).
    is_closed: bool,
    pub(super) tallies: Tallies,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            ids: HashTable::new(),
            slots: Slots::new(),
            policy: Policy::new(),
            expiry: ExpiryIndex::new(),
            leases: Leases::default(),
            dirty: Vec::new(),
            pending: HashMap::default(),
            ranges: Vec::new(),
            saves: true,
            is_closed: false,
            tallies: Tallies::default(),
        }
    }

    /// Looks a key up. Takes `&self`: a hit needs only the shared lock.
    #[inline]
    pub(crate) fn get(&self, key: SlotKey<'_>, now: Timestamp) -> Found {
        let Some((id, slot)) = self.find(key) else {
            return Found::Nothing(self.absent(key));
        };
        match &slot.value {
            Some(value) if slot.expires_at > now => {
                self.policy.touch(id);
                Found::Value(value.clone(), slot.expires_at)
            }
            // The disk holds this entry or an older one of the key: nothing live.
            _ => Found::Dead,
        }
    }

    /// Looks a key up without counting it as a use.
    pub(crate) fn peek(&self, key: SlotKey<'_>, now: Timestamp) -> Found {
        let Some((_, slot)) = self.find(key) else {
            return Found::Nothing(self.absent(key));
        };
        match &slot.value {
            Some(value) if slot.expires_at > now => Found::Value(value.clone(), slot.expires_at),
            _ => Found::Dead,
        }
    }

    fn absent(&self, key: SlotKey<'_>) -> Absent {
        Absent { floor: self.floor(key), ticket: self.leases.ticket(key) }
    }

    /// The sequence that a record on disk must exceed to be believed: that of the latest uncommitted range
    /// removal.
    pub(crate) fn floor(&self, key: SlotKey<'_>) -> u64 {
        if is_planted(Fault::IgnoreFloor) {
            return 0;
        }
        let matching = self.ranges.iter().filter(|range| range.scope.covers(key.bytes));
        matching.map(|range| range.sequence).max().unwrap_or(0)
    }

    /// Stores an explicit write: takes the next sequence, revokes the leases on the key, replaces what stood
    /// there.
    pub(crate) fn store(
        &mut self,
        key: SlotKey<'_>,
        entry: Entry,
        counter: &AtomicU64,
        trash: &mut Trash,
    ) -> Result<u64, Refused> {
        if self.is_closed() || (entry.unsaved.is_none() && self.must_save(key)) {
            trash.refused(entry);
            return Err(if self.is_closed() { Refused::Closed } else { Refused::Unsaved });
        }
        self.leases.revoke(key, trash);
        let sequence = next(counter);
        self.put(key, entry, sequence, trash);
        Ok(sequence)
    }

    /// Removes what an unsaved write replaces that finds no room itself; unless it must be saved.
    pub(crate) fn forget_replaced(&mut self, key: SlotKey<'_>, now: Timestamp, trash: &mut Trash) -> Refused {
        if self.is_closed() {
            return Refused::Closed;
        }
        if self.must_save(key) {
            return Refused::Unsaved;
        }
        self.forget(key, now, trash);
        Refused::NoRoom
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed && !is_planted(Fault::StoreInClosed)
    }

    /// From here on nothing is stored, filled, promoted or removed by a tombstone.
    pub(crate) fn seal(&mut self) {
        self.is_closed = true;
    }

    /// Lets go of every entry and takes nothing any more. Leases stay with those who hold them.
    pub(crate) fn close(&mut self, trash: &mut Trash) {
        self.seal();
        for id in 0..self.slots.end() {
            if self.slots.get(id).is_some() {
                self.remove(id, trash);
            }
        }
        self.dirty.clear();
        self.ranges.clear();
    }

    fn must_save(&self, key: SlotKey<'_>) -> bool {
        self.saves && !KeyspaceId::of(key.bytes).is_memory_only()
    }

    /// Publishes a load, as a write of its own, if its lease still holds.
    pub(crate) fn fill(
        &mut self,
        key: SlotKey<'_>,
        lease: LeaseId,
        entry: Entry,
        counter: &AtomicU64,
        trash: &mut Trash,
    ) -> Result<u64, Refused> {
        if !self.leases.holds(key, lease) && !is_planted(Fault::FillWithoutLease) {
            trash.refused(entry);
            return Err(Refused::Revoked);
        }
        self.store(key, entry, counter, trash)
    }

    /// Publishes what was read from disk, if the permission still holds and the key has nothing in the shard.
    pub(crate) fn promote(
        &mut self,
        key: SlotKey<'_>,
        permit: Permit,
        entry: Entry,
        sequence: u64,
        trash: &mut Trash,
    ) -> Result<(), Refused> {
        let may_fill = self.leases.permits(key, permit) || is_planted(Fault::PromoteWithoutLease);
        if !may_fill || self.is_closed() || self.find(key).is_some() {
            trash.refused(entry);
            return Err(if self.is_closed() { Refused::Closed } else { Refused::Revoked });
        }
        self.put(key, entry, sequence, trash);
        Ok(())
    }

    /// Removes a key that is not to be on disk.
    pub(crate) fn forget(&mut self, key: SlotKey<'_>, now: Timestamp, trash: &mut Trash) -> Prior {
        self.leases.revoke(key, trash);
        let prior = self.prior(key, now);
        if let Some((id, _)) = self.find(key) {
            self.remove(id, trash);
        }
        prior
    }

    /// Evicts one clean entry. Answers whether there was one.
    pub(crate) fn evict(&mut self, trash: &mut Trash) -> bool {
        let Some(id) = self.policy.evict() else {
            return false;
        };
        if let Some(slot) = self.slots.get(id) {
            self.tallies.evicted(&slot.key);
        }
        self.remove(id, trash);
        true
    }

    /// Removes up to `most` expired clean entries; how many.
    pub(crate) fn expire(&mut self, now: Timestamp, most: usize, trash: &mut Trash) -> usize {
        let mut expired = 0;
        for id in self.expiry.due(now, most) {
            if let Some(slot) = self.slots.get(id).filter(|slot| slot.expires_at <= now) {
                self.tallies.expired(&slot.key);
                self.remove(id, trash);
                expired += 1;
            }
        }
        expired
    }

    /// When the next clean entry will have expired.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiry.next()
    }

    #[cfg(test)]
    pub(crate) fn has_clean(&self, key: SlotKey<'_>) -> bool {
        self.find(key).is_some_and(|(_, slot)| slot.state == State::Clean)
    }

    /// Whether a key has a value, committed or not.
    pub(crate) fn has_value(&self, key: SlotKey<'_>) -> bool {
        self.find(key).is_some_and(|(_, slot)| slot.value.is_some())
    }

    fn prior(&self, key: SlotKey<'_>, now: Timestamp) -> Prior {
        match self.peek(key, now) {
            Found::Value(..) => Prior::Live,
            Found::Dead => Prior::Dead,
            Found::Nothing(_) => Prior::Nothing,
        }
    }

    #[inline]
    fn find(&self, key: SlotKey<'_>) -> Option<(SlotId, &Slot)> {
        let mut found = None;
        let is_it = |&id: &SlotId| {
            found = self.slots.get(id).filter(|slot| *slot.key == *key.bytes).map(|slot| (id, slot));
            found.is_some()
        };
        self.ids.find(table_hash(key.short_hash()), is_it);
        found
    }

    fn put(&mut self, key: SlotKey<'_>, entry: Entry, sequence: u64, trash: &mut Trash) {
        let Entry { value, expires_at, weight, unsaved } = entry;
        let content = match unsaved {
            Some(unsaved) => Content::Dirty(value, Pending { unsaved, weight }),
            None => Content::Clean(value, weight),
        };
        self.set(key, content, expires_at, sequence, trash);
    }

    /// Gives a key new content, whatever it had.
    fn set(
        &mut self,
        key: SlotKey<'_>,
        content: Content,
        expires_at: Timestamp,
        sequence: u64,
        trash: &mut Trash,
    ) {
        let id = match self.find(key) {
            Some((id, _)) => id,
            None => self.take(key),
        };
        self.strip(id, trash);
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        // A new slot begins as a tombstone that nobody laid.
        let was_removed = slot.state == State::Tombstone && slot.sequence > 0;
        (slot.expires_at, slot.sequence) = (expires_at, sequence);
        match content {
            Content::Clean(value, weight) => {
                (slot.value, slot.state) = (Some(value), State::Clean);
                slot.hides_removal |= was_removed;
                self.tallies.add_clean(key.bytes, weight);
                self.policy.attach(id, key.short_hash(), weight);
                self.expiry.add(id, expires_at);
                return;
            }
            Content::Dirty(value, pending) => {
                (slot.value, slot.state) = (Some(value), State::Dirty);
                slot.hides_removal |= was_removed;
                self.tallies.add_dirty(key.bytes, pending.weight);
                self.pending.insert(id, pending);
            }
            Content::Tombstone => slot.state = State::Tombstone,
        }
        if !std::mem::replace(&mut slot.is_listed, true) {
            self.dirty.push(id);
        }
    }

    /// Takes a slot's value, and what it is charged off the books; its state is the caller's to change.
    fn strip(&mut self, id: SlotId, trash: &mut Trash) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        match slot.state {
            State::Vacant | State::Tombstone => return,
            State::Clean => {
                let weight = self.policy.weight_of(id);
                trash.weight += weight.bytes();
                self.policy.detach(id);
                self.expiry.remove(id, slot.expires_at);
                self.tallies.subtract_clean(&slot.key, weight);
            }
            State::Dirty => {
                let pending = self.pending.remove(&id);
                let weight = pending.as_ref().map_or(Weight::ZERO, |pending| pending.weight);
                self.tallies.subtract_dirty(&slot.key, weight);
                trash.unsaved.extend(pending.map(|pending| pending.unsaved));
            }
        }
        trash.values.extend(slot.value.take());
    }

    fn take(&mut self, key: SlotKey<'_>) -> SlotId {
        let id = self.slots.take(key.bytes, key.short_hash());
        let slots = &self.slots;
        let hash_of = |&id: &SlotId| slots.get(id).map_or(0, |slot| table_hash(slot.hash));
        self.ids.insert_unique(table_hash(key.short_hash()), id, hash_of);
        id
    }

    fn remove(&mut self, id: SlotId, trash: &mut Trash) {
        self.strip(id, trash);
        self.policy.forget(id);
        let Some(slot) = self.slots.vacate(id) else {
            return;
        };
        if let Ok(found) = self.ids.find_entry(table_hash(slot.hash), |&other| other == id) {
            found.remove();
        }
    }
}

/// What a key is given.
enum Content {
    /// A value that is on disk, or never to be there. Its weight is reserved.
    Clean(Value, Weight),
    /// A value to be committed.
    Dirty(Value, Pending),
    /// A removal to be committed.
    Tombstone,
}

/// A short hash for a table that takes its buckets from the low bits of a long one, and its tags from the
/// high bits.
const fn table_hash(short: u32) -> u64 {
    (short as u64) << 32 | short as u64
}

/// The next sequence. Called under the lock of the shard whose key it numbers, so that per key the order of
/// sequences is the order of changes. Relaxed: the lock orders what matters; across shards only uniqueness
/// does.
fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests;
