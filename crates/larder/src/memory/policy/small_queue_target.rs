//! The share of the weight that the small queue should have. It follows the requests.
//!
//! The share *grows* when a key comes back that would still be there if the small queue had a tenth more
//! places. To find that out, entries that are evicted from the small queue are remembered as *ghosts*, for as
//! many evictions. The share *shrinks* when an entry of main is found used, because places in main are useful
//! then. Each step is weighed by the number of places that it stands for. So the share comes to rest where
//! one more place has the same use in both queues. Steps are small: when every ghost has returned, the share
//! has grown by 5 % of the weight.
//!
//! A ghost is four bytes in a table without chains, and a later ghost takes its place. Losing some is
//! harmless, because they are only counted. Memory: 0.8 to 1.6 bytes for each entry of the shard.
//!
//! Sources: Megiddo, Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, for adapting to
//! ghosts; Einziger, Eytan, Friedman, Manes, "Adaptive software cache management", Middleware 2018, for
//! adapting the window of `TinyLFU`.

/// The share is a fraction of this number.
const WHOLE: u64 = 1 << 32;
const INITIAL_SHARE: u64 = WHOLE / 10;
const MIN_SHARE: u64 = WHOLE / 100;
const MAX_SHARE: u64 = WHOLE / 5 * 4;
/// A ghost is remembered for this part of the number of entries, counted in evictions.
const GHOST_PART: usize = 10;
/// How far the share moves when every ghost has returned, and when every entry of main was found used.
const GROWTH: u64 = WHOLE / 20;
const SHRINKAGE: u64 = WHOLE / 40;

/// The share of the small queue, and the ghosts that teach it.
#[derive(Debug)]
pub(super) struct SmallQueueTarget {
    share: u64,
    /// Indexed by hash. Each has half of the hash, and the time of the eviction.
    ghosts: Vec<(u16, u16)>,
    evictions: u64,
    /// Evictions in one step of a ghost's 16-bit clock.
    tick: u64,
    ghost_lifetime: u64,
}

impl SmallQueueTarget {
    pub(super) fn new() -> Self {
        Self { share: INITIAL_SHARE, ghosts: Vec::new(), evictions: 0, tick: 1, ghost_lifetime: 0 }
    }

    /// Adapts to the number of entries.
    pub(super) fn fit(&mut self, entries: usize) {
        self.ghost_lifetime = (entries / GHOST_PART).max(1) as u64;
        let slots = (entries / GHOST_PART * 2).next_power_of_two().max(16);
        if self.ghosts.len() < slots {
            self.ghosts.clear();
            self.ghosts.resize(slots, (0, 0));
            self.tick = (self.ghost_lifetime >> 12) + 1;
        }
    }

    /// Returns the part of a weight that the small queue should have. It is at least 1.
    pub(super) fn of(&self, weight: u64) -> u64 {
        let part = u128::from(weight) * u128::from(self.share) / u128::from(WHOLE);
        u64::try_from(part).unwrap_or(weight).max(1)
    }

    /// Records that an entry of the small queue was evicted unused.
    pub(super) fn rejected(&mut self, hash: u32) {
        self.evictions += 1;
        let ghost = (half(hash), self.now());
        if let Some(slot) = self.slot(hash) {
            *slot = ghost;
        }
    }

    /// Records the arrival of a key that was not there.
    pub(super) fn arrived(&mut self, hash: u32) {
        let (now, ghost_lifetime, tick) = (self.now(), self.ghost_lifetime, self.tick);
        let Some(slot) = self.slot(hash) else { return };
        let age = u64::from(now.wrapping_sub(slot.1)) * tick;
        if slot.0 == half(hash) && age < ghost_lifetime {
            *slot = (!slot.0, slot.1);
            self.share = (self.share + GROWTH / ghost_lifetime.max(1)).min(MAX_SHARE);
        }
    }

    /// Records that one of `entries` entries of main was found used.
    pub(super) fn main_was_used(&mut self, entries: usize) {
        self.share = self.share.saturating_sub(SHRINKAGE / entries.max(1) as u64).max(MIN_SHARE);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ghosts)
    }

    fn now(&self) -> u16 {
        u16::try_from((self.evictions / self.tick) & u64::from(u16::MAX)).unwrap_or(0)
    }

    fn slot(&mut self, hash: u32) -> Option<&mut (u16, u16)> {
        let index = hash as usize & self.ghosts.len().wrapping_sub(1);
        self.ghosts.get_mut(index)
    }
}

fn half(hash: u32) -> u16 {
    u16::try_from(hash >> 16).unwrap_or(0)
}
