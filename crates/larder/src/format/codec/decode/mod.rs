//! Decodes within the limits. A wrapper of the codec's deserializer records the shape that the type asks
//! for.
//!
//! serde calls a deserializer, then a visitor, an access, a seed, and the next deserializer. Each of these
//! objects is wrapped, so every inner value is decoded with the session. In a positional encoding, strings
//! and byte buffers are first borrowed from the input and then copied. So memory for a length is allocated
//! only after that many bytes have been found.

mod access;
mod visit;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::bounded::{Bounded, EncodingKind};
use super::shape::PartKind;
use visit::{AnyKind, CopiedKey, CountedSeed};

impl<'de, S: DeserializeSeed<'de>, E: EncodingKind> DeserializeSeed<'de> for Bounded<'_, S, E> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.inner.deserialize(deserializer)
    }
}

/// The error for a type that asks for any kind, in a positional encoding.
const NOT_DESCRIBED: &str = "Format::Bincode does not say which kinds of values it holds, and this type asks for that (an enum with serde's tag or untagged, a flattened struct, a value of any shape); declare the keyspace with Format::MessagePack";

impl<T, E: EncodingKind> Bounded<'_, T, E> {
    #[inline]
    fn ask(&self, kind: PartKind) {
        if !E::DESCRIBES_ITSELF || self.session.is_trial {
            self.session.shape.kind(kind);
        }
    }
}

macro_rules! leaves {
    ($($method:ident $kind:ident),* $(,)?) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.ask(PartKind::$kind);
            if E::DESCRIBES_ITSELF {
                let found = AnyKind(self.with(visitor));
                return self.inner.$method(found);
            }
            self.inner.$method(visitor)
        }
    )*};
}

macro_rules! self_described {
    ($($method:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            if !E::DESCRIBES_ITSELF {
                return Err(Error::custom(NOT_DESCRIBED));
            }
            let found = AnyKind(self.with(visitor));
            self.inner.$method(found)
        }
    )*};
}

/// In a positional encoding the type determines the next part, so the level of a compound is entered before
/// the compound is read. An encoding that describes itself may contain a kind that the type does not ask
/// for. There the level is entered when a compound is found.
macro_rules! compounds {
    ($($method:ident($($arg:ident: $type:ty),*) $wrap:ident $group:literal $kind:expr),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            if E::DESCRIBES_ITSELF {
                let within = self.with(());
                let kind: Option<PartKind> = $kind;
                if let Some(kind) = kind {
                    within.ask(kind);
                }
                let found = AnyKind(self.with(visitor));
                let value = self.inner.$method($($arg,)* found)?;
                if $group {
                    within.ask(PartKind::End);
                }
                return Ok(value);
            }
            let level = self.enter().map_err(Error::custom)?;
            if $group {
                level.ask(PartKind::Group);
            }
            let within = level.with(());
            let visitor = $wrap(level.with(visitor));
            let value = level.inner.$method($($arg,)* visitor)?;
            if $group {
                within.ask(PartKind::End);
            }
            Ok(value)
        }
    )*};
}

#[expect(non_snake_case, reason = "used as the constructors of the other wrappers are")]
fn Plain<T>(visitor: T) -> T {
    visitor
}

impl<'de, D: Deserializer<'de>, E: EncodingKind> Deserializer<'de> for Bounded<'_, D, E> {
    type Error = D::Error;

    leaves!(
        deserialize_bool Bool,
        deserialize_i8 I8,
        deserialize_i16 I16,
        deserialize_i32 I32,
        deserialize_i64 I64,
        deserialize_i128 I128,
        deserialize_u8 U8,
        deserialize_u16 U16,
        deserialize_u32 U32,
        deserialize_u64 U64,
        deserialize_u128 U128,
        deserialize_f32 F32,
        deserialize_f64 F64,
        deserialize_char Char,
        deserialize_str Str,
        deserialize_bytes Bytes,
        deserialize_unit Unit,
    );

    self_described!(deserialize_ignored_any, deserialize_identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if !E::DESCRIBES_ITSELF {
            return Err(Error::custom(NOT_DESCRIBED));
        }
        self.session.asked_for_any.set(true);
        let found = AnyKind(self.with(visitor));
        self.inner.deserialize_any(found)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.ask(PartKind::Unit);
        if E::DESCRIBES_ITSELF {
            let found = AnyKind(self.with(visitor));
            return self.inner.deserialize_unit_struct(name, found);
        }
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.ask(PartKind::Str);
        if E::DESCRIBES_ITSELF {
            let found = AnyKind(self.with(visitor));
            return self.inner.deserialize_string(found);
        }
        self.inner.deserialize_str(CopiedKey(visitor))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.ask(PartKind::Bytes);
        if E::DESCRIBES_ITSELF {
            let found = AnyKind(self.with(visitor));
            return self.inner.deserialize_byte_buf(found);
        }
        self.inner.deserialize_bytes(CopiedKey(visitor))
    }

    // In a positional encoding, the lengths of tuples and structs come from the type, not from the bytes, so
    // their elements are not counted.
    compounds!(
        deserialize_option() Plain false None,
        deserialize_newtype_struct(name: &'static str) Plain false None,
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Plain false Some(PartKind::Variant),
        deserialize_seq() CountedSeed false Some(PartKind::Seq),
        deserialize_map() CountedSeed false Some(PartKind::Map),
        deserialize_tuple(len: usize) Plain true Some(PartKind::Group),
        deserialize_tuple_struct(name: &'static str, len: usize) Plain true Some(PartKind::Group),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Plain true Some(PartKind::Group),
    );

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
