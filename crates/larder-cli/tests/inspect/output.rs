//! Tests of the names of JSON fields and the spelling of keys, which are stable, and of other output.

use larder::KeyspaceDefinition;
use serde_json::{Value, json};

use crate::support::{NOW, PRODUCTS, Place, Product, command, larder, printed, stderr, stdout};

fn parsed(place: &Place, arguments: &[&str], code: i32) -> Value {
    serde_json::from_str(&printed(place.dir(), arguments, code)).unwrap()
}

#[test]
fn a_keys_fields_are_the_same_in_every_command() {
    let place = Place::new();
    place.shop();
    let mut expected = json!({
        "keyspace": "product",
        "key": "product_MTNVTU",
        "key_bytes": "0x4D544E5654550000",
        "value_format": "bincode",
        "state": "live",
        "version": 1,
        "sequence": 2,
        "written_at": "2100-01-01T00:00:00.000Z",
        "written_at_ms": 4_102_444_800_000_u64,
        "expires_at": "2100-01-01T01:00:00.000Z",
        "expires_at_ms": 4_102_448_400_000_u64,
        "ttl_ms": 3_540_000,
        "value_bytes": 13,
        "compression": "none",
        "stored_bytes": 13,
    });
    assert_eq!(parsed(&place, &["ttl", "shop.larder", "product_MTNVTU", "--json"], 0), expected);
    let keys = ["keys", "shop.larder", "--keyspace", "product", "--prefix", "MTNV", "--json"];
    let mut of_keyspace = expected.clone();
    of_keyspace["key"] = "MTNVTU".into();
    assert_eq!(parsed(&place, &keys, 0), of_keyspace, "with --keyspace a key is itself");
    expected["value"] = "0x0B4D544E2061697274696D6564".into();
    expected["value_texts"] = json!(["MTN airtime"]);
    assert_eq!(parsed(&place, &["get", "shop.larder", "product_MTNVTU", "--json"], 0), expected);
    let why = parsed(&place, &["why", "shop.larder", "product_NOSUCH", "--json"], 1);
    assert_eq!(
        (&why["state"], &why["key"], why.get("ttl_ms")),
        (&"absent".into(), &"product_NOSUCH".into(), None)
    );
    let why = parsed(&place, &["why", "shop.larder", "product_GLOVTU", "--json"], 1);
    assert_eq!((&why["state"], &why["ttl_ms"]), (&"expired".into(), &0.into()));
}

#[test]
fn verify_reports_its_findings_in_these_fields() {
    let place = Place::new();
    place.shop();
    let expected = json!({
        "file": "shop.larder",
        "is_whole": true,
        "pages": "whole",
        "pages_cause": null,
        "records": 7,
        "damaged_records": 0,
        "damaged": [],
        "unreadable_records": 0,
        "unreadable": [],
        "miscounted": [],
    });
    assert_eq!(parsed(&place, &["verify", "shop.larder", "--json"], 0), expected);
}

#[test]
fn a_key_is_read_as_it_is_shown_and_as_its_code() {
    let place = Place::new();
    let (cache, _) = place.open();
    let products = cache.keyspace(PRODUCTS).unwrap();
    let codes = ["MTNVTU", "two words", "0x4D", "product_MTNVTU", "\"quoted\"", "line\nend", "-n", "ß"];
    for (code, price) in codes.into_iter().zip(0..) {
        products.insert(code, Product { name: code.to_owned(), price }).unwrap();
    }
    cache.close().unwrap();
    let keys = printed(place.dir(), &["keys", "shop.larder"], 0);
    let shown: Vec<&str> = keys.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(shown.len(), codes.len(), "{keys}");
    for key in shown {
        let found = parsed(&place, &["get", "shop.larder", key, "--json"], 0);
        assert_eq!(found["key"], key);
    }
    for code in ["MTNVTU", "\"MTNVTU\"", "0x4D544E5654550000", "product_MTNVTU"] {
        assert_eq!(
            parsed(&place, &["ttl", "shop.larder", code, "--json"], 0)["key_bytes"],
            "0x4D544E5654550000"
        );
    }
    let literally = parsed(&place, &["ttl", "shop.larder", "\"product_MTNVTU\"", "--json"], 0);
    assert_eq!(literally["key"], "product_product_MTNVTU");
}

/// Changes the file as if version 2 of its first keyspace had been opened, and no sweep had run since.
fn retire(place: &Place) {
    let db = redb::Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    let keyspaces = redb::TableDefinition::<&str, &[u8]>::new("larder.keyspaces");
    // The row has the number, the version and zero entries, then these fields: the shape of the keys,
    // MessagePack, the schema, and the retired version 1.
    let row = [
        &b"\0\0\0\x02\0\0\0\x02"[..],
        &[0; 16],
        b"\x80\x01\0\0\0\x03u64\x80\x02\0\0\0\x01\x01\x80\x04\0\0\0\x04shop",
        b"\x80\x05\0\0\0\x0C\0\0\0\x01",
        &NOW.as_millis().to_be_bytes(),
    ]
    .concat();
    txn.open_table(keyspaces).unwrap().insert("count", row.as_slice()).unwrap();
    let retired = redb::TableDefinition::<u32, u64>::new("larder.retired");
    txn.open_table(retired).unwrap().insert(1, 132).unwrap();
    txn.commit().unwrap();
    db.close().unwrap();
}

#[test]
fn an_old_version_is_reported() {
    const COUNTS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("count");
    let place = Place::new();
    let (cache, _) = place.open();
    cache.keyspace(COUNTS.version(1)).unwrap().insert(&7, 1).unwrap();
    cache.close().unwrap();
    retire(&place);
    let info = printed(place.dir(), &["info", "shop.larder"], 0);
    assert!(info.contains("keyspace number 1 is retired; the sweeper has 132 B of it to delete"), "{info}");
    assert!(info.contains("version 1 of keyspace count was retired at 2100-01-01T00:00:00.000Z\n"), "{info}");
    assert!(info.contains("count     2        u64   MessagePack  shop"), "{info}");
    let info = parsed(&place, &["info", "shop.larder", "--json"], 0);
    assert!(info["identity"].as_str().is_some_and(|identity| identity.len() == 32), "{info:#}");
    let count = &info["keyspaces"][0];
    assert_eq!((&count["value_format"], &count["schema"]), (&"MessagePack".into(), &"shop".into()));
    let retired = &count["retired_versions"][0];
    assert_eq!((&retired["version"], &retired["retired_at_ms"]), (&1.into(), &NOW.as_millis().into()));
    let why = parsed(&place, &["why", "shop.larder", "7", "--json"], 1);
    assert_eq!((&why["state"], &why["version"]), (&"retired".into(), &1.into()), "{why:#}");
    let export = larder(place.dir(), &["export", "shop.larder"]);
    assert!(stderr(&export).contains("skipped the rest of keyspace number 1, which is retired"));
}

#[test]
fn a_limit_is_kept_and_reported() {
    let place = Place::new();
    place.shop();
    let output = larder(place.dir(), &["keys", "shop.larder", "--limit", "2"]);
    assert_eq!(stdout(&output).lines().count(), 2);
    assert_eq!(stderr(&output), "larder: there are more keys than the 2 of --limit\n");
    for how in [&["--limit", "2"][..], &["--sort", "size", "--limit", "2"]] {
        let output = larder(place.dir(), &[&["keys", "shop.larder", "--json"], how].concat());
        let note: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(note["note"], "there are more keys than the 2 of --limit", "{}", stderr(&output));
    }
    let output = larder(place.dir(), &["keys", "shop.larder", "--limit", "6"]);
    assert_eq!((stdout(&output).lines().count(), stderr(&output)), (6, String::new()));
}

#[test]
fn a_value_is_printed_raw_for_another_program() {
    let place = Place::new();
    place.shop();
    let output = larder(place.dir(), &["get", "shop.larder", "product_MTNVTU", "--raw"]);
    assert_eq!(output.stdout, b"\x0BMTN airtime\x64");
}

#[test]
fn colours_are_for_terminals() {
    let place = Place::new();
    place.shop();
    for arguments in [&["info", "shop.larder"][..], &["verify", "shop.larder"], &["keys", "shop.larder"]] {
        let plain = printed(place.dir(), arguments, 0);
        assert!(!plain.contains('\x1B'), "{plain}");
        // Forces the colours of a terminal.
        let output = command(place.dir(), arguments).env("CLICOLOR_FORCE", "1").output().unwrap();
        assert!(stdout(&output).contains("\x1B["), "{}", stdout(&output));
        let forced = command(place.dir(), arguments).env("NO_COLOR", "1").output().unwrap();
        assert_eq!(stdout(&forced), plain);
    }
}

#[test]
fn completions_and_the_manual_have_every_command() {
    let place = Place::new();
    let help = printed(place.dir(), &["--help"], 0);
    for text in [
        printed(place.dir(), &["completions", "bash"], 0),
        printed(place.dir(), &["completions", "zsh"], 0),
        printed(place.dir(), &["completions", "fish"], 0),
        // The manual page escapes hyphens, so that none is shown as a dash.
        printed(place.dir(), &["man"], 0).replace("\\-", "-"),
    ] {
        let changes = ["remove", "remove-prefix", "clear", "flush", "compact", "import"];
        let looks = ["info", "keys", "get", "ttl", "why", "verify", "export", "stats", "top", "doctor"];
        for command in changes.iter().chain(&looks).chain(&["check"]).copied() {
            assert!(help.contains(command) && text.contains(command), "{command}");
        }
    }
}
