//! The last door before the terminal: no control character of a file's or a process's text passes it.
//!
//! Each place that prints a name escapes it, and so keeps an end of line in it from forging a line. This door
//! stands behind all of them, so that one that was forgotten cannot move the cursor or set a title. It passes
//! ends of lines, tabs, and the sequences that select colours: digits and semicolons between `ESC [` and `m`.
//! Every other control character is written as its escape in Rust.

use std::borrow::Cow;
use std::io::{self, Write};

/// How UTF-8 begins U+0080 to U+00BF, of which the first half are control characters.
const HIGH: u8 = 0xC2;
const ESC: u8 = 0x1B;
const DEL: u8 = 0x7F;
/// The longest sequence that this command writes is shorter.
const MAX_SEQUENCE: usize = 24;

/// A writer that escapes control characters.
#[derive(Debug)]
pub(crate) struct Guard<W: Write> {
    out: W,
    /// The beginning of a sequence, or of a character, that may still turn out to be one that passes.
    held: Vec<u8>,
}

impl<W: Write> Guard<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, held: Vec::new() }
    }

    /// Adds a byte; what is certain goes to `passed`.
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
                self.give_up(passed);
                self.take(byte, passed);
            }
        }
    }

    /// What was held is no sequence of colours, and no control character of two bytes.
    fn give_up(&mut self, passed: &mut Vec<u8>) {
        for byte in std::mem::take(&mut self.held) {
            if byte == ESC { escape(byte, passed) } else { passed.push(byte) }
        }
    }
}

fn escape(byte: u8, passed: &mut Vec<u8>) {
    passed.extend(char::from(byte).escape_default().map(|letter| u8::try_from(letter).unwrap_or(b'?')));
}

impl<W: Write> Write for Guard<W> {
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

/// Escapes the control characters that a writer of JSON may leave as they are: DEL, and those above it.
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

/// Prints a line on standard error. No control character reaches it, but ends of lines and tabs.
pub(crate) fn warn(text: &str) {
    let mut guard = Guard::new(io::stderr().lock());
    // There is nowhere left to say that this failed.
    drop(guard.write_all(text.as_bytes()).and_then(|()| guard.write_all(b"\n")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(chunks: &[&[u8]]) -> String {
        let mut guard = Guard::new(Vec::new());
        for chunk in chunks {
            guard.write_all(chunk).unwrap();
        }
        String::from_utf8_lossy(&guard.out).into_owned()
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
            assert_eq!(guarded(&[text.as_bytes()]), expected, "{text:?}");
            // However it is cut into pieces.
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(guarded(&bytes), expected, "{text:?}");
        }
        let long = format!("\u{1B}[{}m", "1".repeat(100));
        assert!(guarded(&[long.as_bytes()]).starts_with("\\u{1b}[1"));
    }
}
