//! The last filter before the terminal. It escapes control characters in texts from files and processes.
//!
//! Code that prints a name escapes it first, so that a line end in the name cannot forge a line of output.
//! What [`stdout`](super::out::stdout) and [`warn`] print also passes this filter, so that a text which was
//! not escaped still cannot move the cursor or set a title. The filter passes line ends, tabs, and colour
//! sequences (digits and semicolons between `ESC [` and `m`). It writes every other control character as
//! its escape in Rust.

use std::borrow::Cow;
use std::io::{self, Write};

/// The first byte of U+0080 to U+00BF in UTF-8. Of these, U+0080 to U+009F are control characters.
pub(crate) const HIGH: u8 = 0xC2;
const ESC: u8 = 0x1B;
pub(crate) const DEL: u8 = 0x7F;
/// Maximum length of a colour sequence. The sequences that this command writes are shorter.
const MAX_SEQUENCE: usize = 24;

#[derive(Debug)]
pub(crate) struct EscapingWriter<W: Write> {
    out: W,
    /// The beginning of a sequence or of a character. The next bytes decide whether it passes.
    held: Vec<u8>,
}

impl<W: Write> EscapingWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, held: Vec::new() }
    }

    /// Processes a byte. Appends the bytes to write, as far as they are known now, to `passed`.
    fn take(&mut self, byte: u8, passed: &mut Vec<u8>) {
        match (&self.held[..], byte) {
            ([], ESC | HIGH) => self.held.push(byte),
            ([], 0..0x20 | DEL) if !matches!(byte, b'\n' | b'\t') => escape(byte, passed),
            ([], _) => passed.push(byte),
            ([HIGH], 0x80..0xA0) => {
                self.held.clear();
                escape(byte, passed);
            }
            ([ESC], b'[') | ([ESC, b'[', ..], b'0'..=b'9' | b';') if self.held.len() < MAX_SEQUENCE => {
                self.held.push(byte);
            }
            ([ESC, b'[', ..], b'm') => {
                passed.append(&mut self.held);
                passed.push(byte);
            }
            _ => {
                self.release(passed);
                self.take(byte, passed);
            }
        }
    }

    /// Releases held bytes that turned out to be neither a colour sequence nor a control character of two
    /// bytes.
    fn release(&mut self, passed: &mut Vec<u8>) {
        for byte in std::mem::take(&mut self.held) {
            if byte == ESC { escape(byte, passed) } else { passed.push(byte) }
        }
    }
}

fn escape(byte: u8, passed: &mut Vec<u8>) {
    passed.extend(char::from(byte).escape_default().map(|letter| u8::try_from(letter).unwrap_or(b'?')));
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut passed = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.take(byte, &mut passed);
        }
        self.out.write_all(&passed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Escapes the control characters that JSON allows unescaped: DEL, and U+0080 to U+009F.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    let is_left = |letter: char| letter.is_control() && letter >= '\u{7F}';
    if !json.contains(is_left) {
        return Cow::Borrowed(json);
    }
    let escape = |letter: char| {
        if is_left(letter) { format!("\\u{:04x}", u32::from(letter)) } else { letter.to_string() }
    };
    Cow::Owned(json.chars().map(escape).collect())
}

/// Prints a line on standard error, through the filter.
pub(crate) fn warn(text: &str) {
    let mut out = EscapingWriter::new(io::stderr().lock());
    // A failure of standard error is ignored, because it cannot be reported.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(chunks: &[&[u8]]) -> String {
        let mut writer = EscapingWriter::new(Vec::new());
        for chunk in chunks {
            writer.write_all(chunk).unwrap();
        }
        String::from_utf8_lossy(&writer.out).into_owned()
    }

    #[test]
    fn colours_lines_and_tabs_pass_and_no_other_control_character() {
        for (text, expected) in [
            ("plain ¢ é 商\n\tline", "plain ¢ é 商\n\tline"),
            ("\u{1B}[1mbold\u{1B}[0m \u{1B}[38;5;9mred", "\u{1B}[1mbold\u{1B}[0m \u{1B}[38;5;9mred"),
            ("\u{1B}[2J", "\\u{1b}[2J"),
            ("\u{1B}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1B}\u{1B}[1m", "\\u{1b}\u{1B}[1m"),
            ("\u{1B}[1\u{1B}[1m", "\\u{1b}[1\u{1B}[1m"),
            ("a\rb\u{8}\u{7F}\0", "a\\rb\\u{8}\\u{7f}\\u{0}"),
            ("\u{9B}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("\u{1B}é\u{1B}[é", "\\u{1b}é\\u{1b}[é"),
        ] {
            assert_eq!(escaped(&[text.as_bytes()]), expected, "{text:?}");
            // The result does not depend on how the text is split into writes.
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(escaped(&bytes), expected, "{text:?}");
        }
        let long = format!("\u{1B}[{}m", "1".repeat(100));
        assert!(escaped(&[long.as_bytes()]).starts_with("\\u{1b}[1"));
    }
}
