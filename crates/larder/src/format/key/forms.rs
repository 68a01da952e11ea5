//! Implements the key traits for texts and bytes, and for their borrowed forms.

use std::borrow::Cow;

use super::bytes::{KeyReader, KeyWriter};
use super::scope::{PatternPart, PatternWriter};
use super::{EncodeKey, Key, KeyPrefix};
use crate::format::key::error::KeyError;
use crate::sys::sync::Arc;

macro_rules! text_key {
    ($key:ty: $($form:ty),+) => {
        impl Key for $key {
            fn shape() -> String {
                "string".to_owned()
            }

            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                Ok(reader.text()?.into())
            }
        }

        $(
            impl EncodeKey<$key> for $form {
                #[inline(always)]
                fn encode(&self, out: &mut KeyWriter) {
                    out.text(self);
                }
            }

            impl KeyPrefix<$key> for $form {
                fn encode_prefix(&self, out: &mut KeyWriter) {
                    out.unterminated(self.as_bytes());
                }
            }

            impl PatternPart<$key> for $form {
                fn write(&self, out: &mut PatternWriter) {
                    out.exact::<$key>(self);
                }
            }
        )+
    };
}

text_key!(String: str, String, Box<str>, Arc<str>, Cow<'_, str>);
text_key!(Box<str>: str, String, Box<str>, Arc<str>, Cow<'_, str>);
text_key!(Arc<str>: str, String, Box<str>, Arc<str>, Cow<'_, str>);
text_key!(Cow<'static, str>: str, String, Box<str>, Arc<str>, Cow<'_, str>);

impl Key for Vec<u8> {
    fn shape() -> String {
        "bytes".to_owned()
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.bytes()
    }
}

macro_rules! bytes_form {
    ($form:ty $(, $size:ident)?) => {
        impl$(<const $size: usize>)? EncodeKey<Vec<u8>> for $form {
            #[inline(always)]
            fn encode(&self, out: &mut KeyWriter) {
                out.bytes(self);
            }
        }

        impl$(<const $size: usize>)? KeyPrefix<Vec<u8>> for $form {
            fn encode_prefix(&self, out: &mut KeyWriter) {
                out.unterminated(self);
            }
        }

        impl$(<const $size: usize>)? PatternPart<Vec<u8>> for $form {
            fn write(&self, out: &mut PatternWriter) {
                out.exact::<Vec<u8>>(self);
            }
        }
    };
}

bytes_form!(Vec<u8>);
bytes_form!([u8]);
bytes_form!([u8; N], N);
