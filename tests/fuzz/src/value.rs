//! Fuzzes values. Any bytes are decoded to a value or an error, in bounded time, memory and stack. An encoded
//! value is decoded to the same value.
//!
//! This file covers bincode, [`described`] covers `MessagePack`, and [`marked`] covers fingerprints and
//! compression in records.

mod described;
mod marked;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use larder::testing::bytes::{self, RecordFields};
use larder::{CodecError, Format, MAX_DEPTH, MAX_EMPTY_ELEMENTS};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::input::Input;

/// The functions under test. The tests also pass broken ones.
pub(crate) trait Codec {
    fn encode<V: Serialize + 'static>(format: Format, value: &V) -> Result<Vec<u8>, CodecError> {
        bytes::encode(format, value).map(|(payload, _)| payload)
    }

    fn decode<V: DeserializeOwned + 'static>(format: Format, bytes: &[u8]) -> Result<V, CodecError> {
        bytes::decode(format, bytes)
    }

    fn read<V: Serialize + DeserializeOwned + 'static>(
        format: Format,
        record: &RecordFields,
    ) -> Result<V, CodecError> {
        bytes::decode_record(format, record)
    }
}

/// The functions of larder itself.
pub(crate) struct Real;

impl Codec for Real {}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Nothing;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum List {
    End,
    Next(Box<List>),
}

/// A value that uses most ways in which serde nests values.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Tree {
    Leaf,
    Number(u64, i128, char),
    Text(String),
    Newtype(Box<Tree>),
    Pair(Box<Tree>, Box<Tree>),
    Named { left: Box<Tree>, nothing: Nothing },
    Maybe(Option<Box<Tree>>),
    Many(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Units(Vec<((), Nothing)>),
    Bytes(Vec<u8>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) code: String,
    pub(crate) prices: BTreeMap<u8, Option<u32>>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) weight: Option<i64>,
    pub(crate) is_sold: bool,
    pub(crate) pair: (u16, [u8; 3]),
}

pub(crate) fn product() -> Product {
    Product {
        code: "MTNVTU".to_owned(),
        prices: [(1, Some(300)), (2, None)].into(),
        tags: ["airtime".to_owned()].into(),
        weight: Some(-2),
        is_sold: true,
        pair: (500, [1, 2, 3]),
    }
}

/// Returns the seeds for `MessagePack`, fingerprints and compression.
pub(crate) fn seeds() -> Vec<crate::seeds::Seed> {
    [described::seeds(), marked::seeds()].concat()
}

pub(crate) fn check<C: Codec>(data: &[u8]) {
    let mut input = Input::new(data);
    let family = input.below(14);
    match family {
        0 => return built::<C>(Format::Bincode, &mut input),
        12 => return described::check::<C>(&mut input),
        13 => return marked::check::<C>(&mut input),
        _ => {}
    }
    let found = input.rest();
    match family {
        1 => any_bytes::<C, List>(found),
        2 => any_bytes::<C, Tree>(found),
        3 => any_bytes::<C, Product>(found),
        4 => any_bytes::<C, Vec<()>>(found),
        5 => any_bytes::<C, Vec<Vec<Nothing>>>(found),
        6 => any_bytes::<C, String>(found),
        7 => any_bytes::<C, Vec<u8>>(found),
        8 => any_bytes::<C, BTreeSet<Nothing>>(found),
        9 => any_bytes::<C, Vec<u64>>(found),
        10 => any_bytes::<C, (char, i128, u128)>(found),
        _ => any_bytes::<C, std::ffi::CString>(found),
    }
}

fn any_bytes<C: Codec, V: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(found: &[u8]) {
    let format = Format::Bincode;
    let Ok(value) = C::decode::<V>(format, found) else { return };
    let encoded = match C::encode(format, &value) {
        Ok(encoded) => encoded,
        // A number may be encoded in more bytes than necessary. Each encoded byte allows one more element,
        // so the shorter form may exceed the element limit.
        Err(error) => return assert!(is_near_the_limit(&error), "{value:?} was decoded, but: {error}"),
    };
    assert!(encoded.len() <= found.len(), "the shortest form is the one that is written");
    assert_eq!(C::decode::<V>(format, &encoded).as_ref(), Ok(&value), "a value that encodes reads back");
    assert_eq!(bytes::encoded_len(format, &value), Ok(encoded.len()));
    let longer = [found, &[0]].concat();
    assert!(C::decode::<V>(format, &longer).is_err(), "a byte left over is an error");
}

fn is_near_the_limit(error: &CodecError) -> bool {
    error.to_string().contains(&MAX_EMPTY_ELEMENTS.to_string())
}

/// Builds a value from the input. The value must be refused because of its depth, or be decoded as it was
/// encoded.
fn built<C: Codec>(format: Format, input: &mut Input<'_>) {
    let value = tree(input, 2 * MAX_DEPTH);
    match C::encode(format, &value) {
        Ok(encoded) => {
            assert_eq!(
                C::decode::<Tree>(format, &encoded).as_ref(),
                Ok(&value),
                "a value that encodes reads back"
            );
            for cut in 0..encoded.len().min(64) {
                assert!(C::decode::<Tree>(format, &encoded[..cut]).is_err(), "cut to {cut} bytes");
            }
        }
        Err(error) => {
            assert!(error.to_string().contains(&MAX_DEPTH.to_string()), "{error}");
            // In a self-describing format, a tuple or struct variant counts as two levels.
            let levels = if format == Format::Bincode { depth(&value) } else { 2 * depth(&value) };
            assert!(levels > MAX_DEPTH, "{error}, and it has {levels}");
        }
    }
}

fn tree(input: &mut Input<'_>, levels: usize) -> Tree {
    let deeper = |input: &mut Input<'_>| Box::new(tree(input, levels - 1));
    let kind = if levels == 0 { 0 } else { input.below(12) };
    match kind {
        1 => Tree::Number(input.u64(), -i128::from(input.u64()), char::from(input.byte())),
        2 => Tree::Text(input.text()),
        3 => Tree::Newtype(deeper(input)),
        4 => Tree::Pair(deeper(input), deeper(input)),
        5 => Tree::Named { left: deeper(input), nothing: Nothing },
        6 => Tree::Maybe(input.flag().then(|| deeper(input))),
        7 => Tree::Many((0..input.below(4)).map(|_| *deeper(input)).collect()),
        8 => Tree::Map((0..input.below(4)).map(|_| (input.text(), *deeper(input))).collect()),
        9 => Tree::Units((0..input.byte()).map(|_| ((), Nothing)).collect()),
        10 => Tree::Bytes(input.short().to_vec()),
        // Each repetition of this byte makes the value three levels deeper.
        11 => Tree::Newtype(Box::new(Tree::Maybe(Some(deeper(input))))),
        _ => Tree::Leaf,
    }
}

/// Returns the number of levels in the tree. Counts them without serde.
fn depth(tree: &Tree) -> usize {
    1 + match tree {
        Tree::Leaf | Tree::Number(..) | Tree::Text(_) => 0,
        Tree::Newtype(inner) | Tree::Named { left: inner, .. } => depth(inner),
        Tree::Pair(left, right) => depth(left).max(depth(right)),
        Tree::Maybe(inner) => 1 + inner.as_ref().map_or(0, |inner| depth(inner)),
        Tree::Many(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Tree::Map(all) => 1 + all.values().map(depth).max().unwrap_or(0),
        // This variant is a sequence of pairs.
        Tree::Units(all) => 1 + usize::from(!all.is_empty()),
        Tree::Bytes(_) => 1,
    }
}
