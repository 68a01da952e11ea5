//! A key in the form that the caller passed. It is hashed and compared without being encoded.

use std::marker::PhantomData;

use super::EncodeKey;
use super::bytes::KeyWriter;
use super::hash::KeyspaceSeed;
use crate::format::stored_key::{AfterStart, StoredKey};

/// A full key that is not encoded. This is a trait and not a closure, because a closure cannot be marked
/// `inline(always)`.
///
/// A key is passed by value, even to functions that are not inlined. Otherwise its address would keep it in
/// memory, and every hit would write it there.
pub(crate) trait UnencodedKey: Copy {
    /// Returns the hash of the key. It is the hash of the encoded key, unless a text or byte part has a zero
    /// byte.
    fn hash(self) -> u64;

    /// Returns whether the key is certainly encoded as `stored`. Always false for a key with a zero byte in
    /// a text or byte part ([`super::matcher`]).
    fn is(self, stored: &StoredKey) -> bool;
}

/// A borrowed form of a key, with the keyspace of the key. It has two pointers, so it stays in registers.
#[derive(Debug)]
pub(crate) struct KeyForm<'a, K, Q: ?Sized> {
    seed: &'a KeyspaceSeed,
    form: &'a Q,
    key: PhantomData<fn() -> K>,
}

impl<'a, K, Q: EncodeKey<K> + ?Sized> KeyForm<'a, K, Q> {
    #[inline(always)]
    pub(crate) const fn new(seed: &'a KeyspaceSeed, form: &'a Q) -> Self {
        Self { seed, form, key: PhantomData }
    }

    /// Compares the key with stored bytes that follow the number of the keyspace.
    #[inline(always)]
    fn is_rest(self, stored: &[u8]) -> bool {
        let mut writer = KeyWriter::to_matcher(stored);
        self.form.encode(&mut writer);
        writer.is_match()
    }
}

// `Clone` is not derived, because a derive would require that `K` and `Q` implement it.
impl<K, Q: ?Sized> Clone for KeyForm<'_, K, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, Q: ?Sized> Copy for KeyForm<'_, K, Q> {}

/// Both functions call the form's `encode`, like a write of the key. So a lookup by a user's key type
/// matches only the bytes that this type writes.
impl<K, Q: EncodeKey<K> + ?Sized> UnencodedKey for KeyForm<'_, K, Q> {
    #[inline(always)]
    fn hash(self) -> u64 {
        let mut writer = KeyWriter::to_hasher(*self.seed);
        self.form.encode(&mut writer);
        writer.hash()
    }

    #[inline(always)]
    fn is(self, stored: &StoredKey) -> bool {
        let Some((start, rest)) = stored.split_start() else { return false };
        if *start != self.seed.start() {
            return false;
        }
        #[expect(
            clippy::match_same_arms,
            reason = "each arm has its own copy of the comparison; that of short keys needs less code"
        )]
        match rest {
            AfterStart::InPlace(rest) => self.is_rest(rest),
            AfterStart::Boxed(rest) => self.is_rest(rest),
        }
    }
}

#[cfg(test)]
mod tests;
