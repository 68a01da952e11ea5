use std::time::Duration;

mod absences;
mod drained_slots;

use super::*;
use crate::format::key::scope::Scope;
use crate::format::range_tombstone::RangeTombstone;
use crate::memory::buffer::WriteBuffer;
use crate::memory::entry::{IncomingEntry, Refused, Unsaved, Value};
use crate::memory::grace::Grace;
use crate::memory::heap::block;
use crate::memory::leases::Permit;
use crate::memory::lookup::{Lookup, PreviousState, StaleLookup};
use crate::memory::mutation::{Mutation, SORTED_LEN, SlotChange};
use crate::memory::purged::Purged;
use crate::memory::slot::Slot;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::Weight;
use crate::sys::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(9_000);
const KEY: SlotKey<'static> = SlotKey { hash: 7, bytes: b"\0\0\0\x01key" };

const MEMORY_KEY: SlotKey<'static> = SlotKey { hash: 8, bytes: b"\x80\0\0\x01key" };

/// Returns a deadline that no test reaches.
fn later() -> crate::sys::clock::Deadline {
    crate::sys::clock::Deadline::after(std::time::Duration::from_hours(1))
}

struct Bench {
    shard: Shard,
    counter: AtomicU64,
    deferred: DeferredDrops,
    buffer: Arc<WriteBuffer>,
}

impl Bench {
    fn new() -> Self {
        Self {
            shard: Shard::new(),
            counter: AtomicU64::new(0),
            deferred: DeferredDrops::default(),
            buffer: WriteBuffer::new(1 << 20),
        }
    }

    fn dirty(&self, value: u32) -> IncomingEntry {
        let room = self.buffer.reserve(10, || ()).unwrap();
        let unsaved = Unsaved::uncompressed(vec![], Weight::of(10), NOW, room);
        IncomingEntry {
            value: Some(Arc::new(value)),
            expires_at: LATER,
            grace: Grace::NONE,
            weight: Weight::of(10),
            unsaved: Some(Arc::new(unsaved)),
            extras: None,
        }
    }

    fn absence(&self) -> IncomingEntry {
        IncomingEntry { value: None, ..self.dirty(0) }
    }

    fn store(&mut self, key: SlotKey<'_>, value: u32) -> u64 {
        let entry = self.dirty(value);
        self.shard.store(key, entry, &self.counter, &mut self.deferred).unwrap()
    }

    fn insert_tombstone(&mut self, key: SlotKey<'_>) -> (PreviousState, u64) {
        self.shard.insert_tombstone(key, NOW, &self.counter, &mut self.deferred)
    }

    fn drain(&mut self, now: Timestamp) -> Vec<Mutation> {
        let mut out = Vec::new();
        self.shard.drain(0, now, &mut out, &mut self.deferred);
        self.shard.validate();
        out
    }

    fn purge(&mut self, prefix: &[u8]) -> (RangeTombstone, Purged) {
        self.shard.leases.raise_barrier(&Scope::prefix(prefix), &mut self.deferred);
        let range = RangeTombstone { scope: Scope::prefix(prefix), sequence: next(&self.counter) };
        self.shard.insert_range_tombstone(&range);
        let mut purged = Purged::default();
        while self.purge_part(&range, 0, 1000, &mut purged).is_some() {}
        self.shard.validate();
        (range, purged)
    }

    /// Purges two slots, and lists clean entries only while fewer than `most_listed` keys are listed.
    fn purge_part(
        &mut self,
        range: &RangeTombstone,
        from: SlotId,
        most_listed: usize,
        purged: &mut Purged,
    ) -> Option<SlotId> {
        self.shard.purge_part(range, NOW, (from, 2), most_listed, purged, &mut self.deferred)
    }

    fn value(&self) -> Option<u32> {
        match self.shard.get(KEY, NOW) {
            Lookup::Value(value, _) => Value::downcast(value).ok().map(|value: Arc<u32>| *value),
            _ => None,
        }
    }
}

#[test]
fn a_committed_value_is_clean_only_if_nothing_happened_since() {
    let mut bench = Bench::new();
    let first = bench.store(KEY, 1);
    assert_eq!(bench.drain(NOW).len(), 1);
    let second = bench.store(KEY, 2);
    assert!(
        !bench.shard.mark_clean(KEY, first, true, &mut bench.deferred),
        "the commit of an older value marks nothing clean"
    );
    assert!(!bench.shard.evict(&mut bench.deferred), "the newer value is pinned");
    assert_eq!(bench.drain(NOW)[0].sequence, second);
    assert!(bench.shard.mark_clean(KEY, second, true, &mut bench.deferred));
    bench.shard.validate();
    assert_eq!(bench.value(), Some(2));
    assert!(bench.shard.evict(&mut bench.deferred));
    assert!(matches!(bench.shard.get(KEY, NOW), Lookup::Unknown(_)));
}

#[test]
fn room_in_the_write_buffer_is_held_until_the_commit_is_marked_clean() {
    let mut bench = Bench::new();
    let sequence = bench.store(KEY, 1);
    let batch = bench.drain(NOW);
    bench.store(KEY, 2);
    bench.deferred = DeferredDrops::default();
    assert_eq!(bench.buffer.used(), 20, "the replaced value is still in the writer's batch");
    drop(batch);
    assert_eq!(bench.buffer.used(), 10);
    bench.shard.mark_clean(KEY, sequence, true, &mut bench.deferred);
    assert_eq!(bench.buffer.used(), 10);
}

#[test]
fn a_tombstone_stays_until_its_own_commit() {
    let mut bench = Bench::new();
    let stored = bench.store(KEY, 1);
    bench.drain(NOW);
    let (prior, buried) = bench.insert_tombstone(KEY);
    assert_eq!(prior, PreviousState::Live);
    bench.shard.mark_clean(KEY, stored, true, &mut bench.deferred);
    assert!(
        matches!(bench.shard.get(KEY, NOW), Lookup::Negative),
        "the disk still shows the old value, so it must not be asked"
    );
    assert!(matches!(bench.drain(NOW)[..], [Mutation { change: SlotChange::Delete, .. }]));
    bench.shard.mark_clean(KEY, buried, false, &mut bench.deferred);
    assert!(matches!(bench.shard.get(KEY, NOW), Lookup::Unknown(_)));
    assert_eq!(bench.shard.validate().clean_weight, 0);
}

#[test]
fn a_purge_keeps_removals_that_a_caller_waits_for() {
    let mut bench = Bench::new();
    bench.insert_tombstone(KEY);
    let other = SlotKey { hash: 7, bytes: b"\0\0\0\x01other" };
    bench.insert_tombstone(other);
    bench.store(other, 2);
    let (range, purged) = bench.purge(b"\0\0\0\x01");
    assert_eq!(purged.memory_keys.iter().filter(|(_, is_live)| *is_live).count(), 1);
    assert_eq!(bench.shard.min_visible_sequence(KEY), range.sequence);
    let changes: Vec<_> = bench.drain(NOW).into_iter().map(|mutation| mutation.change).collect();
    assert!(matches!(changes[..], [SlotChange::Delete, SlotChange::Delete]), "{changes:?}");
    bench.shard.remove_range_tombstone(range.sequence);
    assert_eq!(bench.shard.min_visible_sequence(KEY), 0);
}

#[test]
fn a_purge_spares_what_was_written_after_it() {
    let mut bench = Bench::new();
    let range = RangeTombstone { scope: Scope::prefix([]), sequence: next(&bench.counter) };
    bench.store(KEY, 1);
    bench.purge_part(&range, 0, 1000, &mut Purged::default());
    assert_eq!(bench.value(), Some(1));
}

#[test]
fn a_purge_in_parts_lets_nothing_old_come_in_between_two_of_them() {
    let mut bench = Bench::new();
    let names: Vec<[u8; 9]> = (0..5).map(|number| [0, 0, 0, 1, b'n', b'a', b'm', b'e', number]).collect();
    for (hash, name) in (10..).zip(&names) {
        bench.store(SlotKey { hash, bytes: name }, 1);
    }
    for mutation in bench.drain(NOW) {
        let key = SlotKey { hash: 10 + u64::from(mutation.key[8]), bytes: &mutation.key };
        bench.shard.mark_clean(key, mutation.sequence, true, &mut bench.deferred);
    }
    let scope = Scope::prefix(&b"\0\0\0\x01"[..]);
    bench.shard.leases.raise_barrier(&scope, &mut bench.deferred);
    let range = RangeTombstone { scope, sequence: next(&bench.counter) };
    assert!(bench.shard.insert_range_tombstone(&range).is_empty());
    let mut purged = Purged::default();
    let next_slot = bench.purge_part(&range, 0, 3, &mut purged);
    assert_eq!(next_slot, Some(2));
    // The slot of the first key is vacant, because the purge has already visited it.
    let first = SlotKey { hash: 10, bytes: &names[0] };
    assert_eq!(bench.shard.min_visible_sequence(first), range.sequence, "its records on disk are hidden");
    let permit = Permit::EpochToken(bench.shard.leases.epoch_token(first));
    let entry = IncomingEntry { unsaved: None, ..bench.dirty(1) };
    assert!(bench.shard.promote(first, permit, entry, 1, &mut bench.deferred).is_err(), "it is barred");
    assert_eq!(bench.purge_part(&range, 2, 3, &mut purged), Some(4));
    assert_eq!(bench.purge_part(&range, 4, 3, &mut purged), None);
    assert_eq!(
        (purged.memory_keys.len(), purged.unlisted),
        (3, 2),
        "listed up to the bound, and counted beyond"
    );
    assert!(bench.shard.leases.is_empty(), "the barrier is gone");
    assert_eq!(bench.shard.insert_range_tombstone(&range), [range], "the next purge is told of this one");
}

#[test]
fn a_value_that_expires_before_its_commit_is_written_as_a_removal() {
    let mut bench = Bench::new();
    bench.store(KEY, 1);
    assert!(matches!(bench.drain(LATER)[..], [Mutation { change: SlotChange::Delete, .. }]));
}

#[test]
fn every_change_of_a_key_revokes_its_leases() {
    type Change = fn(&mut Bench);
    let changes: [(&str, Change); 4] = [
        ("store", |bench| {
            bench.store(KEY, 9);
        }),
        ("insert_tombstone", |bench| {
            bench.insert_tombstone(KEY);
        }),
        ("forget", |bench| {
            bench.shard.forget(KEY, NOW, &mut bench.deferred);
        }),
        ("purge", |bench| {
            bench.purge(b"\0\0");
        }),
    ];
    for (name, change) in changes {
        let mut bench = Bench::new();
        let (lease, epoch_token) =
            (bench.shard.leases.take(KEY, later()), bench.shard.leases.epoch_token(KEY));
        change(&mut bench);
        let entry = bench.dirty(1);
        assert!(bench.shard.fill(KEY, lease, entry, &bench.counter, &mut bench.deferred).is_err(), "{name}");
        let entry = bench.dirty(1);
        assert!(
            bench.shard.promote(KEY, Permit::Lease(lease), entry, 0, &mut bench.deferred).is_err(),
            "{name}"
        );
        let entry = bench.dirty(1);
        let permit = Permit::EpochToken(epoch_token);
        assert!(bench.shard.promote(KEY, permit, entry, 0, &mut bench.deferred).is_err(), "{name}");
        assert_ne!(bench.value(), Some(1), "{name}");
    }
}

#[test]
fn a_promotion_never_replaces_what_is_there() {
    let mut bench = Bench::new();
    let (promotion, load) = (bench.shard.leases.take(KEY, later()), bench.shard.leases.take(KEY, later()));
    let entry = bench.dirty(2);
    assert!(bench.shard.fill(KEY, load, entry, &bench.counter, &mut bench.deferred).is_ok());
    let entry = bench.dirty(1);
    assert!(bench.shard.promote(KEY, Permit::Lease(promotion), entry, 0, &mut bench.deferred).is_err());
    assert_eq!(bench.value(), Some(2));
}

#[test]
fn extras_leave_with_the_content_of_their_slot() {
    let mut bench = Bench::new();
    let extras = EntryExtras::new(NOW, Some(Duration::from_micros(7)), LATER);
    let store = |bench: &mut Bench, extras| {
        let entry = IncomingEntry { extras, ..bench.dirty(1) };
        let stored = bench.shard.store(KEY, entry, &bench.counter, &mut bench.deferred).unwrap();
        bench.shard.validate();
        stored
    };
    let found = |bench: &Bench| bench.shard.get_with_extras(KEY, NOW).1;
    let sequence = store(&mut bench, Some(extras));
    assert_eq!(found(&bench), Some(extras));
    bench.drain(NOW);
    assert!(bench.shard.mark_clean(KEY, sequence, true, &mut bench.deferred));
    assert_eq!(found(&bench), Some(extras), "the commit changes nothing");
    store(&mut bench, None);
    assert_eq!(found(&bench), None, "the extras belonged to the previous value");
    store(&mut bench, Some(extras));
    bench.insert_tombstone(KEY);
    bench.shard.validate();
    assert_eq!(bench.shard.extras_of(KEY), None);
}

#[test]
fn a_tombstone_is_taken_back_only_by_its_own_sequence() {
    let mut bench = Bench::new();
    let (_, first) = bench.insert_tombstone(KEY);
    let (prior, second) = bench.insert_tombstone(KEY);
    assert_eq!(prior, PreviousState::Dead);
    bench.shard.cancel_tombstone(KEY, first, &mut bench.deferred);
    assert_eq!(bench.drain(NOW).len(), 1, "the second removal still waits");
    bench.shard.cancel_tombstone(KEY, second, &mut bench.deferred);
    assert!(matches!(bench.shard.get(KEY, NOW), Lookup::Unknown(_)));
}

/// Returns the bytes that one element takes in a hash table with 15 places for every seven elements.
const fn table_place(element: usize) -> usize {
    (element + 1) * 15 / 7
}

#[test]
fn the_stated_overhead_covers_the_bookkeeping() {
    // The sum covers the slot, the nodes of the policy and of the expiry index, and ten bytes of sketch and
    // ghosts. It also covers the place in the index, and two reference counts of the value. Key bytes that
    // are inside the slot are counted twice.
    let kept = size_of::<Slot>() + Policy::NODE_LEN + ExpiryIndex::NODE_LEN + 10;
    let bytes = kept + SlotIndex::MAX_BYTES + 2 * size_of::<usize>();
    // The allocator's overhead for the block of the value, and for a small block that the value owns.
    let blocks = block(16 + 24) - (16 + 24) + block(10) - 10;
    assert!((bytes + blocks) as u64 <= crate::memory::weight::ENTRY_OVERHEAD, "{bytes} {blocks}");
}

#[test]
fn the_stated_overhead_of_extras_covers_them() {
    let bytes = table_place(size_of::<(SlotId, EntryExtras)>());
    assert!(bytes as u64 <= crate::memory::extras::EXTRAS_OVERHEAD, "{bytes}");
}

#[test]
fn the_stated_overhead_of_what_is_unsaved_covers_it() {
    let counters = 2 * size_of::<usize>();
    let shared = block(counters + size_of::<Unsaved>());
    let pending = table_place(size_of::<(SlotId, DirtyValue)>());
    // The list of mutations grows by an eighth, and the dirty list doubles.
    let drained = size_of::<Mutation>() * 9 / 8 + 2 * size_of::<SlotId>() + SORTED_LEN;
    let bytes = (shared + pending + drained) as u64;
    assert!(bytes <= crate::memory::weight::UNSAVED_OVERHEAD, "{shared} {pending} {drained}");
    // A boxed key is outside its mutation.
    for len in [5, 22, 23, 24, 25, 4_100] {
        let key = vec![7; len];
        let mut bench = Bench::new();
        bench.store(SlotKey { hash: 7, bytes: &key }, 1);
        let drained = bench.drain(NOW);
        let at = std::ptr::from_ref(&drained[0]).addr();
        let is_inside = (at..at + size_of::<Mutation>()).contains(&drained[0].key.as_ptr().addr());
        let taken = if is_inside { 0 } else { block(len) };
        assert_eq!(taken as u64, crate::memory::weight::key_copy_bytes(len), "a key of {len} bytes");
    }
}

#[test]
fn a_value_that_is_to_be_on_disk_is_stored_unsaved_only_while_there_is_no_disk() {
    let mut bench = Bench::new();
    let unsaved = |bench: &Bench| IncomingEntry { unsaved: None, ..bench.dirty(1) };
    let store = |bench: &mut Bench| {
        let entry = unsaved(bench);
        bench.shard.store(KEY, entry, &bench.counter, &mut bench.deferred)
    };
    assert_eq!(store(&mut bench), Err(Refused::Unsaved), "once evicted, an older one on disk would show");
    assert!(bench.shard.find(KEY).is_none());
    assert_eq!(bench.shard.start_saving(), 0, "a refused write counts for nothing");
    bench.shard.stop_saving();
    let stored = store(&mut bench).unwrap();
    let last = bench.shard.store(KEY, bench.dirty(1), &bench.counter, &mut bench.deferred).unwrap();
    assert!(last > stored);
    assert_eq!(bench.shard.start_saving(), stored, "the last write will be committed");
    bench.shard.stop_saving();
    let lease = bench.shard.leases.take_over(KEY);
    let entry = unsaved(&bench);
    assert!(bench.shard.fill(KEY, lease, entry, &bench.counter, &mut bench.deferred).is_ok());
    assert_eq!(bench.shard.start_saving(), 0, "no caller waits for the commit of a loaded value");
    assert_eq!(store(&mut bench), Err(Refused::Unsaved));
    let refused = bench.shard.forget_replaced(KEY, NOW, &bench.counter, &mut bench.deferred);
    assert_eq!(refused, Refused::Unsaved, "what stands there is not to be forgotten without a tombstone");
    assert!(bench.shard.find(KEY).is_some());
    bench.shard.stop_saving();
    let refused = bench.shard.forget_replaced(KEY, NOW, &bench.counter, &mut bench.deferred);
    assert_eq!(refused, Refused::NoRoom);
    assert!(bench.shard.start_saving() > last, "a write that finds no room is in no tier");
}

#[test]
fn what_a_failed_commit_drained_is_drained_again() {
    let mut bench = Bench::new();
    bench.store(KEY, 1);
    let drained = bench.drain(NOW);
    assert_eq!((drained.len(), bench.drain(NOW).len()), (1, 0));
    bench.shard.requeue();
    bench.shard.requeue();
    let again = bench.drain(NOW);
    assert_eq!((again.len(), again[0].sequence), (1, drained[0].sequence));
}
