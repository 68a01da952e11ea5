//! Tests of the use of entries with a time to idle: steps (1) and (4) of [`crate::memory::use_stamps`].

use std::time::Duration;

use super::*;
use crate::memory::extras::EntryExtras;
use crate::memory::idle::{NeedsRecord, UsedRecord};
use crate::memory::use_stamps::Stamped;

const LIFE: Duration = Duration::from_secs(9);
const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn on_disk(number: u8) -> [u8; 5] {
    [0, 0, 0, 1, number]
}

/// Returns an entry that expires at 9 s, and that uses can extend up to 20 s.
fn idling(entry: IncomingEntry) -> IncomingEntry {
    let extras = Some(EntryExtras::new(at(0), None, at(20)));
    IncomingEntry { expires_at: at(9), extras, ..entry }
}

fn expiry(memory: &Memory, key: SlotKey<'_>) -> Option<Timestamp> {
    match memory.peek(key, at(0)) {
        Lookup::Value(_, expires_at) => Some(expires_at),
        _ => None,
    }
}

#[test]
fn a_use_extends_a_live_entry_up_to_its_limit_in_every_state() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    let bytes = on_disk(1);
    let key = memory.key(&bytes);
    let sequence = memory.store(key, idling(dirty(&memory, 10)), at(0)).unwrap();
    let used = |seconds| memory.extend_life(key, LIFE, || at(seconds), None).unwrap();
    assert_eq!((used(3), expiry(&memory, key)), (Some(Stamped::Added), Some(at(12))));
    let mut mutations = memory.drain(at(3), &mut EvictedValues::default());
    memory.mark_clean(&mutations.remove(0), &mut EvictedValues::default());
    memory.validate();
    assert_eq!((used(8), expiry(&memory, key)), (Some(Stamped::Added), Some(at(17))));
    assert_eq!((used(8), memory.use_stamps.expiry_of(&bytes, sequence)), (None, Some(at(17))));
    assert_eq!((used(12), expiry(&memory, key)), (Some(Stamped::Added), Some(at(20))));
    assert_eq!(used(13), None, "at its limit");
    memory.validate();
    assert_eq!(memory.expire(at(19)), 0, "it is listed by its new expiry");
    assert_eq!((memory.expire(at(21)), expiry(&memory, key)), (1, None));
    memory.validate();
}

#[test]
fn a_use_brings_back_nothing() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    let (bytes, none) = (on_disk(1), on_disk(2));
    let key = memory.key(&bytes);
    memory.store(key, idling(dirty(&memory, 10)), at(0)).unwrap();
    assert_eq!(memory.extend_life(key, LIFE, || at(9), None).unwrap(), None, "it expires now");
    assert_eq!(memory.extend_life(memory.key(&none), LIFE, || at(1), None), Err(NeedsRecord));
    memory.insert_tombstone(key, at(1), &mut EvictedValues::default(), || ()).unwrap();
    assert_eq!(memory.extend_life(key, LIFE, || at(1), None).unwrap(), None, "it is removed");
    let plain = IncomingEntry { expires_at: at(9), ..dirty(&memory, 10) };
    memory.store(key, plain, at(1)).unwrap();
    assert_eq!(memory.extend_life(key, LIFE, || at(3), None).unwrap(), None, "it has no time to idle");
    assert!(memory.use_stamps.is_empty());
}

#[test]
fn a_record_that_memory_does_not_hold_is_extended_only_if_it_is_the_current_one() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    let bytes = on_disk(1);
    let key = memory.key(&bytes);
    let used = |seconds, current: bool| {
        let is_current = || current;
        let (expires_at, ends_at) = (at(9), at(20));
        let record = UsedRecord { sequence: 7, expires_at, ends_at, is_current: &is_current };
        memory.extend_life(key, LIFE, || at(seconds), Some(record))
    };
    assert!(used(3, false).is_err(), "the file may have another entry by now");
    assert!(memory.use_stamps.is_empty());
    let used = |seconds| used(seconds, true).unwrap();
    assert_eq!(used(9), None, "it expires now");
    assert_eq!(used(3), Some(Stamped::Added));
    assert_eq!(memory.use_stamps.expiry_of(&bytes, 7), Some(at(12)));
    assert_eq!(used(10), Some(Stamped::Added), "its stamp has not expired");
    assert_eq!(memory.use_stamps.expiry_of(&bytes, 7), Some(at(19)));
}

#[test]
fn a_promotion_gets_the_expiry_of_its_stamp_and_none_from_an_older_snapshot() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    let bytes = on_disk(1);
    let key = memory.key(&bytes);
    let promote = |current: bool| {
        let Lookup::Unknown(miss) = memory.get(key, at(0)) else { panic!("a miss") };
        let (permit, evicted) = (Permit::EpochToken(miss.epoch_token), &mut EvictedValues::default());
        let source = PromotionSource { is_current: &|| current, is_extended: true };
        memory.promote_entry(key, permit, idling(clean(10)), 7, source, evicted)
    };
    assert_eq!(promote(false), Err(Refused::Revoked), "its stamp may have been committed and removed");
    memory.validate();
    memory.use_stamps.add(&bytes, 7, at(12));
    assert_eq!((promote(true), expiry(&memory, key)), (Ok(()), Some(at(12))));
    memory.validate();
}

#[test]
fn a_stamp_is_read_before_its_snapshot_is_found_to_be_the_current_one() {
    let memory = Memory::new(1, 1_000, 1 << 20, 0);
    let bytes = on_disk(1);
    let key = memory.key(&bytes);
    // Just after the snapshot check, the writer installs the next snapshot, and removes the stamp.
    let is_current = || {
        memory.use_stamps.settle(&memory.use_stamps.batch(9));
        true
    };
    memory.use_stamps.add(&bytes, 7, at(12));
    let record = UsedRecord { sequence: 7, expires_at: at(9), ends_at: at(12), is_current: &is_current };
    assert_eq!(memory.extend_life(key, LIFE, || at(10), Some(record)), Ok(None), "it cannot live longer");
    memory.use_stamps.add(&bytes, 7, at(12));
    let record = UsedRecord { ends_at: at(20), ..record };
    assert_eq!(
        memory.extend_life(key, LIFE, || at(10), Some(record)),
        Ok(Some(Stamped::Added)),
        "it is live"
    );
    memory.use_stamps.settle(&memory.use_stamps.batch(9));
    memory.use_stamps.add(&bytes, 7, at(12));
    let Lookup::Unknown(miss) = memory.get(key, at(0)) else { panic!("a miss") };
    let (permit, evicted) = (Permit::EpochToken(miss.epoch_token), &mut EvictedValues::default());
    let source = PromotionSource { is_current: &is_current, is_extended: true };
    memory.promote_entry(key, permit, idling(clean(10)), 7, source, evicted).unwrap();
    assert_eq!(expiry(&memory, key), Some(at(12)));
    memory.validate();
}
