//! [`Format::Bincode`](super::Format::Bincode): values one after another.
//!
//! The one place that knows bincode: version 2.0.1 is its last, and another codec replaces this file.
//! No bincode type is public. The bytes are part of the file format (a test pins them), so another codec is
//! another format.

use std::marker::PhantomData;

use bincode::config::Configuration;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;
use super::bounded::{Bounded, Positional, Session};

/// Without bincode's own limit: it charges an integer as if it were not shortened, and so would refuse to
/// decode sequences that it had encoded. Every length is checked against the bytes that are there before it
/// is believed.
pub(super) const ENCODING: Configuration = bincode::config::standard();

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
            DecodeError::UnexpectedEnd { .. } => Self::new("the bytes end before all that the type reads"),
            error => Self::new(error),
        }
    }
}

/// The bytes of a value.
pub(super) fn encode<V: Serialize>(value: &V, session: &Session) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Bytes(Vec::new());
    let value = Bounded::<_, Positional>::new(value, session);
    bincode::serde::encode_into_writer(value, &mut bytes, ENCODING)?;
    Ok(bytes.0)
}

/// How many bytes a value has.
pub(super) fn encoded_len<V: Serialize>(value: &V, session: &Session) -> Result<usize, CodecError> {
    let mut counter = Counter(0);
    let value = Bounded::<_, Positional>::new(value, session);
    bincode::serde::encode_into_writer(value, &mut counter, ENCODING)?;
    Ok(counter.0)
}

/// The value at the beginning of these bytes, and how many it took.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8], session: &Session) -> Result<(V, usize), CodecError> {
    let value = Bounded::<_, Positional>::new(PhantomData::<V>, session);
    Ok(bincode::serde::seed_decode_from_slice(value, bytes, ENCODING)?)
}

struct Bytes(Vec<u8>);

impl Writer for Bytes {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

struct Counter(usize);

impl Writer for Counter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}
