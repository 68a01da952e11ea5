//! What a file records of each of its keyspaces.

use crate::disk::store::catalog::Catalog;
use crate::disk::store::keyspace_row::RetiredVersion;
use crate::format::codec::format::Format;
use crate::format::key::shape::KeyShape;
use crate::format::key::spelling::spell_hex;
use crate::format::keyspace_id::KeyspaceId;

/// What a file records of a keyspace.
///
/// [`Snapshot::keyspaces`](crate::inspect::Snapshot::keyspaces), [`Admin::keyspaces`](crate::admin::Admin::keyspaces)
/// and [`Follower::keyspaces`](crate::Follower::keyspaces) return it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyspaceInfo {
    /// Its name.
    pub name: String,
    /// Its number in this file.
    pub number: u32,
    /// The version of its values' shape.
    pub version: u32,
    /// The shape of its keys, such as `(string, u64)`.
    pub key_shape: String,
    /// How its values are encoded: 0 bincode, 1 MessagePack, 2 raw bytes. [`format_name`](Self::format_name)
    /// tells it in words.
    pub value_format: u8,
    /// The name of the schema that it belongs to; none if it was made by hand, or by a definition without
    /// one.
    pub schema: Option<String>,
    /// Versions of it that were retired, oldest first, up to the latest
    /// [`MAX_RETIRED_VERSIONS`](crate::inspect::MAX_RETIRED_VERSIONS).
    pub retired_versions: Vec<RetiredVersion>,
    /// The fingerprint of its values' type; zero if there is none.
    pub fingerprint: u64,
    /// Its entries, those included that have expired and are not yet swept.
    pub entries: u64,
    /// Bytes that these are charged for.
    pub bytes: u64,
}

impl KeyspaceInfo {
    /// The shape of its keys, if it is made of larder's own parts.
    #[must_use]
    pub fn shape(&self) -> Option<KeyShape> {
        self.key_shape.parse().ok()
    }

    /// How its values are encoded, in words.
    #[must_use]
    pub const fn format_name(&self) -> &'static str {
        format_name(self.value_format)
    }

    /// A key of it as a person reads it: by its shape, or `0x` and the digits of its bytes.
    #[must_use]
    pub fn spell_key(&self, key: &[u8]) -> String {
        self.shape().map_or_else(|| spell_hex(key), |shape| shape.spell_key(key))
    }

    pub(crate) fn id(&self) -> KeyspaceId {
        KeyspaceId::on_disk(self.number)
    }
}

/// How values are encoded, in words, by the number of their format.
///
/// ```
/// assert_eq!(larder::inspect::format_name(1), "MessagePack");
/// assert_eq!(larder::inspect::format_name(9), "unknown");
/// ```
#[must_use]
pub const fn format_name(value_format: u8) -> &'static str {
    match Format::of_code(value_format) {
        Some(format) => format.name(),
        None => "unknown",
    }
}

/// Returns the keyspaces of a file, by name.
pub(crate) fn of_catalog(catalog: &Catalog) -> Vec<KeyspaceInfo> {
    let rows = catalog.keyspaces.iter().map(|(name, row)| KeyspaceInfo {
        name: name.clone(),
        number: row.id.number(),
        version: row.version,
        key_shape: row.shape.clone(),
        value_format: row.format,
        schema: row.schema.clone(),
        retired_versions: row.retired_versions.clone(),
        fingerprint: row.fingerprint,
        entries: row.entries,
        bytes: row.bytes,
    });
    rows.collect()
}
