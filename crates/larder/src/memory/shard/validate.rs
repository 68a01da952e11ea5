//! Checks the sums of a shard against its slots.
//!
//! With a wrong sum, answers stay correct, but memory holds too few or too many entries. So the tests of a
//! shard and of memory call [`Shard::validate`]. In tests, each cache calls it when its last handle is
//! dropped.

use std::collections::{BTreeSet, HashSet};

use super::Shard;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::keyspace_usage::{KeyspaceUsage, KeyspaceUsages};
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::memory) struct ShardSums {
    /// Weight of the clean entries, which the budget includes.
    pub(in crate::memory) clean_weight: u64,
    /// Budget weight that is reserved for dirty values larger than the write buffer.
    pub(in crate::memory) beyond: u64,
    /// Number of dirty values. Each holds room in the write buffer.
    pub(in crate::memory) dirty: usize,
    /// Number of range tombstones. Each hides records on disk until it is removed.
    pub(in crate::memory) ranges: usize,
    /// Whether entries of the disk tier must be committed.
    pub(in crate::memory) saves: bool,
}

impl Shard {
    /// Compares every sum with the slots. Returns the sums that other parts of the cache also keep.
    ///
    /// # Panics
    /// Panics if a sum differs from the slots.
    pub(in crate::memory) fn validate(&self) -> ShardSums {
        let mut usages = KeyspaceUsages::default();
        let mut sums = ShardSums { saves: self.saves, ranges: self.ranges.len(), ..ShardSums::default() };
        let mut extras = 0;
        let listed = self.expiry.due(Timestamp::from_millis(u64::MAX), usize::MAX);
        let listed: HashSet<_> = listed.into_iter().collect();
        let dirty: HashSet<_> = self.dirty.iter().copied().collect();
        for (id, slot) in self.slots.iter() {
            let key = SlotKey { hash: u64::from(slot.hash), bytes: &slot.key };
            assert_eq!(self.find(key).map(|(id, _)| id), Some(id), "a slot is found by its key");
            let has_entry = matches!(slot.state, SlotState::Clean | SlotState::Dirty);
            assert!(has_entry || !slot.has_value(), "a removal has no value");
            assert_eq!(slot.has_value() || slot.is_absence(), has_entry);
            assert!(!slot.is_absence() || slot.delete_after() == slot.expires_at, "an absence has no grace");
            assert_eq!(self.pending.contains_key(&id), slot.state == SlotState::Dirty);
            assert!(slot.value.is_some() || !self.extras.contains_key(&id), "extras belong to a value");
            extras += usize::from(self.extras.contains_key(&id));
            let is_clean = slot.state == SlotState::Clean;
            assert_eq!(listed.contains(&id), is_clean, "exactly the clean entries are listed by expiry");
            assert!(!slot.is_listed || dirty.contains(&id), "what counts as listed is listed");
            match self.pending.get(&id) {
                Some(pending) => {
                    sums.dirty += 1;
                    sums.beyond += pending.unsaved.room.beyond();
                    usages.add_dirty(&slot.key, pending.weight());
                }
                None if is_clean => {
                    let weight = self.policy.weight_of(id);
                    sums.clean_weight += weight.bytes();
                    usages.add_clean(&slot.key, weight);
                }
                None => {}
            }
        }
        for id in self.removal_groups.ids() {
            let is_tombstone = self.slots.get(id).is_some_and(|slot| slot.state == SlotState::Tombstone);
            assert!(is_tombstone, "only removals have a group of their own");
        }
        assert_eq!(self.extras.len(), extras, "only entries have extras");
        assert_eq!(self.pending.len(), sums.dirty, "only dirty entries have something pending");
        assert_eq!(self.policy.weight(), sums.clean_weight, "the policy holds exactly the clean entries");
        assert_eq!(self.index.len(), self.slots.len());
        assert_eq!(held(&self.usages), held(&usages), "the counts by keyspace are those of the slots");
        let lost = self.usages.iter().fold((0, 0), |(evictions, expirations), (_, usage)| {
            (evictions + usage.evictions, expirations + usage.expirations)
        });
        let (evictions, expirations) = self.usages.removed();
        // The totals may be larger, because they include keyspaces that were removed.
        assert!(lost.0 <= evictions && lost.1 <= expirations, "the sums include the counts by keyspace");
        sums
    }
}

#[cfg(test)]
impl Shard {
    /// Returns the weight of the clean entries, and the weight of the dirty entries with their encodings.
    pub(in crate::memory) fn taken(&self) -> (u64, u64) {
        let taken = |pending: &crate::memory::slot::DirtyValue| {
            pending.weight().bytes() + pending.unsaved.payload.len() as u64
        };
        (self.policy.weight(), self.pending.values().map(taken).sum())
    }
}

fn held(usages: &KeyspaceUsages) -> BTreeSet<(KeyspaceId, u64, u64, u64)> {
    let held = usages.iter().map(|(id, usage)| {
        let KeyspaceUsage { entries, weight, unsaved_weight, .. } = usage;
        (id, entries, weight, unsaved_weight)
    });
    held.filter(|(_, entries, clean, dirty)| *entries > 0 || *clean > 0 || *dirty > 0).collect()
}
