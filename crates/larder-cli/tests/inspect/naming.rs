//! Tests which key a text means, in files and in a live process. Some keyspaces have the schema of the
//! shop. The others record no schema.

use std::path::Path;
use std::sync::Arc;

use larder::clock::ManualClock;
use larder::{Cache, KeyspaceDefinition};
use serde_json::Value;

use crate::support::{NOW, PACKAGES, PRODUCTS, Place, Product, larder, printed, stderr, transcript};

const FILE: &str = "shop.larder";

/// A keyspace of another application, with the name and the shape of a keyspace of the shop.
const OWN: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("product");
const NOTES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("note");

fn own(place: &Place) {
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let keys = cache.keyspace(OWN).unwrap();
    for key in ["1", "2", "product_2", "P00001", "P00002"] {
        keys.insert(key, 0).unwrap();
    }
    cache.close().unwrap();
}

fn keys(place: &Place) -> Vec<String> {
    printed(place.dir(), &["keys", FILE], 0).lines().map(str::to_owned).collect()
}

/// Checks that a command fails with this code, and that the message contains the texts.
fn refused(dir: &Path, arguments: &[&str], code: i32, texts: &[&str]) {
    let output = larder(dir, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", transcript(&output));
    for text in texts {
        assert!(
            stderr(&output).contains(text),
            "{arguments:?} does not say {text:?}: {}",
            transcript(&output)
        );
    }
}

#[test]
fn keys_are_literal_in_a_keyspace_that_only_has_the_shops_name() {
    let place = Place::new();
    own(&place);
    let all = ["product\t1", "product\t2", "product\tP00001", "product\tP00002", "product\tproduct_2"];
    assert_eq!(keys(&place), all);
    // Here `product_1` does not mean the key `1`, so the command must not claim to have removed that key.
    let instead = "give --keyspace product 1";
    for arguments in [
        &["remove", FILE, "product_1"][..],
        &["remove", FILE, "product_1", "--dry-run"],
        &["remove", FILE, "product_1", "--keyspace", "product"],
    ] {
        refused(place.dir(), arguments, 2, &["nothing is removed", "records no schema", instead]);
    }
    refused(place.dir(), &["get", FILE, "product_1"], 1, &[instead]);
    let why = printed(place.dir(), &["why", FILE, "product_1"], 1);
    assert!(why.contains(instead), "{why}");
    let instead = "--keyspace product P0000";
    for command in
        [&["remove-prefix", FILE, "product_P0000"][..], &["keys", FILE, "--prefix", "product_P0000"]]
    {
        refused(place.dir(), command, 2, &[instead]);
        refused(place.dir(), &[command, &["--keyspace", "product"]].concat(), 2, &[instead]);
    }
    assert_eq!(keys(&place), all, "nothing has changed");
    // Texts without another meaning and existing literal keys are not refused.
    for (key, told) in [
        ("product_9", "removed 0 entries\n"),
        ("\"product_1\"", "removed 0 entries\n"),
        ("product_2", "removed 1 entry\n"),
    ] {
        assert_eq!(printed(place.dir(), &["remove", FILE, key], 0), told, "{key}");
    }
    refused(place.dir(), &["remove", FILE, "product_2"], 2, &["give --keyspace product 2"]);
    assert_eq!(printed(place.dir(), &["remove-prefix", FILE, "product_Q"], 0), "removed 0 entries\n");
    // Once a service declares the schema, the shop's spelling applies.
    let cache = Cache::builder().path(place.path()).open().unwrap();
    drop(cache.keyspace(OWN.schema("larder-product")).unwrap());
    cache.close().unwrap();
    assert_eq!(keys(&place)[0], "product\tproduct_1");
    assert_eq!(printed(place.dir(), &["remove", FILE, "product_1"], 0), "removed 1 entry\n");
}

/// Opens a cache that serves the socket `live.sock`, in the year 2100.
fn open(place: &Place) -> Cache {
    let clock = Arc::new(ManualClock::starting_at(NOW));
    let socket = place.dir().join("live.sock");
    Cache::builder().path(place.path()).clock(clock).control_socket(socket).open().unwrap()
}

/// Creates a cache with two keyspaces of the shop and one other keyspace.
fn shop(place: &Place) -> Cache {
    let cache = open(place);
    let products = cache.keyspace(PRODUCTS).unwrap();
    for (code, price) in
        ["MTNVTU", "MTNDATA", "P00001", "P00002", "product_P", "two_words"].into_iter().zip(0..)
    {
        products.insert(code, Product { name: code.to_owned(), price }).unwrap();
    }
    let packages = cache.keyspace(PACKAGES).unwrap();
    packages.insert(&("MTNDATA", "DATA_1GB"), 1).unwrap();
    packages.insert(&("A_B", "C"), 2).unwrap();
    let notes = cache.keyspace(NOTES).unwrap();
    for note in ["product_MTNVTU", "\"quoted\"", "two words", "plain", "0x4D", "a\u{1B}[2Jb\nc", "-n"] {
        notes.insert(note, 0).unwrap();
    }
    cache.flush().unwrap();
    cache
}

#[test]
fn with_a_keyspace_a_key_is_literal_and_without_one_it_is_spelled() {
    let place = Place::new();
    shop(&place).close().unwrap();
    for key in [&["product_MTNVTU"][..], &["MTNVTU", "--keyspace", "product"]] {
        printed(place.dir(), &[&["get", FILE], key].concat(), 0);
    }
    let spelled = ["product_MTNVTU", "--keyspace", "product"];
    refused(
        place.dir(),
        &[&["get", FILE], &spelled[..]].concat(),
        1,
        &["what it spells is --keyspace product MTNVTU"],
    );
    refused(place.dir(), &[&["remove", FILE], &spelled[..]].concat(), 2, &["--keyspace product MTNVTU"]);
    let listed = printed(place.dir(), &["keys", FILE, "--keyspace", "product", "--prefix", "MTN"], 0);
    assert_eq!(listed, "product\tMTNDATA\nproduct\tMTNVTU\n");
    for how in [&["--big"][..], &["--sort", "size"], &["--json"], &[]] {
        let prefix = ["keys", FILE, "--keyspace", "product", "--prefix", "product_MTN"];
        refused(place.dir(), &[&prefix, how].concat(), 2, &["--keyspace product MTN"]);
    }
    let prefix = ["remove-prefix", FILE, "product_P0000", "--keyspace", "product"];
    refused(place.dir(), &prefix, 2, &["nothing is removed", "--keyspace product P0000"]);
    refused(place.dir(), &["remove-prefix", FILE, "product_P0000"], 2, &["--keyspace product P0000"]);
    let pasted = |words: &[&str], line: &str| {
        let said = stderr(&larder(place.dir(), words));
        assert_eq!(said.lines().next().unwrap(), format!("larder: try: larder {line}"), "{said}");
    };
    for keyspace in [&[][..], &["--keyspace", "product"]] {
        let keys = [&["keys", FILE, "--prefix", "product_P0000"], keyspace].concat();
        pasted(&keys, "keys shop.larder --keyspace product --prefix P0000");
        let remove = [&["remove-prefix", FILE, "product_P0000"], keyspace].concat();
        pasted(&remove, "remove-prefix shop.larder --keyspace product P0000");
    }
    pasted(&["keys", FILE, "--prefix", "product_"], "keys shop.larder --keyspace product");
    let package = ["remove-prefix", FILE, "data_package_MTNDATA_", "--keyspace", "data_package"];
    refused(place.dir(), &package, 2, &[r#"--keyspace data_package '("MTNDATA")'"#]);
    // A key begins with this prefix, so it is read literally.
    let own = ["remove-prefix", FILE, "product_", "--keyspace", "product", "--dry-run"];
    assert_eq!(printed(place.dir(), &own, 0), "would remove 1 entry\n");
    // No key begins with this prefix, and it has no other meaning.
    let none = ["remove-prefix", FILE, "ZZZ", "--keyspace", "product"];
    assert_eq!(printed(place.dir(), &none, 0), "removed 0 entries\n");
    let some = ["remove-prefix", FILE, "P0000", "--keyspace", "product"];
    assert_eq!(printed(place.dir(), &some, 0), "removed 2 entries\n");
}

#[test]
fn a_text_that_may_be_two_keys_removes_neither() {
    let place = Place::new();
    shop(&place).close().unwrap();
    let (spelled, literal) = ("--keyspace product MTNVTU", "--keyspace note product_MTNVTU");
    refused(place.dir(), &["remove", FILE, "product_MTNVTU"], 2, &["nothing is removed", spelled, literal]);
    printed(place.dir(), &["get", FILE, "product_MTNVTU"], 0);
    let cache = open(&place);
    drop((cache.keyspace(PRODUCTS).unwrap(), cache.keyspace(NOTES).unwrap()));
    refused(
        place.dir(),
        &["remove", "live.sock", "product_MTNVTU"],
        2,
        &["nothing is removed", spelled, literal],
    );
    let note = ["remove", "live.sock", "product_MTNVTU", "--keyspace", "note"];
    assert_eq!(printed(place.dir(), &note, 0), "removed 1 entry\n");
    assert_eq!(printed(place.dir(), &["remove", "live.sock", "product_MTNVTU"], 0), "removed 1 entry\n");
    cache.close().unwrap();
}

#[test]
fn the_same_rule_holds_for_a_live_process() {
    let place = Place::new();
    let cache = open(&place);
    let keyspace = cache.keyspace(OWN).unwrap();
    for key in ["1", "2", "P00001"] {
        keyspace.insert(key, 0).unwrap();
    }
    refused(place.dir(), &["remove", "live.sock", "product_1"], 2, &["give --keyspace product 1"]);
    refused(place.dir(), &["remove-prefix", "live.sock", "product_P"], 2, &["give --keyspace product P"]);
    assert_eq!(printed(place.dir(), &["remove", "live.sock", "product_9"], 0), "removed 0 entries\n");
    assert_eq!(printed(place.dir(), &["remove", "live.sock", "1"], 0), "removed 1 entry\n");
    assert!(keyspace.get("2").is_some());
    cache.close().unwrap();
}

/// A keyspace, the text of a key, the bytes of the key, and whether the key was listed with `--keyspace`.
type Listed = (String, String, String, bool);

/// Lists the keys of a file or of a live process, with `--keyspace` and without.
fn listed(place: &Place, target: &str) -> Vec<Listed> {
    let list = |more: &[&str]| {
        let lines = printed(place.dir(), &[&["keys", target, "--json"], more].concat(), 0);
        let plain = printed(place.dir(), &[&["keys", target], more].concat(), 0);
        assert_eq!(plain.lines().count(), lines.lines().count(), "a key is a line");
        let key = |(line, plain): (&str, &str)| {
            let json: Value = serde_json::from_str(line).unwrap();
            let text = |field: &str| json[field].as_str().unwrap().to_owned();
            let key = (text("keyspace"), text("key"), text("key_bytes"), !more.is_empty());
            assert_eq!(plain, format!("{}\t{}", key.0, key.1));
            key
        };
        lines.lines().zip(plain.lines()).map(key).collect::<Vec<_>>()
    };
    let named = ["product", "data_package", "note"].map(|keyspace| list(&["--keyspace", keyspace]));
    named.into_iter().flatten().chain(list(&[])).collect()
}

/// Checks that commands read each listed text as the same key.
fn read_back(place: &Place, target: &str, all: &[Listed]) {
    let mut refusals = 0;
    for (keyspace, key, bytes, is_named) in all {
        let named = ["--keyspace", keyspace];
        for command in ["why", "ttl", "get"] {
            let given = if *is_named { &named[..] } else { &[] };
            let output = larder(place.dir(), &[&[command, "--json"], given, &[target, "--", key]].concat());
            // Without a schema, the command needs the keyspace that is listed beside the key, and never reads
            // the text as another key.
            if !is_named && keyspace == "note" {
                assert_eq!(output.status.code(), Some(2), "{key}: {}", transcript(&output));
                refusals += 1;
                let arguments = [&[command, "--json"], &named[..], &[target, "--", key]].concat();
                let found: Value = serde_json::from_str(&printed(place.dir(), &arguments, 0)).unwrap();
                assert_eq!(&found["key_bytes"], bytes, "{key}");
                continue;
            }
            assert_eq!(output.status.code(), Some(0), "{key}: {}", transcript(&output));
            let found: Value = serde_json::from_slice(&output.stdout).unwrap();
            let found = ["keyspace", "key", "key_bytes"].map(|field| found[field].as_str().unwrap());
            assert_eq!(found, [keyspace, key, bytes]);
        }
    }
    assert_eq!(refusals, 3 * 7);
}

#[test]
fn a_shown_key_is_read_by_each_command_on_the_file_and_through_the_socket() {
    let place = Place::new();
    shop(&place).close().unwrap();
    let all = listed(&place, FILE);
    assert_eq!(all.len(), 2 * 15);
    read_back(&place, FILE, &all);
    let cache = open(&place);
    let (notes, products) = (cache.keyspace(NOTES).unwrap(), cache.keyspace(PRODUCTS).unwrap());
    drop(cache.keyspace(PACKAGES).unwrap());
    // The process lists the same keys as its file.
    assert_eq!(listed(&place, "live.sock"), all);
    read_back(&place, "live.sock", &all);
    // Each removal deletes exactly the entry of its key.
    for (keyspace, key, _, _) in all.iter().filter(|(.., is_named)| *is_named) {
        let remove = ["remove", "--keyspace", keyspace, "live.sock", "--", key];
        assert_eq!(printed(place.dir(), &remove, 0), "removed 1 entry\n", "{key}");
    }
    assert_eq!((notes.iter().count(), products.iter().count()), (0, 0));
    cache.close().unwrap();
}

#[test]
fn bytes_that_are_no_key_are_not_taken_for_one_that_has_gone() {
    let place = Place::new();
    place.shop();
    // These are the bytes of a text without the terminator of its encoding, so they are not a key.
    let words = ["remove", "shop.larder", "0x4D544E565455", "--keyspace", "product"];
    let output = larder(place.dir(), &words);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(
        stderr(&output).contains("are not the bytes of a key of shape string"),
        "{}",
        transcript(&output)
    );
    let whole = ["remove", "shop.larder", "0x4D544E5654550000", "--keyspace", "product"];
    assert_eq!(printed(place.dir(), &whole, 0), "removed 1 entry\n");
    assert_eq!(printed(place.dir(), &whole, 0), "removed 0 entries\n");
}
