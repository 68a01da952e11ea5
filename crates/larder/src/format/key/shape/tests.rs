use proptest::prelude::*;

use super::*;
use crate::format::key::{EncodeKey, Key};

fn agrees<K: Key>(key: &K, value: &KeyValue) {
    let mut bytes = KeyBuffer::default();
    EncodeKey::encode(key, &mut bytes.writer());
    let shape: KeyShape = K::shape().parse().unwrap();
    assert_eq!(shape.to_string(), K::shape());
    assert_eq!(shape.encode(value).unwrap(), bytes.as_slice());
    assert_eq!(&shape.decode(bytes.as_slice()).unwrap(), value);
}

proptest! {
    #[test]
    fn a_shape_reads_and_writes_what_the_type_does(
        text in ".{0,12}", bytes: Vec<u8>, small: i8, number: u64, large: i128, count: u16
    ) {
        use KeyValue::{Bytes, Signed, Text, Tuple, Unit, Unsigned};
        agrees(&(), &Unit);
        agrees(&text, &Text(text.clone()));
        agrees(&bytes, &Bytes(bytes.clone()));
        agrees(&small, &Signed(small.into()));
        agrees(&number, &Unsigned(number.into()));
        agrees(&large, &Signed(large));
        agrees(&count, &Unsigned(count.into()));
        let parts = vec![Text(text.clone()), Tuple(vec![Signed(small.into()), Bytes(bytes.clone())])];
        agrees(&(text, (small, bytes)), &Tuple(parts));
    }

    #[test]
    fn a_shape_reads_and_writes_the_fixed_and_optional_parts_as_the_type_does(
        flag: bool, letter: char, digest: [u8; 20], text: Option<String>, nested: Option<Option<(bool, u16)>>
    ) {
        use KeyValue::{Bool, Bytes, Char, Option, Text, Tuple, Unsigned};
        agrees(&flag, &Bool(flag));
        agrees(&letter, &Char(letter));
        agrees(&digest, &Bytes(digest.to_vec()));
        let some = |value: KeyValue| Some(Box::new(value));
        let optional = Option(text.clone().and_then(|text| some(Text(text))));
        agrees(&text, &optional);
        let parts = |(flag, number): (bool, u16)| Tuple(vec![Bool(flag), Unsigned(number.into())]);
        agrees(&nested, &Option(nested.and_then(|inner| some(Option(inner.and_then(|pair| some(parts(pair))))))));
        agrees(&(letter, text, digest), &Tuple(vec![Char(letter), optional, Bytes(digest.to_vec())]));
    }

    #[test]
    fn any_text_is_a_shape_or_refused(text in "([(),>]|, |u64|string|bool|option<|\\[u8; [0-9]{1,3}\\]){0,9}|[(),u64string ]{0,40}") {
        if let Ok(shape) = text.parse::<KeyShape>() {
            prop_assert_eq!(shape.to_string(), text);
        }
    }
}

#[test]
fn what_does_not_fit_a_shape_is_refused() {
    let shape = |text: &str| text.parse::<KeyShape>().unwrap();
    assert!(shape("u8").encode(&KeyValue::Unsigned(256)).is_err());
    assert!(shape("u8").encode(&KeyValue::Text(String::new())).is_err());
    assert!(shape("(u8, u8)").encode(&KeyValue::Tuple(vec![KeyValue::Unsigned(1)])).is_err());
    assert!(shape("u64").encode_prefix(&KeyValue::Unsigned(1)).is_err());
    let first = KeyValue::Tuple(vec![KeyValue::Unsigned(1)]);
    assert_eq!(shape("(u8, u8)").encode_prefix(&first).unwrap(), [1]);
    let bytes = |len: usize| KeyValue::Bytes(vec![7; len]);
    assert!(shape("[u8; 3]").encode(&bytes(2)).is_err() && shape("[u8; 3]").encode(&bytes(4)).is_err());
    assert_eq!(shape("[u8; 3]").encode_prefix(&bytes(2)).unwrap(), [7, 7]);
    assert!(shape("[u8; 3]").encode_prefix(&bytes(4)).is_err());
    let some = |text: &str| KeyValue::Option(Some(Box::new(KeyValue::Text(text.to_owned()))));
    assert_eq!(shape("option<string>").encode_prefix(&some("a")).unwrap(), b"\x01a");
    assert_eq!(shape("option<string>").encode_prefix(&KeyValue::Option(None)).unwrap(), [0]);
    assert!(shape("option<u8>").encode_prefix(&some("a")).is_err());
    for unknown in [
        "",
        "ulid",
        "(u8",
        "(u8,u8)",
        "u8)",
        "[u8; 016]",
        "[u8; -1]",
        "[u8;1]",
        "[i8; 1]",
        "option<u8",
        "option<>",
        "option<u8>>",
        &"(".repeat(100_000),
        &"option<".repeat(100_000),
    ] {
        assert!(unknown.parse::<KeyShape>().is_err(), "{unknown:.20}");
    }
}

#[test]
fn the_first_parts_of_a_key_are_found_by_its_shape() {
    let shape: KeyShape = "(string, u16, option<string>)".parse().unwrap();
    let text = || KeyValue::Text("a\0b".to_owned());
    let key = KeyValue::Tuple(vec![text(), KeyValue::Unsigned(7), KeyValue::Option(None)]);
    let bytes = shape.encode(&key).unwrap();
    assert_eq!(bytes, b"a\0\xFFb\0\0\0\x07\0");
    for (parts, len) in [(0, Some(0)), (1, Some(6)), (2, Some(8)), (3, None), (4, None)] {
        assert_eq!(shape.first_parts(&bytes, parts), len.map(|len| &bytes[..len]), "{parts}");
    }
    assert_eq!(shape.first_parts(&bytes[..8], 2), Some(&bytes[..8]), "a range is the range of itself");
    assert_eq!(shape.first_parts(&bytes[..7], 2), None);
    assert_eq!(KeyShape::Text.first_parts(&bytes, 1), None);
}
