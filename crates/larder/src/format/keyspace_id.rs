//! The number of a keyspace, with which each of its keys begins.

/// The number of a keyspace. The file stores the numbers of the keyspaces on disk. The number of a
/// memory-only keyspace has the top bit set, and is valid for the life of the process. The number of a
/// keyspace of a remote tier has the next bit set as well. So the bytes of a key show in which tiers the
/// entry may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyspaceId(u32);

const MEMORY_ONLY: u32 = 1 << 31;
/// Set together with [`MEMORY_ONLY`].
const REMOTE: u32 = 1 << 30;

impl KeyspaceId {
    /// Length of the number at the start of a key, in bytes.
    pub(crate) const LEN: usize = 4;

    /// The first byte of the keys of every remote keyspace. Their numbers count up from 1.
    pub(crate) const ALL_REMOTE: [u8; 1] = [0xC0];

    pub(crate) const fn on_disk(number: u32) -> Self {
        Self(number & !MEMORY_ONLY)
    }

    pub(crate) const fn memory_only(number: u32) -> Self {
        Self(number | MEMORY_ONLY)
    }

    /// Returns the number of a remote keyspace. The memory tier treats it as memory-only.
    pub(crate) const fn remote(number: u32) -> Self {
        Self(number | MEMORY_ONLY | REMOTE)
    }

    /// Returns whether the keyspace belongs to a remote tier.
    pub(crate) const fn is_remote(self) -> bool {
        self.0 & (MEMORY_ONLY | REMOTE) == MEMORY_ONLY | REMOTE
    }

    pub(crate) const fn is_memory_only(self) -> bool {
        self.0 & MEMORY_ONLY != 0
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0.to_be_bytes()
    }

    /// Returns the keyspace of a full key.
    pub(crate) fn of(key: &[u8]) -> Self {
        Self(key.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)))
    }
}
