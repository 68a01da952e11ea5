#[cfg(feature = "async")]
mod group_lookup;
mod idle;
mod large;
mod model;
mod publication;

use std::cell::Cell;

use super::deferred_drops::DeferredDrops;
use super::evicted_values::EvictedValues;
use super::key_leases::LeaseId;
use super::leases::Permit;
use super::loads::{HeededAnswers, LeaseOutcome};
use super::weight::Weight;
use super::*;
use crate::format::key::scope::Scope;
use crate::memory::entry::{IncomingEntry, Refused, Unsaved, Value};
use crate::memory::grace::Grace;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;

const LATER: Timestamp = Timestamp::from_millis(u64::MAX);

/// The answers that a load accepts if its source may have no value.
const HEEDS_ALL: HeededAnswers =
    HeededAnswers { entry: true, absence: true, cool_down: true, optional_flight: true };

fn clean(weight: u64) -> IncomingEntry {
    IncomingEntry {
        value: Some(Arc::new(())),
        expires_at: LATER,
        grace: Grace::NONE,
        weight: Weight::of(weight),
        unsaved: None,
        extras: None,
    }
}

/// Returns a deadline that no test reaches.
fn later() -> Deadline {
    Deadline::after(std::time::Duration::from_hours(1))
}

fn key_of(number: u8) -> [u8; 5] {
    [0x80, 0, 0, 1, number]
}

fn dirty(memory: &Memory, weight: u64) -> IncomingEntry {
    let room = memory.buffer().reserve(1, || ()).unwrap();
    let unsaved = Unsaved::uncompressed(vec![], Weight::of(weight), Timestamp::ZERO, room);
    IncomingEntry { unsaved: Some(Arc::new(unsaved)), ..clean(weight) }
}

/// Variants of `store`, `fill` and `promote` for tests. These methods immediately drop the values that leave
/// memory.
impl Memory {
    pub(crate) fn store(
        &self,
        key: SlotKey<'_>,
        entry: IncomingEntry,
        now: Timestamp,
    ) -> Result<u64, Refused> {
        self.store_entry(key, entry, now, &mut EvictedValues::default())
    }

    fn fill(&self, key: SlotKey<'_>, lease: LeaseId, entry: IncomingEntry) -> Result<u64, Refused> {
        self.fill_entry(key, lease, entry, &mut EvictedValues::default())
    }

    fn promote(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        entry: IncomingEntry,
        sequence: u64,
    ) -> Result<(), Refused> {
        let source = PromotionSource { is_current: &|| true, is_extended: false };
        self.promote_entry(key, permit, entry, sequence, source, &mut EvictedValues::default())
    }
}

#[test]
fn a_large_value_may_take_the_room_of_entries_in_every_shard() {
    let memory = Memory::new(8, 1_000, 1 << 20, 0);
    for key in 0..100 {
        memory.store(memory.key(&key_of(key)), clean(10), Timestamp::ZERO).unwrap();
    }
    memory.store(memory.key(&key_of(200)), clean(1_000), Timestamp::ZERO).unwrap();
    assert!(matches!(memory.get(memory.key(&key_of(200)), Timestamp::ZERO), Lookup::Value(..)));
    memory.validate();
    let refused = memory.store(memory.key(&key_of(201)), clean(1_001), Timestamp::ZERO);
    assert_eq!(refused, Err(Refused::NoRoom));
    assert!(matches!(memory.get(memory.key(&key_of(201)), Timestamp::ZERO), Lookup::Unknown(_)));
    assert_eq!(memory.totals().bypassed, 1);
}

/// A write that is refused, because it must be committed, is prepared again. So memory keeps its value.
#[test]
fn a_write_without_room_is_counted_as_bypassed_only_if_it_is_not_repeated() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    let on_disk = [0, 0, 0, 1, 1];
    let refused = memory.store(memory.key(&on_disk), clean(1_001), Timestamp::ZERO);
    assert_eq!((refused, memory.totals().bypassed), (Err(Refused::Unsaved), 0));
    let refused = memory.store(memory.key(&key_of(1)), clean(1_001), Timestamp::ZERO);
    assert_eq!((refused, memory.totals().bypassed), (Err(Refused::NoRoom), 1));
}

/// Otherwise a key that is overwritten during each commit would cost an eviction for each commit.
#[test]
fn a_value_that_was_replaced_before_its_commit_takes_no_room_of_other_entries() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    for key in 0..100 {
        memory.store(memory.key(&key_of(key)), clean(10), Timestamp::ZERO).unwrap();
    }
    let (bytes, mut evicted_values) = (key_of(200), EvictedValues::default());
    let key = memory.key(&bytes);
    memory.store(key, dirty(&memory, 10), Timestamp::ZERO).unwrap();
    let drained = memory.drain(Timestamp::ZERO, &mut evicted_values);
    memory.store(key, dirty(&memory, 10), Timestamp::ZERO).unwrap();
    memory.mark_clean(&drained[0], &mut evicted_values);
    assert_eq!((evicted_values.len(), memory.totals().evictions, memory.budget.used()), (0, 0, 1_000));
    let drained = memory.drain(Timestamp::ZERO, &mut evicted_values);
    memory.mark_clean(&drained[0], &mut evicted_values);
    assert_eq!((evicted_values.len(), memory.totals().evictions, memory.budget.used()), (1, 1, 1_000));
    assert!(memory.has_clean(&bytes));
    // A value that is too heavy for memory evicts nothing either.
    memory.store(key, dirty(&memory, 1_001), Timestamp::ZERO).unwrap();
    let drained = memory.drain(Timestamp::ZERO, &mut evicted_values);
    memory.mark_clean(&drained[0], &mut evicted_values);
    assert_eq!((memory.totals().evictions, memory.totals().bypassed), (1, 1));
    // Other callers have reserved all weight.
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    assert!(memory.budget.try_reserve(1_000));
    memory.store(memory.key(&bytes), dirty(&memory, 10), Timestamp::ZERO).unwrap();
    let drained = memory.drain(Timestamp::ZERO, &mut evicted_values);
    memory.store(memory.key(&bytes), dirty(&memory, 10), Timestamp::ZERO).unwrap();
    memory.mark_clean(&drained[0], &mut evicted_values);
    assert_eq!(memory.totals().bypassed, 0);
}

#[test]
fn the_store_of_a_missed_key_is_a_use_and_other_stores_are_not() {
    let memory = Memory::new(1, 4, 1 << 20, 0).seeded(1);
    for number in 0..5 {
        memory.store(memory.key(&key_of(number)), clean(1), Timestamp::ZERO).unwrap();
    }
    let uses = |number, look: &dyn Fn(SlotKey<'_>)| {
        let bytes = key_of(number);
        look(memory.key(&bytes));
        memory.store(memory.key(&bytes), clean(1), Timestamp::ZERO).unwrap();
        memory.frequency(memory.key(&bytes))
    };
    assert_eq!(uses(10, &|_| ()), 0);
    assert_eq!(uses(11, &|key| _ = memory.peek(key, Timestamp::ZERO)), 0);
    assert_eq!(uses(12, &|key| _ = memory.get(key, Timestamp::ZERO)), 1);
    assert_eq!(uses(13, &|key| _ = memory.lease_over(key, Timestamp::ZERO)), 1, "an atomic change");
}

#[test]
fn a_fill_that_began_before_a_purge_is_not_published_after_it() {
    let memory = Memory::new(4, 1_000, 1 << 20, 0);
    let bytes = key_of(1);
    let key = memory.key(&bytes);
    let flight = || (Arc::new(()) as Value, true);
    let LeaseOutcome::Lease { id, .. } =
        memory.lease_to_load(key, Timestamp::ZERO, later(), HEEDS_ALL, flight)
    else {
        panic!("a lease")
    };
    // Another thread has begun a purge: it has raised the barriers, but removed no entry yet.
    for shard in &memory.shards {
        shard.write().leases.raise_barrier(&Scope::prefix(&bytes[..4]), &mut DeferredDrops::default());
    }
    assert!(memory.fill(key, id, dirty(&memory, 1)).is_err());
    let (over, ..) = memory.lease_over(key, Timestamp::ZERO);
    assert!(memory.fill(key, over, dirty(&memory, 1)).is_err(), "a touch is barred as well");
}

/// A value whose `Drop` looks up and removes keys, as a user's `Drop` may do.
struct Caller(std::sync::Weak<Memory>);

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(memory) = self.0.upgrade() {
            drop(memory.get(memory.key(&key_of(1)), Timestamp::ZERO));
            memory.forget(memory.key(&key_of(2)), Timestamp::ZERO, &mut EvictedValues::default());
        }
    }
}

/// Checks eight operations that can drop a flight. The lease holds the last reference to the flight.
#[test]
fn a_flight_is_let_go_of_without_a_lock() {
    type Change = fn(&Memory, SlotKey<'_>, LeaseId);
    let changes: [(&str, Change); 8] = [
        ("store", |memory, key, _| _ = memory.store(key, clean(1), Timestamp::ZERO)),
        ("fill", |memory, key, lease| _ = memory.fill(key, lease, clean(1))),
        ("forget", |memory, key, _| _ = memory.forget(key, Timestamp::ZERO, &mut EvictedValues::default())),
        ("insert_tombstone", |memory, key, _| {
            _ = memory.insert_tombstone(key, Timestamp::ZERO, &mut EvictedValues::default(), || ());
        }),
        ("purge", |memory, _, _| {
            memory.purge(Scope::prefix([]), true, Timestamp::ZERO, 1000, &mut EvictedValues::default(), drop);
        }),
        ("release", Memory::release),
        ("raise a fence", |memory, key, _| memory.raise_fence(key)),
        ("lower a fence", |memory, key, _| memory.lower_fence(key)),
    ];
    for (what, change) in changes {
        let memory = Arc::new(Memory::new(1, 1_000, 1 << 20, 0));
        let (done, is_done) = crate::sys::sync::channel::bounded(1);
        // The change runs on its own thread, so that a deadlock fails the test instead of hanging it.
        std::thread::spawn(move || {
            let bytes = key_of(1);
            let key = memory.key(&bytes);
            let flight = || (Arc::new(Caller(Arc::downgrade(&memory))) as Value, true);
            let LeaseOutcome::Lease { id, .. } =
                memory.lease_to_load(key, Timestamp::ZERO, later(), HEEDS_ALL, flight)
            else {
                panic!("a lease")
            };
            change(&memory, key, id);
            done.send(()).unwrap();
        });
        let ended = is_done.recv_timeout(std::time::Duration::from_mins(1));
        ended.unwrap_or_else(|_| panic!("{what}: the flight is dropped under the lock"));
    }
}

#[test]
fn a_closed_shard_takes_nothing_and_gives_back_what_was_reserved() {
    let memory = Memory::new(2, 1_000, 1 << 20, 0);
    let now = Timestamp::ZERO;
    let bytes: Vec<_> = (0..8).map(key_of).collect();
    let key = |at: usize| memory.key(&bytes[at]);
    memory.store(key(0), clean(10), now).unwrap();
    memory.store(key(1), dirty(&memory, 10), now).unwrap();
    memory.insert_tombstone(key(2), now, &mut EvictedValues::default(), || ()).unwrap();
    let flight = || (Arc::new(()) as Value, true);
    let LeaseOutcome::Lease { id, .. } = memory.lease_to_load(key(3), now, later(), HEEDS_ALL, flight) else {
        panic!("a lease")
    };
    let Lookup::Unknown(absent) = memory.get(key(4), now) else { panic!("nothing") };
    let drained = |memory: &Memory| memory.drain(now, &mut EvictedValues::default()).len();
    memory.seal();
    let refused = |room: fn(&Memory, u64) -> IncomingEntry| {
        let late = [
            memory.store(key(5), clean(10), now).map(drop),
            memory.store(key(0), room(&memory, 10), now).map(drop),
            memory.store(key(0), clean(5_000), now).map(drop),
            memory.fill(key(3), id, room(&memory, 10)).map(drop),
            memory.insert_tombstone(key(0), now, &mut EvictedValues::default(), || ()).map(drop),
        ];
        assert!(late[..2].iter().chain(&late[3..]).all(|late| *late == Err(Refused::Closed)), "{late:?}");
        assert!(late[2].is_err());
        let epoch_token = Permit::EpochToken(absent.epoch_token);
        assert!(memory.promote(key(4), epoch_token, clean(10), 1).is_err());
    };
    refused(dirty);
    assert!(
        matches!(memory.get(key(0), now), Lookup::Value(..)),
        "what was stored stays until it is committed"
    );
    assert_eq!(drained(&memory), 2, "a value and a tombstone, of before");
    let evicted_values = memory.close();
    assert_eq!((evicted_values.len(), memory.budget.used(), memory.buffer().used()), (2, 0, 0));
    // Callers no longer get room.
    refused(|_, weight| clean(weight));
    assert_eq!((memory.budget.used(), memory.buffer().used(), drained(&memory)), (0, 0, 0));
    assert!((0..8).all(|at| matches!(memory.get(key(at), now), Lookup::Unknown(_))));
    memory.validate();
}
/// Checks that a cache in a test compares its sums when its last handle is dropped.
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
        let cache = crate::api::cache::Cache::builder().open().unwrap();
        lose(&cache.shared().tiers.memory);
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(cache)));
        assert_eq!(dropped.is_err(), what != "nothing", "{what}");
    }
}

struct Thrower;

impl Drop for Thrower {
    fn drop(&mut self) {
        panic!("a user's Drop");
    }
}

#[test]
fn a_purge_of_very_many_values_hands_most_of_them_over_and_a_panic_ends_there() {
    let memory = Memory::new(2, u64::MAX, 1 << 20, 0);
    let counted = Arc::new(());
    for number in 0..10_000_u32 {
        let bytes = [&[0x80, 0, 0, 1][..], &number.to_be_bytes()].concat();
        let value: Value = if number == 5_000 { Arc::new(Thrower) } else { Arc::new(counted.clone()) };
        memory
            .store(memory.key(&bytes), IncomingEntry { value: Some(value), ..clean(1) }, Timestamp::ZERO)
            .unwrap();
    }
    let (mut evicted_values, handed_over) = (EvictedValues::default(), Cell::new(0));
    let hand_over = |values: EvictedValues| handed_over.set(handed_over.get() + values.len());
    let all = Scope::prefix([]);
    let (_, purged) = memory.purge(all, false, Timestamp::ZERO, 0, &mut evicted_values, hand_over);
    assert_eq!((purged.only_in_memory, memory.keys(&[]).len()), (10_000, 0), "the panic keeps nothing");
    let left = Arc::strong_count(&counted) - 1;
    assert_eq!((left, left + handed_over.get()), (evicted_values.len(), 10_000));
    assert!(left <= 2_048, "{left} values wait");
    drop(evicted_values);
    assert_eq!(Arc::strong_count(&counted), 1);
}

#[cfg(test)]
mod hash_distribution;
