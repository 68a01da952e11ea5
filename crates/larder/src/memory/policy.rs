//! Which entry to evict: S3-FIFO, three first-in-first-out queues.
//!
//! A new entry joins the *small* queue, a tenth of the weight. When it reaches the end without having been used again
//! it is evicted and its hash is remembered in the *ghost* queue; otherwise it moves to *main*. An entry whose ghost is still
//! remembered joins main at once. The end of main is evicted unless it was used since it last passed there. A scan
//! therefore flows through the small queue and leaves main alone.
//!
//! A hit costs one relaxed load and, below the cap, one relaxed store, under a shared lock.
//!
//! Source: Juncheng Yang, Yazhuo Zhang, Ziyue Qiu, Yao Yue, K. V. Rashmi, "FIFO queues are all you need for cache
//! eviction", SOSP 2023.

use std::collections::{HashMap, VecDeque};

use crate::sync::{AtomicU8, Ordering};

/// The id of a slot of the shard; the policy keeps its own data beside the slots, by the same id.
pub(crate) type SlotId = u32;

/// One in this many parts of the weight is for newcomers (the paper's 10 %).
const SMALL_SHARE: u64 = 10;
/// Uses are counted up to this (the paper's two bits).
const MOST_USES: u8 = 3;
const NONE: SlotId = SlotId::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Not evictable: the slot is free, or pinned because it is not on disk yet.
    #[default]
    Detached,
    Small,
    Main,
}

#[derive(Debug, Default)]
struct Node {
    newer: SlotId,
    older: SlotId,
    weight: u64,
    hash: u64,
    place: Place,
    /// Whether it was in main before it was detached, so that an overwrite keeps what was learnt of its key.
    proven: bool,
    uses: AtomicU8,
}

#[derive(Debug)]
struct Queue {
    newest: SlotId,
    oldest: SlotId,
    weight: u64,
    len: usize,
}

/// The eviction policy of one shard.
#[derive(Debug)]
pub(crate) struct Policy {
    nodes: Vec<Node>,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
}

impl Policy {
    /// Bytes that an entry takes here.
    #[cfg(test)]
    pub(crate) const NODE_LEN: usize = size_of::<Node>();

    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), small: Queue::new(), main: Queue::new(), ghosts: Ghosts::default() }
    }

    /// Notes a use. Shared: many readers may call it at once, and a lost count is harmless.
    #[inline]
    pub(crate) fn touch(&self, id: SlotId) {
        if let Some(node) = self.nodes.get(id as usize) {
            let uses = node.uses.load(Ordering::Relaxed);
            if uses < MOST_USES {
                node.uses.store(uses + 1, Ordering::Relaxed);
            }
        }
    }

    /// What an entry weighed when it was attached last.
    pub(crate) fn weight_of(&self, id: SlotId) -> u64 {
        self.nodes.get(id as usize).map_or(0, |node| node.weight)
    }

    /// Makes an entry evictable.
    pub(crate) fn attach(&mut self, id: SlotId, hash: u64, weight: u64) {
        if self.nodes.len() <= id as usize {
            self.nodes.resize_with(id as usize + 1, Node::default);
        }
        self.detach(id);
        let remembered = self.ghosts.take(hash);
        let Some(node) = self.nodes.get_mut(id as usize) else {
            return;
        };
        node.weight = weight;
        node.hash = hash;
        node.place = if remembered || node.proven { Place::Main } else { Place::Small };
        self.push(id);
    }

    /// Makes an entry unevictable, and remembers what is known of it until it is attached again.
    pub(crate) fn detach(&mut self, id: SlotId) {
        let Some(node) = self.nodes.get_mut(id as usize) else {
            return;
        };
        if node.place != Place::Detached {
            node.proven = node.place == Place::Main;
            self.unlink(id);
        }
    }

    /// Forgets an entry: its id may be another's next.
    pub(crate) fn forget(&mut self, id: SlotId) {
        self.detach(id);
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.proven = false;
            node.uses.store(0, Ordering::Relaxed);
        }
    }

    /// Chooses an entry to evict and forgets it. `None` when nothing is evictable.
    pub(crate) fn evict(&mut self) -> Option<SlotId> {
        loop {
            let total = self.small.weight + self.main.weight;
            let from_small =
                self.small.len > 0 && (self.main.len == 0 || self.small.weight * SMALL_SHARE >= total);
            let id = if from_small { self.small.oldest } else { self.main.oldest };
            let node = self.nodes.get_mut(id as usize)?;
            let uses = node.uses.load(Ordering::Relaxed);
            let (keep, uses_left) =
                if from_small { (uses > 0, 0) } else { (uses > 0, uses.saturating_sub(1)) };
            let hash = node.hash;
            if keep {
                // Terminates: every pass over main lowers a count, and small only shrinks here.
                node.uses.store(uses_left, Ordering::Relaxed);
                self.unlink(id);
                if let Some(node) = self.nodes.get_mut(id as usize) {
                    node.place = Place::Main;
                }
                self.push(id);
                continue;
            }
            if from_small {
                self.ghosts.remember(hash, self.main.len.max(self.small.len));
            }
            self.forget(id);
            return Some(id);
        }
    }

    /// The weight of all evictable entries.
    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.small.weight + self.main.weight
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.small.len + self.main.len
    }

    fn queue(&mut self, place: Place) -> Option<&mut Queue> {
        match place {
            Place::Detached => None,
            Place::Small => Some(&mut self.small),
            Place::Main => Some(&mut self.main),
        }
    }

    fn push(&mut self, id: SlotId) {
        let Some(node) = self.nodes.get(id as usize) else {
            return;
        };
        let (place, weight) = (node.place, node.weight);
        let Some(queue) = self.queue(place) else { return };
        let older = queue.newest;
        queue.newest = id;
        queue.len += 1;
        queue.weight += weight;
        if older == NONE {
            queue.oldest = id;
        }
        if let Some(node) = self.nodes.get_mut(older as usize) {
            node.newer = id;
        }
        if let Some(node) = self.nodes.get_mut(id as usize) {
            (node.newer, node.older) = (NONE, older);
        }
    }

    fn unlink(&mut self, id: SlotId) {
        let Some(node) = self.nodes.get_mut(id as usize) else {
            return;
        };
        let (place, weight, newer, older) = (node.place, node.weight, node.newer, node.older);
        node.place = Place::Detached;
        let Some(queue) = self.queue(place) else { return };
        queue.len -= 1;
        queue.weight -= weight;
        if queue.newest == id {
            queue.newest = older;
        }
        if queue.oldest == id {
            queue.oldest = newer;
        }
        if let Some(node) = self.nodes.get_mut(older as usize) {
            node.newer = newer;
        }
        if let Some(node) = self.nodes.get_mut(newer as usize) {
            node.older = older;
        }
    }
}

impl Queue {
    const fn new() -> Self {
        Self { newest: NONE, oldest: NONE, weight: 0, len: 0 }
    }
}

/// The hashes of entries lately evicted from the small queue, oldest first.
#[derive(Debug, Default)]
struct Ghosts {
    order: VecDeque<(u32, u32)>,
    known: HashMap<u32, u32, ahash::RandomState>,
    turn: u32,
}

impl Ghosts {
    fn remember(&mut self, hash: u64, most: usize) {
        let short = short(hash);
        self.turn = self.turn.wrapping_add(1);
        self.known.insert(short, self.turn);
        self.order.push_back((short, self.turn));
        while self.order.len() > most.max(1) {
            if let Some((short, turn)) = self.order.pop_front()
                && self.known.get(&short) == Some(&turn)
            {
                self.known.remove(&short);
            }
        }
    }

    fn take(&mut self, hash: u64) -> bool {
        self.known.remove(&short(hash)).is_some()
    }
}

/// Half of the hash, and not the half that chose the shard.
fn short(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A cache of `capacity` unit weights that answers whether each request hit.
    fn run(capacity: usize, requests: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let mut policy = Policy::new();
        let mut ids: HashMap<u64, SlotId> = HashMap::new();
        let mut keys: HashMap<SlotId, u64> = HashMap::new();
        let mut free: Vec<SlotId> = (0..=u32::try_from(capacity).unwrap()).collect();
        requests
            .into_iter()
            .map(|key| {
                if let Some(&id) = ids.get(&key) {
                    policy.touch(id);
                    return true;
                }
                if ids.len() == capacity {
                    let id = policy.evict().unwrap();
                    ids.remove(&keys.remove(&id).unwrap());
                    free.push(id);
                }
                let id = free.pop().unwrap();
                ids.insert(key, id);
                keys.insert(id, key);
                policy.attach(id, key.wrapping_mul(0x9E37_79B9_7F4A_7C15), 1);
                false
            })
            .collect()
    }

    #[test]
    fn a_scan_does_not_flush_what_is_used_again() {
        let hot = || (0..50_u64).cycle().take(500);
        let scan = 1_000..3_000_u64;
        let hits = run(100, hot().chain(scan).chain(0..50));
        let after = hits[hits.len() - 50..].iter().filter(|hit| **hit).count();
        assert_eq!(after, 50, "the scan evicted entries that had been used ten times");
    }

    #[test]
    fn a_returning_entry_joins_main_through_its_ghost() {
        let mut policy = Policy::new();
        for id in 0..10 {
            policy.attach(id, u64::from(id), 1);
        }
        let first = policy.evict().unwrap();
        assert_eq!(first, 0);
        policy.attach(first, u64::from(first), 1);
        assert_eq!((policy.small.len, policy.main.len), (9, 1));
    }

    #[test]
    fn what_was_learnt_of_an_entry_outlives_its_overwrite() {
        let mut policy = Policy::new();
        policy.attach(0, 0, 1);
        policy.touch(0);
        policy.attach(1, 1, 1);
        assert_eq!(policy.evict(), Some(1), "0 was used, 1 was not");
        policy.detach(0);
        assert_eq!(policy.evict(), None, "a detached entry is not evictable");
        policy.attach(0, 0, 5);
        assert_eq!((policy.main.len, policy.main.weight), (1, 5));
    }

    proptest! {
        #[test]
        fn queues_hold_exactly_what_was_attached(
            steps in proptest::collection::vec((0_u8..5, 0_u32..20, 1_u64..9), 0..300)
        ) {
            let mut policy = Policy::new();
            let mut attached: HashMap<SlotId, u64> = HashMap::new();
            for (verb, id, weight) in steps {
                match verb {
                    0 | 1 => { policy.attach(id, u64::from(id), weight); attached.insert(id, weight); }
                    2 => { policy.detach(id); attached.remove(&id); }
                    3 => policy.touch(id),
                    _ => {
                        let evicted = policy.evict();
                        prop_assert_eq!(evicted.is_some(), !attached.is_empty());
                        if let Some(id) = evicted { prop_assert!(attached.remove(&id).is_some()); }
                    }
                }
                prop_assert_eq!(policy.weight(), attached.values().sum::<u64>());
                prop_assert_eq!(policy.len(), attached.len());
            }
            while let Some(id) = policy.evict() { prop_assert!(attached.remove(&id).is_some()); }
            prop_assert!(attached.is_empty());
        }
    }
}
