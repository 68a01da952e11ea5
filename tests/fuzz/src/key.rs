//! Fuzzes keys. Their encodings sort as the keys do, no encoding is a prefix of another, and decoding bytes
//! that are not a key is an error.

use std::fmt::Debug;
use std::num::NonZeroI32;

use larder::inspect::KeyShape;
use larder::testing::bytes;
use larder::{Key, KeyError, KeyPrefix};

use crate::input::Input;

/// The functions under test. The tests also pass broken ones.
pub(crate) trait Keys {
    fn encode<K: Key>(key: &K) -> Vec<u8> {
        bytes::encode_key(key)
    }

    fn decode<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
        bytes::decode_key(bytes)
    }

    fn prefix<K: Key>(prefix: &impl KeyPrefix<K>) -> Vec<u8> {
        bytes::encode_prefix(prefix)
    }
}

/// The functions of larder itself.
pub(crate) struct Real;

impl Keys for Real {}

type Pair = (String, Vec<u8>);
type Optional = (Option<String>, char, Option<(bool, [u8; 4])>);
type Nested = (i16, (Vec<u8>, u8), String);

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods are of one lifetime, the closures of any"
)]
pub(crate) fn check<T: Keys>(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(12) {
        0 => one_type::<T, String>(&mut input, |input| input.text()),
        1 => one_type::<T, Vec<u8>>(&mut input, |input| input.short().to_vec()),
        2 => one_type::<T, u64>(&mut input, |input| input.u64()),
        3 => one_type::<T, i64>(&mut input, |input| input.u64().cast_signed()),
        4 => one_type::<T, i8>(&mut input, |input| input.byte().cast_signed()),
        5 => one_type::<T, u128>(&mut input, |input| u128::from(input.u64()) << 64 | u128::from(input.u64())),
        6 => one_type::<T, Nested>(&mut input, |input| {
            (input.u16().cast_signed(), (input.short().to_vec(), input.byte()), input.text())
        }),
        7 => prefixes::<T>(&pair(&mut input), &pair(&mut input)),
        9 => one_type::<T, Optional>(&mut input, |input| {
            let text = input.flag().then(|| input.text());
            let letter = char::from_u32(input.u32()).unwrap_or('\u{E000}');
            (text, letter, input.flag().then(|| (input.flag(), input.u32().to_be_bytes())))
        }),
        10 => one_type::<T, NonZeroI32>(&mut input, |input| {
            NonZeroI32::new(input.u32().cast_signed()).unwrap_or(NonZeroI32::MIN)
        }),
        11 => spelled(&mut input),
        _ => one_type::<T, Pair>(&mut input, pair),
    }
}

fn pair(input: &mut Input<'_>) -> Pair {
    (input.text(), input.short().to_vec())
}

fn one_type<T: Keys, K: Key + Ord + Debug>(input: &mut Input<'_>, key: fn(&mut Input<'_>) -> K) {
    let (a, b) = (key(input), key(input));
    let (left, right) = (T::encode(&a), T::encode(&b));
    assert_eq!(left.cmp(&right), a.cmp(&b), "{a:?} and {b:?} sort as their bytes do");
    assert!(a == b || !right.starts_with(&left), "the bytes of {a:?} begin those of {b:?}");
    for (key, bytes) in [(&a, &left), (&b, &right)] {
        assert_eq!(T::decode::<K>(bytes).as_ref(), Ok(key));
        for cut in 0..bytes.len() {
            assert!(T::decode::<K>(&bytes[..cut]).is_err(), "{key:?} cut to {cut} bytes is a key");
        }
    }
    let found = input.rest();
    if let Ok(key) = T::decode::<K>(found) {
        assert_eq!(T::encode(&key), found, "a key is written in one way");
    }
}

fn prefixes<T: Keys>(a: &Pair, b: &Pair) {
    let bytes = T::encode(b);
    let first = T::prefix::<Pair>(&(a.0.as_str(),));
    assert_eq!(bytes.starts_with(&first), a.0 == b.0, "the first part of {a:?} as a prefix of {b:?}");
    let text = T::prefix::<String>(&a.0.as_str());
    assert_eq!(
        T::encode(&b.0).starts_with(&text),
        b.0.starts_with(&a.0),
        "{:?} as a prefix of {:?}",
        a.0,
        b.0
    );
    let start = T::prefix::<Vec<u8>>(&a.1.as_slice());
    assert_eq!(T::encode(&b.1).starts_with(&start), b.1.starts_with(&a.1));
}

/// Checks that any bytes, printed as text by any key shape, are parsed back to the same bytes.
fn spelled(input: &mut Input<'_>) {
    const SHAPES: [&str; 8] = [
        "string",
        "char",
        "bool",
        "[u8; 4]",
        "uuid",
        "option<option<i8>>",
        "option<(string, char)>",
        "(bytes, option<u64>, bool)",
    ];
    let shape: KeyShape = SHAPES[input.below(SHAPES.len())].parse().unwrap();
    let typed = input.text();
    for bytes in [Ok(input.rest().to_vec()), shape.parse_key(&typed)].into_iter().flatten() {
        let text = shape.spell_key(&bytes);
        assert_eq!(shape.parse_key(&text).as_ref(), Ok(&bytes), "{text} under {shape}");
    }
    drop(shape.parse_prefix(&typed));
}
