//! Contract 5: damage is counted as a miss. A damaged file is moved aside. A file of another program is left
//! unchanged.

use std::fs;
use std::path::Path;

use larder::admin::Admin;
use larder::inspect::Inspector;
use larder::{Cache, Error, Follower, InsertOptions, SweepReport};
use redb::{ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::support::{BLOBS, HOUR, LOCK_WAIT, NAMES, Place, Random};

const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("larder.entries");
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("larder.meta");

fn filled(place: &Place) {
    filled_by_commits(place, 0);
}

/// Fills a file. A commit follows each of the first `commits` inserts, and writes pages at new places. The
/// sweeper's first sweep may add a commit.
fn filled_by_commits(place: &Place, commits: u64) {
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..50 {
        names.insert(&format!("{number:02}"), format!("value {number}")).unwrap();
        if number < commits {
            cache.flush().unwrap();
        }
    }
    cache.close().unwrap();
}

fn redb(path: &Path) -> Database {
    Database::builder().set_concurrency_mode(ConcurrencyMode::SingleWriter).create(path).unwrap()
}

/// The keys and records of a table.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;
type Damage = fn(&mut Rows);

/// Changes records through redb, so that the store's checksums are correct and only larder can detect the
/// damage.
fn change_records(path: &Path, change: impl Fn(&mut Rows)) {
    let db = redb(path);
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(ENTRIES).unwrap();
        let mut rows: Rows = table
            .iter()
            .unwrap()
            .map(|row| row.map(|(key, record)| (key.value().to_vec(), record.value().to_vec())).unwrap())
            .collect();
        change(&mut rows);
        for (key, record) in &rows {
            table.insert(key.as_slice(), record.as_slice()).unwrap();
        }
    }
    txn.commit().unwrap();
}

#[test]
fn contract_5_every_kind_of_record_damage_is_a_counted_miss() {
    let kinds: [(&str, Damage); 5] = [
        ("a flipped bit in the value", |rows| rows[7].1.iter_mut().last().map_or((), |byte| *byte ^= 1)),
        ("a flipped bit in the expiry", |rows| rows[7].1[33] ^= 1),
        ("a torn record", |rows| rows[7].1.truncate(30)),
        ("an empty record", |rows| rows[7].1.clear()),
        ("another key's record", |rows| rows[7].1 = rows[8].1.clone()),
    ];
    for (kind, damage) in kinds {
        let place = Place::new();
        filled(&place);
        change_records(&place.path(), damage);
        let cache = place.open();
        let names = cache.keyspace(NAMES).unwrap();
        assert!(names.get("07").is_none(), "{kind}");
        assert_eq!(*names.get("08").unwrap(), "value 8", "{kind}");
        assert_eq!(names.iter().count(), 49, "{kind}");
        assert!(cache.stats().disk.unwrap().damaged_records >= 1, "{kind}");
        names.insert("07", "new".to_owned()).unwrap();
        cache.flush().unwrap();
        assert_eq!(names.count(), 50, "{kind}: the key can be written again");
    }
}

/// The expiry of a damaged record can't be read. When the record is overwritten, its row stays in the expiry
/// order. That row must not remove a later entry of the key.
#[test]
fn contract_5_what_a_damaged_record_leaves_behind_takes_no_later_entry_away() {
    let place = Place::new();
    filled(&place);
    change_records(&place.path(), |rows| rows[7].1.truncate(30));
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let twice_as_long = InsertOptions::new().ttl(2 * HOUR);
    names.insert_with("07", "new".to_owned(), twice_as_long).unwrap();
    cache.flush().unwrap();
    place.clock.advance(HOUR);
    let SweepReport { .. } = cache.sweep().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, 1, "the others have expired, and this one has not");
    cache.close().unwrap();
    let cache = place.open();
    assert_eq!(*cache.keyspace(NAMES).unwrap().get("07").unwrap(), "new");
    place.clock.advance(HOUR);
    let SweepReport { .. } = cache.sweep().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, 0, "its own time has come");
}

#[test]
fn contract_5_a_value_of_another_shape_is_a_counted_miss() {
    let place = Place::new();
    filled(&place);
    let cache = place.open();
    // This definition has the same name and version, but another value type. An application should increase
    // the version for such a change.
    let numbers = cache.keyspace(larder::KeyspaceDefinition::<String, (u64, u64, u64)>::new("name")).unwrap();
    assert!(numbers.get("07").is_none());
    assert_eq!(cache.stats().keyspaces[0].undecodable, 1);
}

/// Returns the offset of a page that contains `larder.meta`. The name identifies a damaged file as a file of
/// larder.
fn page_of_the_name(bytes: &[u8]) -> usize {
    let name = b"larder.meta";
    bytes.windows(name.len()).position(|part| part == name).unwrap() / 4096 * 4096
}

#[test]
fn contract_5_a_damaged_file_is_moved_aside_and_replaced() {
    type FileDamage = fn(&mut Vec<u8>);
    // Each kind of damage keeps one copy of the table name `larder.meta`, because a file without it may be
    // refused. The position of the name depends on the number of commits, and the sweeper may add commits.
    let kinds: [(&str, FileDamage); 3] = [
        ("its second half cut off, or what is behind the name", |bytes| {
            let end = (bytes.len() / 2).max(page_of_the_name(bytes) + 4096);
            assert!(end < bytes.len());
            bytes.truncate(end);
        }),
        ("all other pages overwritten with zeros", |bytes| {
            let spared = page_of_the_name(bytes);
            for at in (4096..bytes.len() - 4096).step_by(4096).filter(|at| *at != spared) {
                bytes[at + 64..at + 3_064].fill(0);
            }
        }),
        ("its header damaged", |bytes| bytes[9..509].fill(0xA5)),
    ];
    for ((kind, damage), commits) in
        kinds.into_iter().flat_map(|kind| (0..6).map(move |commits| (kind, commits)))
    {
        let place = Place::in_memory();
        filled_by_commits(&place, commits);
        let mut damaged = fs::read(place.path()).unwrap();
        damage(&mut damaged);
        fs::write(place.path(), &damaged).unwrap();
        let cache = place.open();
        let names = cache.keyspace(NAMES).unwrap();
        for number in 0..50 {
            let found = names.get(&format!("{number:02}"));
            assert!(found.is_none_or(|value| *value == format!("value {number}")), "{kind}: a wrong value");
        }
        let aside = cache.stats().disk.unwrap().quarantined;
        if let Some(aside) = &aside {
            assert!(fs::read(aside).unwrap() == damaged, "{kind}: the damaged file is kept as it was");
        }
        assert!(aside.is_some(), "{kind}: it was not noticed");
        names.insert("new", String::new()).unwrap();
        cache.close().unwrap();
        assert_eq!(place.open().stats().disk.unwrap().recovered_entries, 1, "{kind}");
    }
}

#[test]
fn contract_5_random_damage_is_right_or_a_miss_or_a_quarantine() {
    let seed = 0x001A_2DE2_5EED_u64;
    let mut random = Random::new(seed);
    let original = Place::new();
    filled(&original);
    let bytes = fs::read(original.path()).unwrap();
    for round in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..16 {
            // The damage is after redb's magic number. A file without that number may be refused as foreign.
            let at = 16 + usize::try_from(random.below(damaged.len() as u64 - 16)).unwrap();
            damaged[at] ^= 1 << random.below(8);
        }
        let place = Place::new();
        fs::write(place.path(), damaged).unwrap();
        let cache = match place.builder().open() {
            Ok(cache) => cache,
            // The damage has removed every sign that the file belongs to larder.
            Err(Error::Foreign { .. }) => continue,
            Err(error) => panic!("round {round} of seed {seed:#x}: {error}"),
        };
        let names = cache.keyspace(NAMES).unwrap();
        for number in 0..50 {
            let found = names.get(&format!("{number:02}"));
            assert!(
                found.is_none_or(|value| *value == format!("value {number}")),
                "round {round} of seed {seed:#x}"
            );
        }
    }
}

/// redb keeps its lists of free pages in tables of the file. Lookups do not read these tables. Every commit
/// reads them, including the commit of a close.
#[test]
fn contract_5_a_damaged_row_on_any_page_ends_no_process_though_the_file_was_not_verified() {
    let original = Place::new();
    let cache = original.open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..30 {
        names.insert(&format!("{number:02}"), format!("value {number}")).unwrap();
        cache.flush().unwrap();
    }
    let crashed = fs::read(original.path()).unwrap();
    cache.close().unwrap();
    let closed = fs::read(original.path()).unwrap();
    for (whole, page) in [&crashed, &closed]
        .into_iter()
        .flat_map(|whole| (1..whole.len() / 4096).map(move |page| (whole, page)))
    {
        // At these positions, a leaf page stores the end offsets of its first rows. Flipping the highest bit
        // of this byte moves such an offset by 8 MiB.
        for at in [6, 10, 18].map(|at| page * 4096 + at) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x80;
            let place = Place::in_memory();
            fs::write(place.path(), &damaged).unwrap();
            drop(Inspector::open(place.path()));
            drop(Follower::open(place.path()));
            let cache = match place.builder().verify_on_open(0_u64).open() {
                Ok(cache) => cache,
                // The damage has removed every sign that the file belongs to larder.
                Err(Error::Foreign { .. }) => continue,
                Err(error) => panic!("byte {at}: {error}"),
            };
            let names = cache.keyspace(NAMES).unwrap();
            names.insert("new", "new".to_owned()).unwrap();
            drop(cache.flush());
            drop(names.remove("07"));
            for number in 0..30 {
                let found = names.get(&format!("{number:02}"));
                assert!(found.is_none_or(|value| *value == format!("value {number}")), "byte {at}");
            }
            drop(cache.close());
        }
    }
}

#[test]
fn contract_5_a_foreign_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let refused = |place: &Place, expected: &str| {
        let before = fs::read(place.path()).unwrap();
        let error = Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open().unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(fs::read(place.path()).unwrap() == before, "it was changed");
    };
    fs::write(place.path(), "a note of the user").unwrap();
    refused(&place, "not a redb database");
    fs::write(place.path(), b"redb\x1A\x0A\xA9\x0D\x0A and then nothing of it").unwrap();
    refused(&place, "no sign of larder");
    fs::remove_file(place.path()).unwrap();

    let others: TableDefinition<u64, u64> = TableDefinition::new("others");
    let db = Database::create(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(others).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    // The copy has the state after a crash of the owner: a reader would have to repair the file first.
    let crashed = Place::new();
    fs::copy(place.path(), crashed.path()).unwrap();
    refused(&crashed, "without larder's tables");
    drop(db);
    refused(&place, "without larder's tables");
    let db = Database::open(place.path()).unwrap();
    let held = Cache::builder().path(place.path()).open().unwrap_err();
    assert!(matches!(held, Error::InUse { .. }), "a foreign database in use: {held}");
    assert_eq!(db.begin_read().unwrap().open_table(others).unwrap().get(1).unwrap().unwrap().value(), 2);
}

#[test]
fn contract_5_an_empty_file_is_initialised() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    let cache = place.open();
    cache.keyspace(NAMES).unwrap().insert("key", String::new()).unwrap();
    cache.close().unwrap();
    assert_eq!(place.open().stats().disk.unwrap().recovered_entries, 1);
}

#[test]
fn contract_5_a_file_left_half_made_by_a_crash_is_made_anew() {
    let place = Place::new();
    fs::write(place.dir().join("shop.larder.larder-new"), b"redb\x1A\x0A\xA9\x0D\x0A half").unwrap();
    place.open().keyspace(NAMES).unwrap().insert("key", String::new()).unwrap();
    assert!(!place.dir().join("shop.larder.larder-new").exists());
}

#[test]
fn contract_5_a_newer_format_is_refused_and_left_as_it_is() {
    let place = Place::new();
    filled(&place);
    let db = redb(&place.path());
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 3_u32.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    drop(db);
    let before = fs::read(place.path()).unwrap();
    let error = Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open().unwrap_err();
    assert!(matches!(error, Error::NewerFormat { found: 3, supported: 2, .. }), "{error}");
    assert!(fs::read(place.path()).unwrap() == before);
}

#[test]
fn contract_5_a_file_with_an_unknown_feature_is_refused_and_left_as_it_is() {
    let place = Place::new();
    filled(&place);
    let follower = Follower::open(place.path()).unwrap();
    assert!(follower.keyspaces().is_ok());
    let db = redb(&place.path());
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("features", (1_u64 << 40).to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    drop(db);
    let before = fs::read(place.path()).unwrap();
    for refused in [
        Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open().unwrap_err(),
        Follower::open(place.path()).unwrap_err(),
        Inspector::open(place.path()).unwrap_err(),
        Admin::open(place.path()).unwrap_err(),
        // This follower opened the file before the file was changed.
        follower.keyspaces().unwrap_err(),
        follower.keyspace(NAMES).get("07").unwrap_err(),
    ] {
        assert!(matches!(refused, Error::UnknownFeatures { unknown: 0x100_0000_0000, .. }), "{refused}");
    }
    assert!(fs::read(place.path()).unwrap() == before);
}

#[test]
fn contract_5_large_values_survive_a_restart_whole() {
    let place = Place::new();
    let cache = place.open();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let blob = |key: u64| vec![u8::try_from(key).unwrap(); 1 << (key * 2)];
    for key in 0..11 {
        blobs.insert(&key, blob(key)).unwrap();
    }
    cache.close().unwrap();
    let blobs = place.open().keyspace(BLOBS).unwrap();
    for key in 0..11 {
        assert!(*blobs.get(&key).unwrap() == blob(key), "{key}");
    }
}
