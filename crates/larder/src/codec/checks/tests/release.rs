//! What a release build makes of values, which tries some of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer};

use super::super::*;

/// What becomes of values that are inserted in a release build, one after another.
fn in_a_release<V>(format: Format, values: &[V]) -> Vec<Option<V>>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let checks = ValueChecks::of_a_release();
    let through = |value: &V| {
        let encoded = crate::codec::encode(format, value).ok()?;
        checks.check(format, value, &encoded).ok()?;
        let extension = Extension { fingerprint: encoded.fingerprint(), inflated_len: None };
        let read = checks.read(format, record::Compression::None, &extension, &encoded.payload);
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
    /// A byte where people read it, and text elsewhere.
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
        let encoded = crate::codec::encode(format, &value).unwrap();
        ValueChecks::new(true).check(format, &value, &encoded).unwrap_err().to_string()
    };
    let text = refusal(Format::MessagePack);
    assert!(text.contains("does not take it either") && !text.contains("declare"), "{text}");
    let text = refusal(Format::Bincode);
    assert_eq!(text.matches("declare the keyspace").count(), 1, "{text}");
}
