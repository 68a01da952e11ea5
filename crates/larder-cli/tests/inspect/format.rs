//! Tests that commands show, export and import the fields of file format 2.

use std::time::Duration;

use larder::admin::{Admin, NewEntry, NewKeyspace};
use larder::inspect::{Inspector, KeyspaceInfo, Record};
use serde_json::Value;

use crate::support::{Place, larder, printed, stderr, stdout};

fn packed(value_format: u8) -> NewKeyspace {
    NewKeyspace {
        name: "packed".to_owned(),
        version: 3,
        key_shape: "string".to_owned(),
        value_format,
        schema: Some("shop".to_owned()),
        fingerprint: 0,
    }
}

/// Creates a file with a keyspace of the given value format, and two entries, one of them with a fingerprint.
fn create(place: &Place, value_format: u8) {
    let mut admin = Admin::create(place.path()).unwrap();
    admin.keyspace(packed(value_format)).unwrap();
    let now = admin.now();
    let entry = |key: &[u8], fingerprint| NewEntry {
        key: key.to_vec(),
        written_at: now,
        expires_at: now.after(Duration::from_hours(1)),
        delete_after: now.after(Duration::from_hours(1)),
        fingerprint,
        compression: 0,
        value: Some(vec![0x93, 1, 2, 3]),
    };
    let entries = vec![entry(b"a\0\0", Some(0xF00D)), entry(b"b\0\0", None)];
    assert_eq!(admin.write("packed", entries).unwrap().written, 2);
    admin.close().unwrap();
}

fn looked(place: &Place) -> (KeyspaceInfo, Vec<Record>) {
    let snapshot = Inspector::open(place.path()).unwrap().snapshot().unwrap();
    let facts = snapshot.keyspace("packed").unwrap().clone();
    let page = snapshot.page(&facts, &[], None, 10).unwrap();
    let records = page.into_iter().map(|entry| entry.finding.live().unwrap().clone()).collect();
    (facts, records)
}

#[test]
fn an_export_carries_value_formats_schemas_and_fingerprints() {
    for form in ["jsonl", "binary"] {
        let (place, other) = (Place::new(), Place::new());
        create(&place, 1);
        let export = place.dir().join("shop.export");
        let export = export.to_str().unwrap();
        printed(place.dir(), &["export", "shop.larder", "--format", form, "--output", export], 0);
        printed(other.dir(), &["import", "shop.larder", export, "--create"], 0);
        let ((was, before), (is, after)) = (looked(&place), looked(&other));
        assert_eq!((is.format_name(), is.schema.as_deref()), ("MessagePack", Some("shop")), "{form}");
        assert_eq!((was.entries, was.bytes), (is.entries, is.bytes), "{form}");
        let told = |records: &[Record]| {
            let told =
                records.iter().map(|record| (record.fingerprint, record.payload().unwrap().into_owned()));
            told.collect::<Vec<_>>()
        };
        assert_eq!(told(&before), told(&after), "{form}");
        assert_eq!(before.iter().map(|record| record.fingerprint).collect::<Vec<_>>(), [Some(0xF00D), None]);
    }
}

#[test]
fn an_import_of_another_value_format_is_refused_unless_it_replaces() {
    let (place, other) = (Place::new(), Place::new());
    create(&place, 1);
    create(&other, 2);
    let export = place.dir().join("shop.export");
    let export = export.to_str().unwrap();
    printed(place.dir(), &["export", "shop.larder", "--output", export], 0);
    let refused = larder(other.dir(), &["import", "shop.larder", export]);
    assert_eq!(refused.status.code(), Some(1));
    let said = "version 3, keys string and values in MessagePack, and the file has it with version 3, keys string and values in raw; --replace";
    assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
    assert_eq!(looked(&other).0.format_name(), "raw");
    printed(other.dir(), &["import", "shop.larder", export, "--replace"], 0);
    let (facts, _) = looked(&other);
    assert_eq!(facts.format_name(), "MessagePack");
    assert_eq!(facts.retired_versions.iter().map(|old| old.version).collect::<Vec<_>>(), [3]);
}

/// Writes a pending removal of every key directly into the file.
fn removed(place: &Place) {
    let db = redb::Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    let ranges = redb::TableDefinition::<&[u8], &[u8]>::new("larder.ranges");
    txn.open_table(ranges).unwrap().insert(&[0, 0, 0, 0, 0, 0, 1, 0][..], &[0; 4][..]).unwrap();
    txn.commit().unwrap();
    db.close().unwrap();
}

#[test]
fn entries_of_a_pending_removal_are_reported_and_not_exported() {
    let place = Place::new();
    place.shop();
    removed(&place);
    let why = larder(place.dir(), &["why", "shop.larder", "product_MTNVTU"]);
    assert_eq!(why.status.code(), Some(1));
    assert!(stdout(&why).contains("It was removed with others after it was written"), "{}", stdout(&why));
    let json = larder(place.dir(), &["why", "shop.larder", "product_MTNVTU", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&stdout(&json)).unwrap()["state"], "removed");
    let get = larder(place.dir(), &["get", "shop.larder", "product_MTNVTU"]);
    assert_eq!(get.status.code(), Some(1));
    assert!(stderr(&get).contains("it was removed, with others"), "{}", stderr(&get));
    assert_eq!(printed(place.dir(), &["keys", "shop.larder"], 0), "");
    let export = larder(place.dir(), &["export", "shop.larder"]);
    assert!(!stdout(&export).contains("\"entry\""), "{}", stdout(&export));
    let told = stderr(&export);
    assert!(told.contains("exported 0 entries") && !told.contains("skipped"), "{told}");
    printed(place.dir(), &["verify", "shop.larder"], 0);
    // The next command that changes the file completes the removal.
    printed(place.dir(), &["compact", "shop.larder"], 0);
    let info: Value =
        serde_json::from_str(&printed(place.dir(), &["info", "shop.larder", "--json"], 0)).unwrap();
    assert_eq!(info["entries"], 0, "{info:#}");
}
