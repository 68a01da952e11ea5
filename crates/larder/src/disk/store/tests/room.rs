//! How a file makes room.

use super::*;

#[test]
fn what_a_commit_writes_is_not_its_own_victim() {
    let live_limit = 64 << 10;
    let mut store = store(live_limit);
    let id = registered(&mut store, 0).registered[0];
    for number in 0..200 {
        store.commit(&batch(&[put(&key(id, &format!("{number}")), number, LATER)], &[])).unwrap();
    }
    assert!(store.known.live_bytes() > live_limit / 2);
    // It expires before all others, and takes all the room that one entry may have.
    let (soon, name) = (Timestamp::from_millis(1_001), key(id, "large"));
    let len = (32 << 10) - 200;
    assert!(
        Charging::ByLength.charge(name.len(), record::record_len(&record::Extension::default(), len))
            <= live_limit - live_limit / EVICT_AHEAD
    );
    let outcome = store.commit(&batch(&[put_long(&name, 500, soon, len)], &[])).unwrap();
    assert!(outcome.evicted > 0 && store.known.live_bytes() <= live_limit);
    assert!(store.snapshot(1).unwrap().get(&name).unwrap().is_some());
    validate(&store);
    // The next commit takes it first.
    for number in 200..400 {
        store.commit(&batch(&[put(&key(id, &format!("{number}")), number, LATER)], &[])).unwrap();
    }
    assert!(store.snapshot(2).unwrap().get(&name).unwrap().is_none());
    validate(&store);
}

#[test]
fn a_transaction_evicts_so_many_and_writes_nothing_until_there_is_room() {
    let room = Room { live_limit: 10_000, most_evictions: 5 };
    let mut store = store_with(room);
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
    // As much as some twenty of the others; with a removal, and one that a value has replaced.
    let large = put_long(&key(id, "large"), 300, LATER, 3_900);
    let removal = Mutation { change: Change::Delete, ..put(&key(id, "198"), 301, LATER) };
    let replaced = Mutation { hides_removal: true, ..put(&key(id, "199"), 302, LATER) };
    let mutations = [removal, replaced, large];
    let mut transactions = 0;
    loop {
        let (entries, outcome) = (store.known.entries(), store.commit(&batch(&mutations, &[])).unwrap());
        validate(&store);
        assert!(outcome.evicted <= 5 && store.known.live_bytes() <= room.live_limit);
        transactions += 1;
        assert!(!has(&store, "198"), "a removal is not held");
        assert_eq!(has(&store, "large"), !outcome.needs_room);
        assert_eq!(has(&store, "199"), !outcome.needs_room, "what it replaces is removed at once");
        if !outcome.needs_room {
            break;
        }
        assert!(store.known.entries() < entries);
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
    let room = Room { live_limit: store.known.live_bytes() / 2, most_evictions: 4 };
    let mut store = Store::new(store.db.into_inner().unwrap(), room, Identities::default()).unwrap();
    let outcome = store.commit(&batch(&[], &[])).unwrap();
    assert_eq!((outcome.evicted, outcome.needs_room), (4, true));
    store.shrink(NOW).unwrap();
    assert!(store.known.live_bytes() <= room.live_limit && store.known.entries() > 20);
    validate(&store);
}

#[test]
fn a_file_that_was_charged_by_another_rule_is_counted_anew_and_names_the_rule_with_its_next_commit() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let retired = KeyspaceId::on_disk(id.number());
    for number in 0..50 {
        let len = [10, 1_000, 3_000, 20_000][number as usize % 4];
        store.commit(&batch(&[put_long(&key(id, &format!("{number}")), number, LATER, len)], &[])).unwrap();
    }
    let by_length = store.known.live_bytes();
    store.charge_by(Charging::ByBlocks).unwrap();
    let by_blocks = store.known.live_bytes();
    assert_ne!(by_length, by_blocks);
    assert_eq!(Store::read_known(&*store.db).unwrap().live_bytes(), by_length, "nothing is written yet");
    // What goes and comes is charged by the new rule, and every row is written.
    store
        .commit(&batch(
            &[
                Mutation { change: Change::Delete, ..put(&key(id, "3"), 100, LATER) },
                put_long(&key(id, "z"), 101, LATER, 20_000),
            ],
            &[],
        ))
        .unwrap();
    validate(&store);
    assert_eq!(store.known.live_bytes(), by_blocks);
    let written = Store::read_known(&*store.db).unwrap();
    assert_eq!(written, store.known);
    assert_eq!(written.charging, Charging::ByBlocks);
    assert!(store.known.retired.get(&retired).is_none());
    store.charge_by(Charging::ByLength).unwrap();
    assert_eq!(store.known.live_bytes(), by_length);
}
