//! Gives tests access to larder's encodings of records, values and keys, as the file contains them.
//!
//! The functions only call larder's own code. The assertions are in the tests that use them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::codec::checks::ValueChecks;
use crate::format::codec::error::CodecError;
use crate::format::codec::format::Format;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::error::KeyError;
use crate::format::key::{EncodeKey, Key, KeyPrefix};
use crate::format::record::{Extension, Header, PayloadCompression, RecordKind};
use crate::format::{codec, key, record};
use crate::units::Timestamp;

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFields {
    /// The keyspace's version.
    pub version: u32,
    /// The sequence of the change that wrote the record.
    pub sequence: u64,
    /// The time at which the record was written.
    pub written_at: Timestamp,
    /// The time at which the entry expires.
    pub expires_at: Timestamp,
    /// The time from which the sweeper may delete the record.
    pub delete_after: Timestamp,
    /// The format of the record when it was read. Writing always uses the latest format.
    pub format: u8,
    /// The kind of the record: 0 a value, 1 an absence.
    pub kind: u8,
    /// The compression of the payload: 0 none, 1 LZ4, 2 Zstandard.
    pub compression: u8,
    /// The fingerprint of the value's shape at the time of writing. `None` from [`peek_record`].
    pub fingerprint: Option<u64>,
    /// The payload's length before it was compressed. `None` from [`peek_record`].
    pub inflated_len: Option<u32>,
    /// The duration of the value's load, in microseconds. `None` from [`peek_record`].
    pub load_micros: Option<u32>,
    /// The time at which the entry expires, even if it is used until then. `None` from [`peek_record`].
    pub ends_at: Option<Timestamp>,
    /// Milliseconds from the time in the entry's expiry row until the record was written. `None` from
    /// [`peek_record`], which returns the time of the row as `written_at`.
    pub since_row: Option<u32>,
    /// The encoded value. Empty from [`peek_record`].
    pub payload: Vec<u8>,
}

/// The format in which records are written.
pub const RECORD_FORMAT: u8 = record::FORMAT;

impl RecordFields {
    fn new(header: Header, extension: Extension, payload: &[u8]) -> Self {
        let Header { format, kind, compression, version, sequence, written_at, expires_at, delete_after } =
            header;
        let Extension { fingerprint, inflated_len, load_micros, ends_at, since_row } = extension;
        Self {
            version,
            sequence,
            written_at,
            expires_at,
            delete_after,
            format,
            kind: kind.code(),
            compression: compression.code(),
            fingerprint,
            inflated_len,
            load_micros,
            ends_at,
            since_row,
            payload: payload.to_vec(),
        }
    }

    fn header(&self) -> Header {
        let &Self { format, version, sequence, written_at, expires_at, delete_after, .. } = self;
        let kind = RecordKind::of_code(self.kind).unwrap_or_default();
        let compression = PayloadCompression::of_code(self.compression).unwrap_or_default();
        Header { format, kind, compression, version, sequence, written_at, expires_at, delete_after }
    }
}

/// Encodes a record for `key`.
#[must_use]
pub fn write_record(key: &[u8], record: &RecordFields) -> Vec<u8> {
    let &RecordFields { fingerprint, inflated_len, load_micros, ends_at, since_row, .. } = record;
    let extension = Extension { fingerprint, inflated_len, load_micros, ends_at, since_row };
    let mut bytes = vec![0; record::record_len(&extension, record.payload.len())];
    record::write(&mut bytes, key, &record.header(), &extension, &record.payload);
    bytes
}

/// Decodes a record that was written for `key`. Returns `None` if the record is damaged, or was written for
/// another key.
#[must_use]
pub fn read_record(key: &[u8], bytes: &[u8]) -> Option<RecordFields> {
    let (header, extension, payload) = record::read(key, bytes).ok()?;
    Some(RecordFields::new(header, extension, payload))
}

/// Decodes the header of a record without verifying the checksum. Returns `None` if the bytes do not begin
/// with a header.
#[must_use]
pub fn peek_record(bytes: &[u8]) -> Option<RecordFields> {
    record::peek(bytes).map(|header| RecordFields::new(header, Extension::default(), &[]))
}

/// Replaces the checksum of a record with the right one for `key`, so that a reader accepts its other bytes.
pub fn seal_record(key: &[u8], bytes: &mut [u8]) {
    let checksum = bytes.get(8..).map(|checked| record::checksum(key, checked));
    if let (Some(field), Some(checksum)) = (bytes.first_chunk_mut::<8>(), checksum) {
        *field = checksum.to_be_bytes();
    }
}

/// Encodes a value without checking that its bytes decode. Returns the bytes, and the fingerprint for its
/// record.
///
/// # Errors
/// Returns an error if the value cannot be encoded.
pub fn encode<V>(format: Format, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
where
    V: Serialize + 'static,
{
    let encoded = codec::encode(format, value)?;
    let fingerprint = encoded.fingerprint();
    Ok((encoded.payload, fingerprint))
}

/// Returns the length of a value's encoding.
///
/// # Errors
/// Returns an error if the value cannot be encoded.
pub fn encoded_len<V: Serialize + 'static>(format: Format, value: &V) -> Result<usize, CodecError> {
    codec::encoded_len(format, value)
}

/// Decodes a value without checking a fingerprint, so the value may have been written as another type.
///
/// # Errors
/// Returns an error if the bytes are not a value of this type.
pub fn decode<V: DeserializeOwned + 'static>(format: Format, bytes: &[u8]) -> Result<V, CodecError> {
    codec::decode_unmarked(format, bytes)
}

/// Decodes the value of a record with this fingerprint.
///
/// # Errors
/// Returns an error if a lookup of such a record is a miss.
pub fn decode_marked<V>(format: Format, bytes: &[u8], fingerprint: Option<u64>) -> Result<V, CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    Values::new(format, true).decode(bytes, fingerprint)
}

/// Decodes the value of a record. Decompresses the payload first if necessary.
///
/// # Errors
/// Returns an error if a lookup of such a record is a miss.
pub fn decode_record<V>(format: Format, record: &RecordFields) -> Result<V, CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let RecordFields { fingerprint, inflated_len, ref payload, .. } = *record;
    let extension = Extension { fingerprint, inflated_len, ..Extension::default() };
    let compression = PayloadCompression::of_code(record.compression).unwrap_or_default();
    ValueChecks::new(true).read(format, compression, &extension, payload).map(|(value, _)| value)
}

/// Compresses a payload with LZ4. Returns `None` if the result is not shorter.
#[must_use]
pub fn deflate_lz4(payload: &[u8]) -> Option<Vec<u8>> {
    crate::format::codec::compression::Compression::Lz4.deflate(payload)
}

/// Encodes a value, and checks that its bytes decode to the same value, as the first insert into a keyspace
/// does.
///
/// # Errors
/// Returns the same errors as an insert of the value.
pub fn encode_checked<V>(format: Format, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    Values::new(format, true).encode(value)
}

/// Encodes and decodes the values of one keyspace, for benchmarks.
#[derive(Debug)]
pub struct Values {
    format: Format,
    checks: ValueChecks,
}

impl Values {
    /// Creates the codec of a keyspace with this format. With `checks_every_value`, it checks the values that
    /// a debug build checks. Otherwise it checks those that a release build checks.
    #[must_use]
    pub fn new(format: Format, checks_every_value: bool) -> Self {
        Self { format, checks: ValueChecks::new(checks_every_value) }
    }

    /// Encodes a value, and checks the value if an insert would check it. Returns the bytes, and the
    /// fingerprint for its record.
    ///
    /// # Errors
    /// Returns the same errors as an insert of the value.
    pub fn encode<V>(&self, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let encoded = codec::encode(self.format, value)?;
        self.checks.check(self.format, value, &encoded)?;
        let fingerprint = encoded.fingerprint();
        Ok((encoded.payload, fingerprint))
    }

    /// Decodes the value of a record.
    ///
    /// # Errors
    /// Returns an error if a lookup of such a record is a miss.
    pub fn decode<V>(&self, payload: &[u8], fingerprint: Option<u64>) -> Result<V, CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let extension = Extension { fingerprint, ..Extension::default() };
        self.checks.read(self.format, PayloadCompression::None, &extension, payload).map(|(value, _)| value)
    }
}

/// The checks of a keyspace in a release build. They cover only a part of the values.
#[derive(Debug)]
pub struct ReleaseChecks(ValueChecks);

impl Default for ReleaseChecks {
    fn default() -> Self {
        Self(ValueChecks::of_a_release())
    }
}

impl ReleaseChecks {
    /// Encodes a value, and checks the value if an insert would check it. Returns the bytes, and the
    /// fingerprint for its record.
    ///
    /// # Errors
    /// Returns the same errors as an insert of the value.
    pub fn encode<V>(&self, format: Format, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let encoded = codec::encode(format, value)?;
        self.0.check(format, value, &encoded)?;
        let fingerprint = encoded.fingerprint();
        Ok((encoded.payload, fingerprint))
    }

    /// Decodes the value of a record with this fingerprint.
    ///
    /// # Errors
    /// Returns an error if a lookup of such a record is a miss.
    pub fn decode<V>(&self, format: Format, bytes: &[u8], fingerprint: Option<u64>) -> Result<V, CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let extension = Extension { fingerprint, ..Extension::default() };
        self.0.read(format, PayloadCompression::None, &extension, bytes).map(|(value, _)| value)
    }
}

/// Encodes a key, without its keyspace's number.
#[must_use]
pub fn encode_key<K>(key: &(impl EncodeKey<K> + ?Sized)) -> Vec<u8> {
    let mut out = KeyBuffer::default();
    key.encode(&mut out.writer());
    out.as_slice().to_vec()
}

/// Encodes a prefix: the bytes with which all keys with this prefix begin.
#[must_use]
pub fn encode_prefix<K>(prefix: &impl KeyPrefix<K>) -> Vec<u8> {
    let mut out = KeyBuffer::default();
    prefix.encode_prefix(&mut out.writer());
    out.as_slice().to_vec()
}

/// Decodes a key.
///
/// # Errors
/// Returns an error if the bytes are not a key of this type.
pub fn decode_key<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
    key::decode(bytes)
}
