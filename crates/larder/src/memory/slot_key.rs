//! A key with its hash, in the form that every lookup uses.

/// A whole key: the number of its keyspace, then its own bytes. The hash is computed once for each lookup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey<'a> {
    pub(crate) hash: u64,
    pub(crate) bytes: &'a [u8],
}

impl SlotKey<'_> {
    /// Returns the lower half of the hash. The shard's table and its policy use this half. The upper half
    /// chooses the shard.
    pub(super) const fn short_hash(self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
        let short = self.hash as u32;
        short
    }
}
