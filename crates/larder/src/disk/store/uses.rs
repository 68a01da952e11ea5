//! Records which entries were recently used: read from disk, or overwritten while their expiry rows stayed
//! ([`super::batch::entries`]). An eviction spares these entries once.
//!
//! A table contains bits, and the hash of a key selects a bit. Each use sets the bit of its key. The hand of
//! the eviction clears the bit when it passes ([`super::batch::evict`]), so old uses are forgotten. If two
//! keys share a bit, a use of one key also spares the other. After a restart no bit is set, and entries are
//! evicted in the order in which they were written.
//!
//! A lookup reads a random word of the table, which is seldom in the CPU cache. So the table is kept small,
//! and is not used while no eviction is near:
//!
//! - Until the charge of the entries reaches half of its limit, no use is recorded. These uses would say
//!   little: by the time of the first eviction, nearly every entry would have been used.
//! - The capacity of the file limits the table. Only the start of the table is in use, with a few bits for
//!   each entry of the file. This part doubles as entries are written, and its bits are copied, so the
//!   earlier uses are kept.

use std::sync::OnceLock;

use crate::sys::sync::{Ordering, StatisticU64};

/// Number of charged bytes for each bit of the whole table, within the bounds below. So the smallest
/// entries have about two bits each, unless the table has its maximum size.
const BYTES_PER_BIT: u64 = 64;
/// Minimum number of bits for each entry in the used part, as far as the table has so many bits. With fewer
/// bits, more entries would be spared only because they share a bit with a used entry.
const BITS_PER_ENTRY: u64 = 4;
const MIN_BITS: u64 = 1 << 12;
/// The largest table takes 2 MiB.
const MAX_BITS: u64 = 1 << 24;

#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// The whole table. Not allocated in a cache without a file.
    words: OnceLock<Box<[StatisticU64]>>,
    /// Number of words in the used part: 0 or a power of two.
    used: StatisticU64,
}

impl Uses {
    /// Allocates the bits for a file whose entries may be charged for this many bytes.
    pub(crate) fn size_for(&self, live_limit: u64) {
        let bits = (live_limit / BYTES_PER_BIT).clamp(MIN_BITS, MAX_BITS).next_power_of_two();
        self.words.get_or_init(|| (0..bits / 64).map(|_| StatisticU64::new(0)).collect());
    }

    /// Enlarges the used part for the entries of the file. `bytes` is the charge of these entries, and
    /// `usable` is the limit of the charge. Called by one thread at a time.
    ///
    /// A use that a lookup records during the call may be forgotten. Then the eviction spares its entry one
    /// time less.
    pub(crate) fn grow_for(&self, entries: u64, bytes: u64, usable: u64) {
        let Some(words) = self.words.get() else { return };
        let used = self.used();
        if used == 0 && bytes < usable / 2 {
            return;
        }
        let wanted =
            entries.saturating_mul(BITS_PER_ENTRY).clamp(MIN_BITS, MAX_BITS).next_power_of_two() / 64;
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(words.len());
        if wanted <= used {
            return;
        }
        // Each hash finds its bit again, because a larger part only adds high bits to the index of its word.
        let (from, to) = words.split_at(used);
        for (to, from) in to.iter().zip(from.iter().cycle()).take(wanted - used) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.used.store(wanted as u64, Ordering::Relaxed);
    }

    fn used(&self) -> usize {
        usize::try_from(self.used.load(Ordering::Relaxed)).unwrap_or(0)
    }

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
        let mask = self.used().checked_sub(1)?;
        let at = usize::try_from(hash / 64).unwrap_or(0) & mask;
        self.words.get()?.get(at).map(|word| (word, 1 << (hash % 64)))
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
        uses.grow_for(1, 49, 100);
        uses.mark(7);
        assert!(!uses.take(7), "no eviction is near");
        uses.grow_for(1, 50, 100);
        uses.mark(7);
        uses.mark(7);
        assert!(!uses.take(8) && !uses.take(7 + 64) && uses.take(7) && !uses.take(7));
    }

    #[test]
    fn its_size_is_bounded() {
        for live_limit in [0, 1, 1 << 20, u64::MAX] {
            let uses = Uses::default();
            uses.size_for(live_limit);
            uses.grow_for(u64::MAX, 1, 1);
            let bits = uses.words.get().unwrap().len() as u64 * 64;
            assert!((MIN_BITS..=MAX_BITS).contains(&bits));
            assert_eq!(uses.used() as u64 * 64, bits, "the whole table is used");
            uses.mark(u64::MAX);
            assert!(uses.take(u64::MAX));
        }
    }

    #[test]
    fn the_used_part_follows_the_entries_and_keeps_their_uses() {
        let uses = Uses::default();
        uses.grow_for(1 << 20, 1, 1);
        uses.size_for(1 << 30);
        uses.grow_for(0, 1, 1);
        assert_eq!(uses.used() as u64 * 64, MIN_BITS);
        let hashes: Vec<u64> =
            (0..1_000_u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        let (marked, others) = hashes.split_at(500);
        for hash in marked {
            uses.mark(*hash);
        }
        for entries in [1_000, 100_000, 10, 1 << 20] {
            uses.grow_for(entries, 0, 1);
            let bits = uses.used() as u64 * 64;
            assert!(bits >= BITS_PER_ENTRY * entries && bits.is_power_of_two());
        }
        // Only a few other hashes had the same bit in the small part.
        assert!(others.iter().filter(|hash| uses.take(**hash)).count() < 100);
        assert!(marked.iter().filter(|hash| uses.take(**hash)).count() > 450);
    }
}
