//! Reads and writes keys without their type, by the shape that the file stores.
//!
//! The row of a keyspace contains the shape of its keys, such as `(string, u64)`, which is enough to read
//! their bytes. So a program without the application's types can show a key, and can encode a key that a
//! person has typed.

use std::fmt;

use super::buffer::KeyBuffer;
use super::bytes::{KeyReader, KeyWriter};
use crate::format::key::error::KeyError;

/// Maximum depth of a shape. The depth must be limited, because a file may contain any text.
pub(super) const MAX_DEPTH: usize = 8;
/// Maximum number of parts of a tuple. larder's own tuples have at most four, and a derived key has at most
/// this many fields.
const MAX_PARTS: usize = 16;

/// The shape of a keyspace's keys, as the file stores it.
///
/// ```
/// # #[cfg(feature = "inspect")] {
/// use larder::inspect::{KeyShape, KeyValue};
///
/// let shape: KeyShape = "(string, u64)".parse()?;
/// let key = KeyValue::Tuple(vec![KeyValue::Text("MTNDATA".to_owned()), KeyValue::Unsigned(3)]);
/// let bytes = shape.encode(&key)?;
/// assert_eq!(bytes, b"MTNDATA\0\0\0\0\0\0\0\0\0\x03");
/// assert_eq!(shape.decode(&bytes)?, key);
/// # }
/// # Ok::<(), larder::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyShape {
    /// `()`: the only key of a keyspace with one entry.
    Unit,
    /// `string`
    Text,
    /// `bytes`
    Bytes,
    /// `u8` to `u128`, with the number of bits.
    Unsigned(u32),
    /// `i8` to `i128`, with the number of bits.
    Signed(u32),
    /// `bool`
    Bool,
    /// `char`
    Char,
    /// `[u8; N]`, with the number of bytes.
    Array(usize),
    /// `uuid`
    Uuid,
    /// `option<…>`, with the shape of the optional key.
    Option(Box<KeyShape>),
    /// `(…, …)`: the shapes of the parts.
    Tuple(Vec<KeyShape>),
}

/// A key, or the beginning of a key, without its type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyValue {
    /// The key of shape `()`.
    Unit,
    /// A text, for the shape `string`.
    Text(String),
    /// Bytes, for the shapes `bytes` and `[u8; N]`.
    Bytes(Vec<u8>),
    /// An unsigned number.
    Unsigned(u128),
    /// A signed number.
    Signed(i128),
    /// A truth value.
    Bool(bool),
    /// A character.
    Char(char),
    /// The bytes of a UUID.
    Uuid([u8; 16]),
    /// The optional key, for a shape `option<…>`.
    Option(Option<Box<KeyValue>>),
    /// The parts of a tuple.
    Tuple(Vec<KeyValue>),
}

impl KeyShape {
    /// Reads a key of this shape, which must use all of the bytes.
    ///
    /// # Errors
    /// Returns a [`KeyError`] if the bytes are not a key of this shape.
    pub fn decode(&self, bytes: &[u8]) -> Result<KeyValue, KeyError> {
        let mut reader = KeyReader::new(bytes);
        let value = self.read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    fn read(&self, reader: &mut KeyReader<'_>) -> Result<KeyValue, KeyError> {
        Ok(match self {
            Self::Unit => KeyValue::Unit,
            Self::Text => KeyValue::Text(reader.text()?),
            Self::Bytes => KeyValue::Bytes(reader.bytes()?),
            Self::Unsigned(8) => KeyValue::Unsigned(reader.u8()?.into()),
            Self::Unsigned(16) => KeyValue::Unsigned(reader.u16()?.into()),
            Self::Unsigned(32) => KeyValue::Unsigned(reader.u32()?.into()),
            Self::Unsigned(64) => KeyValue::Unsigned(reader.u64()?.into()),
            Self::Unsigned(_) => KeyValue::Unsigned(reader.u128()?),
            Self::Signed(8) => KeyValue::Signed(reader.i8()?.into()),
            Self::Signed(16) => KeyValue::Signed(reader.i16()?.into()),
            Self::Signed(32) => KeyValue::Signed(reader.i32()?.into()),
            Self::Signed(64) => KeyValue::Signed(reader.i64()?.into()),
            Self::Signed(_) => KeyValue::Signed(reader.i128()?),
            Self::Bool => KeyValue::Bool(reader.bool()?),
            Self::Char => KeyValue::Char(reader.char()?),
            Self::Array(len) => KeyValue::Bytes(reader.exactly(*len)?.to_vec()),
            Self::Uuid => KeyValue::Uuid(reader.array()?),
            Self::Option(key) if reader.bool()? => KeyValue::Option(Some(Box::new(key.read(reader)?))),
            Self::Option(_) => KeyValue::Option(None),
            Self::Tuple(parts) => {
                KeyValue::Tuple(parts.iter().map(|part| part.read(reader)).collect::<Result<_, _>>()?)
            }
        })
    }

    /// Encodes a key of this shape.
    ///
    /// # Errors
    /// Returns a [`KeyError`] if the key has another shape, or if a number does not fit into its part.
    pub fn encode(&self, value: &KeyValue) -> Result<Vec<u8>, KeyError> {
        let mut out = KeyBuffer::default();
        self.write(value, &mut out.writer())?;
        Ok(out.as_slice().to_vec())
    }

    /// Returns the encoding of the first `parts` parts of a tuple key. Returns `None` if the shape is not a
    /// tuple with more than `parts` parts, or if these parts cannot be read.
    ///
    /// ```
    /// # #[cfg(feature = "inspect")] {
    /// # use larder::inspect::KeyShape;
    /// let shape: KeyShape = "(string, u64)".parse()?;
    /// assert_eq!(shape.first_parts(b"MTN\0\0\0\0\0\0\0\0\0\x03", 1), Some(b"MTN\0\0".as_slice()));
    /// assert_eq!(shape.first_parts(b"MTN", 1), None);
    /// # }
    /// # Ok::<(), larder::KeyError>(())
    /// ```
    #[must_use]
    pub fn first_parts<'a>(&self, bytes: &'a [u8], parts: usize) -> Option<&'a [u8]> {
        let Self::Tuple(shapes) = self else { return None };
        let mut reader = KeyReader::new(bytes);
        let first = shapes.get(..parts).filter(|_| parts < shapes.len())?;
        first.iter().try_for_each(|shape| shape.read(&mut reader).map(drop)).ok()?;
        bytes.get(..bytes.len() - reader.rest().len())
    }

    /// Encodes the beginning of keys of this shape. The beginning is the first characters of a text, the
    /// first bytes of bytes or of an array, or the first parts of a tuple, each complete. The beginning of
    /// an option is `None`, or `Some` of a beginning of its key.
    ///
    /// # Errors
    /// Returns a [`KeyError`] if no key of this shape can begin with `prefix`. A number has no beginning.
    pub fn encode_prefix(&self, prefix: &KeyValue) -> Result<Vec<u8>, KeyError> {
        let mut out = KeyBuffer::default();
        self.write_prefix(prefix, &mut out.writer())?;
        Ok(out.as_slice().to_vec())
    }

    fn write_prefix(&self, prefix: &KeyValue, out: &mut KeyWriter<'_>) -> Result<(), KeyError> {
        match (self, prefix) {
            (Self::Text, KeyValue::Text(text)) => out.unterminated(text.as_bytes()),
            (Self::Bytes, KeyValue::Bytes(bytes)) => out.unterminated(bytes),
            (Self::Array(len), KeyValue::Bytes(bytes)) if bytes.len() <= *len => out.push(bytes),
            (Self::Option(key), KeyValue::Option(prefix)) => {
                out.bool(prefix.is_some());
                if let Some(prefix) = prefix {
                    key.write_prefix(prefix, out)?;
                }
            }
            (Self::Tuple(shapes), KeyValue::Tuple(parts)) if parts.len() <= shapes.len() => {
                for (shape, part) in shapes.iter().zip(parts) {
                    shape.write(part, out)?;
                }
            }
            (Self::Tuple(_), _) => {
                return Err(KeyError::new(format!("a prefix of {self} is a tuple of its first parts")));
            }
            (Self::Text | Self::Bytes | Self::Array(_) | Self::Option(_), _) => {
                return Err(self.mismatch(prefix));
            }
            _ => return Err(KeyError::new(format!("keys of shape {self} have no prefixes"))),
        }
        Ok(())
    }

    fn write(&self, value: &KeyValue, out: &mut KeyWriter<'_>) -> Result<(), KeyError> {
        match (self, value) {
            (Self::Unit, KeyValue::Unit) => {}
            (Self::Text, KeyValue::Text(text)) => out.text(text),
            (Self::Bytes, KeyValue::Bytes(bytes)) => out.bytes(bytes),
            (Self::Unsigned(bits), KeyValue::Unsigned(number)) => match bits {
                8 => out.u8(self.fit(*number)?),
                16 => out.u16(self.fit(*number)?),
                32 => out.u32(self.fit(*number)?),
                64 => out.u64(self.fit(*number)?),
                _ => out.u128(*number),
            },
            (Self::Signed(bits), KeyValue::Signed(number)) => match bits {
                8 => out.i8(self.fit(*number)?),
                16 => out.i16(self.fit(*number)?),
                32 => out.i32(self.fit(*number)?),
                64 => out.i64(self.fit(*number)?),
                _ => out.i128(*number),
            },
            (Self::Bool, KeyValue::Bool(value)) => out.bool(*value),
            (Self::Char, KeyValue::Char(letter)) => out.char(*letter),
            (Self::Array(len), KeyValue::Bytes(bytes)) if bytes.len() == *len => out.push(bytes),
            (Self::Uuid, KeyValue::Uuid(bytes)) => out.array(bytes),
            (Self::Option(key), KeyValue::Option(value)) => {
                out.bool(value.is_some());
                if let Some(value) = value {
                    key.write(value, out)?;
                }
            }
            (Self::Tuple(shapes), KeyValue::Tuple(parts)) if parts.len() == shapes.len() => {
                for (shape, part) in shapes.iter().zip(parts) {
                    shape.write(part, out)?;
                }
            }
            _ => return Err(self.mismatch(value)),
        }
        Ok(())
    }

    fn fit<N: fmt::Display + Copy, T: TryFrom<N>>(&self, number: N) -> Result<T, KeyError> {
        T::try_from(number).map_err(|_| KeyError::new(format!("{number} is no {self}")))
    }

    fn mismatch(&self, value: &KeyValue) -> KeyError {
        KeyError::new(format!("{value} is no key of shape {self}"))
    }
}

impl fmt::Display for KeyShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Text => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Unsigned(bits) => write!(f, "u{bits}"),
            Self::Signed(bits) => write!(f, "i{bits}"),
            Self::Bool => f.write_str("bool"),
            Self::Char => f.write_str("char"),
            Self::Array(len) => write!(f, "[u8; {len}]"),
            Self::Uuid => f.write_str("uuid"),
            Self::Option(key) => write!(f, "option<{key}>"),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
        }
    }
}

impl std::str::FromStr for KeyShape {
    type Err = KeyError;

    /// Reads a shape that consists of larder's own parts.
    ///
    /// # Errors
    /// Returns a [`KeyError`] for any other shape. An application's key type may give its shape any name.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let unknown = || KeyError::new(format!("the shape {text:?} is not made of larder's own parts"));
        let (shape, rest) = read_shape(text, 0).ok_or_else(unknown)?;
        if rest.is_empty() { Ok(shape) } else { Err(unknown()) }
    }
}

/// Reads a shape at the beginning of a text. Returns the shape and the rest of the text.
fn read_shape(text: &str, depth: usize) -> Option<(KeyShape, &str)> {
    if let Some(key) = text.strip_prefix("option<") {
        let (key, rest) = if depth < MAX_DEPTH { read_shape(key, depth + 1)? } else { return None };
        return Some((KeyShape::Option(Box::new(key)), rest.strip_prefix('>')?));
    }
    let Some(mut rest) = text.strip_prefix('(') else {
        let end = text.find([',', ')', '>']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return Some((read_word(word)?, rest));
    };
    if let Some(rest) = rest.strip_prefix(')') {
        return Some((KeyShape::Unit, rest));
    }
    let mut parts = Vec::new();
    while depth < MAX_DEPTH && parts.len() < MAX_PARTS {
        let (part, after) = read_shape(rest, depth + 1)?;
        parts.push(part);
        if let Some(after) = after.strip_prefix(')') {
            return Some((KeyShape::Tuple(parts), after));
        }
        rest = after.strip_prefix(", ")?;
    }
    None
}

fn read_word(word: &str) -> Option<KeyShape> {
    Some(match word {
        "string" => KeyShape::Text,
        "bytes" => KeyShape::Bytes,
        "u8" => KeyShape::Unsigned(8),
        "u16" => KeyShape::Unsigned(16),
        "u32" => KeyShape::Unsigned(32),
        "u64" => KeyShape::Unsigned(64),
        "u128" => KeyShape::Unsigned(128),
        "i8" => KeyShape::Signed(8),
        "i16" => KeyShape::Signed(16),
        "i32" => KeyShape::Signed(32),
        "i64" => KeyShape::Signed(64),
        "i128" => KeyShape::Signed(128),
        "bool" => KeyShape::Bool,
        "char" => KeyShape::Char,
        "uuid" => KeyShape::Uuid,
        // A second spelling of a length, such as `016`, is not a shape.
        _ => {
            let len = word.strip_prefix("[u8; ")?.strip_suffix(']')?;
            let shape = KeyShape::Array(len.parse().ok()?);
            return (shape.to_string() == word).then_some(shape);
        }
    })
}

#[cfg(test)]
mod tests;
