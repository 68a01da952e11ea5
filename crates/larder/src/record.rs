//! A record: the bytes of one entry on disk.
//!
//! ```text
//! offset  size  field
//!      0     8  checksum: XXH3-64 of everything below, seeded with the XXH3-64 of the entry's key
//!      8     1  format (1)
//!      9     1  kind: 0 a value
//!     10     2  flags: none yet; a reader refuses those it does not know
//!     12     4  keyspace version
//!     16     8  sequence of the mutation that wrote it
//!     24     8  written at, ms since 1970
//!     32     8  expires at, ms since 1970
//!     40     8  delete after, ms since 1970: when the sweeper may take it (later than its expiry with a grace period)
//!     48     4  extension length
//!     52     …  extension, then payload
//! ```
//!
//! Integers are big endian. The checksum is checked before any other field is believed, and covers the key, so that a
//! record that damage moved under another key is as invalid as a torn one (contract 5).
//!
//! XXH3: Yann Collet, xxHash, <https://github.com/Cyan4973/xxHash>.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::units::Timestamp;

/// Bytes before the payload of a record without an extension.
pub(crate) const HEADER_LEN: usize = 52;
const FORMAT: u8 = 1;
const KIND_VALUE: u8 = 0;

/// What a record says about its entry, besides the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) sequence: u64,
    pub(crate) written_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) delete_after: Timestamp,
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Shorter than a header, or than its header says.
    Short,
    /// The checksum is not that of these bytes under this key.
    Checksum,
    /// A format, kind or flag that this version does not know.
    Unknown,
}

/// How many bytes the record of a payload has.
pub(crate) const fn record_len(payload_len: usize) -> usize {
    HEADER_LEN + payload_len
}

/// Writes a record into `out`, which must be [`record_len`] bytes.
pub(crate) fn write(out: &mut [u8], key: &[u8], header: &Header, payload: &[u8]) {
    let Some((head, body)) = out.split_first_chunk_mut::<HEADER_LEN>() else {
        return;
    };
    let mut fields = [0; HEADER_LEN];
    let mut at = 8;
    let mut put = |bytes: &[u8]| {
        if let Some(field) = fields.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
        at += bytes.len();
    };
    put(&[FORMAT, KIND_VALUE, 0, 0]);
    put(&header.version.to_be_bytes());
    put(&header.sequence.to_be_bytes());
    put(&header.written_at.as_millis().to_be_bytes());
    put(&header.expires_at.as_millis().to_be_bytes());
    put(&header.delete_after.as_millis().to_be_bytes());
    put(&0_u32.to_be_bytes());
    *head = fields;
    body.copy_from_slice(payload);
    let checksum = out.get(8..).map_or(0, |checked| checksum(key, checked));
    if let Some(field) = out.first_chunk_mut::<8>() {
        *field = checksum.to_be_bytes();
    }
}

/// Reads a record that stood under `key`: its header and its payload.
pub(crate) fn read<'a>(key: &[u8], record: &'a [u8]) -> Result<(Header, &'a [u8]), Damage> {
    let (stored, checked) = record.split_first_chunk::<8>().ok_or(Damage::Short)?;
    if checked.len() < HEADER_LEN - 8 {
        return Err(Damage::Short);
    }
    if u64::from_be_bytes(*stored) != checksum(key, checked) {
        return Err(Damage::Checksum);
    }
    parse(checked)
}

/// Reads the header alone, *without* the checksum: for deciding what to delete, where believing a damaged record costs
/// at most a miss.
pub(crate) fn peek(record: &[u8]) -> Option<Header> {
    record.get(8..).and_then(|checked| parse(checked).ok()).map(|(header, _)| header)
}

fn parse(checked: &[u8]) -> Result<(Header, &[u8]), Damage> {
    let mut fields = Fields(checked);
    let [format, kind, flags_high, flags_low] = fields.take()?;
    if (format, kind, flags_high, flags_low) != (FORMAT, KIND_VALUE, 0, 0) {
        return Err(Damage::Unknown);
    }
    let header = Header {
        version: u32::from_be_bytes(fields.take()?),
        sequence: u64::from_be_bytes(fields.take()?),
        written_at: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
        expires_at: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
        delete_after: Timestamp::from_millis(u64::from_be_bytes(fields.take()?)),
    };
    let extension = u32::from_be_bytes(fields.take()?) as usize;
    // An extension this version does not know is skipped: it may add to an entry, not change its meaning.
    let payload = fields.0.get(extension..).ok_or(Damage::Short)?;
    Ok((header, payload))
}

pub(crate) fn checksum(key: &[u8], checked: &[u8]) -> u64 {
    xxh3_64_with_seed(checked, xxh3_64(key))
}

/// Fixed-size big-endian fields, taken from the front.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Damage::Short)?;
        self.0 = rest;
        Ok(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            version: 7,
            sequence: 0x0102_0304,
            written_at: Timestamp::from_millis(1000),
            expires_at: Timestamp::from_millis(2000),
            delete_after: Timestamp::from_millis(3000),
        }
    }

    fn record(key: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0; record_len(payload.len())];
        write(&mut out, key, &header(), payload);
        out
    }

    #[test]
    fn the_bytes_are_pinned() {
        let mut expected = 0x3DE0_C687_0A59_83C4_u64.to_be_bytes().to_vec();
        expected.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4]);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 3, 0xE8, 0, 0, 0, 0, 0, 0, 7, 0xD0]);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x0B, 0xB8, 0, 0, 0, 0, b'v']);
        assert_eq!(record(b"key", b"v"), expected);
    }

    #[test]
    fn a_record_under_another_key_is_damaged() {
        assert_eq!(read(b"other", &record(b"key", b"value")), Err(Damage::Checksum));
    }

    #[test]
    fn an_extension_of_a_later_version_is_skipped() {
        let mut bytes = record(b"key", b"EXTvalue");
        bytes[51] = 3;
        let sum = checksum(b"key", &bytes[8..]);
        bytes[..8].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(read(b"key", &bytes), Ok((header(), &b"value"[..])));
    }

    #[test]
    fn what_this_version_does_not_know_is_refused() {
        for at in 8..12 {
            let mut bytes = record(b"key", b"value");
            bytes[at] ^= 0x80;
            let sum = checksum(b"key", &bytes[8..]);
            bytes[..8].copy_from_slice(&sum.to_be_bytes());
            assert_eq!(read(b"key", &bytes), Err(Damage::Unknown), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn a_record_reads_back(key in "[a-z]{0,40}", payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let bytes = record(key.as_bytes(), &payload);
            prop_assert_eq!(read(key.as_bytes(), &bytes), Ok((header(), &payload[..])));
            prop_assert_eq!(peek(&bytes), Some(header()));
        }

        #[test]
        fn any_flipped_bit_or_cut_is_damage(at in 0_usize..57, bit in 0_u8..8, cut in 0_usize..57) {
            let whole = record(b"key", b"value");
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(read(b"key", &flipped).is_err());
            prop_assert!(read(b"key", &whole[..cut]).is_err());
        }
    }
}
