//! Implements the key traits for tuples of keys and for optional keys.

use super::bytes::{KeyReader, KeyWriter};
use super::scope::{KeyPattern, PatternPart, PatternWriter};
use super::{EncodeKey, Key, KeyPrefix};
use crate::format::key::error::KeyError;

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
            #[inline(always)]
            fn encode(&self, out: &mut KeyWriter) {
                $(self.$at.encode(out);)+
            }
        }

        impl<$($part: Key, $form: EncodeKey<$part>),+> PatternPart<($($part,)+)> for ($($form,)+) {
            fn write(&self, out: &mut PatternWriter) {
                out.exact::<($($part,)+)>(self);
            }
        }

        impl<$($part: Key, $form: PatternPart<$part>),+> KeyPattern<($($part,)+)> for ($($form,)+) {
            fn write_pattern(&self, out: &mut PatternWriter) {
                $(self.$at.write(out);)+
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

impl<K: Key> Key for Option<K> {
    fn shape() -> String {
        format!("option<{}>", K::shape())
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        if reader.bool()? { K::decode(reader).map(Some) } else { Ok(None) }
    }
}

impl<K: Key, F: EncodeKey<K>> EncodeKey<Option<K>> for Option<F> {
    #[inline(always)]
    fn encode(&self, out: &mut KeyWriter) {
        out.bool(self.is_some());
        if let Some(form) = self {
            form.encode(out);
        }
    }
}

/// The prefix `None` matches only the key `None`. `Some` of a prefix matches every `Some` of a key with this
/// prefix.
impl<K: Key, P: KeyPrefix<K>> KeyPrefix<Option<K>> for Option<P> {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        out.bool(self.is_some());
        if let Some(prefix) = self {
            prefix.encode_prefix(out);
        }
    }
}

impl<K: Key, F: EncodeKey<K>> PatternPart<Option<K>> for Option<F> {
    fn write(&self, out: &mut PatternWriter) {
        out.exact::<Option<K>>(self);
    }
}
