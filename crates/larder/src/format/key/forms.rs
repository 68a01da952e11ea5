//! Implements the key traits for the key types that larder supports, and for their borrowed forms.

use super::bytes::{KeyReader, KeyWriter};
use super::{EncodeKey, Key, KeyPrefix};
use crate::format::key::error::KeyError;

impl Key for String {
    fn shape() -> String {
        "string".to_owned()
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.text()
    }
}

impl EncodeKey<String> for String {
    fn encode(&self, out: &mut KeyWriter) {
        out.text(self);
    }
}

impl EncodeKey<String> for str {
    fn encode(&self, out: &mut KeyWriter) {
        out.text(self);
    }
}

impl KeyPrefix<String> for &str {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        out.unterminated(self.as_bytes());
    }
}

impl Key for Vec<u8> {
    fn shape() -> String {
        "bytes".to_owned()
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.bytes()
    }
}

impl EncodeKey<Vec<u8>> for Vec<u8> {
    fn encode(&self, out: &mut KeyWriter) {
        out.bytes(self);
    }
}

impl EncodeKey<Vec<u8>> for [u8] {
    fn encode(&self, out: &mut KeyWriter) {
        out.bytes(self);
    }
}

impl<const N: usize> EncodeKey<Vec<u8>> for [u8; N] {
    fn encode(&self, out: &mut KeyWriter) {
        out.bytes(self);
    }
}

impl KeyPrefix<Vec<u8>> for &[u8] {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        out.unterminated(self);
    }
}

impl<const N: usize> KeyPrefix<Vec<u8>> for &[u8; N] {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        out.unterminated(*self);
    }
}

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

macro_rules! integer_keys {
    ($($integer:ident),*) => {$(
        impl Key for $integer {
            fn shape() -> String {
                stringify!($integer).to_owned()
            }

            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                reader.$integer()
            }
        }

        impl EncodeKey<$integer> for $integer {
            fn encode(&self, out: &mut KeyWriter) {
                out.$integer(*self);
            }
        }
    )*};
}

integer_keys!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

macro_rules! tuple_keys {
    ($($part:ident $form:ident $at:tt),+) => {
        impl<$($part: Key),+> Key for ($($part,)+) {
            fn shape() -> String {
                format!("({})", [$($part::shape()),+].join(", "))
            }

            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                Ok(($($part::decode(reader)?,)+))
            }
        }

        impl<$($part: Key, $form: EncodeKey<$part>),+> EncodeKey<($($part,)+)> for ($($form,)+) {
            fn encode(&self, out: &mut KeyWriter) {
                $(self.$at.encode(out);)+
            }
        }
    };
}

tuple_keys!(A FA 0, B FB 1);
tuple_keys!(A FA 0, B FB 1, C FC 2);
tuple_keys!(A FA 0, B FB 1, C FC 2, D FD 3);

macro_rules! tuple_prefixes {
    ($($form:ident $part:ident $at:tt),+; $($rest:ident),+) => {
        impl<$($part: Key, $form: EncodeKey<$part>,)+ $($rest),+> KeyPrefix<($($part,)+ $($rest),+)> for ($($form,)+) {
            fn encode_prefix(&self, out: &mut KeyWriter) {
                $(self.$at.encode(out);)+
            }
        }
    };
}

tuple_prefixes!(FA A 0; B);
tuple_prefixes!(FA A 0; B, C);
tuple_prefixes!(FA A 0; B, C, D);
tuple_prefixes!(FA A 0, FB B 1; C);
tuple_prefixes!(FA A 0, FB B 1; C, D);
tuple_prefixes!(FA A 0, FB B 1, FC C 2; D);
