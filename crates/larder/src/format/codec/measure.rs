//! The length of a value that is never encoded, because its keyspace is in memory only.
//!
//! The result is the length in [`positional`](super::positional), if that encoding can carry the value.
//! Other values are measured too: a skipped field takes no bytes, an unknown length is counted at the end,
//! and a wrong number of announced parts is not noticed. The session of an encoding is not used, because
//! its steps took a seventh of an insert into memory.
//!
//! Only the [`limits`](super::limits) of a value's depth and elements apply. They end the call for a value
//! that would overflow the stack, or that announces 2^60 elements without bytes.

use std::fmt::{self, Write};

use serde::Serialize;
use serde::ser::{self, Error, Serializer};

use super::limits::{Elements, ExceededLimit, MAX_DEPTH};
use crate::format::codec::error::CodecError;

pub(super) fn measure<V: Serialize>(value: &V) -> Result<usize, CodecError> {
    let mut total = Total { len: 0, elements: Elements::of_unknown() };
    value.serialize(Measure { total: &mut total, levels: MAX_DEPTH })?;
    total.elements.check(total.len).map_err(CodecError::new)?;
    Ok(total.len)
}

struct Total {
    len: usize,
    elements: Elements,
}

/// Measures one part of a value.
struct Measure<'a> {
    total: &'a mut Total,
    /// Number of levels that may still be entered.
    levels: usize,
}

/// Measures the parts of a compound.
struct MeasureParts<'a> {
    total: &'a mut Total,
    levels: usize,
    /// The number of parts, if the compound announced none.
    unannounced: Option<usize>,
}

/// Returns the length of an integer of variable length.
#[inline]
const fn integer_len(integer: u64) -> usize {
    match integer {
        0..=250 => 1,
        251..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}

/// Maps integers near zero to small numbers, as the encoding does.
#[inline]
const fn zigzag(integer: i64) -> u64 {
    (integer << 1 ^ integer >> 63).cast_unsigned()
}

/// Returns the length of a text or of bytes, with their announced length.
#[inline]
pub(super) const fn bytes_len(len: usize) -> usize {
    integer_len(len as u64).saturating_add(len)
}

impl<'a> Measure<'a> {
    #[inline]
    fn add(&mut self, len: usize) {
        self.total.len = self.total.len.saturating_add(len);
    }

    #[inline]
    fn enter(self) -> Result<Self, CodecError> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(CodecError::new(ExceededLimit::Depth)),
        }
    }

    /// Begins a compound whose parts have no announced number in the encoding.
    #[inline]
    fn group(self) -> Result<MeasureParts<'a>, CodecError> {
        let Self { total, levels } = self.enter()?;
        Ok(MeasureParts { total, levels, unannounced: None })
    }

    #[inline]
    fn variant(self, index: u32) -> Result<Self, CodecError> {
        let mut level = self.enter()?;
        level.add(integer_len(index.into()));
        Ok(level)
    }

    fn counted(self, len: Option<usize>) -> Result<MeasureParts<'a>, CodecError> {
        let parts = self.group()?;
        let Some(len) = len else { return Ok(MeasureParts { unannounced: Some(0), ..parts }) };
        parts.total.elements.spend(len).map_err(CodecError::new)?;
        parts.total.len = parts.total.len.saturating_add(integer_len(len as u64));
        Ok(parts)
    }
}

impl MeasureParts<'_> {
    #[inline]
    fn part<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), CodecError> {
        part.serialize(Measure { total: self.total, levels: self.levels })
    }

    fn element<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), CodecError> {
        if let Some(seen) = &mut self.unannounced {
            *seen += 1;
            self.total.elements.spend(1).map_err(CodecError::new)?;
        }
        self.part(part)
    }

    fn end_counted(self) {
        let prefix = self.unannounced.map_or(0, |seen| integer_len(seen as u64));
        self.total.len = self.total.len.saturating_add(prefix);
    }
}

macro_rules! leaves {
    ($($method:ident($value:ident: $type:ty) $len:expr),* $(,)?) => {$(
        #[inline]
        fn $method(mut self, $value: $type) -> Result<(), CodecError> {
            self.add($len);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Measure<'a> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = MeasureParts<'a>;
    type SerializeTuple = MeasureParts<'a>;
    type SerializeTupleStruct = MeasureParts<'a>;
    type SerializeTupleVariant = MeasureParts<'a>;
    type SerializeMap = MeasureParts<'a>;
    type SerializeStruct = MeasureParts<'a>;
    type SerializeStructVariant = MeasureParts<'a>;

    leaves!(
        serialize_bool(_value: bool) 1,
        serialize_u8(_value: u8) 1,
        serialize_i8(_value: i8) 1,
        serialize_u16(value: u16) integer_len(value.into()),
        serialize_u32(value: u32) integer_len(value.into()),
        serialize_u64(value: u64) integer_len(value),
        serialize_i16(value: i16) integer_len(zigzag(value.into())),
        serialize_i32(value: i32) integer_len(zigzag(value.into())),
        serialize_i64(value: i64) integer_len(zigzag(value)),
        serialize_u128(value: u128) u64::try_from(value).map_or(17, integer_len),
        serialize_i128(value: i128)
            u64::try_from((value << 1 ^ value >> 127).cast_unsigned()).map_or(17, integer_len),
        serialize_f32(_value: f32) 4,
        serialize_f64(_value: f64) 8,
        serialize_char(value: char) value.len_utf8(),
        serialize_str(text: &str) bytes_len(text.len()),
        serialize_bytes(bytes: &[u8]) bytes_len(bytes.len()),
        serialize_unit_struct(_name: &'static str) 0,
    );

    fn serialize_unit(self) -> Result<(), CodecError> {
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(mut self, value: &T) -> Result<(), CodecError> {
        let mut text = TextLen(0);
        write!(text, "{value}").map_err(|_| CodecError::custom("its Display failed"))?;
        self.add(bytes_len(text.0));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.enter()?.add(1);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        let mut level = self.enter()?;
        level.add(1);
        value.serialize(level)
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), CodecError> {
        self.variant(index).map(drop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        value.serialize(self.enter()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        value.serialize(self.variant(index)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<MeasureParts<'a>, CodecError> {
        self.counted(len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<MeasureParts<'a>, CodecError> {
        self.counted(len)
    }

    fn serialize_tuple(self, _: usize) -> Result<MeasureParts<'a>, CodecError> {
        self.group()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<MeasureParts<'a>, CodecError> {
        self.group()
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<MeasureParts<'a>, CodecError> {
        self.group()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<MeasureParts<'a>, CodecError> {
        let Self { total, levels } = self.variant(index)?;
        Ok(MeasureParts { total, levels, unannounced: None })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<MeasureParts<'a>, CodecError> {
        self.serialize_tuple_variant(name, index, variant, len)
    }

    /// The encoding that a measured value would have is positional.
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl ser::SerializeSeq for MeasureParts<'_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.element(value)
    }

    fn end(self) -> Result<(), CodecError> {
        self.end_counted();
        Ok(())
    }
}

impl ser::SerializeMap for MeasureParts<'_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.part(value)
    }

    fn end(self) -> Result<(), CodecError> {
        self.end_counted();
        Ok(())
    }
}

macro_rules! tuples {
    ($($compound:ident $method:ident),*) => {$(
        impl ser::$compound for MeasureParts<'_> {
            type Ok = ();
            type Error = CodecError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
                self.part(value)
            }

            fn end(self) -> Result<(), CodecError> {
                Ok(())
            }
        }
    )*};
}

tuples!(
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! structs {
    ($($compound:ident),*) => {$(
        impl ser::$compound for MeasureParts<'_> {
            type Ok = ();
            type Error = CodecError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), CodecError> {
                self.part(value)
            }

            #[inline]
            fn end(self) -> Result<(), CodecError> {
                Ok(())
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);

/// Counts the bytes of a text without storing them.
struct TextLen(usize);

impl Write for TextLen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}
