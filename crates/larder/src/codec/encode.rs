//! Encoding within the limits: a serializer around the codec's.
//!
//! It writes nothing of its own, so the bytes are the codec's. It enters a level and pays for elements exactly where
//! [`decode`](super::decode) does; a value that passes here is read back there.

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::limits::Bounded;

/// A value: it meets the codec's serializer with the limits around it.
impl<T: Serialize + ?Sized> Serialize for Bounded<'_, &T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(self.with(serializer))
    }
}

macro_rules! leaves {
    ($($method:ident($value:ty)),*) => {$(
        fn $method(self, value: $value) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

impl<'a, S: Serializer> Serializer for Bounded<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Bounded<'a, S::SerializeSeq>;
    type SerializeTuple = Bounded<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Bounded<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Bounded<'a, S::SerializeTupleVariant>;
    type SerializeMap = Bounded<'a, S::SerializeMap>;
    type SerializeStruct = Bounded<'a, S::SerializeStruct>;
    type SerializeStructVariant = Bounded<'a, S::SerializeStructVariant>;

    leaves!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str)
    );

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    // A reader enters an enum or an `Option` before it can know that nothing is inside.
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.enter().map_err(Error::custom)?.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let value = level.with(value);
        level.inner.serialize_some(&value)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.enter().map_err(Error::custom)?.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let value = level.with(value);
        level.inner.serialize_newtype_struct(name, &value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let value = level.with(value);
        level.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        level.pay(len.unwrap_or(0)).map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_seq(len)?))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        level.pay(len.unwrap_or(0)).map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_map(len)?))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_tuple(len)?))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_tuple_struct(name, len)?))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_struct(name, len)?))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_tuple_variant(name, index, variant, len)?))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        let within = level.with(());
        Ok(within.with(level.inner.serialize_struct_variant(name, index, variant, len)?))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The parts of a compound: each value gets the limits around it, the rest is the codec's.
macro_rules! compounds {
    ($($compound:ident { $($method:ident($($name:ident)?)),+ })*) => {$(
        impl<C: $compound> $compound for Bounded<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(compounds!(@method C, $method $($name)?);)+

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
    (@method $C:ident, $method:ident) => {
        fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), $C::Error> {
            let value = self.with(value);
            self.inner.$method(&value)
        }
    };
    (@method $C:ident, $method:ident $name:ident) => {
        fn $method<T: Serialize + ?Sized>(&mut self, $name: &'static str, value: &T) -> Result<(), $C::Error> {
            let value = self.with(value);
            self.inner.$method($name, &value)
        }
    };
}

compounds! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key(), serialize_value() }
    SerializeStruct { serialize_field(name) }
    SerializeStructVariant { serialize_field(name) }
}
