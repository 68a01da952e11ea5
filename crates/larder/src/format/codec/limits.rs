//! The limits of any value: its length, its depth, and its number of elements.
//!
//! A codec's own limit counts bytes. Two kinds of hostile bytes pass that limit. The first kind is a sequence
//! of elements without bytes: a length of 2^60 without any further bytes causes an endless loop. The second
//! kind is nesting: each level of a recursive type may take only one byte, but uses a stack frame. Neither
//! bincode nor rmp-serde limits both kinds, so larder has its own limits. Values pass through
//! [`Bounded`](super::bounded::Bounded), an adaptor around the codec's serde format, in both directions.
//! **Encoding refuses what decoding would refuse**, so no value is stored that cannot be read back.
//!
//! The limit on elements needs no work for each element. Two elements never share their first byte, because
//! a sequence inside another begins with its own length. So a value has at most as many nonempty elements as
//! bytes. In addition, [`MAX_EMPTY_ELEMENTS`] elements may be empty. All elements of a sequence or map are
//! counted when it begins.

use std::cell::Cell;
use std::fmt;

use crate::units::ByteSize;

/// Maximum length of an encoded value. A longer value is neither stored nor decoded.
pub const MAX_VALUE_LEN: ByteSize = ByteSize::mib(64);

/// Maximum depth of a value. Each struct, tuple, sequence, map, enum and `Option` is a level, including the
/// outermost. In [`Format::MessagePack`](crate::Format::MessagePack), an enum variant with a tuple or with
/// named fields takes two levels. Deeper values are neither encoded nor decoded.
///
/// 128 levels are enough for trees and expressions. Store a long linked list as a sequence instead. Decoding
/// recurses once for each level, and this limit keeps hostile bytes from overflowing the stack. In an
/// unoptimised build, 128 levels of a list of boxes need 224 KiB of stack. 128 levels of an enum of fifteen
/// variants need 768 KiB. A Rust thread has 2 MiB by default. A thread with a smaller stack, or a type that
/// contains large values unboxed, may need flatter values.
pub const MAX_DEPTH: usize = 128;

/// A value has at most one element for each encoded byte, plus this many elements without bytes (`()`,
/// structs without fields, pairs of these). The limit applies to all sequences and maps of the value
/// together. Values with more elements are neither encoded nor decoded.
pub const MAX_EMPTY_ELEMENTS: usize = 1 << 16;

/// Maximum number of elements while the length of the encoding is still unknown. The number is far above
/// what a value can hold, so that a value that is only too long gets the error about its length.
#[expect(clippy::cast_possible_truncation, reason = "64 MiB are an address on every platform")]
pub(super) const MAX_ELEMENTS: usize = 4 * MAX_VALUE_LEN.as_u64() as usize;

/// A limit that a value exceeds. Its text is for the caller that stored the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExceededLimit {
    Depth,
    Elements,
    /// More elements than a value of the maximum length may have.
    MostElements,
}

impl fmt::Display for ExceededLimit {
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

/// The number of elements that a value has used, and its limit.
#[derive(Debug)]
pub(super) struct Elements {
    most: usize,
    spent: Cell<usize>,
}

impl Elements {
    /// Creates the count for a value that is decoded from this many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        Self { most: bytes.saturating_add(MAX_EMPTY_ELEMENTS), spent: Cell::new(0) }
    }

    /// Creates the count for a value whose length is still unknown. Call [`check`](Elements::check) once the
    /// length is known.
    pub(super) fn of_unknown() -> Self {
        Self { most: MAX_ELEMENTS, spent: Cell::new(0) }
    }

    /// Checks that decoding this many bytes would allow the elements that were used.
    pub(super) fn check(&self, bytes: usize) -> Result<(), ExceededLimit> {
        Self::of(bytes).spend(self.spent.get())
    }

    pub(super) fn spend(&self, elements: usize) -> Result<(), ExceededLimit> {
        let spent = self.spent.get().saturating_add(elements);
        self.spent.set(spent);
        match spent > self.most {
            true if self.most == MAX_ELEMENTS => Err(ExceededLimit::MostElements),
            true => Err(ExceededLimit::Elements),
            false => Ok(()),
        }
    }
}
