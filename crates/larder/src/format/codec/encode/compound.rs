//! The parts of a compound: each value gets the session around it, and is counted.

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::refusal::Refusal;
use crate::format::codec::bounded::{Bounded, Encoding};
use crate::format::codec::shape::{Kind, Place, fold};

/// A compound that is being encoded.
pub(in crate::format::codec) struct Compound<'a, C, E> {
    within: Bounded<'a, (), E>,
    inner: C,
    parts: Parts,
}

/// What is known of a compound's parts.
pub(super) struct Parts {
    /// Where they stand: that of an element or a key, else of the compound.
    place: Place,
    /// How many were announced.
    len: Option<usize>,
    seen: usize,
    /// The names of the fields, in order; of anything else, 0.
    names: u64,
    /// The name of the struct or variant.
    owner: &'static str,
}

impl Parts {
    pub(super) fn counted(place: Place, len: Option<usize>) -> Self {
        Self { place, len, seen: 0, names: 0, owner: "" }
    }

    pub(super) fn named(place: Place, len: usize, owner: &'static str) -> Self {
        Self { place, len: Some(len), seen: 0, names: 0, owner }
    }
}

impl<'a, C, E: Encoding> Compound<'a, C, E> {
    pub(super) fn new(within: Bounded<'a, (), E>, inner: C, parts: Parts) -> Self {
        Self { within, inner, parts }
    }

    /// A reader goes by the length that was announced.
    fn check_len(&self) -> Result<(), Refusal> {
        match self.parts.len {
            Some(len) if len != self.parts.seen => {
                Err(Refusal::Length { announced: len, written: self.parts.seen })
            }
            _ => Ok(()),
        }
    }

    /// Notes the end of a group of parts.
    fn end_group(&self) {
        self.within.session.shape.kind(Kind::End);
    }

    fn end_struct(&self) -> Result<(), Refusal> {
        if E::DESCRIBES_ITSELF {
            self.check_len()?;
        }
        let shape = &self.within.session.shape;
        shape.names(self.within.place, fold(self.parts.names, Kind::Group as u64));
        // A field may be left out without a word: other names are something new.
        shape.edge(self.within.place.named(self.parts.names), Kind::Group);
        self.end_group();
        Ok(())
    }

    fn skip(&self, field: &'static str) -> Result<(), Refusal> {
        if E::DESCRIBES_ITSELF || self.within.session.is_measured {
            // What a reader takes for an absent field is to be tried like what it takes for one that is
            // there.
            self.within
                .session
                .shape
                .edge(self.parts.place.named(self.within.session.shape.name(field)), Kind::End);
            return Ok(());
        }
        Err(Refusal::Skipped { field, owner: self.parts.owner })
    }
}

impl<C: SerializeSeq, E: Encoding> SerializeSeq for Compound<'_, C, E> {
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

impl<C: SerializeMap, E: Encoding> SerializeMap for Compound<'_, C, E> {
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

/// Parts without names.
macro_rules! tuples {
    ($($compound:ident $method:ident),*) => {$(
        impl<C: $compound, E: Encoding> $compound for Compound<'_, C, E> {
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

/// Parts with names.
macro_rules! structs {
    ($($compound:ident),*) => {$(
        impl<C: $compound, E: Encoding> $compound for Compound<'_, C, E> {
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
