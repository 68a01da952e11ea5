//! Tests of the limits in an encoding that describes itself, with hostile bytes and with several kinds of
//! types. Also tests trailing and missing bytes.

use crate::format::codec::format::Format;
use crate::format::codec::limits::MAX_DEPTH;
use serde_json::Value;

use super::*;

const FORMAT: Format = Format::MessagePack;

fn encode<V: Serialize + 'static>(value: &V) -> Result<Vec<u8>, CodecError> {
    crate::format::codec::encode(FORMAT, value).map(|encoded| encoded.payload)
}

fn decode<V: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<V, CodecError> {
    decode_unmarked(FORMAT, bytes)
}

/// Returns what the codec would write without the limits.
fn unlimited<V: Serialize>(value: &V) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    value.serialize(&mut serializer).unwrap();
    bytes
}

fn refusal<V: DeserializeOwned + 'static>(bytes: &[u8]) -> String {
    match decode::<V>(bytes) {
        Ok(_) => panic!("{} bytes were decoded to a {}", bytes.len(), std::any::type_name::<V>()),
        Err(error) => error.to_string(),
    }
}

/// A type that reads its content several times, once for each variant.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Many(Vec<Untagged>),
    Named { a: Box<Untagged> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    End,
    Node { a: Option<Box<Tagged>> },
    Map(BTreeMap<String, Tagged>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// A struct that is decoded from maps with fields that it does not have.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    #[serde(default)]
    known: u8,
}

fn arrays(levels: usize) -> Vec<u8> {
    [vec![0x91; levels], vec![1]].concat()
}

fn maps(levels: usize) -> Vec<u8> {
    [b"\x81\xA1a".repeat(levels), vec![1]].concat()
}

#[test]
fn hostile_nesting_is_an_error_and_not_an_overflow_for_every_type() {
    const LEVELS: usize = 1 << 20;
    type Check = fn(&[u8]) -> String;
    let checks: [Check; 6] = [
        refusal::<Value>,
        refusal::<Untagged>,
        refusal::<Flattened>,
        refusal::<Known>,
        refusal::<Tree>,
        refusal::<List>,
    ];
    let known = |inside: Vec<u8>| [b"\x81\xA1a".to_vec(), inside].concat();
    for (at, check) in checks.into_iter().enumerate() {
        for bytes in [maps(LEVELS), known(arrays(LEVELS))] {
            let text = check(&bytes);
            // A type that expects a variant fails after the first map.
            assert!(text.contains("levels") || at >= 4, "{at}: {text}");
        }
    }
    let tagged = [b"\x82\xA4kind\xA4Node\xA1a".repeat(LEVELS), vec![0xC0]].concat();
    assert!(refusal::<Tagged>(&tagged).contains("levels"));
    for variant in [&b"\x81\xA7Newtype"[..], b"\x81\xA5Maybe", b"\x81\xA4Many\x91", b"\x81\xA3Map\x81\xA1a"] {
        assert!(refusal::<Tree>(&variant.repeat(LEVELS)).contains("levels"), "{variant:?}");
    }
    assert!(refusal::<List>(&b"\x81\xA4Next".repeat(LEVELS)).contains("levels"));
}

#[test]
fn the_last_level_is_encoded_and_decoded_and_the_next_is_not() {
    let value = |levels: usize| (0..levels).fold(Value::from(1), |value, _| Value::Array(vec![value]));
    assert_eq!(decode::<Value>(&arrays(MAX_DEPTH)).unwrap(), value(MAX_DEPTH));
    assert_eq!(encode(&value(MAX_DEPTH)).unwrap(), arrays(MAX_DEPTH));
    assert!(refusal::<Value>(&arrays(MAX_DEPTH + 1)).contains("more than 128 levels"));
    assert!(encode(&value(MAX_DEPTH + 1)).unwrap_err().to_string().contains("more than 128 levels"));
    let untagged = |levels: usize| {
        (0..levels).fold(Untagged::Number(1), |value, at| match at % 2 {
            0 => Untagged::Many(vec![value]),
            _ => Untagged::Named { a: Box::new(value) },
        })
    };
    assert_eq!(decode::<Untagged>(&encode(&untagged(MAX_DEPTH)).unwrap()).unwrap(), untagged(MAX_DEPTH));
    assert!(encode(&untagged(MAX_DEPTH + 1)).is_err());
    assert!(refusal::<Untagged>(&unlimited(&untagged(MAX_DEPTH + 1))).contains("levels"));
    // Encoding counts the `Option` as a level. A reader that asks for any kind does not see the `Option`.
    let tagged = |levels: usize| {
        (0..levels).fold(Tagged::End, |value, at| match at % 3 {
            0 => Tagged::Map(BTreeMap::from([("a".to_owned(), value)])),
            _ => Tagged::Node { a: Some(Box::new(value)) },
        })
    };
    let deepest = (1..200).take_while(|levels| encode(&tagged(*levels)).is_ok()).last().unwrap();
    assert!(deepest > MAX_DEPTH / 2, "{deepest}");
    assert_eq!(decode::<Tagged>(&encode(&tagged(deepest)).unwrap()).unwrap(), tagged(deepest));
}

#[test]
fn a_length_that_the_bytes_cannot_hold_is_refused_before_memory_is_claimed() {
    type Check = fn(&[u8]) -> String;
    let (array, map) = (b"\xDD\xFF\xFF\xFF\xFF", b"\xDF\xFF\xFF\xFF\xFF");
    let arrays: [Check; 5] = [
        refusal::<Vec<u64>>,
        refusal::<Vec<()>>,
        refusal::<HashSet<Nothing>>,
        refusal::<Value>,
        refusal::<Untagged>,
    ];
    for check in arrays {
        let text = check(array);
        assert!(text.contains("more elements"), "{text}");
    }
    let maps: [Check; 4] =
        [refusal::<HashMap<u64, u64>>, refusal::<Value>, refusal::<Flattened>, refusal::<Untagged>];
    for check in maps {
        let text = check(map);
        assert!(text.contains("more elements"), "{text}");
    }
    // A text, a byte string and an extension, each announcing 4 GiB.
    for bytes in [b"\xDB\xFF\xFF\xFF\xFF", b"\xC6\xFF\xFF\xFF\xFF", b"\xC9\xFF\xFF\xFF\xFF"] {
        refusal::<Value>(bytes);
        refusal::<String>(bytes);
        refusal::<Vec<u8>>(bytes);
        refusal::<Known>(&[&b"\x81\xA1a"[..], bytes].concat());
    }
}

#[test]
fn trailing_and_missing_bytes_are_errors() {
    let mut bytes = encode(&product()).unwrap();
    assert_eq!(decode::<Product>(&bytes).unwrap(), product());
    bytes.push(0);
    assert!(refusal::<Product>(&bytes).contains("bytes follow"));
    for len in 0..bytes.len() - 1 {
        refusal::<Product>(&bytes[..len]);
    }
    // The value is followed by any one byte, such as an unknown marker or the start of a compound, or by deep
    // nesting.
    for marker in 0..=u8::MAX {
        *bytes.last_mut().unwrap() = marker;
        assert!(refusal::<Product>(&bytes).contains("bytes follow"), "{marker:02x}");
    }
    for follows in [arrays(1 << 20), maps(1 << 20)] {
        assert!(refusal::<u8>(&[&[1], &follows[..]].concat()).contains("bytes follow"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn encoding_refuses_exactly_what_decoding_would(tree in tree()) {
        let bytes = unlimited(&tree);
        check_limits(FORMAT, tree, &bytes)?;
    }

    #[test]
    fn what_changed_bytes_decode_to_encodes_again(
        tree in tree(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = unlimited(&tree);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(tree) = decode::<Tree>(&bytes) {
            let again = encode(&tree).unwrap();
            prop_assert!(encode(&decode::<Tree>(&again).unwrap()).unwrap() == again);
        }
    }
}
