//! The number of a keyspace, with which each of its keys begins.

/// The number of a keyspace. The file stores the numbers of the keyspaces on disk. The number of a
/// memory-only keyspace has the top bit set, and is valid for the life of the process. The number of a
/// keyspace of a remote tier has the next bit set as well. So the bytes of a key show which tiers may hold
/// the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyspaceId(u32);

/// The lowest tier that may have the entries of a keyspace. The memory tier is in front of it.
///
/// A decision that depends on the tier matches on this type with all three variants, or calls a method that
/// names the question. With a boolean for "only in memory", a remote keyspace would have to be one of the
/// two, and a shortcut for memory could keep a change from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LowestTier {
    /// Memory. An entry ends with the process.
    Memory,
    /// The file. The writer commits the changes, and memory may lack an entry that the file has.
    File,
    /// The server of a remote tier. The server has every entry, every change is a request to the server, and
    /// the entries in memory are near copies.
    Remote,
}

const NOT_IN_FILE: u32 = 1 << 31;
/// Set together with [`NOT_IN_FILE`].
const REMOTE: u32 = 1 << 30;

impl KeyspaceId {
    /// Length of the number at the start of a key, in bytes.
    pub(crate) const LEN: usize = 4;

    /// The first byte of the keys of every remote keyspace. Remote keyspaces are numbered from 1 up, so in
    /// practice the numbers do not reach this byte.
    pub(crate) const ALL_REMOTE: [u8; 1] = [0xC0];

    pub(crate) const fn on_disk(number: u32) -> Self {
        Self(number & !NOT_IN_FILE)
    }

    /// Creates the number of a keyspace whose lowest tier is memory.
    pub(crate) const fn in_memory(number: u32) -> Self {
        Self(number | NOT_IN_FILE)
    }

    /// Creates the number of a keyspace whose lowest tier is a remote tier.
    pub(crate) const fn remote(number: u32) -> Self {
        Self(number | NOT_IN_FILE | REMOTE)
    }

    pub(crate) const fn lowest_tier(self) -> LowestTier {
        match (self.0 & NOT_IN_FILE != 0, self.0 & REMOTE != 0) {
            (false, _) => LowestTier::File,
            (true, false) => LowestTier::Memory,
            (true, true) => LowestTier::Remote,
        }
    }

    /// Returns whether a remote tier holds the keyspace. Then each change must reach the server, and an entry
    /// in memory may be returned only while it is valid.
    pub(crate) const fn is_remote(self) -> bool {
        matches!(self.lowest_tier(), LowestTier::Remote)
    }

    /// Returns whether the changes of the keyspace go to the writer, and the disk may have its entries.
    pub(crate) const fn is_in_file(self) -> bool {
        matches!(self.lowest_tier(), LowestTier::File)
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0.to_be_bytes()
    }

    /// Returns the number at the start of a full key.
    pub(crate) fn of(key: &[u8]) -> Self {
        Self(key.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)))
    }
}
