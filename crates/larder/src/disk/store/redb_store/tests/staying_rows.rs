//! Tests of overwritten entries that never expire: their expiry rows, and the order of two writes in a
//! batch.

use std::cell::RefCell;
use std::time::Duration;

use super::*;
use crate::disk::store::batch::entries::ROW_STAYS;

/// Commits a value that never expires, written this long after `NOW`. Returns the keys whose use was noted.
fn write(store: &mut Store, key: &[u8], sequence: u64, after: Duration, len: usize) -> Vec<Vec<u8>> {
    let written_at = NOW.after(after);
    let noted = RefCell::new(Vec::new());
    let note_use = |key: &[u8]| noted.borrow_mut().push(key.to_vec());
    let changes = [change(key, sequence, vec![7; len], (written_at, Timestamp::NEVER))];
    store.commit(&Batch { note_use: &note_use, now: written_at, ..batch(&changes, &[]) }).unwrap();
    validate(store);
    let record = store.snapshot(0).unwrap().get(key).unwrap().unwrap();
    let (header, ..) = record::read(key, &record).unwrap();
    assert_eq!((header.written_at, header.sequence), (written_at, sequence), "the record tells its own time");
    noted.into_inner()
}

/// Returns the time in the only expiry row, as the time since `NOW`.
fn row_at(store: &Store) -> Duration {
    let txn = store.db.begin_read().unwrap();
    let table = txn.open_table(EXPIRY).unwrap();
    let rows: Vec<_> = table.iter().unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    expiry::split(rows[0].0.value()).unwrap().0.since(NOW)
}

#[test]
fn an_overwritten_entry_that_never_expires_keeps_its_row_for_a_while() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 1).registered[0];
    let key = key(id, "k");
    let second = Duration::from_secs(1);
    assert!(write(&mut store, &key, 1, Duration::ZERO, 100).is_empty(), "the entry is new");
    for (sequence, after) in [(2, second), (3, 2 * second), (4, ROW_STAYS / 4)] {
        assert_eq!(write(&mut store, &key, sequence, after, 100), [key.to_vec()]);
        assert_eq!(row_at(&store), Duration::ZERO, "the row stays");
    }
    assert!(write(&mut store, &key, 5, ROW_STAYS, 100).is_empty());
    assert_eq!(row_at(&store), ROW_STAYS, "the row moves, so that entries are evicted nearly in order");
    write(&mut store, &key, 6, ROW_STAYS + second, 100);
    assert_eq!(row_at(&store), ROW_STAYS, "the row stays again");
    // An import may write an entry with an earlier time. The time in the row must not be later than that.
    write(&mut store, &key, 7, ROW_STAYS / 2, 100);
    assert_eq!(row_at(&store), ROW_STAYS / 2);
    // The row of a large value does not stay.
    write(&mut store, &key, 8, ROW_STAYS, 5_000);
    assert_eq!(row_at(&store), ROW_STAYS);
    store.commit(&batch(&[EntryChange::deletion(key.to_vec(), 9)], &[])).unwrap();
    assert!(store.db.begin_read().unwrap().open_table(EXPIRY).unwrap().is_empty().unwrap());
    validate(&store);
}

#[test]
fn an_entry_whose_row_has_stayed_is_evicted_with_its_row_and_its_charge() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 1).registered[0];
    let second = Duration::from_secs(1);
    for name in ["a", "b"] {
        write_any(&mut store, &key(id, name), 1, NOW);
        write_any(&mut store, &key(id, name), 2, NOW.after(second));
    }
    let expiring = put_at(&key(id, "a"), 3, NOW.after(second), NOW.after(60 * second));
    store.commit(&batch(&[expiring], &[])).unwrap();
    validate(&store);
    write_any(&mut store, &key(id, "a"), 4, NOW.after(2 * second));
    let limits = StoreLimits { live_limit: 0, max_evictions: usize::MAX };
    let mut store = Store::new(store.db.into_inner().unwrap(), limits, Identities::default()).unwrap();
    let evicted = store.commit(&batch(&[], &[])).unwrap().evicted;
    assert_eq!((evicted, store.catalog.live_bytes()), (2, 0));
    validate(&store);
}

/// A batch is written in the order of its keys. The changes of one key keep their order.
#[test]
fn of_two_values_of_a_key_in_one_batch_the_newer_one_stays() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 1).registered[0];
    let keys = ["b", "a", "c"].map(|name| key(id, name));
    let older = keys.iter().map(|key| put_at(key, 1, NOW, Timestamp::NEVER));
    let newer = keys.iter().map(|key| put_at(key, 2, NOW, Timestamp::NEVER));
    let changes: Vec<_> = older.chain(newer).collect();
    store.commit(&batch(&changes, &[])).unwrap();
    validate(&store);
    for key in &keys {
        let record = store.snapshot(0).unwrap().get(key).unwrap().unwrap();
        assert_eq!(record::read(key, &record).unwrap().0.sequence, 2);
    }
}

fn write_any(store: &mut Store, key: &[u8], sequence: u64, written_at: Timestamp) {
    let changes = [put_at(key, sequence, written_at, Timestamp::NEVER)];
    store.commit(&batch(&changes, &[])).unwrap();
    validate(store);
}
