//! Encodes the parts of a compound. Counts the parts, and wraps each part with the session.

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::refusal::EncodeRefusal;
use crate::format::codec::bounded::{Bounded, EncodingKind};
use crate::format::codec::shape::{PartKind, PartPlace, fold};

pub(in crate::format::codec) struct EncodeCompound<'a, C, E> {
    within: Bounded<'a, (), E>,
    inner: C,
    parts: CompoundParts,
}

pub(super) struct CompoundParts {
    /// The place of an element of a sequence or of a key of a map. In any other compound, the place of the
    /// compound.
    place: PartPlace,
    /// The announced number of parts.
    len: Option<usize>,
    seen: usize,
    /// The hash of the field names, in order. 0 for a compound without fields.
    names: u64,
    /// The name of the struct or variant.
    owner: &'static str,
}

impl CompoundParts {
    pub(super) fn counted(place: PartPlace, len: Option<usize>) -> Self {
        Self { place, len, seen: 0, names: 0, owner: "" }
    }

    pub(super) fn named(place: PartPlace, len: usize, owner: &'static str) -> Self {
        Self { place, len: Some(len), seen: 0, names: 0, owner }
    }
}

impl<'a, C, E: EncodingKind> EncodeCompound<'a, C, E> {
    pub(super) fn new(within: Bounded<'a, (), E>, inner: C, parts: CompoundParts) -> Self {
        Self { within, inner, parts }
    }

    /// Compares the number of parts with the announced number, because a reader relies on the announced
    /// number.
    fn check_len(&self) -> Result<(), EncodeRefusal> {
        match self.parts.len {
            Some(len) if len != self.parts.seen => {
                Err(EncodeRefusal::Length { announced: len, written: self.parts.seen })
            }
            _ => Ok(()),
        }
    }

    fn end_group(&self) {
        self.within.session.shape.kind(PartKind::End);
    }

    fn end_struct(&self) -> Result<(), EncodeRefusal> {
        if E::DESCRIBES_ITSELF {
            self.check_len()?;
        }
        let shape = &self.within.session.shape;
        shape.names(self.within.place, fold(self.parts.names, PartKind::Group as u64));
        // A field may be omitted without announcement, so a new list of names is recorded as a new edge.
        shape.edge(self.within.place.named(self.parts.names), PartKind::Group);
        self.end_group();
        Ok(())
    }

    fn skip(&self, field: &'static str) -> Result<(), EncodeRefusal> {
        if E::DESCRIBES_ITSELF {
            // A reader uses a default for an absent field. So the first absence of a field must cause a
            // trial, like its first presence.
            self.within
                .session
                .shape
                .edge(self.parts.place.named(self.within.session.shape.name(field)), PartKind::End);
            return Ok(());
        }
        Err(EncodeRefusal::Skipped { field, owner: self.parts.owner })
    }
}

impl<C: SerializeSeq, E: EncodingKind> SerializeSeq for EncodeCompound<'_, C, E> {
    type Ok = C::Ok;
    type Error = C::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.parts.seen += 1;
        let value = self.within.at(self.parts.place, value);
        self.inner.serialize_element(&value)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.check_len().map_err(Error::custom)?;
        self.inner.end()
    }
}

impl<C: SerializeMap, E: EncodingKind> SerializeMap for EncodeCompound<'_, C, E> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.parts.seen += 1;
        let key = self.within.at(self.parts.place, key);
        self.inner.serialize_key(&key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = self.within.at(self.within.place.value(), value);
        self.inner.serialize_value(&value)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.check_len().map_err(Error::custom)?;
        self.inner.end()
    }
}

/// Implements the traits of compounds with a fixed number of unnamed parts.
macro_rules! tuples {
    ($($compound:ident $method:ident),*) => {$(
        impl<C: $compound, E: EncodingKind> $compound for EncodeCompound<'_, C, E> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let value = self.within.at(self.parts.place.position(self.parts.seen), value);
                self.parts.seen += 1;
                self.inner.$method(&value)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.check_len().map_err(Error::custom)?;
                self.end_group();
                self.inner.end()
            }
        }
    )*};
}

tuples!(SerializeTuple serialize_element, SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

/// Implements the traits of compounds whose parts have names.
macro_rules! structs {
    ($($compound:ident),*) => {$(
        impl<C: $compound, E: EncodingKind> $compound for EncodeCompound<'_, C, E> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &'static str, value: &T) -> Result<(), C::Error> {
                let hash = self.within.session.shape.name(field);
                self.parts.seen += 1;
                self.parts.names = fold(self.parts.names, hash);
                let value = self.within.at(self.parts.place.named(hash), value);
                self.inner.serialize_field(field, &value)
            }

            fn skip_field(&mut self, field: &'static str) -> Result<(), C::Error> {
                self.skip(field).map_err(Error::custom)?;
                self.inner.skip_field(field)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.end_struct().map_err(Error::custom)?;
                self.inner.end()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);
