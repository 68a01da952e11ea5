//! The accesses to the parts of a compound. The accesses wrap each seed, so that each part gets the session.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::visit::AnyKind;
use crate::format::codec::bounded::{Bounded, EncodingKind, Session};
use crate::format::codec::shape::PartKind;

impl<'de, A: SeqAccess<'de>, E: EncodingKind> SeqAccess<'de> for Bounded<'_, A, E> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.with(seed);
        self.inner.next_element_seed(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>, E: EncodingKind> MapAccess<'de> for Bounded<'_, A, E> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.with(seed);
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.with(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'a, 'de, A: EnumAccess<'de>, E: EncodingKind> EnumAccess<'de> for Bounded<'a, A, E> {
    type Error = A::Error;
    type Variant = Bounded<'a, A::Variant, E>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let within = self.with(());
        let (variant, access) = if E::DESCRIBES_ITSELF {
            self.inner.variant_seed(seed)?
        } else {
            self.inner.variant_seed(Index { inner: seed, session: within.session })?
        };
        Ok((variant, within.with(access)))
    }
}

/// The enum has already entered its level. In a positional encoding, the variant enters no further level. In
/// an encoding that describes itself, the compound of a tuple or struct variant enters one.
impl<'de, A: VariantAccess<'de>, E: EncodingKind> VariantAccess<'de> for Bounded<'_, A, E> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.ask(PartKind::Unit);
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.with(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let within = self.with(());
        let visitor = self.with(visitor);
        within.ask(PartKind::Group);
        let value = if E::DESCRIBES_ITSELF {
            self.inner.tuple_variant(len, AnyKind(visitor))?
        } else {
            self.inner.tuple_variant(len, visitor)?
        };
        within.ask(PartKind::End);
        Ok(value)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let within = self.with(());
        let visitor = self.with(visitor);
        within.ask(PartKind::Group);
        let value = if E::DESCRIBES_ITSELF {
            self.inner.struct_variant(fields, AnyKind(visitor))?
        } else {
            self.inner.struct_variant(fields, visitor)?
        };
        within.ask(PartKind::End);
        Ok(value)
    }
}

/// The seed of a variant's index, in a positional encoding. It records the index that the codec passes to
/// the type.
struct Index<'a, T> {
    inner: T,
    session: &'a Session,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Index<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Index { inner: deserializer, session: self.session })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Index<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Index { inner: visitor, session: self.session })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Index<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_u32<R: Error>(self, index: u32) -> Result<V::Value, R> {
        self.session.shape.kind_with(PartKind::Variant, index as usize);
        self.inner.visit_u32(index)
    }
}
