//! The sketch: an estimate of how often each key was used recently. All keys of a shard share its counters,
//! including evicted keys.
//!
//! The sketch is a blocked count-min sketch. A block fills one CPU cache line. A key has four counters of
//! four bits each in one block, one in each quarter of the block. So reading the counters touches one cache
//! line, and two keys of a block rarely share all four counters. The smallest of the four counters is the
//! estimate. The estimate is too high only if each of the four counters is shared with other keys. A use
//! raises only the counters that have the smallest value (conservative update). After [`PERIOD`] uses for
//! each entry, all counters are halved, so old uses gradually lose weight.
//!
//! The sketch takes 8 to 16 bytes for each entry of the shard, and at least 8 KiB.
//!
//! No library is used, because the code is short. The sketch needs only the 32 hash bits that the policy
//! keeps for each entry.
//!
//! Sources: Cormode, Muthukrishnan, "An improved data stream summary: the count-min sketch", J. Algorithms
//! 2005; Einziger, Friedman, Manes, "`TinyLFU`: a highly efficient cache admission policy", ACM Transactions
//! on Storage 2017; Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", WEA 2007, for
//! the blocks.

use crate::sys::prefetch::prefetch;

/// Number of uses for each entry before all counters are halved. `MIN_PERIOD` is the minimum number of uses,
/// for a small shard. In a loop, each key must be counted several times in a period. Otherwise halving would
/// erase the difference between a cached key and a newcomer.
const PERIOD: u64 = 40;
const MIN_PERIOD: u64 = 2_000;
/// Number of words in a block. A key has one counter in each quarter of the block.
const BLOCK_WORDS: usize = 8;
/// Minimum number of blocks. 128 blocks are enough for the keys of the minimum period.
const MIN_BLOCKS: usize = 128;
const MAX_COUNT: u64 = 15;
/// Keeps the lower three bits of each counter. After shifting all counters right by one, the top bit of each
/// counter comes from its neighbour.
const HALVES: u64 = 0x7777_7777_7777_7777;

/// The counters that share a CPU cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block([u64; BLOCK_WORDS]);

#[derive(Debug, Default)]
pub(super) struct Sketch {
    blocks: Vec<Block>,
    added: u64,
    period: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    word: usize,
    shift: u32,
}

impl Sketch {
    /// Adapts the period to this number of entries, and enlarges the sketch if it is too small. Keeps all
    /// counts.
    pub(super) fn fit(&mut self, entries: usize) {
        self.period = (entries as u64 * PERIOD).max(MIN_PERIOD);
        let wanted = (entries.next_power_of_two() / BLOCK_WORDS).max(MIN_BLOCKS);
        if self.blocks.is_empty() {
            self.blocks.resize(wanted, Block([0; BLOCK_WORDS]));
        }
        while self.blocks.len() < wanted {
            // The index grows by one bit at the top. Both copies have the key's counts, so the value of the
            // new bit does not matter.
            self.blocks.extend_from_within(..);
        }
    }

    pub(super) fn add(&mut self, hash: u32) {
        let (index, places) = self.places(hash);
        let Some(block) = self.blocks.get_mut(index) else {
            return;
        };
        let raised = (block.min_count(places) + 1).min(MAX_COUNT);
        for place in places {
            block.raise(place, raised);
        }
        self.added += 1;
        if self.added >= self.period {
            self.added /= 2;
            for word in self.blocks.iter_mut().flat_map(|block| &mut block.0) {
                *word = *word >> 1 & HALVES;
            }
        }
    }

    /// Returns an estimate of how often a key was used, up to 15.
    pub(super) fn estimate(&self, hash: u32) -> u64 {
        let (index, places) = self.places(hash);
        self.blocks.get(index).map_or(0, |block| block.min_count(places))
    }

    #[inline]
    pub(super) fn prefetch(&self, hash: u32) {
        if let Some(block) = self.blocks.get(self.index_of(mixed(hash))) {
            prefetch(block);
        }
    }

    /// Like [`estimate`](Self::estimate), but if the estimate is `negligible` or less, may return any
    /// number up to `negligible`. The estimate of most keys is negligible, and then one counter is often
    /// enough.
    #[inline]
    pub(super) fn estimate_unless(&self, hash: u32, negligible: u64) -> u64 {
        let (index, places) = self.places(hash);
        let Some(block) = self.blocks.get(index) else { return 0 };
        let [first, ..] = places;
        let count = block.count(first);
        if count <= negligible { count } else { block.min_count(places) }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks)
    }

    /// Returns the index of a key's block, and the positions of the key's counters in it, one in each
    /// quarter.
    fn places(&self, hash: u32) -> (usize, [Place; 4]) {
        let mixed = mixed(hash);
        let pick = |quarter: usize| {
            // Chooses one of the 32 counters of two words: one bit for the word, and four bits for the
            // counter.
            let counter = mixed >> (12 + 5 * quarter) & 31;
            Place {
                word: 2 * quarter + usize::from(counter > 15),
                shift: 4 * u32::try_from(counter & 15).unwrap_or(0),
            }
        };
        (self.index_of(mixed), [pick(0), pick(1), pick(2), pick(3)])
    }

    /// Returns the index of a key's block.
    fn index_of(&self, mixed: u64) -> usize {
        usize::try_from(mixed >> 32).unwrap_or(0) & self.blocks.len().wrapping_sub(1)
    }
}

/// Mixes the bits of a hash.
const fn mixed(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Block {
    fn min_count(&self, places: [Place; 4]) -> u64 {
        places.into_iter().map(|place| self.count(place)).fold(MAX_COUNT, u64::min)
    }

    fn count(&self, place: Place) -> u64 {
        self.0.get(place.word).map_or(0, |word| word >> place.shift & MAX_COUNT)
    }

    fn raise(&mut self, place: Place, count: u64) {
        if self.count(place) < count
            && let Some(word) = self.0.get_mut(place.word)
        {
            *word = *word & !(MAX_COUNT << place.shift) | count << place.shift;
        }
    }
}
