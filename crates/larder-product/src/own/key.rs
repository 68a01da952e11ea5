//! The keys of families: their parts, and the removal of entries by the parts of their keys.
//!
//! The same code removes the entries of the shop's families and of an application's own families.

use std::borrow::Cow;
use std::fmt;
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128,
};
use std::sync::Arc;

use larder::{
    Any, EncodeKey, Error, Invalidation, Key, KeyPrefix, KeyWriter, Keyspace, PatternPart, PatternWriter,
};

use crate::code::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use crate::part::{Part, Parts};

/// A part of a family's key: a code or an id of the shop, or any other key type.
///
/// The codes and ids of this crate implement this trait, and so do these keys of larder: `String`,
/// `Box<str>`, `Arc<str>`, `Cow<'static, str>`, `u8` to `u128`, `i8` to `i128`, the `NonZero` form of each,
/// `bool` and `char`. For your own type, implement [`Key`] and [`Display`](fmt::Display), and add
/// `impl FamilyKeyPart for Language {}`. A change of the shop's database never selects entries by a part that
/// is not a code or an id of the shop.
///
/// # Examples
/// ```
/// use larder::{EncodeKey, Key, KeyError, KeyReader, KeyWriter};
/// use larder_product::FamilyKeyPart;
///
/// struct Page(u32);
///
/// impl FamilyKeyPart for Page {}
/// # impl std::fmt::Display for Page {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
/// # }
/// # impl Key for Page {
/// #     fn shape() -> String { u32::shape() }
/// #     fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> { u32::decode(reader).map(Self) }
/// # }
/// # impl EncodeKey<Page> for Page {
/// #     fn encode(&self, out: &mut KeyWriter) { self.0.encode(out) }
/// # }
/// ```
pub trait FamilyKeyPart: Key + fmt::Display {
    /// The kind of the part. `None` if it is not a code or an id of the shop.
    #[doc(hidden)]
    const PART: Option<Part> = None;

    /// Returns the value of this part among the known parts of a change.
    #[doc(hidden)]
    #[must_use]
    fn known(parts: &Parts) -> Option<&Self> {
        let _ = parts;
        None
    }

    /// Stores this part in `parts`.
    #[doc(hidden)]
    fn note(&self, parts: &mut Parts) {
        let _ = parts;
    }
}

/// Implements the trait for the codes and ids of the shop.
macro_rules! shop_parts {
    ($($kind:ident: $code:ty, $field:ident;)+) => {
        $(
            impl FamilyKeyPart for $code {
                const PART: Option<Part> = Some(Part::$kind);

                fn known(parts: &Parts) -> Option<&Self> {
                    parts.$field.as_ref()
                }

                fn note(&self, parts: &mut Parts) {
                    parts.$field = Some(self.clone());
                }
            }
        )+
    };
}

shop_parts! {
    Category: CategoryCode, category;
    Product: ProductCode, product;
    Data: DataCode, data;
    User: UserId, user;
    Merchant: MerchantCode, merchant;
}

macro_rules! other_parts {
    ($($part:ty),+) => {
        $(impl FamilyKeyPart for $part {})+
    };
}

other_parts!(String, Box<str>, Arc<str>, Cow<'static, str>, bool, char);
other_parts!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);
other_parts!(NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128);
other_parts!(NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128);

/// A key of a family: one part, a tuple of two to four parts, or `()` for a family with one entry.
///
/// Every [`FamilyKeyPart`], and every tuple of two to four of them, implements this trait.
pub trait FamilyKey: Key {
    /// The kinds of the parts, in order. `None` for a part that is not a code or an id of the shop.
    #[doc(hidden)]
    const PARTS: &'static [Option<Part>];

    /// Returns the codes and ids of the shop, and the text of every part.
    #[doc(hidden)]
    fn described(&self) -> (Parts, Vec<String>);

    /// Adds the removal of the entries of `keyspace` whose keys have the known `parts`.
    #[doc(hidden)]
    fn remove<V>(keyspace: &Keyspace<Self, V>, parts: &Parts, stale: &mut Invalidation) -> Result<(), Error>;
}

impl FamilyKey for () {
    const PARTS: &'static [Option<Part>] = &[];

    fn described(&self) -> (Parts, Vec<String>) {
        (Parts::default(), Vec::new())
    }

    fn remove<V>(keyspace: &Keyspace<Self, V>, _: &Parts, stale: &mut Invalidation) -> Result<(), Error> {
        stale.clear(keyspace);
        Ok(())
    }
}

impl<K: FamilyKeyPart> FamilyKey for K {
    const PARTS: &'static [Option<Part>] = &[K::PART];

    fn described(&self) -> (Parts, Vec<String>) {
        let mut parts = Parts::default();
        self.note(&mut parts);
        (parts, vec![text(self)])
    }

    fn remove<V>(keyspace: &Keyspace<Self, V>, parts: &Parts, stale: &mut Invalidation) -> Result<(), Error> {
        match K::known(parts) {
            Some(key) => stale.remove(keyspace, key)?,
            None => stale.clear(keyspace),
        };
        Ok(())
    }
}

/// Returns the text of a part. Parts that are not codes or ids of the shop may have control characters, which
/// are escaped.
fn text<K: FamilyKeyPart>(part: &K) -> String {
    let text = part.to_string();
    if K::PART.is_some() { text } else { text.escape_debug().to_string() }
}

/// A part of a pattern: the known value, or any value.
struct PartPattern<'a, K>(Option<&'a K>);

impl<K: Key> PatternPart<K> for PartPattern<'_, K> {
    fn write(&self, out: &mut PatternWriter) {
        match self.0 {
            Some(part) => part.write(out),
            None => PatternPart::<K>::write(&Any, out),
        }
    }
}

/// The first parts of a key, up to the first unknown part.
struct FirstParts<'a>(&'a Parts);

macro_rules! tuple_keys {
    ($($part:ident $name:ident),+) => {
        impl<$($part: FamilyKeyPart),+> KeyPrefix<($($part,)+)> for FirstParts<'_> {
            fn encode_prefix(&self, out: &mut KeyWriter) {
                // The closure ends at the first unknown part.
                let _: Option<()> = (|| {
                    $(EncodeKey::<$part>::encode($part::known(self.0)?, out);)+
                    Some(())
                })();
            }
        }

        impl<$($part: FamilyKeyPart),+> FamilyKey for ($($part,)+) {
            const PARTS: &'static [Option<Part>] = &[$($part::PART),+];

            fn described(&self) -> (Parts, Vec<String>) {
                let mut parts = Parts::default();
                let ($($name,)+) = self;
                $($name.note(&mut parts);)+
                (parts, vec![$(text($name)),+])
            }

            fn remove<V>(
                keyspace: &Keyspace<Self, V>,
                parts: &Parts,
                stale: &mut Invalidation,
            ) -> Result<(), Error> {
                let ($($name,)+) = ($($part::known(parts),)+);
                if let ($(Some($name),)+) = ($($name,)+) {
                    stale.remove(keyspace, &($($name,)+))?;
                    return Ok(());
                }
                let known = [$($name.is_some()),+];
                let mut after_first = known.iter().skip_while(|is_known| **is_known);
                if !known.contains(&true) {
                    stale.clear(keyspace);
                } else if after_first.all(|is_known| !is_known) {
                    // The known parts come first, so a prefix covers the entries, whatever the types of the
                    // other parts.
                    stale.remove_prefix(keyspace, FirstParts(parts));
                } else if stale.remove_matching(keyspace, ($(PartPattern($name),)+)).is_err() {
                    // No pattern is possible, because the encoded length of an unknown part cannot be
                    // determined. Removing too many entries is harmless, but an error would keep the stale
                    // entries of every family.
                    stale.clear(keyspace);
                }
                Ok(())
            }
        }
    };
}

tuple_keys!(A a, B b);
tuple_keys!(A a, B b, C c);
tuple_keys!(A a, B b, C c, D d);
