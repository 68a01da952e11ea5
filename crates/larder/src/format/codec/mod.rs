//! Encodes and decodes values through serde, in the [`Format`] of their keyspace.
//!
//! Each format has a module: [`positional`], [`message_pack`], [`raw`]. The first two each use a library. No
//! type of these libraries is public.
//!
//! Decoding terminates for any bytes. The number of bytes and the type of the value limit the memory and
//! the stack that decoding takes. [`bounded`] enforces these [`limits`], because the libraries do not. A
//! value must decode to the same value, or to an error: [`shape`] explains the fingerprint that ensures
//! this for an encoding without names. [`checks`] decides which values are tried before they are stored.

mod bounded;
#[cfg(feature = "untyped")]
mod capped;
pub(crate) mod checks;
pub(crate) mod compression;
mod decode;
mod digest;
#[cfg(any(test, feature = "inspect"))]
pub(crate) mod document;
mod encode;
pub(crate) mod erased;
pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod limits;
mod measure;
mod message_pack;
mod positional;
mod raw;
mod shape;
#[cfg(any(test, feature = "inspect"))]
mod tokens;

use std::any::Any;

use format::Format;

use serde::Serialize;
use serde::de::DeserializeOwned;

use bounded::Session;
use error::CodecError;
use limits::{Elements, MAX_VALUE_LEN};
use shape::FinishedShape;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) payload: Vec<u8>,
    shape: FinishedShape,
    is_positional: bool,
    has_open_map: bool,
}

impl Encoded {
    /// Returns the fingerprint for the value's record, which prevents the value from being read as another
    /// type. Returns `None` if the encoding is not positional.
    pub(crate) fn fingerprint(&self) -> Option<u64> {
        self.is_positional.then(|| self.shape.fingerprint())
    }
}

pub(crate) fn encode<V: Serialize + 'static>(format: Format, value: &V) -> Result<Encoded, CodecError> {
    if format == Format::Raw {
        // Bytes have no parts, so they need no session, which takes longer than the copy of a short value.
        let (payload, shape) = (raw::encode(value)?, FinishedShape::EMPTY);
        return Ok(Encoded { payload, shape, is_positional: false, has_open_map: false });
    }
    let session = Session::new(Elements::of_unknown());
    let payload = match format {
        Format::Bincode => positional::encode(value, &session)?,
        Format::MessagePack => message_pack::encode(value, &session)?,
        Format::Raw => raw::encode(value)?,
    };
    session.check(payload.len()).map_err(CodecError::new)?;
    Ok(Encoded {
        payload,
        shape: session.shape.finish(),
        is_positional: format == Format::Bincode,
        has_open_map: session.has_open_map.get(),
    })
}

/// Returns the encoding of a value in [`Format::Raw`] that needs no encoding, because the value is its own.
pub(crate) fn own_encoding(value: &dyn Any) -> Option<&[u8]> {
    raw::own_encoding(value)
}

/// Returns the encoding of a value, or `None` if the encoding is longer than `max` bytes. In the formats with
/// parts, the call stops at this length, so its time is limited too.
#[cfg(feature = "untyped")]
pub(crate) fn encode_up_to<V: Serialize + 'static>(
    format: Format,
    value: &V,
    max: usize,
) -> Result<Option<Vec<u8>>, CodecError> {
    let session = Session::counting();
    let bytes = match format {
        Format::Bincode => positional::encode_up_to(value, &session, max)?,
        Format::MessagePack => message_pack::encode_up_to(value, &session, max)?,
        Format::Raw => raw::encode_up_to(value, max)?,
    };
    let Some(bytes) = bytes else { return Ok(None) };
    session.check(bytes.len()).map_err(CodecError::new)?;
    Ok(Some(bytes))
}

/// Returns the number of bytes that [`encode()`] would produce, without producing them.
pub(crate) fn encoded_len<V: Serialize + 'static>(format: Format, value: &V) -> Result<usize, CodecError> {
    if format == Format::Raw {
        return raw::encoded_len(value);
    }
    let session = Session::counting();
    let len = match format {
        Format::Bincode => positional::encoded_len(value, &session)?,
        Format::MessagePack => message_pack::encoded_len(value, &session)?,
        Format::Raw => raw::encoded_len(value)?,
    };
    session.check(len).map_err(CodecError::new)?;
    Ok(len)
}

/// Returns the approximate encoded length of a value that is never encoded, even if the format cannot carry
/// the value.
pub(crate) fn measured_len<V: Serialize + 'static>(format: Format, value: &V) -> Result<usize, CodecError> {
    match format {
        Format::Bincode => match positional::len_of_bytes(value) {
            Some(len) => Ok(len),
            None => measure::measure(value),
        },
        Format::MessagePack | Format::Raw => encoded_len(format, value).or_else(|_| measure::measure(value)),
    }
}

/// Returns the shape that encoding a value would record.
fn shape_of<V: Serialize>(value: &V) -> Result<FinishedShape, CodecError> {
    let session = Session::new(Elements::of_unknown());
    positional::encoded_len(value, &session)?;
    Ok(session.shape.finish())
}

/// Decodes a value, which must use all of these bytes. The session records what the type asks for.
fn decode<V: DeserializeOwned + 'static>(
    format: Format,
    bytes: &[u8],
    session: &Session,
) -> Result<V, CodecError> {
    if bytes.len() as u64 > MAX_VALUE_LEN.as_u64() {
        return Err(CodecError::new(format_args!(
            "{} bytes are more than the {MAX_VALUE_LEN} of a value",
            bytes.len()
        )));
    }
    match format {
        Format::Bincode => {
            let (value, read) = positional::decode(bytes, session)?;
            match bytes.len() - read {
                0 => Ok(value),
                left => Err(CodecError::new(format_args!("{left} bytes follow the end of the value"))),
            }
        }
        Format::MessagePack => message_pack::decode(bytes, session),
        Format::Raw => raw::decode(bytes, session),
    }
}

fn decoding(bytes: &[u8]) -> Session {
    Session::new(Elements::of(bytes.len()))
}

/// Decodes a value, which must use all of these bytes, without checking a fingerprint. So the bytes may have
/// been written as another type.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn decode_unmarked<V: DeserializeOwned + 'static>(
    format: Format,
    bytes: &[u8],
) -> Result<V, CodecError> {
    decode(format, bytes, &decoding(bytes))
}

#[cfg(test)]
mod tests;
