//! A record: the bytes of one entry on disk.
//!
//! ```text
//! offset  size  field
//!      0     8  checksum: XXH3-64 of everything below, seeded with the XXH3-64 of the entry's key
//!      8     1  format: 2, or 1
//!      9     1  kind: 0 a value, 1 an absence
//!     10     2  flags: bits 0 and 1 are the compression (0 none, 1 LZ4, 2 zstd); other bits are refused
//!     12     4  keyspace version
//!     16     8  sequence of the mutation that wrote it
//!     24     8  written at, ms since 1970; with field 5, the time in the entry's expiry row
//!     32     8  expires at, ms since 1970
//!     40     8  delete after, ms since 1970: from then on the sweeper may delete it (expiry and grace)
//!     48     4  extension length
//!     52     …  extension, then payload
//! ```
//!
//! The extension is a list of fields in ascending order of their tags: tag 1, length 2, content. A reader
//! skips unknown tags. So a field may add information to an entry, but must not change the meaning of the
//! entry. A flag indicates a changed meaning.
//!
//! | tag | content |
//! |---|---|
//! | 1 | fingerprint of the shape that the value was written with, 8 bytes |
//! | 2 | length of the payload before it was compressed, 4 bytes; a compressed record has this field |
//! | 3 | how long the load of the value took, in µs, 4 bytes; 2³² − 1 for a longer time |
//! | 4 | the time at which the entry expires even if it is used, ms since 1970, 8 bytes |
//! | 5 | how long after the time at offset 24 the record was written, in ms, 4 bytes |
//!
//! A record has field 5 if its entry never expires, and kept its row of the expiry table when it was
//! overwritten ([`crate::disk::store::batch::entries`]). [`read`] returns the time of writing. [`peek`]
//! returns the time of the row, by which the row is found. A version that does not know the field takes the
//! time of the row for the time of writing.
//!
//! The record of an absence means that the source has no value for the key. It has no payload and no flags.
//!
//! A record of format 1 has no flags, and always holds a value. Its extension has no field that this version
//! reads. When a file is upgraded, records of format 1 stay as they are until they are overwritten.
//!
//! Integers are big endian. A lookup verifies the checksum before it uses the value. Only [`peek`] and its
//! like read a header without this check. The checksum covers the key. So a record that damage has moved
//! under another key is as invalid as a half-written record (contract 5).
//!
//! XXH3: Yann Collet, xxHash, <https://github.com/Cyan4973/xxHash>.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::units::Timestamp;
pub(crate) use extension::{EXTRAS_LEN, Extension, SINCE_ROW_LEN};
pub(crate) use fields::{Damage, Fields};
pub(crate) use packed_extension::PackedExtension;

mod extension;
mod fields;
mod packed_extension;

/// Length of a record without an extension and a payload, in bytes.
pub(super) const HEADER_LEN: usize = 52;
/// The format in which records are written.
pub(crate) const FORMAT: u8 = 2;
/// The first format, which has no flags and no fields.
const FORMAT_1: u8 = 1;

/// The fields of a record's header, without its checksum and lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The format in which the record was read. Writing ignores this field and uses [`FORMAT`].
    pub(crate) format: u8,
    pub(crate) kind: RecordKind,
    pub(crate) compression: PayloadCompression,
    pub(crate) version: u32,
    pub(crate) sequence: u64,
    pub(crate) written_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) delete_after: Timestamp,
}

impl Header {
    /// Returns the header with this expiry, or unchanged if its own expiry is later. The length of the grace
    /// does not change.
    pub(crate) fn extended_to(self, expires_at: Timestamp) -> Self {
        let grace = self.delete_after.since(self.expires_at);
        let expires_at = expires_at.max(self.expires_at);
        Self { expires_at, delete_after: expires_at.after(grace), ..self }
    }

    /// Returns the header with the time of writing in `written_at`. In a header that was just parsed, this
    /// field may have the time of the entry's expiry row.
    fn written(self, extension: &Extension) -> Result<Self, Damage> {
        let since_row = extension.since_row.unwrap_or(0).into();
        let written_at = self.written_at.as_millis().checked_add(since_row).ok_or(Damage::Extension)?;
        Ok(Self { written_at: Timestamp::from_millis(written_at), ..self })
    }

    pub(crate) fn has_live_value(&self, now: Timestamp) -> bool {
        self.kind == RecordKind::Value && self.expires_at > now
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RecordKind {
    /// The key has the value in the payload.
    #[default]
    Value,
    /// The source has no value for the key.
    Absence,
}

impl RecordKind {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Value => 0,
            Self::Absence => 1,
        }
    }

    pub(crate) const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Value),
            1 => Some(Self::Absence),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PayloadCompression {
    #[default]
    None,
    Lz4,
    Zstd,
}

impl PayloadCompression {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    pub(crate) const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Zstd),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "LZ4",
            Self::Zstd => "Zstandard",
        }
    }
}

pub(crate) const fn record_len(extension: &Extension, payload_len: usize) -> usize {
    HEADER_LEN + extension.len() + payload_len
}

/// Writes a record into `out`, whose length must be [`record_len`].
pub(crate) fn write(out: &mut [u8], key: &[u8], header: &Header, extension: &Extension, payload: &[u8]) {
    debug_assert!(is_complete(header, extension), "a compressed payload is of no use without its length");
    debug_assert!(header.kind == RecordKind::Value || payload.is_empty(), "an absence has no payload");
    debug_assert_eq!(out.len(), record_len(extension, payload.len()), "the room for it, and no more");
    let mut at = 8;
    let mut put = |bytes: &[u8]| {
        if let Some(field) = out.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
        at += bytes.len();
    };
    put(&[FORMAT, header.kind.code(), 0, header.compression.code()]);
    put(&header.version.to_be_bytes());
    put(&header.sequence.to_be_bytes());
    let since_row = u64::from(extension.since_row.unwrap_or(0));
    put(&header.written_at.as_millis().saturating_sub(since_row).to_be_bytes());
    put(&header.expires_at.as_millis().to_be_bytes());
    put(&header.delete_after.as_millis().to_be_bytes());
    // The extension has at most five fields of a fixed length, so its length fits into a `u32`.
    put(&u32::try_from(extension.len()).unwrap_or(0).to_be_bytes());
    extension.write(&mut put);
    put(payload);
    let checksum = out.get(8..).map_or(0, |checked| checksum(key, checked));
    if let Some(field) = out.first_chunk_mut::<8>() {
        *field = checksum.to_be_bytes();
    }
}

/// Reads and verifies the record of `key`.
pub(crate) fn read<'a>(key: &[u8], record: &'a [u8]) -> Result<(Header, Extension, &'a [u8]), Damage> {
    let (stored, checked) = record.split_first_chunk::<8>().ok_or(Damage::Short)?;
    if checked.len() < HEADER_LEN - 8 {
        return Err(Damage::Short);
    }
    if u64::from_be_bytes(*stored) != checksum(key, checked) {
        return Err(Damage::Checksum);
    }
    let (header, extension, payload) = parse(checked)?;
    if header.kind == RecordKind::Absence && !payload.is_empty() {
        return Err(Damage::Unknown);
    }
    let extension =
        if header.format == FORMAT_1 { Extension::default() } else { Extension::read(extension)? };
    let header = header.written(&extension)?;
    if is_complete(&header, &extension) { Ok((header, extension, payload)) } else { Err(Damage::Extension) }
}

/// Moves the expiry of a record to a later time, and its delete-after by the same amount. An earlier time
/// changes nothing. Returns the new header.
///
/// # Errors
/// Returns the damage of the record, and leaves the bytes unchanged.
pub(crate) fn extend(record: &mut [u8], key: &[u8], expires_at: Timestamp) -> Result<Header, Damage> {
    read(key, record)?;
    let header = peek(record).ok_or(Damage::Short)?.extended_to(expires_at);
    let times = [(32, header.expires_at), (40, header.delete_after)];
    for (at, time) in times {
        if let Some(field) = record.get_mut(at..at + 8) {
            field.copy_from_slice(&time.as_millis().to_be_bytes());
        }
    }
    let checksum = record.get(8..).map_or(0, |checked| checksum(key, checked));
    if let Some(field) = record.first_chunk_mut::<8>() {
        *field = checksum.to_be_bytes();
    }
    Ok(header)
}

/// Reads only the header, *without* verifying the checksum. Callers use it to decide which records to delete,
/// to count removed entries, and to find the expiry row of an entry. Damage to a record can make it a miss,
/// falsify a count, or leave a row without its entry. With field 5, the header has the time of the entry's
/// expiry row instead of the time of writing.
pub(crate) fn peek(record: &[u8]) -> Option<Header> {
    record.get(8..).and_then(|checked| parse(checked).ok()).map(|(header, ..)| header)
}

/// Returns whether uses extend the life of the record's entry. Does not verify the checksum.
pub(crate) fn is_extended_by_uses(record: &[u8]) -> bool {
    let parsed = record.get(8..).and_then(|checked| parse(checked).ok());
    parsed.is_some_and(|(header, extension, _)| {
        let extension = if header.format == FORMAT_1 { &[] } else { extension };
        Extension::read(extension).is_ok_and(|extension| extension.ends_at.is_some())
    })
}

/// Splits a record into its header, the bytes of its extension, and its payload.
fn parse(checked: &[u8]) -> Result<(Header, &[u8], &[u8]), Damage> {
    let mut fields = Fields(checked);
    let [format, kind, flags_high, flags_low] = fields.take()?;
    let kind = RecordKind::of_code(kind).ok_or(Damage::Unknown)?;
    let compression = match (format, kind, flags_high, flags_low) {
        (FORMAT_1, RecordKind::Value, 0, 0) | (FORMAT, RecordKind::Absence, 0, 0) => {
            Some(PayloadCompression::None)
        }
        (FORMAT, RecordKind::Value, 0, code) => PayloadCompression::of_code(code),
        _ => None,
    };
    let header = Header {
        format,
        kind,
        compression: compression.ok_or(Damage::Unknown)?,
        version: u32::from_be_bytes(fields.take()?),
        sequence: u64::from_be_bytes(fields.take()?),
        written_at: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
        expires_at: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
        delete_after: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
    };
    let extension_len = u32::from_be_bytes(fields.take()?) as usize;
    let (extension, payload) = fields.0.split_at_checked(extension_len).ok_or(Damage::Short)?;
    Ok((header, extension, payload))
}

/// Returns whether the extension has the fields that the flags require.
fn is_complete(header: &Header, extension: &Extension) -> bool {
    header.compression == PayloadCompression::None || extension.inflated_len.is_some()
}

pub(crate) fn checksum(key: &[u8], checked: &[u8]) -> u64 {
    xxh3_64_with_seed(checked, xxh3_64(key))
}

#[cfg(test)]
mod tests;
