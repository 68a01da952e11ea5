//! The fast path: a hit in memory. Most lookups execute only this code.
//!
//! 1. Hash the borrowed key. Nothing is encoded.
//! 2. Look up the hash in memory under the shared lock, and compare the borrowed key with the stored bytes.
//! 3. If the keyspace has a time to idle, encode the key, and extend the entry's life if necessary.
//! 4. Count the hit.
//!
//! Separate functions handle all other cases, so that these cases add no code or register use to the fast
//! path. Examples are a key that memory does not have, an entry that expires within milliseconds, and a key
//! with a zero byte in a text. The functions encode the key and look it up again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::unencoded::KeyForm;
use crate::format::key::{EncodeKey, Key};
use crate::memory::entry::Value;
use crate::memory::extras::EntryExtras;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key and its expiry, and counts a hit. If it is not certain that memory
    /// has a live value, returns `None` and counts nothing. Then the caller encodes the key and looks it up
    /// again.
    #[expect(clippy::inline_always, reason = "more callers would keep it out of line")]
    #[inline(always)]
    pub(super) fn hit<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<(Arc<V>, Timestamp)> {
        let unencoded = KeyForm::new(&self.seed, key);
        let (value, expires_at) = if self.is_remote() {
            self.shared.tiers.near_hit(unencoded)?
        } else {
            self.shared.tiers.hit_in_memory(unencoded)?
        };
        Some((self.note_hit(key, value, expires_at)?, expires_at))
    }

    /// Like [`hit`](Self::hit), but also returns the extras of the entry.
    #[inline]
    pub(super) fn hit_with_extras<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
    ) -> Option<(Arc<V>, Timestamp, Option<EntryExtras>)> {
        let unencoded = KeyForm::new(&self.seed, key);
        if self.is_remote() {
            let (value, expires_at, extras) = self.shared.tiers.near_hit_with_extras(unencoded)?;
            return Some((self.note_hit(key, value, expires_at)?, expires_at, extras));
        }
        let (value, expires_at, extras) = self.shared.tiers.hit_in_memory_with_extras(unencoded)?;
        Some((self.note_hit(key, value, expires_at)?, expires_at, extras))
    }

    /// Runs steps 3 and 4. Returns the value with its type.
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    fn note_hit<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        value: Value,
        expires_at: Timestamp,
    ) -> Option<Arc<V>> {
        let value = Self::typed(value)?;
        if self.definition.idle_limit().is_some() {
            self.note_unencoded_use(key, expires_at);
        }
        let counters = &self.opened.counters;
        let id = self.seed.keyspace();
        self.shared.count_unencoded(counters, Count::MemoryHits, id, || self.encode_sampled(key));
        #[cfg(feature = "trace-lookups")]
        self.trace(Count::MemoryHits);
        Some(value)
    }

    #[cold]
    #[inline(never)]
    fn note_unencoded_use<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, expires_at: Timestamp) {
        if let Ok(full) = self.encode(key) {
            self.note_use(self.shared.tiers.memory.key(full.as_slice()), expires_at);
        }
    }

    #[cold]
    fn encode_sampled<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<KeyBuffer> {
        self.encode(key).ok()
    }
}
