//! Reads MessagePack without a type, one token after another.
//!
//! A codec needs a type, but an inspector has none. So this file reads the bytes according to the
//! specification (<https://github.com/msgpack/msgpack/blob/master/spec.md>). [`check`] runs first and
//! verifies that the bytes are one complete value. So later readers meet neither an error in the middle nor
//! nesting that overflows the stack.

use super::limits::MAX_DEPTH;
use crate::format::codec::error::CodecError;

/// A part of a value. The token of an array or a map is followed by the tokens of its content.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Single(f32),
    Double(f64),
    /// UTF-8, if the writer followed the specification.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Extension(i8, &'a [u8]),
    Array(u32),
    /// This many keys, each followed by its value.
    Map(u32),
}

/// The bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tokens<'a>(pub(super) &'a [u8]);

impl<'a> Tokens<'a> {
    pub(super) fn next(&mut self) -> Result<Token<'a>, CodecError> {
        let [marker] = self.take()?;
        Ok(match marker {
            0x00..=0x7F => Token::Unsigned(marker.into()),
            0x80..=0x8F => Token::Map((marker & 0x0F).into()),
            0x90..=0x9F => Token::Array((marker & 0x0F).into()),
            0xA0..=0xBF => Token::Text(self.bytes((marker & 0x1F).into())?),
            0xC0 => Token::Nil,
            0xC1 => return Err(CodecError::new("the marker C1 stands for nothing in MessagePack")),
            0xC2 => Token::Bool(false),
            0xC3 => Token::Bool(true),
            0xC4 => Token::Bytes(self.counted::<1>()?),
            0xC5 => Token::Bytes(self.counted::<2>()?),
            0xC6 => Token::Bytes(self.counted::<4>()?),
            0xC7 => self.extension::<1>()?,
            0xC8 => self.extension::<2>()?,
            0xC9 => self.extension::<4>()?,
            0xCA => Token::Single(f32::from_be_bytes(self.take()?)),
            0xCB => Token::Double(f64::from_be_bytes(self.take()?)),
            0xCC => Token::Unsigned(u8::from_be_bytes(self.take()?).into()),
            0xCD => Token::Unsigned(u16::from_be_bytes(self.take()?).into()),
            0xCE => Token::Unsigned(u32::from_be_bytes(self.take()?).into()),
            0xCF => Token::Unsigned(u64::from_be_bytes(self.take()?)),
            0xD0 => Token::Signed(i8::from_be_bytes(self.take()?).into()),
            0xD1 => Token::Signed(i16::from_be_bytes(self.take()?).into()),
            0xD2 => Token::Signed(i32::from_be_bytes(self.take()?).into()),
            0xD3 => Token::Signed(i64::from_be_bytes(self.take()?)),
            0xD4..=0xD8 => self.fixed_extension(1 << (marker - 0xD4))?,
            0xD9 => Token::Text(self.counted::<1>()?),
            0xDA => Token::Text(self.counted::<2>()?),
            0xDB => Token::Text(self.counted::<4>()?),
            0xDC => Token::Array(self.count::<2>()?),
            0xDD => Token::Array(self.count::<4>()?),
            0xDE => Token::Map(self.count::<2>()?),
            0xDF => Token::Map(self.count::<4>()?),
            0xE0..=0xFF => Token::Signed(i8::from_be_bytes([marker]).into()),
        })
    }

    /// Reads a big-endian number of `N` bytes, at most four.
    fn count<const N: usize>(&mut self) -> Result<u32, CodecError> {
        let bytes: [u8; N] = self.take()?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.count::<N>()?;
        self.bytes(len as usize)
    }

    fn extension<const N: usize>(&mut self) -> Result<Token<'a>, CodecError> {
        let len = self.count::<N>()?;
        self.fixed_extension(len as usize)
    }

    fn fixed_extension(&mut self, len: usize) -> Result<Token<'a>, CodecError> {
        let kind = i8::from_be_bytes(self.take()?);
        Ok(Token::Extension(kind, self.bytes(len)?))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cold]
fn cut_off() -> CodecError {
    CodecError::new("the bytes end before the value does")
}

/// Checks that the bytes are exactly one value, and that the value nests at most [`MAX_DEPTH`] levels deep.
///
/// # Cost
/// Takes one step for each token, and memory for at most [`MAX_DEPTH`] levels.
pub(super) fn check(bytes: &[u8]) -> Result<(), CodecError> {
    let mut tokens = Tokens(bytes);
    // The number of values that each open level still needs. Keys and values of a map count separately.
    let mut levels: Vec<u64> = vec![1];
    while let Some(left) = levels.last_mut() {
        let Some(after) = left.checked_sub(1) else {
            levels.pop();
            continue;
        };
        *left = after;
        let parts = match tokens.next()? {
            Token::Array(len) => len.into(),
            Token::Map(len) => 2 * u64::from(len),
            _ => continue,
        };
        if levels.len() > MAX_DEPTH {
            return Err(CodecError::new(format_args!("it nests more than {MAX_DEPTH} levels deep")));
        }
        levels.push(parts);
    }
    match tokens.0.len() {
        0 => Ok(()),
        left => Err(CodecError::new(format_args!("{left} bytes follow the end of the value"))),
    }
}
