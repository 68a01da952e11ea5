//! What an export is made of.

/// How an export begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// When it was made, ms since 1970: what had expired then is not in it.
    pub exported_at_ms: u64,
    /// The number of the last change that is in it.
    pub sequence: u64,
}

/// A keyspace, which stands before its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace {
    /// Its name: 1 to 255 bytes.
    pub name: String,
    /// The version of its values' shape.
    pub version: u32,
    /// The shape of its keys, such as `(string, u64)`.
    pub key_shape: String,
    /// How its values are encoded: 0 bincode, 1 MessagePack, 2 raw bytes.
    pub value_format: u8,
    /// The name of the schema that it belongs to, up to 255 bytes; none if it has none.
    pub schema: Option<String>,
    /// The fingerprint of its values' type; zero if there is none.
    pub fingerprint: u64,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its keyspace: the how manieth of the export, from zero.
    pub keyspace: u32,
    /// The key's bytes, as larder encodes them.
    pub key: Vec<u8>,
    /// When it was written, ms since 1970.
    pub written_at_ms: u64,
    /// When it expires.
    pub expires_at_ms: u64,
    /// When it may be deleted.
    pub delete_after_ms: u64,
    /// The fingerprint of the shape that the value was written with, if it has one.
    pub fingerprint: Option<u64>,
    /// How the value was compressed in the cache's file, and is to be where it is imported: 0 not, 1 LZ4, 2
    /// Zstandard. Here it is not.
    pub compression: u8,
    /// The encoded value, not compressed.
    pub value: Vec<u8>,
}

/// What was in the cache and is not in the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Entries that had expired.
    pub expired: u64,
    /// Records that were damaged.
    pub damaged: u64,
    /// Entries of another version than their keyspace has.
    pub other_version: u64,
}

/// How an export ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The entries in it.
    pub entries: u64,
    /// What is not.
    pub skipped: Skipped,
}

/// A part of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A keyspace, numbered from zero in the order they come in.
    Keyspace(Keyspace),
    /// An entry of a keyspace that came before.
    Entry(Entry),
    /// The end: counts and checksum are right. Nothing comes after it.
    End(End),
}
