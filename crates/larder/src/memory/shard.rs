//! A shard: what each of its keys is right now, under one lock.
//!
//! A key's value or tombstone, its sequence and its leases change together, so no two readers can disagree about
//! their order (contract 1). Dirty entries are the write buffer: they leave only when the writer has committed them *and*
//! installed the snapshot that shows them (invariant 2), and only if their sequence is still the committed one.
//!
//! A shard does no I/O, asks no clock, and drops no value: what it lets go of is handed out as [`Trash`].

use hashbrown::HashTable;

use super::expiry::ExpiryIndex;
use super::leases::{LeaseId, Leases};
use super::policy::{Policy, SlotId};
use super::slot::{Content, Entry, Found, Prior, Range, Refused, Slot, SlotKey, Tallies, Trash};
use crate::id::KeyspaceId;
use crate::sync::planted::{Fault, is_planted};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::units::Timestamp;

mod dirty;

#[derive(Debug)]
pub(crate) struct Shard {
    ids: HashTable<SlotId>,
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
    policy: Policy,
    expiry: ExpiryIndex,
    pub(super) leases: Leases,
    /// Slots dirtied since the writer last drained.
    dirty: Vec<SlotId>,
    /// Range removals that are not committed yet.
    ranges: Vec<Range>,
    /// Whether what belongs on disk is to be committed. If it is, a value that is not is refused: once evicted, an older one on
    /// disk would show.
    saves: bool,
    pub(super) tallies: Tallies,
    pub(super) evictions: u64,
    pub(super) expirations: u64,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            ids: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            policy: Policy::new(),
            expiry: ExpiryIndex::default(),
            leases: Leases::default(),
            dirty: Vec::new(),
            ranges: Vec::new(),
            saves: true,
            tallies: Tallies::default(),
            evictions: 0,
            expirations: 0,
        }
    }

    /// Looks a key up. Takes `&self`: a hit needs only the shared lock.
    pub(crate) fn get(&self, key: SlotKey<'_>, now: Timestamp) -> Found {
        let Some((id, slot)) = self.find(key) else {
            return Found::Nothing;
        };
        match &slot.content {
            Content::Clean(value) | Content::Dirty(value, _) if slot.expires_at > now => {
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
            return Found::Nothing;
        };
        match &slot.content {
            Content::Clean(value) | Content::Dirty(value, _) if slot.expires_at > now => {
                Found::Value(value.clone(), slot.expires_at)
            }
            _ => Found::Dead,
        }
    }

    /// The sequence that a record on disk must exceed to be believed: that of the latest uncommitted range removal.
    pub(crate) fn floor(&self, key: SlotKey<'_>) -> u64 {
        if is_planted(Fault::IgnoreFloor) {
            return 0;
        }
        let matching = self.ranges.iter().filter(|range| range.scope.covers(key.bytes));
        matching.map(|range| range.sequence).max().unwrap_or(0)
    }

    /// Stores an explicit write: takes the next sequence, revokes the leases on the key, replaces what stood there.
    pub(crate) fn store(
        &mut self,
        key: SlotKey<'_>,
        entry: Entry,
        counter: &AtomicU64,
        trash: &mut Trash,
    ) -> Result<u64, Refused> {
        if entry.unsaved.is_none() && self.must_save(key) {
            return Err(Refused::Unsaved);
        }
        self.leases.revoke(key);
        let sequence = next(counter);
        self.put(key, entry, sequence, trash);
        Ok(sequence)
    }

    /// Removes what an unsaved write replaces that finds no room itself; unless it must be saved.
    pub(crate) fn forget_replaced(&mut self, key: SlotKey<'_>, now: Timestamp, trash: &mut Trash) -> Refused {
        if self.must_save(key) {
            return Refused::Unsaved;
        }
        self.forget(key, now, trash);
        Refused::NoRoom
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
            return Err(Refused::Revoked);
        }
        self.store(key, entry, counter, trash)
    }

    /// Publishes what was read from disk, if the lease still holds and the key has nothing in the shard.
    pub(crate) fn promote(
        &mut self,
        key: SlotKey<'_>,
        lease: LeaseId,
        entry: Entry,
        sequence: u64,
        trash: &mut Trash,
    ) -> Result<(), Entry> {
        let may_fill = self.leases.holds(key, lease) || is_planted(Fault::PromoteWithoutLease);
        if !may_fill || self.find(key).is_some() {
            return Err(entry);
        }
        self.put(key, entry, sequence, trash);
        Ok(())
    }

    /// Removes a key that is not to be on disk.
    pub(crate) fn forget(&mut self, key: SlotKey<'_>, now: Timestamp, trash: &mut Trash) -> Prior {
        self.leases.revoke(key);
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
        self.evictions += 1;
        self.remove(id, trash);
        true
    }

    /// Removes up to `most` expired clean entries; how many.
    pub(crate) fn expire(&mut self, now: Timestamp, most: usize, trash: &mut Trash) -> usize {
        let mut expired = 0;
        for id in self.expiry.due(now, most) {
            if self.slots.get(id as usize).and_then(Option::as_ref).is_some_and(|slot| slot.expires_at <= now)
            {
                self.remove(id, trash);
                expired += 1;
            }
        }
        self.expirations += expired as u64;
        expired
    }

    /// When the next clean entry will have expired.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiry.next()
    }

    /// The keys with a prefix.
    pub(crate) fn keys(&self, prefix: &[u8], out: &mut Vec<Arc<[u8]>>) {
        let wanted = |slot: &&Slot| slot.key.starts_with(prefix);
        out.extend(self.slots.iter().flatten().filter(wanted).map(|slot| slot.key.clone()));
    }

    pub(crate) fn has_clean(&self, key: SlotKey<'_>) -> bool {
        self.find(key).is_some_and(|(_, slot)| matches!(slot.content, Content::Clean(_)))
    }

    fn prior(&self, key: SlotKey<'_>, now: Timestamp) -> Prior {
        match self.peek(key, now) {
            Found::Value(..) => Prior::Live,
            Found::Dead => Prior::Dead,
            Found::Nothing => Prior::Nothing,
        }
    }

    fn find(&self, key: SlotKey<'_>) -> Option<(SlotId, &Slot)> {
        let slot_of = |id: SlotId| self.slots.get(id as usize).and_then(Option::as_ref);
        let id = *self.ids.find(key.hash, |&id| slot_of(id).is_some_and(|slot| *slot.key == *key.bytes))?;
        slot_of(id).map(|slot| (id, slot))
    }

    fn put(&mut self, key: SlotKey<'_>, entry: Entry, sequence: u64, trash: &mut Trash) {
        let content = match entry.unsaved {
            Some(unsaved) => Content::Dirty(entry.value, unsaved),
            None => Content::Clean(entry.value),
        };
        self.set(key, content, entry.expires_at, entry.weight, sequence, trash);
    }

    /// Gives a key new content, whatever it had.
    fn set(
        &mut self,
        key: SlotKey<'_>,
        content: Content,
        expires_at: Timestamp,
        weight: u64,
        sequence: u64,
        trash: &mut Trash,
    ) {
        let id = match self.find(key) {
            Some((id, _)) => id,
            None => self.vacant(key),
        };
        let is_value = !matches!(content, Content::Tombstone);
        let is_clean = matches!(content, Content::Clean(_));
        self.uncharge(id, trash);
        let Some(slot) = self.slots.get_mut(id as usize).and_then(Option::as_mut) else {
            return;
        };
        let old = std::mem::replace(&mut slot.content, content);
        // A new slot begins as a tombstone that nobody laid.
        slot.hides_removal |= is_value && slot.sequence > 0 && matches!(old, Content::Tombstone);
        trash.contents.push(old);
        (slot.expires_at, slot.weight, slot.sequence) = (expires_at, weight, sequence);
        if is_value {
            self.tallies.change(key.bytes, |tally| {
                (tally.entries, tally.weight) = (tally.entries + 1, tally.weight + weight);
            });
        }
        if is_clean {
            self.policy.attach(id, key.hash, weight);
            self.expiry.add(id, expires_at);
        } else if !std::mem::replace(&mut slot.is_listed, true) {
            self.dirty.push(id);
        }
    }

    /// Takes what a slot's content is charged off the books, before it goes.
    fn uncharge(&mut self, id: SlotId, trash: &mut Trash) {
        let Some(slot) = self.slots.get(id as usize).and_then(Option::as_ref) else {
            return;
        };
        let weight = slot.weight;
        if matches!(slot.content, Content::Clean(_)) {
            trash.weight += weight;
            self.policy.detach(id);
            self.expiry.remove(id);
        }
        if !matches!(slot.content, Content::Tombstone) {
            self.tallies.change(&slot.key, |tally| {
                (tally.entries, tally.weight) = (tally.entries - 1, tally.weight - weight);
            });
        }
    }

    fn vacant(&mut self, key: SlotKey<'_>) -> SlotId {
        let slot = Slot {
            hash: key.hash,
            key: key.bytes.into(),
            sequence: 0,
            expires_at: Timestamp::ZERO,
            weight: 0,
            content: Content::Tombstone,
            hides_removal: false,
            is_listed: false,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            SlotId::try_from(self.slots.len() - 1).expect("a shard of 2^32 slots would not fit in memory")
        });
        if let Some(vacant) = self.slots.get_mut(id as usize) {
            *vacant = Some(slot);
        }
        let slots = &self.slots;
        let hash_of =
            |&id: &SlotId| slots.get(id as usize).and_then(Option::as_ref).map_or(0, |slot| slot.hash);
        self.ids.insert_unique(key.hash, id, hash_of);
        id
    }

    fn remove(&mut self, id: SlotId, trash: &mut Trash) {
        self.uncharge(id, trash);
        self.policy.forget(id);
        let Some(slot) = self.slots.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        if let Ok(found) = self.ids.find_entry(slot.hash, |&other| other == id) {
            found.remove();
        }
        self.free.push(id);
        trash.contents.push(slot.content);
    }
}

/// The next sequence. Called under the lock of the shard whose key it numbers, so that per key the order of sequences is the
/// order of changes. Relaxed: the lock orders what matters; across shards only uniqueness does.
fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests;
