//! The parts of an export.

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// See [`binary`](crate::binary).
    Binary,
    /// See [`jsonl`](crate::jsonl).
    JsonLines,
}

/// The header of an export.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// When the export was made, in milliseconds since 1970. Entries that had expired by then are not in the
    /// export.
    pub exported_at_ms: u64,
    /// The sequence number of the last change in the export.
    pub sequence: u64,
}

/// A keyspace. It precedes its entries in the export.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace {
    /// The name, of 1 to 255 bytes.
    pub name: String,
    /// The version of the shape of the values.
    pub version: u32,
    /// The shape of the keys, such as `(string, u64)`.
    pub key_shape: String,
    /// The encoding of the values: 0 bincode, 1 MessagePack, 2 raw bytes.
    pub value_format: u8,
    /// The name of the schema that the keyspace belongs to, of 1 to 255 bytes. `None` if the keyspace
    /// belongs to no schema.
    pub schema: Option<String>,
    /// The fingerprint of the type of the values. Zero if the keyspace has no fingerprint.
    pub fingerprint: u64,
}

/// An entry.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number of the keyspace in this export, from zero.
    pub keyspace: u32,
    /// The bytes of the key, in larder's encoding.
    pub key: Vec<u8>,
    /// When the entry was written, in milliseconds since 1970.
    pub written_at_ms: u64,
    /// When the entry expires, in milliseconds since 1970.
    pub expires_at_ms: u64,
    /// When the entry may be deleted, in milliseconds since 1970.
    pub delete_after_ms: u64,
    /// The fingerprint of the value's type when the value was written, if one was recorded.
    pub fingerprint: Option<u64>,
    /// The compression of the value in the cache file: 0 none, 1 LZ4, 2 Zstandard. An import can compress
    /// the value in the same way. In the export, the value is not compressed.
    pub compression: u8,
    /// The encoded, uncompressed value. `None` for an absence: the source of the cache has no value for the
    /// key. An absence has no fingerprint and no compression.
    pub value: Option<Vec<u8>>,
}

/// The numbers of entries in the cache that were not exported.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Number of entries that had expired.
    pub expired: u64,
    /// Number of damaged records.
    pub damaged: u64,
    /// Number of entries of another version of their keyspace.
    pub other_version: u64,
}

/// The end of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// The number of entries in the export.
    pub entries: u64,
    /// The numbers of entries that were not exported.
    pub skipped: Skipped,
}

/// A part of an export.
///
/// This enum is exhaustive, because a program that reads an export must handle every part. A new kind of part
/// comes with a new version of the export format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A keyspace. Its number is its position among the keyspaces of the export, starting at zero.
    Keyspace(Keyspace),
    /// An entry of a keyspace that the reader has already returned.
    Entry(Entry),
    /// The end. By then, the reader has checked the number of entries, the checksum, and that no byte
    /// follows.
    End(End),
}
