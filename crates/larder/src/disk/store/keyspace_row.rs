//! The row of a keyspace: the description of the keyspace in the file.
//!
//! ```text
//! offset  size  field
//!      0     4  number
//!      4     4  version
//!      8     8  entries
//!     16     8  bytes that the entries are charged for
//!     24     …  fields: tag 2, length 4, content
//! ```
//!
//! | tag | content |
//! |---|---|
//! | 0x8001 | shape of the keys, UTF-8; every row has this field |
//! | 0x8002 | format of the values, 1: 0 bincode (also without this field), 1 MessagePack, 2 raw bytes |
//! | 0x8003 | fingerprint of the values' shape, 8; 0, or no field, if there is no fingerprint |
//! | 0x8004 | name of the schema, UTF-8; no field if there is no schema |
//! | 0x8005 | the latest 16 retired versions, oldest first; for each: version 4, time 8 (ms since 1970) |
//!
//! When this version rewrites a row, it keeps unknown fields, after the known fields. When a keyspace starts
//! again under a new number, its unknown fields are dropped, because they may no longer apply.
//!
//! Tags begin at 0x8001 because a reader of format 1 may have the file open while the file is upgraded. That
//! reader expects UTF-8 text from offset 32 to the end. The tag 0x8002 of the second field is not valid
//! UTF-8, so the reader reports an error. Valid text would look like a shape that no keyspace has.
//!
//! In format 1, a row had the fingerprint at offset 24, and the shape of its keys from offset 32 to the end.

use crate::format::codec::format::Format;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record::{Damage, Fields};
use crate::units::Timestamp;

use super::file_format::FORMAT_1;

const KEY_SHAPE: u16 = 0x8001;
const VALUE_FORMAT: u16 = 0x8002;
const FINGERPRINT: u16 = 0x8003;
const SCHEMA: u16 = 0x8004;
const RETIRED_VERSIONS: u16 = 0x8005;

/// Maximum number of retired versions in the row of a keyspace.
pub const MAX_RETIRED_VERSIONS: usize = 16;
/// Number of bytes of a retired version in the row: 4 for the version, and 8 for the time.
const RETIRED_LEN: usize = 12;

/// A version of a keyspace that a later definition has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetiredVersion {
    /// The version.
    pub version: u32,
    /// When the version was retired.
    pub retired_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyspaceRow {
    pub(crate) id: KeyspaceId,
    pub(crate) version: u32,
    pub(crate) entries: u64,
    /// Number of bytes that the entries are charged for: see [`super::charging`].
    pub(crate) bytes: u64,
    pub(crate) shape: String,
    pub(crate) format: u8,
    pub(crate) fingerprint: u64,
    pub(crate) schema: Option<String>,
    pub(crate) retired_versions: Vec<RetiredVersion>,
    /// Fields of a later version, byte for byte.
    pub(crate) unknown: Vec<u8>,
}

impl KeyspaceRow {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.shape.len() + self.unknown.len());
        bytes.extend_from_slice(&self.id.to_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&self.entries.to_be_bytes());
        bytes.extend_from_slice(&self.bytes.to_be_bytes());
        let mut put = |tag: u16, content: &[u8]| {
            let len = u32::try_from(content.len()).expect("names, shapes and 16 versions are short");
            bytes.extend_from_slice(&tag.to_be_bytes());
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(content);
        };
        put(KEY_SHAPE, self.shape.as_bytes());
        put(VALUE_FORMAT, &[self.format]);
        if self.fingerprint != 0 {
            put(FINGERPRINT, &self.fingerprint.to_be_bytes());
        }
        if let Some(schema) = &self.schema {
            put(SCHEMA, schema.as_bytes());
        }
        if !self.retired_versions.is_empty() {
            let rows = self.retired_versions.iter().flat_map(|retired| {
                let at = retired.retired_at.as_millis().to_be_bytes();
                retired.version.to_be_bytes().into_iter().chain(at)
            });
            put(RETIRED_VERSIONS, &rows.collect::<Vec<u8>>());
        }
        bytes.extend_from_slice(&self.unknown);
        bytes
    }

    /// Reads a row of a file whose format has the number `format`.
    pub(crate) fn read(bytes: &[u8], format: u32) -> Result<Self, Damage> {
        let mut fields = Fields(bytes);
        let mut row = Self {
            id: KeyspaceId::on_disk(u32::from_be_bytes(fields.take()?)),
            version: u32::from_be_bytes(fields.take()?),
            entries: u64::from_be_bytes(fields.take()?),
            bytes: u64::from_be_bytes(fields.take()?),
            shape: String::new(),
            format: Format::Bincode.code(),
            fingerprint: 0,
            schema: None,
            retired_versions: Vec::new(),
            unknown: Vec::new(),
        };
        if format <= FORMAT_1 {
            row.fingerprint = u64::from_be_bytes(fields.take()?);
            row.shape = text(fields.0)?;
        } else {
            row.read_fields(fields)?;
        }
        Ok(row)
    }

    fn read_fields(&mut self, mut fields: Fields<'_>) -> Result<(), Damage> {
        let mut known = Vec::new();
        while !fields.0.is_empty() {
            let whole = fields.0;
            let tag = u16::from_be_bytes(fields.take()?);
            let len = u32::from_be_bytes(fields.take()?) as usize;
            let (content, rest) = fields.0.split_at_checked(len).ok_or(Damage::Short)?;
            fields.0 = rest;
            match tag {
                KEY_SHAPE => self.shape = text(content)?,
                VALUE_FORMAT => [self.format] = content.try_into().map_err(|_| Damage::Unknown)?,
                FINGERPRINT => {
                    self.fingerprint = u64::from_be_bytes(content.try_into().map_err(|_| Damage::Unknown)?);
                }
                SCHEMA => self.schema = Some(text(content)?),
                RETIRED_VERSIONS => self.retired_versions = retired_versions(content)?,
                _ => {
                    self.unknown.extend_from_slice(whole.get(..whole.len() - rest.len()).unwrap_or_default());
                    continue;
                }
            }
            if known.contains(&tag) {
                return Err(Damage::Unknown);
            }
            known.push(tag);
        }
        if known.contains(&KEY_SHAPE) { Ok(()) } else { Err(Damage::Short) }
    }

    /// Returns the retired versions for a row that replaces this one.
    pub(super) fn retired_versions_with_this(&self, now: Timestamp) -> Vec<RetiredVersion> {
        let this = RetiredVersion { version: self.version, retired_at: now };
        let spare = (self.retired_versions.len() + 1).saturating_sub(MAX_RETIRED_VERSIONS);
        self.retired_versions.iter().copied().chain([this]).skip(spare).collect()
    }
}

fn text(bytes: &[u8]) -> Result<String, Damage> {
    Ok(std::str::from_utf8(bytes).map_err(|_| Damage::Unknown)?.to_owned())
}

fn retired_versions(content: &[u8]) -> Result<Vec<RetiredVersion>, Damage> {
    let (rows, rest) = content.as_chunks::<RETIRED_LEN>();
    if !rest.is_empty() {
        return Err(Damage::Short);
    }
    let read = |row: &[u8; RETIRED_LEN]| {
        let mut fields = Fields(row);
        let version = u32::from_be_bytes(fields.take()?);
        Ok(RetiredVersion { version, retired_at: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)) })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::store::file_format::FORMAT;

    const FIXED: [u8; 24] = [0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8];

    fn plain() -> KeyspaceRow {
        KeyspaceRow {
            id: KeyspaceId::on_disk(5),
            version: 6,
            entries: 7,
            bytes: 8,
            shape: "(string, u64)".to_owned(),
            format: Format::Bincode.code(),
            fingerprint: 0,
            schema: None,
            retired_versions: vec![],
            unknown: vec![],
        }
    }

    fn full() -> KeyspaceRow {
        KeyspaceRow {
            format: Format::Raw.code(),
            fingerprint: 9,
            schema: Some("shop".to_owned()),
            retired_versions: vec![
                RetiredVersion { version: 4, retired_at: Timestamp::from_millis(1) },
                RetiredVersion { version: 5, retired_at: Timestamp::from_millis(256) },
            ],
            ..plain()
        }
    }

    fn field(tag: u16, content: &[u8]) -> Vec<u8> {
        let len = u32::try_from(content.len()).unwrap();
        [&tag.to_be_bytes()[..], &len.to_be_bytes(), content].concat()
    }

    #[test]
    fn the_bytes_are_pinned() {
        let shape = [&[0x80, 1, 0, 0, 0, 13], &b"(string, u64)"[..]].concat();
        assert_eq!(plain().to_bytes(), [&FIXED[..], &shape, &[0x80, 2, 0, 0, 0, 1, 0]].concat());
        let pinned = [
            &FIXED[..],
            &shape,
            &[0x80, 2, 0, 0, 0, 1, 2],
            &[0x80, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9],
            &[0x80, 4, 0, 0, 0, 4],
            b"shop",
            &[0x80, 5, 0, 0, 0, 24],
            &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 0],
        ]
        .concat();
        assert_eq!(full().to_bytes(), pinned);
        assert_eq!(KeyspaceRow::read(&pinned, FORMAT), Ok(full()));
    }

    #[test]
    fn a_row_of_format_1_is_read() {
        let row = [&FIXED[..], &[0, 0, 0, 0, 0, 0, 0, 9], b"(string, u64)"].concat();
        assert_eq!(KeyspaceRow::read(&row, 1), Ok(KeyspaceRow { fingerprint: 9, ..plain() }));
        assert!(KeyspaceRow::read(&row[..31], 1).is_err());
        let new = plain().to_bytes();
        assert!(KeyspaceRow::read(&new, 1).is_err(), "and none of format 2 is taken for one");
    }

    #[test]
    fn fields_of_a_later_version_are_kept_byte_for_byte() {
        let later = [field(0x0001, b"first"), field(0x9000, &[1, 2, 3]), field(0x9000, &[])];
        let known = [field(KEY_SHAPE, b"u64"), field(VALUE_FORMAT, &[1])];
        let mixed = [&FIXED[..], &later[0], &known[0], &later[1], &known[1], &later[2]].concat();
        let row = KeyspaceRow::read(&mixed, FORMAT).unwrap();
        assert_eq!((row.shape.as_str(), row.format), ("u64", Format::MessagePack.code()));
        let behind = [&FIXED[..], &known.concat(), &later.concat()].concat();
        assert_eq!(row.to_bytes(), behind);
        assert_eq!(KeyspaceRow::read(&behind, FORMAT), Ok(row));
    }

    #[test]
    fn ill_formed_rows_are_damage() {
        let shape = field(KEY_SHAPE, b"u64");
        let ill_formed: [(&str, Vec<u8>); 8] = [
            ("no shape", field(VALUE_FORMAT, &[0])),
            ("a shape twice", [shape.clone(), shape.clone()].concat()),
            ("a shape that is no text", field(KEY_SHAPE, &[0xFF])),
            ("a format of two bytes", [shape.clone(), field(VALUE_FORMAT, &[0, 0])].concat()),
            ("a short fingerprint", [shape.clone(), field(FINGERPRINT, &[0; 7])].concat()),
            ("half a retired version", [shape.clone(), field(RETIRED_VERSIONS, &[0; 13])].concat()),
            ("a field beyond the end", [shape.clone(), field(0x9000, &[7])[..6].to_vec()].concat()),
            ("half a tag", [shape, vec![0x80]].concat()),
        ];
        for (what, fields) in ill_formed {
            assert!(KeyspaceRow::read(&[&FIXED[..], &fields].concat(), FORMAT).is_err(), "{what}");
        }
    }

    #[test]
    fn the_latest_retired_versions_are_remembered() {
        let mut row = plain();
        for version in 0..20 {
            row.version = version;
            row.retired_versions = row.retired_versions_with_this(Timestamp::from_millis(version.into()));
        }
        let versions: Vec<u32> = row.retired_versions.iter().map(|retired| retired.version).collect();
        assert_eq!(versions, (4..20).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80), format in 1..=FORMAT) {
            if let Ok(row) = KeyspaceRow::read(&bytes, format) {
                prop_assert_eq!(KeyspaceRow::read(&row.to_bytes(), FORMAT), Ok(row));
            }
        }

        #[test]
        fn a_row_with_any_fields_reads_back(
            fields in proptest::collection::vec((0x8000_u16..0x8008, proptest::collection::vec(0_u8..3, 0..13)), 0..6),
        ) {
            let fields: Vec<u8> = fields.iter().flat_map(|(tag, content)| field(*tag, content)).collect();
            let bytes = [&FIXED[..], &fields].concat();
            if let Ok(row) = KeyspaceRow::read(&bytes, FORMAT) {
                prop_assert_eq!(KeyspaceRow::read(&row.to_bytes(), FORMAT), Ok(row));
            }
        }
    }
}
