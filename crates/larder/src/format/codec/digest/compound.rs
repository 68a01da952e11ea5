//! The digest of a compound, computed from the digests of its parts.

use std::cell::RefCell;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::value::Digest;
use crate::format::codec::error::CodecError;
use crate::format::codec::shape::{fold, name};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PartOrder {
    /// Both digests depend on the order of the parts.
    Ordered,
    /// Only the strict digest depends on the order of the parts.
    Sequence,
    /// Neither digest depends on the order of the parts.
    Unordered,
}

pub(super) struct CompoundDigest<'a, S> {
    inside: S,
    fields: Option<&'a RefCell<Vec<(&'static str, Digest)>>>,
    part_order: PartOrder,
    so_far: Digest,
    key: Option<Digest>,
    parts: u64,
}

impl<'a, S: Serializer<Ok = Digest, Error = CodecError> + Copy> CompoundDigest<'a, S> {
    pub(super) fn new(
        inside: S,
        fields: Option<&'a RefCell<Vec<(&'static str, Digest)>>>,
        part_order: PartOrder,
        so_far: Digest,
    ) -> Self {
        Self { inside, fields, part_order, so_far, key: None, parts: 0 }
    }

    fn add(&mut self, part: Digest) {
        let Digest { strict, loose } = self.so_far;
        let strict_part = if self.part_order == PartOrder::Unordered {
            strict.wrapping_add(part.strict)
        } else {
            fold(strict, part.strict)
        };
        let loose_part = if self.part_order == PartOrder::Ordered {
            fold(loose, part.loose)
        } else {
            loose.wrapping_add(part.loose)
        };
        self.so_far = Digest { strict: strict_part, loose: loose_part };
        self.parts += 1;
    }

    fn field<T: Serialize + ?Sized>(&mut self, field: &'static str, value: &T) -> Result<(), CodecError> {
        let digest = value.serialize(self.inside)?;
        if let Some(fields) = self.fields {
            fields.borrow_mut().push((field, digest));
        }
        let named = name(field);
        self.add(Digest { strict: fold(named, digest.strict), loose: fold(named, digest.loose) });
        Ok(())
    }

    fn finish(self) -> Digest {
        let Digest { strict, loose } = self.so_far;
        Digest { strict: fold(strict, self.parts), loose: fold(loose, self.parts) }
    }
}

macro_rules! unnamed {
    ($($compound:ident $method:ident),*) => {$(
        impl<S: Serializer<Ok = Digest, Error = CodecError> + Copy> $compound for CompoundDigest<'_, S> {
            type Ok = Digest;
            type Error = CodecError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
                let digest = value.serialize(self.inside)?;
                self.add(digest);
                Ok(())
            }

            fn end(self) -> Result<Digest, CodecError> {
                Ok(self.finish())
            }
        }
    )*};
}

unnamed!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! named {
    ($($compound:ident),*) => {$(
        impl<S: Serializer<Ok = Digest, Error = CodecError> + Copy> $compound for CompoundDigest<'_, S> {
            type Ok = Digest;
            type Error = CodecError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &'static str, value: &T) -> Result<(), CodecError> {
                self.field(field, value)
            }

            fn end(self) -> Result<Digest, CodecError> {
                Ok(self.finish())
            }
        }
    )*};
}

named!(SerializeStruct, SerializeStructVariant);

impl<S: Serializer<Ok = Digest, Error = CodecError> + Copy> SerializeMap for CompoundDigest<'_, S> {
    type Ok = Digest;
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        self.key = Some(key.serialize(self.inside)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        let Digest { strict, loose } = value.serialize(self.inside)?;
        let key = self.key.take().unwrap_or(Digest { strict: 0, loose: 0 });
        self.add(Digest { strict: fold(key.strict, strict), loose: fold(key.loose, loose) });
        Ok(())
    }

    fn end(self) -> Result<Digest, CodecError> {
        Ok(self.finish())
    }
}
