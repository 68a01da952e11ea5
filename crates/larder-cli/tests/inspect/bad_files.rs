//! Runs commands on files that are not readable caches, and checks the message and the exit code.

use std::fs;

use larder::inspect::Inspector;
use larder_export::{Form, Header, Skipped};
use redb::{Database, ReadableTable, TableDefinition};
use serde_json::Value;

use crate::support::{Place, larder, printed, stderr, stdout, transcript};

const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("larder.entries");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("larder.meta");

/// Commands that read or change a file, with their arguments.
const COMMANDS: [&[&str]; 14] = [
    &["info", "shop.larder"],
    &["keys", "shop.larder"],
    &["get", "shop.larder", "MTNVTU"],
    &["ttl", "shop.larder", "MTNVTU"],
    &["why", "shop.larder", "MTNVTU"],
    &["verify", "shop.larder"],
    &["export", "shop.larder", "--output", "shop.export"],
    &["doctor", "shop.larder"],
    &["stats", "shop.larder"],
    &["remove", "shop.larder", "MTNVTU"],
    &["remove-prefix", "shop.larder", "MTN"],
    &["clear", "shop.larder"],
    &["compact", "shop.larder"],
    &["import", "shop.larder", "empty.export"],
];

/// Checks that each command exits with the code, prints the fault as text and as JSON, and creates no file.
fn all_say(place: &Place, code: i32, text: &str) {
    let header = Header { exported_at_ms: 0, sequence: 0 };
    let export = larder_export::Writer::new(Vec::new(), Form::Binary, header).unwrap();
    fs::write(place.dir().join("empty.export"), export.finish(Skipped::default()).unwrap()).unwrap();
    let before = names(place);
    for arguments in COMMANDS {
        let output = larder(place.dir(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", transcript(&output));
        assert!(stdout(&output).is_empty(), "{arguments:?}: {}", transcript(&output));
        let said = stderr(&output);
        assert!(said.starts_with("larder: ") && said.contains(text), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        let output = larder(place.dir(), &[arguments, &["--json"]].concat());
        let told: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(told["exit_code"], code, "{arguments:?}");
        assert!(told["error"].as_str().unwrap().contains(text), "{arguments:?}: {told}");
    }
    assert_eq!(names(place), before);
}

fn names(place: &Place) -> Vec<String> {
    let files = fs::read_dir(place.dir()).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn unchanged(place: &Place, code: i32, text: &str) {
    let before = fs::read(place.path()).unwrap();
    all_say(place, code, text);
    assert!(fs::read(place.path()).unwrap() == before, "a byte was changed");
}

#[test]
fn a_missing_file_is_3() {
    let place = Place::new();
    all_say(&place, 3, "there is no file");
}

#[test]
fn a_file_that_another_program_has_is_4() {
    let place = Place::new();
    place.shop();
    let other = Database::open(place.path()).unwrap();
    all_say(&place, 4, "is writing to it");
    drop(other);
    printed(place.dir(), &["info", "shop.larder"], 0);
}

#[test]
fn a_foreign_file_is_5() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    unchanged(&place, 5, "it is empty");
    fs::write(place.path(), "letters").unwrap();
    unchanged(&place, 5, "it is not a redb database");
    fs::write(place.path(), b"redb\x1A\x0A\xA9\x0D\x0A and nothing of it").unwrap();
    unchanged(&place, 5, "no sign of larder");
    fs::remove_file(place.path()).unwrap();
    let other = Database::create(place.path()).unwrap();
    let txn = other.begin_write().unwrap();
    txn.open_table(TableDefinition::<u64, u64>::new("other")).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    other.close().unwrap();
    unchanged(&place, 5, "without larder's tables");
    fs::remove_file(place.path()).unwrap();
    fs::create_dir(place.path()).unwrap();
    all_say(&place, 5, "it is a directory");
    fs::remove_dir(place.path()).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("elsewhere", place.path()).unwrap();
        all_say(&place, 5, "it is a symbolic link");
    }
}

#[test]
fn a_damaged_file_is_6() {
    let place = Place::new();
    place.shop();
    let whole = fs::read(place.path()).unwrap();
    let mut bytes = whole.clone();
    bytes[4096..].fill(0xAB);
    // The name of a larder table stays in the file, so that the command recognises it.
    bytes[8192..8203].copy_from_slice(b"larder.meta");
    fs::write(place.path(), &bytes).unwrap();
    unchanged(&place, 6, "it is damaged");
    fs::write(place.path(), &whole[..whole.len() / 2]).unwrap();
    let codes: Vec<Option<i32>> =
        COMMANDS.iter().map(|arguments| larder(place.dir(), arguments).status.code()).collect();
    assert!(codes.contains(&Some(6)), "{codes:?}");
}

#[test]
fn verify_finds_a_damaged_page_that_nothing_else_reads() {
    let place = Place::new();
    let (cache, _) = place.open();
    let products = cache.keyspace(crate::support::PRODUCTS).unwrap();
    for number in 0..2_000 {
        let name = format!("the product of the number {number}");
        products.insert(&number.to_string(), crate::support::Product { name, price: 1 }).unwrap();
    }
    cache.close().unwrap();
    printed(place.dir(), &["verify", "shop.larder"], 0);
    let mut bytes = fs::read(place.path()).unwrap();
    // The text may occur several times: in the page of its record, and in pages that held the record before.
    let text = b"the product of the number 1999";
    let places: Vec<usize> =
        (0..bytes.len() - text.len()).filter(|&at| bytes[at..].starts_with(text)).collect();
    for at in places {
        bytes[at] ^= 1;
    }
    fs::write(place.path(), &bytes).unwrap();
    printed(place.dir(), &["info", "shop.larder"], 0);
    let output = printed(place.dir(), &["verify", "shop.larder", "--json"], 6);
    let found: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&found["is_whole"], &found["pages"]), (&false.into(), &"damaged".into()), "{found:#}");
    assert!(fs::read(place.path()).unwrap() == bytes);
}

/// Flips a bit of a record, with correct checksums of the pages.
fn damage_record(place: &Place, key: &[u8]) {
    let db = Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(ENTRIES).unwrap();
        let mut record = table.get(key).unwrap().unwrap().value().to_vec();
        *record.last_mut().unwrap() ^= 1;
        table.insert(key, record.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    db.close().unwrap();
}

#[test]
fn a_damaged_record_is_reported_by_each_command_that_reads_it() {
    let place = Place::new();
    place.shop();
    damage_record(&place, b"\0\0\0\x01MTNVTU\0\0");
    for command in ["get", "ttl"] {
        let output = larder(place.dir(), &[command, "shop.larder", "product_MTNVTU"]);
        assert_eq!(output.status.code(), Some(6), "{}", transcript(&output));
        assert!(stderr(&output).contains("its checksum is not that of its bytes"), "{}", transcript(&output));
    }
    let why = printed(place.dir(), &["why", "shop.larder", "product_MTNVTU"], 6);
    assert!(why.contains("not found") && why.contains("checksum"), "{why}");
    let verify = printed(place.dir(), &["verify", "shop.larder"], 6);
    assert!(
        verify.contains(
            "pages       whole\nrecords     7, 1 damaged of them\ndamaged: product_MTNVTU in product"
        ),
        "{verify}"
    );
    let keys = printed(place.dir(), &["keys", "shop.larder"], 0);
    assert!(!keys.contains("MTNVTU"), "{keys}");
    let keys = printed(place.dir(), &["keys", "shop.larder", "--all", "--long"], 0);
    assert!(keys.contains("product\tproduct_MTNVTU\tdamaged\t0.000\t0\n"), "{keys}");
    let export = larder(place.dir(), &["export", "shop.larder"]);
    assert_eq!(export.status.code(), Some(6));
    assert!(stderr(&export).contains("skipped 1 with a damaged record"), "{}", transcript(&export));
    let (_, end) = larder_export::check(&export.stdout[..]).unwrap();
    assert_eq!((end.entries, end.skipped.damaged), (5, 1));
}

#[test]
fn a_newer_format_is_7() {
    let place = Place::new();
    place.shop();
    let db = Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 9_u32.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    db.close().unwrap();
    unchanged(&place, 7, "its format is 9");
}

#[test]
fn a_cache_without_a_keyspace_is_read_and_has_no_key() {
    let place = Place::new();
    place.open().0.close().unwrap();
    let info = printed(place.dir(), &["info", "shop.larder"], 0);
    assert!(info.contains("no keyspace has been opened in it yet"), "{info}");
    assert_eq!(printed(place.dir(), &["keys", "shop.larder"], 0), "");
    printed(place.dir(), &["verify", "shop.larder"], 0);
    for command in ["get", "ttl", "why"] {
        printed(place.dir(), &[command, "shop.larder", "MTNVTU"], 1);
    }
    let (_, end) =
        larder_export::check(printed(place.dir(), &["export", "shop.larder"], 0).as_bytes()).unwrap();
    assert_eq!(end.entries, 0);
}

#[test]
fn a_file_that_may_not_be_read_is_8() {
    let place = Place::new();
    place.shop();
    let mut permissions = fs::metadata(place.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0);
    fs::set_permissions(place.path(), permissions).unwrap();
    // Root may read every file, so the rest of the test does not apply.
    if Inspector::open(place.path()).is_ok() {
        return;
    }
    all_say(&place, 8, "no permission");
}

#[test]
fn an_invalid_command_line_is_2_and_a_missing_key_or_keyspace_is_1() {
    let place = Place::new();
    place.shop();
    for (arguments, code, text) in [
        (
            &["get", "shop.larder", "MTNVTU"][..],
            2,
            "Give --keyspace; the file has data_package, product, session",
        ),
        (
            &["get", "shop.larder", "x", "--keyspace", "prodct"],
            1,
            "there is no keyspace \"prodct\"; the file has",
        ),
        (&["get", "shop.larder", "x", "--keyspace", "session"], 2, "no key of shape (i32, bytes)"),
        (&["keys", "shop.larder", "--prefix", "MTN"], 2, "give --keyspace"),
        (
            &["keys", "shop.larder", "--prefix", "7", "--keyspace", "session"],
            2,
            "no key of shape (i32, bytes)",
        ),
        (&["export", "shop.larder", "--format", "xml"], 2, "invalid value 'xml'"),
        (&["get", "shop.larder"], 2, "one more word is needed: larder get FILE KEY"),
        (&["get"], 2, "required"),
    ] {
        let output = larder(place.dir(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", transcript(&output));
        assert!(stderr(&output).contains(text), "{arguments:?}: {}", transcript(&output));
    }
}
