//! What a live cache says of a key: which tiers have it, and why a lookup finds it or does not.

use serde::{Deserialize, Serialize};

/// What a lookup of a key would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryState {
    /// A live entry.
    Live,
    /// An entry that has expired: a miss.
    Expired,
    /// A removal that holds, and of which something is still to be done on disk: a miss.
    Removed,
    /// A record of another version of the keyspace: a miss.
    OtherVersion,
    /// A record that is not what was written: a miss.
    Damaged,
    /// A record that is whole, and that is no value of the application's type: a miss.
    Undecodable,
    /// Nothing.
    #[default]
    Absent,
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

impl EntryState {
    /// The state as the protocol writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
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

/// Which tiers have the live entry of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FoundIn {
    /// Memory alone.
    Memory,
    /// The disk alone: the next lookup reads it from there.
    Disk,
    /// Memory and the disk.
    Both,
    /// A tier of a later version.
    #[serde(other)]
    Unknown,
}

impl FoundIn {
    /// The tiers as the protocol writes them.
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

/// A key in a live cache, and what stands there. Telling it is no use of the entry: nothing is counted,
/// promoted, or kept from eviction.
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
    /// What a lookup would find.
    pub state: EntryState,
    /// Which tiers have it, if it is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_in: Option<FoundIn>,
    /// Whether the latest change of the key, an insert or a removal, is still to be committed: a crash now
    /// would undo an insert. Never of a keyspace that is kept in memory alone.
    pub is_unflushed: bool,
    /// Whether a caller is loading the key at this moment.
    pub is_loading: bool,
    /// The version of its keyspace when it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The number of the change that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When it was written, in milliseconds since 1970. Memory keeps no such time: it is known while the
    /// entry is to be committed, or stands on disk as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_at_ms: Option<u64>,
    /// When it expires, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// The milliseconds that it has to live, by the cache's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Bytes of its value, encoded; of an entry that is in memory alone, `get` and `why` tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_bytes: Option<u64>,
    /// Bytes of its value in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// How its value is compressed in the file: 0 not, 1 LZ4, 2 Zstandard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<u8>,
    /// Bytes that memory is charged for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// How values of its keyspace are encoded: 0 bincode, 1 MessagePack, 2 raw bytes. `get` tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_format: Option<u8>,
    /// Its encoded value, before any compression, as `0x` and hexadecimal digits: for `get`, where the
    /// application allows it ([`CacheBuilder::control_values`](crate::CacheBuilder::control_values)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why `get` of a live entry has no value, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_withheld: Option<String>,
    /// Why a lookup finds it or does not, in sentences: for `why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A page of the keys of a keyspace, in the order of their encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct KeysPage {
    /// The keys. A page may have fewer than were asked for, or none, and not be the last.
    pub keys: Vec<KeyStatus>,
    /// Where the next page begins: to be given as `after`. None after the last page.
    pub after: Option<String>,
}
