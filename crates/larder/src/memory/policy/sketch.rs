//! The sketch: an estimate of how often each key was used recently. All keys of a shard share its counters,
//! including keys that were evicted.
//!
//! It is a count-min sketch in blocks. A key has four counters of four bits each, all in one word, so reading
//! the counters touches one cache line. The smallest of the four counters is the estimate. The estimate is
//! too high only when other keys share all four counters. A use raises only the counters that have the
//! smallest value (conservative update). After [`PERIOD`] uses for each entry, all counters are halved, so
//! old uses are slowly forgotten.
//!
//! The sketch needs 8 to 16 bytes for each entry of the shard, and at least 4 KiB.
//!
//! No library is used, because the code is a few lines. The code needs only the 32 bits of hash that the
//! policy keeps for each entry.
//!
//! Sources: Cormode, Muthukrishnan, "An improved data stream summary: the count-min sketch", J. Algorithms
//! 2005; Einziger, Friedman, Manes, "`TinyLFU`: a highly efficient cache admission policy", ACM Transactions
//! on Storage 2017.

/// Number of uses for each entry before all counts are halved. `MIN_PERIOD` is the minimum number of uses,
/// for a shard of few entries.
const PERIOD: u64 = 20;
const MIN_PERIOD: u64 = 2_000;
/// Minimum number of words, for a shard of few entries. This number is enough for the keys of the minimum
/// period.
const MIN_WORDS: usize = 512;
/// The largest value of a counter.
const MAX_COUNT: u64 = 15;
/// Mask for the lower three bits of each counter. The mask removes the neighbour's bit after all counters
/// were shifted right by one.
const HALVES: u64 = 0x7777_7777_7777_7777;

/// The counters. Before the first `fit` the sketch is empty, and every estimate is 0.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    words: Vec<u64>,
    added: u64,
    period: u64,
}

impl Sketch {
    /// Makes room for the keys of this number of entries. Keeps all counts.
    pub(super) fn fit(&mut self, entries: usize) {
        self.period = (entries as u64 * PERIOD).max(MIN_PERIOD);
        let wanted = (entries.next_power_of_two()).max(MIN_WORDS);
        if self.words.is_empty() {
            self.words.resize(wanted, 0);
        }
        while self.words.len() < wanted {
            // The index becomes one bit longer at the top. Both copies have the key's counts, so the value of
            // that bit does not matter.
            self.words.extend_from_within(..);
        }
    }

    /// Adds a number of uses of a key.
    pub(super) fn add(&mut self, hash: u32, uses: u8) {
        let (index, shifts) = self.place(hash);
        let Some(word) = self.words.get_mut(index) else {
            return;
        };
        let raised = (min_count(*word, shifts) + u64::from(uses)).min(MAX_COUNT);
        for shift in shifts {
            if *word >> shift & MAX_COUNT < raised {
                *word = *word & !(MAX_COUNT << shift) | raised << shift;
            }
        }
        self.added += u64::from(uses);
        if self.added >= self.period {
            self.added /= 2;
            for word in &mut self.words {
                *word = *word >> 1 & HALVES;
            }
        }
    }

    /// Returns an estimate of how often a key was used, up to 15.
    pub(super) fn estimate(&self, hash: u32) -> u64 {
        let (index, shifts) = self.place(hash);
        self.words.get(index).map_or(0, |word| min_count(*word, shifts))
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// Returns the index of a key's word, and the positions of the key's counters in that word: one in each
    /// quarter.
    fn place(&self, hash: u32) -> (usize, [u32; 4]) {
        let mixed = u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let index = usize::try_from(mixed >> 32).unwrap_or(0) & self.words.len().wrapping_sub(1);
        let pick = |quarter: u32| {
            let counter = mixed >> (24 + 2 * quarter) & 3;
            16 * quarter + 4 * u32::try_from(counter).unwrap_or(0)
        };
        (index, [pick(0), pick(1), pick(2), pick(3)])
    }
}

fn min_count(word: u64, shifts: [u32; 4]) -> u64 {
    shifts.into_iter().map(|shift| word >> shift & MAX_COUNT).fold(MAX_COUNT, u64::min)
}
