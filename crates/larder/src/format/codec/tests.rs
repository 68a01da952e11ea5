mod measure;
mod message_pack;

use super::format::Format;
use super::limits::{MAX_DEPTH, MAX_EMPTY_ELEMENTS};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::marker::PhantomData;
use std::{fmt, thread};

use proptest::prelude::*;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use super::positional::ENCODING;
use super::*;

fn encode<V: Serialize + 'static>(value: &V) -> Result<Vec<u8>, CodecError> {
    super::encode(Format::Bincode, value).map(|encoded| encoded.payload)
}

fn encoded_len<V: Serialize + 'static>(value: &V) -> Result<usize, CodecError> {
    super::encoded_len(Format::Bincode, value)
}

fn decode<V: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<V, CodecError> {
    super::decode_unmarked(Format::Bincode, bytes)
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Product {
    code: String,
    price: u64,
    discount: Option<i32>,
}

fn product() -> Product {
    Product { code: "MTNVTU".to_owned(), price: 300, discount: Some(-2) }
}

#[derive(Serialize, Deserialize, PartialEq, Eq, Hash, Debug, Clone)]
struct Nothing;

#[derive(Serialize, Deserialize, PartialEq, Eq, Hash, Debug, Clone)]
struct NoFields {}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum List {
    End,
    Next(Box<List>),
}

/// A map of this many entries without bytes, like a multimap. Stores only their number.
#[derive(PartialEq, Debug)]
struct Entries(usize);

impl Serialize for Entries {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0))?;
        (0..self.0).try_for_each(|_| map.serialize_entry(&(), &Nothing))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("entries")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut count = 0;
                while map.next_entry::<(), Nothing>()?.is_some() {
                    count += 1;
                }
                Ok(Entries(count))
            }
        }
        deserializer.deserialize_map(Count)
    }
}

fn list(nodes: usize) -> List {
    (0..nodes).fold(List::End, |rest, _| List::Next(Box::new(rest)))
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct New(Box<Tree>);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Positions(u8, Box<Tree>);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Fields {
    tree: Box<Tree>,
}

/// Every way in which serde nests one value in another.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Tree {
    Leaf,
    Plain(u8, char, i128, bool, f64, String),
    Newtype(Box<Tree>),
    Pair(Box<Tree>, u8),
    Named { tree: Box<Tree>, nothing: Nothing },
    Tuple((Box<Tree>, [(); 3])),
    Struct(New),
    Maybe(Option<Box<Tree>>),
    Many(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Units(Vec<()>, Box<Tree>),
    Empty(Vec<(Nothing, NoFields)>, Box<Tree>),
    Bytes(Vec<u8>, Box<Tree>),
    Positions(Positions),
    Fields(Fields),
}

/// Number of ways to put a tree around another tree.
const KINDS: u8 = 13;

/// Puts a tree around another tree. `kind` chooses the way. `empty` is the number of elements without bytes
/// in the outer tree, if `kind` has any. The outer tree of kind 10 has `empty % 100` bytes.
fn around(tree: Tree, kind: u8, empty: usize) -> Tree {
    let tree = Box::new(tree);
    match kind {
        0 => Tree::Newtype(tree),
        1 => Tree::Pair(tree, 7),
        2 => Tree::Named { tree, nothing: Nothing },
        3 => Tree::Tuple((tree, [(); 3])),
        4 => Tree::Struct(New(tree)),
        5 => Tree::Maybe(Some(tree)),
        6 => Tree::Many(vec![Tree::Leaf, *tree, Tree::Maybe(None)]),
        7 => Tree::Map(BTreeMap::from([(String::from("key"), *tree)])),
        8 => Tree::Units(vec![(); empty], tree),
        9 => Tree::Empty(vec![(Nothing, NoFields {}); empty], tree),
        10 => Tree::Bytes(vec![1; empty % 100], tree),
        11 => Tree::Positions(Positions(1, tree)),
        _ => Tree::Fields(Fields { tree }),
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![Just(Tree::Leaf), Just(Tree::Plain(1, 'ß', -2, true, 0.5, String::from("text")))];
    // The ranges are chosen so that both limits are often reached, and often just missed.
    let near = MAX_EMPTY_ELEMENTS - 40..MAX_EMPTY_ELEMENTS + 400;
    let empty = prop_oneof![20 => 0_usize..3, 1 => near];
    let levels = prop_oneof![0_usize..20, 40_usize..140];
    let layers =
        levels.prop_flat_map(move |levels| proptest::collection::vec((0_u8..KINDS, empty.clone()), levels));
    (leaf, layers).prop_map(|(leaf, layers)| {
        layers.into_iter().fold(leaf, |tree, (kind, empty)| around(tree, kind, empty))
    })
}

/// Returns what the codec would write without the limits.
fn unlimited<V: Serialize>(value: &V) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, ENCODING).unwrap()
}

fn length(len: u64) -> Vec<u8> {
    unlimited(&len)
}

fn refusal<V: DeserializeOwned + 'static>(bytes: &[u8]) -> String {
    match decode::<V>(bytes) {
        Ok(_) => panic!("{} bytes were decoded to a {}", bytes.len(), std::any::type_name::<V>()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_bytes_are_pinned() {
    assert_eq!(encode(&product()).unwrap(), b"\x06MTNVTU\xFB\x2C\x01\x01\x03");
    assert_eq!(encoded_len(&product()).unwrap(), 12);
    assert_eq!(decode::<Product>(b"\x06MTNVTU\xFB\x2C\x01\x01\x03").unwrap(), product());
    let layers = (0..KINDS)
        .fold(Tree::Plain(1, 'ß', -2, true, 0.5, String::from("x")), |tree, kind| around(tree, kind, 2));
    let bytes = b"\x0E\x0D\x01\x0C\x02\x01\x01\x0B\x02\x0A\x02\x09\x01\x03key\x08\x03\x00\x07\x01\x06\x05\x04\x03\x02\
        \x01\x01\xC3\x9F\x03\x01\x00\x00\x00\x00\x00\x00\xE0\x3F\x01x\x07\x07\x00";
    assert_eq!(encode(&layers).unwrap(), bytes);
    assert_eq!(decode::<Tree>(bytes).unwrap(), layers);
}

#[test]
fn a_text_and_bytes_are_measured_without_encoding_them() {
    for len in [0, 1, 250, 251, 0xFFFF, 0x1_0000, 0x1_0001] {
        let (text, bytes) = ("x".repeat(len), vec![255_u8; len]);
        assert_eq!(super::positional::len_of_bytes(&text), Some(encode(&text).unwrap().len()));
        assert_eq!(super::positional::len_of_bytes(&bytes), Some(encode(&bytes).unwrap().len()));
        assert_eq!(measured_len(Format::Bincode, &text).unwrap(), encoded_len(&text).unwrap());
    }
    assert_eq!(super::positional::len_of_bytes(&vec![1_u16]), None);
}

#[test]
fn trailing_and_missing_bytes_are_errors() {
    let mut bytes = encode(&product()).unwrap();
    bytes.push(0);
    assert!(refusal::<Product>(&bytes).contains("1 bytes follow"));
    bytes.truncate(bytes.len() - 2);
    assert!(refusal::<Product>(&bytes).contains("the bytes end before"));
}

#[test]
fn a_length_that_the_bytes_cannot_hold_is_refused_before_memory_is_claimed() {
    let bytes = length(1 << 60);
    assert!(refusal::<Vec<u64>>(&bytes).contains("more elements"));
    assert!(refusal::<HashMap<u64, u64>>(&bytes).contains("more elements"));
    // Without the limits, the codec would request 2^60 bytes, and the process would abort.
    assert!(decode::<String>(&bytes).is_err());
    assert!(decode::<std::ffi::CString>(&bytes).is_err());
}

#[test]
fn elements_without_bytes_are_refused_beyond_the_limit() {
    type Check = fn(&[u8]) -> String;
    let checks: [Check; 7] = [
        refusal::<Vec<()>>,
        refusal::<Vec<Nothing>>,
        refusal::<Vec<NoFields>>,
        refusal::<Vec<((), [Nothing; 3])>>,
        refusal::<Vec<PhantomData<u64>>>,
        refusal::<Entries>,
        refusal::<HashSet<Nothing>>,
    ];
    for len in [MAX_EMPTY_ELEMENTS as u64 + 6, 1 << 60, u64::MAX] {
        for check in checks {
            let text = check(&length(len));
            assert!(text.contains("more elements") && text.contains("65536"), "{len}: {text}");
        }
    }
}

#[test]
fn sequences_inside_one_another_share_the_limit() {
    let mut bytes = length(3);
    for _ in 0..3 {
        bytes.extend(length(MAX_EMPTY_ELEMENTS as u64 / 3 + 10));
    }
    assert!(refusal::<Vec<Vec<()>>>(&bytes).contains("more elements"));
    bytes.clear();
    bytes.extend(length(3));
    for _ in 0..3 {
        bytes.extend(length(MAX_EMPTY_ELEMENTS as u64 / 3));
    }
    assert_eq!(decode::<Vec<Vec<()>>>(&bytes).unwrap().concat().len(), MAX_EMPTY_ELEMENTS / 3 * 3);
}

#[test]
fn a_moderate_number_of_elements_without_bytes_reads_back() {
    // The length is encoded in five bytes, and each byte allows one more element.
    let most = vec![(); MAX_EMPTY_ELEMENTS + 5];
    assert_eq!(decode::<Vec<()>>(&encode(&most).unwrap()).unwrap(), most);
    assert_eq!(encoded_len(&most).unwrap(), 5);
    let more = vec![(); MAX_EMPTY_ELEMENTS + 6];
    assert!(encode(&more).unwrap_err().to_string().contains("more elements"));
    assert!(encoded_len(&more).unwrap_err().to_string().contains("more elements"));
    // A value with 2^60 elements is refused when it announces its length.
    let error = encode(&vec![(); 1 << 60]).unwrap_err().to_string();
    assert!(error.contains("at most 64 MiB") && !error.contains("than it has bytes"), "{error}");
    let most = Entries(MAX_EMPTY_ELEMENTS + 5);
    assert_eq!(decode::<Entries>(&encode(&most).unwrap()).unwrap(), most);
    assert!(encode(&Entries(MAX_EMPTY_ELEMENTS + 6)).is_err());
    assert!(refusal::<Entries>(&unlimited(&Entries(MAX_EMPTY_ELEMENTS + 6))).contains("more elements"));
}

#[test]
fn the_last_level_is_encoded_and_decoded_and_the_next_is_not() {
    let deepest = list(MAX_DEPTH - 1);
    assert_eq!(decode::<List>(&encode(&deepest).unwrap()).unwrap(), deepest);
    let deeper = list(MAX_DEPTH);
    assert!(encode(&deeper).unwrap_err().to_string().contains("more than 128 levels"));
    assert!(encoded_len(&deeper).unwrap_err().to_string().contains("more than 128 levels"));
    assert!(refusal::<List>(&unlimited(&deeper)).contains("more than 128 levels"));
    // An absent option is also a level, because a reader enters the level before it knows that the option is
    // absent.
    let absent = |levels| (0..levels).fold(Tree::Maybe(None), |tree, _| Tree::Newtype(Box::new(tree)));
    assert_eq!(decode::<Tree>(&encode(&absent(MAX_DEPTH - 2)).unwrap()).unwrap(), absent(MAX_DEPTH - 2));
    assert!(encode(&absent(MAX_DEPTH - 1)).is_err());
    assert!(refusal::<Tree>(&unlimited(&absent(MAX_DEPTH - 1))).contains("levels"));
}

#[test]
fn hostile_nesting_of_every_kind_is_an_error_and_not_an_overflow() {
    const LEVELS: usize = 1 << 20;
    assert!(refusal::<List>(&[1].repeat(LEVELS)).contains("levels"));
    // For ten of the kinds, the bytes that begin one layer.
    let layers: [&[u8]; 10] = [&[2], &[3], &[4], &[5], &[6], &[7, 1], &[8, 1], &[9, 1, 0], &[13, 1], &[14]];
    for layer in layers {
        assert!(refusal::<Tree>(&layer.repeat(LEVELS)).contains("levels"), "layer {layer:?}");
    }
    assert!(refusal::<Tree>(&layers.concat().repeat(LEVELS)).contains("levels"));
}

#[test]
fn the_deepest_value_decodes_on_a_small_stack() {
    let on_a_stack_of = |kib: usize, work: fn()| {
        thread::Builder::new().stack_size(kib << 10).spawn(work).unwrap().join().unwrap();
    };
    on_a_stack_of(384, || {
        let deepest = encode(&list(MAX_DEPTH - 1)).unwrap();
        assert!(decode::<List>(&deepest).is_ok());
        assert!(decode::<List>(&[1].repeat(1 << 16)).is_err());
    });
    on_a_stack_of(1024, || {
        for kind in 0..KINDS {
            let fits = |tree: &Tree| encode(tree).is_ok();
            let mut deeper =
                std::iter::successors(Some(Tree::Leaf), |tree| Some(around(tree.clone(), kind, 0)));
            let too_deep = deeper.find(|tree| !fits(tree)).unwrap();
            assert!(decode::<Tree>(&unlimited(&too_deep)).is_err());
        }
    });
}

#[test]
fn a_value_longer_than_the_limit_is_refused_unread() {
    let len = usize::try_from(MAX_VALUE_LEN.as_u64()).unwrap() + 1;
    assert!(refusal::<Vec<u8>>(&vec![0; len]).contains("64 MiB"));
}

#[test]
fn an_unserializable_value_is_an_error_in_its_own_words() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("cannot be serialized"))
        }
    }
    assert_eq!(encode(&Refuses).unwrap_err().to_string(), "cannot be serialized");
}

#[test]
fn a_type_that_needs_a_self_describing_format_is_told_so() {
    #[derive(Deserialize, Debug)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "never decoded")]
    enum Untagged {
        Number(u8),
    }
    assert!(refusal::<Untagged>(&[1]).contains("untagged"));
}

/// Checks that `tree` is encoded as `bytes`, measured correctly and decoded again, or else that encoding,
/// measuring and decoding all refuse it. `bytes` is the encoding of `tree` without the limits.
fn check_limits(format: Format, tree: Tree, bytes: &[u8]) -> Result<(), TestCaseError> {
    let len = super::encoded_len(format, &tree);
    match super::encode(format, &tree) {
        Ok(encoded) => {
            prop_assert!(encoded.payload == bytes, "the limits change no byte");
            prop_assert_eq!(len, Ok(bytes.len()));
            prop_assert!(decode_unmarked::<Tree>(format, bytes) == Ok(tree), "it reads back");
        }
        // If a value exceeds two limits, decoding may find a different limit first.
        Err(error) => {
            prop_assert_eq!(len, Err(error));
            let decoded = decode_unmarked::<Tree>(format, bytes);
            prop_assert!(decoded.is_err(), "encoding refused what decoding does not");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn encoding_refuses_exactly_what_decoding_would(tree in tree()) {
        let bytes = unlimited(&tree);
        check_limits(Format::Bincode, tree, &bytes)?;
    }

    #[test]
    fn what_any_bytes_decode_to_encodes_again(bytes in proptest::collection::vec(0_u8..16, 0..200)) {
        if let Ok(tree) = decode::<Tree>(&bytes) {
            prop_assert_eq!(decode::<Tree>(&encode(&tree).unwrap()).unwrap(), tree);
        }
    }
}

/// serde would double a vector's capacity from 1 MiB on.
#[test]
fn a_byte_vector_is_decoded_into_no_more_room_than_it_needs() {
    for len in [0, 100, (1 << 20) + 1, 3 << 20] {
        let value = vec![7_u8; len];
        let encoded = encode(&value).unwrap();
        let decoded: Vec<u8> = decode_unmarked(Format::Bincode, &encoded).unwrap();
        assert_eq!((decoded.len(), decoded.capacity()), (len, len));
        assert!(decoded == value);
    }
}
