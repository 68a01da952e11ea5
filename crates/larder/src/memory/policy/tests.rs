use crate::memory::weight::Weight;
use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A small cache of entries that all weigh 1.
struct Toy {
    policy: Policy,
    capacity: usize,
    ids: HashMap<u64, SlotId>,
    keys: Vec<u64>,
}

impl Toy {
    fn new(capacity: usize) -> Self {
        Self { policy: Policy::new(), capacity, ids: HashMap::new(), keys: Vec::new() }
    }

    /// Requests a key, and stores it if it is missing. Returns whether it was a hit.
    fn request(&mut self, key: u64) -> bool {
        if let Some(&id) = self.ids.get(&key) {
            self.policy.touch(id);
            return true;
        }
        self.policy.note_miss(hash(key));
        self.store(key);
        false
    }

    /// Stores a key without a lookup.
    fn store(&mut self, key: u64) {
        let id = if let Some(&id) = self.ids.get(&key) {
            id
        } else if self.ids.len() == self.capacity {
            let id = self.policy.evict().unwrap();
            self.ids.remove(&self.keys[id as usize]).unwrap();
            id
        } else {
            self.keys.push(0);
            SlotId::try_from(self.keys.len() - 1).unwrap()
        };
        self.keys[id as usize] = key;
        self.ids.insert(key, id);
        self.policy.attach(id, hash(key), Weight::of(1));
    }

    /// Returns how many of these keys are in the cache, without using them.
    fn resident(&self, keys: impl IntoIterator<Item = u64>) -> usize {
        keys.into_iter().filter(|key| self.ids.contains_key(key)).count()
    }

    fn run(&mut self, keys: impl IntoIterator<Item = u64>) -> usize {
        keys.into_iter().filter(|&key| self.request(key)).count()
    }
}

fn hash(key: u64) -> u32 {
    let mixed = (key + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    u32::try_from(mixed & u64::from(u32::MAX)).unwrap()
}

fn numbers(mut seed: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    })
}

/// Returns requests that favour a few popular keys: the logarithm of the key is uniform (Zipf's law with
/// exponent 1).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a key"
)]
fn skewed(keys: u64, seed: u64) -> impl Iterator<Item = u64> {
    let most = (keys as f64).ln();
    numbers(seed).map(move |number| ((number >> 11) as f64 / (1_u64 << 53) as f64 * most).exp() as u64)
}

#[test]
fn a_scan_does_not_flush_what_is_used_again() {
    let mut toy = Toy::new(100);
    toy.run((0..50).cycle().take(500));
    toy.run(1_000..3_000);
    assert_eq!(toy.run(0..50), 50, "the scan evicted entries that had been used ten times");
}

#[test]
fn a_loop_larger_than_the_cache_keeps_a_part() {
    // For each capacity, the sketch halves its counters at a different point of the loop.
    for capacity in [16, 30, 50, 70, 100, 150, 250, 500] {
        let mut toy = Toy::new(capacity);
        toy.run((0..1_000).cycle().take(20_000));
        let hits = toy.run((0..1_000).cycle().take(10_000));
        assert!(hits * 10 >= capacity * 10 * 7, "{hits} hits of {} at best", capacity * 10);
    }
}

#[test]
fn a_loop_is_kept_in_a_cache_that_was_full_of_something_else() {
    let mut toy = Toy::new(500);
    toy.run((10_000..10_400).cycle().take(10_000));
    toy.run((0..1_000).cycle().take(20_000));
    let hits = toy.run((0..1_000).cycle().take(10_000));
    assert!(hits >= 3_500, "{hits} hits of 5000 at best");
}

#[test]
fn of_entries_that_are_only_stored_the_newest_stay() {
    // The keys return, as in a loop that is larger than the cache, but no lookup gains from keeping a part.
    let (capacity, keys) = (4_000, 16_000);
    let mut toy = Toy::new(capacity);
    for store in 0..keys * 5 {
        toy.store(store % keys);
        // The check runs at different places of the loop.
        if store >= keys && store % 1_234 == 0 {
            let newest = toy.resident((store - 399..=store).map(|store| store % keys));
            assert!(newest >= 396, "{newest} of the newest 400 after {store} stores");
        }
    }
}

#[test]
fn stores_without_lookups_do_not_flush_what_is_used_again() {
    let mut toy = Toy::new(100);
    toy.run((0..50).cycle().take(500));
    for key in (1_000..1_500).cycle().take(5_000) {
        toy.store(key);
    }
    assert_eq!(toy.resident(0..50), 50, "the stores evicted entries that had been used ten times");
}

#[test]
fn only_the_store_of_a_missed_key_is_a_use() {
    let mut policy = Policy::new();
    policy.attach(0, hash(0), Weight::of(1));
    assert_eq!(policy.evict(), Some(0));
    policy.note_miss(hash(1));
    policy.note_miss(hash(2));
    let uses = |policy: &mut Policy, id: SlotId| {
        policy.attach(id, hash(id.into()), Weight::of(1));
        policy.forget(id);
        policy.frequency(hash(id.into()))
    };
    assert_eq!((uses(&mut policy, 1), uses(&mut policy, 2), uses(&mut policy, 3)), (1, 1, 0));
    assert_eq!(uses(&mut policy, 1), 1, "a miss counts once");
}

#[test]
fn a_working_set_that_shifts_is_followed() {
    // The sketch's minimum period is the period of fifty entries. So a smaller cache adapts as slowly as a
    // cache of fifty entries.
    for capacity in [16_u64, 200, 2_000] {
        let mut toy = Toy::new(usize::try_from(capacity).unwrap());
        let popular = |base: u64, seed| skewed(capacity * 2, seed).map(move |key| base + key);
        let many = usize::try_from(capacity.max(100) * 20).unwrap();
        toy.run(popular(0, 1).take(many));
        let before = toy.run(popular(0, 2).take(many));
        toy.run(popular(1_000_000, 3).take(many / 4));
        let after = toy.run(popular(1_000_000, 4).take(many));
        assert!(after * 10 >= before * 9, "{capacity}: {after} hits where there were {before}");
    }
}

#[test]
fn what_was_popular_gives_way_to_a_uniform_working_set() {
    let mut toy = Toy::new(1_000);
    toy.run(numbers(1).map(|number| number % 800).take(50_000));
    toy.run(numbers(2).map(|number| 10_000 + number % 800).take(5_000));
    let hits = toy.run(numbers(3).map(|number| 10_000 + number % 800).take(5_000));
    assert!(hits > 4_500, "{hits} of 5000: the old working set is kept");
}

#[test]
fn a_mix_of_popular_keys_scans_and_a_loop_is_served_well() {
    let mut toy = Toy::new(500);
    let mut popular = skewed(5_000, 7);
    let (mut scanned, mut hits) = (1_000_000, 0);
    for turn in 0..300_u64 {
        hits += toy.run(popular.by_ref().take(500));
        hits += toy.run((0..100).map(|step| 100_000 + (turn * 100 + step) % 700));
        hits += toy.run(scanned..scanned + 200);
        scanned += 200;
    }
    assert!(hits > 90_000, "{hits} hits of 240000");
}

/// Lets a newcomer compete with an entry of main, after their keys have been used `newcomer` and `main`
/// times. Returns which of them is evicted.
fn duel(main: u32, newcomer: u32, is_newcomer_used: bool) -> &'static str {
    let mut toy = Toy::new(20);
    toy.run(0..20);
    for id in 0..20 {
        toy.policy.touch(id);
    }
    toy.request(100);
    assert_eq!(toy.policy.main.len, 19, "all entries were used");
    let newcomer_id = toy.ids[&100];
    let policy = &mut toy.policy;
    for id in (0..20).filter(|&id| id != newcomer_id) {
        let node = *policy.nodes.get(id as usize).unwrap();
        for _ in 2..main {
            policy.sketch.add(node.hash);
        }
        assert_eq!(policy.sketch.estimate(node.hash), u64::from(main));
    }
    if is_newcomer_used {
        policy.touch(newcomer_id);
    }
    // The store of the newcomer was not counted as a use, because its miss was before the first eviction.
    for _ in u32::from(is_newcomer_used)..newcomer {
        policy.sketch.add(hash(100));
    }
    if policy.evict() == Some(newcomer_id) { "newcomer" } else { "main" }
}

#[test]
fn a_newcomer_must_be_two_uses_ahead_unless_it_was_used_recently() {
    assert_eq!((duel(4, 5, false), duel(4, 6, false)), ("newcomer", "main"));
    assert_eq!((duel(6, 2, false), duel(6, 2, true)), ("newcomer", "main"));
    assert_eq!((duel(7, 2, true), duel(7, 3, true)), ("newcomer", "main"));
}

#[test]
fn a_burst_of_hits_counts_as_one_use() {
    let mut toy = Toy::new(10);
    toy.run(0..10);
    for _ in 0..20 {
        toy.policy.touch(8);
    }
    toy.request(100);
    assert_eq!(toy.policy.entry_flags.queue(8), QueueOfEntry::Main);
    assert_eq!(toy.policy.sketch.estimate(hash(8)), 2, "stored once and used in one burst");
}

#[test]
fn a_crowded_sketch_still_tells_keys_apart() {
    let mut sketch = Sketch::default();
    sketch.fit(10_000);
    for key in 0..60_000 {
        sketch.add(hash(key));
    }
    let unseen: u64 = (100_000..110_000).map(|key| sketch.estimate(hash(key))).sum();
    let seen: u64 = (0..10_000).map(|key| sketch.estimate(hash(key))).sum();
    assert!(seen >= 10_000, "no key is underestimated");
    assert!(unseen < 1_700, "{unseen} uses of 10000 keys that were never used");
}

/// Checks that an estimate that ends early is exact unless it is negligible.
#[test]
fn an_estimate_that_is_not_negligible_is_exact() {
    let mut sketch = Sketch::default();
    sketch.fit(10_000);
    for key in (0..20_000).chain(0..5_000).chain(0..1_000) {
        sketch.add(hash(key));
    }
    let mut ended_early = 0;
    for key in 0..40_000 {
        let estimate = sketch.estimate(hash(key));
        assert_eq!(sketch.estimate_unless(hash(key), 0), estimate);
        match sketch.estimate_unless(hash(key), 1) {
            0 | 1 if estimate <= 1 => ended_early += 1,
            other => assert_eq!(other, estimate),
        }
    }
    assert!((20_000..39_000).contains(&ended_early), "{ended_early}");
}

#[test]
fn an_overwrite_is_no_use_and_loses_nothing() {
    let mut policy = Policy::new();
    for id in 0..10 {
        policy.attach(id, hash(u64::from(id)), Weight::of(1));
    }
    for id in 0..9 {
        policy.touch(id);
    }
    assert_eq!(policy.evict(), Some(9), "the others were used");
    assert_eq!(policy.main.len, 9, "warm-up entries that were used are in main");
    policy.detach(3);
    assert_eq!(policy.len(), 8);
    policy.attach(3, hash(3), Weight::of(5));
    assert_eq!((policy.main.len, policy.weight()), (9, 13));
}

#[test]
fn a_detached_entry_is_not_evictable_and_an_unknown_one_harmless() {
    let mut policy = Policy::new();
    policy.touch(7);
    policy.detach(7);
    policy.forget(7);
    policy.attach(0, 0, Weight::of(1));
    policy.detach(0);
    assert_eq!(policy.evict(), None);
    policy.touch(0);
    policy.attach(0, 0, Weight::of(7));
    assert_eq!(policy.weight(), 7, "the latest weight counts");
    assert_eq!((policy.evict(), policy.evict()), (Some(0), None));
}

#[test]
fn what_is_kept_of_keys_that_are_gone_is_bounded() {
    let mut toy = Toy::new(1_000);
    toy.run(0..100_000);
    let Policy { sketch, small_queue_target, missed_keys, .. } = &toy.policy;
    assert!(sketch.bytes() + small_queue_target.bytes() <= 18 * 1_000);
    assert_eq!(missed_keys.bytes(), 2 << 10);
}

#[test]
fn a_node_and_its_mark_are_as_small_as_documented() {
    assert_eq!((size_of::<QueueNode>(), size_of::<crate::sys::sync::AtomicU8>()), (16, 1));
}

proptest! {
    #[test]
    fn queues_hold_exactly_what_was_attached(
        steps in proptest::collection::vec((0_u8..8, 0_u32..20, 1_u64..9), 0..300)
    ) {
        let mut policy = Policy::new();
        let mut attached: HashMap<SlotId, u64> = HashMap::new();
        for (verb, id, weight) in steps {
            match verb {
                0..=2 => { policy.attach(id, hash(u64::from(id)), Weight::of(weight)); attached.insert(id, weight); }
                3 => { policy.detach(id); attached.remove(&id); }
                4 => { policy.forget(id); attached.remove(&id); }
                5 | 6 => policy.touch(id),
                _ => {
                    let evicted = policy.evict();
                    prop_assert_eq!(evicted.is_some(), !attached.is_empty());
                    if let Some(id) = evicted { prop_assert!(attached.remove(&id).is_some()); }
                }
            }
            prop_assert_eq!(policy.weight(), attached.values().sum::<u64>());
            prop_assert_eq!(policy.len(), attached.len());
        }
        while let Some(id) = policy.evict() { prop_assert!(attached.remove(&id).is_some()); }
        prop_assert!(attached.is_empty());
    }
}
