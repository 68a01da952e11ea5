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
//!    outside their homes. A bucket knows the *way* of each of its slots: the number of buckets between
//!    the slot and its home. So a removal reads the hash of another slot only if its way is too long for
//!    the two bits that the bucket has for it. Each hash that is read costs another cache line.
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

mod bucket;

use bucket::{Bucket, FREE, MAX_PASSED, MAX_WAY, ONE_PASSED, PLACES};

use crate::memory::policy::slot_id::SlotId;
use crate::sys::prefetch::prefetch;

#[derive(Debug)]
pub(super) struct SlotIndex {
    buckets: Vec<Bucket>,
    len: usize,
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

    #[inline]
    pub(super) fn prefetch(&self, hash: u32) {
        if let Some(bucket) = self.buckets.get(self.home(hash)) {
            prefetch(bucket);
        }
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
        let (mut at, mut way) = (self.home(hash), 0);
        while let Some(bucket) = self.buckets.get_mut(at) {
            let free = bucket.places_with(FREE);
            if free != 0 {
                let place = (free.trailing_zeros() / 8) as usize;
                bucket.put(place, (id, tag(hash)), way);
                self.len += 1;
                return;
            }
            bucket.add_passed();
            at = self.after(at);
            way += 1;
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
                self.subtract_passed(home, at, &hash_of);
                if was_passed {
                    self.fill(at, place, hash_of);
                }
                return;
            }
            at = self.after(at);
        }
    }

    /// Subtracts a slot from the pass counts of the buckets that it has passed, from its home up to its
    /// bucket. The slot must already have left its place.
    fn subtract_passed(&mut self, mut from: usize, to: usize, hash_of: impl Fn(SlotId) -> u32) {
        while from != to {
            let Some(bucket) = self.buckets.get_mut(from) else { return };
            if !bucket.subtract_passed() {
                self.recount(from, &hash_of);
            }
            from = self.after(from);
        }
    }

    /// Counts the slots that have passed a bucket, because its count may be higher than the maximum. Ends at
    /// the maximum.
    #[cold]
    #[inline(never)]
    fn recount(&mut self, bucket: usize, hash_of: impl Fn(SlotId) -> u32) {
        let (mut at, mut passes) = (bucket, 0);
        for distance in 1..self.buckets.len() {
            let is_passed = self.buckets.get(at).is_some_and(Bucket::was_passed);
            if !is_passed || passes >= MAX_PASSED / ONE_PASSED {
                break;
            }
            at = self.after(at);
            passes += (0..PLACES).filter(|place| self.way(at, *place, &hash_of) >= distance).count() as u64;
        }
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.set_passes(passes);
        }
    }

    /// Returns the way of the slot in a place. Zero for a free place.
    fn way(&self, at: usize, place: usize, hash_of: impl Fn(SlotId) -> u32) -> usize {
        let Some(bucket) = self.buckets.get(at) else { return 0 };
        match (bucket.way(place), bucket.ids.get(place)) {
            (MAX_WAY, Some(id)) => {
                let home = self.home(hash_of(*id));
                if home <= at { at - home } else { at + self.buckets.len() - home }
            }
            (way, _) => way,
        }
    }

    /// Runs step 4: moves a slot to a free place, then repeats this for the place of the moved slot. Ends
    /// when no suitable slot is near.
    fn fill(&mut self, mut free_at: usize, mut free_place: usize, hash_of: impl Fn(SlotId) -> u32) {
        while let Some((at, place, distance)) = self.find_passed(free_at) {
            let way = self.way(at, place, &hash_of) - distance;
            let Some(bucket) = self.buckets.get_mut(at) else { return };
            let Some(&moved) = bucket.ids.get(place) else { return };
            let tag = bucket.tag(place);
            bucket.free(place);
            if let Some(bucket) = self.buckets.get_mut(free_at) {
                bucket.put(free_place, (moved, tag), way);
            }
            self.subtract_passed(free_at, at, &hash_of);
            (free_at, free_place) = (at, place);
        }
    }

    /// Finds a nearby slot that has passed a bucket. Returns its bucket, its place, and its distance from the
    /// passed bucket.
    fn find_passed(&self, bucket: usize) -> Option<(usize, usize, usize)> {
        let mut at = bucket;
        for distance in 1..=MAX_WAY {
            if !self.buckets.get(at)?.was_passed() {
                return None;
            }
            at = self.after(at);
            // A slot has passed the bucket if its way is at least as long as its distance from the bucket.
            if let Some(place) = self.buckets.get(at)?.place_away(distance) {
                return Some((at, place, distance));
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
