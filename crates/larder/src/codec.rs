//! Values to bytes and back, through serde and bincode.
//!
//! The one place that knows bincode: version 2.0.1 is its last, and whoever replaces it replaces this file. No bincode
//! type is public. The bytes are part of the file format (a test pins them), so a new codec is a new record format.
//!
//! Whatever the bytes, decoding ends, within memory and stack that are bounded by their number and the value's type: the
//! [`limits`] are kept around the codec, not by it. What encodes also decodes.

mod decode;
mod encode;
mod limits;

pub use limits::{MAX_DEPTH, MAX_EMPTY_ELEMENTS};

use std::fmt;
use std::marker::PhantomData;

use bincode::config::Configuration;
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::units::ByteSize;
use limits::{Bounded, Elements};

/// The most bytes a value may have, encoded. Longer ones are refused, in both directions.
pub const MAX_VALUE_LEN: ByteSize = ByteSize::mib(64);

/// Without bincode's own limit: it charges an integer as if it were not shortened, and so would refuse to decode
/// sequences that it had encoded. Every length is checked against the bytes that are there before it is believed.
const ENCODING: Configuration = bincode::config::standard();

/// Why a value could not be turned into bytes, or bytes into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(String);

impl CodecError {
    fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

/// The text alone of an error that came from outside bincode: its own form would be that of a debugger.
impl From<EncodeError> for CodecError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::OtherString(text) => Self(text),
            error => Self::new(error),
        }
    }
}

impl From<DecodeError> for CodecError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::OtherString(text) => Self(text),
            error => Self::new(error),
        }
    }
}

/// The bytes of a value.
pub(crate) fn encode<V: Serialize>(value: &V) -> Result<Vec<u8>, CodecError> {
    let elements = Elements::of_unknown();
    let bytes = bincode::serde::encode_to_vec(Bounded::new(value, &elements), ENCODING)?;
    elements.check(bytes.len()).map_err(CodecError::new)?;
    Ok(bytes)
}

/// How many bytes [`encode`] would make, without making them.
pub(crate) fn encoded_len<V: Serialize>(value: &V) -> Result<usize, CodecError> {
    let elements = Elements::of_unknown();
    let mut counter = Counter(0);
    bincode::serde::encode_into_writer(Bounded::new(value, &elements), &mut counter, ENCODING)?;
    elements.check(counter.0).map_err(CodecError::new)?;
    Ok(counter.0)
}

/// The value of these bytes: all of them.
pub(crate) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, CodecError> {
    if bytes.len() as u64 > MAX_VALUE_LEN.as_u64() {
        return Err(CodecError(format!(
            "{} bytes are more than the {MAX_VALUE_LEN} of a value",
            bytes.len()
        )));
    }
    let elements = Elements::of(bytes.len());
    let value = Bounded::new(PhantomData::<V>, &elements);
    let (value, read) = bincode::serde::seed_decode_from_slice(value, bytes, ENCODING)?;
    match bytes.len() - read {
        0 => Ok(value),
        left => Err(CodecError(format!("{left} bytes follow the end of the value"))),
    }
}

struct Counter(usize);

impl bincode::enc::write::Writer for Counter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
