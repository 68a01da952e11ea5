//! A filter of keys: a set of their hashes. It contains every hash that was inserted, and wrongly contains a
//! few others.
//!
//! The filter is a blocked Bloom filter. A key sets [`BITS_PER_KEY`] bits of one word, so a lookup reads one
//! cache line, and an insert is one atomic operation. (F. Putze, P. Sanders, J. Singler: "Cache-, Hash- and
//! Space-Efficient Bloom Filters", 2009.) Bits are never cleared.
//!
//! The number of keys is not known in advance, and the hashes are not stored. So the filter consists of
//! layers, and each layer has twice the size of the previous one. When a layer is full, new keys go to the
//! next layer, and a lookup reads one word of each layer. (P. Almeida, C. Baquero, N. Preguiça, D.
//! Hutchison: "Scalable Bloom Filters", 2007.) A layer has 16 bits for each key. When it is full, it wrongly
//! contains one in 240 hashes, so 5 full layers wrongly contain one in 50. The size of all layers together
//! is bounded. When the bound is reached, the last layer takes all further keys. Then it contains more and
//! more hashes wrongly, so the filter is of less use, but it still contains every inserted hash.
//!
//! All operations on words are relaxed. Before a reader must see a key, the thread that inserted the key, or
//! found it inserted, has released a lock, and the reader has then taken that lock.

use std::sync::OnceLock;

use crate::sys::sync::{AtomicU64, Ordering, StatisticU64};

/// Number of bits that a key sets. The place of each bit in its word takes 6 bits of the hash, and the place
/// of the word takes 32 other bits.
const BITS_PER_KEY: u32 = 5;
/// Number of keys for each word of a layer. A word has 64 bits.
const KEYS_PER_WORD: u64 = 4;
const WORD_BYTES: u64 = 8;
/// Maximum number of layers. The largest layer is 2048 times as large as the first one.
const MAX_LAYERS: usize = 12;
/// The first layer is smaller than the bound by this factor, within the limits below.
const FIRST_SHARE: u64 = 64;
/// Under the model checker, each word is an object that takes time to create.
const MIN_FIRST_WORDS: u64 = if cfg!(shuttle) { 2 } else { 64 };
/// The first layer of a large file takes 128 KiB, and has room for 64 Ki keys.
const MAX_FIRST_WORDS: u64 = if cfg!(shuttle) { 2 } else { 1 << 14 };

#[derive(Debug)]
pub(crate) struct KeyFilter {
    layers: [OnceLock<Layer>; MAX_LAYERS],
    first_words: u64,
    max_words: u64,
}

#[derive(Debug)]
struct Layer {
    words: Box<[AtomicU64]>,
    /// Number of keys that were inserted into this layer.
    keys: StatisticU64,
}

impl KeyFilter {
    /// Creates a filter whose layers take at most `max_bytes` together, or 512 bytes if `max_bytes` is
    /// less. Its first layer has room for `expected` keys, within this bound. No layer is allocated before
    /// the first key is inserted.
    pub(crate) fn new(max_bytes: u64, expected: u64) -> Self {
        let max_words = (max_bytes / WORD_BYTES).clamp(MIN_FIRST_WORDS, u64::from(u32::MAX));
        let first_words = (max_words / FIRST_SHARE).clamp(MIN_FIRST_WORDS, MAX_FIRST_WORDS);
        let first_words = first_words.max(expected.div_ceil(KEYS_PER_WORD)).min(max_words);
        Self { layers: [const { OnceLock::new() }; MAX_LAYERS], first_words, max_words }
    }

    /// Returns whether the filter contains a hash. Returns false only if the hash was never inserted.
    pub(crate) fn contains(&self, hash: u64) -> bool {
        let hash = Mixed::of(hash);
        self.allocated().any(|layer| layer.contains(hash))
    }

    /// Inserts a hash, unless the filter contains it already.
    pub(crate) fn insert(&self, hash: u64) {
        if self.contains(hash) {
            return;
        }
        let mut words = self.first_words;
        let mut total = 0;
        for (at, layer) in self.layers.iter().enumerate() {
            total += words;
            let is_last = at + 1 == MAX_LAYERS || total + 2 * words > self.max_words;
            let layer = layer.get_or_init(|| Layer::new(words));
            if is_last || layer.has_room() {
                layer.insert(Mixed::of(hash));
                return;
            }
            words *= 2;
        }
    }

    /// Returns the number of inserted keys.
    pub(crate) fn keys(&self) -> u64 {
        self.allocated().map(|layer| layer.keys.load(Ordering::Relaxed)).sum()
    }

    /// Returns the size of the allocated layers in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.allocated().map(|layer| layer.words.len() as u64 * WORD_BYTES).sum()
    }

    fn allocated(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().map_while(OnceLock::get)
    }
}

impl Layer {
    fn new(words: u64) -> Self {
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect(), keys: StatisticU64::new(0) }
    }

    fn has_room(&self) -> bool {
        self.keys.load(Ordering::Relaxed) < self.words.len() as u64 * KEYS_PER_WORD
    }

    fn contains(&self, hash: Mixed) -> bool {
        let bits = hash.bits();
        self.word(hash).is_none_or(|word| word.load(Ordering::Relaxed) & bits == bits)
    }

    fn insert(&self, hash: Mixed) {
        if let Some(word) = self.word(hash) {
            word.fetch_or(hash.bits(), Ordering::Relaxed);
            self.keys.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn word(&self, hash: Mixed) -> Option<&AtomicU64> {
        // Scales the upper half of the hash to the number of words, which fits into 32 bits.
        let at = ((hash.0 >> 32) * self.words.len() as u64) >> 32;
        self.words.get(usize::try_from(at).ok()?)
    }
}

/// A hash after one more mixing step. The bits of the plain hash already select a key's shard, its place in
/// the index, and its bit in the table of uses. So the keys of one such place have many of these bits in
/// common.
#[derive(Debug, Clone, Copy)]
struct Mixed(u64);

impl Mixed {
    /// The final steps of `MurmurHash3`.
    const fn of(hash: u64) -> Self {
        let hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        let hash = (hash ^ (hash >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        Self(hash ^ (hash >> 33))
    }

    fn bits(self) -> u64 {
        (0..BITS_PER_KEY).fold(0, |bits, number| bits | 1 << ((self.0 >> (6 * number)) & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        // Hashes that differ in their upper bits only, and in their lower bits only, are mixed as well.
        if number.is_multiple_of(2) { number << 40 } else { number }
    }

    #[test]
    fn it_lacks_no_key_and_wrongly_has_few() {
        let filter = KeyFilter::new(16 << 20, 0);
        assert_eq!((filter.contains(hash(1)), filter.bytes()), (false, 0), "no key was inserted");
        let keys = 500_000;
        for number in 0..keys {
            filter.insert(hash(number));
        }
        assert!((0..keys).all(|number| filter.contains(hash(number))));
        let wrong = (keys..2 * keys).filter(|number| filter.contains(hash(*number))).count() as u64;
        // Four layers, of 64, 128, 256 and 512 Ki keys.
        assert!(wrong < keys / 60, "{wrong} of {keys} other keys");
        assert_eq!(filter.bytes(), 15 * (128 << 10));
    }

    #[test]
    fn a_filter_for_a_known_number_of_keys_has_one_layer() {
        let filter = KeyFilter::new(16 << 20, 500_000);
        (0..500_000).for_each(|number| filter.insert(hash(number)));
        assert_eq!(filter.bytes(), 1_000_000);
        let wrong = (500_000..1_000_000).filter(|number| filter.contains(hash(*number))).count();
        assert!(wrong < 5_000, "{wrong}");
    }

    #[test]
    fn its_size_is_bounded_and_it_still_lacks_no_key() {
        for max_bytes in [0, 512, 10_000, 100_000] {
            for expected in [0, u64::MAX] {
                let filter = KeyFilter::new(max_bytes, expected);
                (0..100_000).for_each(|number| filter.insert(hash(number)));
                assert!((0..100_000).all(|number| filter.contains(hash(number))));
                assert!(filter.bytes() <= max_bytes.max(512), "{} of {max_bytes}", filter.bytes());
            }
        }
    }

    #[test]
    fn a_key_that_is_inserted_again_takes_no_room() {
        let filter = KeyFilter::new(1 << 20, 0);
        for _ in 0..100 {
            (0..1_000).for_each(|number| filter.insert(hash(number)));
        }
        assert!(filter.keys() <= 1_000);
    }
}
