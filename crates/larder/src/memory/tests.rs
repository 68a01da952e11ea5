mod model;

use super::*;
use crate::key::Scope;

const LATER: Timestamp = Timestamp::from_millis(u64::MAX);

fn clean(weight: u64) -> Entry {
    Entry { value: Arc::new(()), expires_at: LATER, weight: Weight::of(weight), unsaved: None }
}

fn key_of(number: u8) -> [u8; 5] {
    [0x80, 0, 0, 1, number]
}

fn dirty(memory: &Memory, weight: u64) -> Entry {
    let room = memory.buffer().reserve(1, || ()).unwrap();
    let unsaved = Unsaved { payload: vec![], version: 0, written_at: Timestamp::ZERO, _room: room };
    Entry { unsaved: Some(Arc::new(unsaved)), ..clean(weight) }
}

#[test]
fn a_large_value_may_take_the_room_of_entries_in_every_shard() {
    let memory = Memory::new(8, 1_000, 1 << 20, 0);
    for key in 0..100 {
        memory.store(memory.key(&key_of(key)), clean(10), Timestamp::ZERO).unwrap();
    }
    memory.store(memory.key(&key_of(200)), clean(1_000), Timestamp::ZERO).unwrap();
    assert!(matches!(memory.get(memory.key(&key_of(200)), Timestamp::ZERO), Found::Value(..)));
    memory.validate();
    let refused = memory.store(memory.key(&key_of(201)), clean(1_001), Timestamp::ZERO);
    assert_eq!(refused, Err(Refused::NoRoom));
    assert!(matches!(memory.get(memory.key(&key_of(201)), Timestamp::ZERO), Found::Nothing(_)));
    assert_eq!(memory.totals().bypassed, 1);
}

#[test]
fn a_fill_that_began_before_a_purge_is_not_published_after_it() {
    let memory = Memory::new(4, 1_000, 1 << 20, 0);
    let bytes = key_of(1);
    let key = memory.key(&bytes);
    let flight = || Arc::new(()) as Value;
    let Leased::Lease { id, .. } = memory.lease_to_load(key, Timestamp::ZERO, flight) else {
        panic!("a lease")
    };
    // As the purge of another thread stands between its first pass and its second.
    for shard in &memory.shards {
        shard.write().leases.raise_barrier(&Scope::prefix(&bytes[..4]));
    }
    assert!(memory.fill(key, id, dirty(&memory, 1)).is_err());
    let (over, ..) = memory.lease_over(key, Timestamp::ZERO);
    assert!(memory.fill(key, over, dirty(&memory, 1)).is_err(), "a touch is barred as well");
}

/// Every cache of a test looks at its sums when its last handle goes.
#[test]
fn a_cache_that_lost_something_fails_the_test_that_had_it() {
    type Lose = (&'static str, fn(&Memory));
    let losses: [Lose; 4] = [
        ("nothing", |_| ()),
        ("a fence", |memory| memory.raise_fence(memory.key(&key_of(1)))),
        ("weight of the budget", |memory| assert!(memory.budget.try_reserve(1))),
        ("room in the write buffer", |memory| std::mem::forget(memory.buffer().reserve(1, || ()))),
    ];
    for (what, lose) in losses {
        let cache = crate::Cache::builder().open().unwrap();
        lose(&cache.inner().tiers.memory);
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(cache)));
        assert_eq!(dropped.is_err(), what != "nothing", "{what}");
    }
}
