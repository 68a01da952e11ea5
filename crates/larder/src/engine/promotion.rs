//! Promotions: a value that was read from disk is copied into memory, if a permission is still valid.
//!
//! A promotion must not bring back an entry that was removed during the promotion. So the caller gets a
//! permission before it reads the disk: the epoch token of its miss, or a lease. A write or a removal of the
//! key revokes the permission. The value is then returned and not copied.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keyspaces::open_keyspace::OpenKeyspace;
use super::lookup::StoredRecord;
use super::shared::Shared;
use crate::format::codec::error::CodecError;
use crate::format::record::Header;
use crate::memory::Memory;
use crate::memory::entry::{IncomingEntry, Refused};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::key_leases::LeaseId;
use crate::memory::leases::Permit;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::Weight;
use crate::stats::count::Count;
use crate::sys::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// A lease on a key. Dropping this value gives the lease back.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    memory: &'a Memory,
    key: SlotKey<'a>,
    pub(crate) id: LeaseId,
}

impl<'a> Lease<'a> {
    pub(crate) fn new(memory: &'a Memory, key: SlotKey<'a>, id: LeaseId) -> Self {
        Self { memory, key, id }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // A loader may fork, and return in the child. The parent gives the lease back.
        if self.memory.process.is_current() {
            self.memory.release(self.key, self.id);
        }
    }
}

/// A live value that was read from disk and decoded.
pub(crate) struct DecodedValue<V> {
    pub(crate) value: Arc<V>,
    pub(crate) encoded_len: usize,
    pub(crate) expires_at: Timestamp,
    sequence: u64,
}

impl Shared {
    /// Reads the live value of a key from disk.
    pub(crate) fn read_value<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        min_visible_sequence: u64,
    ) -> Option<DecodedValue<V>> {
        let record = self.tiers.read_record(key, min_visible_sequence)?;
        self.decode_record(keyspace, key, &record)
    }

    /// Decodes a record that was read from disk. A record that does not decode is counted, and is a miss. So
    /// is a value that has expired meanwhile.
    pub(crate) fn decode_record<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        record: &StoredRecord,
    ) -> Option<DecodedValue<V>> {
        let StoredRecord { header, extension, .. } = record;
        let Header { version, expires_at, sequence, compression, .. } = *header;
        if version != keyspace.kind.version {
            return None;
        }
        let format = keyspace.kind.format;
        let (value, encoded_len) =
            match keyspace.checks.read(format, compression, extension, record.payload()) {
                Ok(decoded) => decoded,
                Err(error) => {
                    self.note_undecodable(keyspace, key, &error);
                    return None;
                }
            };
        // The expiry is checked after reading and decoding, because both take time. The precise time is read
        // only if the coarse time is not enough to decide.
        let time = &self.tiers.time;
        let is_live = expires_at > time.bounds().latest || expires_at > time.now();
        is_live.then(|| DecodedValue { value: Arc::new(value), encoded_len, expires_at, sequence })
    }

    /// Copies a value that was read from disk into memory, if `permit` is still valid.
    pub(crate) fn promote<V: Send + Sync + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        permit: Permit,
        decoded: &DecodedValue<V>,
        weight: Weight,
    ) {
        let (value, expires_at, sequence) = (decoded.value.clone(), decoded.expires_at, decoded.sequence);
        let entry = IncomingEntry { value, expires_at, weight, unsaved: None };
        // Dropped last, because a user's `Drop` may panic. By then the promotion is counted and its expiry is
        // planned.
        let mut evicted_values = EvictedValues::default();
        match self.tiers.memory.promote_entry(key, permit, entry, sequence, &mut evicted_values) {
            Ok(()) => keyspace.counters.add(Count::Promotions),
            // If memory has no room for a value, memory itself counts the value as bypassed.
            Err(Refused::NoRoom) => {}
            Err(_) => keyspace.counters.add(Count::VoidedFills),
        }
        self.tiers.sweeper.plan(expires_at);
    }

    /// Counts a record that does not decode. Logs the first such record of each keyspace, because later
    /// records probably have the same cause.
    #[cold]
    fn note_undecodable(&self, keyspace: &OpenKeyspace, key: SlotKey<'_>, error: &CodecError) {
        keyspace.counters.add(Count::Undecodable);
        keyspace.counters.undecodable_cause.note(error, true);
        if !keyspace.has_told_undecodable.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                keyspace = keyspace.name,
                key = self.key_for_log(keyspace, key.bytes),
                %error,
                "a record could not be decoded, and is a miss; later ones are counted, and not told"
            );
        }
    }
}
