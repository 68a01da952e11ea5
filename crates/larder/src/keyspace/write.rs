//! Storing a value: encode, weigh, reserve room, then the shard.
//!
//! Everything that can fail comes before the shard is touched, so an insert that returns an error has changed nothing.

use std::any::Any;
use std::time::Duration;

use serde::Serialize;

use super::Keyspace;
use super::fill::Lease;
use crate::codec::{self, MAX_VALUE_LEN};
use crate::config::Weighed;
use crate::error::Error;
use crate::id::KeyspaceId;
use crate::key::Key;
use crate::memory::{ENTRY_OVERHEAD, Entry, Refused, SlotKey, Unsaved, Weight};
use crate::sync::{Arc, thread};
use crate::units::{ByteSize, Timestamp};

/// Lifetimes below this count from a precise reading of the time.
const PRECISE_BELOW: Duration = Duration::from_secs(10);

impl<K: Key, V: Serialize + Send + Sync + 'static> Keyspace<K, V> {
    /// Stores a value, as a write, or as a fill if its lease still holds.
    pub(super) fn write(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        ttl: Duration,
        lease: Option<&Lease<'_>>,
    ) -> Result<Written, Error> {
        loop {
            match self.try_write(key, value.clone(), ttl, lease)? {
                Ok(written) => return Ok(written),
                Err(Refused::Revoked) => return Ok(Written::Not),
                Err(Refused::NoRoom) if lease.is_some() => return Ok(Written::Not),
                Err(Refused::NoRoom) => return Ok(Written::InMemory),
                // The disk tier came back in between: make it anew, to be saved.
                Err(Refused::Unsaved) => thread::yield_now(),
                Err(Refused::Closed) => return Err(Error::Closed),
            }
        }
    }

    fn try_write(
        &self,
        key: SlotKey<'_>,
        value: Arc<V>,
        ttl: Duration,
        lease: Option<&Lease<'_>>,
    ) -> Result<Result<Written, Refused>, Error> {
        let tiers = &self.inner.tiers;
        let is_saved = !self.is_memory_only() && tiers.saves();
        let encode_error = |source| Error::Encode { keyspace: self.space.name.clone(), source };
        let payload = if is_saved { codec::encode(&*value) } else { Ok(Vec::new()) }.map_err(encode_error)?;
        let encoded_len =
            if is_saved { payload.len() } else { codec::encoded_len(&*value).map_err(encode_error)? };
        let weight = self.weigh(key, encoded_len, &value);
        self.check_size(encoded_len, weight, is_saved)?;
        // Rounded towards expired, by less than a tick of the coarse clock; not where that would be a good part of the lifetime.
        let now = if ttl < PRECISE_BELOW { self.now() } else { tiers.time.span().earliest };
        let expires_at = now.after(ttl);
        let unsaved = if is_saved { self.unsaved(payload, weight, now) } else { None };
        let is_saved = unsaved.is_some();
        let entry = Entry { value, expires_at, weight, unsaved };
        let stored = match lease {
            None => tiers.memory.store(key, entry, now),
            Some(lease) => tiers.memory.fill(key, lease.id, entry),
        };
        if is_saved && tiers.memory.buffer().has_waiters() {
            // They asked for room, perhaps before this value was there to be committed: it is what they wait for. And if the commit
            // fails, they must not wait for the disk to come back.
            tiers.ask_for_room();
        } else if is_saved {
            tiers.wake_writer();
        }
        if stored.is_ok() {
            tiers.plan_sweep(expires_at);
        }
        Ok(stored.map(|_| if is_saved { Written::Saved } else { Written::InMemory }))
    }

    /// Reserves room for a value in the write buffer, waiting for it. `None` once the disk tier is off.
    fn unsaved(&self, payload: Vec<u8>, weight: Weight, written_at: Timestamp) -> Option<Arc<Unsaved>> {
        let tiers = &self.inner.tiers;
        let buffer = tiers.memory.buffer();
        let bytes = room_for(payload.len(), weight);
        let room = buffer.reserve(bytes, || tiers.ask_for_room())?;
        // Half full: begin a commit while the other half takes what comes meanwhile. Once for each time the mark is passed.
        let used = buffer.used();
        let mark = buffer.capacity() / 2;
        if used >= mark && used.saturating_sub(bytes) < mark {
            tiers.hurry_writer();
        }
        Some(Arc::new(Unsaved { payload, version: self.space.kind.version, written_at, _room: room }))
    }

    pub(super) fn weigh(&self, key: SlotKey<'_>, encoded_len: usize, value: &Arc<V>) -> Weight {
        let key_len = key.bytes.len() - KeyspaceId::LEN;
        let whole = |value: u64| Weight::of(value.saturating_add(key_len as u64 + ENTRY_OVERHEAD));
        if let Some(weigher) = self.definition.own_weigher() {
            return whole(weigher(value));
        }
        match self.inner.weigher() {
            None => whole(encoded_len as u64),
            Some(weigher) => {
                let value: &(dyn Any + Send + Sync) = &**value;
                Weight::of(
                    weigher(&Weighed { keyspace: &self.space.name, key_len, encoded_len, value }).max(1),
                )
            }
        }
    }

    fn check_size(&self, encoded_len: usize, weight: Weight, is_saved: bool) -> Result<(), Error> {
        let too_large = |size, bound, max, remedy| {
            Err(Error::ValueTooLarge {
                keyspace: self.space.name.clone(),
                size: ByteSize::bytes(size),
                bound,
                max,
                remedy,
            })
        };
        let memory = &self.inner.tiers.memory;
        let (room, buffer) = (room_for(encoded_len, weight), memory.buffer().capacity());
        match () {
            () if encoded_len as u64 > MAX_VALUE_LEN.as_u64() => {
                too_large(encoded_len as u64, "encoded", MAX_VALUE_LEN, "store a part of it, or where it is")
            }
            () if is_saved && room > buffer => {
                too_large(room, "encoded, and in memory", ByteSize::bytes(buffer), "raise write_buffer")
            }
            // During an outage it is written, and not kept: what it replaces must go in any case.
            () if self.is_memory_only() && weight.bytes() > memory.capacity() => too_large(
                weight.bytes(),
                "in memory",
                ByteSize::bytes(memory.capacity()),
                "raise memory_capacity",
            ),
            () => Ok(()),
        }
    }
}

/// What became of a value that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is to be committed.
    Saved,
    /// It lives in memory alone, as far as it finds room.
    InMemory,
    /// Its lease was revoked, or memory has no room for a fill.
    Not,
}

/// What a value takes until it is committed: its encoding for the writer, and itself.
fn room_for(encoded_len: usize, weight: Weight) -> u64 {
    weight.bytes().saturating_add(encoded_len as u64)
}
