//! Keys: typed, looked up by any borrowed form, and encoded so that the bytes sort as the keys do.
//!
//! The encoding is *prefix-free* within a type: the bytes of one key never begin with the bytes of another
//! key. So no two keys have the same bytes. A key begins with the bytes of a tuple's first parts only if the
//! key has those parts. So [`remove_prefix`](crate::Keyspace::remove_prefix) is exact:
//!
//! | part | bytes | why |
//! |---|---|---|
//! | text, bytes | each `00` as `00 FF`, then `00 00` | the end sorts before every continuation |
//! | `u8` to `u128` | big endian | bytes sort as numbers |
//! | `i8` to `i128` | big endian, sign bit flipped | negatives sort first |
//! | tuple | its parts, in turn | parts are prefix-free, so the tuple is too |
//! | `()` | nothing | the one key of a keyspace that holds one entry |
//!
//! These bytes are part of the file format, and a test pins them. larder has its own encoding because every
//! lookup encodes a borrowed form of its key into an inline buffer. A serde codec would need the owned type.

pub(crate) mod bytes;
pub(crate) mod error;
mod forms;
pub(crate) mod scope;
pub(crate) mod shape;
pub(crate) mod spelling;

use bytes::{KeyReader, KeyWriter};
use error::KeyError;

/// Maximum length of an encoded key, in bytes. A longer key is refused. If a key were longer than a page of
/// the store, every lookup would read several pages.
pub const MAX_KEY_LEN: usize = 4096;

/// A type that can be the key of a [`Keyspace`](crate::Keyspace).
///
/// Implemented for `String`, `Vec<u8>`, the integers, `()`, and tuples of two to four keys. For your own
/// type, encode the key that the type wraps, and implement [`EncodeKey`] for every borrowed form:
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
pub trait Key: EncodeKey<Self> + Sized + Send + Sync + 'static {
    /// Returns the shape of the encoding, such as `string` or `(string, u64)`. The file stores the shape. If
    /// the shape has changed, the keyspace starts empty.
    fn shape() -> String;

    /// Reads a key back from its bytes.
    ///
    /// # Errors
    /// Returns an error if the bytes are not a key of this type. Calls that list keys then leave out this
    /// key.
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError>;
}

/// A form of a key that looks up a `K`. The form encodes to the same bytes as the equal `K`.
///
/// Examples are `str` for `String`, `[u8]` for `Vec<u8>`, `(&str, u64)` for `(String, u64)`, and references
/// to any of these forms.
pub trait EncodeKey<K: ?Sized> {
    /// Writes the key's bytes.
    fn encode(&self, out: &mut KeyWriter);
}

/// The beginning of keys of type `K`. All keys with the same beginning can be removed by one call.
///
/// For a tuple, the beginning is one or more of its first parts, each complete: `("MTNDATA",)` begins
/// `("MTNDATA", "1GB")`, but not `("MTNDATA2", "1GB")`. For `String` and `Vec<u8>`, it is the first
/// characters or bytes.
pub trait KeyPrefix<K> {
    /// Writes the bytes that begin every key with this prefix, and no other key.
    fn encode_prefix(&self, out: &mut KeyWriter);
}

impl<K, T: EncodeKey<K> + ?Sized> EncodeKey<K> for &T {
    fn encode(&self, out: &mut KeyWriter) {
        T::encode(self, out);
    }
}

/// Reads a key from all of the bytes.
pub(crate) fn decode<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader)?;
    reader.finish()?;
    Ok(key)
}

#[cfg(test)]
mod tests;
