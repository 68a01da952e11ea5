//! A serializer that accepts bytes, text, or a sequence of bytes, and refuses anything else.

use serde::Serialize;
use serde::ser::{Error, Impossible, SerializeSeq, SerializeTuple, Serializer};

use crate::format::codec::error::CodecError;

pub(super) fn bytes_of<V: Serialize>(value: &V) -> Result<Vec<u8>, CodecError> {
    value.serialize(BytesSerializer)
}

struct BytesSerializer;

struct CollectedBytes(Vec<u8>);

fn refused<T>(what: &str) -> Result<T, CodecError> {
    Err(CodecError::new(format_args!(
        "Format::Raw stores bytes as they are, and a value that serializes as {what} has none; declare the keyspace with Format::Bincode or Format::MessagePack"
    )))
}

type NotBytes = Impossible<Vec<u8>, CodecError>;

macro_rules! refused {
    ($($method:ident($($value:ty),*) $answer:ty, $what:literal;)*) => {$(
        fn $method(self, $(_: $value),*) -> Result<$answer, CodecError> {
            refused($what)
        }
    )*};
}

impl Serializer for BytesSerializer {
    type Ok = Vec<u8>;
    type Error = CodecError;
    type SerializeSeq = CollectedBytes;
    type SerializeTuple = CollectedBytes;
    type SerializeTupleStruct = NotBytes;
    type SerializeTupleVariant = NotBytes;
    type SerializeMap = NotBytes;
    type SerializeStruct = NotBytes;
    type SerializeStructVariant = NotBytes;

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }

    fn serialize_str(self, text: &str) -> Result<Vec<u8>, CodecError> {
        Ok(text.as_bytes().to_vec())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Vec<u8>, CodecError> {
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<CollectedBytes, CodecError> {
        Ok(CollectedBytes(Vec::with_capacity(len.unwrap_or(0).min(1 << 20))))
    }

    fn serialize_tuple(self, len: usize) -> Result<CollectedBytes, CodecError> {
        self.serialize_seq(Some(len))
    }

    refused! {
        serialize_bool(bool) Vec<u8>, "a bool";
        serialize_i8(i8) Vec<u8>, "a number";
        serialize_i16(i16) Vec<u8>, "a number";
        serialize_i32(i32) Vec<u8>, "a number";
        serialize_i64(i64) Vec<u8>, "a number";
        serialize_i128(i128) Vec<u8>, "a number";
        serialize_u8(u8) Vec<u8>, "a number";
        serialize_u16(u16) Vec<u8>, "a number";
        serialize_u32(u32) Vec<u8>, "a number";
        serialize_u64(u64) Vec<u8>, "a number";
        serialize_u128(u128) Vec<u8>, "a number";
        serialize_f32(f32) Vec<u8>, "a number";
        serialize_f64(f64) Vec<u8>, "a number";
        serialize_char(char) Vec<u8>, "a character";
        serialize_none() Vec<u8>, "an Option";
        serialize_unit() Vec<u8>, "a unit";
        serialize_unit_struct(&'static str) Vec<u8>, "a unit struct";
        serialize_unit_variant(&'static str, u32, &'static str) Vec<u8>, "an enum";
        serialize_tuple_struct(&'static str, usize) NotBytes, "a tuple struct";
        serialize_tuple_variant(&'static str, u32, &'static str, usize) NotBytes, "an enum";
        serialize_map(Option<usize>) NotBytes, "a map";
        serialize_struct(&'static str, usize) NotBytes, "a struct";
        serialize_struct_variant(&'static str, u32, &'static str, usize) NotBytes, "an enum";
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Vec<u8>, CodecError> {
        refused("an Option")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Vec<u8>, CodecError> {
        refused("an enum")
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

impl CollectedBytes {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        let byte = value.serialize(crate::format::codec::encode::one_byte::OneByte);
        self.0.push(byte.map_err(|_| CodecError::custom("Format::Raw stores bytes as they are, and a sequence of anything else has none; declare the keyspace with Format::Bincode or Format::MessagePack"))?);
        Ok(())
    }
}

/// Sequences and tuples are collected in the same way, but serde has a trait for each.
macro_rules! collects {
    ($($compound:ident)*) => {$(
        impl $compound for CollectedBytes {
            type Ok = Vec<u8>;
            type Error = CodecError;

            fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
                self.push(value)
            }

            fn end(self) -> Result<Vec<u8>, CodecError> {
                Ok(self.0)
            }
        }
    )*};
}

collects! { SerializeSeq SerializeTuple }
