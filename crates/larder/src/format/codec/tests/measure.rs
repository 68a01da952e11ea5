//! Tests of the length of values that are never encoded.

use std::net::Ipv4Addr;

use super::*;

fn measured<V: Serialize + 'static>(value: &V) -> Result<usize, CodecError> {
    measured_len(Format::Bincode, value)
}

/// Checks that a value is measured as its encoding's length.
fn check<V: Serialize + 'static>(value: &V) {
    assert_eq!(measured(value), Ok(encode(value).unwrap().len()), "{}", std::any::type_name::<V>());
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "any integers will do")]
fn every_kind_of_value_is_measured_as_its_encoding() {
    #[derive(Serialize)]
    enum Kind {
        Unit,
        New(u64),
        Tuple(u8, i64),
        Struct { text: &'static str },
    }
    let ends = [0, 1, 125, 126, 250, 251, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, u64::MAX];
    for end in ends {
        check(&end);
        check(&u128::from(end));
        check(&(end as u32));
        check(&(end as u16, end as u8, end as i8));
        for signed in [end.cast_signed(), end.cast_signed().wrapping_neg()] {
            check(&(signed, signed as i32, signed as i16));
            check(&i128::from(signed));
        }
    }
    check(&(u128::MAX, i128::MIN, i128::MAX, f32::MIN, f64::MAX, true));
    check(&['a', 'ß', '€', '𝄞']);
    check(&(Some(300_u16), None::<u8>, (), Nothing, NoFields {}, PhantomData::<u8>));
    check(&(Kind::Unit, Kind::New(1 << 40), Kind::Tuple(1, -1), Kind::Struct { text: "ab" }));
    check(&(vec![1_u16; 300], "x".repeat(251), Bytes(252)));
    check(&BTreeMap::from([(1, "one"), (2, "two")]));
    check(&Ipv4Addr::LOCALHOST);
    check(&product());
}

/// Writes this many bytes at once.
struct Bytes(usize);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&vec![1; self.0])
    }
}

/// Writes its content as a text of this length, without an allocation.
struct Text(usize);

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:1$}", "", self.0))
    }
}

#[test]
fn a_text_that_is_written_in_parts_is_measured() {
    for len in [0, 250, 251] {
        check(&(Text(len), 1_u8));
    }
}

#[test]
fn a_value_that_the_format_cannot_carry_is_measured() {
    #[derive(Serialize)]
    struct Skips {
        first: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        second: Option<u8>,
    }
    #[derive(Serialize)]
    struct Flat {
        #[serde(flatten)]
        rest: BTreeMap<&'static str, u8>,
    }
    struct Endless(u32);
    impl Serialize for Endless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..self.0).filter(|number| *number < self.0))
        }
    }
    assert_eq!(measured(&Skips { first: 1, second: None }), Ok(1));
    assert_eq!(measured(&Skips { first: 1, second: Some(1) }), Ok(3));
    assert_eq!(measured(&Flat { rest: BTreeMap::from([("key", 1)]) }), Ok(1 + 4 + 1));
    assert_eq!(measured(&Endless(200)), Ok(1 + 200));
    for refused in [encode(&Skips { first: 1, second: None }), encode(&Endless(3))] {
        assert!(refused.is_err());
    }
    // MessagePack would read this value as `None`.
    assert_eq!(measured_len(Format::MessagePack, &Some(None::<u8>)), Ok(2));
}

#[test]
fn a_measured_value_has_the_limits_of_an_encoded_one() {
    assert!(measured(&list(MAX_DEPTH - 1)).is_ok());
    assert!(measured(&list(MAX_DEPTH)).unwrap_err().to_string().contains("levels deep"));
    for len in [MAX_EMPTY_ELEMENTS + 6, 1 << 60] {
        assert!(measured(&vec![(); len]).unwrap_err().to_string().contains(" elements"), "{len}");
        assert!(measured(&Entries(len)).unwrap_err().to_string().contains(" elements"), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_value_is_measured_as_its_encoding_or_refused_like_it(tree in tree()) {
        prop_assert_eq!(measured(&tree), encoded_len(&tree));
    }
}
