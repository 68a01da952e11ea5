//! [`Format::MessagePack`](super::format::Format::MessagePack): values with their kinds, structs with the names of
//! their fields.
//!
//! The one place that knows `rmp-serde`. Both sides call themselves human-readable: what serde buffers
//! (flattened fields, untagged enums) is always read so, and a type that asks (an IP address, a UUID) must
//! get the same answer when it is written and whenever it is read.

use std::io;
use std::marker::PhantomData;

use rmp_serde::{Deserializer, Serializer, decode, encode};
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde::{Deserialize, Serialize};

use super::bounded::{Bounded, SelfDescribing, Session};
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

/// The bytes of a value.
pub(super) fn encode<V: Serialize>(value: &V, session: &Session) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    write(value, session, &mut bytes)?;
    Ok(bytes)
}

/// How many bytes a value has.
pub(super) fn encoded_len<V: Serialize>(value: &V, session: &Session) -> Result<usize, CodecError> {
    let mut counter = LengthCounter(0);
    write(value, session, &mut counter)?;
    Ok(counter.0)
}

fn write<V: Serialize>(value: &V, session: &Session, out: &mut impl io::Write) -> Result<(), CodecError> {
    let mut serializer = Serializer::new(out).with_struct_map().with_human_readable();
    Ok(Bounded::<_, SelfDescribing>::new(value, session).serialize(&mut serializer)?)
}

/// The value of these bytes: all of them.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8], session: &Session) -> Result<V, CodecError> {
    let mut deserializer = Deserializer::from_read_ref(bytes).with_human_readable();
    let value =
        Bounded::<_, SelfDescribing>::new(PhantomData::<V>, session).deserialize(&mut deserializer)?;
    // The codec does not say how far it has read; at the end there is no marker left to read. Asked for a
    // bool, since that stops at whatever stands there: what passes over any value recurses into it, and takes
    // the end of the bytes inside one for the end of all.
    match bool::deserialize(&mut deserializer) {
        Err(decode::Error::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(CodecError::new("bytes follow the end of the value")),
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
