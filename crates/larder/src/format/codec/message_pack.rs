//! [`Format::MessagePack`](super::format::Format::MessagePack): values with their kinds, and structs with
//! the names of their fields.
//!
//! Apart from tests, only this file uses `rmp-serde`. The serializer and the deserializer both report that
//! they are human-readable, because serde always reads buffered values (flattened fields, untagged enums) in
//! the human-readable form. A type that asks for the form (an IP address, a UUID) must get the same answer
//! when it is written and when it is read.

use std::io;
use std::marker::PhantomData;

use rmp_serde::{Deserializer, Serializer, decode, encode};
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde::{Deserialize, Serialize};

use super::bounded::{Bounded, SelfDescribing, Session};
#[cfg(feature = "untyped")]
use super::capped::CappedBytes;
use crate::format::codec::error::CodecError;

impl From<encode::Error> for CodecError {
    fn from(error: encode::Error) -> Self {
        Self::new(error)
    }
}

impl From<decode::Error> for CodecError {
    fn from(error: decode::Error) -> Self {
        Self::new(error)
    }
}

pub(super) fn encode<V: Serialize>(value: &V, session: &Session) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    write(value, session, &mut bytes)?;
    Ok(bytes)
}

#[cfg(feature = "untyped")]
pub(super) fn encode_up_to<V: Serialize>(
    value: &V,
    session: &Session,
    max: usize,
) -> Result<Option<Vec<u8>>, CodecError> {
    let mut bytes = CappedBytes::new(max);
    let written = write(value, session, &mut bytes);
    bytes.finish(written)
}

pub(super) fn encoded_len<V: Serialize>(value: &V, session: &Session) -> Result<usize, CodecError> {
    let mut counter = LengthCounter(0);
    write(value, session, &mut counter)?;
    Ok(counter.0)
}

fn write<V: Serialize>(value: &V, session: &Session, out: &mut impl io::Write) -> Result<(), CodecError> {
    let mut serializer = Serializer::new(out).with_struct_map().with_human_readable();
    Ok(Bounded::<_, SelfDescribing>::new(value, session).serialize(&mut serializer)?)
}

/// Decodes a value, which must use all of these bytes.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8], session: &Session) -> Result<V, CodecError> {
    let mut deserializer = Deserializer::from_read_ref(bytes).with_human_readable();
    let value =
        Bounded::<_, SelfDescribing>::new(PhantomData::<V>, session).deserialize(&mut deserializer)?;
    // The codec does not report how far it has read, so this code tries to read another value. At the end of
    // the bytes there is no marker to read. A request for a bool stops at any marker. A request for any
    // value would recurse into the value, where the end of the bytes would look the same.
    match bool::deserialize(&mut deserializer) {
        Err(decode::Error::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(CodecError::new("bytes follow the end of the value")),
    }
}

#[cfg(feature = "untyped")]
impl io::Write for CappedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.push(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LengthCounter(usize);

impl io::Write for LengthCounter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
