//! [`Format::Bincode`](super::format::Format::Bincode): values one after another, without kinds or names.
//!
//! Apart from tests, only this file uses bincode. Version 2.0.1 is the last version of bincode, so another
//! codec may replace this file one day. No bincode type is public. The bytes are part of the file format, and
//! a test pins them. So a different codec needs a new format.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use bincode::config::Configuration;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::bounded::{Bounded, Positional, Session};
#[cfg(feature = "untyped")]
use super::capped::CappedBytes;
use super::measure::bytes_len;
use crate::format::codec::error::CodecError;

/// Sets none of bincode's limits. bincode's limit counts an integer at its full width even if the encoding
/// is shorter. So bincode would refuse to decode sequences that it has encoded. Instead, the session limits
/// the elements of sequences and maps, and a string is taken from the remaining bytes before it is copied.
pub(super) const ENCODING: Configuration = bincode::config::standard();

/// Keeps only the text of an error that the value's type reported. bincode would print such an error in its
/// `Debug` form.
impl From<EncodeError> for CodecError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::OtherString(text) => Self::new(text),
            error => Self::new(error),
        }
    }
}

impl From<DecodeError> for CodecError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::OtherString(text) => Self::new(text),
            DecodeError::UnexpectedEnd { .. } => Self::new("the bytes end before all that the type reads"),
            error => Self::new(error),
        }
    }
}

pub(super) fn encode<V: Serialize>(value: &V, session: &Session) -> Result<Vec<u8>, CodecError> {
    let mut bytes = ByteSlice(Vec::new());
    let value = Bounded::<_, Positional>::new(value, session);
    bincode::serde::encode_into_writer(value, &mut bytes, ENCODING)?;
    Ok(bytes.0)
}

#[cfg(feature = "untyped")]
pub(super) fn encode_up_to<V: Serialize>(
    value: &V,
    session: &Session,
    max: usize,
) -> Result<Option<Vec<u8>>, CodecError> {
    let mut bytes = CappedBytes::new(max);
    let value = Bounded::<_, Positional>::new(value, session);
    let encoded = bincode::serde::encode_into_writer(value, &mut bytes, ENCODING);
    bytes.finish(encoded)
}

pub(super) fn encoded_len<V: Serialize>(value: &V, session: &Session) -> Result<usize, CodecError> {
    let mut counter = ByteCounter(0);
    let value = Bounded::<_, Positional>::new(value, session);
    bincode::serde::encode_into_writer(value, &mut counter, ENCODING)?;
    Ok(counter.0)
}

/// Returns the encoded length of a text or a `Vec<u8>`: the bytes, and their number as an integer of variable
/// length. Returns `None` for a value of any other type. The compiler chooses the branch for each type.
#[inline]
pub(super) fn len_of_bytes<V: 'static>(value: &V) -> Option<usize> {
    let value: &dyn Any = value;
    let len = if let Some(text) = value.downcast_ref::<String>() {
        text.len()
    } else {
        value.downcast_ref::<Vec<u8>>()?.len()
    };
    Some(bytes_len(len))
}

/// Decodes the value at the beginning of these bytes. Returns the value and the number of bytes read.
pub(super) fn decode<V: DeserializeOwned + 'static>(
    bytes: &[u8],
    session: &Session,
) -> Result<(V, usize), CodecError> {
    let mut buffer: Option<V> = None;
    let slot: &mut dyn Any = &mut buffer;
    if let Some(slot) = slot.downcast_mut::<Option<Vec<u8>>>() {
        let seed = Bounded::<_, Positional>::new(ByteBuffer, session);
        let (decoded, read) = bincode::serde::seed_decode_from_slice(seed, bytes, ENCODING)?;
        *slot = Some(decoded);
        return Ok((buffer.expect("it is of the type that was just stored"), read));
    }
    let value = Bounded::<_, Positional>::new(PhantomData::<V>, session);
    Ok(bincode::serde::seed_decode_from_slice(value, bytes, ENCODING)?)
}

/// Reads a `Vec<u8>` like serde, but with the exact capacity. serde starts with a capacity of at most 1 MiB
/// and doubles it, so a value of 5 MiB would take 8 MiB.
struct ByteBuffer;

impl<'de> DeserializeSeed<'de> for ByteBuffer {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ByteBuffer {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<u8>, A::Error> {
        // The elements were already counted: their number is at most the number of bytes plus
        // `MAX_EMPTY_ELEMENTS`.
        let mut bytes = Vec::with_capacity(elements.size_hint().unwrap_or(0));
        while let Some(byte) = elements.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

struct ByteSlice(Vec<u8>);

impl Writer for ByteSlice {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(feature = "untyped")]
impl Writer for CappedBytes {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if self.push(bytes) { Ok(()) } else { Err(EncodeError::Other("the encoding is too long")) }
    }
}

struct ByteCounter(usize);

impl Writer for ByteCounter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}
