//! The JSON lines form: one object per line, for other programs. Only this example breaks long lines:
//!
//! ```json
//! {"larder_export":2,"exported_at_ms":1700000000000,"sequence":7}
//! {"keyspace":{"name":"product","version":1,"key_shape":"string","value_format":0,"schema":"shop",
//!     "fingerprint":"0x0000000000000000"}}
//! {"entry":{"keyspace":"product","key":"0x4D544E5654550000","spelled":"MTNVTU",
//!     "written_at_ms":1700000000000,"expires_at_ms":1700003600000,"delete_after_ms":1700003600000,
//!     "value":"0x064D544E565455"}}
//! {"end":{"entries":1,"skipped":{"expired":0,"damaged":0,"other_version":0}}}
//! {"checksum":"0x0123456789ABCDEF"}
//! ```
//!
//! Bytes are written as `0x` and pairs of hexadecimal digits. The field `spelled` shows the key to people; a
//! reader ignores it. The checksum is the XXH3-64 of every byte before the last line, including line ends. A
//! reader skips unknown fields. A keyspace without a schema has no field `schema`. If the value of an entry
//! was written with a fingerprint, the entry has `"fingerprint":"0x0123456789ABCDEF"`. If the value was
//! compressed in the cache file, the entry has `"compression":1` (1 LZ4, 2 Zstandard). In the export, the
//! value is not compressed. An absence, which says that the source has no value for the key, has
//! `"absent":true` instead of the value.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::item::{End, Entry, Header, Item, Keyspace, Skipped};
use crate::limits::{FORMAT, MAX_KEY_LEN, MAX_VALUE_LEN};
use crate::summing::{Sum, Summing};

/// Maximum length of a line in bytes. The longest line is an entry, with two digits for each byte, and with
/// the text of the key escaped.
const MAX_LINE: usize = 2 * MAX_VALUE_LEN + 32 * MAX_KEY_LEN;

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    larder_export: u64,
    exported_at_ms: u64,
    sequence: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Keyspace(KeyspaceLine),
    Entry(EntryLine),
    End(EndLine),
}

#[derive(Serialize, Deserialize)]
struct KeyspaceLine {
    name: String,
    version: u32,
    key_shape: String,
    #[serde(default)]
    value_format: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    fingerprint: String,
}

#[derive(Serialize, Deserialize)]
struct EntryLine {
    keyspace: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spelled: Option<String>,
    written_at_ms: u64,
    expires_at_ms: u64,
    delete_after_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    compression: u8,
    #[serde(default, skip_serializing_if = "is_false")]
    absent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize)]
struct EndLine {
    entries: u64,
    skipped: SkippedFields,
}

#[derive(Serialize, Deserialize)]
struct ChecksumLine {
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct SkippedFields {
    expired: u64,
    damaged: u64,
    #[serde(default)]
    other_version: u64,
}

fn write_line(out: &mut Summing<impl Write>, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    out.put(&bytes)
}

pub(crate) fn write_header(out: &mut Summing<impl Write>, header: &Header) -> io::Result<()> {
    let &Header { exported_at_ms, sequence } = header;
    write_line(out, &HeaderLine { larder_export: FORMAT.into(), exported_at_ms, sequence })
}

pub(crate) fn write_keyspace(out: &mut Summing<impl Write>, keyspace: &Keyspace) -> io::Result<()> {
    let Keyspace { name, version, key_shape, value_format, schema, fingerprint } = keyspace.clone();
    let fingerprint = spell_number(fingerprint);
    write_line(
        out,
        &Line::Keyspace(KeyspaceLine { name, version, key_shape, value_format, schema, fingerprint }),
    )
}

pub(crate) fn write_entry(
    out: &mut Summing<impl Write>,
    keyspace: &str,
    entry: &Entry,
    spelled: Option<&str>,
) -> io::Result<()> {
    let line = Line::Entry(EntryLine {
        keyspace: keyspace.to_owned(),
        key: spell(&entry.key),
        spelled: spelled.map(str::to_owned),
        written_at_ms: entry.written_at_ms,
        expires_at_ms: entry.expires_at_ms,
        delete_after_ms: entry.delete_after_ms,
        fingerprint: entry.fingerprint.map(spell_number),
        compression: entry.compression,
        absent: entry.value.is_none(),
        value: entry.value.as_deref().map(spell),
    });
    write_line(out, &line)
}

pub(crate) fn write_end(out: &mut Summing<impl Write>, end: &End) -> io::Result<()> {
    let Skipped { expired, damaged, other_version } = end.skipped;
    let skipped = SkippedFields { expired, damaged, other_version };
    write_line(out, &Line::End(EndLine { entries: end.entries, skipped }))?;
    let checksum = spell_number(out.sum.value());
    write_line(out, &ChecksumLine { checksum })
}

/// Reads a line with its line end. Returns an empty vector at the end of the input.
fn read_line(input: &mut impl BufRead) -> Result<Vec<u8>, Error> {
    let mut line = Vec::new();
    input.take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        None | Some(b'\n') => Ok(line),
        Some(_) if line.len() == MAX_LINE => Err(damaged("a line is longer than an export may have")),
        Some(_) => Err(Error::CutOff { entries: 0 }),
    }
}

pub(crate) fn read_header(input: &mut impl BufRead, sum: &mut Sum) -> Result<Header, Error> {
    let line = read_line(input)?;
    sum.add(&line);
    let header: HeaderLine = serde_json::from_slice(&line).map_err(|_| Error::NotAnExport)?;
    match header.larder_export {
        0 => Err(damaged("the format is 0")),
        found if found > FORMAT.into() => Err(Error::NewerFormat { found, supported: FORMAT }),
        _ => Ok(Header { exported_at_ms: header.exported_at_ms, sequence: header.sequence }),
    }
}

/// Reads a line. Returns its item and, for the end, the stored checksum. `number` returns the number of an
/// earlier keyspace, given its name.
pub(crate) fn read_item(
    input: &mut impl BufRead,
    sum: &mut Sum,
    number: impl Fn(&str) -> Option<u32>,
) -> Result<(Item, Option<u64>), Error> {
    let line = read_line(input)?;
    if line.is_empty() {
        return Err(Error::CutOff { entries: 0 });
    }
    let parsed: Line = serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
    let item = match parsed {
        Line::Keyspace(KeyspaceLine { name, version, key_shape, value_format, schema, fingerprint }) => {
            let fingerprint = read_number(&fingerprint)?;
            Item::Keyspace(Keyspace { name, version, key_shape, value_format, schema, fingerprint })
        }
        Line::Entry(entry) => {
            let keyspace = number(&entry.keyspace).ok_or_else(|| {
                damaged(format!(
                    "an entry belongs to the keyspace {:?}, which did not come before it",
                    entry.keyspace
                ))
            })?;
            if entry.absent == entry.value.is_some() {
                return Err(damaged("an entry has either a value or absent"));
            }
            Item::Entry(Entry {
                keyspace,
                key: read(&entry.key)?,
                written_at_ms: entry.written_at_ms,
                expires_at_ms: entry.expires_at_ms,
                delete_after_ms: entry.delete_after_ms,
                fingerprint: entry.fingerprint.as_deref().map(read_number).transpose()?,
                compression: entry.compression,
                value: entry.value.as_deref().map(read).transpose()?,
            })
        }
        Line::End(EndLine { entries, skipped }) => {
            let SkippedFields { expired, damaged, other_version } = skipped;
            sum.add(&line);
            let skipped = Skipped { expired, damaged, other_version };
            return Ok((Item::End(End { entries, skipped }), Some(read_checksum(input)?)));
        }
    };
    sum.add(&line);
    Ok((item, None))
}

fn read_checksum(input: &mut impl BufRead) -> Result<u64, Error> {
    let line = read_line(input)?;
    if line.is_empty() {
        return Err(Error::CutOff { entries: 0 });
    }
    let ChecksumLine { checksum } =
        serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
    read_number(&checksum)
}

fn damaged(why: impl Into<String>) -> Error {
    Error::Damaged { place: String::new(), why: why.into() }
}

fn spell(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase();
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    ['0', 'x'].into_iter().chain(digits).collect()
}

fn spell_number(number: u64) -> String {
    spell(&number.to_be_bytes())
}

fn read(text: &str) -> Result<Vec<u8>, Error> {
    let no_bytes = || damaged(format!("{:?} is not 0x and pairs of hexadecimal digits", clip(text)));
    let digits = text.strip_prefix("0x").ok_or_else(no_bytes)?.as_bytes();
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    });
    bytes.collect::<Option<_>>().ok_or_else(no_bytes)
}

fn read_number(text: &str) -> Result<u64, Error> {
    let bytes = read(text)?.try_into();
    bytes.map(u64::from_be_bytes).map_err(|_| damaged(format!("{:?} is not 8 bytes", clip(text))))
}

/// Returns at most the first 40 characters of a text.
fn clip(text: &str) -> &str {
    text.char_indices().nth(40).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}
