//! Filling memory from the disk, by lease.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::codec;
use crate::key::Key;
use crate::memory::{Entry, Found, LeaseId, Memory, SlotKey};
use crate::stats::Count;
use crate::sync::Arc;
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
        self.memory.release(self.key, self.id);
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
    pub(super) fn read(&self, key: SlotKey<'_>, floor: u64, now: Timestamp) -> Option<FromDisk<V>> {
        let stored = self.inner.tiers.read(key, floor, now)?;
        if stored.header.version != self.space.kind.version {
            return None;
        }
        let payload = stored.payload(key.bytes)?;
        if let Ok(value) = codec::decode(payload) {
            Some(FromDisk {
                value: Arc::new(value),
                expires_at: stored.header.expires_at,
                sequence: stored.header.sequence,
                encoded_len: payload.len(),
            })
        } else {
            self.space.counters.add(Count::Undecodable);
            None
        }
    }

    /// Reads a key from disk and copies it into memory, if its lease still holds then.
    pub(super) fn promote(&self, lease: &Lease<'_>, floor: u64, now: Timestamp) -> Option<Arc<V>> {
        let key = lease.key;
        let found = self.read(key, floor, now)?;
        let weight = self.weigh(key, found.encoded_len, &found.value);
        let entry = Entry { value: found.value.clone(), expires_at: found.expires_at, weight, unsaved: None };
        let counters = &self.space.counters;
        let promoted = self.inner.tiers.memory.promote(key, lease.id, entry, found.sequence);
        counters.add(if promoted { Count::Promotions } else { Count::VoidedFills });
        self.inner.tiers.plan_sweep(found.expires_at);
        // Reading and decoding took time, and others may be waiting for this.
        (found.expires_at > self.now()).then_some(found.value)
    }

    /// A lease on a key together with its live value from either tier, for writing that value again.
    pub(super) fn lease_over<'a>(&'a self, key: SlotKey<'a>) -> (Lease<'a>, Option<Arc<V>>) {
        let now = self.now();
        let (id, found, floor) = self.inner.tiers.memory.lease_over(key, now);
        let lease = Lease::new(&self.inner.tiers.memory, key, id);
        let value = match found {
            Found::Value(value, _) => Self::typed(value),
            Found::Dead => None,
            Found::Nothing if self.is_memory_only() => None,
            Found::Nothing => self.read(key, floor, now).map(|found| found.value),
        };
        (lease, value)
    }

    /// The live value of a key, as no use of it: nothing is counted or promoted.
    pub(super) fn peek(&self, full: &[u8]) -> Option<Arc<V>> {
        let now = self.now();
        let key = self.inner.tiers.memory.key(full);
        match self.inner.tiers.memory.peek(key, now) {
            (Found::Value(value, _), _) => Self::typed(value),
            (Found::Dead, _) => None,
            (Found::Nothing, floor) => self.read(key, floor, now).map(|found| found.value),
        }
    }
}
