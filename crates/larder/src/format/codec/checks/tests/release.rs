//! Tests of the checks in a release build, which tries only some of the values.

use crate::format::codec::checks::ValueChecks;
use crate::format::codec::format::Format;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer};

use crate::format::codec::checks::*;

/// Encodes, checks and decodes values one after another, as a release build does. Returns each decoded value,
/// or `None` for a refused value.
fn in_a_release<V>(format: Format, values: &[V]) -> Vec<Option<V>>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let checks = ValueChecks::of_a_release();
    let through = |value: &V| {
        let encoded = crate::format::codec::encode(format, value).ok()?;
        checks.check(format, value, &encoded).ok()?;
        let extension = Extension { fingerprint: encoded.fingerprint(), ..Extension::default() };
        let read = checks.read(format, record::PayloadCompression::None, &extension, &encoded.payload);
        Some(read.expect("what was let in is read").0)
    };
    values.iter().map(through).collect()
}

#[test]
fn a_value_that_looks_like_another_is_refused_also_after_many_that_did_not() {
    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Small(u8),
        Large(u16),
    }
    let mut values = vec![Untagged::Large(300); 40];
    values.push(Untagged::Large(5));
    values.push(Untagged::Small(5));
    let mut expected: Vec<_> = values.iter().cloned().map(Some).collect();
    expected[40] = None;
    assert_eq!(in_a_release(Format::MessagePack, &values), expected);
}

#[test]
fn raw_bytes_that_look_like_another_value_are_refused_too() {
    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Text(String),
        Bytes(Vec<u8>),
    }
    let mut values = vec![Untagged::Text("text".to_owned()); 40];
    values.push(Untagged::Bytes(b"text".to_vec()));
    let mut expected: Vec<_> = values.iter().cloned().map(Some).collect();
    expected[40] = None;
    assert_eq!(in_a_release(Format::Raw, &values), expected);
}

#[test]
fn maps_that_are_flattened_into_one_are_refused_whatever_came_before() {
    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        one: BTreeMap<String, u8>,
        #[serde(flatten)]
        other: BTreeMap<String, u8>,
    }
    let same = BTreeMap::from([("a".to_owned(), 1)]);
    let flat = |one: &BTreeMap<String, u8>, other: &BTreeMap<String, u8>| Flat {
        one: one.clone(),
        other: other.clone(),
    };
    let none = BTreeMap::new();
    let values = [vec![flat(&none, &none); 40], vec![flat(&same, &none)]].concat();
    assert_eq!(in_a_release(Format::MessagePack, &values).last(), Some(&None));
}

#[test]
fn a_field_that_is_left_out_for_the_first_time_is_tried() {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_five(number: &u32) -> bool {
        *number == 5
    }
    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    struct Offer {
        #[serde(default, skip_serializing_if = "is_five")]
        level: u32,
    }
    let values: Vec<_> = (0..40).map(|at| Offer { level: at % 3 }).chain([Offer { level: 5 }]).collect();
    let mut expected: Vec<_> = values.iter().cloned().map(Some).collect();
    expected[40] = None;
    assert_eq!(in_a_release(Format::MessagePack, &values), expected);
}

#[test]
fn a_type_that_asks_whether_it_is_read_by_people_gets_one_answer() {
    /// A type that serializes as a byte in human-readable formats, and as text in other formats.
    #[derive(Debug, PartialEq, Clone)]
    struct Shy(u8);
    impl Serialize for Shy {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.serialize_u8(self.0)
            } else {
                serializer.serialize_str(&self.0.to_string())
            }
        }
    }
    impl<'de> Deserialize<'de> for Shy {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                return u8::deserialize(deserializer).map(Self);
            }
            String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
        }
    }
    for format in [Format::Bincode, Format::MessagePack] {
        let value = vec![Shy(1), Shy(250)];
        assert_eq!(in_a_release(format, std::slice::from_ref(&value)), [Some(value)], "{format}");
    }
}

#[test]
fn what_no_format_takes_is_not_sent_from_one_to_the_other() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Wide {
        Number { number: u128 },
    }
    let value = Wide::Number { number: u128::MAX };
    let refusal = |format| {
        let encoded = crate::format::codec::encode(format, &value).unwrap();
        ValueChecks::new(true).check(format, &value, &encoded).unwrap_err().to_string()
    };
    let text = refusal(Format::MessagePack);
    assert!(text.contains("does not take it either") && !text.contains("declare"), "{text}");
    let text = refusal(Format::Bincode);
    assert_eq!(text.matches("declare the keyspace").count(), 1, "{text}");
}

/// Stores forty values that come back, then a value that does not. Checks that only the last value is
/// refused.
fn refused_after<V>(usual: impl Fn(u32) -> V, last: V)
where
    V: Serialize + DeserializeOwned + std::fmt::Debug + PartialEq + 'static,
{
    let values: Vec<V> = (1..=40).map(usual).chain([last]).collect();
    let mut found = in_a_release(Format::MessagePack, &values);
    assert_eq!(found.pop(), Some(None), "{:?} is another value afterwards", values.last());
    assert!(found.into_iter().flatten().eq(values.into_iter().take(40)));
}

#[test]
fn a_field_that_is_written_and_not_read_is_tried_each_time() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unread {
        read: u32,
        #[serde(skip_deserializing)]
        unread: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Apart {
        #[serde(default, rename(serialize = "written", deserialize = "read"))]
        number: u32,
    }
    refused_after(|read| Unread { read, unread: 0 }, Unread { read: 1, unread: 7 });
    refused_after(|_| Apart { number: 0 }, Apart { number: 7 });
}

#[test]
fn a_field_that_is_left_out_beside_a_flattened_one_is_tried() {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_zero(number: &u32) -> bool {
        *number == 0
    }
    fn five() -> u32 {
        5
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        #[serde(default = "five", skip_serializing_if = "is_zero")]
        level: u32,
        #[serde(flatten)]
        rest: BTreeMap<String, u32>,
    }
    refused_after(|level| Flat { level, rest: BTreeMap::new() }, Flat { level: 0, rest: BTreeMap::new() });
}

#[test]
fn a_flattened_map_that_was_always_empty_is_tried_when_it_is_not() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Small(u8),
        Large(u16),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        level: u16,
        #[serde(flatten)]
        rest: BTreeMap<String, Number>,
    }
    let unlike = BTreeMap::from([("number".to_owned(), Number::Large(5))]);
    refused_after(|_| Flat { level: 1, rest: BTreeMap::new() }, Flat { level: 1, rest: unlike });
}

/// A type that silently omits a zero, as a struct or as a map. It reads a missing field as 5.
#[derive(Debug, PartialEq)]
struct Silent<const IS_MAP: bool> {
    always: u32,
    sometimes: u32,
}

impl<const IS_MAP: bool> Serialize for Silent<IS_MAP> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeStruct};
        let len = 1 + usize::from(self.sometimes != 0);
        if IS_MAP {
            let mut map = serializer.serialize_map(Some(len))?;
            map.serialize_entry("always", &self.always)?;
            if self.sometimes != 0 {
                map.serialize_entry("sometimes", &self.sometimes)?;
            }
            return map.end();
        }
        let mut fields = serializer.serialize_struct("Silent", len)?;
        fields.serialize_field("always", &self.always)?;
        if self.sometimes != 0 {
            fields.serialize_field("sometimes", &self.sometimes)?;
        }
        fields.end()
    }
}

impl<'de, const IS_MAP: bool> Deserialize<'de> for Silent<IS_MAP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn five() -> u32 {
            5
        }
        #[derive(Deserialize)]
        struct Loud {
            always: u32,
            #[serde(default = "five")]
            sometimes: u32,
        }
        let Loud { always, sometimes } = Loud::deserialize(deserializer)?;
        Ok(Self { always, sometimes })
    }
}

#[test]
fn a_field_that_is_left_out_without_a_word_is_tried() {
    refused_after(
        |number| Silent::<false> { always: number, sometimes: number },
        Silent { always: 1, sometimes: 0 },
    );
    refused_after(
        |number| Silent::<true> { always: number, sometimes: number },
        Silent { always: 1, sometimes: 0 },
    );
}

#[test]
fn a_number_that_is_read_as_another_type_is_tried_each_time() {
    #[derive(Debug, PartialEq, Serialize)]
    struct Rounded(u64);
    impl<'de> Deserialize<'de> for Rounded {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the mistake that is tried"
        )]
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            f64::deserialize(deserializer).map(|number| Self(number as u64))
        }
    }
    refused_after(|number| Rounded(number.into()), Rounded((1 << 53) + 1));
}

#[test]
fn values_of_a_plain_type_are_not_all_tried() {
    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    enum Part {
        Unit,
        One(u32),
        Two(u8, String),
        Named { of: Option<Box<Part>>, pairs: Vec<(u8, i64)> },
    }
    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    struct Plain {
        parts: Vec<Part>,
        map: BTreeMap<char, [f32; 2]>,
        wide: i128,
        result: Result<(), bool>,
        address: std::net::IpAddr,
    }
    let named = Part::Named { of: Some(Box::new(Part::Unit)), pairs: vec![(1, -2)] };
    let value = Plain {
        parts: vec![Part::Unit, Part::One(1), Part::Two(2, "two".to_owned()), named],
        map: BTreeMap::from([('a', [1.0, 2.0])]),
        wide: -1,
        result: Err(true),
        address: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    let checks = ValueChecks::of_a_release();
    let encoded = crate::format::codec::encode(Format::MessagePack, &value).unwrap();
    for _ in 0..FIRST_VALUES {
        assert!(checks.wants(&encoded));
        checks.check(Format::MessagePack, &value, &encoded).unwrap();
    }
    assert!(!checks.wants(&encoded), "each insert would pay for a trial");
}
