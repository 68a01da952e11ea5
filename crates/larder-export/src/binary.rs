//! The binary form of an export. Integers are big endian.
//!
//! ```text
//! offset  size  field
//!      0    13  "larder.export"
//!     13     1  0
//!     14     4  format (2)
//!     18     8  exported at, ms since 1970
//!     26     8  sequence of the last change
//!     34     …  frames
//! ```
//!
//! A **frame** consists of its kind (1 byte), the length of its body (4 bytes), and its body. The bodies have
//! these fields, with their sizes in bytes:
//!
//! - Kind 1, a keyspace: version 4, fingerprint 8, value format 1, length of the schema 2 (0 if there is
//!   none), schema, length of the name 2, name, key shape.
//! - Kind 2, an entry: keyspace 4 (its number, from zero, in the order of the export), written at 8, expires
//!   at 8, delete after 8, flags 1, fingerprint 8 (only if bit 0 of the flags is set), length of the key 2,
//!   key, value.
//! - Kind 3, the end: entries 8, skipped entries (expired 8, damaged 8, of another version 8), checksum 8
//!   (the XXH3-64 of every byte before the checksum).
//!
//! Flags of an entry: bit 0 is set if the entry has a fingerprint. Bits 1 and 2 hold the compression of the
//! value in the cache file (0 none, 1 LZ4, 2 Zstandard). In the export, the value is not compressed. Bit 3 is
//! set if the entry is an absence: the source has no value for the key. Then the value is empty, and bits 0
//! to 2 are zero. Bits 4 to 7 are always zero.
//!
//! In format 1, a keyspace has neither a value format nor a schema, and an entry has no flags.
//!
//! Nothing follows the end. A frame of any other kind is an error.

use std::io::{self, Read, Write};

use crate::error::Error;
use crate::item::{End, Entry, Header, Item, Keyspace, Skipped};
use crate::limits::{FORMAT, MAX_KEY_LEN, MAX_NAME_LEN, MAX_SHAPE_LEN, MAX_VALUE_LEN};
use crate::summing::{Sum, Summing};

/// The first bytes of a binary export.
pub const MAGIC: [u8; 14] = *b"larder.export\0";

const KEYSPACE: u8 = 1;
const ENTRY: u8 = 2;
const END: u8 = 3;
/// Length of a frame's kind and its length field in bytes.
const FRAME_HEAD: usize = 5;
const HAS_FINGERPRINT: u8 = 1;
const IS_ABSENCE: u8 = 1 << 3;
/// Position of the lowest bit of the compression in the flags.
const COMPRESSION_SHIFT: u32 = 1;
/// Maximum length in bytes of the fields before the key in an entry's body.
const ENTRY_HEAD: usize = 39;
const MAX_KEYSPACE_BODY: usize = 17 + 2 * MAX_NAME_LEN + MAX_SHAPE_LEN;
const MAX_ENTRY_BODY: usize = ENTRY_HEAD + MAX_KEY_LEN + MAX_VALUE_LEN;
const END_BODY: u32 = 40;

pub(crate) fn write_header(out: &mut Summing<impl Write>, header: &Header) -> io::Result<()> {
    out.put(&MAGIC)?;
    out.put(&FORMAT.to_be_bytes())?;
    out.put(&header.exported_at_ms.to_be_bytes())?;
    out.put(&header.sequence.to_be_bytes())
}

fn write_frame(out: &mut Summing<impl Write>, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let len = u32::try_from(len).map_err(io::Error::other)?;
    out.put(&[kind])?;
    out.put(&len.to_be_bytes())?;
    parts.iter().try_for_each(|part| out.put(part))
}

pub(crate) fn write_keyspace(out: &mut Summing<impl Write>, keyspace: &Keyspace) -> io::Result<()> {
    let name_len = u16::try_from(keyspace.name.len()).map_err(io::Error::other)?;
    let schema = keyspace.schema.as_deref().unwrap_or_default();
    let schema_len = u16::try_from(schema.len()).map_err(io::Error::other)?;
    let parts: [&[u8]; 8] = [
        &keyspace.version.to_be_bytes(),
        &keyspace.fingerprint.to_be_bytes(),
        &[keyspace.value_format],
        &schema_len.to_be_bytes(),
        schema.as_bytes(),
        &name_len.to_be_bytes(),
        keyspace.name.as_bytes(),
        keyspace.key_shape.as_bytes(),
    ];
    write_frame(out, KEYSPACE, &parts)
}

pub(crate) fn write_entry(out: &mut Summing<impl Write>, entry: &Entry) -> io::Result<()> {
    let key_len = u16::try_from(entry.key.len()).map_err(io::Error::other)?;
    let (has_fingerprint, fingerprint) = match entry.fingerprint.map(u64::to_be_bytes) {
        Some(fingerprint) => (HAS_FINGERPRINT, fingerprint.to_vec()),
        None => (0, vec![]),
    };
    let is_absence = if entry.value.is_none() { IS_ABSENCE } else { 0 };
    let flags = [has_fingerprint | entry.compression << COMPRESSION_SHIFT | is_absence];
    let parts: [&[u8]; 9] = [
        &entry.keyspace.to_be_bytes(),
        &entry.written_at_ms.to_be_bytes(),
        &entry.expires_at_ms.to_be_bytes(),
        &entry.delete_after_ms.to_be_bytes(),
        &flags,
        &fingerprint,
        &key_len.to_be_bytes(),
        &entry.key,
        entry.value.as_deref().unwrap_or_default(),
    ];
    write_frame(out, ENTRY, &parts)
}

pub(crate) fn write_end(out: &mut Summing<impl Write>, end: &End) -> io::Result<()> {
    let Skipped { expired, damaged, other_version } = end.skipped;
    out.put(&[END])?;
    out.put(&END_BODY.to_be_bytes())?;
    out.put([end.entries, expired, damaged, other_version].map(u64::to_be_bytes).as_flattened())?;
    let sum = out.sum.value();
    out.put(&sum.to_be_bytes())
}

/// Reads the part of the header after [`MAGIC`]. Returns the header and the version of the format.
pub(crate) fn read_header(input: &mut impl Read, sum: &mut Sum) -> Result<(Header, u32), Error> {
    sum.add(&MAGIC);
    let mut bytes = [0; 20];
    read_exact(input, &mut bytes)?;
    sum.add(&bytes);
    let mut fields = Fields(&bytes);
    let format = fields.u32()?;
    if format > FORMAT {
        return Err(Error::NewerFormat { found: format.into(), supported: FORMAT });
    }
    if format == 0 {
        return Err(damaged("the format is 0"));
    }
    Ok((Header { exported_at_ms: fields.u64()?, sequence: fields.u64()? }, format))
}

/// Reads a frame of this format. Returns its item and, for the end, the stored checksum.
pub(crate) fn read_item(
    input: &mut impl Read,
    sum: &mut Sum,
    format: u32,
) -> Result<(Item, Option<u64>), Error> {
    let mut head = [0; FRAME_HEAD];
    read_exact(input, &mut head)?;
    let mut fields = Fields(&head);
    let [kind] = fields.take()?;
    let len = fields.u32()? as usize;
    let max = match kind {
        KEYSPACE => MAX_KEYSPACE_BODY,
        ENTRY => MAX_ENTRY_BODY,
        END => END_BODY as usize,
        _ => return Err(damaged(format!("a frame has the unknown kind {kind}"))),
    };
    if len > max {
        return Err(damaged(format!("a frame of kind {kind} states {len} bytes; the maximum is {max}")));
    }
    let mut body = Vec::new();
    // Allocates only for bytes that arrive, because a damaged frame may state a huge length.
    input.take(len as u64).read_to_end(&mut body)?;
    if body.len() < len {
        return Err(Error::CutOff { entries: 0 });
    }
    let mut fields = Fields(&body);
    let item = match kind {
        KEYSPACE => Item::Keyspace(keyspace(&mut fields, format)?),
        ENTRY => Item::Entry(entry(&mut fields, format)?),
        _ => {
            let entries = fields.u64()?;
            let skipped =
                Skipped { expired: fields.u64()?, damaged: fields.u64()?, other_version: fields.u64()? };
            sum.add(&head);
            sum.add(body.get(..body.len() - fields.0.len()).unwrap_or_default());
            return Ok((Item::End(End { entries, skipped }), Some(fields.u64()?)));
        }
    };
    sum.add(&head);
    sum.add(&body);
    Ok((item, None))
}

fn keyspace(fields: &mut Fields<'_>, format: u32) -> Result<Keyspace, Error> {
    let (version, fingerprint) = (fields.u32()?, fields.u64()?);
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| damaged("the text of a keyspace is not UTF-8"))
    };
    let (value_format, schema) = if format == 1 {
        (0, String::new())
    } else {
        let [value_format] = fields.take()?;
        let len = u16::from_be_bytes(fields.take()?);
        (value_format, text(fields.bytes(len.into())?)?)
    };
    let schema = (!schema.is_empty()).then_some(schema);
    let name_len = u16::from_be_bytes(fields.take()?);
    let name = text(fields.bytes(name_len.into())?)?;
    Ok(Keyspace { name, version, key_shape: text(fields.0)?, value_format, schema, fingerprint })
}

fn entry(fields: &mut Fields<'_>, format: u32) -> Result<Entry, Error> {
    let keyspace = fields.u32()?;
    let [written_at_ms, expires_at_ms, delete_after_ms] = [fields.u64()?, fields.u64()?, fields.u64()?];
    let [flags] = if format == 1 { [0] } else { fields.take()? };
    let is_absence = flags & IS_ABSENCE != 0;
    let flags = flags & !IS_ABSENCE;
    // Unknown flags make the compression larger than the maximum, so `check_entry` returns an error.
    let compression = flags >> COMPRESSION_SHIFT;
    let fingerprint = if flags & HAS_FINGERPRINT == 0 { None } else { Some(fields.u64()?) };
    let key_len = u16::from_be_bytes(fields.take()?);
    let key = fields.bytes(key_len.into())?.to_vec();
    if is_absence && !fields.0.is_empty() {
        return Err(damaged("an absence has a value"));
    }
    let value = (!is_absence).then(|| fields.0.to_vec());
    Ok(Entry {
        keyspace,
        key,
        written_at_ms,
        expires_at_ms,
        delete_after_ms,
        fingerprint,
        compression,
        value,
    })
}

fn read_exact(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), Error> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::CutOff { entries: 0 },
        _ => Error::Io(error),
    })
}

fn damaged(why: impl Into<String>) -> Error {
    Error::Damaged { place: String::new(), why: why.into() }
}

/// The unread rest of a frame's body. Integers are big endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (field, rest) =
            self.0.split_at_checked(len).ok_or_else(|| damaged("a frame is shorter than its fields"))?;
        self.0 = rest;
        Ok(field)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.bytes(N)?.first_chunk().copied().ok_or_else(|| damaged("a frame is shorter than its fields"))
    }

    fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_be_bytes(self.take()?))
    }
}
