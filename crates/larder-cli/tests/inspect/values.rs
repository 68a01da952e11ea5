//! Tests of values in every format: output, export and import.

use std::fmt::Write as _;
use std::fs;

use larder::admin::{Admin, NewEntry, NewKeyspace};
use larder::{Cache, Compression, Format, KeyspaceDefinition};
use larder_export::{Entry, Item, Reader};
use redb::{Database, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::support::{HOUR, NOW, Place, larder, printed, stderr, transcript};

const FILE: &str = "shop.larder";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Offer {
    code: String,
    level: u32,
    stock: u32,
}

/// A type with the encoding of `Offer`, in which the names of two fields are swapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Swapped {
    code: String,
    stock: u32,
    level: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Setting {
    Flag(bool),
    Texts(Vec<String>),
    Any(Value),
}

const OFFERS: KeyspaceDefinition<String, Offer> =
    KeyspaceDefinition::new("offer").ttl(HOUR).compress(Compression::Lz4, 64);
const SETTINGS: KeyspaceDefinition<String, Setting> =
    KeyspaceDefinition::new("setting").ttl(HOUR).format(Format::MessagePack).compress(Compression::Lz4, 64);
const PAGES: KeyspaceDefinition<u32, String> =
    KeyspaceDefinition::new("page").ttl(HOUR).format(Format::Raw).compress(Compression::Zstd, 64);

fn offers() -> [(&'static str, Offer); 2] {
    let offer = |code: String| Offer { code, level: 1, stock: 2 };
    [("short", offer("A".to_owned())), ("long", offer("airtime ".repeat(50)))]
}

fn settings() -> [(&'static str, Setting); 3] {
    let price = json!({"currency": "₦", "amount": 1500, "rates": [0.5, null, {"vat": true}]});
    [
        ("flag", Setting::Flag(true)),
        ("price", Setting::Any(price)),
        ("texts", Setting::Texts(vec!["airtime".to_owned(); 50])),
    ]
}

fn pages() -> [(u32, String); 3] {
    [(1, "two\nlines, ₦\n".to_owned()), (2, "<p>airtime</p>\n".repeat(400)), (3, "a bell\u{7}".to_owned())]
}

/// Creates a file with values of each format, some of them compressed.
fn values() -> Place {
    let place = Place::new();
    let (cache, _) = place.open();
    let (of_offers, of_settings, of_pages) =
        (cache.keyspace(OFFERS).unwrap(), cache.keyspace(SETTINGS).unwrap(), cache.keyspace(PAGES).unwrap());
    for (key, value) in offers() {
        of_offers.insert(key, value).unwrap();
    }
    for (key, value) in settings() {
        of_settings.insert(key, value).unwrap();
    }
    for (key, value) in pages() {
        of_pages.insert(&key, value).unwrap();
    }
    cache.close().unwrap();
    place
}

fn get(place: &Place, keyspace: &str, key: &str) -> String {
    printed(place.dir(), &["get", FILE, key, "--keyspace", keyspace], 0)
}

fn get_json(place: &Place, keyspace: &str, key: &str) -> Value {
    let output = printed(place.dir(), &["get", FILE, key, "--keyspace", keyspace, "--json"], 0);
    serde_json::from_str(&output).unwrap()
}

fn shown(output: &str) -> String {
    output.split_once("\nvalue ").unwrap().1.split_once('\n').unwrap().1.to_owned()
}

#[test]
fn a_self_describing_value_is_shown_as_json() {
    let place = values();
    let text = get(&place, "setting", "price");
    assert!(text.contains("\nvalue       47 bytes, MessagePack\n{\n  \"amount\": 1500,\n"), "{text}");
    let Setting::Any(price) = &settings()[1].1 else { panic!() };
    assert_eq!(&serde_json::from_str::<Value>(&shown(&text)).unwrap(), price);
    let result = get_json(&place, "setting", "price");
    assert_eq!(&result["value_json"], price);
    assert_eq!((&result["value_format"], &result["compression"]), (&"MessagePack".into(), &"none".into()));
    assert_eq!(result["value_texts"], json!([]), "its names are no texts");
    assert!(result["value"].as_str().unwrap().starts_with("0x83"), "the bytes are there as well");
    assert!(result.get("value_text").is_none() && result.get("value_unreadable").is_none(), "{result}");
}

#[test]
fn a_compressed_value_is_shown_uncompressed() {
    let place = values();
    let text = get(&place, "setting", "texts");
    assert!(
        text.contains("\nvalue       403 bytes, MessagePack; ") && text.contains(" bytes in the file, LZ4\n"),
        "{text}"
    );
    let result = get_json(&place, "setting", "texts");
    assert_eq!((&result["value_json"], &result["value_bytes"]), (&json!(vec!["airtime"; 50]), &403.into()));
    assert!(result["stored_bytes"].as_u64().unwrap() < 100, "{result}");
    let offer = get_json(&place, "offer", "long");
    assert_eq!(
        (&offer["compression"], &offer["value_texts"]),
        (&"LZ4".into(), &json!(["airtime ".repeat(50)]))
    );
    let keys = printed(place.dir(), &["keys", FILE, "--keyspace", "page", "--long"], 0);
    assert!(keys.contains("\t6000\n"), "lengths are those of values: {keys}");
    let raw = larder(place.dir(), &["get", FILE, "2", "--keyspace", "page", "--raw"]);
    assert!(raw.stdout == pages()[1].1.as_bytes());
}

#[test]
fn raw_text_is_shown_as_text_and_other_bytes_as_bytes() {
    let place = values();
    assert_eq!(shown(&get(&place, "page", "1")), "two\nlines, ₦\n");
    let cut = shown(&get(&place, "page", "2"));
    assert!(cut.ends_with("… 1904 bytes more; --full shows them\n"), "{cut}");
    let full = printed(place.dir(), &["get", FILE, "2", "--keyspace", "page", "--full"], 0);
    assert_eq!(shown(&full), pages()[1].1);
    // The value has the control character BEL, so it is shown as bytes.
    assert!(shown(&get(&place, "page", "3")).starts_with("00000000  61 20 62 65 6C 6C 07"));
    assert_eq!(get_json(&place, "page", "3")["value_text"], pages()[2].1);
    let bincode = get_json(&place, "offer", "short");
    assert_eq!((&bincode["value_texts"], bincode.get("value_json")), (&json!(["A"]), None));
}

/// Creates a keyspace with these bytes as the value of one entry.
fn write(place: &Place, value_format: u8, value: &[u8]) {
    let mut admin = Admin::create(place.path()).unwrap();
    let (name, key_shape) = ("any".to_owned(), "u32".to_owned());
    admin
        .keyspace(NewKeyspace { name, version: 0, key_shape, value_format, schema: None, fingerprint: 0 })
        .unwrap();
    let now = admin.now();
    let entry = NewEntry {
        key: 7_u32.to_be_bytes().to_vec(),
        written_at: now,
        expires_at: now.after(HOUR),
        delete_after: now.after(HOUR),
        fingerprint: None,
        compression: 0,
        value: Some(value.to_vec()),
    };
    assert_eq!(admin.write("any", vec![entry]).unwrap().written, 1);
    admin.close().unwrap();
}

#[test]
fn an_unreadable_value_is_shown_as_bytes_with_the_reason() {
    let hostile: [(&[u8], &str); 4] = [
        (&[0xC1], "the marker C1"),
        (&[0x91], "end before"),
        (&[0x01, 0x02], "1 bytes follow"),
        (&[[0x91; 200].as_slice(), &[0xC0]].concat(), "128 levels"),
    ];
    for (bytes, why) in hostile {
        let place = Place::new();
        write(&place, 1, bytes);
        let text = get(&place, "any", "7");
        assert!(text.contains("\nunreadable  ") && text.contains(why), "{text}");
        assert!(text.contains(&format!("00000000  {:02X}", bytes[0])), "{text}");
        let result = get_json(&place, "any", "7");
        assert!(result["value_unreadable"].as_str().unwrap().contains(why), "{result}");
        assert!(result.get("value_json").is_none(), "{result}");
        let reason = printed(place.dir(), &["why", FILE, "7"], 6);
        assert!(reason.contains("not found") && reason.contains(why), "{reason}");
        // The file is intact, because the value was already unreadable when it was written.
        let verified = printed(place.dir(), &["verify", FILE], 0);
        assert!(
            verified.contains("1, all whole")
                && verified.contains("unreadable: 7 in any; a lookup misses it: "),
            "{verified}"
        );
        let doctor = larder(place.dir(), &["doctor", FILE, "--json"]);
        let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
        let line = report["lines"].as_array().unwrap().iter().find(|line| line["check"] == "stored values");
        assert_eq!(line.unwrap()["verdict"], "warn", "{report}");
    }
    let place = Place::new();
    write(&place, 2, &[0xFF, 0xFE]);
    assert!(get(&place, "any", "7").contains("FF FE"));
    let result = get_json(&place, "any", "7");
    assert!(result.get("value_text").is_none() && result.get("value_unreadable").is_none(), "{result}");
}

/// Writes a wrong length into a compressed record, with a correct checksum.
fn misstate_length(place: &Place) {
    let entries: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("larder.entries");
    let db = Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(entries).unwrap();
        let is_page = |key: &[u8]| key[4..] == 2_u32.to_be_bytes();
        let rows = table.iter().unwrap().map(|row| row.unwrap());
        let rows = rows.map(|(key, record)| (key.value().to_vec(), record.value().to_vec()));
        let (key, mut record) = rows.into_iter().find(|(key, _)| is_page(key)).unwrap();
        assert_eq!(record[52..55], [2, 0, 4], "the extension is the length alone");
        record[58] ^= 1;
        let checksum = xxh3_64_with_seed(&record[8..], xxh3_64(&key));
        record[..8].copy_from_slice(&checksum.to_be_bytes());
        table.insert(&*key, &*record).unwrap();
    }
    txn.commit().unwrap();
    db.close().unwrap();
}

#[test]
fn a_value_that_cannot_be_decompressed_is_reported_and_not_exported() {
    let place = values();
    misstate_length(&place);
    let text = get(&place, "page", "2");
    assert!(text.contains("\nunreadable  ") && text.contains("28 B5 2F FD"), "the bytes of the file: {text}");
    let result = get_json(&place, "page", "2");
    assert!(result["value"].as_str().unwrap().starts_with("0x28B52FFD"), "{result}");
    assert!(result["value_unreadable"].is_string(), "{result}");
    let verified: Value =
        serde_json::from_str(&printed(place.dir(), &["verify", FILE, "--json"], 0)).unwrap();
    assert_eq!((&verified["is_whole"], &verified["unreadable_records"]), (&true.into(), &1.into()));
    assert_eq!(
        (&verified["unreadable"][0]["keyspace"], &verified["unreadable"][0]["key"]),
        (&"page".into(), &"2".into())
    );
    let raw = larder(place.dir(), &["get", FILE, "2", "--keyspace", "page", "--raw"]);
    assert_eq!((raw.status.code(), raw.stdout.len()), (Some(6), 0));
    let export = larder(place.dir(), &["export", FILE, "-o", "shop.export"]);
    assert_eq!(export.status.code(), Some(6));
    assert!(stderr(&export).contains("exported 7 entries"), "{}", stderr(&export));
    assert!(stderr(&export).contains("skipped 1 with a damaged record, or a value that can't be inflated"));
}

fn items(bytes: &[u8]) -> Vec<Item> {
    Reader::new(bytes).unwrap().collect::<Result<_, _>>().unwrap()
}

fn entry_of<'a>(items: &'a [Item], keyspace: &str, key: &[u8]) -> &'a Entry {
    let keyspaces = items.iter().filter_map(|item| match item {
        Item::Keyspace(keyspace) => Some(&*keyspace.name),
        _ => None,
    });
    let keyspaces: Vec<&str> = keyspaces.collect();
    let is_it = |entry: &&Entry| keyspaces[entry.keyspace as usize] == keyspace && entry.key == key;
    let entries = items.iter().filter_map(|item| match item {
        Item::Entry(entry) => Some(entry),
        _ => None,
    });
    entries.into_iter().find(is_it).unwrap()
}

#[test]
fn values_of_every_format_come_back_through_an_export() {
    let place = values();
    for form in ["jsonl", "binary"] {
        let export = place.dir().join("shop.export");
        let output = larder(place.dir(), &["export", FILE, "--format", form, "-o", "shop.export"]);
        assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
        let items = items(&fs::read(&export).unwrap());
        let page = entry_of(&items, "page", &2_u32.to_be_bytes());
        assert_eq!(
            (page.compression, page.value.as_deref()),
            (2, Some(pages()[1].1.as_bytes())),
            "it is inflated"
        );
        assert!(entry_of(&items, "offer", b"long\0\0").fingerprint.is_some());
        let fresh = Place::new();
        printed(fresh.dir(), &["import", FILE, export.to_str().unwrap(), "--create"], 0);
        for (keyspace, key) in [("offer", "short"), ("offer", "long"), ("setting", "texts"), ("page", "2")] {
            let [before, after] = [&place, &fresh].map(|place| get_json(place, keyspace, key));
            for field in ["value", "value_format", "compression", "stored_bytes"] {
                assert_eq!(before[field], after[field], "{form}, {keyspace}, {key}: {field}");
            }
        }
        let cache = Cache::builder().path(fresh.path()).open().unwrap();
        let (of_offers, of_settings, of_pages) = (
            cache.keyspace(OFFERS).unwrap(),
            cache.keyspace(SETTINGS).unwrap(),
            cache.keyspace(PAGES).unwrap(),
        );
        for (key, value) in offers() {
            assert_eq!(*of_offers.get(key).unwrap(), value);
        }
        for (key, value) in settings() {
            assert_eq!(*of_settings.get(key).unwrap(), value);
        }
        for (key, value) in pages() {
            assert_eq!(*of_pages.get(&key).unwrap(), value);
        }
        drop((of_offers, of_settings, of_pages));
        cache.close().unwrap();
        // The fingerprint was imported too, so the bytes do not decode as a type whose names are swapped.
        let cache = Cache::builder().path(fresh.path()).open().unwrap();
        let swapped: KeyspaceDefinition<String, Swapped> = KeyspaceDefinition::new("offer").ttl(HOUR);
        assert_eq!(cache.keyspace(swapped).unwrap().get("short"), None);
        assert_eq!(cache.stats().keyspaces[0].undecodable, 1);
    }
}

#[test]
fn an_export_of_format_1_is_imported_and_its_values_are_read() {
    let place = Place::new();
    let at = NOW.as_millis();
    let expires = NOW.after(HOUR).as_millis();
    let mut export = format!("{{\"larder_export\":1,\"exported_at_ms\":{at},\"sequence\":7}}\n");
    export += "{\"keyspace\":{\"name\":\"offer\",\"version\":0,\"key_shape\":\"string\",\"fingerprint\":\"0x0000000000000000\"}}\n";
    writeln!(
        export,
        "{{\"entry\":{{\"keyspace\":\"offer\",\"key\":\"0x73686F72740000\",\"written_at_ms\":{at},\"expires_at_ms\":{expires},\
         \"delete_after_ms\":{expires},\"value\":\"0x01410102\"}}}}"
    )
    .unwrap();
    export += "{\"end\":{\"entries\":1,\"skipped\":{\"expired\":0,\"damaged\":0,\"other_version\":0}}}\n";
    let checksum = xxh3_64(export.as_bytes());
    writeln!(export, "{{\"checksum\":\"0x{checksum:016X}\"}}").unwrap();
    fs::write(place.dir().join("shop.export"), export).unwrap();
    printed(place.dir(), &["import", FILE, "shop.export", "--create"], 0);
    let why = printed(place.dir(), &["why", FILE, "short"], 0);
    assert!(why.contains("Its value has 4 bytes of bincode. An earlier version of larder wrote it"), "{why}");
    let cache = Cache::builder().path(place.path()).open().unwrap();
    assert_eq!(*cache.keyspace(OFFERS).unwrap().get("short").unwrap(), offers()[0].1);
}
