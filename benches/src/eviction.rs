//! A model of a cache with two tiers. The bench `disk_hit_ratio` uses the model to compare orders of
//! eviction from disk on request traces. The keys have different lifetimes.
//!
//! In this model, memory is an LRU list, all entries weigh the same, and a write is on disk immediately. A
//! request looks in memory and then on disk. A miss writes the entry to both tiers, and an expired entry is a
//! miss. An eviction from disk spares entries that are in memory if it can, and passes over at most 4,096
//! rows.

use std::collections::{BTreeSet, HashMap};

/// The order in which entries are evicted from disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Evicts the entry that expires first.
    Expiry,
    /// Evicts the entry that was written first.
    Write,
    /// Evicts the entry that was read from disk or written longest ago. This order would need a write for
    /// each read.
    Use,
    /// Evicts in the order of writing, with a hand that moves over the entries. The hand spares an entry that
    /// was read from disk since its last pass.
    Hand,
    /// Like `Hand`, but the hand returns to the first entry before it reaches entries that were written since
    /// it was last there.
    Turn,
    /// Like `Turn`, but an entry that was used in memory also counts as read when memory evicts it.
    TurnAndMemory,
    /// Evicts one of eight random entries: preferably one that was not read from disk and is not in memory,
    /// and among these the one that expires first.
    Sample,
}

impl Order {
    /// All orders.
    pub const ALL: [Self; 7] =
        [Self::Expiry, Self::Write, Self::Use, Self::Hand, Self::Turn, Self::TurnAndMemory, Self::Sample];
}

impl Order {
    /// Returns the name of the order for a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::Write => "writing",
            Self::Use => "use",
            Self::Hand => "hand",
            Self::Turn => "hand in turns",
            Self::TurnAndMemory => "and memory",
            Self::Sample => "sample of 8",
        }
    }
}

/// Lifetimes in seconds. The hash of a key selects one of them.
const LIFETIMES: [u64; 3] = [300, 7_200, 86_400];
/// Maximum number of rows over which an eviction may pass.
const MAX_LOOKS: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct OnDisk {
    expires_at: u64,
    /// Position of the entry in the order.
    place: (u64, u64),
    is_used: bool,
    /// Index of the entry in the list for random samples.
    at: usize,
}

/// A model of two tiers.
#[derive(Debug)]
pub struct Model {
    order: Order,
    disk_capacity: usize,
    memory_capacity: usize,
    disk: HashMap<u64, OnDisk>,
    ordered: BTreeSet<((u64, u64), u64)>,
    keys: Vec<u64>,
    hand: (u64, u64),
    /// The step in which the hand was last at the first entry.
    turned_at: u64,
    expiring: BTreeSet<(u64, u64)>,
    /// For each key: its expiry, its last use, and whether it was used since it was stored.
    memory: HashMap<u64, (u64, u64, bool)>,
    by_use: BTreeSet<(u64, u64)>,
    step: u64,
    random: u64,
}

impl Model {
    /// Returns a model whose tiers have room for these numbers of entries.
    #[must_use]
    pub fn new(order: Order, disk_capacity: usize, memory_capacity: usize) -> Self {
        Self {
            order,
            disk_capacity,
            memory_capacity,
            disk: HashMap::new(),
            ordered: BTreeSet::new(),
            keys: Vec::new(),
            hand: (0, 0),
            turned_at: u64::MAX,
            expiring: BTreeSet::new(),
            memory: HashMap::new(),
            by_use: BTreeSet::new(),
            step: 0,
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// Returns the lifetime of a key, in seconds.
    #[must_use]
    pub fn lifetime(key: u64) -> u64 {
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        usize::try_from(hash % 3).ok().and_then(|at| LIFETIMES.get(at).copied()).unwrap_or(0)
    }

    /// Requests a key at the time `now`, in milliseconds. Returns whether a tier had the key.
    pub fn request(&mut self, key: u64, now: u64) -> bool {
        self.step += 1;
        if let Some(&(expires_at, last, _)) = self.memory.get(&key) {
            self.by_use.remove(&(last, key));
            if expires_at > now {
                self.memory.insert(key, (expires_at, self.step, true));
                self.by_use.insert((self.step, key));
                return true;
            }
            self.memory.remove(&key);
        }
        let found = self.disk.get(&key).map(|entry| entry.expires_at).filter(|at| *at > now);
        let expires_at = if let Some(expires_at) = found {
            self.use_on_disk(key);
            expires_at
        } else {
            let expires_at = now + 1000 * Self::lifetime(key);
            self.write(key, expires_at, now);
            expires_at
        };
        self.promote(key, expires_at);
        found.is_some()
    }

    fn promote(&mut self, key: u64, expires_at: u64) {
        self.memory.insert(key, (expires_at, self.step, false));
        self.by_use.insert((self.step, key));
        while self.memory.len() > self.memory_capacity
            && let Some((_, old)) = self.by_use.pop_first()
        {
            let was_used = self.memory.remove(&old).is_some_and(|(.., used)| used);
            if was_used && self.order == Order::TurnAndMemory {
                self.use_on_disk(old);
            }
        }
    }

    fn use_on_disk(&mut self, key: u64) {
        let step = self.step;
        let Some(entry) = self.disk.get_mut(&key) else { return };
        entry.is_used = true;
        if self.order == Order::Use {
            self.ordered.remove(&(entry.place, key));
            entry.place = (step, key);
            self.ordered.insert((entry.place, key));
        }
    }

    fn write(&mut self, key: u64, expires_at: u64, now: u64) {
        self.delete(key);
        // Deletes the entries that the sweeper would have deleted by now.
        while let Some(&(at, due)) = self.expiring.first()
            && at <= now
        {
            self.delete(due);
        }
        while self.disk.len() >= self.disk_capacity {
            self.evict(now);
        }
        let place = if self.order == Order::Expiry { (expires_at, key) } else { (self.step, key) };
        self.disk.insert(key, OnDisk { expires_at, place, is_used: false, at: self.keys.len() });
        self.ordered.insert((place, key));
        self.expiring.insert((expires_at, key));
        self.keys.push(key);
    }

    fn delete(&mut self, key: u64) {
        let Some(entry) = self.disk.remove(&key) else { return };
        self.ordered.remove(&(entry.place, key));
        self.expiring.remove(&(entry.expires_at, key));
        self.keys.swap_remove(entry.at);
        if let Some(moved) = self.keys.get(entry.at).and_then(|moved| self.disk.get_mut(moved)) {
            moved.at = entry.at;
        }
    }

    fn evict(&mut self, now: u64) {
        let victim = match self.order {
            Order::Sample => self.sampled(),
            Order::Hand | Order::Turn | Order::TurnAndMemory => self.at_hand(now),
            Order::Expiry | Order::Write | Order::Use => {
                let spared = self.ordered.iter().take(MAX_LOOKS);
                spared.map(|(_, key)| *key).find(|key| !self.memory.contains_key(key))
            }
        };
        let first = self.ordered.first().map(|(_, key)| *key);
        if let Some(victim) = victim.or(first) {
            self.delete(victim);
        }
    }

    fn at_hand(&mut self, now: u64) -> Option<u64> {
        for _ in 0..MAX_LOOKS {
            let next = self.ordered.range((self.hand, u64::MAX)..).next().copied();
            let is_in_turn = |place: (u64, u64)| self.order == Order::Hand || place.0 <= self.turned_at;
            let Some((place, key)) = next.filter(|(place, _)| is_in_turn(*place)) else {
                (self.hand, self.turned_at) = ((0, 0), self.step);
                continue;
            };
            self.hand = place;
            let entry = self.disk.get_mut(&key)?;
            let was_used = std::mem::take(&mut entry.is_used) && entry.expires_at > now;
            if !was_used && !self.memory.contains_key(&key) {
                return Some(key);
            }
        }
        None
    }

    fn sampled(&mut self) -> Option<u64> {
        let mut best: Option<(bool, u64, u64)> = None;
        for _ in 0..8 {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            let at = usize::try_from(self.random % self.keys.len().max(1) as u64).unwrap_or(0);
            let key = *self.keys.get(at)?;
            let entry = self.disk.get(&key)?;
            let rank = (entry.is_used || self.memory.contains_key(&key), entry.expires_at, key);
            best = Some(best.map_or(rank, |best| best.min(rank)));
        }
        let (_, _, key) = best?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns keys with a lifetime of one day.
    fn keys() -> impl Iterator<Item = u64> + Clone {
        (0..).filter(|key| Model::lifetime(*key) == 86_400)
    }

    #[test]
    fn every_order_keeps_to_the_capacities_and_misses_what_has_expired() {
        for order in Order::ALL {
            let mut model = Model::new(order, 20, 3);
            for (now, key) in (0..2_000).zip(keys().take(50).cycle()) {
                model.request(key, now);
                assert!(model.disk.len() <= 20 && model.memory.len() <= 3, "{order:?}");
                assert_eq!(model.disk.len(), model.keys.len());
                assert_eq!(model.disk.len(), model.ordered.len());
            }
            let last = keys().nth(49).unwrap();
            assert!(model.request(last, 2_000), "{order:?}: memory has it");
            assert!(!model.request(last, 2_000 + 86_400_000), "{order:?}");
        }
    }

    #[test]
    fn the_hand_passes_over_what_was_used_and_the_order_of_writing_does_not() {
        for (order, stays) in [(Order::Write, false), (Order::Hand, true), (Order::Turn, true)] {
            let mut model = Model::new(order, 10, 1);
            for (now, key) in (0..).zip(keys().take(10)) {
                model.request(key, now);
            }
            let first = keys().next().unwrap();
            assert!(model.request(first, 20), "on disk");
            for (now, key) in (30..).zip(keys().skip(10).take(5)) {
                model.request(key, now);
            }
            assert_eq!(model.disk.contains_key(&first), stays, "{order:?}");
        }
    }
}
