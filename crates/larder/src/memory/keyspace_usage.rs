//! The number and the weight of each keyspace's entries in a shard, with its evictions and expirations.

use std::collections::HashMap;

use super::weight::Weight;
use crate::format::keyspace_id::KeyspaceId;

/// The usage of a shard by one keyspace: its entries, evictions and expirations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeyspaceUsage {
    pub(crate) entries: u64,
    /// Weight of the clean entries.
    pub(crate) weight: u64,
    /// Weight of the dirty entries, without their encodings.
    pub(crate) unsaved_weight: u64,
    /// Number of entries that were evicted to make room.
    pub(crate) evictions: u64,
    /// Number of entries that were removed because they had expired.
    pub(crate) expirations: u64,
}

impl KeyspaceUsage {
    pub(super) fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.weight += other.weight;
        self.unsaved_weight += other.unsaved_weight;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
    }
}

/// The usage of each keyspace, and the evictions and expirations of all keyspaces together.
#[derive(Debug)]
pub(super) struct KeyspaceUsages {
    by_keyspace: HashMap<KeyspaceId, KeyspaceUsage, ahash::RandomState>,
    evictions: u64,
    expirations: u64,
}

impl Default for KeyspaceUsages {
    fn default() -> Self {
        // Fixed seeds are enough. Keyspaces are numbered in sequence, so no attacker can choose the numbers.
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        Self { by_keyspace: HashMap::with_hasher(hasher), evictions: 0, expirations: 0 }
    }
}

impl KeyspaceUsages {
    pub(super) fn add_clean(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.weight) = (usage.entries + 1, usage.weight + weight.bytes());
    }

    pub(super) fn add_dirty(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.unsaved_weight) = (usage.entries + 1, usage.unsaved_weight + weight.bytes());
    }

    pub(super) fn subtract_clean(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.weight) = (usage.entries - 1, usage.weight - weight.bytes());
    }

    pub(super) fn subtract_dirty(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.unsaved_weight) = (usage.entries - 1, usage.unsaved_weight - weight.bytes());
    }

    /// Moves the weight of an entry from the dirty sum to the clean sum.
    pub(super) fn mark_clean(&mut self, key: &[u8], weight: Weight) {
        let (usage, bytes) = (self.of(key), weight.bytes());
        (usage.unsaved_weight, usage.weight) = (usage.unsaved_weight - bytes, usage.weight + bytes);
    }

    fn of(&mut self, key: &[u8]) -> &mut KeyspaceUsage {
        self.by_keyspace.entry(KeyspaceId::of(key)).or_default()
    }

    /// Counts an entry that was evicted to make room.
    pub(super) fn evicted(&mut self, key: &[u8]) {
        self.of(key).evictions += 1;
        self.evictions += 1;
    }

    /// Counts an entry that was removed because it had expired.
    pub(super) fn expired(&mut self, key: &[u8]) {
        self.of(key).expirations += 1;
        self.expirations += 1;
    }

    /// Returns the number of evictions and the number of expirations of all keyspaces.
    pub(super) fn removed(&self) -> (u64, u64) {
        (self.evictions, self.expirations)
    }

    pub(super) fn get(&self, id: KeyspaceId) -> KeyspaceUsage {
        self.by_keyspace.get(&id).copied().unwrap_or_default()
    }

    /// Removes the usage of a retired keyspace, unless the keyspace still has entries.
    pub(super) fn forget(&mut self, id: KeyspaceId) {
        if self.get(id).entries == 0 {
            self.by_keyspace.remove(&id);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (KeyspaceId, KeyspaceUsage)> + '_ {
        self.by_keyspace.iter().map(|(id, usage)| (*id, *usage))
    }
}
