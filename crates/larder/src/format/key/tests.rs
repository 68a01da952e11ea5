use std::borrow::Cow;
use std::num::{NonZeroI8, NonZeroI16, NonZeroU64};

use super::buffer::KeyBuffer;
use super::*;
use crate::sys::sync::Arc;
use proptest::prelude::*;

fn encoded<K: Key>(key: &(impl EncodeKey<K> + ?Sized)) -> Vec<u8> {
    let mut out = KeyBuffer::default();
    key.encode(&mut out.writer());
    out.as_slice().to_vec()
}

fn prefix<K: Key>(start: impl KeyPrefix<K>) -> Vec<u8> {
    let mut out = KeyBuffer::default();
    start.encode_prefix(&mut out.writer());
    out.as_slice().to_vec()
}

#[test]
fn the_bytes_are_pinned() {
    assert_eq!(encoded::<String>("a\0b"), b"a\0\xFFb\0\0");
    assert_eq!(encoded::<Vec<u8>>(&[0, 0][..]), b"\0\xFF\0\xFF\0\0");
    assert_eq!(encoded::<u32>(&0x0102_0304), [1, 2, 3, 4]);
    assert_eq!(encoded::<i16>(&-1), [0x7F, 0xFF]);
    assert_eq!(encoded::<i16>(&1), [0x80, 0x01]);
    assert_eq!(encoded::<(String, u8)>(&("x", 7)), b"x\0\0\x07");
    assert_eq!(encoded::<()>(&()), b"");
    assert_eq!((encoded::<bool>(&false), encoded::<bool>(&true)), (vec![0], vec![1]));
    assert_eq!(encoded::<char>(&'a'), [0, 0, 0, b'a']);
    assert_eq!(encoded::<char>(&'🛒'), [0, 1, 0xF6, 0xD2]);
    assert_eq!(encoded::<[u8; 3]>(&[0, 7, 0xFF]), [0, 7, 0xFF]);
    assert_eq!(encoded::<Option<String>>(&None::<&str>), [0]);
    assert_eq!(encoded::<Option<String>>(&Some("x")), b"\x01x\0\0");
    assert_eq!(encoded::<Option<Option<u8>>>(&Some(None::<u8>)), [1, 0]);
    assert_eq!(encoded::<NonZeroI16>(&NonZeroI16::MAX), [0xFF, 0xFF]);
}

#[test]
fn a_type_that_is_encoded_as_another_has_its_shape_and_bytes() {
    fn alike<A: Key, B: Key>(a: &A, b: &B) {
        assert_eq!((A::shape(), encoded::<A>(a)), (B::shape(), encoded::<B>(b)));
        assert_eq!(encoded::<A>(&decode::<A>(&encoded::<B>(b)).unwrap()), encoded::<B>(b));
    }
    let text = "a\0b".to_owned();
    alike(&text.clone().into_boxed_str(), &text);
    alike(&Arc::<str>::from("a\0b"), &text);
    alike(&Cow::Borrowed("a\0b"), &text);
    alike(&NonZeroU64::MAX, &u64::MAX);
    alike(&NonZeroI8::MIN, &i8::MIN);
}

#[cfg(feature = "uuid")]
#[test]
fn a_uuid_is_its_sixteen_bytes() {
    let id: uuid::Uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
    assert_eq!(encoded::<uuid::Uuid>(&id), id.as_bytes());
    assert_eq!(decode::<uuid::Uuid>(id.as_bytes()).unwrap(), id);
    let shape: shape::KeyShape = <uuid::Uuid as Key>::shape().parse().unwrap();
    assert_eq!(shape.parse_key(&id.to_string()).unwrap(), id.as_bytes());
    assert_eq!(shape.spell_key(id.as_bytes()), id.to_string());
}

#[test]
fn a_borrowed_form_encodes_as_the_owned_key() {
    let owned = ("MTNDATA".to_owned(), vec![1, 2], 3_u64, -4_i64);
    let form = ("MTNDATA", &[1_u8, 2][..], 3_u64, &-4_i64);
    assert_eq!(encoded::<(String, Vec<u8>, u64, i64)>(&owned), encoded::<(String, Vec<u8>, u64, i64)>(&form));
}

#[test]
fn a_whole_part_is_not_the_prefix_of_a_longer_one() {
    let start = prefix::<(String, String)>(("MTNDATA",));
    assert!(encoded::<(String, String)>(&("MTNDATA", "1GB")).starts_with(&start));
    assert!(!encoded::<(String, String)>(&("MTNDATA2", "1GB")).starts_with(&start));
    assert!(encoded::<String>("MTNDATA2").starts_with(&prefix::<String>("MTNDATA")));
}

#[test]
fn damaged_bytes_are_errors_not_keys() {
    assert!(decode::<String>(b"no end").is_err());
    assert!(decode::<String>(b"bad\0\x07escape\0\0").is_err());
    assert!(decode::<String>(b"\xC3\x28\0\0").is_err());
    assert!(decode::<String>(b"a\0\0more").is_err());
    assert!(decode::<u64>(b"1234567").is_err());
    assert!(decode::<()>(b"x").is_err());
    assert!(decode::<bool>(&[2]).is_err() && decode::<Option<()>>(&[2]).is_err());
    assert!(decode::<char>(&[0, 0, 0xD8, 0]).is_err(), "half of a surrogate pair");
    assert!(decode::<char>(&[0, 0x11, 0, 0]).is_err());
    assert!(decode::<[u8; 3]>(b"ab").is_err() && decode::<[u8; 3]>(b"abcd").is_err());
    assert!(decode::<Option<u8>>(&[0, 0]).is_err() && decode::<Option<u8>>(&[1]).is_err());
    assert!(decode::<NonZeroU64>(&[0; 8]).is_err());
}

fn check_order<K: Key + Ord + std::fmt::Debug>(a: &K, b: &K) -> Result<(), TestCaseError> {
    let (left, right) = (encoded::<K>(a), encoded::<K>(b));
    prop_assert_eq!(left.cmp(&right), a.cmp(b));
    prop_assert!(a == b || !left.starts_with(&right), "one key's bytes begin the other's");
    prop_assert_eq!(&decode::<K>(&left).unwrap(), a);
    Ok(())
}

type Composite = (String, i64, Vec<u8>);
type Optional = (Option<String>, char, Option<(bool, [u8; 2])>);

fn composite() -> impl Strategy<Value = Composite> {
    // Escaping changes zero bytes, so the strategy prefers zero and the bytes that can be confused with an
    // escape.
    let byte = prop_oneof![Just(0_u8), Just(1), Just(0xFE), Just(0xFF), any::<u8>()];
    ("[\0\u{1}a-c\u{ff}]{0,4}", any::<i64>(), proptest::collection::vec(byte, 0..4))
}

fn optional() -> impl Strategy<Value = Optional> {
    let text = proptest::option::of("[\0\u{1}a\u{ff}]{0,2}");
    let letter = prop_oneof![Just('\0'), Just('\u{D7FF}'), Just('\u{E000}'), any::<char>()];
    (text, letter, proptest::option::of((any::<bool>(), any::<[u8; 2]>())))
}

proptest! {
    #[test]
    fn bytes_sort_as_keys_do_and_read_back(a in composite(), b in composite()) {
        check_order(&a, &b)?;
    }

    #[test]
    fn bytes_of_fixed_and_optional_parts_sort_as_keys_do_and_read_back(
        a in optional(), b in optional(), numbers in any::<(NonZeroI16, NonZeroI16)>()
    ) {
        check_order(&a, &b)?;
        check_order(&(a.1, a.0), &(b.1, b.0))?;
        check_order(&numbers.0, &numbers.1)?;
    }

    #[test]
    fn a_prefix_matches_exactly_the_keys_with_those_parts(a in composite(), b in composite()) {
        let one = prefix::<Composite>((a.0.as_str(),));
        prop_assert_eq!(encoded::<Composite>(&b).starts_with(&one), a.0 == b.0);
        let two = prefix::<Composite>((a.0.as_str(), a.1));
        prop_assert_eq!(encoded::<Composite>(&b).starts_with(&two), (&a.0, a.1) == (&b.0, b.1));
        let text = prefix::<String>(a.0.as_str());
        prop_assert_eq!(encoded::<String>(&b.0).starts_with(&text), b.0.starts_with(&a.0));
        let some = encoded::<Option<String>>(&Some(&b.0));
        prop_assert_eq!(some.starts_with(&prefix::<Option<String>>(Some(&a.0))), b.0.starts_with(&a.0));
        prop_assert!(!some.starts_with(&prefix::<Option<String>>(None::<&str>)));
    }

    #[test]
    fn any_bytes_decode_or_fail_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(key) = decode::<Composite>(&bytes) {
            prop_assert_eq!(&encoded::<Composite>(&key), &bytes);
        }
        if let Ok(key) = decode::<Optional>(&bytes) {
            prop_assert_eq!(encoded::<Optional>(&key), bytes);
        }
    }
}
