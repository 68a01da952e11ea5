//! Keys: typed, looked up by any borrowed form, and encoded so that bytes sort as keys do.
//!
//! The encoding is *prefix-free* within a type: no key's bytes begin another key's bytes. So no two keys have
//! the same bytes, and the bytes of a tuple's first parts begin exactly the keys that have those parts. That
//! makes [`remove_prefix`](crate::Keyspace::remove_prefix) exact:
//!
//! | part | bytes | why |
//! |---|---|---|
//! | text, bytes | each `00` as `00 FF`, then `00 00` | the end sorts before every continuation |
//! | `u8` to `u128` | big endian | bytes sort as numbers |
//! | `i8` to `i128` | big endian, sign bit flipped | negatives sort first |
//! | tuple | its parts, in turn | parts are prefix-free, so the whole is |
//! | `()` | nothing | the one key of a keyspace that holds one entry |
//!
//! These bytes are part of the file format, and a test pins them. Why our own: every lookup encodes its key,
//! from a borrowed form into a buffer in place. A codec of serde would need the owned type.

pub(crate) mod bytes;
pub(crate) mod error;
mod forms;
pub(crate) mod scope;
pub(crate) mod shape;
pub(crate) mod spelling;

use bytes::{KeyReader, KeyWriter};
use error::KeyError;

/// Maximum length of an encoded key, in bytes. Longer keys are refused: if a key were longer than a page of
/// the store, every lookup would read several pages.
pub const MAX_KEY_LEN: usize = 4096;

/// A type that can be the key of a [`Keyspace`](crate::Keyspace).
///
/// Implemented for `String`, `Vec<u8>`, the integers, `()`, and tuples of two to four keys. For a type of
/// your own, encode the part that it is made of, and implement [`EncodeKey`] for every borrowed form:
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
/// Equal keys must encode to the same bytes, and different keys to different ones. `decode` must read back
/// the key that was encoded.
pub trait Key: EncodeKey<Self> + Sized + Send + Sync + 'static {
    /// Returns the shape of the encoding, such as `string` or `(string, u64)`. The file keeps it: a keyspace
    /// whose keys changed their shape starts empty.
    fn shape() -> String;

    /// Reads a key back from its bytes.
    ///
    /// # Errors
    /// When the bytes are not a key of this type. The entry is then skipped and counted.
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError>;
}

/// A form that looks up a `K`. It encodes to the same bytes as the `K` that it stands for.
///
/// For example `str` for `String`, `[u8]` for `Vec<u8>`, `(&str, u64)` for `(String, u64)`, and references to
/// any of them.
pub trait EncodeKey<K: ?Sized> {
    /// Writes the key's bytes.
    fn encode(&self, out: &mut KeyWriter);
}

/// The beginning of keys of type `K`. All keys with the same beginning can be removed at once.
///
/// For a tuple, its first part or parts, each whole: `("MTNDATA",)` begins `("MTNDATA", "1GB")` and not
/// `("MTNDATA2", "1GB")`. For `String` and `Vec<u8>`, the first characters or bytes.
pub trait KeyPrefix<K> {
    /// Writes the bytes that begin every key with this prefix, and no other key.
    fn encode_prefix(&self, out: &mut KeyWriter);
}

impl<K, T: EncodeKey<K> + ?Sized> EncodeKey<K> for &T {
    fn encode(&self, out: &mut KeyWriter) {
        T::encode(self, out);
    }
}

/// Reads a whole key. No bytes may follow it.
pub(crate) fn decode<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader)?;
    reader.finish()?;
    Ok(key)
}

#[cfg(test)]
mod tests;
