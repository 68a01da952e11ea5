//! The share of the weight that the small queue should have. The share adapts to the requests.
//!
//! The share *grows* when a key returns shortly after its eviction from the small queue, because a larger
//! queue would still have the entry. To detect this, an evicted entry is remembered as a *ghost*. A ghost
//! lives for a number of evictions from the small queue: a tenth of the number of entries. The share
//! *shrinks* when the policy finds that an entry of main was used, because places in main are useful then.
//! More ghosts make each growth step smaller, and more entries in main make each shrinking step smaller. So
//! the share settles where one more place is equally useful in both queues. If every ghost returns once,
//! the share grows by 20 % of the weight. So it follows a change of phase within a few generations of
//! ghosts. Steps ten times as large would also follow noise.
//!
//! A ghost takes four bytes in a table without chains. A later ghost with the same index overwrites an
//! earlier ghost. Losing some ghosts is harmless, because they only adapt the share. The ghosts take 0.8 to
//! 1.6 bytes for each entry of the shard.
//!
//! Sources: Megiddo, Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, for adapting to
//! ghosts; Einziger, Eytan, Friedman, Manes, "Adaptive software cache management", Middleware 2018, for
//! adapting the window of `TinyLFU`.

use crate::sys::prefetch::prefetch;

/// The number that represents a share of 100 %.
const WHOLE: u64 = 1 << 32;
/// The initial share. If keys return soon, a small initial share costs little, because the share grows fast.
/// A large share would lose a part of each loop from the start.
const INITIAL_SHARE: u64 = WHOLE / 100 * 3;
const MIN_SHARE: u64 = WHOLE / 100;
const MAX_SHARE: u64 = WHOLE / 5 * 4;
/// The lifetime of a ghost, in evictions, is the number of entries divided by this number.
const GHOST_PART: usize = 10;
/// How much the share grows if every ghost returns, and how much it shrinks if every entry of main was used.
const GROWTH: u64 = WHOLE / 5;
const SHRINKAGE: u64 = WHOLE / 10;

#[derive(Debug)]
pub(super) struct SmallQueueTarget {
    share: u64,
    /// The ghosts, indexed by hash. Each is half of the hash, and the time of the eviction.
    ghosts: Vec<(u16, u16)>,
    /// The clock of the ghosts. It advances once for every `tick` evictions, and wraps around.
    now: u16,
    /// Number of evictions since the clock last advanced.
    evictions: u64,
    tick: u64,
    ghost_lifetime: u64,
}

impl SmallQueueTarget {
    pub(super) fn new() -> Self {
        Self { share: INITIAL_SHARE, ghosts: Vec::new(), now: 0, evictions: 0, tick: 1, ghost_lifetime: 0 }
    }

    /// Adapts the lifetime of ghosts to this number of entries. If the table is too small, replaces it with a
    /// larger empty table.
    pub(super) fn fit(&mut self, entries: usize) {
        self.ghost_lifetime = (entries / GHOST_PART).max(1) as u64;
        let slots = (entries / GHOST_PART * 2).next_power_of_two().max(16);
        if self.ghosts.len() < slots {
            self.ghosts.clear();
            self.ghosts.resize(slots, (0, 0));
            self.tick = (self.ghost_lifetime >> 12) + 1;
        }
    }

    /// Returns the part of `weight` that the small queue should have, at least 1.
    pub(super) fn of(&self, weight: u64) -> u64 {
        let part = u128::from(weight) * u128::from(self.share) / u128::from(WHOLE);
        u64::try_from(part).unwrap_or(weight).max(1)
    }

    /// Records an eviction from the small queue as a ghost.
    pub(super) fn rejected(&mut self, hash: u32) {
        // The evictions are counted, because a division by `tick` would slow down inserts.
        self.evictions += 1;
        if self.evictions >= self.tick {
            self.evictions = 0;
            self.now = self.now.wrapping_add(1);
        }
        let ghost = (half(hash), self.now);
        if let Some(slot) = self.slot(hash) {
            *slot = ghost;
        }
    }

    /// Records that a key was stored after a miss. The share grows if the key is a ghost.
    pub(super) fn arrived(&mut self, hash: u32) {
        let (now, ghost_lifetime, tick) = (self.now, self.ghost_lifetime, self.tick);
        let Some(slot) = self.slot(hash) else { return };
        let age = u64::from(now.wrapping_sub(slot.1)) * tick;
        if slot.0 == half(hash) && age < ghost_lifetime {
            *slot = (!slot.0, slot.1);
            self.share = (self.share + GROWTH / ghost_lifetime.max(1)).min(MAX_SHARE);
        }
    }

    /// Records that one of the `entries` entries of main was used, and lowers the share.
    pub(super) fn main_was_used(&mut self, entries: usize) {
        self.share = self.share.saturating_sub(SHRINKAGE / entries.max(1) as u64).max(MIN_SHARE);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ghosts)
    }

    #[inline]
    pub(super) fn prefetch(&self, hash: u32) {
        if let Some(ghost) = self.ghosts.get(self.index_of(hash)) {
            prefetch(ghost);
        }
    }

    fn slot(&mut self, hash: u32) -> Option<&mut (u16, u16)> {
        let index = self.index_of(hash);
        self.ghosts.get_mut(index)
    }

    fn index_of(&self, hash: u32) -> usize {
        hash as usize & self.ghosts.len().wrapping_sub(1)
    }
}

fn half(hash: u32) -> u16 {
    u16::try_from(hash >> 16).unwrap_or(0)
}
