//! Compares a key with stored bytes, part by part, without encoding the key.
//!
//! Invariant: a key matches only its own encoding. A text or byte part is compared as raw bytes, followed by
//! the end mark. These bytes are the part's encoding only if the part has no zero byte. Two examples show
//! why a part with a zero byte must never match here:
//!
//! - The raw bytes `00 FF` are the encoding of the single byte `00`.
//! - The raw parts `"a\0"` and then `00 00 00 'x'` are the encoding of `"a"`, then of another number, and
//!   then of a text that begins with `x`.
//!
//! So a key with a zero byte in a text or byte part matches nothing, not even its own encoding. The lookup
//! then encodes the key.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOP_BITS: u64 = ONES << 7;
/// Longer parts are compared in blocks of this length.
const BLOCK: usize = 32;

type Words = [u64; BLOCK / 8];

/// The stored bytes that no part has matched yet.
#[derive(Debug)]
pub(super) struct KeyMatcher<'a> {
    rest: &'a [u8],
    is_equal: bool,
}

impl<'a> KeyMatcher<'a> {
    #[inline(always)]
    pub(super) const fn new(stored: &'a [u8]) -> Self {
        Self { rest: stored, is_equal: true }
    }

    /// Compares bytes that are encoded unchanged.
    #[inline(always)]
    pub(super) fn exact(&mut self, bytes: &[u8]) {
        match self.rest.split_at_checked(bytes.len()) {
            Some((head, tail)) if head == bytes => self.rest = tail,
            _ => self.is_equal = false,
        }
    }

    /// Compares a text or byte part, and its end mark.
    #[inline(always)]
    pub(super) fn terminated(&mut self, part: &[u8]) {
        // Most parts are the last of their keys. Then one comparison of lengths is enough.
        if let Some((head, mark)) = self.rest.split_last_chunk::<2>()
            && head.len() == part.len()
        {
            self.rest = &[];
            self.is_equal &= u16::from_le_bytes(*mark) == 0 && is_equal_without_zero(head, part);
            return;
        }
        let parts = self.rest.split_at_checked(part.len());
        // The two bytes of the end mark are compared at once. The tail cannot be empty here. The condition
        // tells this to the compiler, so that it removes this code for keys of one part.
        match parts.and_then(|(head, rest)| Some((head, rest.split_first_chunk::<2>()?))) {
            Some((head, (mark, tail)))
                if !tail.is_empty()
                    && u16::from_le_bytes(*mark) == 0
                    && is_equal_without_zero(head, part) =>
            {
                self.rest = tail;
            }
            _ => self.is_equal = false,
        }
    }

    /// Compares a text or byte part, without an end mark.
    #[inline(always)]
    pub(super) fn part(&mut self, part: &[u8]) {
        match self.rest.split_at_checked(part.len()) {
            Some((head, tail)) if is_equal_without_zero(head, part) => self.rest = tail,
            _ => self.is_equal = false,
        }
    }

    #[inline(always)]
    pub(super) fn is_match(&self) -> bool {
        self.is_equal && self.rest.is_empty()
    }
}

/// Returns whether two slices of one length are equal and have no zero byte.
///
/// Most slices have up to 32 bytes. The slices are compared as the words at both ends, which may overlap.
/// Calling the C library's comparison would take a third longer.
#[inline(always)]
fn is_equal_without_zero(stored: &[u8], part: &[u8]) -> bool {
    let (mut differences, mut suspects) = (0, 0);
    let mut compare = |stored: [u64; 2], part: [u64; 2]| {
        for (stored, part) in stored.into_iter().zip(part) {
            differences |= stored ^ part;
            suspects |= suspect_zeros(part);
        }
    };
    let len = stored.len();
    if len > BLOCK {
        return is_equal_without_zero_of_any_length(stored, part);
    } else if len > 16 {
        let ends = |bytes: &[u8]| Some((words(bytes.first_chunk()?), words(bytes.last_chunk()?)));
        let (Some(stored), Some(part)) = (ends(stored), ends(part)) else { return false };
        compare(stored.0, part.0);
        compare(stored.1, part.1);
    } else if len >= 8 {
        let ends = |bytes: &[u8]| Some([word(bytes.first_chunk()?), word(bytes.last_chunk()?)]);
        let (Some(stored), Some(part)) = (ends(stored), ends(part)) else { return false };
        compare(stored, part);
    } else if len >= 4 {
        // Compares the first four and the last four bytes as one word.
        let ends = |bytes: &[u8]| Some(half(bytes.first_chunk()?) | half(bytes.last_chunk()?) << 32);
        let (Some(stored), Some(part)) = (ends(stored), ends(part)) else { return false };
        compare([stored; 2], [part; 2]);
    } else {
        return is_equal_without_zero_of_any_length(stored, part);
    }
    // One test decides almost every comparison.
    differences | suspects & TOP_BITS == 0 || differences == 0 && !contains_zero(part)
}

#[cold]
#[inline(never)]
fn contains_zero(part: &[u8]) -> bool {
    part.contains(&0)
}

/// Compares slices with one to two blocks as the blocks at both ends, which may overlap. Never inlined.
/// Otherwise every lookup would prepare the registers of this comparison.
#[inline(never)]
fn is_equal_without_zero_of_any_length(stored: &[u8], part: &[u8]) -> bool {
    if part.len() > 2 * BLOCK {
        return is_equal_without_zero_of_many_blocks(stored, part);
    }
    let ends = |bytes: &[u8]| Some((block(bytes.first_chunk()?), block(bytes.last_chunk()?)));
    let (Some(stored_ends), Some(part_ends)) = (ends(stored), ends(part)) else {
        return stored == part && !part.contains(&0);
    };
    // Kept in lanes to the end, so that the compiler uses vector registers.
    let mut lanes = Lanes::default();
    lanes.compare(stored_ends.0, part_ends.0);
    lanes.compare(stored_ends.1, part_ends.1);
    lanes.is_equal_without_zero(part)
}

/// Never inlined. Otherwise shorter slices would pay for the registers of this loop.
#[inline(never)]
fn is_equal_without_zero_of_many_blocks(stored: &[u8], part: &[u8]) -> bool {
    let (Some(stored_end), Some(part_end)) = (stored.last_chunk(), part.last_chunk()) else { return false };
    let mut lanes = Lanes::default();
    lanes.compare(block(stored_end), block(part_end));
    for (stored, part) in stored.as_chunks().0.iter().zip(part.as_chunks().0) {
        lanes.compare(block(stored), block(part));
    }
    lanes.is_equal_without_zero(part)
}

/// The differences and the suspect bytes of the compared blocks, for each word of a block.
#[derive(Default)]
struct Lanes {
    differences: Words,
    suspects: Words,
}

impl Lanes {
    #[inline(always)]
    fn compare(&mut self, stored: Words, part: Words) {
        let lanes = self.differences.iter_mut().zip(&mut self.suspects);
        for ((differences, suspects), (stored, part)) in lanes.zip(stored.into_iter().zip(part)) {
            *differences |= stored ^ part;
            *suspects |= suspect_zeros(part);
        }
    }

    /// Returns whether the compared slices are equal and have no zero byte. `part` is one of them.
    #[inline(always)]
    fn is_equal_without_zero(&self, part: &[u8]) -> bool {
        let any = |words: Words| words.into_iter().fold(0, |any, word| any | word);
        let (differences, suspects) = (any(self.differences), any(self.suspects));
        differences | suspects & TOP_BITS == 0 || differences == 0 && !contains_zero(part)
    }
}

#[inline(always)]
pub(super) fn has_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks();
    let suspects = chunks.iter().fold(0, |suspects, chunk| suspects | suspect_zeros(word(chunk)));
    (suspects & TOP_BITS != 0 && bytes.contains(&0)) || rest.contains(&0)
}

/// Returns a number in which the top bit of some byte is set if any byte of the word is zero. Bytes above
/// 0x80, as in non-ASCII letters, can also set a top bit.
///
/// If no byte is zero, subtracting one from each byte needs no borrow, and a byte of up to 0x80 gets no top
/// bit. If a byte is zero, the lowest zero byte becomes 0xFF.
#[inline(always)]
const fn suspect_zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES)
}

#[inline(always)]
const fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

#[inline(always)]
fn half(bytes: &[u8; 4]) -> u64 {
    u32::from_le_bytes(*bytes).into()
}

#[inline(always)]
fn block(bytes: &[u8; BLOCK]) -> Words {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|at| words.get(at).map_or(0, word))
}

#[inline(always)]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let (words, _) = bytes.as_chunks::<8>();
    [words.first().map_or(0, word), words.last().map_or(0, word)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slices_of_every_length_are_compared_in_every_byte() {
        for len in 0..110 {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 255 + 1).unwrap()).collect();
            assert!(is_equal_without_zero(&bytes, &bytes) && !has_zero(&bytes), "{len}");
            for at in 0..len {
                for changed in [0, 0x80, 0xFF] {
                    let mut other = bytes.clone();
                    other[at] = changed;
                    assert!(!is_equal_without_zero(&bytes, &other) && !is_equal_without_zero(&other, &bytes));
                    assert_eq!(has_zero(&other), changed == 0, "{len} {at}");
                    assert_eq!(is_equal_without_zero(&other, &other), changed != 0, "{len} {at}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_zero_is_found_among_any_bytes(
            bytes in proptest::collection::vec(prop_oneof![1 => Just(0_u8), 30 => any::<u8>()], 0..64)
        ) {
            prop_assert_eq!(has_zero(&bytes), bytes.contains(&0));
            prop_assert_eq!(is_equal_without_zero(&bytes, &bytes), !bytes.contains(&0));
        }
    }
}
