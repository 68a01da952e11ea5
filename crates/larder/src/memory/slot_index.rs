//! The index of a shard. The index finds the slot of a key by the key's short hash.
//!
//! The index is a hash table of buckets. A bucket has places for six slots. A place holds the id of a slot
//! and one byte of its hash, the *tag*. A bucket fills half a CPU cache line. So a lookup that finds its
//! slot in the first bucket reads one cache line of the index. It compares all six tags with a few
//! operations on one word.
//!
//! 1. The *home* of a hash is a bucket. Homes follow the order of the hashes.
//! 2. A slot is stored in the first bucket with a free place, starting at its home. After the last bucket,
//!    the search continues at the first bucket.
//! 3. A bucket counts the slots that have passed it in step 2. A lookup ends at a bucket that no slot has
//!    passed. So lookups never step over removed slots.
//! 4. A removal moves a nearby slot that has passed the bucket back into the free place. It repeats this for
//!    the place of the moved slot. Without this step, replacing slots would leave more and more slots
//!    outside their homes. A bucket marks the slots that are *away* from their homes, so that a removal
//!    reads only the hashes of these slots. Reading any other hash would cost another cache line.
//!
//! The index grows by a quarter, so a large shard uses between three and four fifths of the places. To grow,
//! the index inserts all slots again, in the order of their ids.
//!
//! The index does not use hashbrown. hashbrown stores tags and ids separately, so a lookup waits for two
//! cache lines in sequence. Its search also calls the comparison for each candidate. A hashbrown table also
//! doubles its size, even if many slots were only removed and added again.
//!
//! Source: Bronson, Shi, "Open-sourcing F14 for faster, more memory-efficient hash tables", Meta 2019, for
//! the buckets with tags, and for the pass counts.

#![expect(clippy::inline_always, reason = "the path of a hit leads through this file")]

use crate::memory::policy::slot_id::SlotId;

const PLACES: usize = 6;
/// The bits of the tags in [`Bucket::word`], and words with a one in the lowest or the top bit of each tag.
const TAG_BITS: u64 = (1 << 48) - 1;
const LOW_BITS: u64 = 0x0101_0101_0101_0101 & TAG_BITS;
const TOP_BITS: u64 = LOW_BITS << 7;
const FREE: u8 = 0;
/// Maximum number of buckets by which a slot is moved back.
const MAX_MOVED: usize = 3;
/// The amount that one slot adds to the pass count of a bucket.
const ONE_PASSED: u64 = 1 << 48;
/// The largest pass count, and its bits. A count that has reached the maximum no longer changes.
const MAX_PASSED: u64 = 0x3FF << 48;
/// The mark for the first place: its slot is away from its home.
const FIRST_AWAY: u64 = 1 << 58;

#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Bucket {
    /// The lower six bytes are the tags, with the first tag lowest. Above them are the ten bits of the pass
    /// count, and the marks of the slots that are away from their homes.
    word: u64,
    ids: [SlotId; PLACES],
}

const _: () = assert!(size_of::<Bucket>() == 32);

#[derive(Debug)]
pub(super) struct SlotIndex {
    buckets: Vec<Bucket>,
    len: usize,
}

impl Bucket {
    const EMPTY: Self = Self { word: 0, ids: [0; PLACES] };

    /// Returns a word in which the top bit of each place with this tag is set. The lowest set bit is always
    /// correct. A higher bit may belong to a place whose tag differs in its lowest bit, because the
    /// subtraction borrows.
    #[inline(always)]
    const fn places_with(&self, tag: u8) -> u64 {
        let differences = self.word ^ (LOW_BITS * tag as u64);
        differences.wrapping_sub(LOW_BITS) & !differences & TOP_BITS
    }

    fn place_of(&self, id: SlotId, tag: u8) -> Option<usize> {
        let mut places = self.places_with(tag);
        while places != 0 {
            let place = (places.trailing_zeros() / 8) as usize;
            // A free place keeps the id of its previous slot.
            if self.ids.get(place) == Some(&id) && self.has_tag(place, tag) {
                return Some(place);
            }
            places &= places - 1;
        }
        None
    }

    fn has_tag(&self, place: usize, tag: u8) -> bool {
        (self.word >> (8 * place)) & 0xFF == u64::from(tag)
    }

    fn free(&mut self, place: usize) {
        self.word &= !(0xFF << (8 * place) | FIRST_AWAY << place);
    }

    fn put(&mut self, place: usize, (id, tag): (SlotId, u8), is_away: bool) {
        self.word |= u64::from(tag) << (8 * place);
        self.word |= if is_away { FIRST_AWAY << place } else { 0 };
        if let Some(entry) = self.ids.get_mut(place) {
            *entry = id;
        }
    }

    #[cfg(test)]
    const fn is_away(&self, place: usize) -> bool {
        self.word & FIRST_AWAY << place != 0
    }

    #[inline(always)]
    const fn was_passed(&self) -> bool {
        self.word & MAX_PASSED != 0
    }

    const fn passes(&self) -> u64 {
        self.word & MAX_PASSED
    }

    fn add_passed(&mut self) {
        if self.passes() < MAX_PASSED {
            self.word += ONE_PASSED;
        }
    }

    fn subtract_passed(&mut self) {
        if self.passes() < MAX_PASSED {
            self.word -= ONE_PASSED;
        }
    }
}

/// An iterator over the slots that may have the searched hash.
#[derive(Debug)]
pub(super) struct Candidates<'a> {
    index: &'a SlotIndex,
    bucket: Option<&'a Bucket>,
    /// The unvisited places of the bucket that may have the tag, in the form that [`Bucket::places_with`]
    /// returns.
    places: u64,
    at: usize,
    tag: u8,
    /// Number of buckets that the search has not left yet.
    left: usize,
}

impl<'a> Candidates<'a> {
    /// Moves to the next bucket. Returns false if all buckets were searched.
    #[inline(always)]
    fn leave_bucket(&mut self) -> bool {
        self.left -= 1;
        self.at = self.index.after(self.at);
        self.bucket = self.index.buckets.get(self.at);
        self.places = self.bucket.map_or(0, |bucket| bucket.places_with(self.tag));
        self.left > 0
    }

    /// Moves to the next place that may have the tag. In each bucket, the first such place certainly has it.
    #[inline(always)]
    fn next_place(&mut self) -> Option<(&'a Bucket, usize)> {
        let mut bucket = self.bucket?;
        while self.places == 0 {
            if !bucket.was_passed() || !self.leave_bucket() {
                return None;
            }
            bucket = self.bucket?;
        }
        let place = (self.places.trailing_zeros() / 8) as usize;
        self.places &= self.places - 1;
        Some((bucket, place))
    }
}

impl Iterator for Candidates<'_> {
    type Item = SlotId;

    fn next(&mut self) -> Option<SlotId> {
        loop {
            let (bucket, place) = self.next_place()?;
            // A free place keeps the id of its previous slot.
            if bucket.has_tag(place, self.tag) {
                return bucket.ids.get(place).copied();
            }
        }
    }
}

impl SlotIndex {
    /// Maximum number of bytes that the index of a large shard takes for each slot, including the free
    /// places after it has grown.
    #[cfg(test)]
    pub(super) const MAX_BYTES: usize = size_of::<Bucket>().div_ceil(PLACES) * 100 / 64;

    pub(super) const fn new() -> Self {
        Self { buckets: Vec::new(), len: 0 }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the first of the [`candidates`](Self::candidates). Most slots are found in their home.
    #[inline(always)]
    pub(super) fn first(&self, hash: u32) -> Option<SlotId> {
        let bucket = self.buckets.get(self.home(hash))?;
        let places = bucket.places_with(tag(hash));
        if places == 0 {
            return if bucket.was_passed() { self.first_away(hash) } else { None };
        }
        bucket.ids.get((places.trailing_zeros() / 8) as usize).copied()
    }

    /// Reads the home of a hash, so that the processor loads its cache line.
    #[inline]
    pub(super) fn touch(&self, hash: u32) -> u64 {
        self.buckets.get(self.home(hash)).map_or(0, |bucket| bucket.word)
    }

    #[cold]
    #[inline(never)]
    fn first_away(&self, hash: u32) -> Option<SlotId> {
        self.candidates(hash).next()
    }

    /// Returns the slots that may have this hash. The caller compares the keys.
    #[inline(always)]
    pub(super) fn candidates(&self, hash: u32) -> Candidates<'_> {
        let (at, tag) = (self.home(hash), tag(hash));
        let bucket = self.buckets.get(at);
        let places = bucket.map_or(0, |bucket| bucket.places_with(tag));
        Candidates { index: self, bucket, places, at, tag, left: self.buckets.len() }
    }

    /// Returns whether the index must grow before another slot is added.
    pub(super) fn is_full(&self) -> bool {
        // The limit is four fifths of the places. With a higher limit, many slots would pass their homes.
        self.len * 5 >= self.buckets.len() * PLACES * 4
    }

    /// Grows the index. `slots` must yield all slots of the index, with their hashes.
    pub(super) fn grow(&mut self, slots: impl Iterator<Item = (SlotId, u32)>) {
        let len = self.buckets.len();
        // Frees the old buckets before allocating the new buckets.
        *self = Self::new();
        self.buckets = vec![Bucket::EMPTY; len + (len / 4).max(1)];
        for (id, hash) in slots {
            self.insert(id, hash);
        }
    }

    /// Adds a slot. The index must not be full, and must not contain the slot.
    pub(super) fn insert(&mut self, id: SlotId, hash: u32) {
        let home = self.home(hash);
        let mut at = home;
        while let Some(bucket) = self.buckets.get_mut(at) {
            let free = bucket.places_with(FREE);
            if free != 0 {
                let place = (free.trailing_zeros() / 8) as usize;
                bucket.put(place, (id, tag(hash)), at != home);
                self.len += 1;
                return;
            }
            bucket.add_passed();
            at = self.after(at);
        }
    }

    /// Removes a slot that was added with the same hash. `hash_of` returns the hash of any other slot.
    pub(super) fn remove(&mut self, id: SlotId, hash: u32, hash_of: impl Fn(SlotId) -> u32) {
        let (home, tag) = (self.home(hash), tag(hash));
        let mut at = home;
        for _ in 0..self.buckets.len() {
            let Some(bucket) = self.buckets.get_mut(at) else { return };
            if let Some(place) = bucket.place_of(id, tag) {
                bucket.free(place);
                let was_passed = bucket.was_passed();
                self.len -= 1;
                self.subtract_passed(home, at);
                if was_passed {
                    self.fill(at, place, hash_of);
                }
                return;
            }
            at = self.after(at);
        }
    }

    /// Subtracts a slot from the pass counts of the buckets that it has passed, from its home up to its
    /// bucket.
    fn subtract_passed(&mut self, mut from: usize, to: usize) {
        while from != to {
            if let Some(bucket) = self.buckets.get_mut(from) {
                bucket.subtract_passed();
            }
            from = self.after(from);
        }
    }

    /// Runs step 4: moves a slot to a free place, then repeats this for the place of the moved slot. Ends
    /// when no suitable slot is near.
    fn fill(&mut self, mut free_at: usize, mut free_place: usize, hash_of: impl Fn(SlotId) -> u32) {
        while let Some((at, place, hash)) = self.find_passed(free_at, &hash_of) {
            let moved = self.buckets.get_mut(at).and_then(|bucket| {
                bucket.free(place);
                bucket.ids.get(place).copied()
            });
            let is_away = free_at != self.home(hash);
            if let (Some(moved), Some(bucket)) = (moved, self.buckets.get_mut(free_at)) {
                bucket.put(free_place, (moved, tag(hash)), is_away);
            }
            self.subtract_passed(free_at, at);
            (free_at, free_place) = (at, place);
        }
    }

    /// Finds a nearby slot that has passed a bucket. Returns its bucket, its place and its hash.
    fn find_passed(&self, bucket: usize, hash_of: impl Fn(SlotId) -> u32) -> Option<(usize, usize, u32)> {
        let mut at = bucket;
        for distance in 1..=MAX_MOVED {
            if !self.buckets.get(at)?.was_passed() {
                return None;
            }
            at = self.after(at);
            let candidates = self.buckets.get(at)?;
            let mut away = candidates.word / FIRST_AWAY;
            while away != 0 {
                let place = away.trailing_zeros() as usize;
                away &= away - 1;
                let hash = hash_of(*candidates.ids.get(place)?);
                let home = self.home(hash);
                // The slot has passed the bucket if its home is at least as far from `at` as the bucket is.
                let way = if home <= at { at - home } else { at + self.buckets.len() - home };
                if way >= distance {
                    return Some((at, place, hash));
                }
            }
        }
        None
    }

    /// Returns the home of a hash. The hash is scaled to the number of buckets, which need not be a power of
    /// two.
    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    const fn after(&self, at: usize) -> usize {
        if at + 1 < self.buckets.len() { at + 1 } else { 0 }
    }
}

/// Returns the tag of a hash, from the bits that influence its home least.
#[inline(always)]
const fn tag(hash: u32) -> u8 {
    let [lowest, ..] = hash.to_le_bytes();
    if lowest == FREE { FREE + 1 } else { lowest }
}

#[cfg(test)]
mod tests;
