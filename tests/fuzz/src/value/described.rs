//! Values in a self-describing encoding, whose bytes contain the types of the values.

use std::collections::BTreeMap;
use std::fmt::Debug;

use larder::testing::bytes;
use larder::{Format, MAX_DEPTH};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Codec, List, Nothing, Product, Tree, built};
use crate::input::Input;
use crate::seeds::Seed;

const FORMAT: Format = Format::MessagePack;

/// A type whose `Deserialize` tries to read the content as each variant in turn.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Many(Vec<Untagged>),
    Named { a: Box<Untagged>, b: Option<u8> },
}

/// A type whose `Deserialize` buffers the content until it has found the tag.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    End,
    Node { a: Option<Box<Tagged>>, b: u16 },
    Map(BTreeMap<String, Tagged>),
}

/// A type whose `Deserialize` buffers the fields that it does not declare.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// A type whose `Deserialize` skips the fields that it does not declare.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    #[serde(default)]
    a: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<u32>,
}

pub(super) fn check<C: Codec>(input: &mut Input<'_>) {
    let family = input.below(12);
    if family == 0 {
        return built::<C>(FORMAT, input);
    }
    let found = input.rest();
    match family {
        1 => any_bytes::<C, List>(found),
        2 => any_bytes::<C, Tree>(found),
        3 => any_bytes::<C, Product>(found),
        4 => any_bytes::<C, Vec<()>>(found),
        5 => any_bytes::<C, Vec<Vec<Nothing>>>(found),
        6 => any_bytes::<C, (char, i128, u128, Vec<u8>)>(found),
        7 => any_bytes::<C, Untagged>(found),
        8 => any_bytes::<C, Tagged>(found),
        9 => any_bytes::<C, Flattened>(found),
        10 => any_bytes::<C, Known>(found),
        _ => {
            any_bytes::<C, Value>(found);
            let levels = C::decode::<Value>(FORMAT, found).map_or(0, |value| depth(&value));
            assert!(levels <= MAX_DEPTH, "{levels} levels were decoded");
        }
    }
}

fn any_bytes<C: Codec, V: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(found: &[u8]) {
    let Ok(value) = C::decode::<V>(FORMAT, found) else { return };
    let longer = [found, &[0]].concat();
    assert!(C::decode::<V>(FORMAT, &longer).is_err(), "a byte left over is an error");
    // A value is not stored if it would be decoded to another value, or if it would nest too deeply when it
    // is encoded again.
    if bytes::encode_checked(FORMAT, &value).is_err() {
        return;
    }
    let encoded = C::encode(FORMAT, &value).unwrap();
    assert_eq!(C::decode::<V>(FORMAT, &encoded).as_ref(), Ok(&value), "a value that encodes reads back");
    assert_eq!(bytes::encoded_len(FORMAT, &value), Ok(encoded.len()));
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Value::Object(all) => 1 + all.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn of<V: Serialize + 'static>(family: u8, value: &V) -> Vec<u8> {
    [vec![12, family], bytes::encode(FORMAT, value).unwrap().0].concat()
}

pub(crate) fn seeds() -> Vec<Seed> {
    let raw = |family: u8, bytes: &[u8]| [&[12, family], bytes].concat();
    let product = super::product();
    let value = serde_json::json!({"a": [1, -1, 0.5, null, true, "x"], "b": {"c": {}}});
    let untagged = Untagged::Many(vec![
        Untagged::Number(-1),
        Untagged::Named { a: Box::new(Untagged::Text("x".to_owned())), b: None },
    ]);
    let tagged = Tagged::Map(BTreeMap::from([(
        "x".to_owned(),
        Tagged::Node { a: Some(Box::new(Tagged::End)), b: 300 },
    )]));
    let flattened = Flattened { a: 1, rest: BTreeMap::from([("b".to_owned(), value.clone())]) };
    let deepest = (1..MAX_DEPTH).fold(List::End, |rest, _| List::Next(Box::new(rest)));
    let map = |levels: usize| [&b"\x81\xA1a".repeat(levels)[..], &[0xC0]].concat();
    let all = [
        ("described-built-deep", raw(0, &[3].repeat(MAX_DEPTH - 1))),
        ("described-built-too-deep", raw(0, &[3].repeat(MAX_DEPTH + 9))),
        ("described-list-deepest", of(1, &deepest)),
        ("described-list-too-deep", raw(1, &b"\x81\xA4Next".repeat(500))),
        (
            "described-tree",
            of(
                2,
                &Tree::Many(vec![
                    Tree::Maybe(Some(Box::new(Tree::Leaf))),
                    Tree::Units(vec![((), Nothing); 3]),
                ]),
            ),
        ),
        ("described-product", of(3, &product)),
        ("described-product-as-a-list", raw(3, b"\x96\xA1x\x80\x90\xC0\xC3\x92\x01\x93\x01\x02\x03")),
        ("described-units", of(4, &vec![(); 300])),
        ("described-units-hostile", raw(4, b"\xDD\xFF\xFF\xFF\xFF")),
        ("described-units-in-sequences-hostile", raw(5, b"\x93\xDD\xFF\xFF\xFF\xFF")),
        ("described-wide", of(6, &('ß', i128::MIN, u128::MAX, vec![0_u8, 200]))),
        ("described-bytes-hostile", raw(6, b"\x94\xA1a\xC6\xFF\xFF\xFF\xFF")),
        ("described-untagged", of(7, &untagged)),
        ("described-untagged-too-deep", raw(7, &[0x91].repeat(2_000))),
        ("described-untagged-hostile", raw(7, b"\xDF\xFF\xFF\xFF\xFF")),
        ("described-tagged", of(8, &tagged)),
        ("described-tagged-too-deep", raw(8, &b"\x82\xA4kind\xA4Node\xA1a".repeat(300))),
        ("described-tag-last", raw(8, b"\x83\xA1a\xC0\xA1b\x07\xA4kind\xA4Node")),
        ("described-flattened", of(9, &flattened)),
        ("described-flattened-too-deep", raw(9, &map(1_000))),
        ("described-known", of(10, &Known { a: 1, b: Some(2) })),
        ("described-unknown-too-deep", raw(10, &[&b"\x81\xA1z"[..], &[0x91].repeat(2_000)].concat())),
        ("described-value", of(11, &value)),
        ("described-value-deepest", raw(11, &map(MAX_DEPTH))),
        ("described-value-too-deep", raw(11, &map(MAX_DEPTH + 1))),
        ("described-value-hostile", raw(11, b"\xDD\xFF\xFF\xFF\xFF")),
        ("described-value-followed-by-one", raw(11, b"\xC0\xC1")),
        ("described-followed-by-deep-nesting", raw(7, &[&[1], &[0x91_u8].repeat(3_000)[..]].concat())),
        ("described-followed-by-half-a-map", raw(7, b"\x61\xDF\xFF\xFF\xFF\xFF")),
        ("described-extension", raw(11, b"\xC7\x04\x01abcd")),
    ];
    all.into_iter().map(|(name, input)| ("value", name, input)).collect()
}
