//! Storing a value: encode, weigh, reserve room, then the shard.
//!
//! Everything that can fail comes before the shard is touched, so an insert that returns an error has changed
//! nothing.

use std::any::Any;
use std::borrow::Cow;
use std::mem::needs_drop;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::definition::Durability;
use super::fill::Lease;
use crate::config::EntryInfo;
use crate::disk::store::charging::page_of;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::codec;
use crate::format::codec::Encoded;
use crate::format::codec::error::CodecError;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::format::key::Key;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record::{Extension, PayloadCompression, record_len};
use crate::memory::entry::{IncomingEntry, Refused, Unsaved};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::{ENTRY_OVERHEAD, UNSAVED_OVERHEAD, Weight};
use crate::stats::count::Count;
use crate::sys::sync::{Arc, Ordering, thread};
use crate::units::{ByteSize, Timestamp};

/// Lifetimes below this count from a precise reading of the time.
const PRECISE_BELOW: Duration = Duration::from_secs(10);

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Stores a value, as a write, or as a fill if its lease still holds.
    pub(super) fn write(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        ttl: Duration,
        durability: Durability,
        lease: Option<&Lease<'_>>,
    ) -> Result<InsertOutcome, Error> {
        loop {
            match self.try_write(key, value.clone(), ttl, durability, lease)? {
                Ok(written) => return Ok(written),
                Err(Refused::Revoked) => return Ok(InsertOutcome::Not),
                Err(Refused::NoRoom) if lease.is_some() => return Ok(InsertOutcome::NoRoom),
                Err(Refused::NoRoom) => return Ok(InsertOutcome::InMemory),
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
        durability: Durability,
        lease: Option<&Lease<'_>>,
    ) -> Result<Result<InsertOutcome, Refused>, Error> {
        let tiers = &self.shared.tiers;
        // Dropped last, when the value is stored, its room can be given back and the writer is told: a user's
        // `Drop` may wait for room, or panic.
        let mut evicted_values = EvictedValues::default();
        let is_saved = !self.is_memory_only() && tiers.saves();
        let encode_error = |source| Error::Encode { keyspace: self.open_keyspace.name.clone(), source };
        let format = self.open_keyspace.kind.format;
        let encoded = is_saved.then(|| codec::encode(format, &*value)).transpose().map_err(encode_error)?;
        let encoded_len = match &encoded {
            Some(encoded) => encoded.payload.len(),
            None => self.measure(&value).map_err(encode_error)?,
        };
        let weight = self.weigh(key, encoded_len, &value);
        self.check_len(encoded_len)?;
        if let Some(encoded) = &encoded {
            self.open_keyspace.checks.check(format, &*value, encoded).map_err(encode_error)?;
        }
        let mut payload = encoded.map(|encoded| self.deflate(encoded));
        let beyond_file = payload.as_mut().and_then(|payload| self.keep_out_of_file(key, payload));
        if let (Some(page), Durability::Immediate) = (beyond_file, durability) {
            return Err(self.too_large_for_file(page));
        }
        self.check_size(weight, payload.as_ref())?;
        // Rounded towards expired, by less than a tick of the coarse clock; not where that would be a good
        // part of the lifetime.
        let now = if ttl < PRECISE_BELOW { self.now() } else { tiers.time.bounds().earliest };
        let expires_at = now.after(ttl);
        let unsaved = payload.and_then(|payload| self.unsaved(payload, weight, now, &mut evicted_values));
        let is_saved = unsaved.is_some();
        let is_beyond_file = beyond_file.is_some() && is_saved;
        let entry = IncomingEntry { value, expires_at, weight, unsaved };
        let stored = match lease {
            None => tiers.memory.store_entry(key, entry, now, &mut evicted_values),
            Some(lease) => tiers.memory.fill_entry(key, lease.id, entry, &mut evicted_values),
        };
        if is_saved && tiers.memory.buffer().has_waiters() {
            // They asked for room, perhaps before this value was there to be committed: it is what they wait
            // for. And if the commit fails, they must not wait for the disk to come back.
            tiers.ask_for_room();
        } else if is_saved {
            tiers.wake_writer();
        }
        if stored.is_ok() {
            tiers.plan_sweep(expires_at);
            if is_beyond_file {
                self.note_beyond_file(key, beyond_file.unwrap_or_default());
            }
        }
        Ok(stored.map(|_| if is_saved { InsertOutcome::Saved } else { InsertOutcome::InMemory }))
    }

    /// Reserves room for a value that is to be committed, waiting for it. `None` once the disk tier is off.
    fn unsaved(
        &self,
        payload: EncodedValue,
        weight: Weight,
        written_at: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Option<Arc<Unsaved>> {
        let EncodedValue { bytes: payload, compression, extension, fits_file } = payload;
        let tiers = &self.shared.tiers;
        let buffer = tiers.memory.buffer();
        let bytes = room_for(&payload, weight);
        let room = tiers.memory.reserve_room(bytes, || tiers.ask_for_room(), evicted_values)?;
        // Half full: begin a commit while the other half takes what comes meanwhile. Once for each time the
        // mark is passed.
        let used = buffer.used();
        let mark = buffer.capacity() / 2;
        if used >= mark && used.saturating_sub(bytes) < mark {
            tiers.hurry_writer();
        }
        Some(Arc::new(Unsaved {
            payload,
            compression,
            extension,
            version: self.open_keyspace.kind.version,
            written_at,
            fits_file,
            room,
        }))
    }

    /// How long a value is that is not to be saved now.
    fn measure(&self, value: &V) -> Result<usize, CodecError> {
        // Of one that may be saved later, what could not be is an error from the beginning.
        if self.is_memory_only() {
            codec::measured_len(self.open_keyspace.kind.format, value)
        } else {
            codec::encoded_len(self.open_keyspace.kind.format, value)
        }
    }

    /// What is stored of an encoded value: compressed, if the keyspace says so and it becomes shorter.
    fn deflate(&self, encoded: Encoded) -> EncodedValue {
        let extension = Extension { fingerprint: encoded.fingerprint(), inflated_len: None };
        let Encoded { payload, .. } = encoded;
        let wanted = self.definition.compression().filter(|(_, above)| payload.len() > *above);
        let deflated = wanted.and_then(|(how, _)| Some((how, how.deflate(&payload)?)));
        match (deflated, u32::try_from(payload.len())) {
            (Some((how, deflated)), Ok(len)) => {
                let extension = Extension { inflated_len: Some(len), ..extension };
                EncodedValue {
                    bytes: trimmed(deflated),
                    compression: how.recorded(),
                    extension,
                    fits_file: true,
                }
            }
            _ => EncodedValue {
                bytes: trimmed(payload),
                compression: PayloadCompression::None,
                extension,
                fits_file: true,
            },
        }
    }

    pub(super) fn weigh(&self, key: SlotKey<'_>, encoded_len: usize, value: &Arc<V>) -> Weight {
        let key_len = key.bytes.len() - KeyspaceId::LEN;
        let whole = |value: u64| Weight::of(value.saturating_add(key_len as u64 + ENTRY_OVERHEAD));
        let encoded = encoded_len as u64;
        let in_place = size_of::<V>() as u64;
        if let Some(weigher) = self.definition.own_weigher() {
            return whole(weigher(value));
        }
        match self.shared.weigher() {
            // What it owns besides is about its encoding. A type that is never dropped owns nothing.
            None if needs_drop::<V>() => whole(in_place.saturating_add(encoded)),
            None => whole(in_place.max(encoded)),
            Some(weigher) => {
                let value: &(dyn Any + Send + Sync) = &**value;
                Weight::of(
                    weigher(&EntryInfo { keyspace: &self.open_keyspace.name, key_len, encoded_len, value })
                        .max(1),
                )
            }
        }
    }

    fn value_too_large(
        &self,
        size: u64,
        bound: &'static str,
        max: u64,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Error {
        let remedy = remedy.into();
        let (size, max) = (ByteSize::bytes(size), ByteSize::bytes(max));
        Error::ValueTooLarge { keyspace: self.open_keyspace.name.clone(), size, bound, max, remedy }
    }

    fn check_len(&self, encoded_len: usize) -> Result<(), Error> {
        if encoded_len as u64 <= MAX_VALUE_LEN.as_u64() {
            return Ok(());
        }
        let remedy = "store a part of it, or where it is";
        Err(self.value_too_large(encoded_len as u64, "encoded", MAX_VALUE_LEN.as_u64(), remedy))
    }

    /// Takes the payload of a value that is too large for the file, whose commit only deletes what it
    /// replaces. The answer is the page that it would take.
    fn keep_out_of_file(&self, key: SlotKey<'_>, payload: &mut EncodedValue) -> Option<u64> {
        let page = page_of(key.bytes.len(), record_len(&payload.extension, payload.bytes.len()));
        if page <= self.shared.max_page() {
            return None;
        }
        payload.bytes = Vec::new();
        payload.fits_file = false;
        Some(page)
    }

    fn too_large_for_file(&self, page: u64) -> Error {
        let least = ByteSize::bytes(Shared::disk_capacity_for(page));
        let remedy = if least.as_u64() > self.shared.disk_capacity {
            format!("raise disk_capacity to {least} or more")
        } else {
            "its file was made for a smaller disk_capacity, and could not be made anew when it was opened: free as much \
             room as it takes, and open it again"
                .to_owned()
        };
        self.value_too_large(page, "the page it takes on disk", self.shared.max_page(), remedy)
    }

    /// Counts a value that lives in memory alone. The first of a keyspace is told in the log.
    #[cold]
    fn note_beyond_file(&self, key: SlotKey<'_>, page: u64) {
        let counters = &self.open_keyspace.counters;
        counters.add(Count::TooLargeForDisk);
        let cause = self.too_large_for_file(page);
        counters.too_large_cause.note(&cause, false);
        if !counters.has_told_too_large.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                keyspace = self.open_keyspace.name,
                key = self.shared.key_for_log(&self.open_keyspace, key.bytes),
                "a value is kept in memory alone, and later ones are counted, and not told: {cause}"
            );
        }
    }

    /// Whether a value finds a place; `payload` is what of it is to be saved, if it is.
    fn check_size(&self, weight: Weight, payload: Option<&EncodedValue>) -> Result<(), Error> {
        let memory = &self.shared.tiers.memory;
        let capacity = memory.capacity();
        // While it waits for its commit, a value that is larger than the write buffer stands in memory's
        // room. One that is not may be heavier than memory, which it then passes by; but not if the file does
        // not take it either. During an outage a value is written, and not kept: what it replaces must go in
        // any case.
        let must_fit_memory = self.is_memory_only()
            || payload.is_some_and(|payload| {
                !payload.fits_file || room_for(&payload.bytes, weight) > memory.buffer().capacity()
            });
        if must_fit_memory && weight.bytes() > capacity {
            let remedy = match payload {
                Some(payload) if !payload.fits_file => "raise memory_capacity or disk_capacity",
                _ => "raise memory_capacity",
            };
            return Err(self.value_too_large(weight.bytes(), "in memory", capacity, remedy));
        }
        Ok(())
    }
}

/// What is stored of a value: its encoding, compressed or not.
struct EncodedValue {
    bytes: Vec<u8>,
    compression: PayloadCompression,
    extension: Extension,
    fits_file: bool,
}

/// What became of a value that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InsertOutcome {
    /// It is to be committed.
    Saved,
    /// It lives in memory alone, as far as it finds room.
    InMemory,
    /// Its lease was revoked.
    Not,
    /// A fill that would live in memory alone, where it finds no room.
    NoRoom,
}

/// What a value takes until it is committed: itself, its encoding for the writer, and what is kept of it
/// until then.
fn room_for(payload: &Vec<u8>, weight: Weight) -> u64 {
    weight.bytes().saturating_add(payload.capacity() as u64).saturating_add(UNSAVED_OVERHEAD)
}

/// An encoding without the room that it was made in, where that is a good part of it. Text that is compressed
/// to a tenth is made in room for all of it.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.capacity() - bytes.len() > bytes.len() / 8 + 64 {
        bytes.shrink_to_fit();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_keeps_no_room_that_is_a_good_part_of_it() {
        let mut roomy = Vec::with_capacity(100_000);
        roomy.extend([7; 10_000]);
        let trimmed = trimmed(roomy);
        assert_eq!((trimmed.len(), trimmed.capacity()), (10_000, 10_000));
    }

    #[test]
    fn the_write_buffer_is_charged_what_is_allocated() {
        let mut payload = Vec::with_capacity(1_000);
        payload.push(1);
        assert_eq!(room_for(&payload, Weight::of(500)), 1_000 + 500 + UNSAVED_OVERHEAD);
    }
}
