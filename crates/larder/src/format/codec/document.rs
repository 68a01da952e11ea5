//! Shows a value of [`Format::MessagePack`](super::format::Format::MessagePack) as JSON, without its type.
//!
//! MessagePack can express more than JSON. Values that JSON lacks are written in the forms below, and nothing
//! is omitted:
//!
//! | MessagePack | JSON |
//! |---|---|
//! | nil, booleans, arrays | the same |
//! | integers | all their digits |
//! | floats | the shortest digits that read back the same; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | text | the same; as binary if the bytes are not UTF-8 |
//! | binary | `"0x"` and its hexadecimal digits |
//! | extension | `{"extension": its number, "bytes": "0x…"}` |
//! | a key that is not text | its JSON, as text: `"7"`, `"[1,2]"` |
//!
//! If two keys have the same text, both appear.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Write;

use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::tokens::{Token, Tokens, check};
use crate::format::codec::error::CodecError;
use crate::format::key::spelling::spell_hex;

/// A MessagePack value that serde can write as JSON without its type.
///
/// The value is already checked to be complete and to nest at most [`MAX_DEPTH`](crate::MAX_DEPTH) levels
/// deep. So writing the value fails only if the output fails. The value is read while the JSON is written, so
/// only one key or one spelled part is copied at a time.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a>(&'a [u8]);

impl<'a> Document<'a> {
    /// Checks that these bytes are one complete MessagePack value, and wraps them.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, CodecError> {
        check(bytes)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        NextValue(&Cell::new(Tokens(self.0))).serialize(out)
    }
}

/// The next value of the bytes. Writing the value advances the cursor past its end.
struct NextValue<'c, 'a>(&'c Cell<Tokens<'a>>);

impl<'a> NextValue<'_, 'a> {
    fn token(&self) -> Result<Token<'a>, CodecError> {
        let mut tokens = self.0.get();
        let token = tokens.next();
        self.0.set(tokens);
        token
    }

    fn key(&self) -> Result<Cow<'a, str>, CodecError> {
        let token = self.token()?;
        match token {
            Token::Text(text) => {
                return Ok(std::str::from_utf8(text).map_or_else(|_| spell_hex(text).into(), Cow::Borrowed));
            }
            Token::Bytes(bytes) => return Ok(spell_hex(bytes).into()),
            _ => {}
        }
        let mut key = String::new();
        self.spell(token, &mut key)?;
        Ok(key.into())
    }

    /// Writes a part of a key as JSON.
    fn spell(&self, token: Token<'a>, out: &mut String) -> Result<(), CodecError> {
        match token {
            Token::Nil => out.push_str("null"),
            Token::Bool(value) => write!(out, "{value}").map_err(CodecError::new)?,
            Token::Unsigned(value) => write!(out, "{value}").map_err(CodecError::new)?,
            Token::Signed(value) => write!(out, "{value}").map_err(CodecError::new)?,
            Token::Single(value) if value.is_finite() => write!(out, "{value:?}").map_err(CodecError::new)?,
            Token::Double(value) if value.is_finite() => write!(out, "{value:?}").map_err(CodecError::new)?,
            Token::Single(value) => quote(not_finite(value.into()), out),
            Token::Double(value) => quote(not_finite(value), out),
            Token::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => quote(text, out),
                Err(_) => quote(&spell_hex(text), out),
            },
            Token::Bytes(bytes) => quote(&spell_hex(bytes), out),
            Token::Extension(kind, bytes) => {
                write!(out, "{{\"extension\":{kind},\"bytes\":").map_err(CodecError::new)?;
                quote(&spell_hex(bytes), out);
                out.push('}');
            }
            Token::Array(len) => {
                out.push('[');
                for number in 0..len {
                    out.push_str(if number == 0 { "" } else { "," });
                    self.spell(self.token()?, out)?;
                }
                out.push(']');
            }
            Token::Map(len) => {
                out.push('{');
                for number in 0..len {
                    out.push_str(if number == 0 { "" } else { "," });
                    quote(&self.key()?, out);
                    out.push(':');
                    self.spell(self.token()?, out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

impl Serialize for NextValue<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.token().map_err(S::Error::custom)? {
            Token::Nil => out.serialize_unit(),
            Token::Bool(value) => out.serialize_bool(value),
            Token::Unsigned(value) => out.serialize_u64(value),
            Token::Signed(value) => out.serialize_i64(value),
            Token::Single(value) if value.is_finite() => out.serialize_f32(value),
            Token::Double(value) if value.is_finite() => out.serialize_f64(value),
            Token::Single(value) => out.serialize_str(not_finite(value.into())),
            Token::Double(value) => out.serialize_str(not_finite(value)),
            Token::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => out.serialize_str(text),
                Err(_) => out.serialize_str(&spell_hex(text)),
            },
            Token::Bytes(bytes) => out.serialize_str(&spell_hex(bytes)),
            Token::Extension(kind, bytes) => {
                let mut map = out.serialize_map(Some(2))?;
                map.serialize_entry("extension", &kind)?;
                map.serialize_entry("bytes", &spell_hex(bytes))?;
                map.end()
            }
            Token::Array(len) => {
                let mut seq = out.serialize_seq(Some(len as usize))?;
                for _ in 0..len {
                    seq.serialize_element(self)?;
                }
                seq.end()
            }
            Token::Map(len) => {
                let mut map = out.serialize_map(Some(len as usize))?;
                for _ in 0..len {
                    let key = self.key().map_err(S::Error::custom)?;
                    map.serialize_entry(&*key, self)?;
                }
                map.end()
            }
        }
    }
}

const fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value.is_sign_positive() {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\0'..='\x1F' => drop(write!(out, "\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
