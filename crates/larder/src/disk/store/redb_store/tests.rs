mod extensions;
mod panics;
mod ranges;
mod room;
mod snapshots;
mod staying_rows;

use super::commit::{Batch, CommitOutcome};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::identity::Identities;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::registration::Registration;
use redb::backends::InMemoryBackend;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::*;
use crate::config::ranges::RANGE_ROWS;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::entry_change::{EntryChange, NewValue};
use crate::disk::store::file_format::FORMAT;
use crate::disk::store::guard::StoreErrorKind;
use crate::disk::store::tables::{ENTRIES, EXPIRY};
use crate::format::codec::format::Format;
use crate::format::key::scope::Scope;
use crate::format::record;
use crate::sys::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(50_000);

fn store(live_limit: u64) -> Store {
    store_with(StoreLimits { live_limit, max_evictions: usize::MAX })
}

fn store_with(limits: StoreLimits) -> Store {
    let db = redb::Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
    Store::initialise(&db, &Catalog::fresh(NOW, Identities::default())).unwrap();
    Store::new(db, limits, Identities::default()).unwrap()
}

fn batch<'a>(changes: &'a [EntryChange<'a>], ranges: &'a [RangeRemoval]) -> Batch<'a> {
    Batch { changes, ranges, ..Batch::without_changes(NOW, 9) }
}

fn key(id: KeyspaceId, name: &str) -> Arc<[u8]> {
    [&id.to_bytes()[..], name.as_bytes()].concat().into()
}

/// Returns the header of a record that was written at `NOW`.
fn planted(delete_after: Timestamp) -> record::Header {
    record::Header {
        format: record::FORMAT,
        kind: record::RecordKind::Value,
        compression: record::PayloadCompression::None,
        version: 0,
        sequence: 1,
        written_at: NOW,
        expires_at: delete_after,
        delete_after,
    }
}

fn put(key: &[u8], sequence: u64, expires_at: Timestamp) -> EntryChange<'static> {
    put_long(key, sequence, expires_at, 100)
}

fn put_at(key: &[u8], sequence: u64, written_at: Timestamp, expires_at: Timestamp) -> EntryChange<'static> {
    change(key, sequence, vec![7; 100], (written_at, expires_at))
}

fn put_long(key: &[u8], sequence: u64, expires_at: Timestamp, len: usize) -> EntryChange<'static> {
    change(key, sequence, vec![7; len], (NOW, expires_at))
}

fn change(
    key: &[u8],
    sequence: u64,
    payload: Vec<u8>,
    (written_at, expires_at): (Timestamp, Timestamp),
) -> EntryChange<'static> {
    let value = NewValue {
        kind: record::RecordKind::Value,
        payload: payload.into(),
        compression: record::PayloadCompression::None,
        extension: record::Extension::default(),
        version: 0,
        written_at,
        expires_at,
        delete_after: expires_at,
        fits_file: true,
    };
    EntryChange {
        key: key.to_vec().into(),
        sequence,
        value: Some(value),
        hides_removal: false,
        is_with_values: false,
    }
}

fn registered(store: &mut Store, version: u32) -> CommitOutcome {
    let wanted = wanted(version);
    store.commit(&Batch { register: &[wanted], ..batch(&[], &[]) }).unwrap()
}

fn wanted(version: u32) -> Registration {
    Registration {
        name: "name".to_owned(),
        version,
        shape: "string".to_owned(),
        format: Format::Bincode.code(),
        fingerprint: 0,
        schema: None,
    }
}

/// Compares the catalog and all its counts with the tables.
fn validate(store: &Store) {
    let txn = store.db.begin_read().unwrap();
    let entries = txn.open_table(ENTRIES).unwrap();
    assert_eq!(
        entries.len().unwrap(),
        txn.open_table(EXPIRY).unwrap().len().unwrap(),
        "a row of each for every entry"
    );
    for (key, record) in entries.iter().unwrap().map(Result::unwrap) {
        let header = record::peek(record.value()).unwrap();
        let row = expiry::row(&header, key.value());
        let expiry = txn.open_table(EXPIRY).unwrap();
        let has = |row: &[u8]| expiry.get(row).unwrap().is_some();
        assert!(has(&row) || has(&expiry::unclassed(&header, key.value())), "the row is the entry's own");
    }
    let charged = |id: KeyspaceId| {
        let rows = entries.iter().unwrap().map(Result::unwrap);
        let own = rows.filter(|(key, _)| KeyspaceId::of(key.value()) == id);
        own.map(|(key, record)| store.catalog.charging.charge(key.value().len(), record.value().len()))
            .collect::<Vec<_>>()
    };
    for row in store.catalog.keyspaces.values() {
        assert_eq!((row.entries, row.bytes), (charged(row.id).len() as u64, charged(row.id).iter().sum()));
    }
    for (id, bytes) in store.catalog.retired.iter() {
        assert_eq!(*bytes, charged(*id).iter().sum::<u64>());
    }
    assert_eq!(read_catalog(&*store.db).unwrap(), store.catalog, "what is kept is what the file says");
}

#[test]
fn a_range_removal_spares_what_was_written_after_it() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let (old, new) = (put(&key(id, "old"), 3, LATER), put(&key(id, "new"), 6, LATER));
    // Both writes are committed before the range removal, although the write of `new` has a higher sequence.
    // In a cache this happens if the shard of `new` was purged before the write, and another shard was not
    // yet purged.
    store.commit(&batch(&[old, new], &[])).unwrap();
    let range = RangeTombstone { scope: Scope::prefix(id.to_bytes()), sequence: 5 };
    let removal = RangeRemoval { range, memory_keys: vec![], unlisted: 0, on_disk: 0 };
    let late = [put(&key(id, "drained late"), 4, LATER), put(&key(id, "newest"), 7, LATER)];
    let outcome = store.commit(&batch(&late, &[removal])).unwrap();
    assert_eq!(outcome.removed, [1]);
    let snapshot = store.snapshot(1).unwrap();
    let has = |name: &str| snapshot.get(&key(id, name)).unwrap().is_some();
    assert_eq!([has("old"), has("new"), has("drained late"), has("newest")], [false, true, false, true]);
    validate(&store);
}

#[test]
fn overwriting_removing_and_sweeping_keep_every_count() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    for sequence in 1..20 {
        let expires_at = Timestamp::from_millis(1_000 + sequence * 1_000);
        let name = format!("{}", sequence % 7);
        store.commit(&batch(&[put(&key(id, &name), sequence, expires_at)], &[])).unwrap();
        validate(&store);
    }
    let removed = EntryChange::deletion(key(id, "3").to_vec(), 20);
    store.commit(&batch(&[removed], &[])).unwrap();
    assert_eq!(store.catalog.entries(), 6);
    let due = Timestamp::from_millis(17_000);
    let first = store.commit(&Batch { sweep: 2, now: due, ..batch(&[], &[]) }).unwrap();
    assert_eq!((first.swept, first.more_to_sweep), (2, true));
    let second = store.commit(&Batch { sweep: 2, now: due, ..batch(&[], &[]) }).unwrap();
    assert_eq!((second.swept, second.next_expiry), (2, Some(Timestamp::from_millis(19_000))));
    let nothing = store.commit(&Batch { sweep: 2, now: due, ..batch(&[], &[]) }).unwrap();
    assert!(!nothing.is_committed, "with nothing due nothing is committed");
    validate(&store);
}

/// The sweep and the eviction both follow the rows of the expiry table. Damage may leave a row that does not
/// belong to an entry.
#[test]
fn a_row_that_is_not_its_entrys_own_deletes_nothing() {
    let soon = Timestamp::from_millis(5_000);
    for is_swept in [true, false] {
        let mut store = store(if is_swept { 1 << 30 } else { 2_000 });
        let id = registered(&mut store, 0).registered[0];
        let kept = key(id, "kept");
        store.commit(&batch(&[put(&kept, 1, LATER)], &[])).unwrap();
        let txn = store.db.begin_write().unwrap();
        txn.open_table(EXPIRY).unwrap().insert(expiry::row(&planted(soon), &kept).as_slice(), ()).unwrap();
        txn.commit().unwrap();
        if is_swept {
            // The store has not committed this row, so it does not see that the row is due. The batch
            // contains a change, because a commit without work makes no transaction.
            let other = [put(&key(id, "other"), 2, LATER)];
            store.commit(&Batch { sweep: 10, now: soon, ..batch(&other, &[]) }).unwrap();
        } else {
            // There is no room for all these entries, and all of them expire before the kept entry. Each
            // entry has its own commit, because a commit does not evict the entries that it writes.
            let evicted = (2..22).map(|number| {
                let expires_at = Timestamp::from_millis(6_000 + number);
                let more = [put(&key(id, &format!("{number:02}")), number, expires_at)];
                store.commit(&batch(&more, &[])).unwrap().evicted
            });
            assert!(evicted.sum::<u64>() > 0, "the test did not fill the file");
        }
        assert!(store.snapshot(1).unwrap().get(&kept).unwrap().is_some(), "swept: {is_swept}");
        validate(&store);
    }
}

#[test]
fn a_value_that_expired_on_its_way_to_the_commit_is_a_removal() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    store.commit(&batch(&[put(&key(id, "a"), 1, LATER)], &[])).unwrap();
    store.commit(&batch(&[put(&key(id, "a"), 2, NOW)], &[])).unwrap();
    assert!(store.snapshot(1).unwrap().get(&key(id, "a")).unwrap().is_none());
    validate(&store);
}

#[test]
fn a_retired_keyspace_is_swept_and_its_number_not_used_again() {
    let mut store = store(1 << 30);
    let old = registered(&mut store, 0).registered[0];
    store.commit(&batch(&[put(&key(old, "a"), 1, LATER), put(&key(old, "b"), 2, LATER)], &[])).unwrap();
    let outcome = registered(&mut store, 1);
    assert_eq!(outcome.retired, [old]);
    assert_ne!(outcome.registered, [old]);
    assert_eq!(store.catalog.entries(), 0);
    validate(&store);
    store.commit(&Batch { sweep: 10, ..batch(&[], &[]) }).unwrap();
    assert!(store.catalog.retired.is_empty() && store.catalog.live_bytes() == 0);
    validate(&store);
    assert!(!registered(&mut store, 2).registered.contains(&old));
}

#[test]
fn values_in_another_format_begin_empty_under_a_new_number() {
    let mut store = store(1 << 30);
    let old = registered(&mut store, 3).registered[0];
    store.commit(&batch(&[put(&key(old, "a"), 1, LATER)], &[])).unwrap();
    let packed = Registration { format: Format::MessagePack.code(), ..wanted(3) };
    let outcome = store.commit(&Batch { register: &[packed], now: LATER, ..batch(&[], &[]) }).unwrap();
    assert_eq!(outcome.retired, [old]);
    let row = &store.catalog.keyspaces["name"];
    assert_eq!((row.format, row.entries), (Format::MessagePack.code(), 0));
    let retired: Vec<_> = row.retired_versions.iter().map(|old| (old.version, old.retired_at)).collect();
    assert_eq!(retired, [(3, LATER)]);
    validate(&store);
}

#[test]
fn a_keyspace_has_the_schema_of_the_definition_that_made_it() {
    let mut store = store(1 << 30);
    let mut schema_after = |version: u32, schema: Option<&str>| {
        let wanted = Registration { schema: schema.map(str::to_owned), ..wanted(version) };
        store.commit(&Batch { register: &[wanted], ..batch(&[], &[]) }).unwrap();
        validate(&store);
        store.catalog.keyspaces["name"].schema.clone()
    };
    assert_eq!(schema_after(0, None), None);
    assert_eq!(schema_after(0, Some("shop")).as_deref(), Some("shop"), "the first to name one");
    assert_eq!(schema_after(0, Some("other")).as_deref(), Some("shop"), "its entries are shared");
    assert_eq!(schema_after(0, None).as_deref(), Some("shop"));
    assert_eq!(schema_after(1, Some("other")).as_deref(), Some("other"), "made anew");
    assert_eq!(schema_after(2, None), None);
}

#[test]
fn fields_of_a_later_version_outlive_commits_and_not_the_entries() {
    let mut store = store(1 << 30);
    let id = registered(&mut store, 0).registered[0];
    let later = [0x90, 0, 0, 0, 0, 3, 1, 2, 3];
    let with_later = [&store.catalog.keyspaces["name"].to_bytes()[..], &later].concat();
    let txn = store.db.begin_write().unwrap();
    txn.open_table(KEYSPACES).unwrap().insert("name", with_later.as_slice()).unwrap();
    txn.commit().unwrap();
    let Store { db, .. } = store;
    let mut store =
        Store::new(db.into_inner().unwrap(), StoreLimits::UNBOUNDED, Identities::default()).unwrap();
    store.commit(&batch(&[put(&key(id, "a"), 1, LATER)], &[])).unwrap();
    let row = |store: &Store| {
        let txn = store.db.begin_read().unwrap();
        txn.open_table(KEYSPACES).unwrap().get("name").unwrap().unwrap().value().to_vec()
    };
    assert!(row(&store).ends_with(&later) && row(&store)[15] == 1, "the count is new, the field is there");
    registered(&mut store, 1);
    assert!(!row(&store).ends_with(&later));
}

#[test]
fn a_file_in_the_place_of_another_has_its_keyspaces_and_an_identity_of_its_own() {
    let mut store = store(1 << 30);
    registered(&mut store, 0);
    registered(&mut store, 1);
    let (old, fresh) = (&store.catalog, store.catalog.emptied(LATER, 20, Identities::default()));
    assert!(fresh.identity.is_some() && fresh.identity != old.identity);
    assert_eq!(fresh.keyspaces, old.keyspaces, "none had entries");
    assert!(fresh.retired.is_empty() && !old.retired.is_empty());
    assert_eq!(
        (fresh.state.clock_watermark, fresh.state.sequence, fresh.state.next_keyspace),
        (LATER, 20, 3)
    );
    let of_format_1 = Catalog { format: 1, identity: None, ..old.clone() };
    assert_eq!(of_format_1.emptied(LATER, 20, Identities::default()).format, FORMAT);
}
