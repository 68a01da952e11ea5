//! Encodes within the limits. A wrapper of the codec's serializer records the shape of each part.
//!
//! The wrapper adds no bytes. It enters at least the levels that [`decode`](super::decode()) enters, and
//! counts the elements of each sequence and map whose length is known. So decoding an encoded value exceeds
//! no limit. A value that could not be decoded is refused: see [`refusal`].

mod compound;
pub(super) mod one_byte;
mod refusal;

use serde::Serialize;
use serde::ser::{Error, SerializeSeq, Serializer};

use super::bounded::{Bounded, EncodingKind};
use super::limits::MAX_ELEMENTS;
use super::shape::PartKind;
use compound::{CompoundParts, EncodeCompound};
use one_byte::Leading;

use refusal::EncodeRefusal;

/// Serializes a value with a wrapped serializer.
impl<T: Serialize + ?Sized, E: EncodingKind> Serialize for Bounded<'_, &T, E> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(self.with(serializer))
    }
}

impl<T, E: EncodingKind> Bounded<'_, T, E> {
    #[inline]
    fn note(&self, kind: PartKind) {
        let session = self.session;
        session.shape.edge(self.place, kind);
        session.shape.kind(kind);
        if E::DESCRIBES_ITSELF {
            session.is_after_some.set(kind == PartKind::Some);
        }
    }

    /// Records a part without content: a `()` or a `None`. If the encoding describes itself, refuses this
    /// part as the content of an `Option`.
    fn note_nothing(&self, kind: PartKind) -> Result<(), EncodeRefusal> {
        if E::DESCRIBES_ITSELF && self.session.is_after_some.get() {
            return Err(EncodeRefusal::NothingInSome);
        }
        self.note(kind);
        Ok(())
    }

    /// Records a variant. Returns the part for its content, which has its own place.
    fn variant(self, index: u32, variant: &'static str) -> Self {
        let names = self.session.shape.name(variant).wrapping_add(u64::from(index));
        self.session.shape.names(self.place, names);
        self.session.shape.edge(self.place, PartKind::Variant);
        self.session.is_after_some.set(false);
        // An encoding that describes itself writes the variant's name, so its index is not recorded.
        self.session.shape.kind_with(PartKind::Variant, if E::DESCRIBES_ITSELF { 0 } else { index as usize });
        let place = self.place.named(names);
        self.moved(place)
    }

    /// Enters the level of a compound. In an encoding that describes itself, a tuple or struct variant takes
    /// two levels, because a reader that does not know the type finds a map that contains a compound.
    fn enter_compound(self, is_in_variant: bool) -> Result<Self, EncodeRefusal> {
        let level = self.enter()?;
        if E::DESCRIBES_ITSELF && is_in_variant { Ok(level.enter()?) } else { Ok(level) }
    }

    /// Records the beginning of a sequence or map, and counts its elements. Refuses an unknown length if a
    /// reader needs the length before the elements.
    fn begin(&self, kind: PartKind, len: Option<usize>) -> Result<(), EncodeRefusal> {
        self.session.shape.edge(self.place, kind);
        self.session.is_after_some.set(false);
        if E::DESCRIBES_ITSELF {
            self.session.shape.kind(kind);
            if kind == PartKind::Map && len.is_none() {
                self.session.has_open_map.set(true);
            }
        } else {
            let len = len.ok_or(if kind == PartKind::Map {
                EncodeRefusal::MapOfUnknownLength
            } else {
                EncodeRefusal::SeqOfUnknownLength
            })?;
            self.session.shape.kind_with(kind, len);
        }
        self.pay(len.unwrap_or(0))?;
        Ok(())
    }
}

macro_rules! leaves {
    ($($method:ident($value:ty) $kind:ident),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $value) -> Result<S::Ok, S::Error> {
            self.note(PartKind::$kind);
            self.inner.$method(value)
        }
    )*};
}

impl<'a, S: Serializer, E: EncodingKind> Serializer for Bounded<'a, S, E> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = EncodeCompound<'a, S::SerializeSeq, E>;
    type SerializeTuple = EncodeCompound<'a, S::SerializeTuple, E>;
    type SerializeTupleStruct = EncodeCompound<'a, S::SerializeTupleStruct, E>;
    type SerializeTupleVariant = EncodeCompound<'a, S::SerializeTupleVariant, E>;
    type SerializeMap = EncodeCompound<'a, S::SerializeMap, E>;
    type SerializeStruct = EncodeCompound<'a, S::SerializeStruct, E>;
    type SerializeStructVariant = EncodeCompound<'a, S::SerializeStructVariant, E>;

    leaves!(
        serialize_bool(bool) Bool,
        serialize_i8(i8) I8,
        serialize_i16(i16) I16,
        serialize_i32(i32) I32,
        serialize_i64(i64) I64,
        serialize_i128(i128) I128,
        serialize_u8(u8) U8,
        serialize_u16(u16) U16,
        serialize_u32(u32) U32,
        serialize_u64(u64) U64,
        serialize_u128(u128) U128,
        serialize_f32(f32) F32,
        serialize_f64(f64) F64,
        serialize_char(char) Char,
        serialize_str(&str) Str,
        serialize_bytes(&[u8]) Bytes,
        serialize_unit_struct(&'static str) Unit,
    );

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.note_nothing(PartKind::Unit).map_err(Error::custom)?;
        self.inner.serialize_unit()
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.note(PartKind::Str);
        self.inner.collect_str(value)
    }

    // In a positional encoding, a reader enters an `Option` before it knows that nothing is inside, so the
    // encoder also enters a level. In an encoding that describes itself, a reader enters no level for `None`.
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        let level = if E::DESCRIBES_ITSELF { self } else { self.enter().map_err(Error::custom)? };
        level.note_nothing(PartKind::None).map_err(Error::custom)?;
        level.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let level = self.enter().map_err(Error::custom)?;
        level.note(PartKind::Some);
        let value = level.with(value);
        level.inner.serialize_some(&value)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        let level = self.enter().map_err(Error::custom)?.variant(index, variant);
        level.note(PartKind::Unit);
        level.inner.serialize_unit_variant(name, index, variant)
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
        let level = self.enter().map_err(Error::custom)?.variant(index, variant);
        let value = level.with(value);
        level.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let level = self.enter_compound(false).map_err(Error::custom)?;
        level.begin(PartKind::Seq, len).map_err(Error::custom)?;
        let parts = CompoundParts::counted(level.place.element(), len);
        Ok(EncodeCompound::new(level.with(()), level.inner.serialize_seq(len)?, parts))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let level = self.enter_compound(false).map_err(Error::custom)?;
        level.begin(PartKind::Map, len).map_err(Error::custom)?;
        let parts = CompoundParts::counted(level.place.key(), len);
        Ok(EncodeCompound::new(level.with(()), level.inner.serialize_map(len)?, parts))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let level = self.enter_compound(false).map_err(Error::custom)?;
        level.note(PartKind::Group);
        let parts = CompoundParts::counted(level.place, Some(len));
        Ok(EncodeCompound::new(level.with(()), level.inner.serialize_tuple(len)?, parts))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let level = self.enter_compound(false).map_err(Error::custom)?;
        level.note(PartKind::Group);
        let parts = CompoundParts::counted(level.place, Some(len));
        Ok(EncodeCompound::new(level.with(()), level.inner.serialize_tuple_struct(name, len)?, parts))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let level = self.enter_compound(false).map_err(Error::custom)?;
        level.note(PartKind::Group);
        let parts = CompoundParts::named(level.place, len, name);
        Ok(EncodeCompound::new(level.with(()), level.inner.serialize_struct(name, len)?, parts))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let level = self.enter_compound(true).map_err(Error::custom)?.variant(index, variant);
        level.note(PartKind::Group);
        let parts = CompoundParts::counted(level.place, Some(len));
        Ok(EncodeCompound::new(
            level.with(()),
            level.inner.serialize_tuple_variant(name, index, variant, len)?,
            parts,
        ))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let level = self.enter_compound(true).map_err(Error::custom)?.variant(index, variant);
        level.note(PartKind::Group);
        let parts = CompoundParts::named(level.place, len, variant);
        Ok(EncodeCompound::new(
            level.with(()),
            level.inner.serialize_struct_variant(name, index, variant, len)?,
            parts,
        ))
    }

    /// Writes a sequence of bytes at once if a byte buffer has the same encoding. Writing each element
    /// separately takes twenty times as long.
    fn collect_seq<I>(self, elements: I) -> Result<S::Ok, S::Error>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let mut elements = elements.into_iter();
        let len = match elements.size_hint() {
            (least, Some(most)) if least == most => Some(most),
            _ => None,
        };
        let mut leading = Leading::default();
        // The announced length may be wrong, so memory is allocated only for a length that a value may have.
        if let Some(len) = len.filter(|len| !E::DESCRIBES_ITSELF && *len <= MAX_ELEMENTS) {
            leading = one_byte::leading(&mut elements, len);
            if leading.other.is_none() && leading.bytes.len() == len && len > 0 {
                let level = self.enter_compound(false).map_err(Error::custom)?;
                level.begin(PartKind::Seq, Some(len)).map_err(Error::custom)?;
                level.session.shape.edge(level.place.element(), PartKind::U8);
                level.session.shape.kinds_of(PartKind::U8, 0, len);
                return level.inner.serialize_bytes(&leading.bytes);
            }
        }
        let mut seq = self.serialize_seq(len)?;
        leading.bytes.iter().try_for_each(|byte| seq.serialize_element(byte))?;
        leading.other.iter().try_for_each(|element| seq.serialize_element(element))?;
        elements.try_for_each(|element| seq.serialize_element(&element))?;
        seq.end()
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
