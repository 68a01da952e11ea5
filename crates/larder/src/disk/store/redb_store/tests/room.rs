//! Tests of making room in a file: eviction, limits, charges, and the expiry rows that evictions and sweeps
//! follow.

use super::*;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::charging::Charging;
use crate::disk::store::identity::Identities;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::redb_store::commit::{Batch, EVICT_AHEAD};
use crate::disk::store::snapshot::StoreSnapshot;
use crate::disk::store::tables::{FEATURES_ROW, META};

#[test]
fn what_a_commit_writes_is_not_its_own_victim() {
    let live_limit = 64 << 10;
    let mut store = store(live_limit);
    let id = registered(&mut store, 0).registered[0];
    for number in 0..200 {
        store.commit(&batch(&[put(&key(id, &format!("{number}")), number, LATER)], &[])).unwrap();
    }
    assert!(store.catalog.live_bytes() > live_limit / 2);
    // The entry expires before all other entries, and its charge is about half of the limit.
    let (soon, name) = (Timestamp::from_millis(1_001), key(id, "large"));
    let len = (32 << 10) - 200;
    assert!(
        Charging::ByLength.charge(name.len(), record::record_len(&record::Extension::default(), len))
            <= live_limit - live_limit / EVICT_AHEAD
    );
    let outcome = store.commit(&batch(&[put_long(&name, 500, soon, len)], &[])).unwrap();
    assert!(outcome.evicted > 0 && store.catalog.live_bytes() <= live_limit);
    assert!(store.snapshot(1).unwrap().get(&name).unwrap().is_some());
    validate(&store);
    // The next commits evict the large entry.
    for number in 200..400 {
        store.commit(&batch(&[put(&key(id, &format!("{number}")), number, LATER)], &[])).unwrap();
    }
    assert!(store.snapshot(2).unwrap().get(&name).unwrap().is_none());
    validate(&store);
}

#[test]
fn a_transaction_evicts_so_many_and_writes_nothing_until_there_is_room() {
    let limits = StoreLimits { live_limit: 10_000, max_evictions: 5 };
    let mut store = store_with(limits);
    let id = registered(&mut store, 0).registered[0];
    for number in 100..200 {
        while store
            .commit(&batch(&[put(&key(id, &format!("{number}")), number, LATER)], &[]))
            .unwrap()
            .needs_room
        {}
    }
    let has = |store: &Store, name: &str| store.snapshot(1).unwrap().get(&key(id, name)).unwrap().is_some();
    assert!(has(&store, "198") && has(&store, "199"));
    // The large value is charged as much as about twenty other entries. The same batch contains a removal
    // and a replaced value.
    let large = put_long(&key(id, "large"), 300, LATER, 3_900);
    let removal = EntryChange { value: None, ..put(&key(id, "198"), 301, LATER) };
    let replaced = EntryChange { hides_removal: true, ..put(&key(id, "199"), 302, LATER) };
    let mutations = [removal, replaced, large];
    let mut transactions = 0;
    loop {
        let (entries, outcome) = (store.catalog.entries(), store.commit(&batch(&mutations, &[])).unwrap());
        validate(&store);
        assert!(outcome.evicted <= 5 && store.catalog.live_bytes() <= limits.live_limit);
        transactions += 1;
        assert!(!has(&store, "198"), "a removal is not held");
        assert_eq!(has(&store, "large"), !outcome.needs_room);
        assert_eq!(has(&store, "199"), !outcome.needs_room, "what it replaces is removed at once");
        if !outcome.needs_room {
            break;
        }
        assert!(store.catalog.entries() < entries);
    }
    assert!(transactions > 2);
}

#[test]
fn a_file_above_its_limit_is_brought_down_in_transactions_of_a_bounded_size() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let mutations: Vec<_> =
        (0..50).map(|number| put(&key(id, &format!("{number:02}")), number, LATER)).collect();
    store.commit(&batch(&mutations, &[])).unwrap();
    let limits = StoreLimits { live_limit: store.catalog.live_bytes() / 2, max_evictions: 4 };
    let mut store = Store::new(store.db.into_inner().unwrap(), limits, Identities::default()).unwrap();
    let outcome = store.commit(&batch(&[], &[])).unwrap();
    assert_eq!((outcome.evicted, outcome.needs_room), (4, true));
    store.shrink(NOW).unwrap();
    assert!(store.catalog.live_bytes() <= limits.live_limit && store.catalog.entries() > 20);
    validate(&store);
}

#[test]
fn a_file_that_was_charged_by_another_rule_is_counted_anew_and_names_the_rule_with_its_next_commit() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let retired = KeyspaceId::on_disk(id.number());
    for number in 0..50 {
        let len = [10, 1_000, 3_000, 20_000][usize::try_from(number).unwrap() % 4];
        store.commit(&batch(&[put_long(&key(id, &format!("{number}")), number, LATER, len)], &[])).unwrap();
    }
    let by_length = store.catalog.live_bytes();
    store.recharge(Charging::ByBlocks).unwrap();
    let by_blocks = store.catalog.live_bytes();
    assert_ne!(by_length, by_blocks);
    assert_eq!(read_catalog(&*store.db).unwrap().live_bytes(), by_length, "nothing is written yet");
    // Old and new entries are charged by the new rule, and every row is written.
    store
        .commit(&batch(
            &[
                EntryChange { value: None, ..put(&key(id, "3"), 100, LATER) },
                put_long(&key(id, "z"), 101, LATER, 20_000),
            ],
            &[],
        ))
        .unwrap();
    validate(&store);
    assert_eq!(store.catalog.live_bytes(), by_blocks);
    let written = read_catalog(&*store.db).unwrap();
    assert_eq!(written, store.catalog);
    assert_eq!(written.charging, Charging::ByBlocks);
    assert!(store.catalog.retired.get(&retired).is_none());
    store.recharge(Charging::ByLength).unwrap();
    assert_eq!(store.catalog.live_bytes(), by_length);
}

#[test]
fn eviction_takes_what_was_written_first_and_memory_does_not_hold() {
    let mut store = store(2_000);
    let id = registered(&mut store, 0).registered[0];
    let name = |number: u64| format!("{number:02}");
    let resident = key(id, "01");
    for number in 1..20 {
        let mutation = put(&key(id, &name(number)), number, Timestamp::from_millis(10_000 + number));
        let is_resident = |key: &[u8]| *key == *resident;
        store.commit(&Batch { is_resident: &is_resident, ..batch(&[mutation], &[]) }).unwrap();
        assert!(store.catalog.live_bytes() <= 2_000);
        validate(&store);
    }
    let snapshot = store.snapshot(1).unwrap();
    let kept: Vec<u64> =
        (1..20).filter(|number| snapshot.get(&key(id, &name(*number))).unwrap().is_some()).collect();
    assert_eq!(kept.first(), Some(&1), "memory holds it");
    assert!(
        kept[1..].is_sorted() && *kept.last().unwrap() == 19 && kept[1] == 19 - kept.len() as u64 + 2,
        "{kept:?}"
    );
}

#[test]
fn rows_without_a_class_of_entries_that_never_expire_go_with_them() {
    let limits = StoreLimits { live_limit: 100_000, max_evictions: usize::MAX };
    let mut store = store_with(limits);
    let id = registered(&mut store, 0).registered[0];
    let never = Timestamp::from_millis(u64::MAX);
    let name = |number: u64| key(id, &format!("{number:02}"));
    let mutations: Vec<_> = (0..4).map(|number| put(&name(number), 1, never)).collect();
    store.commit(&batch(&mutations, &[])).unwrap();
    let mut store = without_classes(store, limits);
    validate(&store);
    let removal = EntryChange { value: None, ..put(&name(0), 2, LATER) };
    store.commit(&batch(&[removal, put(&name(1), 2, never), put(&name(2), 2, LATER)], &[])).unwrap();
    validate(&store);
    let end = Timestamp::from_millis(u64::MAX - 1);
    let swept = store.commit(&Batch { sweep: 100, now: end, ..batch(&[], &[]) }).unwrap();
    assert_eq!((swept.swept, store.catalog.entries()), (1, 2), "at the end of time alone these go");
    validate(&store);
    store.commit(&Batch { sweep: 100, now: never, ..batch(&[], &[]) }).unwrap();
    assert_eq!(store.catalog.entries(), 0);
    validate(&store);
}

/// Rewrites the expiry rows as the version without classes wrote them.
fn without_classes(store: Store, limits: StoreLimits) -> Store {
    let txn = store.db.begin_write().unwrap();
    {
        let mut table = txn.open_table(EXPIRY).unwrap();
        for (key, record) in txn.open_table(ENTRIES).unwrap().iter().unwrap().map(Result::unwrap) {
            let (key, header) = (key.value(), record::peek(record.value()).unwrap());
            table.remove(expiry::row(&header, key).as_slice()).unwrap();
            let row = [&header.delete_after.as_millis().to_be_bytes()[..], key].concat();
            table.insert(row.as_slice(), ()).unwrap();
        }
        txn.open_table(META).unwrap().insert(FEATURES_ROW, 0_u64.to_be_bytes().as_slice()).unwrap();
    }
    txn.commit().unwrap();
    Store::new(store.db.into_inner().unwrap(), limits, Identities::default()).unwrap()
}

#[test]
fn rows_without_a_class_are_served_until_they_are_gone() {
    let unclassed = |store: &Store| {
        let txn = store.db.begin_read().unwrap();
        let table = txn.open_table(EXPIRY).unwrap();
        let rows = table.iter().unwrap().map(|row| row.unwrap().0.value().to_vec());
        rows.filter(|row| row.first() == Some(&expiry::UNCLASSED)).count()
    };
    let limits = StoreLimits { live_limit: 10_000, max_evictions: usize::MAX };
    let mut store = store_with(limits);
    let id = registered(&mut store, 0).registered[0];
    let name = |number: u64| key(id, &format!("{number:02}"));
    let until = |number: u64| Timestamp::from_millis(10_000 + number);
    let mutations: Vec<_> = (0..40).map(|number| put(&name(number), 1, until(number))).collect();
    store.commit(&batch(&mutations, &[])).unwrap();
    let mut store = without_classes(store, limits);
    assert_eq!((unclassed(&store), store.catalog.features, store.next_expiry), (40, 0, Some(until(0))));
    validate(&store);
    // Entries are overwritten with the same or another expiry, removed, removed by a range, and swept.
    let removal = EntryChange { value: None, ..put(&name(7), 2, LATER) };
    let changes = [put(&name(5), 2, until(5)), put(&name(6), 2, LATER), removal];
    store.commit(&batch(&changes, &[])).unwrap();
    assert_eq!((unclassed(&store), store.catalog.entries()), (37, 39));
    assert_ne!(store.catalog.features, 0, "the first commit says that there are classes");
    validate(&store);
    let range = RangeTombstone { scope: Scope::prefix(key(id, "1")), sequence: 9 };
    store
        .commit(&batch(&[], &[RangeRemoval { range, memory_keys: vec![], unlisted: 0, on_disk: 0 }]))
        .unwrap();
    assert_eq!((unclassed(&store), store.catalog.entries()), (27, 29));
    validate(&store);
    let swept = store.commit(&Batch { sweep: 100, now: until(2), ..batch(&[], &[]) }).unwrap();
    assert_eq!((swept.swept, unclassed(&store), swept.next_expiry), (3, 24, Some(until(3))));
    validate(&store);
    // Entries whose rows have no class are evicted first.
    let mut store = Store::new(store.db.into_inner().unwrap(), limits, Identities::default()).unwrap();
    for number in 100..130 {
        store.commit(&batch(&[put(&name(number), number, until(3))], &[])).unwrap();
        validate(&store);
    }
    assert!(unclassed(&store) < 24 && store.catalog.live_bytes() <= limits.live_limit);
    let snapshot = store.snapshot(1).unwrap();
    assert!((100..130).chain([5, 6]).all(|number| snapshot.get(&name(number)).unwrap().is_some()));
}

#[test]
fn the_sweep_and_the_next_expiry_go_by_every_class() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let at = |seconds: u64| Timestamp::from_millis(1_000 + 1_000 * seconds);
    let lifetimes = [1, 9, 100, 1_000, 9_999, 10_000, 1 << 40];
    let mutations: Vec<_> =
        lifetimes.iter().map(|seconds| put(&key(id, &seconds.to_string()), 1, at(*seconds))).collect();
    assert_eq!(store.commit(&batch(&mutations, &[])).unwrap().next_expiry, Some(at(1)));
    validate(&store);
    let mut last = None;
    for (index, seconds) in lifetimes.iter().enumerate() {
        let before = Timestamp::from_millis(at(*seconds).as_millis() - 1);
        let early = store.commit(&Batch { sweep: 10, now: before, ..batch(&[], &[]) }).unwrap();
        assert_eq!((early.swept, early.next_expiry), (0, Some(at(*seconds))));
        let due = store.commit(&Batch { sweep: 10, now: at(*seconds), ..batch(&[], &[]) }).unwrap();
        assert_eq!(due.swept, 1, "{seconds}");
        assert_eq!(due.next_expiry, lifetimes.get(index + 1).map(|seconds| at(*seconds)));
        last = due.next_expiry;
        validate(&store);
    }
    assert_eq!(last, None);
}

#[test]
fn what_was_used_is_passed_over_once() {
    let used = std::cell::RefCell::new(std::collections::HashSet::new());
    let take_use = |key: &[u8]| used.borrow_mut().remove(key);
    let mut store = store(10_000);
    let id = registered(&mut store, 0).registered[0];
    let mut write = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            let now = Timestamp::from_millis(1_000 + number);
            // The lifetimes are unrelated to the order of writing.
            let lifetime = [86_400, 300, 7_200][usize::try_from(number * 977 % 3).unwrap()];
            let until = now.after(std::time::Duration::from_secs(lifetime));
            let one = [put_at(&key(id, &format!("{number:03}")), number, now, until)];
            store.commit(&Batch { take_use: &take_use, now, ..batch(&one, &[]) }).unwrap();
            validate(&store);
        }
        store.snapshot(1).unwrap()
    };
    let snapshot = write(0..50);
    let has = |snapshot: &StoreSnapshot, number: u64| {
        snapshot.get(&key(id, &format!("{number:03}"))).unwrap().is_some()
    };
    let first = (0..50).find(|number| has(&snapshot, *number)).unwrap();
    assert!((first..50).all(|number| has(&snapshot, number)), "the first that was written went first");
    used.borrow_mut().insert(key(id, &format!("{first:03}")).to_vec());
    let snapshot = write(50..60);
    assert!(has(&snapshot, first) && !has(&snapshot, first + 1));
    let snapshot = write(60..160);
    assert!(!has(&snapshot, first), "in the next turn it goes");
}

#[test]
fn nothing_is_a_victim_while_an_older_entry_has_not_been_looked_at() {
    let used = std::cell::RefCell::new(std::collections::HashSet::new());
    let take_use = |key: &[u8]| used.borrow_mut().remove(key);
    let mut store = store(10_000);
    let id = registered(&mut store, 0).registered[0];
    let name = |number: u64| key(id, &format!("{number:03}"));
    let mut write = |number: u64| {
        let now = Timestamp::from_millis(1_000 + number);
        let one = [put_at(&name(number), number, now, now.after(std::time::Duration::from_hours(1)))];
        store.commit(&Batch { take_use: &take_use, now, ..batch(&one, &[]) }).unwrap();
        let snapshot = store.snapshot(1).unwrap();
        (0..=number).filter(|number| snapshot.get(&name(*number)).unwrap().is_some()).collect::<Vec<_>>()
    };
    // The last of these entries is written after the hand has begun its turn.
    let before = (0..60).map(&mut write).last().unwrap();
    used.borrow_mut()
        .extend(before.iter().filter(|number| **number < 59).map(|number| name(*number).to_vec()));
    let after = (60..63).map(write).last().unwrap();
    assert!(after.ends_with(&[59, 60, 61, 62]), "{after:?}");
    assert!(after.first() > before.first(), "the first has gone in their place");
}
