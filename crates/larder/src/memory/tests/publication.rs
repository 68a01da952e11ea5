//! Tests of the checks before a change is published. If any check fails, the change is refused.

use super::*;
use crate::format::key::scope::Scope;
use crate::memory::group_publication::{GroupChange, GroupConditions, GroupRead};
use crate::memory::key_leases::NO_LEASE;
use crate::memory::lookup::ReadEntry;
use crate::memory::publication::{BehindBarrier, Publication};

const START: Timestamp = Timestamp::from_millis(1_000);
const EXPIRY: Timestamp = Timestamp::from_millis(9_000);

/// A memory tier with a change that has read its key, but is not published yet.
struct Changing {
    memory: Memory,
    bytes: [u8; 5],
    lease: LeaseId,
    read: Option<ReadEntry>,
}

impl Changing {
    /// Stores `entry`, if given, and begins a change of its key.
    fn new(entry: Option<fn(&Memory) -> IncomingEntry>) -> Self {
        let (memory, bytes) = (Memory::new(1, 1_000, 1 << 20, 0), key_of(1));
        let key = memory.key(&bytes);
        if let Some(entry) = entry {
            let entry = IncomingEntry { expires_at: EXPIRY, ..entry(&memory) };
            memory.store(key, entry, START).unwrap();
        }
        let (lease, _, read) = memory.lease_over(key, START);
        assert_eq!(read.is_some(), entry.is_some());
        Self { memory, bytes, lease, read }
    }

    /// Stores an entry, and begins a change that takes no lease.
    fn without_lease() -> Self {
        let changing = Self::new(Some(any_dirty));
        changing.memory.release(changing.key(), changing.lease);
        let read = changing.memory.read_to_change(changing.key(), || START, true);
        let (_, read) = read.unwrap().expect("the entry is live");
        Self { lease: NO_LEASE, read: Some(read), ..changing }
    }

    fn key(&self) -> SlotKey<'_> {
        self.memory.key(&self.bytes)
    }

    fn publish(&self, now: Timestamp, is_on_disk: bool) -> Result<u64, Refused> {
        let (lease, read) = (self.lease, self.read);
        let publication = Publication { lease, read, now: &|| now, is_on_disk: &|| is_on_disk };
        let entry = dirty(&self.memory, 10);
        let published =
            self.memory.publish_entry(self.key(), publication, entry, &mut EvictedValues::default());
        self.memory.validate();
        published
    }
}

fn any_clean(_: &Memory) -> IncomingEntry {
    clean(10)
}

fn any_dirty(memory: &Memory) -> IncomingEntry {
    dirty(memory, 10)
}

#[test]
fn a_change_is_published_once_and_only_while_nothing_else_has_changed_the_key() {
    let changing = Changing::new(Some(any_clean));
    assert!(changing.publish(START, false).is_ok());
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked), "the first publication was a change");
    let changing = Changing::new(Some(any_dirty));
    changing.memory.store(changing.key(), clean(10), START).unwrap();
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked));
}

#[test]
fn a_change_of_an_entry_that_expired_meanwhile_is_not_published() {
    for entry in [any_clean, any_dirty] {
        let changing = Changing::new(Some(entry));
        assert_eq!(changing.publish(EXPIRY, true), Err(Refused::Revoked));
        assert!(!matches!(changing.memory.get(changing.key(), EXPIRY), Lookup::Value(..)));
        assert!(changing.publish(Timestamp::from_millis(8_999), false).is_ok());
    }
}

#[test]
fn a_change_of_an_entry_that_was_evicted_meanwhile_must_be_confirmed_on_disk() {
    let changing = Changing::new(Some(any_clean));
    assert!(changing.memory.lock(changing.key(), &mut EvictedValues::default()).evict());
    assert_eq!(changing.publish(START, false), Err(Refused::Unconfirmed));
    assert!(changing.publish(START, true).is_ok());
}

#[test]
fn a_change_of_nothing_is_refused_if_an_entry_has_appeared() {
    let changing = Changing::new(None);
    let Lookup::Unknown(miss) = changing.memory.get(changing.key(), START) else { panic!("a miss") };
    let permit = Permit::EpochToken(miss.epoch_token);
    changing.memory.promote(changing.key(), permit, clean(10), 7).unwrap();
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked));
    assert!(Changing::new(None).publish(START, false).is_ok());
}

#[test]
fn a_change_of_nothing_replaces_an_absence() {
    for entry in [any_clean, any_dirty] {
        let (memory, bytes) = (Memory::new(1, 1_000, 1 << 20, 0), key_of(1));
        let key = memory.key(&bytes);
        memory
            .store(key, IncomingEntry { value: None, expires_at: EXPIRY, ..entry(&memory) }, START)
            .unwrap();
        let (lease, found, _) = memory.lease_over(key, START);
        assert!(matches!(found, Lookup::Absent(EXPIRY)), "{found:?}");
        let changing = Changing { memory, bytes, lease, read: None };
        assert!(changing.publish(START, false).is_ok());
        assert!(matches!(changing.memory.get(changing.key(), START), Lookup::Value(..)));
    }
}

#[test]
fn a_change_in_full_memory_takes_the_room_of_the_entry_that_it_replaces() {
    let changing = full();
    let (lease, read) = (changing.lease, changing.read);
    let publication = Publication { lease, read, now: &|| START, is_on_disk: &|| false };
    let mut evicted_values = EvictedValues::default();
    let published =
        changing.memory.publish_entry(changing.key(), publication, clean(10), &mut evicted_values);
    assert!(published.is_ok() && evicted_values.len() == 1, "only the replaced value leaves");
    changing.memory.validate();
}

/// Fills memory with entries of weight 10, of which the entry that was read is one.
fn full() -> Changing {
    let changing = Changing::new(Some(any_clean));
    for key in 101..200 {
        changing.memory.store(changing.memory.key(&key_of(key)), clean(10), START).unwrap();
    }
    assert_eq!(changing.memory.budget.used(), 1_000);
    changing
}

/// Only the difference is evicted, and not the entry that was read. Otherwise the change would be lost.
#[test]
fn a_change_that_grows_its_entry_in_full_memory_evicts_others_for_the_difference() {
    for (weight, evicted) in [(11, 1), (20, 1), (21, 2), (400, 39), (1_000, 99)] {
        let changing = full();
        let (lease, read) = (changing.lease, changing.read);
        let publication = Publication { lease, read, now: &|| START, is_on_disk: &|| false };
        let (key, mut evicted_values) = (changing.key(), EvictedValues::default());
        let published = changing.memory.publish_entry(key, publication, clean(weight), &mut evicted_values);
        assert!(published.is_ok(), "{weight}: {published:?}");
        assert_eq!(evicted_values.len(), evicted + 1, "{weight}: the replaced value and others");
        changing.memory.validate();
    }
}

#[test]
fn a_change_that_is_too_heavy_for_memory_removes_its_entry_and_no_other() {
    let changing = full();
    let (lease, read) = (changing.lease, changing.read);
    let publication = Publication { lease, read, now: &|| START, is_on_disk: &|| false };
    let (key, mut evicted_values) = (changing.key(), EvictedValues::default());
    let published = changing.memory.publish_entry(key, publication, clean(1_001), &mut evicted_values);
    assert_eq!((published, evicted_values.len()), (Err(Refused::NoRoom), 1));
    assert_eq!((changing.memory.totals().bypassed, changing.memory.budget.used()), (1, 990));
    changing.memory.validate();
}

/// A group that replaces the entry that was read. Its other reads are the keys in `beside`, which are in
/// memory.
fn publish_group(changing: &Changing, weight: u64, beside: &[u8]) -> (Result<(), Refused>, usize) {
    let memory = &changing.memory;
    let others: Vec<_> = beside.iter().map(|number| key_of(*number)).collect();
    let mut reads = Vec::new();
    for bytes in &others {
        let (lease, _, entry) = memory.lease_over(memory.key(bytes), START);
        reads.push(GroupRead { key: memory.key(bytes), lease, entry, is_confirmed: false });
    }
    let (lease, entry) = (changing.lease, changing.read);
    reads.push(GroupRead { key: changing.key(), lease, entry, is_confirmed: false });
    let mut changes = vec![(changing.key(), GroupChange::Put(clean(weight)))];
    let conditions = GroupConditions { now: &|| START, is_current: &|| false };
    let mut evicted_values = EvictedValues::default();
    let published = memory.publish_group(&reads, &mut changes, conditions, &mut evicted_values);
    memory.validate();
    (published, evicted_values.len())
}

#[test]
fn a_group_that_grows_an_entry_in_full_memory_evicts_others_for_the_difference() {
    assert_eq!(publish_group(&full(), 400, &[]), (Ok(()), 39 + 1));
    assert_eq!(publish_group(&full(), 800, &[101, 102, 103]), (Ok(()), 79 + 1));
    assert_eq!(publish_group(&full(), 970, &[101, 102, 103]), (Ok(()), 96 + 1));
}

/// The next round reads the evicted entries as missing, and then stores its value.
#[test]
fn a_group_with_no_room_beside_what_it_has_read_evicts_that_and_is_refused() {
    let changing = full();
    let (published, evicted) = publish_group(&changing, 971, &[101, 102, 103]);
    assert_eq!(published, Err(Refused::Unconfirmed));
    assert!(evicted >= 96, "{evicted}");
}

#[test]
fn a_removal_of_what_was_read_passes_the_same_checks() {
    let changing = Changing::new(Some(any_dirty));
    let (lease, read, late) = (changing.lease, changing.read, &|| EXPIRY);
    let publication = Publication { lease, read, now: late, is_on_disk: &|| false };
    let mut evicted_values = EvictedValues::default();
    let removed = changing.memory.remove_read(changing.key(), publication, &mut evicted_values);
    assert_eq!(removed, Err(Refused::Revoked));
    let publication = Publication { now: &|| START, ..publication };
    assert_eq!(changing.memory.remove_read(changing.key(), publication, &mut evicted_values), Ok(()));
    assert!(matches!(changing.memory.get(changing.key(), START), Lookup::Negative));
    changing.memory.validate();
}

#[test]
fn a_change_without_a_lease_needs_the_entry_that_it_read() {
    let changing = Changing::without_lease();
    assert!(changing.publish(START, false).is_ok());
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked), "the first publication was a change");
    let changing = Changing::without_lease();
    assert_eq!(changing.publish(EXPIRY, false), Err(Refused::Revoked), "it has expired");
    let changing = Changing::without_lease();
    let mut evicted_values = EvictedValues::default();
    {
        let mut locked = changing.memory.lock(changing.key(), &mut evicted_values);
        let deferred = &mut locked.released.deferred;
        locked.shard.insert_tombstone(changing.key(), START, &changing.memory.sequence, deferred);
    }
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked), "it was removed");
    let changing = Changing::new(Some(any_clean));
    let changing = Changing { lease: NO_LEASE, ..changing };
    assert!(changing.memory.lock(changing.key(), &mut EvictedValues::default()).evict());
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked), "it was evicted");
    let nothing = Changing { lease: NO_LEASE, ..Changing::new(None) };
    assert!(nothing.memory.read_to_change(nothing.key(), || START, true).unwrap().is_none());
}

/// A range removal has a sequence before it reaches each entry, so it would leave a later change.
#[test]
fn a_range_removal_in_progress_refuses_changes_without_a_lease() {
    let changing = Changing::without_lease();
    let (memory, key) = (&changing.memory, changing.key());
    let (scope, mut evicted_values) = (Scope::prefix(&changing.bytes[..4]), EvictedValues::default());
    memory.raise_barriers(&scope);
    assert_eq!(memory.read_to_change(key, || START, false).unwrap_err(), BehindBarrier);
    assert_eq!(changing.publish(START, false), Err(Refused::Revoked));
    let replace = |evicted_values: &mut EvictedValues| {
        memory.replace_in_place(key, || START, evicted_values, |_, _, _| Some(dirty(memory, 10)))
    };
    assert!(replace(&mut evicted_values).is_none());
    memory.lower_barriers(&scope);
    assert!(memory.read_to_change(key, || START, false).unwrap().is_some());
    assert!(matches!(replace(&mut evicted_values), Some(Ok(_))));
}
