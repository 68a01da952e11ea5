//! A digest, and its combination with other digests.

use xxhash_rust::xxh3::xxh3_64;

use crate::format::codec::shape::{PartKind, fold};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format::codec) struct Digest {
    /// The digest that depends on the order of a sequence.
    pub(super) strict: u64,
    /// The digest that does not depend on the order of a sequence, because a hash set has no order.
    pub(super) loose: u64,
}

impl Digest {
    pub(super) fn of(kind: PartKind, content: u64) -> Self {
        let digest = fold(kind as u64, content);
        Self { strict: digest, loose: digest }
    }

    pub(super) fn bytes(kind: PartKind, bytes: &[u8]) -> Self {
        Self::of(kind, xxh3_64(bytes))
    }

    /// Returns the digest of an outer part of this kind that contains this part. `content` is what the
    /// outer part adds, such as the name of a variant.
    pub(super) fn within(self, kind: PartKind, content: u64) -> Self {
        let around = Self::of(kind, content);
        Self { strict: fold(around.strict, self.strict), loose: fold(around.loose, self.loose) }
    }

    /// Returns whether two digests are of equal values. Ignores the order of sequences, because a hash set is
    /// serialized as a sequence.
    pub(in crate::format::codec) fn agrees(self, other: Self) -> bool {
        self.strict == other.strict || self.loose == other.loose
    }
}
