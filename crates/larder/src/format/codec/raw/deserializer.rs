//! A deserializer that passes bytes to a type in the form that the type asks for: bytes, text, or a sequence
//! of bytes.

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Error, Visitor};

use crate::format::codec::bounded::Session;
use crate::format::codec::error::CodecError;

pub(super) struct BytesDeserializer<'de, 'a>(pub(super) &'de [u8], pub(super) &'a Session);

impl<'de> BytesDeserializer<'de, '_> {
    fn text(self) -> Result<&'de str, CodecError> {
        std::str::from_utf8(self.0)
            .map_err(|error| CodecError::new(format_args!("the bytes are no text: {error}")))
    }
}

macro_rules! refused {
    ($($method:ident $(($($argument:ty),*))?)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($(_: $argument,)*)? visitor: V) -> Result<V::Value, CodecError> {
            Err(Error::invalid_type(serde::de::Unexpected::Bytes(self.0.get(..16).unwrap_or(self.0)), &visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for BytesDeserializer<'de, '_> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.1.asked_for_any.set(true);
        visitor.visit_borrowed_bytes(self.0)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_borrowed_bytes(self.0)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_byte_buf(self.0.to_vec())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_string(self.text()?.to_owned())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let mut bytes = SeqDeserializer::<_, CodecError>::new(self.0.iter().copied());
        let value = visitor.visit_seq(&mut bytes)?;
        bytes.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, CodecError> {
        if self.0.len() != len {
            return Err(Error::invalid_length(self.0.len(), &visitor));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        visitor.visit_newtype_struct(self)
    }

    refused! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_option deserialize_unit deserialize_map deserialize_identifier deserialize_ignored_any
        deserialize_unit_struct(&'static str)
        deserialize_tuple_struct(&'static str, usize)
        deserialize_struct(&'static str, &'static [&'static str])
        deserialize_enum(&'static str, &'static [&'static str])
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
