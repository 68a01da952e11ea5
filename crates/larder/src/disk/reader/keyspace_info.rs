//! Describes each keyspace that a file records.

use crate::disk::store::catalog::Catalog;
use crate::disk::store::keyspace_row::{KeyspaceRow, RetiredVersion};
use crate::format::codec::format::Format;
use crate::format::key::shape::KeyShape;
use crate::format::key::spelling::spell_hex;
use crate::format::keyspace_id::KeyspaceId;
use crate::units::ByteSize;

/// The description of a keyspace in a file.
///
/// [`Follower::keyspaces`](crate::Follower::keyspaces) returns it. With the features `inspect` and `admin`,
/// `inspect::Snapshot::keyspaces` and `admin::Admin::keyspaces` also return it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyspaceInfo {
    /// The name of the keyspace.
    pub name: String,
    /// The number of the keyspace in this file.
    pub number: u32,
    /// The version of the value type, from the definition of the keyspace.
    pub version: u32,
    /// The shape of the keys, such as `(string, u64)`.
    pub key_shape: String,
    /// The format of the values: 0 bincode, 1 MessagePack, 2 raw bytes. [`format_name`](Self::format_name)
    /// returns its name.
    pub value_format: u8,
    /// The name of the schema that the file records for the keyspace, if there is one.
    pub schema: Option<String>,
    /// The retired versions, oldest first, up to the latest
    /// [`MAX_RETIRED_VERSIONS`](crate::MAX_RETIRED_VERSIONS).
    pub retired_versions: Vec<RetiredVersion>,
    /// The fingerprint of the values' shape that the file records, or zero if it records none.
    pub fingerprint: u64,
    /// Number of entries, including expired entries that are not swept yet.
    pub entries: u64,
    /// The disk space that the entries are charged for.
    pub bytes: ByteSize,
}

impl KeyspaceInfo {
    /// Returns the shape of the keys, if it consists of larder's own parts.
    #[cfg(any(test, feature = "inspect"))]
    #[must_use]
    pub fn shape(&self) -> Option<KeyShape> {
        self.key_shape.parse().ok()
    }

    /// Returns the name of the format of the values.
    #[must_use]
    pub const fn format_name(&self) -> &'static str {
        format_name(self.value_format)
    }

    /// Returns a key as text, in the shape of the keyspace's keys. If the shape is unknown, returns `0x` and
    /// hexadecimal digits.
    #[must_use]
    pub fn spell_key(&self, key: &[u8]) -> String {
        let shape: Result<KeyShape, _> = self.key_shape.parse();
        shape.map_or_else(|_| spell_hex(key), |shape| shape.spell_key(key))
    }

    pub(super) fn of_row(name: &str, row: &KeyspaceRow) -> Self {
        Self {
            name: name.to_owned(),
            number: row.id.number(),
            version: row.version,
            key_shape: row.shape.clone(),
            value_format: row.format,
            schema: row.schema.clone(),
            retired_versions: row.retired_versions.clone(),
            fingerprint: row.fingerprint,
            entries: row.entries,
            bytes: row.bytes.into(),
        }
    }

    pub(crate) fn id(&self) -> KeyspaceId {
        KeyspaceId::on_disk(self.number)
    }
}

/// Returns the name of a format of values.
///
/// ```
/// # #[cfg(feature = "inspect")] {
/// assert_eq!(larder::inspect::format_name(1), "MessagePack");
/// assert_eq!(larder::inspect::format_name(9), "unknown");
/// # }
/// ```
#[must_use]
pub const fn format_name(value_format: u8) -> &'static str {
    match Format::of_code(value_format) {
        Some(format) => format.name(),
        None => "unknown",
    }
}

/// Returns the keyspaces of a file, ordered by name.
pub(crate) fn of_catalog(catalog: &Catalog) -> Vec<KeyspaceInfo> {
    catalog.keyspaces.iter().map(|(name, row)| KeyspaceInfo::of_row(name, row)).collect()
}
