use super::bytes::KeyWriter;
use super::*;
use proptest::prelude::*;

fn encoded<K: Key>(key: &(impl EncodeKey<K> + ?Sized)) -> Vec<u8> {
    let mut out = KeyWriter::default();
    key.encode(&mut out);
    out.as_slice().to_vec()
}

#[expect(clippy::needless_pass_by_value, reason = "as the public methods take it")]
fn prefix<K: Key>(start: impl KeyPrefix<K>) -> Vec<u8> {
    let mut out = KeyWriter::default();
    start.encode_prefix(&mut out);
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
}

type Composite = (String, i64, Vec<u8>);

fn composite() -> impl Strategy<Value = Composite> {
    // The escapes change zero bytes, so the strategy prefers zero and the bytes that can be confused with an
    // escape.
    let byte = prop_oneof![Just(0_u8), Just(1), Just(0xFE), Just(0xFF), any::<u8>()];
    ("[\0\u{1}a-c\u{ff}]{0,4}", any::<i64>(), proptest::collection::vec(byte, 0..4))
}

proptest! {
    #[test]
    fn bytes_sort_as_keys_do_and_read_back(a in composite(), b in composite()) {
        let (left, right) = (encoded::<Composite>(&a), encoded::<Composite>(&b));
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        prop_assert!(a == b || !left.starts_with(&right), "one key's bytes begin the other's");
        prop_assert_eq!(decode::<Composite>(&left).unwrap(), a);
    }

    #[test]
    fn a_prefix_matches_exactly_the_keys_with_those_parts(a in composite(), b in composite()) {
        let one = prefix::<Composite>((a.0.as_str(),));
        prop_assert_eq!(encoded::<Composite>(&b).starts_with(&one), a.0 == b.0);
        let two = prefix::<Composite>((a.0.as_str(), a.1));
        prop_assert_eq!(encoded::<Composite>(&b).starts_with(&two), (&a.0, a.1) == (&b.0, b.1));
        let text = prefix::<String>(a.0.as_str());
        prop_assert_eq!(encoded::<String>(&b.0).starts_with(&text), b.0.starts_with(&a.0));
    }

    #[test]
    fn any_bytes_decode_or_fail_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(key) = decode::<Composite>(&bytes) {
            prop_assert_eq!(encoded::<Composite>(&key), bytes);
        }
    }
}
