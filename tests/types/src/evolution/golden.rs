//! Pins the fingerprints and bytes that existing files contain.
//!
//! A fingerprint depends on the calls that serde makes for derived types and for types of the standard
//! library. If a release of serde made other calls, the records of the affected types would become misses
//! after the update, without a visible reason. If one of the pinned fingerprints changes, the file format
//! has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use larder::Format;
use larder::testing::bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Product {
    code: String,
    price: u64,
    discount: Option<i32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    unit_price: u64,
    #[serde(rename = "kind", alias = "type")]
    sort: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Opened,
    Sold(u32),
    Moved(u8, u8),
    Named { name: String, by: Option<Box<Event>> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u16, i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested {
    products: Vec<Product>,
    events: BTreeMap<String, Event>,
    pair: Pair,
    meters: [Meters; 2],
}

fn product() -> Product {
    Product { code: "MTNVTU".to_owned(), price: 300, discount: Some(-2) }
}

fn event() -> Event {
    Event::Named { name: "ab".to_owned(), by: Some(Box::new(Event::Sold(7))) }
}

fn nested() -> Nested {
    Nested {
        products: vec![product(), product()],
        events: BTreeMap::from([("a".to_owned(), event()), ("b".to_owned(), Event::Opened)]),
        pair: Pair(1, -1),
        meters: [Meters(0.5), Meters(-0.0)],
    }
}

/// Returns the fingerprint of a value. Checks that the value is decoded as it was encoded.
fn fingerprint<V>(value: &V) -> u64
where
    V: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug + 'static,
{
    let (payload, fingerprint) = bytes::encode_checked(Format::Bincode, value).unwrap();
    assert_eq!(bytes::decode_marked::<V>(Format::Bincode, &payload, fingerprint).as_ref(), Ok(value));
    fingerprint.unwrap()
}

#[test]
fn fingerprints_are_pinned() {
    let found = [
        ("a number", fingerprint(&7_u32)),
        ("a text", fingerprint(&"text".to_owned())),
        ("bytes", fingerprint(&vec![1_u8, 2, 3])),
        ("numbers", fingerprint(&vec![1_u64, 2])),
        ("nothing", fingerprint(&())),
        ("an option", fingerprint(&Some(7_u8))),
        ("no option", fingerprint(&None::<u8>)),
        ("a tuple", fingerprint(&(1_u8, 'a', true, 1_i128))),
        ("a map", fingerprint(&BTreeMap::from([(1_u8, "a".to_owned()), (2, String::new())]))),
        ("a set", fingerprint(&BTreeSet::from([3_i16, 4]))),
        ("a struct", fingerprint(&product())),
        ("a renamed struct", fingerprint(&Renamed { unit_price: 1, sort: "a".to_owned() })),
        ("a tuple struct", fingerprint(&Pair(1, 2))),
        ("a newtype", fingerprint(&Meters(1.5))),
        ("a unit variant", fingerprint(&Event::Opened)),
        ("a newtype variant", fingerprint(&Event::Sold(1))),
        ("a tuple variant", fingerprint(&Event::Moved(1, 2))),
        ("a struct variant", fingerprint(&event())),
        ("everything", fingerprint(&nested())),
        ("a result", fingerprint(&Err::<u8, String>("no".to_owned()))),
        ("a duration", fingerprint(&Duration::from_millis(1_500))),
        ("an address", fingerprint(&IpAddr::V4(Ipv4Addr::LOCALHOST))),
        ("a range", fingerprint(&(1_u8..3))),
    ];
    let found: Vec<String> = found.iter().map(|(what, print)| format!("{print:016x} {what}")).collect();
    assert_eq!(found, PINNED, "a fingerprint moved: every record of such a value would be a miss");
}

const PINNED: [&str; 23] = [
    "6c08d09500000000 a number",
    "05882cc600000000 a text",
    "20cf488f00000000 bytes",
    "745ccb3000000000 numbers",
    "c2fc5b2500000000 nothing",
    "2d643def00000000 an option",
    "1445975400000000 no option",
    "a22a03fa00000000 a tuple",
    "6bf77a0700000000 a map",
    "bc6dd77400000000 a set",
    "2b508ffaadf86258 a struct",
    "46b91ee9069b4fbf a renamed struct",
    "edef72ff00000000 a tuple struct",
    "6c2ae65500000000 a newtype",
    "470f1d3b38ba80b1 a unit variant",
    "67fe952cb2f16572 a newtype variant",
    "6027f8ad9d6d9e40 a tuple variant",
    "63441e2f38805355 a struct variant",
    "a4e38230d3a241bf everything",
    "2b24faae7420dbf6 a result",
    "50e80bf83bdb7b60 a duration",
    "1c599dc0ed0eb48d an address",
    "e6e1bacadd84a7d3 a range",
];

#[test]
fn what_is_written_under_another_name_or_kind_has_another_fingerprint() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Product {
        code: String,
        price: u64,
        rebate: Option<i32>,
    }
    let other = fingerprint(&Product { code: "MTNVTU".to_owned(), price: 300, rebate: Some(-2) });
    let own = fingerprint(&product());
    assert_eq!(own >> 32, other >> 32, "the kinds are the same");
    assert_ne!(own, other);
    assert_ne!(fingerprint(&1_u32) >> 32, fingerprint(&1_i32) >> 32);
}

#[test]
fn message_packs_bytes_are_pinned() {
    let of = |payload: Result<(Vec<u8>, Option<u64>), _>| {
        let (payload, fingerprint) = payload.unwrap();
        assert_eq!(fingerprint, None, "a record that describes itself has none");
        payload
    };
    let product = of(bytes::encode(Format::MessagePack, &product()));
    assert_eq!(product, b"\x83\xA4code\xA6MTNVTU\xA5price\xCD\x01\x2C\xA8discount\xFE");
    let event = of(bytes::encode(Format::MessagePack, &event()));
    assert_eq!(event, b"\x81\xA5Named\x82\xA4name\xA2ab\xA2by\x81\xA4Sold\x07");
    let json = of(bytes::encode(Format::MessagePack, &serde_json::json!({"a": [1, -1, 0.5, null, "x"]})));
    assert_eq!(json, b"\x81\xA1a\x95\x01\xFF\xCB\x3F\xE0\0\0\0\0\0\0\xC0\xA1x");
    let wide = of(bytes::encode(Format::MessagePack, &(u128::MAX, 'a', (), [1_u8, 200])));
    assert_eq!(wide, b"\x94\xC4\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA1a\xC0\x92\x01\xCC\xC8");
    let address = of(bytes::encode(Format::MessagePack, &IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!(address, b"\xA9127.0.0.1", "in the form that people read");
}
