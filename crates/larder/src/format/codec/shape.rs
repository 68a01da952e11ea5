//! The shape of a value: the kinds of its parts, in their order and with their names.
//!
//! A positional encoding has no names and no kinds, so any type that asks for as many bytes as were written
//! gets a value. So a record of a positional encoding has a *fingerprint* of 8 bytes, in two halves:
//!
//! - **Kinds**, in order: each call of the type's `Serialize`, with lengths and the indices of variants.
//!   Decoding hashes the kinds that `Deserialize` asks for. This half matches only if every byte is read as
//!   the kind that was written. So a field that `Serialize` omitted, or a type that has changed, causes an
//!   error and never a wrong value.
//! - **Names**, as a set: the fields of each struct and each variant, with their places. Only `Serialize`
//!   passes the names one by one. `Deserialize` passes a list that includes aliases. So the names are
//!   compared with the names in the serialization of the decoded value. So adding an alias does not change
//!   the fingerprint.
//!
//! The kinds do not show whether a part is a newtype, or whether a group of parts is a tuple or a struct.
//! `Serialize` and `Deserialize` may differ in both respects without harm.
//!
//! The numbers below are part of the file format. A test pins fingerprints, because a changed fingerprint
//! would turn every lookup of an old record into a miss.
//!
//! The hash is the folded multiplication of wyhash (Wang Yi, <https://github.com/wangyi-fudan/wyhash>).
//! Names are hashed with XXH3.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

/// The kind of a part. A tuple and a struct have the same kind, and a newtype has none. The number 255 marks
/// the length of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum PartKind {
    Bool = 1,
    I8 = 2,
    I16 = 3,
    I32 = 4,
    I64 = 5,
    I128 = 6,
    U8 = 7,
    U16 = 8,
    U32 = 9,
    U64 = 10,
    U128 = 11,
    F32 = 12,
    F64 = 13,
    Char = 14,
    Str = 15,
    Bytes = 16,
    Unit = 17,
    None = 18,
    Some = 19,
    /// Hashed together with its length.
    Seq = 20,
    /// Hashed together with its length.
    Map = 21,
    /// The beginning of a tuple or a struct.
    Group = 22,
    /// The end of a tuple or a struct.
    End = 23,
    /// Hashed together with the index of the variant.
    Variant = 24,
}

/// The place of a part in a value: a hash of the names and positions that lead to the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartPlace(u64);

impl PartPlace {
    pub(super) const ROOT: Self = Self(0x9E37_79B9_7F4A_7C15);

    /// Returns the place of the elements of a sequence.
    pub(super) fn element(self) -> Self {
        self.below(1)
    }

    /// Returns the place of the keys of a map.
    pub(super) fn key(self) -> Self {
        self.below(2)
    }

    /// Returns the place of the values of a map.
    pub(super) fn value(self) -> Self {
        self.below(3)
    }

    /// Returns the place of a tuple's part, by position.
    pub(super) fn position(self, at: usize) -> Self {
        self.below(4 + ((at as u64) << 8))
    }

    pub(super) fn named(self, name: u64) -> Self {
        self.below(name)
    }

    fn below(self, step: u64) -> Self {
        Self(fold(self.0, step))
    }
}

/// Returns the hash of the name of a field or a variant.
pub(super) fn name(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

pub(super) const EDGE_WORDS: usize = 16;

/// A set of edges. An edge is a kind at a place. The set may appear to contain an edge that was never added
/// (a Bloom filter with one hash).
pub(super) type Edges = [u64; EDGE_WORDS];

/// The shape of the parts that were encoded or decoded so far.
#[derive(Debug)]
pub(super) struct Shape {
    /// Whether the shape is recorded. Computing only the length of a value needs no shape.
    is_noted: bool,
    kinds: Cell<u64>,
    /// The last recorded kind, with its length or index. `run` counts how often it has occurred in a row. So
    /// a long sequence of numbers costs one comparison for each number.
    last: Cell<u64>,
    run: Cell<u64>,
    names: RefCell<Names>,
    edges: [Cell<u64>; EDGE_WORDS],
}

impl Shape {
    pub(super) fn new() -> Self {
        Self::with(true)
    }

    #[inline]
    fn with(is_noted: bool) -> Self {
        Self {
            is_noted,
            kinds: Cell::new(0),
            last: Cell::new(0),
            run: Cell::new(0),
            names: RefCell::new(Names::default()),
            edges: [const { Cell::new(0) }; EDGE_WORDS],
        }
    }

    /// Creates a shape that records nothing, for computing only the length of a value.
    #[inline]
    pub(super) fn unnoted() -> Self {
        Self::with(false)
    }

    /// Returns the hash of the name of a field or a variant, or 0 if nothing is recorded.
    #[inline]
    pub(super) fn name(&self, text: &str) -> u64 {
        if self.is_noted { name(text) } else { 0 }
    }

    #[inline]
    pub(super) fn kind(&self, kind: PartKind) {
        self.kinds_of(kind, 0, 1);
    }

    /// Records a kind with a length or an index.
    #[inline]
    pub(super) fn kind_with(&self, kind: PartKind, number: usize) {
        self.kinds_of(kind, number, 1);
    }

    /// Records a kind that occurs `times` times in a row.
    #[inline]
    pub(super) fn kinds_of(&self, kind: PartKind, number: usize, times: usize) {
        if !self.is_noted {
            return;
        }
        let event = kind as u64 | (number as u64) << 8;
        if event == self.last.get() {
            self.run.set(self.run.get() + times as u64);
        } else if times > 0 {
            self.kinds.set(self.kinds_so_far());
            self.last.set(event);
            self.run.set(times as u64);
        }
    }

    fn kinds_so_far(&self) -> u64 {
        let (kinds, last) = (self.kinds.get(), self.last.get());
        match self.run.get() {
            0 => kinds,
            1 => fold(kinds, last),
            run => fold(fold(kinds, last), u64::from(u8::MAX) | run << 8),
        }
    }

    #[inline]
    pub(super) fn edge(&self, place: PartPlace, kind: PartKind) {
        if !self.is_noted {
            return;
        }
        let hash = place.0.wrapping_add((kind as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let word = usize::try_from(hash >> 58).unwrap_or(0) % EDGE_WORDS;
        if let Some(word) = self.edges.get(word) {
            word.set(word.get() | 1 << (hash >> 32 & 63));
        }
    }

    /// Records the hash of the names at a place: of all fields of a struct, or of a variant.
    pub(super) fn names(&self, place: PartPlace, names: u64) {
        if self.is_noted {
            self.names.borrow_mut().insert(fold(place.0, names));
        }
    }

    pub(super) fn finish(&self) -> FinishedShape {
        let names = self.names.borrow().sum;
        FinishedShape {
            kinds: half(self.kinds_so_far()),
            names: half(names),
            edges: self.edges.each_ref().map(Cell::get),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FinishedShape {
    pub(super) kinds: u32,
    /// 0 for a value without names.
    pub(super) names: u32,
    pub(super) edges: Edges,
}

impl FinishedShape {
    /// The shape of a value without parts.
    pub(super) const EMPTY: Self = Self { kinds: 0, names: 0, edges: [0; EDGE_WORDS] };

    pub(super) fn fingerprint(&self) -> u64 {
        u64::from(self.kinds) << 32 | u64::from(self.names)
    }
}

/// Splits a fingerprint into its halves: first the kinds, then the names.
pub(super) fn halves(fingerprint: u64) -> (u32, u32) {
    let low = u32::try_from(fingerprint & u64::from(u32::MAX)).unwrap_or(0);
    (u32::try_from(fingerprint >> 32).unwrap_or(0), low)
}

/// A set of hashes, and the sum of its members. The sum depends neither on the order of the members nor on
/// how often each was added. So neither the order of a map nor the length of a sequence changes the sum.
#[derive(Debug, Default)]
struct Names {
    sum: u64,
    few: SmallVec<[u64; 12]>,
    /// Allocated when `few` is full, because an empty `HashSet` would already take a random seed.
    many: Option<HashSet<u64>>,
}

impl Names {
    fn insert(&mut self, member: u64) {
        // Most often the last member is added again, because the elements of a sequence are alike.
        if self.few.last() == Some(&member) || self.few.contains(&member) {
            return;
        }
        if self.few.len() < self.few.inline_size() {
            self.few.push(member);
        } else if !self.many.get_or_insert_default().insert(member) {
            return;
        }
        self.sum = self.sum.wrapping_add(member);
    }
}

fn half(hash: u64) -> u32 {
    if hash == 0 {
        return 0;
    }
    u32::try_from(fold(hash, 0xD6E8_FEB8_6659_FD93) >> 32).unwrap_or(0)
}

/// Mixes two numbers into one: multiplies 64 by 64 bits, and XORs the halves of the product.
pub(super) fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one ^ 0xA076_1D64_78BD_642F) * u128::from(other ^ 0xE703_7ED1_A0B4_28DB);
    let low = product & u128::from(u64::MAX);
    u64::try_from((product >> 64) ^ low).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_depend_on_order_and_number_and_names_on_neither() {
        use PartKind::{Str, U8};
        let shape = |kinds: &[PartKind], names: &[u64]| {
            let shape = Shape::new();
            for kind in kinds {
                shape.kind(*kind);
            }
            for name in names {
                shape.names(PartPlace::ROOT, *name);
            }
            shape.finish()
        };
        let base = shape(&[U8, U8, Str], &[1, 2]);
        assert_eq!(base, shape(&[U8, U8, Str], &[2, 1, 1, 2]));
        for other in [&[U8, Str, U8][..], &[U8, Str], &[U8, U8, Str, Str], &[]] {
            assert_ne!(base.kinds, shape(other, &[]).kinds, "{other:?}");
        }
        assert_ne!(base.names, shape(&[], &[1]).names);
        assert_ne!(base.names, shape(&[], &[1, 3]).names);
        assert_eq!(shape(&[], &[]).fingerprint(), 0);
    }

    #[test]
    fn a_run_counts_as_its_parts_do() {
        let (one, other) = (Shape::new(), Shape::new());
        one.kinds_of(PartKind::U8, 0, 3);
        one.kinds_of(PartKind::U8, 0, 0);
        (0..3).for_each(|_| other.kind(PartKind::U8));
        assert_eq!(one.finish(), other.finish());
    }

    #[test]
    fn more_names_than_fit_in_place_are_still_a_set() {
        let sum = |rounds: u64| {
            let shape = Shape::new();
            (0..rounds * 100).for_each(|at| shape.names(PartPlace::ROOT, at % 100));
            shape.finish().names
        };
        assert_eq!(sum(1), sum(3));
    }
}
