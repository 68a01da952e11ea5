//! The text form of keys, for people to read and type.
//!
//! | shape | text | note |
//! |---|---|---|
//! | `string` | `MTNVTU` | `"two words"`, with the escapes of Rust, if the plain text could be misread |
//! | `bytes` | `b"MTN\x00"` | |
//! | numbers | `7`, `-7` | |
//! | tuple | `("MTNDATA", 3)` | a text that a person types without special characters may omit its quotes |
//! | `()` | `()` | |
//! | any | `0x4D544E0000` | the encoded bytes, if they are not a key of a known shape |
//!
//! The invariant: reading the text of a key returns that key.

use std::fmt;
use std::fmt::Write;

use super::shape::{KeyShape, KeyValue};
use crate::format::escape::{is_obeyed, write_escape};
use crate::format::key::error::KeyError;

impl KeyShape {
    /// Reads a key that a person typed. Also accepts `0x` and the hexadecimal digits of the encoded bytes.
    /// Returns the encoded bytes.
    ///
    /// # Errors
    /// Returns a [`KeyError`] if the text is not a key of this shape.
    ///
    /// ```
    /// # #[cfg(feature = "inspect")] {
    /// # use larder::inspect::KeyShape;
    /// let shape: KeyShape = "(string, u64)".parse()?;
    /// let bytes = shape.parse_key(r#"("MTNDATA", 3)"#)?;
    /// assert_eq!(shape.parse_key("(MTNDATA, 3)")?, bytes);
    /// assert_eq!(shape.spell_key(&bytes), r#"("MTNDATA", 3)"#);
    /// # }
    /// # Ok::<(), larder::KeyError>(())
    /// ```
    pub fn parse_key(&self, text: &str) -> Result<Vec<u8>, KeyError> {
        match read_hex(text) {
            Some(bytes) => bytes,
            None => self.encode(&self.parse(text)?),
        }
    }

    /// Reads the beginning of keys that a person typed: see [`encode_prefix`](Self::encode_prefix).
    ///
    /// # Errors
    /// Returns a [`KeyError`] if no key of this shape can begin with this text.
    pub fn parse_prefix(&self, text: &str) -> Result<Vec<u8>, KeyError> {
        match read_hex(text) {
            Some(bytes) => bytes,
            None => self.encode_prefix(&self.parse(text)?),
        }
    }

    /// Returns the text of a key. If the bytes are not a key of this shape, returns `0x` and their
    /// hexadecimal digits.
    #[must_use]
    pub fn spell_key(&self, bytes: &[u8]) -> String {
        match self.decode(bytes) {
            Ok(KeyValue::Text(text)) if is_plain(&text) => text,
            Ok(value) => value.to_string(),
            Err(_) => spell_hex(bytes),
        }
    }

    fn parse(&self, text: &str) -> Result<KeyValue, KeyError> {
        // A text without quotes is the whole input. It may have any characters.
        if *self == Self::Text && !text.starts_with('"') {
            return Ok(KeyValue::Text(text.to_owned()));
        }
        let (value, rest) = self.parse_start(text.trim())?;
        match rest.trim_start() {
            "" => Ok(value),
            rest => Err(KeyError::new(format!("{rest:?} follows the end of the key; its shape is {self}"))),
        }
    }

    fn parse_start<'a>(&self, text: &'a str) -> Result<(KeyValue, &'a str), KeyError> {
        match self {
            Self::Unit => {
                let rest = text.strip_prefix("()").ok_or_else(|| self.expected(text))?;
                Ok((KeyValue::Unit, rest))
            }
            Self::Text if text.starts_with('"') => {
                let (bytes, rest) = read_quoted(text).ok_or_else(|| self.expected(text))?;
                let text = String::from_utf8(bytes).map_err(|_| self.expected(text))?;
                Ok((KeyValue::Text(text), rest))
            }
            Self::Text => {
                let (word, rest) = read_word(text);
                Ok((KeyValue::Text(word.to_owned()), rest))
            }
            Self::Bytes => {
                let quoted = text.strip_prefix('b').and_then(read_quoted);
                let (bytes, rest) = quoted.ok_or_else(|| self.expected(text))?;
                Ok((KeyValue::Bytes(bytes), rest))
            }
            Self::Unsigned(_) => {
                let (word, rest) = read_word(text);
                Ok((KeyValue::Unsigned(word.parse().map_err(|_| self.expected(word))?), rest))
            }
            Self::Signed(_) => {
                let (word, rest) = read_word(text);
                Ok((KeyValue::Signed(word.parse().map_err(|_| self.expected(word))?), rest))
            }
            Self::Tuple(shapes) => self.parse_tuple(shapes, text),
        }
    }

    /// Reads a tuple, or only its first parts.
    fn parse_tuple<'a>(&self, shapes: &[Self], text: &'a str) -> Result<(KeyValue, &'a str), KeyError> {
        let mut rest = text.strip_prefix('(').ok_or_else(|| self.expected(text))?.trim_start();
        let mut parts = Vec::new();
        for shape in shapes {
            if rest.starts_with(')') {
                break;
            }
            let (part, after) = shape.parse_start(rest)?;
            parts.push(part);
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None => break,
            }
        }
        let rest = rest.strip_prefix(')').ok_or_else(|| self.expected(text))?;
        Ok((KeyValue::Tuple(parts), rest))
    }

    fn expected(&self, found: &str) -> KeyError {
        let example = match self {
            Self::Unit => "()",
            Self::Text => "MTNVTU or \"MTNVTU\"",
            Self::Bytes => "b\"MTN\\x00\"",
            Self::Unsigned(_) => "7",
            Self::Signed(_) => "-7",
            Self::Tuple(_) => "(\"MTNDATA\", 3)",
        };
        KeyError::new(format!(
            "{found:?} is no key of shape {self}; one is typed as in {example}, any as 0x and the hexadecimal digits of its bytes"
        ))
    }
}

/// Returns `0x` and the hexadecimal digits of the bytes.
#[must_use]
pub fn spell_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase();
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    ['0', 'x'].into_iter().chain(digits).collect()
}

/// Reads `0x` and hexadecimal digits. Returns `None` if the text does not begin with `0x`.
pub(crate) fn read_hex(text: &str) -> Option<Result<Vec<u8>, KeyError>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    Some(bytes.ok_or_else(|| {
        KeyError::new(format!(
            "{text:?} is not 0x and pairs of hexadecimal digits; a text that begins so is typed in quotes"
        ))
    }))
}

/// Returns whether a text can be shown without quotes. Neither this reader nor a program that reads lines may
/// misread the text.
fn is_plain(text: &str) -> bool {
    let is_special = |letter: char| letter.is_whitespace() || is_obeyed(letter);
    !text.is_empty() && !text.starts_with('"') && !text.starts_with("0x") && !text.contains(is_special)
}

/// Splits the first word of a tuple from the rest. The word ends at the first character that may follow a
/// part.
fn read_word(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| matches!(letter, ',' | '(' | ')' | '"') || letter.is_whitespace());
    text.split_at(end.unwrap_or(text.len()))
}

/// Reads a quoted text at the beginning of `text`. Returns the bytes between the quotes, and the rest after
/// the closing quote.
fn read_quoted(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut bytes = Vec::new();
    loop {
        let plain = rest.find(['"', '\\'])?;
        let (before, after) = rest.split_at(plain);
        bytes.extend_from_slice(before.as_bytes());
        if let Some(after) = after.strip_prefix('"') {
            return Some((bytes, after));
        }
        rest = read_escape(after.strip_prefix('\\')?, &mut bytes)?;
    }
}

/// Reads an escape, after its backslash. Returns the text after the escape.
fn read_escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let kind = text.chars().next()?;
    let rest = text.get(kind.len_utf8()..)?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| is_number)
    };
    let byte = match kind {
        '"' | '\\' => u8::try_from(kind).ok()?,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'x' => {
            out.push(u8::try_from(number(rest.get(..2)?)?).ok()?);
            return rest.get(2..);
        }
        'u' => {
            let (digits, rest) = rest.strip_prefix('{')?.split_once('}')?;
            let letter = char::from_u32(number(digits)?)?;
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    out.push(byte);
    Some(rest)
}

/// Writes the form that can be read back in any position. In this form, texts have quotes.
impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Text(text) => {
                f.write_char('"')?;
                text.chars().try_for_each(|letter| write_letter(f, letter))?;
                f.write_char('"')
            }
            Self::Bytes(bytes) => {
                f.write_str("b\"")?;
                for &byte in bytes {
                    match byte {
                        b' '..=b'~' => write_letter(f, char::from(byte))?,
                        _ => write!(f, "\\x{byte:02X}")?,
                    }
                }
                f.write_char('"')
            }
            Self::Unsigned(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
        }
    }
}

fn write_letter(f: &mut fmt::Formatter<'_>, letter: char) -> fmt::Result {
    match letter {
        '"' | '\\' => write!(f, "\\{letter}"),
        letter if is_obeyed(letter) => write_escape(f, letter),
        letter => f.write_char(letter),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(text: &str) -> KeyShape {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_spelled_as_the_table_says() {
        let spelled = |name: &str, text: &str, expected: &str| {
            let bytes = shape(name).parse_key(text).unwrap();
            assert_eq!(shape(name).spell_key(&bytes), expected, "{name}");
        };
        spelled("string", "MTNVTU", "MTNVTU");
        spelled("string", "two words", "\"two words\"");
        spelled("string", r#""0x4D \u{7} \" \\ \n""#, r#""0x4D \u{7} \" \\ \n""#);
        spelled("string", "", "\"\"");
        spelled("bytes", r#"b"MTN\x00\xFF""#, r#"b"MTN\x00\xFF""#);
        spelled("u64", "7", "7");
        spelled("i8", "-128", "-128");
        spelled("(string, u64)", "( MTNDATA,3 )", r#"("MTNDATA", 3)"#);
        spelled("(string, (i8, bytes))", r#"("a,b", (-1, b""))"#, r#"("a,b", (-1, b""))"#);
        spelled("()", "()", "()");
        spelled("u16", "0x0102", "258");
        // A `u16` has two bytes, so one byte is not a key of the shape.
        spelled("u16", "0x01", "0x01");
    }

    #[test]
    fn what_is_no_key_is_refused_with_an_example() {
        for (name, text) in [
            ("u8", "256"),
            ("u8", "seven"),
            ("u8", "7 8"),
            ("()", ""),
            ("string", "\"open"),
            ("string", r#""\q""#),
            ("bytes", "MTN"),
            ("(string, u64)", "MTNDATA"),
            ("(string, u64)", "(MTNDATA)"),
            ("(string, u64)", "(MTNDATA, 3, 4)"),
            ("string", "0x4"),
        ] {
            let error = shape(name).parse_key(text).unwrap_err().to_string();
            assert!(!error.is_empty(), "{name} {text}");
        }
        let error = shape("(string, u64)").parse_key("MTNDATA").unwrap_err().to_string();
        assert!(error.contains(r#"("MTNDATA", 3)"#), "{error}");
    }

    #[test]
    fn a_prefix_is_of_letters_or_of_whole_parts() {
        assert_eq!(shape("string").parse_prefix("MTN").unwrap(), b"MTN");
        assert_eq!(shape("(string, u64)").parse_prefix("(MTN,)").unwrap(), b"MTN\0\0");
        assert_eq!(shape("(string, u64)").parse_prefix("(MTN)").unwrap(), b"MTN\0\0");
        assert!(shape("u64").parse_prefix("1").is_err());
        assert_eq!(shape("u64").parse_prefix("0x0000").unwrap(), [0, 0]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(
            text in "\\PC{0,9}|[\u{0}-\u{20}\"\\\\x0bMT,()]{0,9}|.{0,5}", bytes: Vec<u8>, number: u64, signed: i64
        ) {
            use KeyValue::{Bytes, Signed, Text, Tuple, Unsigned};
            let parts = vec![Text(text.clone()), Unsigned(number.into()), Bytes(bytes.clone()), Signed(signed.into())];
            for (name, value) in [
                ("string", Text(text)),
                ("bytes", Bytes(bytes)),
                ("i64", Signed(signed.into())),
                ("(string, u64, bytes, i64)", Tuple(parts)),
            ] {
                let encoded = shape(name).encode(&value).unwrap();
                let spelled = shape(name).spell_key(&encoded);
                prop_assert_eq!(shape(name).parse_key(&spelled).unwrap(), encoded.clone(), "{}", spelled);
                prop_assert!(!spelled.contains(char::is_control));
            }
        }

        #[test]
        fn any_bytes_of_a_key_are_shown_and_read_back(bytes: Vec<u8>) {
            for name in ["string", "bytes", "u64", "(string, i8)", "()"] {
                let spelled = shape(name).spell_key(&bytes);
                prop_assert_eq!(shape(name).parse_key(&spelled).unwrap(), bytes.clone());
            }
        }

        #[test]
        fn any_text_is_a_key_or_refused(text in "\\PC{0,20}") {
            for name in ["string", "bytes", "u64", "(string, i8)", "()"] {
                drop(shape(name).parse_key(&text));
                drop(shape(name).parse_prefix(&text));
            }
        }
    }
}
