//! A full key, as a slot stores it. A short key is stored in place, so that a lookup compares it without
//! following a pointer.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Maximum length of a key that is stored in place, in bytes. 22 bytes are enough for sixteen bytes of text,
/// their end mark and the number of the keyspace.
const IN_PLACE: usize = 22;

/// The owned bytes of a full key. The type takes 24 bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredKey(KeyBytes);

#[derive(Clone, PartialEq, Eq)]
enum KeyBytes {
    InPlace { len: u8, bytes: [u8; IN_PLACE] },
    Boxed(Box<[u8]>),
}

impl StoredKey {
    /// The key of a slot without an entry.
    pub(crate) const EMPTY: Self = Self(KeyBytes::InPlace { len: 0, bytes: [0; IN_PLACE] });

    /// Returns whether a key of this length takes no block of its own.
    pub(crate) const fn is_in_place(len: usize) -> bool {
        len <= IN_PLACE
    }
}

/// The bytes of a key after its first `N` bytes.
pub(crate) enum AfterStart<'a> {
    /// The key is stored in place. So the compiler knows the maximum length of these bytes.
    InPlace(&'a [u8]),
    Boxed(&'a [u8]),
}

impl StoredKey {
    /// Splits the key after its first `N` bytes. Returns `None` for a shorter key.
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(crate) fn split_start<const N: usize>(&self) -> Option<(&[u8; N], AfterStart<'_>)> {
        match &self.0 {
            KeyBytes::InPlace { len, bytes } => {
                let (start, room) = bytes.split_first_chunk()?;
                // For a shorter key, the difference wraps, and no room is that long.
                let rest = room.get(..usize::from(*len).wrapping_sub(N))?;
                Some((start, AfterStart::InPlace(rest)))
            }
            KeyBytes::Boxed(bytes) => {
                let (start, rest) = bytes.split_first_chunk()?;
                Some((start, AfterStart::Boxed(rest)))
            }
        }
    }
}

impl From<&[u8]> for StoredKey {
    fn from(key: &[u8]) -> Self {
        match u8::try_from(key.len()) {
            Ok(len) if Self::is_in_place(key.len()) => Self(KeyBytes::InPlace { len, bytes: in_place(key) }),
            _ => Self(KeyBytes::Boxed(key.into())),
        }
    }
}

/// Copies a key of at most [`IN_PLACE`] bytes, and adds zeros. A call of `memcpy` takes longer than the
/// copy of so few bytes.
#[inline]
fn in_place(key: &[u8]) -> [u8; IN_PLACE] {
    let (words, rest) = key.as_chunks::<8>();
    let last = match key.last_chunk::<8>() {
        // Two shifts, because a shift by 64 would overflow.
        Some(last) => u64::from_le_bytes(*last) >> (8 * (7 - rest.len())) >> 8,
        None => rest.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    };
    let word = |at: usize| match words.get(at) {
        Some(word) => u64::from_le_bytes(*word),
        None if at == words.len() => last,
        None => 0,
    };
    let (low, high) = (u128::from(word(0)) | u128::from(word(1)) << 64, word(2));
    let mut bytes = [0; IN_PLACE];
    if let Some(room) = bytes.first_chunk_mut::<16>() {
        *room = low.to_le_bytes();
    }
    if let (Some(room), Some(rest)) = (bytes.last_chunk_mut::<6>(), high.to_le_bytes().first_chunk()) {
        *room = *rest;
    }
    bytes
}

/// Allows searching a map with these keys by bytes.
impl Borrow<[u8]> for StoredKey {
    fn borrow(&self) -> &[u8] {
        self
    }
}

/// Hashes only the bytes, as [`Borrow`] requires.
impl Hash for StoredKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Deref for StoredKey {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            KeyBytes::InPlace { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            KeyBytes::Boxed(bytes) => bytes,
        }
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_length_come_back() {
        assert_eq!(size_of::<StoredKey>(), 24);
        for len in 0..3 * IN_PLACE {
            let key: Vec<u8> = (0..len).map(|at| u8::try_from(at).unwrap()).collect();
            let stored = StoredKey::from(key.as_slice());
            assert_eq!(*stored, *key);
            assert_eq!(matches!(stored.0, KeyBytes::InPlace { .. }), StoredKey::is_in_place(len));
        }
    }
}
