//! Tests of range removals: a small one deletes its entries in its commit, and a large one is a row of the
//! file until its entries are deleted in parts.

use super::*;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::charging::Charging;
use crate::disk::store::identity::Identities;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::redb_store::commit::Batch;
use crate::disk::store::tables::RANGES;

const ROWS: usize = 4;

fn removal(scope: Scope, sequence: u64) -> RangeRemoval {
    RangeRemoval { range: RangeTombstone { scope, sequence }, memory_keys: vec![], unlisted: 0, on_disk: 0 }
}

/// Returns a batch in which a range removal of more than [`ROWS`] rows becomes a pending row.
fn small<'a>(changes: &'a [EntryChange<'a>], ranges: &'a [RangeRemoval]) -> Batch<'a> {
    Batch { range_rows: ROWS, ..batch(changes, ranges) }
}

/// Returns a store with `count` entries of sequence 3, and the number of their keyspace.
fn filled(live_limit: u64, count: usize) -> (Store, KeyspaceId) {
    let mut store = store(live_limit);
    let id = registered(&mut store, 0).registered[0];
    let puts: Vec<_> = (0..count).map(|number| put(&key(id, &format!("{number:05}")), 3, LATER)).collect();
    store.commit(&batch(&puts, &[])).unwrap();
    (store, id)
}

fn has(store: &Store, id: KeyspaceId, name: &str) -> bool {
    store.snapshot(1).unwrap().get(&key(id, name)).unwrap().is_some()
}

/// Returns the sequences of the pending range removals in the file.
fn rows(store: &Store) -> Vec<u64> {
    let catalog = read_catalog(&*store.db).unwrap();
    catalog.ranges.iter().map(|range| range.sequence).collect()
}

#[test]
fn a_small_removal_is_made_at_once_and_a_large_one_is_a_row_until_its_last_part() {
    let (mut store, id) = filled(1 << 30, ROWS);
    let outcome = store.commit(&small(&[], &[removal(Scope::prefix(id.to_bytes()), 5)])).unwrap();
    assert_eq!((outcome.removed, rows(&store), store.catalog.entries()), (vec![ROWS as u64], vec![], 0));
    validate(&store);
    let (mut store, id) = filled(1 << 30, 2 * ROWS + 1);
    let counted = RangeRemoval { on_disk: 7, unlisted: 3, ..removal(Scope::prefix(id.to_bytes()), 5) };
    let late = [put(&key(id, "00002"), 6, LATER), put(&key(id, "drained late"), 4, LATER)];
    let outcome = store.commit(&small(&late, &[counted])).unwrap();
    assert_eq!((outcome.removed, rows(&store)), (vec![7], vec![5]), "as many as were counted before");
    assert!(has(&store, id, "00000") && !has(&store, id, "drained late"));
    assert!(
        store.catalog.is_removed(&key(id, "00000"), 3) && !store.catalog.is_removed(&key(id, "00002"), 6)
    );
    validate(&store);
    for left in [2 * ROWS + 1 - 3, ROWS + 1 - 3 + 1] {
        store.commit(&Batch { part: Some(&|| false), ..small(&[], &[]) }).unwrap();
        assert_eq!(store.catalog.entries(), left as u64 - u64::from(left < ROWS));
        assert_eq!(rows(&store), [5], "the row stands as long as anything may");
        validate(&store);
    }
    store.commit(&Batch { part: Some(&|| false), ..small(&[], &[]) }).unwrap();
    assert_eq!((store.catalog.entries(), rows(&store)), (1, vec![]));
    assert!(has(&store, id, "00002"), "written after it");
    validate(&store);
    let outcome = store.commit(&Batch { part: Some(&|| false), ..small(&[], &[]) }).unwrap();
    assert!(!outcome.is_committed, "there is nothing left to do");
}

#[test]
fn a_part_ends_when_its_time_is_over_and_the_next_goes_on_there() {
    let (mut store, id) = filled(1 << 30, 1_000);
    store.commit(&small(&[], &[removal(Scope::prefix(id.to_bytes()), 5)])).unwrap();
    let mut parts = 0;
    while !store.catalog.ranges.is_empty() {
        let before = store.catalog.entries();
        store.commit(&Batch { part: Some(&|| true), ..batch(&[], &[]) }).unwrap();
        assert!((1..=32).contains(&(before - store.catalog.entries())) || store.catalog.ranges.is_empty());
        parts += 1;
    }
    assert!(parts > 1_000 / 33, "{parts} parts");
    assert_eq!(store.catalog.entries(), 0);
    validate(&store);
}

#[test]
fn what_a_pending_removal_covers_is_not_counted_again() {
    let (mut store, id) = filled(1 << 30, 2 * ROWS);
    let ranges = [removal(Scope::prefix(id.to_bytes()), 5), removal(Scope::prefix(key(id, "00001")), 6)];
    let outcome = store.commit(&small(&[], &ranges)).unwrap();
    assert_eq!(outcome.removed, [0, 0], "the first was counted by its caller, and took it");
    assert!(!has(&store, id, "00001"), "it is deleted all the same");
}

#[test]
fn a_removal_that_contains_another_takes_its_place() {
    let (mut store, id) = filled(1 << 30, 2 * ROWS);
    let (part, whole) = (Scope::prefix(key(id, "0")), Scope::prefix(id.to_bytes()));
    store.commit(&small(&[], &[removal(part.clone(), 5)])).unwrap();
    store.commit(&small(&[], &[removal(Scope::prefix(key(id, "00")), 6)])).unwrap();
    assert_eq!(rows(&store), [5, 6], "a narrower one is another");
    store.commit(&small(&[], &[removal(whole.clone(), 7)])).unwrap();
    assert_eq!(rows(&store), [7]);
    assert_eq!(store.catalog.ranges, [RangeTombstone { scope: whole, sequence: 7 }]);
    validate(&store);
}

#[test]
fn dead_entries_give_up_their_room_before_live_ones() {
    let live_limit = 64 << 10;
    let mut store = store(live_limit);
    let id = registered(&mut store, 0).registered[0];
    let puts = |prefix: &str, sequence: u64, count: u64| -> Vec<_> {
        (0..count).map(|number| put(&key(id, &format!("{prefix}{number:05}")), sequence, LATER)).collect()
    };
    // In eviction order, the entries that the removal covers come after the live entries.
    store.commit(&batch(&puts("live", 3, 100), &[])).unwrap();
    store.commit(&batch(&puts("old", 4, 190), &[])).unwrap();
    store.commit(&small(&[], &[removal(Scope::prefix(key(id, "old")), 5)])).unwrap();
    assert!(store.catalog.live_bytes() > live_limit * 9 / 10);
    let outcome = store.commit(&Batch { range_rows: 32, ..batch(&puts("new", 6, 60), &[]) }).unwrap();
    assert_eq!(outcome.evicted, 0);
    assert!(store.catalog.live_bytes() <= live_limit);
    assert!((0..100).all(|number| has(&store, id, &format!("live{number:05}"))));
    assert_eq!(rows(&store), [5], "only as much as is needed");
    validate(&store);
}

#[test]
fn entries_whose_times_cannot_be_trusted_go_with_the_removals_that_cover_them() {
    let (mut store, id) = filled(1 << 30, 2 * ROWS);
    store.commit(&small(&[], &[removal(Scope::prefix(id.to_bytes()), 5)])).unwrap();
    store.wipe(LATER).unwrap();
    assert_eq!(rows(&store), [0; 0]);
    validate(&store);
}

#[test]
fn range_removals_that_stand_in_a_file_are_made_in_transactions_of_a_bounded_size() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let other = KeyspaceId::on_disk(id.number() + 1);
    let name = |number: usize| format!("{number:05}");
    let count = 2 * RANGE_ROWS + 1;
    let mut mutations: Vec<_> = (0..count).map(|number| put(&key(id, &name(number)), 3, LATER)).collect();
    mutations.push(put(&key(id, &name(count)), 5, LATER));
    mutations.push(put(&key(other, &name(0)), 3, LATER));
    store.commit(&batch(&mutations, &[])).unwrap();
    let plant = |store: Store, rows: &[(&[u8], &[u8])]| {
        let txn = store.db.begin_write().unwrap();
        for (key, scope) in rows {
            txn.open_table(RANGES).unwrap().insert(*key, *scope).unwrap();
        }
        txn.commit().unwrap();
        Store::new(store.db.into_inner().unwrap(), StoreLimits::UNBOUNDED, Identities::default())
    };
    let scope = Scope::prefix(id.to_bytes()).to_bytes();
    let narrow = Scope::prefix(key(id, "00000")).to_bytes();
    let [two, four] = [2_u64, 4].map(u64::to_be_bytes);
    let mut store = plant(store, &[(&two, &narrow), (&four, &scope)]).unwrap();
    let covers = |store: &Store, name: &str, sequence| store.catalog.is_removed(&key(id, name), sequence);
    assert!(covers(&store, "00000", 2) && covers(&store, "00001", 4));
    assert!(!covers(&store, "00001", 5) && !store.catalog.is_removed(&key(other, "00000"), 3));
    assert_eq!(store.delete_next_part(RANGE_ROWS).unwrap().deleted, 0, "it covers nothing so old");
    let part = store.delete_next_part(RANGE_ROWS).unwrap();
    assert_eq!(part.last.as_deref(), Some(&*key(id, &name(RANGE_ROWS - 1))));
    assert_eq!(store.catalog.entries(), (count + 1 - RANGE_ROWS) as u64, "so many, and no more");
    let before = store.catalog.state;
    store.delete_pending_ranges().unwrap();
    assert_eq!(store.catalog.entries(), 1);
    assert_eq!(store.catalog.state, before, "no change of the cache's own");
    let snapshot = store.snapshot(1).unwrap();
    assert!(snapshot.get(&key(id, &name(count))).unwrap().is_some(), "written after it");
    assert!(snapshot.get(&key(other, &name(0))).unwrap().is_some(), "not in its scope");
    drop(snapshot);
    let row = store.catalog.keyspaces["name"].clone();
    assert_eq!(read_catalog(&*store.db).unwrap(), store.catalog);
    assert_eq!(row.bytes, Charging::ByLength.charge(key(id, &name(count)).len(), 152));
    let illegible = plant(store, &[(&two, &[9])]).unwrap_err();
    assert_eq!(illegible.kind, StoreErrorKind::Damage);
}
