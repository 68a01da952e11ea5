//! Records the entries that were read from disk recently. An eviction spares these entries once.
//!
//! A table holds bits, and the hash of a key selects a bit. The size of the table depends on the capacity of
//! the file, and is bounded. A lookup that the disk answers sets the bit of its key. The hand of the eviction
//! clears the bit when it passes ([`super::batch::evict`]), so old uses are forgotten. If two keys share a
//! bit, a use of one key also spares the other key. After a restart no bit is set, and entries are evicted in
//! the order in which they were written.

use std::sync::OnceLock;

use crate::sys::sync::{Ordering, StatisticU64};

/// Number of charged bytes for each bit. The smallest entry has at least two bits.
const BYTES_PER_BIT: u64 = 64;
const MIN_BITS: u64 = 1 << 12;
/// The maximum table has 2 MiB.
const MAX_BITS: u64 = 1 << 24;

/// The bits, by hash. Not allocated in a cache without a file.
#[derive(Debug, Default)]
pub(crate) struct Uses(OnceLock<Box<[StatisticU64]>>);

impl Uses {
    /// Allocates the bits for a file whose entries may be charged for this many bytes.
    pub(crate) fn size_for(&self, live_limit: u64) {
        let bits = (live_limit / BYTES_PER_BIT).clamp(MIN_BITS, MAX_BITS).next_power_of_two();
        self.0.get_or_init(|| (0..bits / 64).map(|_| StatisticU64::new(0)).collect());
    }

    /// Records a use of the key with this hash.
    pub(crate) fn mark(&self, hash: u64) {
        if let Some((word, bit)) = self.bit(hash)
            // If the bit is already set, as in most calls, no write is needed and the cache line stays
            // shared.
            && word.load(Ordering::Relaxed) & bit == 0
        {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Returns whether a use of this hash was recorded since the last call, and clears its bit.
    pub(crate) fn take(&self, hash: u64) -> bool {
        self.bit(hash).is_some_and(|(word, bit)| {
            word.load(Ordering::Relaxed) & bit != 0 && word.fetch_and(!bit, Ordering::Relaxed) & bit != 0
        })
    }

    fn bit(&self, hash: u64) -> Option<(&StatisticU64, u64)> {
        let words = self.0.get()?;
        let at = usize::try_from(hash / 64).unwrap_or(0) & (words.len() - 1);
        words.get(at).map(|word| (word, 1 << (hash % 64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_told_once_and_only_of_its_hash() {
        let uses = Uses::default();
        uses.mark(7);
        assert!(!uses.take(7), "there is no file");
        uses.size_for(1 << 20);
        uses.mark(7);
        uses.mark(7);
        assert!(!uses.take(8) && !uses.take(7 + 64) && uses.take(7) && !uses.take(7));
    }

    #[test]
    fn its_size_is_bounded() {
        for live_limit in [0, 1, 1 << 20, u64::MAX] {
            let uses = Uses::default();
            uses.size_for(live_limit);
            let bits = uses.0.get().unwrap().len() as u64 * 64;
            assert!((MIN_BITS..=MAX_BITS).contains(&bits));
            uses.mark(u64::MAX);
            assert!(uses.take(u64::MAX));
        }
    }
}
