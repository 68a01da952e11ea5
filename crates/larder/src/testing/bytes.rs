//! Bytes to things and back: records, values and keys, as the file holds them.
//!
//! Thin on purpose: what must be true of them is asserted where they are driven.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::codec::checks::ValueChecks;
use crate::format::codec::error::CodecError;
use crate::format::codec::format::Format;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::error::KeyError;
use crate::format::key::{EncodeKey, Key, KeyPrefix};
use crate::format::record::{Compression, Extension, Header};
use crate::format::{codec, key, record};
use crate::units::Timestamp;

/// A record, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The keyspace's version.
    pub version: u32,
    /// The number of the mutation that wrote it.
    pub sequence: u64,
    /// When it was written.
    pub written_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When the sweeper may take it.
    pub delete_after: Timestamp,
    /// The format that it was written in; it is always written in the latest.
    pub format: u8,
    /// How the payload is compressed: 0 not, 1 LZ4, 2 zstd.
    pub compression: u8,
    /// The fingerprint of the shape that the value was written with; none in what [`peek_record`] answers.
    pub fingerprint: Option<u64>,
    /// The payload's length before it was compressed; none in what [`peek_record`] answers.
    pub inflated_len: Option<u32>,
    /// The encoded value; nothing in what [`peek_record`] answers.
    pub payload: Vec<u8>,
}

/// The format of the records that are written.
pub const RECORD_FORMAT: u8 = record::FORMAT;

impl Record {
    fn new(header: Header, extension: Extension, payload: &[u8]) -> Self {
        let Header { format, compression, version, sequence, written_at, expires_at, delete_after } = header;
        let Extension { fingerprint, inflated_len } = extension;
        Self {
            version,
            sequence,
            written_at,
            expires_at,
            delete_after,
            format,
            compression: compression.code(),
            fingerprint,
            inflated_len,
            payload: payload.to_vec(),
        }
    }

    fn header(&self) -> Header {
        let &Self { format, version, sequence, written_at, expires_at, delete_after, .. } = self;
        let compression = Compression::of_code(self.compression).unwrap_or_default();
        Header { format, compression, version, sequence, written_at, expires_at, delete_after }
    }
}

/// The bytes of a record that stands under `key`.
#[must_use]
pub fn write_record(key: &[u8], record: &Record) -> Vec<u8> {
    let extension = Extension { fingerprint: record.fingerprint, inflated_len: record.inflated_len };
    let mut bytes = vec![0; record::record_len(&extension, record.payload.len())];
    record::write(&mut bytes, key, &record.header(), &extension, &record.payload);
    bytes
}

/// The record of these bytes, which stood under `key`; none if they are damaged.
#[must_use]
pub fn read_record(key: &[u8], bytes: &[u8]) -> Option<Record> {
    let (header, extension, payload) = record::read(key, bytes).ok()?;
    Some(Record::new(header, extension, payload))
}

/// What these bytes would say as a record, unchecked.
#[must_use]
pub fn peek_record(bytes: &[u8]) -> Option<Record> {
    record::peek(bytes).map(|header| Record::new(header, Extension::default(), &[]))
}

/// Gives bytes the checksum of a record under `key`, so that the rest of it is believed.
pub fn seal_record(key: &[u8], bytes: &mut [u8]) {
    let checksum = bytes.get(8..).map(|checked| record::checksum(key, checked));
    if let (Some(field), Some(checksum)) = (bytes.first_chunk_mut::<8>(), checksum) {
        *field = checksum.to_be_bytes();
    }
}

/// The bytes of a value, and the fingerprint that its record carries.
///
/// # Errors
/// As an insert.
pub fn encode<V>(format: Format, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
where
    V: Serialize + 'static,
{
    let encoded = codec::encode(format, value)?;
    let fingerprint = encoded.fingerprint();
    Ok((encoded.payload, fingerprint))
}

/// How many bytes a value has.
///
/// # Errors
/// As an insert.
pub fn encoded_len<V: Serialize + 'static>(format: Format, value: &V) -> Result<usize, CodecError> {
    codec::encoded_len(format, value)
}

/// The value of these bytes, whatever it was written as.
///
/// # Errors
/// When the bytes are none of a value of this type.
pub fn decode<V: DeserializeOwned + 'static>(format: Format, bytes: &[u8]) -> Result<V, CodecError> {
    codec::decode_unmarked(format, bytes)
}

/// The value of a record with this fingerprint.
///
/// # Errors
/// When a lookup would miss.
pub fn decode_marked<V>(format: Format, bytes: &[u8], fingerprint: Option<u64>) -> Result<V, CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    Values::new(format, true).decode(bytes, fingerprint)
}

/// The value of a record, inflated if it is compressed.
///
/// # Errors
/// When a lookup would miss.
pub fn decode_record<V>(format: Format, record: &Record) -> Result<V, CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let Record { fingerprint, inflated_len, ref payload, .. } = *record;
    let extension = Extension { fingerprint, inflated_len };
    let compression = Compression::of_code(record.compression).unwrap_or_default();
    ValueChecks::new(true).read(format, compression, &extension, payload).map(|(value, _)| value)
}

/// The payload, compressed with LZ4; none if that makes it no shorter.
#[must_use]
pub fn deflate_lz4(payload: &[u8]) -> Option<Vec<u8>> {
    crate::format::codec::compression::Compression::Lz4.deflate(payload)
}

/// Encodes a value, and tries whether it comes back, as an insert into a keyspace does with its first.
///
/// # Errors
/// As an insert.
pub fn encode_checked<V>(format: Format, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    Values::new(format, true).encode(value)
}

/// The values of one keyspace, as it encodes and reads them: for measuring what that costs.
#[derive(Debug)]
pub struct Values {
    format: Format,
    checks: ValueChecks,
}

impl Values {
    /// Of a keyspace of this format, in a cache that checks every value, or as many as a release build does.
    #[must_use]
    pub fn new(format: Format, checks_every_value: bool) -> Self {
        Self { format, checks: ValueChecks::new(checks_every_value) }
    }

    /// The bytes of a value, tried if it is to be, and the fingerprint of its record.
    ///
    /// # Errors
    /// As an insert.
    pub fn encode<V>(&self, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let encoded = codec::encode(self.format, value)?;
        self.checks.check(self.format, value, &encoded)?;
        let fingerprint = encoded.fingerprint();
        Ok((encoded.payload, fingerprint))
    }

    /// The value of a record.
    ///
    /// # Errors
    /// When a lookup would miss.
    pub fn decode<V>(&self, payload: &[u8], fingerprint: Option<u64>) -> Result<V, CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let extension = Extension { fingerprint, inflated_len: None };
        self.checks.read(self.format, Compression::None, &extension, payload).map(|(value, _)| value)
    }
}

/// What a release build knows of the values of one keyspace: only the first are tried, and those of a new
/// shape.
#[derive(Debug)]
pub struct ReleaseChecks(ValueChecks);

impl Default for ReleaseChecks {
    fn default() -> Self {
        Self(ValueChecks::of_a_release())
    }
}

impl ReleaseChecks {
    /// Encodes a value, and tries it if an insert would.
    ///
    /// # Errors
    /// As an insert.
    pub fn encode<V>(&self, format: Format, value: &V) -> Result<(Vec<u8>, Option<u64>), CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let encoded = codec::encode(format, value)?;
        self.0.check(format, value, &encoded)?;
        let fingerprint = encoded.fingerprint();
        Ok((encoded.payload, fingerprint))
    }

    /// The value of a record with this fingerprint.
    ///
    /// # Errors
    /// When a lookup would miss.
    pub fn decode<V>(&self, format: Format, bytes: &[u8], fingerprint: Option<u64>) -> Result<V, CodecError>
    where
        V: Serialize + DeserializeOwned + 'static,
    {
        let extension = Extension { fingerprint, inflated_len: None };
        self.0.read(format, Compression::None, &extension, bytes).map(|(value, _)| value)
    }
}

/// The bytes of a key, without its keyspace's number.
#[must_use]
pub fn encode_key<K>(key: &(impl EncodeKey<K> + ?Sized)) -> Vec<u8> {
    let mut out = KeyWriter::default();
    key.encode(&mut out);
    out.as_slice().to_vec()
}

/// The bytes that the keys with this prefix begin with.
#[must_use]
pub fn encode_prefix<K>(prefix: &impl KeyPrefix<K>) -> Vec<u8> {
    let mut out = KeyWriter::default();
    prefix.encode_prefix(&mut out);
    out.as_slice().to_vec()
}

/// The key of these bytes.
///
/// # Errors
/// When they are not those of a key of this type.
pub fn decode_key<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
    key::decode(bytes)
}
