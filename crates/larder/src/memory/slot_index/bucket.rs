//! A bucket of the index of a shard: places for six slots, half a CPU cache line.

#![expect(clippy::inline_always, reason = "the path of a hit leads through this file")]

use crate::memory::policy::slot_id::SlotId;

pub(super) const PLACES: usize = 6;
/// The bits of the tags in [`Bucket::word`], and words with a one in the lowest or the top bit of each tag.
const TAG_BITS: u64 = (1 << 48) - 1;
const LOW_BITS: u64 = 0x0101_0101_0101_0101 & TAG_BITS;
const TOP_BITS: u64 = LOW_BITS << 7;
pub(super) const FREE: u8 = 0;
/// The amount that one slot adds to the pass count of a bucket.
pub(super) const ONE_PASSED: u64 = 1 << 48;
/// The largest pass count, and its bits. It also stands for all higher counts.
pub(super) const MAX_PASSED: u64 = 0xF << 48;
/// The position of the way of the first place. Each way has two bits.
const WAYS_SHIFT: u32 = 52;
/// The largest way that a bucket knows. It also stands for all longer ways. A slot is moved back by at most
/// this number of buckets.
pub(super) const MAX_WAY: usize = 3;
/// A word with a one in the lower bit of each way.
const LOW_WAY_BITS: u64 = 0b01_01_01_01_01_01;

#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Bucket {
    /// The lower six bytes are the tags, with the first tag lowest. Above them are the four bits of the pass
    /// count, and the ways of the slots. The way of a free place is zero.
    pub(super) word: u64,
    /// A free place keeps the id of its previous slot.
    pub(super) ids: [SlotId; PLACES],
}

const _: () = assert!(size_of::<Bucket>() == 32);

impl Bucket {
    pub(super) const EMPTY: Self = Self { word: 0, ids: [0; PLACES] };

    /// Returns a word in which the top bit of each place with this tag is set. The lowest set bit is always
    /// correct. A higher bit may belong to a place whose tag differs in its lowest bit, because the
    /// subtraction borrows.
    #[inline(always)]
    pub(super) const fn places_with(&self, tag: u8) -> u64 {
        let differences = self.word ^ (LOW_BITS * tag as u64);
        differences.wrapping_sub(LOW_BITS) & !differences & TOP_BITS
    }

    pub(super) fn place_of(&self, id: SlotId, tag: u8) -> Option<usize> {
        let mut places = self.places_with(tag);
        while places != 0 {
            let place = (places.trailing_zeros() / 8) as usize;
            if self.ids.get(place) == Some(&id) && self.has_tag(place, tag) {
                return Some(place);
            }
            places &= places - 1;
        }
        None
    }

    pub(super) fn has_tag(&self, place: usize, tag: u8) -> bool {
        self.tag(place) == tag
    }

    /// Returns the tag of the slot in a place, or [`FREE`].
    pub(super) const fn tag(&self, place: usize) -> u8 {
        let [lowest, ..] = (self.word >> (8 * place)).to_le_bytes();
        lowest
    }

    pub(super) fn free(&mut self, place: usize) {
        self.word &= !(0xFF << (8 * place) | 0b11 << WAYS_SHIFT << (2 * place));
    }

    /// Adds a slot to a free place.
    pub(super) fn put(&mut self, place: usize, (id, tag): (SlotId, u8), way: usize) {
        self.word |= u64::from(tag) << (8 * place);
        self.word |= (way.min(MAX_WAY) as u64) << WAYS_SHIFT << (2 * place);
        if let Some(entry) = self.ids.get_mut(place) {
            *entry = id;
        }
    }

    /// Returns the way of the slot in a place, or [`MAX_WAY`] for a longer way.
    pub(super) const fn way(&self, place: usize) -> usize {
        (self.word >> WAYS_SHIFT >> (2 * place)) as usize & MAX_WAY
    }

    /// Returns the place of a slot whose way is at least `distance`, which is from 1 to [`MAX_WAY`].
    /// Prefers a slot whose way is certain, because the caller need not read its hash.
    pub(super) const fn place_away(&self, distance: usize) -> Option<usize> {
        let ways = self.word >> WAYS_SHIFT;
        let longest = ways & ways >> 1;
        let places = match distance {
            1 => ways | ways >> 1,
            2 => ways >> 1,
            _ => longest,
        } & LOW_WAY_BITS;
        let certain = places & !longest;
        let place = if certain == 0 { places } else { certain }.trailing_zeros() as usize / 2;
        if place < PLACES { Some(place) } else { None }
    }

    #[inline(always)]
    pub(super) const fn was_passed(&self) -> bool {
        self.word & MAX_PASSED != 0
    }

    pub(super) const fn passes(&self) -> u64 {
        self.word & MAX_PASSED
    }

    pub(super) fn add_passed(&mut self) {
        if self.passes() < MAX_PASSED {
            self.word += ONE_PASSED;
        }
    }

    /// Subtracts a slot from the pass count. Returns false, and changes nothing, if the count is the maximum,
    /// so that the number of slots is unknown.
    pub(super) fn subtract_passed(&mut self) -> bool {
        let is_known = self.passes() < MAX_PASSED;
        self.word -= if is_known { ONE_PASSED } else { 0 };
        is_known
    }

    /// Sets the pass count. A larger number becomes the maximum.
    pub(super) fn set_passes(&mut self, passes: u64) {
        self.word = self.word & !MAX_PASSED | passes.saturating_mul(ONE_PASSED).min(MAX_PASSED);
    }
}
