use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// An index, and the slots that it must find.
struct Model {
    index: SlotIndex,
    hashes: HashMap<SlotId, u32>,
}

impl Model {
    fn new() -> Self {
        Self { index: SlotIndex::new(), hashes: HashMap::new() }
    }

    fn insert(&mut self, id: SlotId, hash: u32) {
        if self.index.is_full() {
            self.index.grow(self.hashes.iter().map(|(id, hash)| (*id, *hash)));
        }
        self.index.insert(id, hash);
        self.hashes.insert(id, hash);
    }

    fn remove(&mut self, id: SlotId) {
        if let Some(hash) = self.hashes.remove(&id) {
            self.index.remove(id, hash, |other| self.hashes[&other]);
        }
    }

    fn find(&self, id: SlotId, hash: u32) -> Option<SlotId> {
        self.index.candidates(hash).find(|other| *other == id)
    }

    /// Checks every lookup, and the tags, the ways and the pass counts of all buckets.
    fn check(&self) {
        assert_eq!(self.index.len(), self.hashes.len());
        let mut passed = vec![0; self.index.buckets.len()];
        let mut found = HashMap::new();
        for (at, bucket) in self.index.buckets.iter().enumerate() {
            let is_free = |place: &usize| bucket.has_tag(*place, FREE);
            assert!((0..PLACES).filter(is_free).all(|place| bucket.way(place) == 0));
            for place in (0..PLACES).filter(|place| !is_free(place)) {
                let id = bucket.ids[place];
                let hash = self.hashes[&id];
                assert!(bucket.has_tag(place, tag(hash)));
                assert_eq!(found.insert(id, hash), None, "a slot has one place");
                let (mut way, mut steps) = (self.index.home(hash), 0);
                while way != at {
                    passed[way] += 1;
                    (way, steps) = (self.index.after(way), steps + 1);
                }
                assert_eq!(bucket.way(place), steps.min(MAX_WAY));
            }
        }
        assert_eq!(found, self.hashes);
        let counts: Vec<_> = self.index.buckets.iter().map(|bucket| bucket.passes() / ONE_PASSED).collect();
        let most = MAX_PASSED / ONE_PASSED;
        let passed: Vec<_> = passed.into_iter().map(|passes: u64| passes.min(most)).collect();
        assert_eq!(counts, passed, "each bucket counts the slots that have passed it, up to the maximum");
        for (id, hash) in &self.hashes {
            assert_eq!(self.find(*id, *hash), Some(*id), "{hash}");
        }
    }

    /// Checks the candidates for a hash: no slot is missing, no slot appears twice, and each candidate has
    /// the tag.
    fn check_candidates(&self, hash: u32) {
        let candidates: Vec<_> = self.index.candidates(hash).collect();
        let first = self.index.first(hash);
        assert_eq!(first, candidates.first().copied(), "both ways of searching begin with the same slot");
        for (at, id) in candidates.iter().enumerate() {
            assert!(!candidates[..at].contains(id));
            assert_eq!(tag(self.hashes[id]), tag(hash), "a slot that has left is no candidate");
        }
        for (id, _) in self.hashes.iter().filter(|(_, other)| **other == hash) {
            assert!(candidates.contains(id));
        }
    }

    fn passed(&self) -> u64 {
        self.index.buckets.iter().map(|bucket| bucket.passes() / ONE_PASSED).sum()
    }
}

fn spread(number: u32) -> u32 {
    number.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

#[test]
fn slots_are_found_while_the_index_grows_and_after_many_were_replaced() {
    let mut model = Model::new();
    for id in 0..3_000 {
        model.insert(id, spread(id));
    }
    model.check();
    let buckets = model.index.buckets.len();
    for round in 1..20_u32 {
        for id in 0..3_000 {
            model.remove(id);
            assert_eq!(model.find(id, spread(id)), None);
            model.insert(id, spread(id + round * 3_000));
        }
    }
    model.check();
    assert_eq!(model.index.buckets.len(), buckets, "replacing slots does not make the index larger");
    assert!(model.passed() < 3_000 / 4, "{} outside of their homes", model.passed());
    (0..3_000).for_each(|id| model.remove(id));
    assert_eq!((model.index.len(), model.passed()), (0, 0), "removals leave nothing behind");
}

#[test]
fn three_of_five_places_are_used_and_few_slots_pass_their_home() {
    let mut model = Model::new();
    for id in 0..20_000 {
        model.insert(id, spread(id));
        let places = model.index.buckets.len() * PLACES;
        if id > 200 {
            assert!(places * 62 / 100 <= id as usize, "{places} places for {id}");
            assert!(places * 4 / 5 >= id as usize, "{places} places for {id}");
        }
    }
    let passed = model.passed();
    assert!(passed < 20_000 / 5, "{passed}");
}

#[test]
fn slots_with_one_hash_are_told_apart_by_the_caller() {
    let mut model = Model::new();
    for id in 0..100 {
        model.insert(id, u32::MAX);
    }
    model.check();
    (0..100).step_by(3).for_each(|id| model.remove(id));
    model.check();
    assert_eq!(model.find(3, u32::MAX), None);
}

/// Covers the false match of `places_with`: the subtraction borrows if the place before has the tag. Then a
/// place whose tag differs only in the lowest bit also matches, such as a free place beside the tag 1.
#[test]
fn a_place_beside_one_with_the_tag_is_no_candidate() {
    for first in 1..=3 {
        let mut model = Model::new();
        for (id, hash) in (0..).zip(first..first + 4) {
            model.insert(id, hash);
        }
        model.remove(1);
        model.check();
        (0..8).for_each(|hash| model.check_candidates(hash));
    }
}

/// A bucket that too many slots have passed has the maximum count, and counts the slots again when one of
/// them leaves. So the count is exact again once it is below the maximum.
#[test]
fn a_count_beyond_the_maximum_is_counted_again() {
    let mut model = Model::new();
    model.index.buckets = vec![Bucket::EMPTY; 40];
    // Some buckets that the run passes are homes too. The homes of the last slots are behind the run's own.
    let hashes =
        (0..40).map(|_| 7).chain([0x0800_0000, 0x1000_0000, 0x1000_0001].into_iter().cycle().take(40));
    for (id, hash) in (0..).zip(hashes) {
        model.insert(id, hash);
        model.check();
    }
    let full = model.index.buckets.iter().filter(|bucket| bucket.passes() == MAX_PASSED).count();
    assert!(full > 5, "{full}");
    for id in (0..80).map(|id| id * 33 % 80) {
        model.remove(id);
        model.check();
    }
    assert_eq!(model.passed(), 0);
}

#[test]
fn the_fields_of_a_bucket_do_not_touch_one_another() {
    let mut bucket = Bucket::EMPTY;
    bucket.put(5, (7, 0xFF), 2);
    bucket.put(4, (8, 0xFF), 9);
    bucket.put(0, (9, 1), 1);
    assert_eq!([1, 2, 3].map(|distance| bucket.place_away(distance)), [Some(0), Some(5), Some(4)]);
    bucket.free(4);
    assert_eq!([2, 3].map(|distance| bucket.place_away(distance)), [Some(5), None]);
    (0..20).for_each(|_| bucket.add_passed());
    assert_eq!(bucket.passes(), MAX_PASSED);
    bucket.set_passes(2);
    assert!(
        bucket.was_passed() && bucket.has_tag(5, 0xFF) && bucket.has_tag(4, FREE) && bucket.has_tag(0, 1)
    );
    assert_eq!([5, 4, 0].map(|place| bucket.way(place)), [2, 0, 1]);
    bucket.set_passes(0);
    assert!(!bucket.was_passed());
}

/// In use, the index always has a free place. A search must end even without one.
#[test]
fn a_search_ends_in_an_index_without_a_free_place() {
    let mut model = Model::new();
    let hashes = (0..20 * PLACES).map(|number| [0, 0x5555_5555, 0xAAAA_AAAA][number % 3]);
    model.index.buckets = vec![Bucket::EMPTY; 20];
    for (id, hash) in (0..).zip(hashes) {
        model.index.insert(id, hash);
        model.hashes.insert(id, hash);
    }
    model.check();
    assert!(model.index.is_full());
    (0..1_000).for_each(|hash| model.check_candidates(hash << 22));
    (0..100).for_each(|id| model.remove(id));
    model.check();
}

proptest! {
    #[test]
    fn the_index_finds_exactly_what_was_added(
        // The hashes are few and lie at both ends of the range, so that buckets overflow, even beyond the
        // last bucket.
        steps in proptest::collection::vec((any::<bool>(), 0_u32..60, 0_u32..4, any::<bool>()), 0..300)
    ) {
        let mut model = Model::new();
        for (inserts, id, hash, is_high) in steps {
            model.remove(id);
            prop_assert_eq!(model.find(id, hash), None);
            if inserts {
                model.insert(id, if is_high { u32::MAX - hash } else { hash });
            }
            model.check();
            model.check_candidates(hash);
            model.check_candidates(u32::MAX - hash);
        }
    }

    #[test]
    fn the_index_agrees_with_a_map_while_slots_come_and_go(
        // Three of the masks leave few distinct tags or homes. The test adds enough slots to make the index
        // grow several times.
        steps in proptest::collection::vec((0_u32..4, 0_u32..600, any::<u32>()), 0..900),
        mask in prop_oneof![Just(u32::MAX), Just(0xFC00_0000), Just(0x0000_003F), Just(0x8000_001F)],
    ) {
        let mut model = Model::new();
        for (at, (kind, id, hash)) in steps.into_iter().enumerate() {
            let hash = hash & mask;
            model.remove(id);
            if kind > 0 {
                model.insert(id, hash);
            }
            model.check_candidates(hash);
            if at % 64 == 0 {
                model.check();
            }
        }
        model.check();
        let ids: Vec<_> = model.hashes.keys().copied().collect();
        for id in ids {
            model.remove(id);
        }
        model.check();
        prop_assert_eq!(model.passed(), 0, "removals leave nothing behind");
    }
}
