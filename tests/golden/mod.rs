//! Reads files of every file format, which are kept in the repository. A file must stay readable as long as
//! its format is supported.
//!
//! - `format-1.runs`: written by larder's first version, with an earlier form of [`content::make`].
//! - `format-2.runs`: written by the second version.
//! - `format-2-classes.runs`: written by the version that added classes to the rows of the expiry table.
//! - `format-2-ranges.runs`: format 2, with large removals that are stored as rows. `cargo test -p
//!   larder-tests a_golden_file_with_removals_is_made -- --ignored` writes it.
//!
//! A new format or feature gets its own file, which `cargo test -p larder-tests a_golden_file_is_made --
//! --ignored` writes.

mod content;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};

use larder::admin::Admin;
use larder::inspect::{FileState, Inspector, KeyspaceInfo, RecordStatus, Snapshot};
use larder::testing::{Loss, SimulatedVolume};
use larder::{Cache, Follower};
use redb::{ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::support::LOCK_WAIT;

const LATEST: u32 = 2;
/// The names of the files, with their formats.
const FILES: [(&str, u32); 3] = [("format-1", 1), ("format-2", 2), (TODAY, LATEST)];
const TODAY: &str = "format-2-classes";
type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;
const ENTRIES: Table = TableDefinition::new("larder.entries");
const EXPIRY: TableDefinition<'static, &[u8], ()> = TableDefinition::new("larder.expiry");
const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("larder.meta");
const KEYSPACES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("larder.keyspaces");
const RANGES: Table = TableDefinition::new("larder.ranges");
const RETIRED: TableDefinition<'static, u32, u64> = TableDefinition::new("larder.retired");

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.runs"))
}

fn kept_with_removals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-2-ranges.runs")
}

/// A golden file, unpacked into a temporary directory.
struct Golden {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Golden {
    fn of(name: &str) -> Self {
        Self::at(&kept(name))
    }

    fn at(kept: &Path) -> Self {
        let golden = Self::nothing();
        fs::write(&golden.path, runs::unpacked(&fs::read(kept).unwrap())).unwrap();
        golden
    }

    fn nothing() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("golden.larder");
        Self { _dir: dir, path }
    }

    fn owner(&self) -> Cache {
        content::builder(&self.path, &content::clock()).open_timeout(LOCK_WAIT).open().unwrap()
    }

    fn follower(&self) -> Follower {
        Follower::open_with_clock(&self.path, content::clock()).unwrap()
    }

    fn look(&self) -> Snapshot {
        Inspector::open_with_clock(&self.path, content::clock()).unwrap().snapshot().unwrap()
    }
}

fn of_name<'a>(snapshot: &'a Snapshot, name: &str) -> &'a KeyspaceInfo {
    snapshot.keyspace(name).unwrap()
}

/// Reads every entry, and returns the number of live ones.
fn live(snapshot: &Snapshot) -> u64 {
    let pages = snapshot.keyspaces().iter().map(|facts| snapshot.page(facts, &[], None, 100).unwrap());
    let count = |page: Vec<larder::inspect::Entry>| {
        assert!(
            page.iter()
                .all(|entry| matches!(entry.finding, RecordStatus::Live(_) | RecordStatus::Expired(_)))
        );
        page.iter().filter(|entry| entry.finding.live().is_some()).count() as u64
    };
    pages.map(count).sum()
}

/// Returns the rows of all tables except that of the removals, as text. Bytes are printed as hexadecimal
/// digits.
fn dumped(path: &Path) -> Vec<String> {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
    let hex =
        |bytes: &[u8]| bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect::<String>();
    let db = Database::builder().set_concurrency_mode(ConcurrencyMode::SingleWriter).create(path).unwrap();
    let txn = db.begin_read().unwrap();
    let mut rows = Vec::new();
    for (name, table) in [("meta", META), ("keyspaces", KEYSPACES)] {
        for row in txn.open_table(table).unwrap().iter().unwrap().map(Result::unwrap) {
            rows.push(format!("{name} {} {}", row.0.value(), hex(row.1.value())));
        }
    }
    for row in txn.open_table(RETIRED).unwrap().iter().unwrap().map(Result::unwrap) {
        rows.push(format!("retired {} {}", row.0.value(), row.1.value()));
    }
    for row in txn.open_table(ENTRIES).unwrap().iter().unwrap().map(Result::unwrap) {
        rows.push(format!("entry {} {}", hex(row.0.value()), hex(row.1.value())));
    }
    for row in txn.open_table(EXPIRY).unwrap().iter().unwrap().map(Result::unwrap) {
        rows.push(format!("expiry {}", hex(row.0.value())));
    }
    rows
}

#[test]
#[ignore = "it replaces a file of the tree"]
fn a_golden_file_is_made() {
    let golden = Golden::nothing();
    content::make(&golden.path);
    let bytes = fs::read(&golden.path).unwrap();
    fs::write(kept(TODAY), runs::packed(&bytes)).unwrap();
}

#[test]
#[ignore = "it replaces a file of the tree"]
fn a_golden_file_with_removals_is_made() {
    let golden = Golden::of("format-2");
    content::remove_many(&golden.path);
    fs::write(kept_with_removals(), runs::packed(&fs::read(&golden.path).unwrap())).unwrap();
}

/// Returns the rows of removals in a file, each with its sequence and its scope.
fn removals(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let db = Database::builder().set_concurrency_mode(ConcurrencyMode::SingleWriter).create(path).unwrap();
    let txn = db.begin_read().unwrap();
    let rows = txn.open_table(RANGES).unwrap();
    rows.iter().unwrap().map(Result::unwrap).map(|row| (row.0.value().into(), row.1.value().into())).collect()
}

#[test]
fn a_file_with_removals_of_many_keys_shows_nothing_that_they_cover_to_anybody() {
    let golden = Golden::at(&kept_with_removals());
    content::follower_finds_what_is_left(&golden.follower());
    let snapshot = golden.look();
    let (prices, counters) = (of_name(&snapshot, "price"), of_name(&snapshot, "counter"));
    assert_eq!(snapshot.file().pending_removals, 2);
    assert_eq!((prices.entries, counters.entries), (12, 4), "some of the first are deleted");
    for (facts, left) in [(prices, 8), (counters, 0)] {
        let page = snapshot.page(facts, &[], None, 100).unwrap();
        assert_eq!(page.iter().filter(|entry| entry.finding.live().is_some()).count(), left);
        assert_eq!(page.len() as u64, facts.entries);
    }
    drop(snapshot);
    let verified = Inspector::open(&golden.path).unwrap().verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_whole(), "{verified:?}");
    let cache = golden.owner();
    content::owner_finds_what_is_left(&cache);
    cache.flush().unwrap();
    content::owner_finds_what_is_left(&cache);
    cache.close().unwrap();
    let by_hand = Golden::at(&kept_with_removals());
    let admin = Admin::open(&by_hand.path).unwrap();
    assert_eq!(admin.keyspaces().iter().find(|facts| facts.name == "counter").unwrap().entries, 0);
    admin.close().unwrap();
    // At the time of [`content::clock`], one entry has expired.
    assert_eq!(live(&by_hand.look()), content::ENTRIES - 1 - 10 - 4);
}

#[test]
fn the_rows_of_removals_are_written_today_as_they_are_in_the_golden_file() {
    let (golden, today) = (Golden::at(&kept_with_removals()), Golden::of("format-2"));
    content::remove_many(&today.path);
    let rows = removals(&golden.path);
    assert_eq!(rows, removals(&today.path));
    let scopes: Vec<&[u8]> = rows.iter().map(|row| row.1.as_slice()).collect();
    let prices = [&[0, 0, 0, 12, 0, 0, 0, 3][..], b"MTN1\0\xFF\0\0"].concat();
    assert_eq!(scopes, [&[0, 0, 0, 4, 0, 0, 0, 4][..], &prices]);
}

#[test]
fn a_file_is_unpacked_as_it_was_packed() {
    let plain: Vec<u8> = (0..200).collect();
    for bytes in
        [vec![], vec![0; 100], plain.clone(), [vec![0; 70], plain.clone(), vec![7; 16], plain].concat()]
    {
        assert_eq!(runs::unpacked(&runs::packed(&bytes)), bytes);
    }
}

#[test]
fn a_file_of_every_format_is_read_by_all_and_changed_by_none_of_those_who_read() {
    for (name, format) in FILES {
        let golden = Golden::of(name);
        let before = fs::read(&golden.path).unwrap();
        content::follower_finds_all(&golden.follower());
        let snapshot = golden.look();
        let file = snapshot.file();
        assert_eq!((file.format, file.state, file.entries), (format, FileState::Closed, content::ENTRIES));
        assert_eq!(file.identity.is_some(), format > 1);
        assert_eq!(live(&snapshot), content::ENTRIES - 1);
        assert_eq!(snapshot.retired().len(), 1, "version 1 of the products");
        assert!(snapshot.lifetime().is_some());
        let products = of_name(&snapshot, "product");
        assert_eq!((products.version, products.key_shape.as_str()), (2, "string"));
        assert_eq!((products.format_name(), products.schema.as_deref()), ("bincode", None));
        let retired: Vec<u32> = products.retired_versions.iter().map(|retired| retired.version).collect();
        assert_eq!(retired, if format > 1 { vec![1] } else { vec![] }, "format 1 has no place for them");
        drop(snapshot);
        let verified = Inspector::open(&golden.path).unwrap().verify(&mut |_, _| {}).unwrap();
        assert!(verified.is_whole() && verified.damaged.is_empty(), "{verified:?}");
        assert!(fs::read(&golden.path).unwrap() == before, "{name}");
    }
}

#[test]
fn a_file_of_every_format_is_served_by_its_owner_and_upgraded_by_the_first_commit() {
    for (name, _) in FILES {
        let golden = Golden::of(name);
        let identity = golden.look().file().identity;
        let cache = golden.owner();
        content::owner_finds_all(&cache);
        let follower = golden.follower();
        content::follower_finds_all(&follower);
        cache.keyspace(content::COUNTERS).unwrap().insert(&3, 3).unwrap();
        cache.flush().unwrap();
        cache.sweep().unwrap();
        let file = golden.look().file();
        assert_eq!((file.format, file.entries), (LATEST, content::ENTRIES));
        let upgraded = file.identity.unwrap();
        assert!(identity.is_none_or(|identity| identity == upgraded), "an identity stays");
        content::owner_finds_all(&cache);
        // This follower opened the file before the change.
        content::follower_finds_all(&follower);
        assert_eq!(follower.keyspace(content::COUNTERS).get(&3).unwrap(), Some(3));
        cache.close().unwrap();
        let again = golden.owner();
        content::owner_finds_all(&again);
        let disk = again.stats().disk.unwrap();
        assert!(disk.quarantined.is_none() && disk.damaged_records == 0, "{disk:?}");
        again.close().unwrap();
        assert_eq!(golden.look().file().identity, Some(upgraded));
        assert_eq!(live(&golden.look()), content::ENTRIES);
    }
}

#[test]
fn a_file_of_every_format_is_changed_by_hand_and_upgraded_by_that() {
    for (name, format) in FILES {
        let golden = Golden::of(name);
        let mut admin = Admin::open(&golden.path).unwrap();
        assert_eq!(admin.keyspaces().iter().map(|facts| facts.entries).sum::<u64>(), content::ENTRIES);
        assert_eq!(golden.look().file().format, format, "nothing was committed");
        // Removes every key of `product` that begins with "P1", including "P1" itself.
        assert_eq!(admin.remove_prefix("product", b"P1").unwrap(), 3);
        assert_eq!(golden.look().file().format, LATEST);
        admin.close().unwrap();
        assert_eq!(of_name(&golden.look(), "product").entries, 12 - 3);
    }
}

#[test]
fn a_commit_upgrades_the_whole_of_the_metadata_at_once() {
    let golden = Golden::of("format-1");
    let cache = golden.owner();
    cache.keyspace(content::COUNTERS).unwrap().insert(&3, 3).unwrap();
    cache.flush().unwrap();
    cache.sweep().unwrap();
    cache.close().unwrap();
    let rows = dumped(&golden.path);
    let of = |start: &str| rows.iter().filter(|row| row.starts_with(start)).count();
    assert!(
        rows.contains(&"meta format 00000002".to_owned())
            && rows.contains(&format!("meta features {:016}", 1))
    );
    assert_eq!((of("meta identity"), of("meta state"), of("meta lifetime")), (1, 1, 1));
    let keyspaces: Vec<_> = rows.iter().filter(|row| row.starts_with("keyspaces")).collect();
    assert_eq!(keyspaces.len(), 6);
    // In the row of a keyspace, the tag of the key shape follows the name, the number, the version and the
    // counts.
    assert!(
        keyspaces.iter().all(|row| row.split(' ').nth(2).unwrap()[48..].starts_with("8001")),
        "{keyspaces:#?}"
    );
    let entries = rows.iter().filter(|row| row.starts_with("entry"));
    let formats: Vec<&str> = entries.map(|row| &row.split(' ').nth(2).unwrap()[16..18]).collect();
    let of_format = |format: &str| formats.iter().filter(|found| **found == format).count() as u64;
    assert_eq!((of_format("01"), of_format("02")), (content::ENTRIES - 1, 1), "records stay as they are");
}

#[test]
fn power_lost_at_any_change_of_the_upgrade_leaves_a_file_of_one_format_or_the_other_with_all_its_entries() {
    let path = "/golden.larder";
    let open = |disk: &SimulatedVolume| {
        content::builder(Path::new(path), &content::clock()).volume(disk).open().unwrap()
    };
    let disk = SimulatedVolume::new();
    disk.write(path, &runs::unpacked(&fs::read(kept("format-1")).unwrap()));
    let begin = disk.changes();
    let cache = open(&disk);
    cache.keyspace(content::COUNTERS).unwrap().insert(&3, 3).unwrap();
    cache.flush().unwrap();
    cache.close().unwrap();
    let mut found = [0; 2];
    for (changes, loss) in (begin..=disk.changes()).flat_map(|at| Loss::ALL.map(|loss| (at, loss))) {
        let left = disk.after_power_loss(changes, loss, changes as u64);
        let real = Golden::nothing();
        fs::write(&real.path, left.read(path).unwrap()).unwrap();
        let format = real.look().file().format;
        found[usize::try_from(format - 1).unwrap()] += 1;
        let cache = open(&left);
        content::owner_finds_all(&cache);
        let tier = cache.stats().disk.unwrap();
        assert!(tier.quarantined.is_none() && tier.damaged_records == 0, "{changes} {loss:?}: {tier:?}");
        cache.close().unwrap();
    }
    assert!(found.iter().all(|count| *count > 10), "both were found: {found:?}");
}

#[test]
fn what_is_written_today_is_the_golden_file_row_by_row() {
    let (golden, today) = (Golden::of(TODAY), Golden::nothing());
    content::make(&today.path);
    // The sweeper may have deleted the entries of keyspace 1, which is retired, and note 8, which has
    // expired.
    let is_swept = |row: &str| match row.split(' ').collect::<Vec<_>>()[..] {
        ["entry", key, ..] => key.starts_with("00000001") || key.starts_with("0000000708"),
        ["expiry", row] => row[16..].starts_with("00000001") || row[16..].starts_with("0000000708"),
        ["retired", ..] => true,
        _ => false,
    };
    let told = |path: &Path| {
        let mut rows = dumped(path);
        // These rows are not compared. The identity differs in each file, the counters include swept
        // entries, and the rule for the sizes of entries depends on the file system.
        rows.retain(|row| {
            let is_own = ["meta identity", "meta lifetime", "meta charging"];
            !is_swept(row) && !is_own.iter().any(|own| row.starts_with(own))
        });
        // The sizes of entries are computed by another rule on a file system that reports blocks.
        for row in rows.iter_mut().filter(|row| row.starts_with("keyspaces ")) {
            let at = row.rfind(' ').unwrap() + 1;
            row.replace_range(at + 32..at + 48, &"-".repeat(16));
        }
        for row in rows.iter_mut().filter(|row| row.starts_with("keyspaces note ")) {
            let counts_at = "keyspaces note ".len() + 16;
            row.replace_range(counts_at..counts_at + 32, "counts");
        }
        rows
    };
    let (golden, today) = (told(&golden.path), told(&today.path));
    assert_eq!(golden.len(), today.len());
    assert!(golden.len() > 100, "many rows are left to compare");
    for (was, is) in golden.iter().zip(&today) {
        assert_eq!(was, is);
    }
}
