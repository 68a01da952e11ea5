//! A summary of a stream. It finds the most frequent keys in bounded memory.
//!
//! The algorithm is Space-Saving: Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and
//! top-k elements in data streams", ICDT 2005. It keeps a counter for each of at most `capacity` keys. A
//! new key takes over the smallest counter, and starts with its count. This count is the largest possible
//! error of the new key's count.
//!
//! Two invariants hold after each addition. `validate` checks the first, and a test checks both:
//!
//! - The sum of the counts is the weight that was added. So the smallest count of a full summary is at most
//!   `total / capacity`.
//! - The true weight of a key is between `count - error` and `count`. So every key whose weight is more than
//!   `total / capacity` has a counter.
//!
//! `HeavyKeeper` (Gong et al., "`HeavyKeeper`: an accurate algorithm for finding top-k elephant flows",
//! USENIX ATC 2018) is more exact in the same memory. But its error bound holds only with some probability,
//! which its result does not state. Operators see an error for each figure, so an algorithm with a guaranteed
//! bound was chosen.
//!
//! Each addition has a weight, and all counts can be scaled, so that old counts can decay
//! ([`super::recent`]).

use hashbrown::HashTable;

use crate::sys::sync::hash_seeds;

#[derive(Debug)]
pub(super) struct Summary {
    counters: Vec<SummaryCounter>,
    /// Indices of counters, by key.
    ids: HashTable<u32>,
    /// Indices of counters as a binary min-heap: no counter is smaller than its parent.
    heap: Vec<u32>,
    hasher: ahash::RandomState,
    capacity: usize,
    total: f64,
    squares: f64,
}

#[derive(Debug)]
pub(super) struct SummaryCounter {
    pub(super) key: Vec<u8>,
    pub(super) count: f64,
    pub(super) error: f64,
    hash: u64,
    place: usize,
}

impl Summary {
    /// Creates an empty summary. A `capacity` of 0 counts as 1.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            counters: Vec::new(),
            ids: HashTable::new(),
            heap: Vec::new(),
            hasher: hash_seeds(),
            capacity: capacity.max(1),
            total: 0.0,
            squares: 0.0,
        }
    }

    pub(super) const fn total(&self) -> f64 {
        self.total
    }

    /// Returns the sum of the squares of the added weights.
    pub(super) const fn squares(&self) -> f64 {
        self.squares
    }

    /// Returns the counters, in no particular order.
    pub(super) fn counters(&self) -> &[SummaryCounter] {
        &self.counters
    }

    /// Adds a nonnegative weight to a key.
    ///
    /// Costs a hash and some steps through the heap. Once the summary is full, the call allocates only if a
    /// new key needs more bytes than its counter has reserved.
    pub(super) fn add(&mut self, key: &[u8], weight: f64) {
        self.total += weight;
        self.squares += weight * weight;
        let hash = self.hasher.hash_one(key);
        let counters = &self.counters;
        let is_key = |&id: &u32| counters.get(id as usize).is_some_and(|counter| counter.key == key);
        let id = match self.ids.find(hash, is_key) {
            Some(&id) => id,
            None if self.counters.len() < self.capacity => self.begin(key, hash),
            None => self.take_over_least(key, hash),
        };
        let Some(counter) = self.counters.get_mut(id as usize) else { return };
        counter.count += weight;
        let place = counter.place;
        self.sink(place);
    }

    /// Multiplies all weights by a nonnegative factor.
    pub(super) fn scale(&mut self, factor: f64) {
        self.total *= factor;
        self.squares *= factor * factor;
        for counter in &mut self.counters {
            counter.count *= factor;
            counter.error *= factor;
        }
    }

    /// Creates a counter with count 0. It is the smallest counter, so it rises to the top of the heap.
    fn begin(&mut self, key: &[u8], hash: u64) -> u32 {
        let id = u32::try_from(self.counters.len()).unwrap_or(u32::MAX);
        let place = self.heap.len();
        self.counters.push(SummaryCounter { key: key.to_vec(), count: 0.0, error: 0.0, hash, place });
        self.heap.push(id);
        self.enter(id, hash);
        self.rise(place);
        id
    }

    fn take_over_least(&mut self, key: &[u8], hash: u64) -> u32 {
        let id = self.heap.first().copied().unwrap_or_default();
        let Some(counter) = self.counters.get_mut(id as usize) else { return id };
        let old = std::mem::replace(&mut counter.hash, hash);
        counter.error = counter.count;
        counter.key.clear();
        counter.key.extend_from_slice(key);
        if let Ok(found) = self.ids.find_entry(old, |&other| other == id) {
            found.remove();
        }
        self.enter(id, hash);
        id
    }

    fn enter(&mut self, id: u32, hash: u64) {
        let counters = &self.counters;
        let hash_of = |&id: &u32| counters.get(id as usize).map_or(0, |counter| counter.hash);
        self.ids.insert_unique(hash, id, hash_of);
    }

    fn count_at(&self, place: usize) -> Option<f64> {
        Some(self.counters.get(*self.heap.get(place)? as usize)?.count)
    }

    fn is_less(&self, one: usize, other: usize) -> bool {
        matches!((self.count_at(one), self.count_at(other)), (Some(one), Some(other)) if one < other)
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let above = (place - 1) / 2;
            if !self.is_less(place, above) {
                return;
            }
            self.swap(place, above);
            place = above;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let least = if self.is_less(right, left) { right } else { left };
            if !self.is_less(least, place) {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for place in [one, other] {
            let id = self.heap.get(place).copied().unwrap_or_default();
            if let Some(counter) = self.counters.get_mut(id as usize) {
                counter.place = place;
            }
        }
    }

    /// Checks the first invariant, and that counters, index and heap agree.
    #[cfg(test)]
    pub(super) fn validate(&self) {
        let sum: f64 = self.counters.iter().map(|counter| counter.count).sum();
        assert!((sum - self.total).abs() <= self.total * 1e-9, "{sum} is not the total {}", self.total);
        assert!(self.counters.len() <= self.capacity && self.heap.len() == self.counters.len());
        assert_eq!(self.ids.len(), self.counters.len());
        for (place, &id) in self.heap.iter().enumerate() {
            let counter = &self.counters[id as usize];
            assert_eq!(counter.place, place);
            assert!(counter.error <= counter.count);
            assert!(place == 0 || !self.is_less(place, (place - 1) / 2), "place {place} is above its parent");
            let found = self.ids.find(counter.hash, |&other| other == id);
            assert!(found.is_some(), "{:?} is not found", counter.key);
        }
        let least = self.count_at(0).unwrap_or(0.0);
        assert!(
            self.counters.len() < self.capacity || least <= self.total / self.capacity_as_float() * 1.000_001
        );
    }

    #[cfg(test)]
    #[expect(clippy::cast_precision_loss, reason = "a number of counters is small")]
    fn capacity_as_float(&self) -> f64 {
        self.capacity as f64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Compares a summary with the true weight of each key.
    fn check(summary: &Summary, truth: &BTreeMap<Vec<u8>, f64>) {
        summary.validate();
        let slack = summary.total() * 1e-9;
        for counter in summary.counters() {
            let true_count = truth[&counter.key];
            assert!(true_count <= counter.count + slack, "{:?} is counted too low", counter.key);
            assert!(
                counter.count - counter.error <= true_count + slack,
                "{:?}: its error is too small",
                counter.key
            );
        }
        let bound = summary.total() / summary.capacity_as_float() + slack;
        for (key, &true_count) in truth {
            let has_counter = summary.counters().iter().any(|counter| counter.key == *key);
            assert!(has_counter || true_count <= bound, "{key:?} came to {true_count} and has no counter");
        }
    }

    proptest! {
        #[test]
        fn every_count_is_within_its_error_and_no_frequent_key_is_missed(
            added in proptest::collection::vec((0_u8..40, 1_u8..5, 0_u8..20), 0..600), capacity in 1_usize..12
        ) {
            let mut summary = Summary::new(capacity);
            let mut truth = BTreeMap::new();
            for (key, weight, then) in added {
                // Some keys are far more frequent than others. Sometimes all weights are scaled.
                let key = vec![key / (1 + key % 4), 7];
                summary.add(&key, f64::from(weight));
                *truth.entry(key).or_insert(0.0) += f64::from(weight);
                if then == 0 {
                    summary.scale(0.75);
                    for count in truth.values_mut() {
                        *count *= 0.75;
                    }
                }
                check(&summary, &truth);
            }
        }
    }

    #[test]
    fn a_key_that_comes_often_stays_and_what_comes_once_shares_the_least_counter() {
        let mut summary = Summary::new(4);
        for number in 0_u32..1_000 {
            summary.add(b"hot", 1.0);
            summary.add(&number.to_be_bytes(), 1.0);
        }
        let hot = summary.counters().iter().find(|counter| counter.key == b"hot").unwrap();
        assert_eq!((hot.count, hot.error), (1_000.0, 0.0));
        assert!((summary.total() - 2_000.0).abs() < 1e-6);
    }
}
