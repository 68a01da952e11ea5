//! Filling memory from the disk, by lease.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::engine::lookup::Stored;
use crate::format::codec::error::CodecError;
use crate::format::key::Key;
use crate::format::record::Header;
use crate::memory::Memory;
use crate::memory::entry::{IncomingEntry, Refused};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::leases::{LeaseId, Permit};
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
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
    pub(super) fn read(&self, key: SlotKey<'_>, min_visible_sequence: u64) -> Option<FromDisk<V>> {
        let stored = self.shared.tiers.read(key, min_visible_sequence)?;
        let Header { version, expires_at, sequence, .. } = stored.header;
        if version != self.open_keyspace.kind.version {
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
        let is_live = expires_at > self.shared.tiers.time.bounds().latest || expires_at > self.now();
        is_live.then(|| FromDisk { value: Arc::new(value), expires_at, sequence, encoded_len })
    }

    /// The value of a record, and how long its encoding is.
    fn decode(&self, stored: &Stored) -> Result<(V, usize), CodecError> {
        let Stored { header, extension, .. } = stored;
        self.open_keyspace.checks.read(
            self.open_keyspace.kind.format,
            header.compression,
            extension,
            stored.payload(),
        )
    }

    /// Counts a record that does not decode. The first of a keyspace is told in the log: the others are
    /// likely to be like it.
    #[cold]
    fn note_undecodable(&self, key: SlotKey<'_>, error: &CodecError) {
        self.open_keyspace.counters.add(Count::Undecodable);
        self.open_keyspace.counters.undecodable_cause.note(error, true);
        if !self.open_keyspace.told_undecodable.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                keyspace = self.open_keyspace.name,
                key = self.shared.key_for_log(&self.open_keyspace, key.bytes),
                %error,
                "a record could not be decoded, and is a miss; later ones are counted, and not told"
            );
        }
    }

    /// Reads a key from disk and copies it into memory, if the permission still holds then.
    pub(super) fn promote(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        min_visible_sequence: u64,
    ) -> Option<Arc<V>> {
        let found = self.read(key, min_visible_sequence)?;
        let weight = self.weigh(key, found.encoded_len, &found.value);
        let entry =
            IncomingEntry { value: found.value.clone(), expires_at: found.expires_at, weight, unsaved: None };
        // Dropped last, when it is counted and planned: a user's `Drop` may panic.
        let mut evicted_values = EvictedValues::default();
        let promoted =
            self.shared.tiers.memory.promote_entry(key, permit, entry, found.sequence, &mut evicted_values);
        match promoted {
            Ok(()) => self.open_keyspace.counters.add(Count::Promotions),
            // Memory counts those that it has no room for, as bypassed.
            Err(Refused::NoRoom) => {}
            Err(_) => self.open_keyspace.counters.add(Count::VoidedFills),
        }
        self.shared.tiers.plan_sweep(found.expires_at);
        Some(found.value)
    }

    /// A lease on a key together with its live value from either tier, for writing that value again.
    pub(super) fn lease_over<'a>(&'a self, key: SlotKey<'a>) -> (Lease<'a>, Option<Arc<V>>) {
        let (id, found) = self.shared.tiers.memory.lease_over(key, self.now());
        let lease = Lease::new(&self.shared.tiers.memory, key, id);
        (lease, self.value_of(key, found))
    }

    /// The live value of a key, as no use of it: nothing is counted or promoted.
    pub(super) fn peek_full(&self, full: &[u8]) -> Option<Arc<V>> {
        let key = self.shared.tiers.memory.key(full);
        self.value_of(key, self.shared.tiers.peek(key))
    }

    /// Looks a key up for a caller to whom "not found" is more than a miss: see [`Tiers::look_in_both`].
    ///
    /// [`Tiers::look_in_both`]: crate::engine::tiers::Tiers::look_in_both
    pub(super) fn look_in_both<R>(&self, look: impl Fn() -> Option<R>) -> Option<R> {
        if self.is_memory_only() { look() } else { self.shared.tiers.look_in_both(look) }
    }

    fn value_of(&self, key: SlotKey<'_>, found: Lookup) -> Option<Arc<V>> {
        match found {
            Lookup::Value(value, _) => Self::typed(value),
            Lookup::Negative => None,
            Lookup::Unknown(_) if self.is_memory_only() => None,
            Lookup::Unknown(absent) => self.read(key, absent.min_visible_sequence).map(|found| found.value),
        }
    }
}
