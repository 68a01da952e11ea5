//! A key with its hash, as every lookup carries it.

/// A whole key (its keyspace's number, then its own bytes) with its hash: computed once a lookup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey<'a> {
    pub(crate) hash: u64,
    pub(crate) bytes: &'a [u8],
}

impl SlotKey<'_> {
    /// The half of the hash that does not choose the shard: the shard's table and its policy go by it.
    pub(crate) const fn short_hash(self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
        let short = self.hash as u32;
        short
    }
}
