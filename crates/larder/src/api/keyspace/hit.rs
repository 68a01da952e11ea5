//! The fast path: a hit in memory. Most lookups execute only this code.
//!
//! 1. Hash the borrowed key. Nothing is encoded.
//! 2. Look up the hash in memory under the shared lock, and compare the borrowed key with the stored bytes.
//! 3. If the keyspace has a time to idle and an extension of the entry's life is due, encode the key, and
//!    extend the life.
//! 4. Count the hit.
//!
//! Separate functions handle all other cases, so that these cases add no code or register use to the fast
//! path. Examples are a key that memory does not have, an entry that expires within milliseconds, and a key
//! with a zero byte in a text. The functions encode the key and look it up again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use crate::format::key::unencoded::KeyForm;
use crate::format::key::{EncodeKey, Key};
use crate::memory::entry::Value;
use crate::memory::extras::EntryExtras;
use crate::stats::count::Count;
use crate::stats::observe::Sample;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key and its expiry, and counts a hit. If it is not certain that memory
    /// has a live value, returns `None` and counts nothing. Then the caller encodes the key and looks it up
    /// again.
    #[expect(clippy::inline_always, reason = "more callers would keep it out of line")]
    #[inline(always)]
    pub(super) fn hit<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<(Arc<V>, Timestamp)> {
        self.hit_read_by(key, RecordReader::Caller)
    }

    /// Like [`hit`](Self::hit), for a call of async code, which must not read the file.
    #[cfg(feature = "async")]
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(super) fn hit_of_task<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<(Arc<V>, Timestamp)> {
        self.hit_read_by(key, RecordReader::Worker)
    }

    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(super) fn hit_read_by<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        reader: RecordReader,
    ) -> Option<(Arc<V>, Timestamp)> {
        if !self.has_plain_hits {
            return if self.is_remote() { self.near_hit(key) } else { self.idle_hit(key, reader) };
        }
        let (value, expires_at) = self.shared.tiers.hit_in_memory(KeyForm::new(&self.seed, key))?;
        Some((self.count_hit(key, Self::typed(value)?), expires_at))
    }

    /// Does the same as [`hit`](Self::hit), for a keyspace of a remote tier.
    #[inline(never)]
    fn near_hit<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Option<(Arc<V>, Timestamp)> {
        if self.definition.idle_limit().is_some() {
            return self.near_hit_with_extras(key).map(|(value, expires_at, _)| (value, expires_at));
        }
        let (value, expires_at) = self.shared.tiers.near_hit(KeyForm::new(&self.seed, key))?;
        Some((self.count_hit(key, Self::typed(value)?), expires_at))
    }

    /// Like [`near_hit`](Self::near_hit), and also returns the extras of the entry. A use is sent to the
    /// server with the extras. They are taken together with the value, because the entry may leave memory
    /// after that.
    #[inline(never)]
    fn near_hit_with_extras<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
    ) -> Option<(Arc<V>, Timestamp, Option<EntryExtras>)> {
        let unencoded = KeyForm::new(&self.seed, key);
        let (value, expires_at, extras) = self.shared.tiers.near_hit_with_extras(unencoded)?;
        let value = Self::typed(value)?;
        if self.is_extension_due(expires_at) {
            return Some(self.send_use_and_count_hit(key, value, (expires_at, extras)));
        }
        Some((self.count_hit(key, value), expires_at, extras))
    }

    /// Does the same as [`hit`](Self::hit), for a keyspace with a time to idle.
    #[inline(never)]
    fn idle_hit<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        reader: RecordReader,
    ) -> Option<(Arc<V>, Timestamp)> {
        let (value, expires_at) = self.shared.tiers.hit_in_memory(KeyForm::new(&self.seed, key))?;
        Some((self.note_hit(key, value, expires_at, reader)?, expires_at))
    }

    /// Like [`hit`](Self::hit), but also returns the extras of the entry.
    #[inline]
    pub(super) fn hit_with_extras<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
    ) -> Option<(Arc<V>, Timestamp, Option<EntryExtras>)> {
        if self.is_remote() {
            return self.near_hit_with_extras(key);
        }
        let unencoded = KeyForm::new(&self.seed, key);
        let (value, expires_at, extras) = self.shared.tiers.hit_in_memory_with_extras(unencoded)?;
        Some((self.note_hit(key, value, expires_at, RecordReader::Caller)?, expires_at, extras))
    }

    /// Runs steps 3 and 4. Returns the value with its type.
    #[expect(clippy::inline_always, reason = "of the path of a hit with a time to idle")]
    #[inline(always)]
    fn note_hit<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        value: Value,
        expires_at: Timestamp,
        reader: RecordReader,
    ) -> Option<Arc<V>> {
        let value = Self::typed(value)?;
        if self.is_extension_due(expires_at) {
            return Some(self.extend_and_count_hit(key, value, (expires_at, reader)));
        }
        Some(self.count_hit(key, value))
    }

    /// Runs steps 3 and 4 for an entry whose life the hit extends.
    #[inline(never)]
    fn extend_and_count_hit<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        value: Arc<V>,
        (expires_at, reader): (Timestamp, RecordReader),
    ) -> Arc<V> {
        if let Ok(full) = self.encode(key) {
            self.note_use(self.shared.tiers.memory.key(full.as_slice()), expires_at, reader);
        }
        self.count_hit(key, value)
    }

    /// Runs steps 3 and 4 for a near copy whose use is sent to the server.
    #[inline(never)]
    fn send_use_and_count_hit<Q: EncodeKey<K> + ?Sized>(
        &self,
        key: &Q,
        value: Arc<V>,
        (expires_at, extras): (Timestamp, Option<EntryExtras>),
    ) -> (Arc<V>, Timestamp, Option<EntryExtras>) {
        if let Ok(full) = self.encode(key) {
            self.note_near_use(self.shared.tiers.memory.key(full.as_slice()), expires_at, extras);
        }
        (self.count_hit(key, value), expires_at, extras)
    }

    /// Runs step 4.
    ///
    /// The functions for the rare cases take the value and return it. If this function kept it, every hit
    /// would write it to the stack, because those functions may panic.
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    fn count_hit<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, value: Arc<V>) -> Arc<V> {
        #[cfg(feature = "trace-lookups")]
        self.trace(Count::MemoryHits);
        match self.opened.counters.number_as_owner(Count::MemoryHits) {
            None => self.count_hit_slowly(key, value),
            Some(counted) => match self.sample_of_hit(counted) {
                None => value,
                Some(sample) => self.observe_hit(key, value, sample),
            },
        }
    }

    #[inline]
    fn sample_of_hit(&self, counted: u64) -> Option<Sample> {
        self.shared.observer.sample(Count::MemoryHits, counted, self.seed.keyspace())
    }

    /// Runs step 4 for a thread that owns no stripe of the counters.
    #[cold]
    #[inline(never)]
    fn count_hit_slowly<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, value: Arc<V>) -> Arc<V> {
        match self.sample_of_hit(self.opened.counters.number(Count::MemoryHits)) {
            None => value,
            Some(sample) => self.observe_hit(key, value, sample),
        }
    }

    #[cold]
    #[inline(never)]
    fn observe_hit<Q: EncodeKey<K> + ?Sized>(&self, key: &Q, value: Arc<V>, sample: Sample) -> Arc<V> {
        if let Ok(full) = self.encode(key) {
            self.shared.observe(sample, Count::MemoryHits, full.as_slice());
        }
        value
    }
}
