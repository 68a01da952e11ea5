//! Shows values whose type is not known.
//!
//! A self-describing value is printed as JSON, and a text without control characters as it is. Any other
//! value is shown as its bytes. Bincode (version 2, standard configuration) writes a text as its length and
//! its bytes, and the fields of a struct one after another. So texts at the beginning of a bincode value can
//! be shown without its type; the rest cannot be read.
//!
//! The values of a cache may come from untrusted sources, so control characters are escaped before they reach
//! a terminal.

use std::io::{self, Write};

use larder::inspect::{Content, Document, escape_control, spell_hex};
use serde::Serialize;

use crate::term::escape::{DEL, HIGH};
use crate::term::out::field;

/// Maximum number of shown texts of a value.
const MAX_TEXTS: usize = 8;
/// Maximum number of bytes of a value that are shown without `--full`.
const SHOWN_BYTES: usize = 256;
/// Maximum number of bytes of JSON or text that are shown without `--full`.
const SHOWN_TEXT: usize = 4096;
/// Number of bytes in a row of a dump.
const ROW: usize = 16;

#[derive(Default, Serialize)]
pub(in crate::commands) struct ValueJson<'a> {
    #[serde(rename = "value", skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(rename = "value_texts", skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) texts: Option<Vec<&'a str>>,
    #[serde(rename = "value_json", skip_serializing_if = "Option::is_none")]
    document: Option<Document<'a>>,
    #[serde(rename = "value_text", skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(rename = "value_unreadable", skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl<'a> ValueJson<'a> {
    pub(in crate::commands) fn of(content: &Content<'a>, bytes: &'a [u8]) -> Self {
        let mut json = Self { bytes: Some(spell_hex(bytes)), ..Self::default() };
        match content {
            Content::Document(document) => json.document = Some(*document),
            Content::Text(text) => json.text = Some(text),
            Content::Unreadable(why) => json.unreadable = Some(why.to_string()),
            _ => json.texts = Some(texts(bytes)),
        }
        json
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Extent {
    Beginning,
    Whole,
}

impl Extent {
    pub(in crate::commands) fn of(full: bool) -> Self {
        if full { Self::Whole } else { Self::Beginning }
    }
}

/// Prints the JSON or the text of a value, or its bytes.
pub(in crate::commands) fn print_content(
    out: &mut impl Write,
    content: &Content<'_>,
    bytes: &[u8],
    extent: Extent,
) -> io::Result<()> {
    let most = |most: usize| if extent == Extent::Whole { usize::MAX } else { most };
    match content {
        Content::Document(document) => print_json(out, document, most(SHOWN_TEXT)),
        Content::Text(text) if is_plain(text) => print_text(out, text, most(SHOWN_TEXT)),
        content => {
            if let Content::Unreadable(why) = content {
                field(out, "unreadable", escape_control(&why.to_string()))?;
            }
            let texts = if matches!(content, Content::Bytes) { texts(bytes) } else { Vec::new() };
            let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
            if !texts.is_empty() {
                field(out, "begins with", texts.join(", "))?;
            }
            dump(out, bytes, most(SHOWN_BYTES))
        }
    }
}

/// Returns the texts with which a value seems to begin.
fn texts(value: &[u8]) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut rest = value;
    while let Some((text, after)) = text(rest) {
        texts.push(text);
        rest = after;
        if texts.len() == MAX_TEXTS {
            break;
        }
    }
    texts
}

/// Returns the first text and the bytes after it, if the text looks like one that a person wrote.
fn text(value: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = length(value)?;
    let (text, rest) = rest.split_at_checked(len)?;
    let text = std::str::from_utf8(text).ok()?;
    let is_written = !text.is_empty() && !text.contains(char::is_control);
    is_written.then_some((text, rest))
}

/// Parses a length in bincode: one byte up to 250, or a marker byte and then 2, 4 or 8 bytes. Returns the
/// length, and the bytes after it.
fn length(value: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = value.split_first()?;
    let (len, rest) = match first {
        0..=250 => (u64::from(first), rest),
        251 => rest.split_first_chunk().map(|(len, rest)| (u16::from_le_bytes(*len).into(), rest))?,
        252 => rest.split_first_chunk().map(|(len, rest)| (u32::from_le_bytes(*len).into(), rest))?,
        253 => rest.split_first_chunk().map(|(len, rest)| (u64::from_le_bytes(*len), rest))?,
        _ => return None,
    };
    Some((usize::try_from(len).ok()?, rest))
}

/// Prints the first `most` bytes in rows, in hexadecimal and as ASCII.
fn dump(out: &mut impl Write, bytes: &[u8], most: usize) -> io::Result<()> {
    for (number, row) in bytes.get(..most).unwrap_or(bytes).chunks(ROW).enumerate() {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02X}")).collect();
        let letter = |&byte: &u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' };
        let letters: String = row.iter().map(letter).collect();
        let width = 3 * ROW - 1;
        writeln!(out, "{:08X}  {:<width$}  |{letters}|", number * ROW, digits.join(" "))?;
    }
    if bytes.len() > most {
        writeln!(out, "… {} bytes more; --full shows them", bytes.len() - most)?;
    }
    Ok(())
}

/// Returns whether a text has no control character other than line ends and tabs.
fn is_plain(text: &str) -> bool {
    !text.contains(|letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

fn print_text(out: &mut impl Write, text: &str, most: usize) -> io::Result<()> {
    let mut clipped = Clipped::new(out, most);
    clipped.write_all(text.as_bytes())?;
    clipped.finish()
}

/// Prints a value as JSON, or the first `most` bytes of that JSON.
fn print_json(out: &mut impl Write, document: &Document<'_>, most: usize) -> io::Result<()> {
    let mut clipped = Clipped::new(out, most);
    document.serialize(&mut serde_json::Serializer::pretty(&mut clipped))?;
    clipped.finish()
}

/// A writer that passes on the beginning of a text, and counts the remaining bytes. It never splits a
/// character.
///
/// JSON escapes the control characters of ASCII except DEL. This writer also escapes DEL and U+0080 to
/// U+009F. A text that is not JSON has none of these ([`is_plain`]).
struct Clipped<W> {
    out: W,
    /// Number of bytes that may still be written.
    room: usize,
    cut: usize,
    /// Whether [`HIGH`] is held back. The next byte decides whether [`HIGH`] begins a control character.
    held: bool,
    is_at_line_start: bool,
}

impl<W: Write> Clipped<W> {
    fn new(out: W, room: usize) -> Self {
        Self { out, room, cut: 0, held: false, is_at_line_start: true }
    }

    fn put(&mut self, byte: u8) -> io::Result<()> {
        match (std::mem::take(&mut self.held), byte) {
            (_, HIGH) => {
                self.held = true;
                Ok(())
            }
            (true, 0x80..0xA0) => self.keep(format!("\\u00{byte:02x}").as_bytes()),
            (true, _) => self.keep(&[HIGH, byte]),
            (false, DEL) => self.keep(b"\\u007f"),
            (false, _) => self.keep(&[byte]),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        // If the first byte of a character was written, the rest of it is written too: at most three more
        // bytes.
        let continues = bytes.first().is_some_and(|byte| matches!(byte, 0x80..0xC0)) && self.cut == 0;
        if self.room == 0 && !continues {
            self.cut += bytes.len();
            return Ok(());
        }
        self.room = self.room.saturating_sub(bytes.len());
        self.is_at_line_start = bytes == b"\n";
        self.out.write_all(bytes)
    }

    fn finish(mut self) -> io::Result<()> {
        if !self.is_at_line_start {
            writeln!(self.out)?;
        }
        if self.cut > 0 {
            writeln!(self.out, "… {} bytes more; --full shows them", self.cut)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Clipped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().try_for_each(|byte| self.put(*byte))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_at_the_beginning_of_a_value_are_found() {
        assert_eq!(texts(b"\x06MTNVTU\xFB\x2C\x01"), ["MTNVTU"]);
        assert_eq!(texts(b"\x03one\x03two\0"), ["one", "two"]);
        assert_eq!(texts(&[&[251, 44, 1][..], &[b'x'; 300]].concat())[0].len(), 300);
        for none in [&b""[..], b"\0", b"\x05abc", b"\x02\xFF\xFE", b"\x01\n", b"\xFE", &[253; 9], &[252, 1]] {
            assert!(texts(none).is_empty(), "{none:?}");
        }
    }

    fn clipped(text: &str, most: usize) -> String {
        let mut out = Vec::new();
        print_text(&mut out, text, most).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_is_cut_at_a_whole_character_and_says_how_much_is_missing() {
        assert_eq!(clipped("", 9), "");
        assert_eq!(clipped("airtime", 7), "airtime\n");
        assert_eq!(clipped("one\n", 9), "one\n");
        assert_eq!(clipped("one\ntwo\n", 4), "one\n… 4 bytes more; --full shows them\n");
        let text = "₦5 ßü";
        for (most, kept) in [(1, "₦"), (2, "₦"), (3, "₦"), (4, "₦5"), (6, "₦5 ß"), (7, "₦5 ß"), (9, text)]
        {
            let cut = text.len() - kept.len();
            let more =
                if cut > 0 { format!("… {cut} bytes more; --full shows them\n") } else { String::new() };
            assert_eq!(clipped(text, most), format!("{kept}\n{more}"), "{most}");
        }
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let hostile: String = (0..0xA0_u8).map(char::from).chain(['ß', '₦']).collect();
        let mut out = Vec::new();
        let mut writer = Clipped::new(&mut out, usize::MAX);
        serde_json::to_writer(&mut writer, &hostile).unwrap();
        writer.finish().unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(!shown.trim_end().contains(char::is_control), "{shown:?}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hostile, "it is the same JSON");
        for letter in hostile.chars().filter(|letter| letter.is_control() && !"\n\r\t".contains(*letter)) {
            assert!(!is_plain(&format!("a{letter}")), "{letter:?}");
        }
        assert!(is_plain("two lines\r\n\tand ₦\n") && is_plain(""));
    }

    #[test]
    fn bytes_are_shown_in_rows() {
        let mut out = Vec::new();
        dump(&mut out, b"\x06MTNVTU and some more", 18).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "00000000  06 4D 54 4E 56 54 55 20 61 6E 64 20 73 6F 6D 65  |.MTNVTU and some|\n\
             00000010  20 6D                                            | m|\n\
             … 3 bytes more; --full shows them\n"
        );
    }
}
