//! The share of the weight that the small queue should have. The share adapts to the requests.
//!
//! The share *grows* when a key returns shortly after its eviction from the small queue. With more places,
//! that queue would still have the entry. To detect this, an evicted entry is remembered as a *ghost* during
//! as many evictions as a tenth of the entries. The share *shrinks* when the policy finds that an entry of
//! main was used, because places in main are useful then. A step of growth is smaller if there are more
//! ghosts. A step of shrinking is smaller if main has more entries. So the share becomes stable where one
//! more place is equally useful in both queues. When every ghost has returned, the share has grown by 20 % of
//! the weight. So the share follows a change of phase within a few turnovers of the ghosts. With steps ten
//! times as large it follows accidents too.
//!
//! A ghost needs four bytes in a table without chains. A later ghost with the same index overwrites an
//! earlier ghost. Losing some ghosts is harmless, because they are only used to adapt the share. Memory: 0.8
//! to 1.6 bytes for each entry of the shard.
//!
//! Sources: Megiddo, Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, for adapting to
//! ghosts; Einziger, Eytan, Friedman, Manes, "Adaptive software cache management", Middleware 2018, for
//! adapting the window of `TinyLFU`.

/// A share of 100 %.
const WHOLE: u64 = 1 << 32;
/// The initial share is small. If keys return soon, a small share costs little, because the share then grows
/// fast. A large share would cost a part of each loop from the start.
const INITIAL_SHARE: u64 = WHOLE / 100 * 3;
const MIN_SHARE: u64 = WHOLE / 100;
const MAX_SHARE: u64 = WHOLE / 5 * 4;
/// A ghost is remembered for a number of evictions: the number of entries divided by this constant.
const GHOST_PART: usize = 10;
/// The growth of the share when every ghost has returned, and its decrease when every entry of main was found
/// to be used.
const GROWTH: u64 = WHOLE / 5;
const SHRINKAGE: u64 = WHOLE / 10;

/// The share of the small queue, and the ghosts that adapt it.
#[derive(Debug)]
pub(super) struct SmallQueueTarget {
    share: u64,
    /// Indexed by hash. Each ghost is half of the hash, and the time of its eviction.
    ghosts: Vec<(u16, u16)>,
    /// The ghosts' clock. It makes a step after each `tick` evictions, and begins anew after its last step.
    now: u16,
    /// Number of evictions since the last step.
    evictions: u64,
    tick: u64,
    ghost_lifetime: u64,
}

impl SmallQueueTarget {
    pub(super) fn new() -> Self {
        Self { share: INITIAL_SHARE, ghosts: Vec::new(), now: 0, evictions: 0, tick: 1, ghost_lifetime: 0 }
    }

    /// Adapts the table of ghosts to the number of entries.
    pub(super) fn fit(&mut self, entries: usize) {
        self.ghost_lifetime = (entries / GHOST_PART).max(1) as u64;
        let slots = (entries / GHOST_PART * 2).next_power_of_two().max(16);
        if self.ghosts.len() < slots {
            self.ghosts.clear();
            self.ghosts.resize(slots, (0, 0));
            self.tick = (self.ghost_lifetime >> 12) + 1;
        }
    }

    /// Returns the part of a weight that the small queue should have. This part is at least 1.
    pub(super) fn of(&self, weight: u64) -> u64 {
        let part = u128::from(weight) * u128::from(self.share) / u128::from(WHOLE);
        u64::try_from(part).unwrap_or(weight).max(1)
    }

    /// Records an eviction from the small queue as a ghost.
    pub(super) fn rejected(&mut self, hash: u32) {
        // Counted in steps, because an insert would wait long for a division.
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

    /// Records the arrival of a key that the shard did not have. The share grows if the key is a ghost.
    pub(super) fn arrived(&mut self, hash: u32) {
        let (now, ghost_lifetime, tick) = (self.now, self.ghost_lifetime, self.tick);
        let Some(slot) = self.slot(hash) else { return };
        let age = u64::from(now.wrapping_sub(slot.1)) * tick;
        if slot.0 == half(hash) && age < ghost_lifetime {
            *slot = (!slot.0, slot.1);
            self.share = (self.share + GROWTH / ghost_lifetime.max(1)).min(MAX_SHARE);
        }
    }

    /// Records that one entry of main was used, and lowers the share. Main has `entries` entries.
    pub(super) fn main_was_used(&mut self, entries: usize) {
        self.share = self.share.saturating_sub(SHRINKAGE / entries.max(1) as u64).max(MIN_SHARE);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ghosts)
    }

    fn slot(&mut self, hash: u32) -> Option<&mut (u16, u16)> {
        let index = hash as usize & self.ghosts.len().wrapping_sub(1);
        self.ghosts.get_mut(index)
    }
}

fn half(hash: u32) -> u16 {
    u16::try_from(hash >> 16).unwrap_or(0)
}
