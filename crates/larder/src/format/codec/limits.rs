//! What a value may be, whatever its bytes say: how deep it nests, and how many elements it has.
//!
//! A codec's own limit counts bytes. Two kinds of hostile bytes pass it: a sequence of elements that take no
//! bytes (2^60 times `()` is one length, and a loop without end), and nesting (each level of a recursive type
//! is one byte, and a stack frame). So values go through [`Bounded`](super::bounded::Bounded), an adaptor
//! around whatever serde format the codec uses, in both directions: **what decoding would refuse, encoding
//! refuses**, so that nothing is stored that can't be read back.
//!
//! The law for elements needs no work for each of them. The first byte of an element that takes any is the
//! first byte of no other element (a sequence inside it begins with its own length), so a value has at most
//! as many such elements as bytes; [`MAX_EMPTY_ELEMENTS`] more may be empty. A sequence or map pays for all
//! of its elements when it begins.

use std::cell::Cell;
use std::fmt;

use crate::units::ByteSize;

/// The most bytes a value may have, encoded. Longer ones are refused, in both directions.
pub const MAX_VALUE_LEN: ByteSize = ByteSize::mib(64);

/// How deep a value may nest: a struct, tuple, sequence, map, enum or `Option` inside another is a level.
/// Deeper values are neither encoded nor decoded.
///
/// Enough for trees and expressions; a long linked list is better stored as a sequence. Decoding recurses
/// once a level, and the bound is what keeps hostile bytes from overflowing the stack: for 128 levels a list
/// of boxes takes 224 KiB of it in an unoptimised build, and an enum of fifteen variants 768 KiB, where Rust
/// gives a thread 2 MiB. A thread with less, or a type that holds large values unboxed, may need flatter
/// values.
pub const MAX_DEPTH: usize = 128;

/// How many elements without bytes (`()`, structs without fields, pairs of them) the sequences and maps of a
/// value may have together, besides one element for each byte of the value. More are neither encoded nor
/// decoded.
pub const MAX_EMPTY_ELEMENTS: usize = 1 << 16;

/// Encoding stops here without looking at the length first. Well above what fits a value, so that a value
/// which is merely too long is told so by its length.
#[expect(clippy::cast_possible_truncation, reason = "64 MiB are an address on every platform")]
pub(super) const MAX_ELEMENTS: usize = 4 * MAX_VALUE_LEN.as_u64() as usize;

/// A limit that a value does not keep. Its text is for the caller whose value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    Depth,
    Elements,
    /// More elements than any value may have, whatever its length.
    MostElements,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(
                f,
                "the value nests more than {MAX_DEPTH} levels deep; make it flatter, or store its parts as entries of their own"
            ),
            Self::MostElements => write!(
                f,
                "the value has more than {MAX_ELEMENTS} elements in sequences and maps, and a value has at most {MAX_VALUE_LEN}; store a part of it, or where it is"
            ),
            Self::Elements => write!(
                f,
                "the value has more elements in sequences and maps than it has bytes, by more than {MAX_EMPTY_ELEMENTS}; store a number in place of elements that take no bytes"
            ),
        }
    }
}

/// The elements that one value may still have.
#[derive(Debug)]
pub(super) struct Elements {
    most: usize,
    spent: Cell<usize>,
}

impl Elements {
    /// Of a value that is to be read from so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        Self { most: bytes.saturating_add(MAX_EMPTY_ELEMENTS), spent: Cell::new(0) }
    }

    /// Of a value whose length is not known yet: [`check`](Elements::check) it when it is.
    pub(super) fn of_unknown() -> Self {
        Self { most: MAX_ELEMENTS, spent: Cell::new(0) }
    }

    /// Whether decoding so many bytes would allow what was spent.
    pub(super) fn check(&self, bytes: usize) -> Result<(), Exceeded> {
        Self::of(bytes).spend(self.spent.get())
    }

    pub(super) fn spend(&self, elements: usize) -> Result<(), Exceeded> {
        let spent = self.spent.get().saturating_add(elements);
        self.spent.set(spent);
        match spent > self.most {
            true if self.most == MAX_ELEMENTS => Err(Exceeded::MostElements),
            true => Err(Exceeded::Elements),
            false => Ok(()),
        }
    }
}
