//! The visitors for a value. The visitors wrap the parts that they receive, so that each part gets the
//! session.

use std::fmt;

use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use crate::format::codec::bounded::{Bounded, EncodingKind};
use crate::format::codec::shape::PartKind;

/// The visitor for a compound whose level has already been entered.
impl<'de, V: Visitor<'de>, E: EncodingKind> Visitor<'de> for Bounded<'_, V, E> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<R: Error>(self) -> Result<V::Value, R> {
        self.ask(PartKind::None);
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.ask(PartKind::Some);
        let deserializer = self.with(deserializer);
        self.inner.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.inner.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.inner.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.inner.visit_map(access)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.inner.visit_enum(access)
    }
}

/// The visitor for a sequence or a map whose length is in the bytes. It counts all elements before it reads
/// the first one. So the limit applies before the inner visitor can allocate memory for the elements.
pub(super) struct CountedSeed<T>(pub(super) T);

impl<'de, V: Visitor<'de>, E: EncodingKind> Visitor<'de> for CountedSeed<Bounded<'_, V, E>> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let len = known(access.size_hint())?;
        self.0.session.shape.kind_with(PartKind::Seq, len);
        self.0.pay(len).map_err(Error::custom)?;
        self.0.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let len = known(access.size_hint())?;
        self.0.session.shape.kind_with(PartKind::Map, len);
        self.0.pay(len).map_err(Error::custom)?;
        self.0.visit_map(access)
    }
}

/// Returns the length. Refuses an unknown length, because the limit could not be checked before the elements
/// are read.
fn known<R: Error>(len: Option<usize>) -> Result<usize, R> {
    len.ok_or_else(|| Error::custom("the length of a sequence is not known before its elements are read"))
}

/// The visitor for a value of any kind, in an encoding that describes itself. Each compound is a level, even
/// if the type asked for another kind. When serde reads content that it has buffered, the content also passes
/// through this visitor.
pub(super) struct AnyKind<T>(pub(super) T);

macro_rules! scalars {
    ($($method:ident($type:ty)),* $(,)?) => {$(
        #[inline]
        fn $method<R: Error>(self, value: $type) -> Result<V::Value, R> {
            self.0.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>, E: EncodingKind> Visitor<'de> for AnyKind<Bounded<'_, V, E>> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.inner.expecting(f)
    }

    scalars!(
        visit_bool(bool),
        visit_i8(i8),
        visit_i16(i16),
        visit_i32(i32),
        visit_i64(i64),
        visit_i128(i128),
        visit_u8(u8),
        visit_u16(u16),
        visit_u32(u32),
        visit_u64(u64),
        visit_u128(u128),
        visit_f32(f32),
        visit_f64(f64),
        visit_char(char),
        visit_str(&str),
        visit_borrowed_str(&'de str),
        visit_string(String),
        visit_bytes(&[u8]),
        visit_borrowed_bytes(&'de [u8]),
        visit_byte_buf(Vec<u8>),
    );

    fn visit_none<R: Error>(self) -> Result<V::Value, R> {
        self.0.visit_none()
    }

    fn visit_unit<R: Error>(self) -> Result<V::Value, R> {
        self.0.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.enter().map_err(Error::custom)?.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.enter().map_err(Error::custom)?.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let level = self.0.enter().map_err(Error::custom)?;
        // Each element has at least one byte, so the bytes limit a sequence of unknown length.
        level.pay(access.size_hint().unwrap_or(0)).map_err(Error::custom)?;
        level.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let level = self.0.enter().map_err(Error::custom)?;
        level.pay(access.size_hint().unwrap_or(0)).map_err(Error::custom)?;
        level.visit_map(access)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.enter().map_err(Error::custom)?.visit_enum(access)
    }
}

/// The visitor for an owned string or buffer. It receives borrowed data, and passes on a copy.
pub(super) struct CopiedKey<V>(pub(super) V);

impl<'de, V: Visitor<'de>> Visitor<'de> for CopiedKey<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_string(text.to_owned())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        self.0.visit_byte_buf(bytes.to_vec())
    }
}
