//! Filling memory from the disk, by lease.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::engine::lookup::Stored;
use crate::format::codec::CodecError;
use crate::format::key::Key;
use crate::format::record::Header;
use crate::memory::Memory;
use crate::memory::evicted_values::Remains;
use crate::memory::leases::{LeaseId, Permit};
use crate::memory::slot::{Entry, Found, Refused, SlotKey};
use crate::stats::counters::Count;
use crate::sys::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// A lease, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    memory: &'a Memory,
    pub(super) key: SlotKey<'a>,
    pub(super) id: LeaseId,
}

impl<'a> Lease<'a> {
    pub(super) fn new(memory: &'a Memory, key: SlotKey<'a>, id: LeaseId) -> Self {
        Self { memory, key, id }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // A loader may fork, and return in the child.
        if self.memory.process.is_current() {
            self.memory.release(self.key, self.id);
        }
    }
}

/// A value on disk, decoded.
pub(super) struct FromDisk<V> {
    pub(super) value: Arc<V>,
    pub(super) expires_at: Timestamp,
    sequence: u64,
    encoded_len: usize,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The live value of a key on disk; what does not decode is a counted miss.
    pub(super) fn read(&self, key: SlotKey<'_>, floor: u64) -> Option<FromDisk<V>> {
        let stored = self.inner.tiers.read(key, floor)?;
        let Header { version, expires_at, sequence, .. } = stored.header;
        if version != self.space.kind.version {
            return None;
        }
        let (value, encoded_len) = match self.decode(&stored) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.note_undecodable(key, &error);
                return None;
            }
        };
        // After reading and decoding, which took time. The precise time is asked for only where it matters.
        let is_live = expires_at > self.inner.tiers.time.span().latest || expires_at > self.now();
        is_live.then(|| FromDisk { value: Arc::new(value), expires_at, sequence, encoded_len })
    }

    /// The value of a record, and how long its encoding is.
    fn decode(&self, stored: &Stored) -> Result<(V, usize), CodecError> {
        let Stored { header, extension, .. } = stored;
        self.space.checks.read(self.space.kind.format, header.compression, extension, stored.payload())
    }

    /// Counts a record that does not decode. The first of a keyspace is told in the log: the others are
    /// likely to be like it.
    #[cold]
    fn note_undecodable(&self, key: SlotKey<'_>, error: &CodecError) {
        self.space.counters.add(Count::Undecodable);
        self.space.counters.undecodable_cause.note(error, true);
        if !self.space.told_undecodable.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                keyspace = self.space.name,
                key = self.inner.key_for_log(&self.space, key.bytes),
                %error,
                "a record could not be decoded, and is a miss; later ones are counted, and not told"
            );
        }
    }

    /// Reads a key from disk and copies it into memory, if the permission still holds then.
    pub(super) fn promote(&self, key: SlotKey<'_>, permit: Permit, floor: u64) -> Option<Arc<V>> {
        let found = self.read(key, floor)?;
        let weight = self.weigh(key, found.encoded_len, &found.value);
        let entry = Entry { value: found.value.clone(), expires_at: found.expires_at, weight, unsaved: None };
        // Dropped last, when it is counted and planned: a user's `Drop` may panic.
        let mut remains = Remains::default();
        let promoted =
            self.inner.tiers.memory.promote_keeping(key, permit, entry, found.sequence, &mut remains);
        match promoted {
            Ok(()) => self.space.counters.add(Count::Promotions),
            // Memory counts those that it has no room for, as bypassed.
            Err(Refused::NoRoom) => {}
            Err(_) => self.space.counters.add(Count::VoidedFills),
        }
        self.inner.tiers.plan_sweep(found.expires_at);
        Some(found.value)
    }

    /// A lease on a key together with its live value from either tier, for writing that value again.
    pub(super) fn lease_over<'a>(&'a self, key: SlotKey<'a>) -> (Lease<'a>, Option<Arc<V>>) {
        let (id, found) = self.inner.tiers.memory.lease_over(key, self.now());
        let lease = Lease::new(&self.inner.tiers.memory, key, id);
        (lease, self.value_of(key, found))
    }

    /// The live value of a key, as no use of it: nothing is counted or promoted.
    pub(super) fn peek_full(&self, full: &[u8]) -> Option<Arc<V>> {
        let key = self.inner.tiers.memory.key(full);
        self.value_of(key, self.inner.tiers.peek(key))
    }

    /// Looks a key up for a caller to whom "not found" is more than a miss: see [`Tiers::look_in_both`].
    ///
    /// [`Tiers::look_in_both`]: crate::engine::tiers::Tiers::look_in_both
    pub(super) fn look_in_both<R>(&self, look: impl Fn() -> Option<R>) -> Option<R> {
        if self.is_memory_only() { look() } else { self.inner.tiers.look_in_both(look) }
    }

    fn value_of(&self, key: SlotKey<'_>, found: Found) -> Option<Arc<V>> {
        match found {
            Found::Value(value, _) => Self::typed(value),
            Found::Dead => None,
            Found::Nothing(_) if self.is_memory_only() => None,
            Found::Nothing(absent) => self.read(key, absent.floor).map(|found| found.value),
        }
    }
}
