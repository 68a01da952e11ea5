//! A digest, and how digests of parts become that of a whole.

use xxhash_rust::xxh3::xxh3_64;

use crate::format::codec::shape::{PartKind, fold};

/// What a value serializes as, in two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format::codec) struct Digest {
    /// With sequences in their order.
    pub(super) strict: u64,
    /// With sequences in any order: those of a hash set are in none.
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

    /// This, as part of something.
    pub(super) fn within(self, kind: PartKind, content: u64) -> Self {
        let around = Self::of(kind, content);
        Self { strict: fold(around.strict, self.strict), loose: fold(around.loose, self.loose) }
    }

    /// Whether they are of the same value, but for the order of what has none.
    pub(in crate::format::codec) fn agrees(self, other: Self) -> bool {
        self.strict == other.strict || self.loose == other.loose
    }
}
