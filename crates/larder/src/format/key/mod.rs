//! Keys. A key has a type, can be looked up by any borrowed form, and is encoded so that the bytes sort in
//! key order.
//!
//! The encoding is *prefix-free* within a type: the bytes of one key never begin with the bytes of another
//! key. So no two keys have the same bytes. The bytes of a key begin with those of a tuple's first parts
//! only if the key has these parts. So [`remove_prefix`](crate::Keyspace::remove_prefix) is exact:
//!
//! | part | bytes | why |
//! |---|---|---|
//! | text, bytes | each `00` as `00 FF`, then `00 00` | the end sorts before every continuation |
//! | `u8` to `u128` | big endian | bytes sort as numbers |
//! | `i8` to `i128` | big endian, sign bit flipped | negatives sort first |
//! | `bool` | `00` or `01` | `false` sorts first |
//! | `char` | its number, as a `u32` | characters sort by number |
//! | `[u8; N]`, UUID | its bytes | the length is the same in every key |
//! | option | `00`, or `01` and the key | `None` sorts before each `Some` |
//! | tuple | its parts, in turn | parts are prefix-free, so the tuple is too |
//! | `()` | nothing | the one key of a keyspace that holds one entry |
//!
//! These bytes are part of the file format, and a test pins them. larder has its own encoding because every
//! lookup takes a borrowed form of its key. A serde codec would need the owned type.
//!
//! Each form has the function [`EncodeKey::encode`], which passes its parts to a [`KeyWriter`]. The writer
//! encodes the parts into a [`buffer`], adds them to a [`hash`], or compares them with stored bytes
//! ([`matcher`]). A lookup hashes and compares the key ([`unencoded`]), and encodes it only if that finds
//! nothing.

#![expect(
    clippy::inline_always,
    reason = "a hit is fast only if the compiler sees all parts of its key at once"
)]

pub(crate) mod buffer;
pub(crate) mod bytes;
mod compound;
pub(crate) mod error;
mod fixed_width;
mod forms;
pub(crate) mod hash;
mod matcher;
pub(crate) mod scope;
pub(crate) mod shape;
pub(crate) mod spelling;
pub(crate) mod unencoded;

use bytes::{KeyReader, KeyWriter};
use error::KeyError;

/// Maximum length of an encoded key, in bytes. A longer key is refused. If a key were longer than a page of
/// the store, every lookup would read several pages.
pub const MAX_KEY_LEN: usize = 4096;

/// A type that can be the key of a [`Keyspace`](crate::Keyspace).
///
/// Implemented for
/// - `String`, `Box<str>`, `Arc<str>`, `Cow<'static, str>` and `Vec<u8>`;
/// - `u8` to `u128` and `i8` to `i128`, but not `usize` and `isize`, whose width depends on the machine;
/// - `NonZeroU8` to `NonZeroU128` and `NonZeroI8` to `NonZeroI128`, `bool`, `char`, `[u8; N]`, and `Uuid`
///   with the feature `uuid`;
/// - `Option` of a key, tuples of two to four keys, and `()`.
///
/// # Your own types
/// With the feature `derive`, one line makes a newtype, a struct or an enum a key. A newtype is encoded like
/// its field. Lookups take the field's type, and also `&str` if the field is text:
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use larder::{Any, Cache, KeyspaceDefinition};
///
/// #[derive(larder::Key)]
/// struct ProductCode(String);
///
/// #[derive(Clone, Copy, larder::Key)]
/// enum Channel {
///     Web,
///     #[key(rename = "ussd")]
///     Ussd,
/// }
///
/// #[derive(larder::Key)]
/// struct Offer {
///     product: ProductCode,
///     channel: Channel,
/// }
///
/// const OFFER: KeyspaceDefinition<Offer, u64> = KeyspaceDefinition::new("offer");
///
/// let cache = Cache::builder().open()?;
/// let offers = cache.keyspace(OFFER)?;
/// offers.insert(Offer { product: ProductCode("MTNVTU".to_owned()), channel: Channel::Web }, 95)?;
/// offers.insert(("MTNVTU", Channel::Ussd), 90)?;
/// assert_eq!(offers.get(("MTNVTU", Channel::Web)).as_deref(), Some(&95));
/// assert_eq!(offers.remove_matching((Any, Channel::Web))?, 1);
/// assert_eq!(offers.remove_prefix(("MTNVTU",))?, 1);
/// # Ok::<(), larder::Error>(())
/// ```
///
/// An enum is encoded as the name of its variant. So it sorts by name, and its variants may be reordered.
/// For options such as `rename`, see the derive macro.
///
/// # By hand
/// Encode the key that the type wraps, and implement [`EncodeKey`] for every form that looks it up:
///
/// ```
/// use larder::{EncodeKey, Key, KeyError, KeyReader, KeyWriter};
///
/// struct ProductCode(String);
///
/// impl Key for ProductCode {
///     fn shape() -> String {
///         String::shape()
///     }
///     fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
///         Ok(Self(reader.text()?))
///     }
/// }
///
/// impl EncodeKey<ProductCode> for ProductCode {
///     fn encode(&self, out: &mut KeyWriter) {
///         out.text(&self.0);
///     }
/// }
///
/// impl EncodeKey<ProductCode> for str {
///     fn encode(&self, out: &mut KeyWriter) {
///         out.text(self);
///     }
/// }
/// ```
///
/// Equal keys must encode to the same bytes, and different keys to different bytes. `decode` must read back
/// the key that was encoded.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key type",
    note = "your own type becomes a key by `#[derive(larder::Key)]`, with the feature `derive`"
)]
pub trait Key: EncodeKey<Self> + Sized + Send + Sync + 'static {
    /// Returns the shape of the encoding, such as `string` or `(string, u64)`. The file stores the shape. If
    /// the shape has changed, the keyspace starts empty. If only the key type has changed, the keyspace
    /// keeps its entries. Then raise the keyspace's version if the bytes have a different meaning.
    fn shape() -> String;

    /// Reads a key back from its bytes.
    ///
    /// # Errors
    /// Returns an error if the bytes are not a key of this type. Calls that list keys then omit this key.
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError>;
}

/// A form of a key with which a caller can look up a `K`. The form encodes to the same bytes as the equal
/// `K`.
///
/// Examples are `str` for `String`, `[u8]` for `Vec<u8>`, `(&str, u64)` for `(String, u64)`, `Option<&str>`
/// for `Option<String>`, and references to any of these forms.
///
/// Every call of a keyspace takes a key as a form, by value or by reference. So `get("a")`, `get(&name)` and
/// `get(name)` look up the same `String`, and `get(("a", 7))` and `get(&("a", 7))` the same pair. `None`
/// needs its type, as in `get(None::<&str>)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not look up keys of type `{K}`",
    note = "a key is looked up by the same type, by a borrowed form of it such as `&str` for `String`, and by \
            references to these"
)]
pub trait EncodeKey<K: ?Sized> {
    /// Writes the key's bytes.
    ///
    /// A call of a keyspace may call this function several times: to hash the key, to compare it with a
    /// stored key, and to encode it. Each call must write the same parts. Otherwise a lookup may miss an
    /// entry, but it never returns the entry of a different key.
    ///
    /// This function must not call the cache. A lookup compares the key with stored keys under a lock, so
    /// such a call could wait forever.
    fn encode(&self, out: &mut KeyWriter);
}

/// The beginning of keys of type `K`. One call can remove all keys with the same beginning.
///
/// For a tuple, the beginning is one or more of its first parts, each complete: `("MTNDATA",)` begins
/// `("MTNDATA", "1GB")`, but not `("MTNDATA2", "1GB")`. For `String`, `Vec<u8>` and `[u8; N]`, it is the
/// first characters or bytes. For an `Option`, it is `None`, or `Some` of a beginning. Every call takes a
/// beginning by value or by reference, like a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the beginning of keys of type `{K}`",
    note = "the beginning of a tuple is a tuple of its first parts, such as `(\"MTNDATA\",)` for \
            `(String, u64)`; the beginning of a `String` is a `&str`; a number has none"
)]
pub trait KeyPrefix<K> {
    /// Writes the bytes that begin every key with this prefix, and no other key.
    fn encode_prefix(&self, out: &mut KeyWriter);
}

// Inlined, because every lookup passes its key by reference.
impl<K, T: EncodeKey<K> + ?Sized> EncodeKey<K> for &T {
    #[inline(always)]
    fn encode(&self, out: &mut KeyWriter) {
        T::encode(self, out);
    }
}

impl<K, T: EncodeKey<K> + ?Sized> EncodeKey<K> for &mut T {
    #[inline(always)]
    fn encode(&self, out: &mut KeyWriter) {
        T::encode(self, out);
    }
}

impl<K, T: KeyPrefix<K> + ?Sized> KeyPrefix<K> for &T {
    fn encode_prefix(&self, out: &mut KeyWriter) {
        T::encode_prefix(self, out);
    }
}

/// Reads a key, which must use all of the bytes.
pub(crate) fn decode<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader)?;
    reader.finish()?;
    Ok(key)
}

#[cfg(test)]
mod tests;
