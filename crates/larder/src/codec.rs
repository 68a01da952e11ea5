//! Values to bytes and back, through serde and bincode.
//!
//! The one place that knows bincode: version 2.0.1 is its last, and whoever replaces it replaces this file. No bincode
//! type is public. The bytes are part of the file format (a test pins them), so a new codec is a new record format.

use std::fmt;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::units::ByteSize;

/// The most bytes a value may have, encoded.
pub const MAX_VALUE_LEN: ByteSize = ByteSize::mib(64);

/// Decoding stops, with an error, before it claims more memory than this for one value: damaged or hostile lengths
/// can't exhaust memory. Decoded values may be larger than their encoding, within this bound.
const DECODE_LIMIT: usize = 256 << 20;

const ENCODING: Configuration = bincode::config::standard();
const DECODING: Configuration<LittleEndian, Varint, Limit<DECODE_LIMIT>> =
    bincode::config::standard().with_limit::<DECODE_LIMIT>();

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

/// The bytes of a value.
pub(crate) fn encode<V: Serialize>(value: &V) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_to_vec(value, ENCODING).map_err(CodecError::new)
}

/// How many bytes [`encode`] would make, without making them.
pub(crate) fn encoded_len<V: Serialize>(value: &V) -> Result<usize, CodecError> {
    let mut counter = Counter(0);
    bincode::serde::encode_into_writer(value, &mut counter, ENCODING).map_err(CodecError::new)?;
    Ok(counter.0)
}

/// The value of these bytes: all of them.
pub(crate) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, CodecError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, DECODING).map_err(CodecError::new)?;
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
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Product {
        code: String,
        price: u64,
        discount: Option<i32>,
    }

    fn product() -> Product {
        Product { code: "MTNVTU".to_owned(), price: 300, discount: Some(-2) }
    }

    #[test]
    fn the_bytes_are_pinned() {
        assert_eq!(encode(&product()).unwrap(), b"\x06MTNVTU\xFB\x2C\x01\x01\x03");
        assert_eq!(encoded_len(&product()).unwrap(), 12);
        assert_eq!(decode::<Product>(b"\x06MTNVTU\xFB\x2C\x01\x01\x03").unwrap(), product());
    }

    #[test]
    fn trailing_and_missing_bytes_are_errors() {
        let mut bytes = encode(&product()).unwrap();
        bytes.push(0);
        assert!(decode::<Product>(&bytes).unwrap_err().to_string().contains("1 bytes follow"));
        bytes.truncate(bytes.len() - 2);
        assert!(decode::<Product>(&bytes).is_err());
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_memory_is_claimed() {
        // A varint of 2^60 as the length of a Vec<u64>.
        let mut bytes = vec![253];
        bytes.extend_from_slice(&(1_u64 << 60).to_le_bytes());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
    }

    #[test]
    fn an_unserializable_value_is_an_error() {
        struct Refuses;
        impl Serialize for Refuses {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("cannot be serialized"))
            }
        }
        assert!(encode(&Refuses).unwrap_err().to_string().contains("cannot be serialized"));
    }
}
