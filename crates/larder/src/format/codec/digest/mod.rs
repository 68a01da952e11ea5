//! The digest of a value, for comparing two values that have no `Eq`. The digest covers every call of the
//! value's `Serialize` except those for newtype structs.
//!
//! The digest is not computed from the encoded bytes. The variants `A(u8)` and `B(u16)` of an untagged enum
//! with the same number have the same bytes, but are different values. Two hash maps with the same entries
//! may have different bytes, but are equal. So the digest includes each call with its kind, such as the
//! width of an integer, `Some` or `None`, a name, or the bits of a float. The digest does not depend on the
//! order of a map's entries.

mod compound;
mod value;

use std::cell::RefCell;

use serde::Serialize;
use serde::ser::Serializer;

use super::shape::{PartKind, fold, name};
use crate::format::codec::error::CodecError;
use compound::{CompoundDigest, PartOrder};
use value::Digest;

/// Returns the digest of a value. `is_human_readable` is what the serializer reports to the type.
pub(super) fn of<V: Serialize>(value: &V, is_human_readable: bool) -> Result<Digest, CodecError> {
    value.serialize(DigestSerializer { is_human_readable, fields: None })
}

/// Returns the fields of a struct or of a struct variant, with their digests. Returns an empty list for a
/// value without named fields.
pub(super) fn fields<V: Serialize>(value: &V, is_human_readable: bool) -> Vec<(&'static str, Digest)> {
    let fields = RefCell::new(Vec::new());
    // If serializing fails, the fields before the error remain.
    drop(value.serialize(DigestSerializer { is_human_readable, fields: Some(&fields) }));
    fields.into_inner()
}

#[derive(Clone, Copy)]
struct DigestSerializer<'a> {
    is_human_readable: bool,
    /// Collects the fields of the outermost struct.
    fields: Option<&'a RefCell<Vec<(&'static str, Digest)>>>,
}

impl<'a> DigestSerializer<'a> {
    fn inside(self) -> DigestSerializer<'a> {
        Self { fields: None, ..self }
    }

    fn compound(self, part_order: PartOrder, seed: Digest) -> CompoundDigest<'a, Self> {
        CompoundDigest::new(self.inside(), self.fields, part_order, seed)
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) $kind:ident $number:expr;)*) => {$(
        fn $method(self, value: $type) -> Result<Digest, CodecError> {
            let number: fn($type) -> u64 = $number;
            Ok(Digest::of(PartKind::$kind, number(value)))
        }
    )*};
}

impl<'a> Serializer for DigestSerializer<'a> {
    type Ok = Digest;
    type Error = CodecError;
    type SerializeSeq = CompoundDigest<'a, Self>;
    type SerializeTuple = CompoundDigest<'a, Self>;
    type SerializeTupleStruct = CompoundDigest<'a, Self>;
    type SerializeTupleVariant = CompoundDigest<'a, Self>;
    type SerializeMap = CompoundDigest<'a, Self>;
    type SerializeStruct = CompoundDigest<'a, Self>;
    type SerializeStructVariant = CompoundDigest<'a, Self>;

    numbers! {
        serialize_bool(bool) Bool u64::from;
        serialize_i8(i8) I8 |number| u64::from_le_bytes(i64::from(number).to_le_bytes());
        serialize_i16(i16) I16 |number| u64::from_le_bytes(i64::from(number).to_le_bytes());
        serialize_i32(i32) I32 |number| u64::from_le_bytes(i64::from(number).to_le_bytes());
        serialize_i64(i64) I64 |number| u64::from_le_bytes(number.to_le_bytes());
        serialize_u8(u8) U8 u64::from;
        serialize_u16(u16) U16 u64::from;
        serialize_u32(u32) U32 u64::from;
        serialize_u64(u64) U64 |number| number;
        serialize_f32(f32) F32 |number| u64::from(number.to_bits());
        serialize_f64(f64) F64 f64::to_bits;
        serialize_char(char) Char |char| u64::from(u32::from(char));
    }

    fn serialize_i128(self, value: i128) -> Result<Digest, CodecError> {
        Ok(Digest::bytes(PartKind::I128, &value.to_le_bytes()))
    }

    fn serialize_u128(self, value: u128) -> Result<Digest, CodecError> {
        Ok(Digest::bytes(PartKind::U128, &value.to_le_bytes()))
    }

    fn serialize_str(self, text: &str) -> Result<Digest, CodecError> {
        Ok(Digest::bytes(PartKind::Str, text.as_bytes()))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Digest, CodecError> {
        Ok(Digest::bytes(PartKind::Bytes, bytes))
    }

    fn serialize_none(self) -> Result<Digest, CodecError> {
        Ok(Digest::of(PartKind::None, 0))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Digest, CodecError> {
        Ok(value.serialize(self.inside())?.within(PartKind::Some, 0))
    }

    fn serialize_unit(self) -> Result<Digest, CodecError> {
        Ok(Digest::of(PartKind::Unit, 0))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Digest, CodecError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Digest, CodecError> {
        Ok(Digest::of(PartKind::Variant, variant_of(index, variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Digest, CodecError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Digest, CodecError> {
        Ok(value.serialize(self.inside())?.within(PartKind::Variant, variant_of(index, variant)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<CompoundDigest<'a, Self>, CodecError> {
        Ok(self.compound(PartOrder::Sequence, Digest::of(PartKind::Seq, 0)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<CompoundDigest<'a, Self>, CodecError> {
        Ok(self.compound(PartOrder::Unordered, Digest::of(PartKind::Map, 0)))
    }

    fn serialize_tuple(self, _: usize) -> Result<CompoundDigest<'a, Self>, CodecError> {
        Ok(self.compound(PartOrder::Ordered, Digest::of(PartKind::Group, 0)))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<CompoundDigest<'a, Self>, CodecError> {
        self.serialize_tuple(len)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<CompoundDigest<'a, Self>, CodecError> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<CompoundDigest<'a, Self>, CodecError> {
        Ok(self.compound(PartOrder::Ordered, Digest::of(PartKind::Variant, variant_of(index, variant))))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<CompoundDigest<'a, Self>, CodecError> {
        self.serialize_tuple_variant(name, index, variant, len)
    }

    fn is_human_readable(&self) -> bool {
        self.is_human_readable
    }
}

fn variant_of(index: u32, variant: &str) -> u64 {
    fold(name(variant), u64::from(index))
}
