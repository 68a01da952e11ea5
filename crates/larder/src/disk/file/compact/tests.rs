use crate::disk::file::compact::regions::{enlarge_regions, shrink_regions};
use crate::disk::file::open::open;
use std::time::Duration;

use redb::ReadableDatabase;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::disk::store::entry_change::EntryChange;
use crate::disk::store::identity::Identities;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::metadata::read_catalog;
use crate::disk::store::redb_store::commit::Batch;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::ops::inspect::Inspector;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::power::Loss;

const PATH: &str = "/cache/shop.larder";
const NAMES: KeyspaceDefinition<u64, String> =
    KeyspaceDefinition::new("name").ttl(Duration::from_hours(1)).version(1);

fn file(disk: &SimulatedVolume) -> crate::sys::volume::file::VolumeFile {
    Volume::open(disk, Path::new(PATH), false).unwrap()
}

fn options(volume: Arc<dyn Volume>, path: &Path) -> OpenOptions {
    OpenOptions {
        path: path.to_owned(),
        page_cache: 1 << 20,
        verify_up_to: 0,
        limits: StoreLimits::UNBOUNDED,
        counts_blocks: volume.counts_blocks(path),
        charging: None,
        capacity: u64::MAX,
        now: Timestamp::ZERO,
        identities: Identities::default(),
        volume,
    }
}

fn names(disk: &SimulatedVolume) -> (Cache, Keyspace<u64, String>) {
    let cache = Cache::builder().path(PATH).volume(disk).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    (cache, names)
}

/// Creates a disk with a file of 60 names: inserts 90 names, and removes a third of them.
fn shop() -> SimulatedVolume {
    let disk = SimulatedVolume::new();
    let (cache, names) = names(&disk);
    for key in 0..90 {
        names.insert(&key, format!("name {key}").repeat(10)).unwrap();
    }
    cache.flush().unwrap();
    let gone: Vec<u64> = (0..90).filter(|key| key % 3 == 0).collect();
    assert_eq!(names.remove_many(&gone).unwrap(), 30);
    cache.close().unwrap();
    disk
}

fn now(store: &Store) -> Timestamp {
    store.clock_watermark()
}

/// Compacts a file completely. Returns whether the copy has replaced the file.
fn compacted(options: &OpenOptions) -> bool {
    let store = Store::open(options, u64::MAX).unwrap();
    let copied = write_copy(&store, options, now(&store), &mut || true).unwrap().unwrap();
    store.close().unwrap();
    take_place(options, &copied).unwrap()
}

/// The key that is removed after the compaction.
const REMOVED: u64 = 40;

fn remove_one(options: &OpenOptions) {
    let mut store = Store::open(options, u64::MAX).unwrap();
    let id = store.catalog.keyspaces["name"].id;
    let key: Vec<u8> = [&id.to_bytes()[..], &REMOVED.to_be_bytes()].concat();
    let sequence = store.last_sequence() + 1;
    let deletion = EntryChange::deletion(key, sequence);
    let empty = Batch::without_changes(store.clock_watermark(), sequence);
    let batch = Batch { changes: &[deletion], ..empty };
    store.commit(&batch).unwrap();
    store.close().unwrap();
}

#[test]
fn power_lost_at_any_moment_of_a_compaction_leaves_a_whole_file_and_no_litter() {
    let disk = shop();
    let start = disk.changes();
    let options = options(Arc::new(disk.clone()), Path::new(PATH));
    assert!(compacted(&options));
    let compacted_at = disk.changes();
    remove_one(&options);
    let end = disk.changes();
    let mut both = 0;
    for at in start..=end {
        for (loss, seed) in Loss::ALL.into_iter().zip(at as u64..) {
            let crashed = disk.after_power_loss(at, loss, seed);
            both += u64::from(crashed.files().iter().any(|file| file.ends_with("shop.larder.larder-new")));
            let (cache, names) = names(&crashed);
            let context = format!("{loss:?} after change {at} of {end}, seed {seed}");
            let is_removed = at == end;
            for key in 0..90 {
                let is_there = key % 3 != 0 && !(is_removed && key == REMOVED);
                let may_be_gone = key == REMOVED && at > compacted_at;
                assert!(names.get(&key).is_some() == is_there || may_be_gone, "{key}: {context}");
            }
            assert!(!is_removed || names.get(&REMOVED).is_none(), "a removal came back: {context}");
            cache.close().unwrap();
            let files = crashed.files();
            assert!(
                files.iter().all(|file| !file.ends_with("shop.larder.larder-new")),
                "{files:?}: {context}"
            );
        }
    }
    assert!(both > 0, "none was cut off");
}

#[test]
fn a_compaction_that_is_given_up_or_finds_no_room_leaves_nothing() {
    let disk = shop();
    let options = options(Arc::new(disk.clone()), Path::new(PATH));
    let store = Store::open(&options, u64::MAX).unwrap();
    let mut files = disk.files();
    disk.set_capacity(Some(disk.used() + (8 << 10)));
    let error = write_copy(&store, &options, now(&store), &mut || true).unwrap_err();
    assert_eq!(error.kind, crate::disk::store::guard::StoreErrorKind::Full);
    files.sort();
    assert_eq!(disk.files(), files);
    disk.set_capacity(None);
    store.close().unwrap();
    let (cache, names) = names(&disk);
    let many: Vec<u64> = (100..100 + 2 * ROWS).collect();
    for key in &many {
        names.insert(key, "x".to_owned()).unwrap();
    }
    cache.close().unwrap();
    let store = Store::open(&options, u64::MAX).unwrap();
    assert!(write_copy(&store, &options, now(&store), &mut || false).unwrap().is_none());
    assert_eq!(disk.files(), files);
    drop(open(&options, None));
}

#[test]
fn a_copy_is_not_written_in_the_place_of_letters() {
    let disk = shop();
    let letters = format!("{PATH}.larder-new");
    disk.write(&letters, b"a note of the user");
    let narrow = OpenOptions { capacity: 1 << 20, ..options(Arc::new(disk.clone()), Path::new(PATH)) };
    let store = Store::open(&narrow, u64::MAX).unwrap();
    let largest = store.largest_page();
    assert!(write_copy(&store, &narrow, now(&store), &mut || true).is_err());
    let store = shrink_regions(store, &narrow, Timestamp::ZERO, &mut false).unwrap();
    assert_eq!(store.largest_page(), largest, "the file stays as it is");
    store.close().unwrap();
    assert_eq!(disk.read(&letters).unwrap(), b"a note of the user");
}

fn rows<K: Key + 'static, V: Value + 'static>(
    db: &redb::Database,
    table: TableDefinition<'_, K, V>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let txn = db.begin_read().unwrap();
    let table = txn.open_table(table).unwrap();
    let rows = table.iter().unwrap().map(|row| {
        let (key, value) = row.unwrap();
        (K::as_bytes(&key.value()).as_ref().to_vec(), V::as_bytes(&value.value()).as_ref().to_vec())
    });
    rows.collect()
}

const LATER: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("larder.later");
const LATER_COUNTS: TableDefinition<'static, &str, u64> = TableDefinition::new("larder.later-counts");

#[test]
fn what_this_version_does_not_know_is_kept_byte_for_byte() {
    let disk = shop();
    let options = options(Arc::new(disk.clone()), Path::new(PATH));
    let db = || builder(1 << 20).create_with_backend(file(&disk)).unwrap();
    let later = [0x90, 0, 0, 0, 0, 3, 1, 2, 3];
    {
        let db = db();
        let txn = db.begin_write().unwrap();
        txn.open_table(LATER).unwrap().insert(&b"key"[..], &[1_u8, 2, 3][..]).unwrap();
        txn.open_table(LATER_COUNTS).unwrap().insert("count", 7).unwrap();
        txn.open_table(META).unwrap().insert("later", &[9_u8; 40][..]).unwrap();
        let row = {
            let table = txn.open_table(KEYSPACES).unwrap();
            let row = table.get("name").unwrap().unwrap();
            [row.value(), &later].concat()
        };
        txn.open_table(KEYSPACES).unwrap().insert("name", row.as_slice()).unwrap();
        txn.commit().unwrap();
        db.close().unwrap();
    }
    let before = {
        let db = db();
        let all = (rows(&db, LATER), rows(&db, LATER_COUNTS), rows(&db, META), rows(&db, KEYSPACES));
        let entries = (rows(&db, ENTRIES), rows(&db, EXPIRY));
        db.close().unwrap();
        (all, entries)
    };
    assert!(before.0.3[0].1.ends_with(&later) && before.0.2.iter().any(|(name, _)| name == b"later"));
    assert!(before.0.2.iter().any(|(name, _)| name == b"identity"));
    assert!(before.0.2.iter().any(|(name, _)| name == b"lifetime"));
    assert!(compacted(&options));
    let db = db();
    let all = (rows(&db, LATER), rows(&db, LATER_COUNTS), rows(&db, META), rows(&db, KEYSPACES));
    assert_eq!((all, (rows(&db, ENTRIES), rows(&db, EXPIRY))), before);
}

#[test]
fn a_file_with_a_table_that_cannot_be_copied_is_left_as_it_is() {
    const STRANGE: TableDefinition<'static, u128, [u8; 3]> = TableDefinition::new("larder.strange");
    const MANY: redb::MultimapTableDefinition<'static, u64, u64> =
        redb::MultimapTableDefinition::new("larder.many");
    for is_multimap in [false, true] {
        let disk = shop();
        let options = options(Arc::new(disk.clone()), Path::new(PATH));
        let db = builder(1 << 20).create_with_backend(file(&disk)).unwrap();
        let txn = db.begin_write().unwrap();
        if is_multimap {
            txn.open_multimap_table(MANY).unwrap().insert(1, 2).unwrap();
        } else {
            txn.open_table(STRANGE).unwrap().insert(1, [1, 2, 3]).unwrap();
        }
        txn.commit().unwrap();
        db.close().unwrap();
        let files = disk.files();
        let store = Store::open(&options, u64::MAX).unwrap();
        let error = write_copy(&store, &options, now(&store), &mut || true).unwrap_err();
        assert!(
            error.cause.text().contains("larder.") && error.cause.text().contains("version that wrote it"),
            "{error}"
        );
        assert_eq!(disk.files(), files);
    }
}

#[test]
fn what_no_lookup_may_find_is_left_out_and_the_counts_agree() {
    const BRIEF: KeyspaceDefinition<u64, String> =
        KeyspaceDefinition::new("brief").ttl(Duration::from_millis(1));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let clock = Arc::new(crate::sys::clock::ManualClock::starting_at(Timestamp::from_millis(1_000)));
    let cache = Cache::builder().path(&path).clock(clock.clone()).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let brief = cache.keyspace(BRIEF).unwrap();
    for key in 0..40 {
        names.insert(&key, format!("name {key}")).unwrap();
        brief.insert(&key, "soon".to_owned()).unwrap();
    }
    cache.close().unwrap();
    let options = options(Arc::new(OsVolume), &path);
    let mut store = Store::open(&options, u64::MAX).unwrap();
    let id = store.catalog.keyspaces["name"].id;
    // Adds a pending range removal that covers every name, and a retired keyspace.
    let scope = Scope::prefix([&id.to_bytes()[..], &[0; 7]].concat());
    let retired = KeyspaceId::on_disk(store.catalog.state.next_keyspace);
    let txn = store.db.begin_write().unwrap();
    txn.open_table(RANGES).unwrap().insert(&[255; 8][..], scope.to_bytes().as_slice()).unwrap();
    txn.open_table(RETIRED).unwrap().insert(retired.number(), 77).unwrap();
    let old = [&retired.to_bytes()[..], b"old"].concat();
    txn.open_table(ENTRIES).unwrap().insert(old.as_slice(), &[0; 60][..]).unwrap();
    txn.commit().unwrap();
    store.catalog = read_catalog(&*store.db).unwrap();
    let copied = write_copy(&store, &options, Timestamp::from_millis(2_000), &mut || true).unwrap().unwrap();
    store.close().unwrap();
    assert!(take_place(&options, &copied).unwrap());
    assert_eq!(copied.expired, 40);
    let catalog = read_catalog(&*{
        let db = guarded(|| Ok(builder(1 << 20).create_with_backend(OsVolume.open(&path, false)?)?)).unwrap();
        Guarded::new(db)
    })
    .unwrap();
    assert_eq!(catalog, copied.catalog);
    assert_eq!((catalog.keyspaces["name"].entries, catalog.keyspaces["brief"].entries), (0, 0));
    assert!(catalog.retired.is_empty() && catalog.ranges.is_empty() && catalog.state.closed_cleanly);
    let verified = Inspector::open(&path).unwrap().verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_whole() && verified.records == 0, "{verified:?}");
}

#[test]
fn power_lost_while_a_file_is_made_anew_for_its_capacity_loses_nothing() {
    let disk = shop();
    let start = disk.changes();
    let narrow_options =
        OpenOptions { capacity: 1 << 20, ..options(Arc::new(disk.clone()), Path::new(PATH)) };
    let wide_options = OpenOptions { capacity: 64 << 20, ..narrow_options.clone() };
    let store = Store::open(&narrow_options, u64::MAX).unwrap();
    let first = store.largest_page();
    let store = shrink_regions(store, &narrow_options, Timestamp::ZERO, &mut false).unwrap();
    let small = store.largest_page();
    assert!(small < first && small == crate::disk::store::new_file::region_for(1 << 20));
    let store = shrink_regions(store, &narrow_options, Timestamp::ZERO, &mut false).unwrap();
    assert_eq!(store.largest_page(), small, "once is enough");
    let store = enlarge_regions(store, &wide_options).unwrap();
    assert_eq!(store.largest_page(), crate::disk::store::new_file::region_for(64 << 20));
    let store = enlarge_regions(store, &wide_options).unwrap();
    store.close().unwrap();
    let end = disk.changes();
    for at in start..=end {
        for (loss, seed) in Loss::ALL.into_iter().zip(at as u64..) {
            let crashed = disk.after_power_loss(at, loss, seed);
            let (cache, names) = names(&crashed);
            for key in 0..90 {
                assert!(
                    names.get(&key).is_some() == (key % 3 != 0),
                    "{key}: {loss:?} after change {at} of {end}"
                );
            }
            cache.close().unwrap();
        }
    }
}
