//! The codec of a keyspace without the type of its values, for code that does not know the type, such as the
//! control socket.

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checks::ValueChecks;
use super::format::Format;
use super::{encode, encoded_len};
use crate::format::codec::error::CodecError;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::format::record::{Extension, PayloadCompression};

#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
pub(crate) struct ErasedCodec {
    pub(crate) format: Format,
    encode: fn(Format, &(dyn Any + Send + Sync), usize) -> Result<Encoding, CodecError>,
    decode: fn(Format, PayloadCompression, &Extension, &[u8]) -> Result<(), CodecError>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoding {
    Whole(Vec<u8>),
    /// The encoding would exceed the limit, so it was not produced. Contains the length that it would have.
    TooLong(usize),
}

impl ErasedCodec {
    pub(crate) fn of<V: Serialize + DeserializeOwned + Send + Sync + 'static>(format: Format) -> Self {
        Self { format, encode: encode_value::<V>, decode: decode_value::<V> }
    }
}

#[cfg(all(unix, feature = "control"))]
impl ErasedCodec {
    /// Encodes a value of the keyspace, if the encoding has at most `most` bytes. Runs the value's own code,
    /// which may panic.
    ///
    /// # Errors
    /// Returns an error if the value is of a different type, or if the format cannot write the value. Only a
    /// memory-only keyspace can contain a value that the format cannot write.
    pub(crate) fn encode(
        &self,
        value: &(dyn Any + Send + Sync),
        most: usize,
    ) -> Result<Encoding, CodecError> {
        (self.encode)(self.format, value, most)
    }

    /// Decodes the payload of a record in the same way as a lookup, without changing the history of the
    /// keyspace's checks. Runs the value's own code. A panic of that code is an error, except in the value's
    /// `Drop`.
    ///
    /// # Errors
    /// Returns why a lookup could not read the payload.
    pub(crate) fn try_decode(
        &self,
        compression: PayloadCompression,
        extension: &Extension,
        payload: &[u8],
    ) -> Result<(), CodecError> {
        (self.decode)(self.format, compression, extension, payload)
    }
}

fn encode_value<V: Serialize + 'static>(
    format: Format,
    value: &(dyn Any + Send + Sync),
    most: usize,
) -> Result<Encoding, CodecError> {
    let value = value.downcast_ref::<V>().ok_or_else(|| CodecError::new("it is of another type"))?;
    let len = encoded_len(format, value)?;
    if len > most || len as u64 > MAX_VALUE_LEN.as_u64() {
        return Ok(Encoding::TooLong(len));
    }
    Ok(Encoding::Whole(encode(format, value)?.payload))
}

fn decode_value<V: Serialize + DeserializeOwned + 'static>(
    format: Format,
    compression: PayloadCompression,
    extension: &Extension,
    payload: &[u8],
) -> Result<(), CodecError> {
    ValueChecks::new(false).read::<V>(format, compression, extension, payload).map(drop)
}

#[cfg(all(test, unix, feature = "control"))]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_encoded_as_a_write_encodes_it_and_no_longer_than_asked_for() {
        for format in [Format::Bincode, Format::MessagePack] {
            let codec = ErasedCodec::of::<(String, u64)>(format);
            let value = ("MTN airtime".to_owned(), 100_u64);
            let expected = encode(format, &value).unwrap().payload;
            let len = expected.len();
            assert_eq!(codec.encode(&value, len).unwrap(), Encoding::Whole(expected.clone()));
            assert_eq!(codec.encode(&value, len - 1).unwrap(), Encoding::TooLong(len));
            assert!(codec.encode(&7_u8, len).is_err(), "a value of another type");
            let extension = Extension::default();
            codec.try_decode(PayloadCompression::None, &extension, &expected).unwrap();
            let cut = expected.get(..len - 1).unwrap();
            assert!(codec.try_decode(PayloadCompression::None, &extension, cut).is_err());
        }
    }
}
