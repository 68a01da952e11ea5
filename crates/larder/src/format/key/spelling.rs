//! The text form of keys, for people to read and type.
//!
//! | shape | text | note |
//! |---|---|---|
//! | `string` | `MTNVTU` | `"two words"`, with Rust's escapes, if the plain text could be misread |
//! | `bytes` | `b"MTN\x00"` | |
//! | numbers | `7`, `-7` | |
//! | `bool` | `true`, `false` | |
//! | `char` | `'a'` | a person may omit the quotes |
//! | `[u8; N]` | `b"MTN\x00"` | `N` bytes |
//! | `uuid` | `67e55044-10b1-426f-9247-bb680e5fe0c8` | the hyphens may be omitted |
//! | option | `None`, `Some("MTNVTU")` | |
//! | tuple | `("MTNDATA", 3)` | a person may omit the quotes of a text without special characters |
//! | `()` | `()` | |
//! | any | `0x4D544E0000` | the encoded bytes, if they are not a key of a known shape |
//!
//! Invariant: reading the text of a key returns that key.

use std::fmt;
use std::fmt::Write;

use super::shape::{KeyShape, KeyValue};
use crate::format::escape::{is_obeyed, write_escape};
use crate::format::key::error::KeyError;

impl KeyShape {
    /// Reads a key that a person typed, and returns its encoded bytes. Also accepts `0x` and the hexadecimal
    /// digits of the encoded bytes.
    ///
    /// # Errors
    /// Returns a [`KeyError`] if the text is neither a key of this shape, nor `0x` and pairs of hexadecimal
    /// digits.
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

    /// Returns the text of a key, or `0x` and hexadecimal digits if the bytes are not a key of this shape.
    #[must_use]
    pub fn spell_key(&self, bytes: &[u8]) -> String {
        match self.decode(bytes) {
            Ok(KeyValue::Text(text)) if is_plain(&text) => text,
            Ok(value) => value.to_string(),
            Err(_) => spell_hex(bytes),
        }
    }

    fn parse(&self, text: &str) -> Result<KeyValue, KeyError> {
        // A text without quotes is the whole input, and may contain any characters.
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
                let (text, rest) = self.read_letters(text, '"')?;
                Ok((KeyValue::Text(text), rest))
            }
            Self::Text => {
                let (word, rest) = read_word(text);
                Ok((KeyValue::Text(word.to_owned()), rest))
            }
            Self::Char => {
                let (letters, rest) = match text.strip_prefix('\'') {
                    Some(_) => self.read_letters(text, '\'')?,
                    None => (read_word(text).0.to_owned(), read_word(text).1),
                };
                let mut letters = letters.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => Ok((KeyValue::Char(letter), rest)),
                    _ => Err(self.expected(text)),
                }
            }
            Self::Bool => {
                let (word, rest) = read_word(text);
                Ok((KeyValue::Bool(word.parse().map_err(|_| self.expected(word))?), rest))
            }
            Self::Uuid => {
                let (word, rest) = read_word(text);
                Ok((KeyValue::Uuid(read_uuid(word).ok_or_else(|| self.expected(word))?), rest))
            }
            Self::Option(key) => {
                if let Some(rest) = text.strip_prefix("None") {
                    return Ok((KeyValue::Option(None), rest));
                }
                let inner = text.strip_prefix("Some(").ok_or_else(|| self.expected(text))?;
                let (value, rest) = key.parse_start(inner.trim_start())?;
                let rest = rest.trim_start().strip_prefix(')').ok_or_else(|| self.expected(text))?;
                Ok((KeyValue::Option(Some(Box::new(value))), rest))
            }
            Self::Bytes | Self::Array(_) => {
                let quoted = text.strip_prefix('b').and_then(|text| read_quoted(text, '"'));
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

    fn read_letters<'a>(&self, text: &'a str, quote: char) -> Result<(String, &'a str), KeyError> {
        let (bytes, rest) = read_quoted(text, quote).ok_or_else(|| self.expected(text))?;
        let letters = String::from_utf8(bytes).map_err(|_| self.expected(text))?;
        Ok((letters, rest))
    }

    fn expected(&self, found: &str) -> KeyError {
        let example = match self {
            Self::Unit => "()",
            Self::Text => "MTNVTU or \"MTNVTU\"",
            Self::Bytes | Self::Array(_) => "b\"MTN\\x00\"",
            Self::Bool => "true",
            Self::Char => "'a'",
            Self::Uuid => "67e55044-10b1-426f-9247-bb680e5fe0c8",
            Self::Option(_) => "None or Some(\"MTNVTU\")",
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

/// Returns whether a text can be shown without quotes, so that neither this reader nor a program that reads
/// lines misreads it.
fn is_plain(text: &str) -> bool {
    let is_special = |letter: char| letter.is_whitespace() || is_obeyed(letter);
    !text.is_empty() && !text.starts_with('"') && !text.starts_with("0x") && !text.contains(is_special)
}

/// Splits the first word from the rest. The word ends at a comma, a parenthesis, a quote or white space.
fn read_word(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| matches!(letter, ',' | '(' | ')' | '"') || letter.is_whitespace());
    text.split_at(end.unwrap_or(text.len()))
}

/// Reads a UUID: 32 hexadecimal digits. All hyphens may be omitted.
fn read_uuid(word: &str) -> Option<[u8; 16]> {
    let digits = word.replace('-', "");
    let number = u128::from_str_radix(&digits, 16).ok()?;
    let is_digits = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes = number.to_be_bytes();
    let is_spelled = word.len() == 32 || word.eq_ignore_ascii_case(&spell_uuid(bytes));
    (is_digits && is_spelled).then_some(bytes)
}

/// Returns the digits of a UUID in lower case, in groups of 8, 4, 4, 4 and 12.
fn spell_uuid(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes);
    let group = |after: u32, digits: u32| (number >> (4 * after)) & ((1 << (4 * digits)) - 1);
    let (first, second, third) = (group(24, 8), group(20, 4), group(16, 4));
    format!("{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}", group(12, 4), group(0, 12))
}

/// Reads a quoted text at the beginning of `text`. Returns the bytes between the quotes, and the rest after
/// the closing quote.
fn read_quoted(text: &str, quote: char) -> Option<(Vec<u8>, &str)> {
    let mut rest = text.strip_prefix(quote)?;
    let mut bytes = Vec::new();
    loop {
        let plain = rest.find([quote, '\\'])?;
        let (before, after) = rest.split_at(plain);
        bytes.extend_from_slice(before.as_bytes());
        if let Some(after) = after.strip_prefix(quote) {
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
        '"' | '\'' | '\\' => u8::try_from(kind).ok()?,
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

/// Writes a form that can be read back in any position. So texts are quoted.
impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Text(text) => {
                f.write_char('"')?;
                text.chars().try_for_each(|letter| write_letter(f, letter, '"'))?;
                f.write_char('"')
            }
            Self::Bytes(bytes) => {
                f.write_str("b\"")?;
                for &byte in bytes {
                    match byte {
                        b' '..=b'~' => write_letter(f, char::from(byte), '"')?,
                        _ => write!(f, "\\x{byte:02X}")?,
                    }
                }
                f.write_char('"')
            }
            Self::Unsigned(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Char(letter) => {
                f.write_char('\'')?;
                write_letter(f, *letter, '\'')?;
                f.write_char('\'')
            }
            Self::Uuid(bytes) => f.write_str(&spell_uuid(*bytes)),
            Self::Option(None) => f.write_str("None"),
            Self::Option(Some(key)) => write!(f, "Some({key})"),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
        }
    }
}

fn write_letter(f: &mut fmt::Formatter<'_>, letter: char, quote: char) -> fmt::Result {
    match letter {
        letter if letter == quote || letter == '\\' => write!(f, "\\{letter}"),
        letter if is_obeyed(letter) => write_escape(f, letter),
        letter => f.write_char(letter),
    }
}

#[cfg(test)]
mod tests;
