//! Keys: typed, looked up by any borrowed form, and encoded so that bytes sort as keys do.
//!
//! The encoding is *prefix-free* within a type: no key's bytes begin another key's bytes. Hence no two keys
//! collide, and the bytes of a tuple's first parts begin exactly the keys that have those parts, which is what
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
//! These bytes are part of the file format: a test pins them.

pub(crate) mod bytes;
pub(crate) mod error;
mod forms;
pub(crate) mod scope;
pub(crate) mod shape;
pub(crate) mod spelling;

use bytes::{KeyReader, KeyWriter};
use error::KeyError;

/// The most bytes a key may have, encoded. Longer ones are refused: a key longer than a page of the store makes
/// every lookup read several.
pub const MAX_KEY_LEN: usize = 4096;

/// A type that can be the key of a [`Keyspace`](crate::Keyspace).
///
/// Implemented for `String`, `Vec<u8>`, the integers, `()`, and tuples of two to four keys. For a code type of your own,
/// delegate to the part it is made of, and give every borrowed form an [`EncodeKey`]:
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
/// Encoding must be the same for equal keys, different for different ones, and what `decode` reads back.
pub trait Key: EncodeKey<Self> + Sized + Send + Sync + 'static {
    /// The shape of the encoding, such as `string` or `(string, u64)`. It is stored with the keyspace: a keyspace whose keys
    /// changed shape starts empty.
    fn shape() -> String;

    /// Reads a key back from its bytes.
    ///
    /// # Errors
    /// When the bytes are not a key of this type. The entry is then skipped and counted.
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError>;
}

/// A form that looks up a `K`: it encodes to the same bytes as the `K` it stands for.
///
/// `str` for `String`, `[u8]` for `Vec<u8>`, `(&str, u64)` for `(String, u64)`, and references to any of them.
pub trait EncodeKey<K: ?Sized> {
    /// Writes the key's bytes.
    fn encode(&self, out: &mut KeyWriter);
}

/// The beginning of keys of type `K`: all keys that start so can be removed at once.
///
/// For a tuple, its first part or parts, each whole: `("MTNDATA",)` begins `("MTNDATA", "1GB")` and not
/// `("MTNDATA2", "1GB")`. For `String` and `Vec<u8>`, leading characters or bytes.
pub trait KeyPrefix<K> {
    /// Writes the bytes that every key with this prefix, and no other, begins with.
    fn encode_prefix(&self, out: &mut KeyWriter);
}

impl<K, T: EncodeKey<K> + ?Sized> EncodeKey<K> for &T {
    fn encode(&self, out: &mut KeyWriter) {
        T::encode(self, out);
    }
}

/// Reads a whole key: nothing may follow it.
pub(crate) fn decode<K: Key>(bytes: &[u8]) -> Result<K, KeyError> {
    let mut reader = KeyReader::new(bytes);
    let key = K::decode(&mut reader)?;
    reader.finish()?;
    Ok(key)
}

#[cfg(test)]
mod tests;
