//! The status of a key in a live cache: the tiers that have the key, and the reason why a lookup hits or
//! misses.

use serde::{Deserialize, Serialize};

use crate::units::ByteSize;

/// The result of a lookup of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryState {
    /// A live value.
    Live,
    /// A live absence: the application has stored that the source has no value for the key. Depending on the
    /// method, a lookup returns the absence or a miss.
    KnownAbsent,
    /// An entry that has expired: a miss.
    Expired,
    /// A removed entry: a miss. The removal is not committed to the file yet, or the removed record is
    /// still to be deleted.
    Removed,
    /// A record of another version of the keyspace: a miss.
    OtherVersion,
    /// A damaged record: a miss.
    Damaged,
    /// An intact record that does not decode as the application's type: a miss.
    Undecodable,
    /// No entry.
    #[default]
    Absent,
    /// A state that only a later version of larder knows.
    #[serde(other)]
    Unknown,
}

impl EntryState {
    /// Returns the name of the state in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::KnownAbsent => "known_absent",
            Self::Expired => "expired",
            Self::Removed => "removed",
            Self::OtherVersion => "other_version",
            Self::Damaged => "damaged",
            Self::Undecodable => "undecodable",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// The tiers that have the live entry of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FoundIn {
    /// Only memory.
    Memory,
    /// Only the disk. The next lookup reads the entry from disk.
    Disk,
    /// Memory and the disk.
    Both,
    /// A value that only a later version of larder knows.
    #[serde(other)]
    Unknown,
}

impl FoundIn {
    /// Returns the name of the tiers in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Both => "both",
            Self::Unknown => "unknown",
        }
    }
}

/// The status of a key in a live cache. Reading the status does not count as a use of the entry: it changes
/// no statistics, promotes nothing, and does not delay an eviction.
///
/// ```no_run
/// let mut client = larder::control::Client::connect("var/shop.sock")?;
/// let status = client.why("product", "MTNVTU")?;
/// println!("{}: {}", status.state.name(), status.why.unwrap_or_default());
/// # Ok::<(), larder::control::ClientError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct KeyStatus {
    /// The key's encoded bytes, as `0x` and hexadecimal digits.
    pub key: String,
    /// The result of a lookup.
    pub state: EntryState,
    /// The tiers that have the live value or absence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_in: Option<FoundIn>,
    /// Whether the latest change of the key, an insert or a removal, is not committed yet. A crash now would
    /// undo an insert. Always false in a memory-only keyspace.
    pub is_unflushed: bool,
    /// Whether a load of the key is running or queued.
    pub is_loading: bool,
    /// The version of the entry's keyspace at the time of writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The sequence of the change that wrote the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The time at which the entry was written, in milliseconds since 1970. Known only if the entry waits
    /// for its commit or is on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_at_ms: Option<u64>,
    /// The time at which the entry expires, in milliseconds since 1970. 2⁶⁴ − 1 means never
    /// ([`Timestamp::NEVER`](crate::Timestamp::NEVER)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// Remaining TTL in milliseconds, by the clock of the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Length of the encoded value. For a clean entry that is only in memory, the length is present only in
    /// the answers to `get` and `why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_bytes: Option<ByteSize>,
    /// Length of the value as stored in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<ByteSize>,
    /// Compression of the value in the file: 0 none, 1 LZ4, 2 Zstandard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<u8>,
    /// Weight of the entry in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<ByteSize>,
    /// Format of the values of the keyspace: 0 bincode, 1 MessagePack, 2 raw bytes. Present only in the
    /// answers to `get` and `why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_format: Option<u8>,
    /// The encoded, uncompressed value as `0x` and hexadecimal digits. Present only in the answer to `get`,
    /// if the application allows it ([`CacheBuilder::control_values`](crate::CacheBuilder::control_values)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The reason why the answer to `get` does not have the value of a live entry, and the remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_withheld: Option<String>,
    /// The reason why a lookup hits or misses, in sentences. Present only in the answer to `why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A page of the keys of a keyspace. The keys are in the order of their encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct KeysPage {
    /// The keys. A page that is not the last may have fewer keys than requested, or none.
    pub keys: Vec<KeyStatus>,
    /// The value to pass as `after` to get the next page. `None` in the last page.
    pub after: Option<String>,
}
