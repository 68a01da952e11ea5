//! The record and the status that a file has for a key.

use std::borrow::Cow;

use crate::disk::store::catalog::Catalog;
use crate::format::codec::compression::inflate;
use crate::format::codec::error::CodecError;
use crate::format::record;
use crate::format::record::{Damage, PayloadCompression, RecordKind};
use crate::units::{ByteSize, Timestamp};

/// An intact record: its metadata, and the bytes of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The version of the record's keyspace at the time of writing.
    pub version: u32,
    /// The sequence of the change that wrote the record.
    pub sequence: u64,
    /// The time at which the record was written.
    pub written_at: Timestamp,
    /// The time at which the entry expires. [`Timestamp::NEVER`] if it never expires.
    pub expires_at: Timestamp,
    /// The earliest time at which the sweeper may delete the record.
    pub delete_after: Timestamp,
    /// Whether the record is an absence: the source has no value for the key. An absence has no payload.
    pub is_absence: bool,
    /// The fingerprint of the value's shape, if the record has one.
    pub fingerprint: Option<u64>,
    /// Compression of the encoded value: 0 none, 1 LZ4, 2 Zstandard.
    /// [`compression_name`](Self::compression_name) returns the name.
    pub compression: u8,
    /// Length of the encoded value before compression. `None` if the value is not compressed.
    inflated_len: Option<u32>,
    stored: Vec<u8>,
}

impl Record {
    /// Reads the record of a key at the server of a remote tier. `shape` is the shape of the keyspace's keys,
    /// and `key` the encoded key. A keyspace in [`Format::Raw`](crate::Format::Raw) has only values there,
    /// and no records.
    ///
    /// # Errors
    /// Returns the reason if the record is damaged, or belongs to another key or shape.
    #[cfg(feature = "remote")]
    pub fn of_remote(keyspace: &str, shape: &str, key: &[u8], bytes: &[u8]) -> Result<Self, &'static str> {
        read(&[keyspace.as_bytes(), &[0], shape.as_bytes(), &[0], key].concat(), bytes)
    }

    /// Returns the encoded value, after decompression.
    ///
    /// # Errors
    /// Returns [`CodecError`] if the value cannot be decompressed. Possible causes: the recorded length is
    /// beyond the limit, the compressed bytes do not match the record, or the value is compressed with
    /// Zstandard and larder is built without the features `zstd` and `zstd-read`.
    ///
    /// # Cost
    /// Allocates only if the value is compressed.
    pub fn payload(&self) -> Result<Cow<'_, [u8]>, CodecError> {
        match PayloadCompression::of_code(self.compression) {
            Some(PayloadCompression::None) => Ok(Cow::Borrowed(&self.stored)),
            how => inflate(how.unwrap_or_default(), &self.stored, self.inflated_len).map(Cow::Owned),
        }
    }

    /// Returns the length of [`payload`](Self::payload) that the record states.
    #[must_use]
    pub fn payload_len(&self) -> ByteSize {
        ByteSize::bytes(self.inflated_len.map_or(self.stored.len() as u64, u64::from))
    }

    /// Returns the bytes of the value in the file, compressed or not.
    #[must_use]
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// Returns the name of the compression: `none`, `LZ4`, `Zstandard` or `unknown`.
    #[must_use]
    pub const fn compression_name(&self) -> &'static str {
        compression_name(self.compression)
    }
}

/// Returns the name of a compression, given its number. Returns `unknown` for an unknown number.
///
/// ```
/// assert_eq!(larder::inspect::compression_name(1), "LZ4");
/// ```
#[must_use]
pub const fn compression_name(compression: u8) -> &'static str {
    match PayloadCompression::of_code(compression) {
        Some(compression) => compression.name(),
        None => "unknown",
    }
}

/// The result of a lookup of a key in the file: a live value, a live absence, or a miss and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordStatus {
    /// A live value.
    Live(Record),
    /// A live absence: the application has stored that the source has no value for the key. Depending on the
    /// method, a lookup returns the absence or a miss.
    KnownAbsent(Record),
    /// An entry that has expired: a miss. The entry stays in the file until the sweeper deletes it.
    Expired(Record),
    /// An entry of another version of the keyspace: a miss.
    OtherVersion(Record),
    /// An entry that a pending removal of many keys covers: a miss.
    Removed(Record),
    /// An entry of this key in a retired keyspace, with another version, shape or name: a miss.
    Retired {
        /// The number of the retired keyspace.
        number: u32,
        /// The record of the entry.
        record: Record,
    },
    /// A damaged record: a miss.
    Damaged {
        /// What is wrong with the record.
        cause: &'static str,
    },
    /// No entry. The entry was never written, was removed, evicted or swept, or is only in the owner's
    /// memory.
    Absent,
}

/// An entry in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
    /// The status of the entry. Never [`RecordStatus::Absent`] or [`RecordStatus::Retired`].
    pub finding: RecordStatus,
}

impl RecordStatus {
    /// Returns the intact record, if there is one.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Live(record)
            | Self::KnownAbsent(record)
            | Self::Expired(record)
            | Self::OtherVersion(record)
            | Self::Removed(record)
            | Self::Retired { record, .. } => Some(record),
            Self::Damaged { .. } | Self::Absent => None,
        }
    }

    /// Returns the record if it is a live value.
    #[must_use]
    pub fn live(&self) -> Option<&Record> {
        match self {
            Self::Live(record) => Some(record),
            _ => None,
        }
    }

    /// Returns the status of a key, from `bytes`, the record that the file has for it. `full` is the key with
    /// the number of its keyspace.
    pub(super) fn of(catalog: &Catalog, full: &[u8], bytes: &[u8], version: u32, now: Timestamp) -> Self {
        match read(full, bytes) {
            Err(cause) => Self::Damaged { cause },
            Ok(record) if catalog.is_removed(full, record.sequence) => Self::Removed(record),
            Ok(record) if record.version != version => Self::OtherVersion(record),
            Ok(record) if record.expires_at > now && record.is_absence => Self::KnownAbsent(record),
            Ok(record) if record.expires_at > now => Self::Live(record),
            Ok(record) => Self::Expired(record),
        }
    }
}

pub(super) fn read(full: &[u8], bytes: &[u8]) -> Result<Record, &'static str> {
    let (header, extension, payload) = record::read(full, bytes).map_err(Damage::cause)?;
    Ok(Record {
        version: header.version,
        sequence: header.sequence,
        written_at: header.written_at,
        expires_at: header.expires_at,
        delete_after: header.delete_after,
        is_absence: header.kind == RecordKind::Absence,
        fingerprint: extension.fingerprint,
        compression: header.compression.code(),
        inflated_len: extension.inflated_len.filter(|_| header.compression != PayloadCompression::None),
        stored: payload.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(how: PayloadCompression, inflated_len: u32, payload: &[u8]) -> Record {
        let header = record::Header {
            format: record::FORMAT,
            kind: RecordKind::Value,
            compression: how,
            version: 0,
            sequence: 1,
            written_at: Timestamp::from_millis(1),
            expires_at: Timestamp::from_millis(2),
            delete_after: Timestamp::from_millis(2),
        };
        let extension = record::Extension {
            fingerprint: Some(7),
            inflated_len: Some(inflated_len),
            ..Default::default()
        };
        let mut bytes = vec![0; record::record_len(&extension, payload.len())];
        record::write(&mut bytes, b"key", &header, &extension, payload);
        read(b"key", &bytes).unwrap()
    }

    #[test]
    fn a_payload_is_what_was_compressed_and_a_length_is_believed_within_limits() {
        let page = b"airtime and data ".repeat(200);
        let deflated = crate::format::codec::compression::Compression::Lz4.deflate(&page).unwrap();
        let len = u32::try_from(page.len()).unwrap();
        let record = compressed(PayloadCompression::Lz4, len, &deflated);
        assert_eq!(
            (record.payload().unwrap().as_ref(), record.payload_len()),
            (&page[..], ByteSize::bytes(page.len() as u64))
        );
        assert_eq!((record.stored(), record.compression_name()), (&deflated[..], "LZ4"));
        assert_eq!(record.fingerprint, Some(7));
        for len in [len - 1, len + 1, u32::MAX] {
            assert!(compressed(PayloadCompression::Lz4, len, &deflated).payload().is_err(), "{len}");
        }
        let plain = compressed(PayloadCompression::None, 9, b"as it is");
        assert_eq!(
            (plain.payload().unwrap().as_ref(), plain.payload_len()),
            (&b"as it is"[..], ByteSize::bytes(8))
        );
    }

    #[cfg(not(any(feature = "zstd", feature = "zstd-read")))]
    #[test]
    fn zstandard_that_is_not_built_in_is_said_to_be_missing() {
        let error = compressed(PayloadCompression::Zstd, 9, b"frame").payload().unwrap_err().to_string();
        assert!(error.contains("feature zstd"), "{error}");
    }
}
