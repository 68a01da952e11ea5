//! [`Format::Raw`](super::format::Format::Raw): the bytes of a value, unchanged.
//!
//! Byte vectors, boxed byte slices and strings are copied. Any other type is serialized through serde as
//! bytes, text or a sequence of bytes, and deserialized in the form that it asks for.

mod deserializer;
mod serializer;

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::Session;
use crate::format::codec::error::CodecError;

pub(super) fn encode<V: Serialize + 'static>(value: &V) -> Result<Vec<u8>, CodecError> {
    match known_bytes(value) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => serializer::bytes_of(value),
    }
}

#[cfg(feature = "untyped")]
pub(super) fn encode_up_to<V: Serialize + 'static>(
    value: &V,
    max: usize,
) -> Result<Option<Vec<u8>>, CodecError> {
    match known_bytes(value) {
        Some(bytes) if bytes.len() > max => Ok(None),
        Some(bytes) => Ok(Some(bytes.to_vec())),
        None => serializer::bytes_of(value).map(|bytes| (bytes.len() <= max).then_some(bytes)),
    }
}

pub(super) fn encoded_len<V: Serialize + 'static>(value: &V) -> Result<usize, CodecError> {
    match known_bytes(value) {
        Some(bytes) => Ok(bytes.len()),
        None => serializer::bytes_of(value).map(|bytes| bytes.len()),
    }
}

pub(super) fn decode<V: DeserializeOwned + 'static>(
    bytes: &[u8],
    session: &Session,
) -> Result<V, CodecError> {
    let mut value: Option<V> = None;
    let slot: &mut dyn Any = &mut value;
    if let Some(slot) = slot.downcast_mut::<Option<Vec<u8>>>() {
        *slot = Some(bytes.to_vec());
    } else if let Some(slot) = slot.downcast_mut::<Option<Box<[u8]>>>() {
        *slot = Some(bytes.into());
    }
    match value {
        Some(value) => Ok(value),
        None => V::deserialize(deserializer::BytesDeserializer(bytes, session)),
    }
}

/// Returns whether all values of the type come back unchanged, so that no trial is needed.
pub(super) fn is_known<V: 'static>(value: &V) -> bool {
    known_bytes(value).is_some()
}

/// Returns the bytes of a boxed byte slice, which are its encoding. A byte vector or a string may have more
/// capacity than bytes, so it has no place beside its encoding.
pub(super) fn own_encoding(value: &dyn Any) -> Option<&[u8]> {
    value.downcast_ref::<Box<[u8]>>().map(|bytes| &**bytes)
}

fn known_bytes<V: 'static>(value: &V) -> Option<&[u8]> {
    let value: &dyn Any = value;
    None.or_else(|| value.downcast_ref::<Vec<u8>>().map(Vec::as_slice))
        .or_else(|| value.downcast_ref::<Box<[u8]>>().map(|bytes| &**bytes))
        .or_else(|| value.downcast_ref::<String>().map(String::as_bytes))
}
