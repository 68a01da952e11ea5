//! The hash of a key: a function of only its bytes and the cache's secret numbers.
//!
//! The bytes may come in pieces of any lengths. So a lookup hashes the raw parts of a borrowed key, and gets
//! the hash of the encoded key without encoding it. No crate's hash is used, because their hashes depend on
//! the pieces, or need all bytes in one slice.
//!
//! 1. The state starts as a secret number, mixed with the number of the keyspace.
//! 2. The bytes of the key are read as words of eight bytes, the first byte lowest. The last word is padded
//!    with zeros. A last word of zero is left out. So the end mark of a text, two zeros, adds no word.
//! 3. Each word is mixed into the state.
//! 4. The length is mixed into the state, with another secret number. The length distinguishes keys that
//!    differ only in their trailing zeros. The length is multiplied first, so that two lengths differ in many
//!    bits. If two lengths differed only in their lowest bits, then for many seeds the last folded product
//!    would distribute the hashes of some lengths unevenly.
//!
//! Mixing is a *folded product*: the product of two words has 128 bits, and its two halves are combined by
//! XOR. So each bit of the result depends on all bits of both words. Every hash uses at least two products.
//! With only one product, the hashes of keys of one word were distributed unevenly.
//! `memory/tests/hash_distribution.rs` tests the distribution.
//!
//! Sources: Wang, Liu, Gao, Zhang, Yu, "Modern non-cryptographic hash function and pseudorandom number
//! generator" (wyhash), for the folded product; the crate foldhash, for a secret factor.

use crate::format::keyspace_id::KeyspaceId;

const WORD: usize = 8;
/// 2⁶⁴ divided by the golden ratio, rounded to an odd number.
const LENGTH_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The secret numbers of a cache. They make it hard to find keys with equal hashes.
#[derive(Clone, Copy)]
pub(crate) struct HashSeed {
    start: u64,
    factor: u64,
    last_factor: u64,
}

/// A keyspace, and the hash state that all its keys share before their first byte.
#[derive(Clone, Copy)]
pub(crate) struct KeyspaceSeed {
    keyspace: KeyspaceId,
    /// The bytes of `keyspace`, with which each full key starts.
    start: [u8; KeyspaceId::LEN],
    state: u64,
    factor: u64,
    last_factor: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct KeyHasher {
    state: u64,
    factor: u64,
    last_factor: u64,
    /// The bytes after the last full word. The other bytes are zero.
    pending: u64,
    len: usize,
}

impl HashSeed {
    /// Makes the factors odd, because multiplying by an odd factor loses no bit of the state.
    pub(crate) const fn new([start, factor, last_factor]: [u64; 3]) -> Self {
        Self { start, factor: factor | 1, last_factor: last_factor | 1 }
    }

    /// Returns a seed that is not secret: caches with the same `start` compute the same hashes. The other
    /// numbers are digits of pi.
    pub(crate) const fn fixed(start: u64) -> Self {
        Self::new([start, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0])
    }

    /// Runs step 1.
    pub(crate) fn of(self, keyspace: KeyspaceId) -> KeyspaceSeed {
        let Self { start, factor, last_factor } = self;
        let state = folded_product(start ^ u64::from(keyspace.number()), factor);
        KeyspaceSeed { keyspace, start: keyspace.to_bytes(), state, factor, last_factor }
    }
}

impl KeyspaceSeed {
    #[inline(always)]
    pub(crate) const fn keyspace(self) -> KeyspaceId {
        self.keyspace
    }

    #[inline(always)]
    pub(super) const fn start(&self) -> [u8; KeyspaceId::LEN] {
        self.start
    }

    #[inline(always)]
    pub(super) const fn hasher(self) -> KeyHasher {
        let Self { state, factor, last_factor, .. } = self;
        KeyHasher { state, factor, last_factor, pending: 0, len: 0 }
    }

    /// Returns the hash of a key's bytes, without the number of the keyspace.
    #[inline(always)]
    pub(crate) fn hash(self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher();
        hasher.write(key);
        hasher.finish()
    }
}

impl KeyHasher {
    /// Runs steps 2 and 3 for any number of bytes.
    #[inline(always)]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let shift = 8 * (self.len % WORD);
        let rest = self.write_words(bytes, shift);
        if rest > 0 {
            self.write_last(last_bytes(bytes, rest), rest, shift);
        }
        self.len += bytes.len();
    }

    /// Runs steps 2 and 3 for the bytes of a text and its end mark: two zeros. The mark is added to the bytes
    /// after the last full word, which takes fewer steps than the bytes and then the mark.
    #[inline(always)]
    pub(super) fn write_terminated(&mut self, bytes: &[u8]) {
        let shift = 8 * (self.len % WORD);
        let rest = self.write_words(bytes, shift);
        let value = if rest > 0 { last_bytes(bytes, rest) } else { 0 };
        self.write_last(value, rest + 2, shift);
        self.len += bytes.len() + 2;
    }

    /// Runs steps 2 and 3 for the full words of `bytes`. Returns the number of bytes after them. The caller
    /// adds to the length.
    #[inline(always)]
    fn write_words(&mut self, bytes: &[u8], shift: usize) -> usize {
        // Two words at a time, so that the compiler does not unroll a loop of one word, whose preparation
        // takes longer than the words of most keys. The first pair is outside the loop, because most keys
        // have no second pair.
        let (pairs, rest) = bytes.as_chunks::<{ 2 * WORD }>();
        if let Some((first, others)) = pairs.split_first() {
            self.write_pair(first, shift);
            if bytes.len() >= 4 * WORD {
                for pair in others {
                    self.write_pair(pair, shift);
                }
            }
        }
        let (words, rest) = rest.as_chunks::<WORD>();
        if let Some(word) = words.first() {
            self.write_word(u64::from_le_bytes(*word), shift);
        }
        rest.len()
    }

    #[inline(always)]
    fn write_pair(&mut self, pair: &[u8; 2 * WORD], shift: usize) {
        let (words, _) = pair.as_chunks::<WORD>();
        for word in words {
            self.write_word(u64::from_le_bytes(*word), shift);
        }
    }

    /// Runs steps 2 and 3 for a word. `shift` is the number of pending bits. The caller adds to the length.
    #[inline(always)]
    fn write_word(&mut self, word: u64, shift: usize) {
        // The lowest bits are those that do not fit after the pending bits.
        #[expect(clippy::cast_possible_truncation, reason = "below 64")]
        let rotated = word.rotate_left(shift as u32);
        let kept = (1 << shift) - 1;
        self.mix(self.pending | rotated & !kept);
        self.pending = rotated & kept;
    }

    /// Runs steps 2 and 3 for up to nine bytes, of which the last two are zero if there are more than seven.
    /// `value` has zeros from byte `len` on. Otherwise like [`write_word`](Self::write_word).
    #[inline(always)]
    fn write_last(&mut self, value: u64, len: usize, shift: usize) {
        self.pending |= value << shift;
        let end = shift + 8 * len;
        if end >= 8 * WORD {
            self.mix(self.pending);
            // Keeps the bytes that did not fit. Shifts in two steps, because a shift by 64 would overflow.
            self.pending = value >> 1 >> (63 - shift);
            if end == 2 * 8 * WORD {
                self.mix(self.pending);
                self.pending = 0;
            }
        }
    }

    #[inline(always)]
    fn mix(&mut self, word: u64) {
        self.state = folded_product(self.state ^ word, self.factor);
    }

    /// Runs step 4.
    #[inline(always)]
    pub(super) fn finish(mut self) -> u64 {
        if self.pending != 0 {
            self.mix(self.pending);
        }
        let length = (self.len as u64).wrapping_mul(LENGTH_FACTOR);
        folded_product(self.state ^ length, self.last_factor)
    }
}

/// Returns the last `len` bytes as a number, the first byte lowest. `len` is less than a word. It is either
/// the length of `bytes`, or the number of bytes after the full words.
#[inline(always)]
fn last_bytes(bytes: &[u8], len: usize) -> u64 {
    if let Some(last) = bytes.last_chunk::<WORD>() {
        return u64::from_le_bytes(*last) >> (8 * (WORD - len));
    }
    // The two halves may overlap. The bytes in the overlap are the same in both.
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first))
            | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
    }
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[inline(always)]
fn folded_product(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    let low = product as u64;
    let high = (product >> 64) as u64;
    low ^ high
}

/// Omits the secret numbers.
impl std::fmt::Debug for HashSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashSeed").finish_non_exhaustive()
    }
}

/// Omits the secret numbers.
impl std::fmt::Debug for KeyspaceSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyspaceSeed").field("keyspace", &self.keyspace).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: HashSeed =
        HashSeed::new([0x0123_4567_89AB_CDEF, 0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93]);

    fn seed() -> KeyspaceSeed {
        SEED.of(KeyspaceId::on_disk(1))
    }

    fn hash_of_pieces(bytes: &[u8], cuts: &[usize]) -> u64 {
        let mut hasher = seed().hasher();
        let mut rest = bytes;
        for cut in cuts {
            hasher.write(rest.split_off(..(*cut).min(rest.len())).unwrap());
        }
        hasher.write(rest);
        hasher.finish()
    }

    #[test]
    fn the_last_bytes_are_a_number_with_the_first_byte_lowest() {
        let bytes: Vec<u8> = (1..=40).collect();
        for len in 1..=40 {
            let rest = len % WORD;
            if rest > 0 {
                let expected =
                    (len - rest..len).rev().fold(0, |number, at| number << 8 | u64::from(bytes[at]));
                assert_eq!(last_bytes(&bytes[..len], rest), expected, "{len}");
            }
        }
    }

    #[test]
    fn keys_that_differ_in_zeros_at_their_end_have_different_hashes() {
        for start in [&b""[..], b"a", b"abcdefg", b"abcdefgh"] {
            let keys = (0..40).map(|zeros| [start, &vec![0; zeros]].concat());
            let mut hashes: Vec<u64> = keys.map(|key| seed().hash(&key)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), 40);
        }
    }

    /// Checks for a sample of a key's bits that changing one bit changes each bit of the hash for about half
    /// of the keys.
    #[test]
    fn every_bit_of_a_key_changes_half_of_the_bits() {
        const KEYS: u32 = 512;
        for len in [2_usize, 3, 7, 8, 9, 16, 18, 33, 70] {
            let mut random = 7_u64;
            let mut next = move || {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 56) as u8
            };
            for bit in (0..8 * len).step_by(len.div_ceil(8)) {
                let mut changes = [0_u32; 64];
                for _ in 0..KEYS {
                    let mut key: Vec<u8> = (0..len).map(|_| next()).collect();
                    let before = seed().hash(&key);
                    key[bit / 8] ^= 1 << (bit % 8);
                    let difference = before ^ seed().hash(&key);
                    for (at, count) in changes.iter_mut().enumerate() {
                        *count += (difference >> at & 1) as u32;
                    }
                }
                // For a fair coin, the number of heads is outside this range less than once in ten billion
                // tries.
                let fair = 180..=332;
                assert!(changes.iter().all(|count| fair.contains(count)), "{len} B, bit {bit}: {changes:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_hash_does_not_depend_on_the_pieces(
            bytes in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..64),
            cuts in proptest::collection::vec(0_usize..20, 0..8),
        ) {
            prop_assert_eq!(hash_of_pieces(&bytes, &cuts), seed().hash(&bytes));
            let start = bytes.len().min(cuts.first().copied().unwrap_or(0));
            let (start, text) = bytes.split_at(start);
            let mut marked = seed().hasher();
            marked.write(start);
            marked.write_terminated(text);
            marked.write(start);
            prop_assert_eq!(marked.finish(), seed().hash(&[start, text, &[0, 0], start].concat()));
        }
    }
}
