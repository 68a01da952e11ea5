//! Tests of extensions of expiries, and of a sweep in the same transaction.

use super::*;
use crate::disk::store::entry_change::ExpiryExtension;

fn extension(key: &[u8], sequence: u64, seconds: u64) -> ExpiryExtension<'_> {
    ExpiryExtension { key, sequence, expires_at: Timestamp::from_millis(seconds * 1_000) }
}

fn expiry_of(store: &Store, key: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let record = store.snapshot(1).unwrap().get(key).unwrap()?;
    let (header, ..) = record::read(key, &record).unwrap();
    Some((header.expires_at, header.delete_after))
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

#[test]
fn an_extension_moves_its_own_entry_alone_and_comes_before_the_sweep() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let [used, idle, other] = ["used", "idle", "past"].map(|name| key(id, name));
    let mut in_grace = put(&other, 3, seconds(5));
    in_grace.value.as_mut().unwrap().delete_after = seconds(7);
    store.commit(&batch(&[put(&used, 1, seconds(5)), put(&idle, 2, seconds(5)), in_grace], &[])).unwrap();
    let bytes = store.catalog.live_bytes();
    let extensions = [
        extension(&used, 1, 20),
        extension(&idle, 9, 20),          // The key has another sequence.
        extension(&other, 3, 4),          // The expiry is earlier than the present one.
        extension(b"\0\0\0\x01x", 1, 20), // The key has no entry.
        extension(&other, 3, 30),
    ];
    let outcome = store
        .commit(&Batch {
            extensions: &extensions,
            max_extended_bytes: 1 << 20,
            sweep: 10,
            now: seconds(6),
            ..batch(&[], &[])
        })
        .unwrap();
    assert_eq!((outcome.extended, outcome.swept, outcome.next_expiry), (5, 1, Some(seconds(20))));
    assert_eq!(expiry_of(&store, &used), Some((seconds(20), seconds(20))));
    assert_eq!(expiry_of(&store, &idle), None, "it was due");
    assert_eq!(expiry_of(&store, &other), Some((seconds(30), seconds(32))), "its grace is as long");
    assert_eq!(store.catalog.live_bytes() * 3, bytes * 2, "a record keeps its length");
    validate(&store);
}

#[test]
fn extensions_end_when_they_have_rewritten_enough_bytes_and_one_is_always_made() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let keys: Vec<_> = (0..5).map(|number| key(id, &format!("{number}"))).collect();
    let puts: Vec<_> = keys.iter().map(|key| put_long(key, 1, seconds(5), 1_000)).collect();
    store.commit(&batch(&puts, &[])).unwrap();
    for (until, max_extended_bytes, extended) in [(10, 0, 1), (20, 1_500, 2), (30, 1 << 20, 5)] {
        let extensions: Vec<_> = keys.iter().map(|key| extension(key, 1, until)).collect();
        let batch = Batch { extensions: &extensions, max_extended_bytes, ..batch(&[], &[]) };
        assert_eq!(store.commit(&batch).unwrap().extended, extended);
        validate(&store);
    }
}

#[test]
fn a_sweep_spares_an_entry_whose_extension_is_still_to_come() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let [used, idle] = ["used", "idle"].map(|name| key(id, name));
    store.commit(&batch(&[put(&used, 1, seconds(5)), put(&idle, 2, seconds(5))], &[])).unwrap();
    let has_stamp = |key: &[u8]| *key == *used;
    let sweep = Batch { sweep: 10, now: seconds(6), has_stamp: &has_stamp, ..batch(&[], &[]) };
    assert_eq!(store.commit(&sweep).unwrap().swept, 1);
    assert!(expiry_of(&store, &used).is_some() && expiry_of(&store, &idle).is_none());
    validate(&store);
}

#[test]
fn entries_that_are_spared_hide_no_other_entry_from_a_sweep() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let [first, second, idle] = ["1", "2", "idle"].map(|name| key(id, name));
    let puts = [put(&first, 1, seconds(3)), put(&second, 2, seconds(4)), put(&idle, 3, seconds(5))];
    store.commit(&batch(&puts, &[])).unwrap();
    let has_stamp = |key: &[u8]| *key != *idle;
    let sweep = Batch { sweep: 1, now: seconds(6), has_stamp: &has_stamp, ..batch(&[], &[]) };
    assert_eq!(store.commit(&sweep).unwrap().swept, 1);
    assert!(expiry_of(&store, &first).is_some() && expiry_of(&store, &idle).is_none());
    validate(&store);
}

#[test]
fn a_damaged_record_is_not_extended() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let used = key(id, "used");
    store.commit(&batch(&[put(&used, 1, seconds(5))], &[])).unwrap();
    let mut damaged = store.snapshot(1).unwrap().get(&used).unwrap().unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    let txn = store.db.begin_write().unwrap();
    txn.open_table(ENTRIES).unwrap().insert(&*used, damaged.as_slice()).unwrap();
    txn.commit().unwrap();
    let extensions = [extension(&used, 1, 20)];
    let batch = Batch { extensions: &extensions, max_extended_bytes: 1 << 20, ..batch(&[], &[]) };
    assert_eq!(store.commit(&batch).unwrap().extended, 1);
    assert_eq!(store.snapshot(1).unwrap().get(&used).unwrap(), Some(damaged), "it stays damaged");
}
