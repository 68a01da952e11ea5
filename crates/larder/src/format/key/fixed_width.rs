//! Implements the key traits for the types whose keys all have the same length.

use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128,
};

use super::bytes::{KeyReader, KeyWriter};
use super::scope::{PatternPart, PatternWriter};
use super::{EncodeKey, Key, KeyPrefix};
use crate::format::key::error::KeyError;

impl Key for () {
    fn shape() -> String {
        "()".to_owned()
    }

    fn decode(_reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        Ok(())
    }
}

impl EncodeKey<()> for () {
    fn encode(&self, _out: &mut KeyWriter) {}
}

impl PatternPart<()> for () {
    fn write(&self, out: &mut PatternWriter) {
        out.exact::<()>(self);
    }
}

macro_rules! primitive_keys {
    ($($primitive:ident),*) => {$(
        impl Key for $primitive {
            fn shape() -> String {
                stringify!($primitive).to_owned()
            }

            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                reader.$primitive()
            }
        }

        impl EncodeKey<$primitive> for $primitive {
            #[inline(always)]
            fn encode(&self, out: &mut KeyWriter) {
                out.$primitive(*self);
            }
        }

        impl PatternPart<$primitive> for $primitive {
            fn write(&self, out: &mut PatternWriter) {
                out.exact::<$primitive>(self);
            }
        }
    )*};
}

primitive_keys!(bool, char, u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

macro_rules! non_zero_keys {
    ($($non_zero:ident $integer:ident),*) => {$(
        impl Key for $non_zero {
            fn shape() -> String {
                $integer::shape()
            }

            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                Self::new(reader.$integer()?).ok_or_else(|| KeyError::new("the number is zero"))
            }
        }

        impl EncodeKey<$non_zero> for $non_zero {
            #[inline(always)]
            fn encode(&self, out: &mut KeyWriter) {
                out.$integer(self.get());
            }
        }

        impl PatternPart<$non_zero> for $non_zero {
            fn write(&self, out: &mut PatternWriter) {
                out.exact::<$non_zero>(self);
            }
        }
    )*};
}

non_zero_keys!(NonZeroU8 u8, NonZeroU16 u16, NonZeroU32 u32, NonZeroU64 u64, NonZeroU128 u128);
non_zero_keys!(NonZeroI8 i8, NonZeroI16 i16, NonZeroI32 i32, NonZeroI64 i64, NonZeroI128 i128);

impl<const N: usize> Key for [u8; N] {
    fn shape() -> String {
        format!("[u8; {N}]")
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.array()
    }
}

impl<const N: usize> EncodeKey<[u8; N]> for [u8; N] {
    #[inline(always)]
    fn encode(&self, out: &mut KeyWriter) {
        out.array(self);
    }
}

/// A prefix is the first bytes of the array. A prefix of more than `N` bytes matches no key.
impl<const N: usize> KeyPrefix<[u8; N]> for [u8] {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        out.push(self);
    }
}

/// A prefix is the first bytes of the array. A prefix of more than `N` bytes matches no key.
impl<const N: usize, const M: usize> KeyPrefix<[u8; N]> for [u8; M] {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        out.push(self);
    }
}

impl<const N: usize> PatternPart<[u8; N]> for [u8; N] {
    fn write(&self, out: &mut PatternWriter) {
        out.exact::<[u8; N]>(self);
    }
}

#[cfg(feature = "uuid")]
impl Key for uuid::Uuid {
    fn shape() -> String {
        "uuid".to_owned()
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.array().map(Self::from_bytes)
    }
}

#[cfg(feature = "uuid")]
impl EncodeKey<uuid::Uuid> for uuid::Uuid {
    #[inline(always)]
    fn encode(&self, out: &mut KeyWriter) {
        out.array(self.as_bytes());
    }
}

#[cfg(feature = "uuid")]
impl PatternPart<uuid::Uuid> for uuid::Uuid {
    fn write(&self, out: &mut PatternWriter) {
        out.exact::<Self>(self);
    }
}
