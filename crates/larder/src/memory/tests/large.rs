//! Tests values larger than the write buffer, in random steps and in chosen cases. Dirty and clean entries
//! together must stay within their bound.

use crate::memory::entry::{IncomingEntry, Unsaved};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::Lookup;
use proptest::prelude::*;

use super::{clean, key_of};
use crate::format::key::scope::Scope;
use crate::memory::weight::Weight;
use crate::memory::*;

const CAPACITY: u64 = 300;

fn dirty(memory: &Memory, weight: u64) -> IncomingEntry {
    encoded(memory, weight, 1, &mut EvictedValues::default())
}

/// Returns a value with this weight and an encoding of this length. Commits dirty entries while there is no
/// room for the value.
fn encoded(memory: &Memory, weight: u64, len: usize, evicted_values: &mut EvictedValues) -> IncomingEntry {
    let room = memory.reserve_room(weight + len as u64, || commit(memory, None), evicted_values).unwrap();
    let unsaved = Unsaved::uncompressed(vec![0; len], Weight::of(weight), Timestamp::ZERO, room);
    IncomingEntry { unsaved: Some(Arc::new(unsaved)), ..clean(weight) }
}

fn store_encoded(memory: &Memory, key: u8, weight: u64, len: usize) {
    let mut evicted_values = EvictedValues::default();
    let entry = encoded(memory, weight, len, &mut evicted_values);
    memory.store(memory.key(&key_of(key)), entry, Timestamp::ZERO).unwrap();
}

/// Commits the dirty entries. Removes the key `removed`, if given, during the commit.
fn commit(memory: &Memory, removed: Option<u8>) {
    let mut evicted_values = EvictedValues::default();
    let drained = memory.drain(Timestamp::ZERO, &mut evicted_values);
    if let Some(key) = removed {
        memory
            .insert_tombstone(memory.key(&key_of(key)), Timestamp::ZERO, &mut EvictedValues::default(), || ())
            .unwrap();
    }
    for mutation in &drained {
        memory.mark_clean(mutation, &mut evicted_values);
        check_bounds(memory);
    }
}

/// Checks contract 7: clean entries, and dirty entries with their encodings, together stay within the
/// capacity plus the write buffer. The exception is a single entry larger than both together. Then there is
/// no clean entry.
fn check_bounds(memory: &Memory) {
    let taken = memory.shards.iter().map(|shard| shard.read().taken());
    let (clean, dirty) = taken.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let bound = memory.capacity() + memory.buffer().capacity();
    assert!(memory.budget.used() <= memory.capacity());
    assert!(clean + dirty <= bound || clean == 0, "{clean} clean and {dirty} dirty, of {bound}");
    assert!(dirty <= memory.buffer().used(), "every dirty one has its room");
}

#[derive(Debug, Clone)]
enum Step {
    StoreClean(u8, u64),
    StoreDirty(u8, u64),
    StoreEncoded(u8, u64, usize),
    Get(u8),
    Forget(u8),
    InsertTombstone(u8),
    Commit,
    RemoveDuringCommit(u8),
    Purge(Option<u8>),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..40, 1_u64..60).prop_map(|(key, weight)| Step::StoreClean(key, weight)),
        4 => (0_u8..40, 1_u64..60).prop_map(|(key, weight)| Step::StoreDirty(key, weight)),
        2 => (0_u8..40, 1_u64..=CAPACITY, 0_usize..400)
            .prop_map(|(key, weight, len)| Step::StoreEncoded(key, weight, len)),
        4 => (0_u8..40).prop_map(Step::Get),
        1 => (0_u8..40).prop_map(Step::Forget),
        1 => (0_u8..40).prop_map(Step::InsertTombstone),
        2 => Just(Step::Commit),
        2 => (0_u8..40).prop_map(Step::RemoveDuringCommit),
        1 => proptest::option::of(0_u8..40).prop_map(Step::Purge),
        1 => Just(Step::Expire),
    ]
}

fn run(memory: &Memory, step: &Step) {
    let now = Timestamp::ZERO;
    match *step {
        Step::StoreClean(key, weight) => drop(memory.store(memory.key(&key_of(key)), clean(weight), now)),
        Step::StoreDirty(key, weight) => {
            let bytes = key_of(key);
            memory.store(memory.key(&bytes), dirty(memory, weight), now).unwrap();
            assert!(
                matches!(memory.get(memory.key(&bytes), now), Lookup::Value(..)),
                "dirty entries are pinned"
            );
        }
        Step::StoreEncoded(key, weight, len) => store_encoded(memory, key, weight, len),
        Step::Get(key) => drop(memory.get(memory.key(&key_of(key)), now)),
        Step::Forget(key) => {
            let _ = memory.forget(memory.key(&key_of(key)), now, &mut EvictedValues::default());
        }
        Step::InsertTombstone(key) => {
            let _ =
                memory.insert_tombstone(memory.key(&key_of(key)), now, &mut EvictedValues::default(), || ());
        }
        Step::Commit => {
            commit(memory, None);
            assert_eq!(memory.buffer().used(), 0, "what is committed has given its room back");
        }
        Step::RemoveDuringCommit(key) => commit(memory, Some(key)),
        Step::Purge(key) => {
            let prefix = key.map_or(vec![], |key| key_of(key).to_vec());
            let (range, _) = memory.purge(
                Scope::prefix(prefix.clone()),
                true,
                now,
                1000,
                &mut EvictedValues::default(),
                drop,
            );
            assert!(
                memory
                    .keys(&prefix)
                    .iter()
                    .all(|key| matches!(memory.get(memory.key(key), now), Lookup::Negative))
            );
            memory.remove_range_tombstone(range.sequence);
        }
        Step::Expire => drop(memory.expire(now)),
    }
}

proptest! {
    #[test]
    fn every_sum_agrees_with_the_slots_and_the_budget_holds(steps in proptest::collection::vec(step(), 0..120)) {
        let memory = Memory::new(4, CAPACITY, 120, 0);
        for step in &steps {
            run(&memory, step);
            check_bounds(&memory);
            memory.validate();
        }
        // All of the capacity must be free again, so no weight was leaked.
        commit(&memory, None);
        memory.purge(Scope::prefix([]), false, Timestamp::ZERO, 1000, &mut EvictedValues::default(), drop);
        prop_assert_eq!((memory.budget.used(), memory.buffer().used()), (0, 0));
    }
}

#[test]
fn a_value_larger_than_the_write_buffer_takes_memorys_room_until_it_is_committed() {
    let memory = Memory::new(4, 1_000, 100, 0);
    let fill = || {
        for key in 0..100 {
            // The store is refused while the large value takes up all the room.
            memory.store(memory.key(&key_of(key)), clean(10), Timestamp::ZERO).unwrap_or_default();
        }
        memory.budget.used()
    };
    let bytes = key_of(200);
    let key = memory.key(&bytes);
    // In each row, `weight` and `len` describe the large value. `beside` is the weight that clean entries
    // may have while the large value is dirty, and `after` is this weight after its commit.
    for (weight, len, beside, after) in [(60, 60, 980, 940), (500, 500, 100, 500), (1_000, 900, 0, 0)] {
        assert!(fill() > 900);
        store_encoded(&memory, 200, weight, len);
        assert_eq!(memory.buffer().used(), weight + len as u64);
        fill();
        let clean = || memory.shards.iter().map(|shard| shard.read().taken().0).sum::<u64>();
        assert!(clean() <= beside && clean() + 30 > beside, "{} clean beside {weight} and {len}", clean());
        check_bounds(&memory);
        commit(&memory, None);
        assert!(matches!(memory.get(key, Timestamp::ZERO), Lookup::Value(..)), "it stays in memory");
        assert!(clean() - weight <= after && clean() <= 1_000);
        memory.validate();
        memory.forget(key, Timestamp::ZERO, &mut EvictedValues::default());
    }
}

#[test]
fn a_large_value_that_finds_no_room_when_it_is_committed_gives_back_what_it_had() {
    let memory = Memory::new(4, 1_000, 100, 0);
    store_encoded(&memory, 1, 60, 60);
    // Reserves the weight of a fill that another thread is about to publish.
    assert!(memory.budget.try_reserve(980));
    commit(&memory, None);
    assert!(matches!(memory.get(memory.key(&key_of(1)), Timestamp::ZERO), Lookup::Unknown(_)));
    assert_eq!((memory.budget.used(), memory.buffer().used(), memory.totals().bypassed), (980, 0, 1));
}

/// A value that writes to memory when it is dropped, as a user's value may do if it owns a handle of its
/// cache.
struct WritesOnDrop(std::sync::Weak<Memory>);

impl Drop for WritesOnDrop {
    fn drop(&mut self) {
        if let Some(memory) = self.0.upgrade() {
            store_encoded(&memory, 1, 1_000, 900);
        }
    }
}

#[test]
fn what_is_evicted_may_write_a_large_value_when_it_is_dropped() {
    let memory = Arc::new(Memory::new(4, 1_000, 100, 0));
    // The store is refused if a large value takes up all the room, for example a value that a `Drop` has
    // written.
    let store = |key: u8, entry| {
        memory.store(memory.key(&key_of(key)), entry, Timestamp::ZERO).unwrap_or_default();
    };
    let writes = |weight| IncomingEntry {
        value: Some(Arc::new(WritesOnDrop(Arc::downgrade(&memory)))),
        ..clean(weight)
    };
    // In the loop, each value is evicted for a clean entry of its own shard or of another shard. After the
    // loop, a value is evicted for a large value.
    for key in 2..40 {
        commit(&memory, None);
        store(key, writes(1_000));
        store(key + 1, clean(1_000));
    }
    commit(&memory, None);
    store(2, writes(1_000));
    store_encoded(&memory, 3, 500, 500);
    commit(&memory, None);
    memory.validate();
}
