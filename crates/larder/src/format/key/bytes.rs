//! Writes and reads the bytes of keys.

use super::buffer::KeyBuffer;
use super::hash::{KeyHasher, KeyspaceSeed};
use super::matcher::{KeyMatcher, has_zero};
use crate::format::key::error::KeyError;

const ESCAPED: u8 = 0xFF;

/// Takes the parts of a key, one after another.
///
/// A lookup first works without the encoded bytes. It takes the parts once to hash them, and once to compare
/// them with a stored key.
#[derive(Debug)]
pub struct KeyWriter<'a>(PartTarget<'a>);

/// The target of the key's parts. This value is small, so that the compiler keeps it in registers and removes
/// the unused cases.
#[derive(Debug)]
enum PartTarget<'a> {
    Buffer(&'a mut KeyBuffer),
    /// Hashes the parts. A text or byte part with a zero byte is hashed as raw bytes, not in its encoding.
    Hasher(KeyHasher),
    Matcher(KeyMatcher<'a>),
}

impl KeyBuffer {
    #[inline]
    pub(crate) fn writer(&mut self) -> KeyWriter<'_> {
        KeyWriter(PartTarget::Buffer(self))
    }
}

impl<'a> KeyWriter<'a> {
    #[inline(always)]
    pub(super) const fn to_hasher(seed: KeyspaceSeed) -> Self {
        Self(PartTarget::Hasher(seed.hasher()))
    }

    #[inline(always)]
    pub(super) const fn to_matcher(stored: &'a [u8]) -> Self {
        Self(PartTarget::Matcher(KeyMatcher::new(stored)))
    }

    /// Returns the hash of the parts, or 0 if they were not hashed.
    #[inline(always)]
    pub(super) fn hash(self) -> u64 {
        if let PartTarget::Hasher(hasher) = self.0 { hasher.finish() } else { 0 }
    }

    /// Returns whether the parts were compared with stored bytes, and match all of them.
    #[inline(always)]
    pub(super) fn is_match(&self) -> bool {
        if let PartTarget::Matcher(matcher) = &self.0 { matcher.is_match() } else { false }
    }

    // Inlined, because every lookup calls this function a few times, usually with a slice whose length the
    // compiler knows.
    #[inline(always)]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            PartTarget::Buffer(buffer) => buffer.push(bytes),
            PartTarget::Hasher(hasher) => hasher.write(bytes),
            PartTarget::Matcher(matcher) => matcher.exact(bytes),
        }
    }

    /// Writes a text part.
    #[inline(always)]
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes a byte part.
    #[inline(always)]
    pub fn bytes(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            PartTarget::Hasher(hasher) => hasher.write_terminated(bytes),
            PartTarget::Matcher(matcher) => matcher.terminated(bytes),
            PartTarget::Buffer(_) => {
                self.unterminated(bytes);
                self.push(&[0, 0]);
            }
        }
    }

    /// Writes a `bool` part.
    #[inline(always)]
    pub fn bool(&mut self, value: bool) {
        self.u8(value.into());
    }

    /// Writes a `char` part.
    #[inline(always)]
    pub fn char(&mut self, value: char) {
        self.u32(value.into());
    }

    /// Writes a part that has the same length in every key, such as an array or a digest. The bytes have no
    /// end mark, so with different lengths the bytes of one key could be the beginning of another key's
    /// bytes.
    #[inline(always)]
    pub fn array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.push(bytes);
    }

    /// Writes the bytes that begin every text or byte part that starts with `bytes`.
    #[inline(always)]
    pub(super) fn unterminated(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            PartTarget::Buffer(buffer) if has_zero(bytes) => escape_into(buffer, bytes),
            PartTarget::Buffer(buffer) => buffer.push(bytes),
            PartTarget::Hasher(hasher) => hasher.write(bytes),
            PartTarget::Matcher(matcher) => matcher.part(bytes),
        }
    }
}

fn escape_into(buffer: &mut KeyBuffer, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == 0) {
        let (head, tail) = rest.split_at(at);
        buffer.push(head);
        buffer.push(&[0, ESCAPED]);
        rest = tail.split_first().map_or(&[][..], |(_, tail)| tail);
    }
    buffer.push(rest);
}

/// Reads the bytes of a key, part by part.
#[derive(Debug)]
pub struct KeyReader<'a> {
    rest: &'a [u8],
}

impl<'a> KeyReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn finish(&self) -> Result<(), KeyError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(KeyError::new(format!("{left} bytes follow the end of the key"))),
        }
    }

    /// Reads a text part.
    ///
    /// # Errors
    /// Returns an error if the part has no end mark, has an unknown escape, or is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<String, KeyError> {
        String::from_utf8(self.bytes()?).map_err(|error| KeyError::new(format!("text part: {error}")))
    }

    /// Reads a byte part.
    ///
    /// # Errors
    /// Returns an error if the part has no end mark, or has an unknown escape.
    pub fn bytes(&mut self) -> Result<Vec<u8>, KeyError> {
        let mut bytes = Vec::new();
        loop {
            let Some(at) = self.rest.iter().position(|&byte| byte == 0) else {
                return Err(KeyError::new("a part of the key has no end"));
            };
            let (head, tail) = self.rest.split_at(at);
            bytes.extend_from_slice(head);
            match tail {
                [_, 0, rest @ ..] => {
                    self.rest = rest;
                    return Ok(bytes);
                }
                [_, ESCAPED, rest @ ..] => {
                    self.rest = rest;
                    bytes.push(0);
                }
                _ => return Err(KeyError::new("a part of the key has an unknown escape")),
            }
        }
    }

    /// Reads a `bool` part.
    ///
    /// # Errors
    /// Returns an error if the bytes have ended, or the next byte is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, KeyError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(KeyError::new(format!("the byte {other} is neither 0 nor 1"))),
        }
    }

    /// Reads a `char` part.
    ///
    /// # Errors
    /// Returns an error if the bytes end before the part does, or are not a character.
    pub fn char(&mut self) -> Result<char, KeyError> {
        let number = self.u32()?;
        char::from_u32(number).ok_or_else(|| KeyError::new(format!("U+{number:X} is no character")))
    }

    /// Reads a part of exactly `N` bytes.
    ///
    /// # Errors
    /// Returns an error if the bytes end before the part does.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], KeyError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.cut_off(N));
        };
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn exactly(&mut self, len: usize) -> Result<&'a [u8], KeyError> {
        self.rest.split_off(..len).ok_or_else(|| self.cut_off(len))
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    fn cut_off(&self, len: usize) -> KeyError {
        KeyError::new(format!("a part of {len} bytes is cut off after {}", self.rest.len()))
    }
}

macro_rules! integers {
    ($($unsigned:ident $signed:ident),*) => {
        impl KeyWriter<'_> {
            $(
                #[doc = concat!("Writes a `", stringify!($unsigned), "` part.")]
                #[inline(always)]
                pub fn $unsigned(&mut self, value: $unsigned) {
                    self.push(&value.to_be_bytes());
                }

                #[doc = concat!("Writes an `", stringify!($signed), "` part.")]
                #[inline(always)]
                pub fn $signed(&mut self, value: $signed) {
                    self.$unsigned(value.cast_unsigned() ^ (1 << ($unsigned::BITS - 1)));
                }
            )*
        }

        impl KeyReader<'_> {
            $(
                #[doc = concat!("Reads a `", stringify!($unsigned), "` part.")]
                ///
                /// # Errors
                /// Returns an error if the bytes end before the number does.
                pub fn $unsigned(&mut self) -> Result<$unsigned, KeyError> {
                    Ok($unsigned::from_be_bytes(self.array()?))
                }

                #[doc = concat!("Reads an `", stringify!($signed), "` part.")]
                ///
                /// # Errors
                /// Returns an error if the bytes end before the number does.
                pub fn $signed(&mut self) -> Result<$signed, KeyError> {
                    Ok((self.$unsigned()? ^ (1 << ($unsigned::BITS - 1))).cast_signed())
                }
            )*
        }
    };
}

integers!(u8 i8, u16 i16, u32 i32, u64 i64, u128 i128);
