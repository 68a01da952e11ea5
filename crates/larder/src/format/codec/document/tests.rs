use super::Document;
use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::*;
use crate::format::codec::format::Format;
use crate::format::codec::limits::MAX_DEPTH;
use crate::format::codec::{decode_unmarked, encode};

fn json_of(bytes: &[u8]) -> Value {
    serde_json::to_value(Document::read(bytes).unwrap()).unwrap()
}

fn written<V: Serialize + 'static>(value: &V) -> Value {
    json_of(&encode(Format::MessagePack, value).unwrap().payload)
}

#[derive(Serialize)]
struct Product {
    name: String,
    price: Option<u64>,
    kinds: Vec<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<u8>,
}

#[derive(Serialize)]
enum Kind {
    Airtime,
    Data { mb: u64 },
    Pair(i8, bool),
}

#[test]
fn a_value_is_shown_with_the_names_of_its_type() {
    let kinds = vec![Kind::Airtime, Kind::Data { mb: 500 }, Kind::Pair(-1, true)];
    let product = Product { name: "MTN \"airtime\"\n".to_owned(), price: None, kinds, rank: None };
    let expected = json!({
        "name": "MTN \"airtime\"\n",
        "price": null,
        "kinds": ["Airtime", {"Data": {"mb": 500}}, {"Pair": [-1, true]}],
    });
    assert_eq!(written(&product), expected);
}

#[test]
fn what_json_has_no_word_for_is_spelled_and_nothing_is_left_out() {
    assert_eq!(
        written(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5]),
        json!(["NaN", "Infinity", "-Infinity", 0.5])
    );
    assert_eq!(written(&f32::NAN), json!("NaN"));
    let text = serde_json::to_string(&Document::read(&[0xCA, 0x3D, 0xCC, 0xCC, 0xCD]).unwrap()).unwrap();
    assert_eq!(text, "0.1", "as short as it may be");
    for number in [u64::MAX, (1 << 53) + 1] {
        assert_eq!(written(&number), json!(number));
    }
    assert_eq!(written(&i64::MIN), json!(i64::MIN));
    assert_eq!(written(&u128::MAX), json!(format!("0x{}", "F".repeat(32))));
    assert_eq!(json_of(&[0xC4, 2, 1, 0xAB]), json!("0x01AB"));
    assert_eq!(json_of(&[0xA2, 0xFF, 0xFE]), json!("0xFFFE"), "text that is none");
    assert_eq!(json_of(&[0xD4, 0xFF, 7]), json!({"extension": -1, "bytes": "0x07"}));
    for (marker, len) in [(0xD4, 1), (0xD5, 2), (0xD6, 4), (0xD7, 8), (0xD8, 16)] {
        let bytes = [vec![marker, 9], vec![0xAB; len]].concat();
        assert_eq!(json_of(&bytes), json!({"extension": 9, "bytes": format!("0x{}", "AB".repeat(len))}));
    }
    assert_eq!(json_of(&[0xC7, 3, 5, 1, 2, 3]), json!({"extension": 5, "bytes": "0x010203"}));
}

#[test]
fn keys_that_are_not_text_are_spelled_as_json() {
    assert_eq!(written(&BTreeMap::from([(7_u8, 'a'), (9, 'b')])), json!({"7": "a", "9": "b"}));
    assert_eq!(written(&HashMap::from([((-1, "a\"\u{1}"), 0.5)])), json!({"[-1,\"a\\\"\\u0001\"]": 0.5}));
    assert_eq!(written(&HashMap::from([(true, 1)])), json!({"true": 1}));
    // A map of eight entries. The keys are null, two floats, bytes, a map, an extension, an infinite float,
    // and an array with text that is not UTF-8.
    let keys: [&[u8]; 8] = [
        &[0xC0],
        &[0xCA, 0x3F, 0x80, 0, 0],
        &[0xCB, 0x40, 0, 0, 0, 0, 0, 0, 0],
        &[0xC4, 1, 0xAB],
        &[0x81, 0x01, 0xA1, b'x'],
        &[0xD4, 1, 2],
        &[0xCA, 0x7F, 0x80, 0, 0],
        &[0x91, 0xA1, 0xFF],
    ];
    let bytes = keys.iter().fold(vec![0x88], |bytes, key| [&bytes[..], key, &[0]].concat());
    let spelled = json_of(&bytes);
    for key in [
        "null",
        "1.0",
        "2.0",
        "0xAB",
        "{\"1\":\"x\"}",
        "{\"extension\":1,\"bytes\":\"0x02\"}",
        "\"Infinity\"",
        "[\"0xFF\"]",
    ] {
        assert_eq!(spelled[key], json!(0), "{key} is not in {spelled}");
    }
}

#[test]
fn what_follows_a_value_is_an_error_also_if_it_is_cut_off() {
    for rest in [&[0xC0][..], &[0x81], &[0x92, 0x01], &[0xC1], &[0xA3, b'a'], &[0xD4]] {
        let bytes = [&[0x07][..], rest].concat();
        let error = decode_unmarked::<u8>(Format::MessagePack, &bytes).unwrap_err().to_string();
        assert!(error.contains("follow the end"), "{error}");
        assert!(Document::read(&bytes).is_err());
    }
    assert_eq!(decode_unmarked::<u8>(Format::MessagePack, &[0x07]), Ok(7));
}

#[test]
fn hostile_bytes_are_refused_with_the_reason() {
    let nested = |levels: usize, marker: &[u8]| [marker.repeat(levels), vec![0xC0]].concat();
    assert!(Document::read(&nested(MAX_DEPTH, &[0x91])).is_ok());
    let refused: [(&[u8], &str); 9] = [
        (&nested(MAX_DEPTH + 1, &[0x91]), "128 levels"),
        (&nested(1 << 20, &[0x81, 0xC0]), "128 levels"),
        (&[0x81, 0xC0].repeat(1 << 20), "128 levels"),
        (&[0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0xC0], "end before"),
        (&[0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC0], "end before"),
        (&[0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 0xC0], "end before"),
        (&[0xC1], "C1"),
        (&[0xC0, 0xC0], "1 bytes follow"),
        (&[], "end before"),
    ];
    for (bytes, text) in refused {
        let error = Document::read(bytes).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 20, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            proptest::collection::btree_map("\\PC{0,6}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_json_can_say_comes_back_as_it_was(value in values()) {
        prop_assert_eq!(written(&value), value);
    }

    /// The codec decides which bytes are MessagePack.
    #[test]
    fn any_bytes_are_shown_or_refused_as_the_codec_takes_them(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80_u8..0x96, 0xC0_u8..0xE0, Just(0)], 0..40),
    ) {
        let is_value = decode_unmarked::<IgnoredAny>(Format::MessagePack, &bytes);
        match Document::read(&bytes) {
            Ok(document) => {
                prop_assert!(is_value.is_ok(), "it is no value to the codec: {is_value:?}");
                serde_json::to_string(&document).unwrap();
                serde_json::to_string_pretty(&document).unwrap();
            }
            Err(error) => prop_assert!(is_value.is_err(), "{}", error),
        }
    }
}
