//! Values, without their type: their bytes, and what of them can be read all the same.
//!
//! The codec (bincode 2, standard configuration) writes a text as its length and its bytes, and the fields of a struct one after
//! another. So a value that begins with texts shows them. What follows can't be told without the type.

use std::io::{self, Write};

/// Texts at the beginning of a value that are told.
const MOST_TEXTS: usize = 8;
const ROW: usize = 16;

/// The texts that a value looks like it begins with.
pub(super) fn texts(value: &[u8]) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut rest = value;
    while let Some((text, after)) = text(rest) {
        texts.push(text);
        rest = after;
        if texts.len() == MOST_TEXTS {
            break;
        }
    }
    texts
}

/// A text that people would have written, and what follows it.
fn text(value: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = length(value)?;
    let (text, rest) = rest.split_at_checked(len)?;
    let text = std::str::from_utf8(text).ok()?;
    let is_written = !text.is_empty() && !text.contains(char::is_control);
    is_written.then_some((text, rest))
}

/// A length as the codec writes it: in one byte up to 250, else in 2, 4 or 8 behind a byte that says so.
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

/// Prints bytes in rows, as digits and as letters.
pub(super) fn dump(out: &mut impl Write, bytes: &[u8], most: usize) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_at_the_beginning_of_a_value_are_told() {
        assert_eq!(texts(b"\x06MTNVTU\xFB\x2C\x01"), ["MTNVTU"]);
        assert_eq!(texts(b"\x03one\x03two\0"), ["one", "two"]);
        assert_eq!(texts(&[&[251, 44, 1][..], &[b'x'; 300]].concat())[0].len(), 300);
        for none in [&b""[..], b"\0", b"\x05abc", b"\x02\xFF\xFE", b"\x01\n", b"\xFE", &[253; 9], &[252, 1]] {
            assert!(texts(none).is_empty(), "{none:?}");
        }
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
