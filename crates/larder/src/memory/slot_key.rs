//! An encoded key with its hash.

use crate::format::key::unencoded::UnencodedKey;
use crate::format::stored_key::StoredKey;

/// A full key: the number of its keyspace, then the encoded key. Each lookup computes the hash only once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey<'a> {
    pub(crate) hash: u64,
    pub(crate) bytes: &'a [u8],
}

impl SlotKey<'_> {
    pub(super) const fn short_hash(self) -> u32 {
        short_hash(self.hash)
    }
}

impl UnencodedKey for SlotKey<'_> {
    fn hash(self) -> u64 {
        self.hash
    }

    fn is(self, stored: &StoredKey) -> bool {
        self.bytes == &**stored
    }
}

/// Returns the lower half of a hash, which the shard's index and policy use. The upper half chooses the
/// shard.
pub(super) const fn short_hash(hash: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    let short = hash as u32;
    short
}
