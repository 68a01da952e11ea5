//! Counters of a shard for each keyspace: entries, weight, evictions and expirations.

use std::collections::HashMap;

use super::weight::Weight;
use crate::format::keyspace_id::KeyspaceId;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeyspaceUsage {
    pub(crate) entries: u64,
    /// Weight of the clean entries.
    pub(crate) weight: u64,
    /// Weight of the dirty entries, without their encodings.
    pub(crate) unsaved_weight: u64,
    pub(crate) evictions: u64,
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

/// The counters of each keyspace, and the evictions and expirations of all keyspaces together.
///
/// One insert changes up to four counters, usually of one keyspace. So `last` remembers the place of the
/// keyspace that was counted last.
#[derive(Debug)]
pub(super) struct KeyspaceUsages {
    usages: Vec<(KeyspaceId, KeyspaceUsage)>,
    /// The index of each keyspace in `usages`.
    places: HashMap<KeyspaceId, usize, ahash::RandomState>,
    last: usize,
    evictions: u64,
    expirations: u64,
}

impl Default for KeyspaceUsages {
    fn default() -> Self {
        // Fixed seeds are enough: keyspaces are numbered in sequence, so no attacker can choose the numbers.
        let places = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        Self { usages: Vec::new(), places, last: 0, evictions: 0, expirations: 0 }
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

    /// Subtracts a clean entry that is evicted, and counts the eviction.
    pub(super) fn evict_clean(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.weight) = (usage.entries - 1, usage.weight - weight.bytes());
        usage.evictions += 1;
        self.evictions += 1;
    }

    pub(super) fn subtract_dirty(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.unsaved_weight) = (usage.entries - 1, usage.unsaved_weight - weight.bytes());
    }

    pub(super) fn mark_clean(&mut self, key: &[u8], weight: Weight) {
        let (usage, bytes) = (self.of(key), weight.bytes());
        (usage.unsaved_weight, usage.weight) = (usage.unsaved_weight - bytes, usage.weight + bytes);
    }

    #[inline]
    fn of(&mut self, key: &[u8]) -> &mut KeyspaceUsage {
        let id = KeyspaceId::of(key);
        if self.usages.get(self.last).is_none_or(|(last, _)| *last != id) {
            self.last = self.place_of(id);
        }
        match self.usages.get_mut(self.last) {
            Some((_, usage)) => usage,
            None => unreachable!("`place_of` returns the place of an element"),
        }
    }

    /// Returns the index of a keyspace in `usages`. Adds the keyspace if it is missing.
    #[inline(never)]
    fn place_of(&mut self, id: KeyspaceId) -> usize {
        *self.places.entry(id).or_insert_with(|| {
            self.usages.push((id, KeyspaceUsage::default()));
            self.usages.len() - 1
        })
    }

    pub(super) fn expired(&mut self, key: &[u8]) {
        self.of(key).expirations += 1;
        self.expirations += 1;
    }

    pub(super) fn removed(&self) -> (u64, u64) {
        (self.evictions, self.expirations)
    }

    pub(super) fn get(&self, id: KeyspaceId) -> KeyspaceUsage {
        let place = self.places.get(&id);
        place.and_then(|&place| self.usages.get(place)).map(|(_, usage)| *usage).unwrap_or_default()
    }

    /// Adds the evictions and expirations of a retired keyspace to those of its successor. Removes the
    /// counters of the retired keyspace, unless it still has entries. Both may have the same id.
    pub(super) fn pass_on(&mut self, retired: KeyspaceId, successor: KeyspaceId) {
        let Some(&place) = self.places.get(&retired).filter(|_| retired != successor) else { return };
        let Some((_, usage)) = self.usages.get_mut(place) else { return };
        let evictions = std::mem::take(&mut usage.evictions);
        let expirations = std::mem::take(&mut usage.expirations);
        if usage.entries == 0 {
            self.forget(retired);
        }
        if evictions + expirations > 0 {
            let place = self.place_of(successor);
            let departed = KeyspaceUsage { evictions, expirations, ..KeyspaceUsage::default() };
            self.usages.get_mut(place).into_iter().for_each(|(_, usage)| usage.add(departed));
        }
    }

    fn forget(&mut self, id: KeyspaceId) {
        if let Some(place) = self.places.remove(&id) {
            self.usages.swap_remove(place);
            if let Some((moved, _)) = self.usages.get(place) {
                self.places.insert(*moved, place);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (KeyspaceId, KeyspaceUsage)> + '_ {
        self.usages.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyspace_keeps_its_own_counts_when_others_are_forgotten() {
        let key = |number: u32| KeyspaceId::on_disk(number).to_bytes();
        let mut usages = KeyspaceUsages::default();
        for number in [1, 2, 3, 1, 2, 3] {
            usages.add_clean(&key(number), Weight::of(u64::from(number)));
        }
        usages.subtract_clean(&key(1), Weight::of(1));
        usages.add_clean(&key(1), Weight::of(4));
        usages.evict_clean(&key(1), Weight::of(4));
        let [first, third, fourth] = [1, 3, 4].map(KeyspaceId::on_disk);
        usages.pass_on(first, first);
        assert_eq!(usages.get(first).evictions, 1, "it is its own successor");
        usages.pass_on(first, fourth);
        assert_eq!(usages.get(first).entries, 1, "it still has an entry");
        usages.subtract_clean(&key(1), Weight::of(1));
        usages.expired(&key(1));
        usages.pass_on(first, fourth);
        usages.pass_on(first, fourth);
        let departed = usages.get(fourth);
        assert_eq!((departed.evictions, departed.expirations), (1, 1), "each is passed on once");
        usages.pass_on(fourth, third);
        usages.add_clean(&key(3), Weight::of(4));
        usages.evict_clean(&key(3), Weight::of(4));
        usages.add_clean(&key(2), Weight::of(5));
        let of = |number| {
            let usage = usages.get(KeyspaceId::on_disk(number));
            (usage.entries, usage.weight, usage.evictions)
        };
        assert_eq!((of(1), of(2), of(3)), ((0, 0, 0), (3, 9, 0), (2, 6, 2)));
        assert_eq!((usages.iter().count(), usages.removed()), (2, (2, 1)));
    }
}
