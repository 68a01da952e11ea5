//! Prepares a value before it is stored: encodes, weighs, checks and compresses it.
//!
//! No entry is changed here, so a refused value has no effect on other entries.

use std::any::Any;
use std::borrow::Cow;
use std::mem::needs_drop;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::insert_options::Durability;
use crate::config::weigher::EntryInfo;
use crate::disk::store::charging::page_of;
use crate::engine::shared::SharedSettings;
use crate::error::Error;
use crate::format::codec;
use crate::format::codec::Encoded;
use crate::format::codec::error::CodecError;
use crate::format::codec::format::Format;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::format::key::Key;
use crate::format::keyspace_id::{KeyspaceId, LowestTier};
use crate::format::record::{EXTRAS_LEN, Extension, PayloadCompression, RecordKind, record_len};
use crate::memory::buffer::BufferRoom;
use crate::memory::entry::{Unsaved, Value};
use crate::memory::extras::{EXTRAS_OVERHEAD, EntryExtras};
use crate::memory::group::Group;
use crate::memory::payload::{Payload, UnsavedPayload};
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::{ENTRY_OVERHEAD, UNSAVED_OVERHEAD, Weight, key_copy_bytes};
use crate::stats::count::Count;
use crate::sys::sync::{Arc, Ordering};
use crate::units::{ByteSize, Timestamp};

/// A value, or an absence, that is ready to be stored.
pub(super) struct PreparedValue {
    pub(super) weight: Weight,
    /// The encoding to save in the file. `None` for a value that is kept in memory only.
    pub(super) payload: Option<EncodedValue>,
    /// The size in bytes of the page that a value too large for the file would need. `None` for any other
    /// value.
    pub(super) page_beyond_file: Option<u64>,
    /// The room in the write buffer, if it is already reserved.
    pub(super) room: Option<BufferRoom>,
}

/// The encoding of a value or of an absence. A value may be compressed. An absence has no bytes.
pub(super) struct EncodedValue {
    pub(super) kind: RecordKind,
    pub(super) bytes: UnsavedPayload,
    pub(super) compression: PayloadCompression,
    pub(super) extension: Extension,
    pub(super) fits_file: bool,
}

impl EncodedValue {
    pub(super) fn absence() -> Self {
        Self::new(RecordKind::Absence, UnsavedPayload::EMPTY)
    }

    /// Returns the encoding of a value that has no compression and no fingerprint.
    pub(super) fn plain(bytes: Vec<u8>) -> Self {
        Self::new(RecordKind::Value, UnsavedPayload::Encoded(bytes))
    }

    fn new(kind: RecordKind, bytes: UnsavedPayload) -> Self {
        let compression = PayloadCompression::None;
        Self { kind, bytes, compression, extension: Extension::default(), fits_file: true }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    pub(super) fn prepare(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        durability: Durability,
    ) -> Result<PreparedValue, Error> {
        let is_saved = self.is_in_file() && self.shared.tiers.disk.saves();
        if is_saved && let Some(payload) = self.own_encoding(value) {
            let weight = self.weigh(key, payload.bytes.len(), value);
            self.check_len(payload.bytes.len())?;
            return self.prepare_encoded(key, weight, Some(payload), durability);
        }
        let encode_error = |cause| Error::Encode { keyspace: self.opened.name.clone(), cause };
        let format = self.opened.kind.format;
        let encoded = is_saved.then(|| codec::encode(format, &**value)).transpose().map_err(encode_error)?;
        let encoded_len = match &encoded {
            Some(encoded) => encoded.payload.len(),
            None => self.measure(value).map_err(encode_error)?,
        };
        let weight = self.weigh(key, encoded_len, value);
        self.check_len(encoded_len)?;
        if let Some(encoded) = &encoded {
            self.opened.checks.check(format, &**value, encoded).map_err(encode_error)?;
        }
        let payload = encoded.map(|encoded| self.compress(encoded));
        self.prepare_encoded(key, weight, payload, durability)
    }

    /// Returns a value as its own encoding, if the file stores its bytes unchanged. A weigher may give the
    /// value a smaller weight than its bytes, so with a weigher the encoding is a copy, which is counted
    /// apart.
    fn own_encoding(&self, value: &Arc<V>) -> Option<EncodedValue> {
        if self.opened.kind.format != Format::Raw || self.has_weigher() {
            return None;
        }
        let len = codec::own_encoding(&**value)?.len();
        let is_compressed = self.definition.compression().is_some_and(|(_, above)| len > above);
        let bytes = (!is_compressed).then(|| UnsavedPayload::Value(value.clone() as Value))?;
        Some(EncodedValue::new(RecordKind::Value, bytes))
    }

    pub(super) fn has_weigher(&self) -> bool {
        self.definition.own_weigher().is_some() || self.shared.settings.weigher.is_some()
    }

    /// Checks the size of an encoded value. `payload` is `None` for a value that is not saved.
    fn prepare_encoded(
        &self,
        key: SlotKey<'_>,
        weight: Weight,
        mut payload: Option<EncodedValue>,
        durability: Durability,
    ) -> Result<PreparedValue, Error> {
        let page_beyond_file = payload.as_mut().and_then(|payload| self.keep_out_of_file(key, payload));
        if let (Some(page), Durability::Immediate) = (page_beyond_file, durability) {
            return Err(self.too_large_for_file(page));
        }
        self.check_size(key, weight, payload.as_ref())?;
        Ok(PreparedValue { weight, payload, page_beyond_file, room: None })
    }

    /// Reserves room in the write buffer, if the value needs it. Returns false if the caller would have to
    /// wait.
    pub(super) fn reserve_at_once(&self, key: SlotKey<'_>, prepared: &mut PreparedValue) -> bool {
        let Some(payload) = &prepared.payload else { return true };
        let room = room_for(key.bytes.len(), &payload.bytes, prepared.weight);
        prepared.room = self.shared.tiers.reserve_at_once(room);
        prepared.room.is_some()
    }

    /// Returns the length of the encoding of a value that is not saved now. In a memory-only keyspace with a
    /// weigher, returns 0, because the length is not needed.
    pub(super) fn measure(&self, value: &V) -> Result<usize, CodecError> {
        match self.lowest_tier() {
            LowestTier::Memory if self.definition.own_weigher().is_some() => Ok(0),
            LowestTier::Memory => codec::measured_len(self.opened.kind.format, value),
            // A later insert of the same value may be saved. So this insert already fails if the value can't
            // be encoded.
            LowestTier::File | LowestTier::Remote => codec::encoded_len(self.opened.kind.format, value),
        }
    }

    /// Returns the weight of an entry in memory: the value, the key and the overhead. If only the cache has a
    /// weigher, returns that weigher's result, but at least 1.
    pub(super) fn weigh(&self, key: SlotKey<'_>, encoded_len: usize, value: &Arc<V>) -> Weight {
        let key_len = key.bytes.len() - KeyspaceId::LEN;
        let extras = if self.opened.keeps_extras() { EXTRAS_OVERHEAD } else { 0 };
        let overhead = key_len as u64 + ENTRY_OVERHEAD + extras;
        let with_overhead = |value: u64| Weight::of(value.saturating_add(overhead));
        if let Some(weigher) = self.definition.own_weigher() {
            return with_overhead(weigher(value));
        }
        if let Some(weight) = self.weigh_by_cache(key_len, encoded_len, Some(&**value)) {
            return weight;
        }
        let (encoded, in_place) = (encoded_len as u64, size_of::<V>() as u64);
        // The weight is an estimate: the heap memory that a value owns is about as large as its encoding. A
        // type that needs no drop owns no heap memory.
        with_overhead(if needs_drop::<V>() {
            in_place.saturating_add(encoded)
        } else {
            in_place.max(encoded)
        })
    }

    /// Returns the result of the cache's weigher for an entry, if the cache has a weigher. `value` is `None`
    /// for an absence.
    pub(super) fn weigh_by_cache(
        &self,
        key_len: usize,
        encoded_len: usize,
        value: Option<&(dyn Any + Send + Sync)>,
    ) -> Option<Weight> {
        let weigher = self.shared.settings.weigher.as_ref()?;
        let entry = EntryInfo { keyspace: &self.opened.name, key_len, encoded_len, value };
        Some(Weight::of(weigher(&entry).max(1)))
    }

    /// Collects the data that the writer needs to save a value.
    pub(super) fn unsaved(
        &self,
        (weight, payload): (Weight, EncodedValue),
        written_at: Timestamp,
        room: BufferRoom,
        group: Option<Arc<Group>>,
        extras: Option<EntryExtras>,
    ) -> Arc<Unsaved> {
        let EncodedValue { kind, bytes, compression, extension, fits_file } = payload;
        let extension = extras.map_or(extension, |extras| extras.extend(extension));
        let version = self.opened.kind.version;
        Arc::new(Unsaved {
            kind,
            payload: bytes.into(),
            compression,
            extension: extension.into(),
            version,
            weight,
            written_at,
            fits_file,
            group,
            room,
        })
    }

    pub(super) fn check_len(&self, encoded_len: usize) -> Result<(), Error> {
        if encoded_len as u64 <= MAX_VALUE_LEN.as_u64() {
            return Ok(());
        }
        let remedy = "store a part of it, or where it is";
        Err(self.value_too_large(encoded_len as u64, "encoded", MAX_VALUE_LEN.as_u64(), remedy))
    }

    /// Compresses an encoded value that is longer than the keyspace's limit for compression, if the result
    /// is shorter.
    pub(super) fn compress(&self, encoded: Encoded) -> EncodedValue {
        let extension = Extension { fingerprint: encoded.fingerprint(), ..Extension::default() };
        let Encoded { payload, .. } = encoded;
        let wanted = self.definition.compression().filter(|(_, above)| payload.len() > *above);
        let deflated = wanted.and_then(|(how, _)| Some((how, how.deflate(&payload)?)));
        let (bytes, compression, extension) = match (deflated, u32::try_from(payload.len())) {
            (Some((how, deflated)), Ok(len)) => {
                (deflated, how.recorded(), Extension { inflated_len: Some(len), ..extension })
            }
            _ => (payload, PayloadCompression::None, extension),
        };
        let kind = RecordKind::Value;
        EncodedValue {
            kind,
            bytes: UnsavedPayload::Encoded(trimmed(bytes)),
            compression,
            extension,
            fits_file: true,
        }
    }

    /// Drops the payload of a value that is too large for the file. The commit of this value then only
    /// deletes the replaced entry. Returns the size in bytes of the page that the value would need, or `None`
    /// if the value fits into the file.
    fn keep_out_of_file(&self, key: SlotKey<'_>, payload: &mut EncodedValue) -> Option<u64> {
        // The extras are added when the value is stored, so their length is included here.
        let extras = if self.opened.keeps_extras() { EXTRAS_LEN } else { 0 };
        let page = page_of(key.bytes.len(), record_len(&payload.extension, payload.bytes.len()) + extras);
        if page <= self.shared.settings.max_page {
            return None;
        }
        payload.bytes = UnsavedPayload::EMPTY;
        payload.fits_file = false;
        Some(page)
    }

    /// Refuses a value that must fit into memory, but is heavier than the memory capacity. `payload` is the
    /// encoding to save, if there is one.
    pub(super) fn check_size(
        &self,
        key: SlotKey<'_>,
        weight: Weight,
        payload: Option<&EncodedValue>,
    ) -> Result<(), Error> {
        let memory = &self.shared.tiers.memory;
        let capacity = memory.capacity();
        // - The excess of a value over the write buffer counts against the memory capacity until the value
        //   is committed.
        // - A value that fits into the write buffer, but is heavier than the memory capacity, is only stored
        //   in the file. It is refused if it is also too large for the file.
        // - During an outage, a value that is heavier than the memory capacity is accepted but not kept,
        //   because the replaced entry must still be removed.
        let must_fit_memory = self.lowest_tier() == LowestTier::Memory
            || payload.is_some_and(|payload| {
                !payload.fits_file
                    || room_for(key.bytes.len(), &payload.bytes, weight) > memory.buffer().capacity()
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

    /// Counts a value that is too large for the file, and so is kept in memory only. Logs the first of these
    /// values in each keyspace.
    #[cold]
    pub(super) fn note_beyond_file(&self, key: SlotKey<'_>, page: u64) {
        let counters = &self.opened.counters;
        counters.add(Count::TooLargeForDisk);
        let cause = self.too_large_for_file(page);
        counters.too_large_cause.note(&cause, false);
        if !counters.has_told_too_large.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                keyspace = self.opened.name,
                key = self.shared.key_for_log(&self.opened, key.bytes),
                "a value is kept in memory alone, and later ones are counted, and not told: {cause}"
            );
        }
    }

    fn too_large_for_file(&self, page: u64) -> Error {
        let settings = &self.shared.settings;
        let min_capacity = ByteSize::bytes(SharedSettings::disk_capacity_for(page));
        let remedy = if min_capacity.as_u64() > settings.disk_capacity {
            format!("raise disk_capacity to {min_capacity} or more")
        } else {
            "its file was made for a smaller disk_capacity, and could not be made anew when it was opened: free as much \
             room as it takes, and open it again"
                .to_owned()
        };
        self.value_too_large(page, "the page it takes on disk", settings.max_page, remedy)
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
        Error::ValueTooLarge { keyspace: self.opened.name.clone(), size, bound, max, remedy }
    }
}

/// Returns the number of bytes that a value takes in the write buffer until it is committed: its weight, the
/// block of its encoding, and the [room of a change](room_of_change). The weight of a value that is its own
/// encoding already includes its bytes.
pub(super) fn room_for(key_len: usize, payload: &UnsavedPayload, weight: Weight) -> u64 {
    weight.bytes().saturating_add(Payload::heap_bytes(payload)).saturating_add(room_of_change(key_len))
}

/// Returns the number of bytes that a change of a key takes in the write buffer besides its value.
pub(super) const fn room_of_change(key_len: usize) -> u64 {
    UNSAVED_OVERHEAD + key_copy_bytes(key_len)
}

/// Frees the unused capacity of an encoding's buffer, if it is a large part of the buffer. For example, the
/// buffer of compressed text has capacity for the uncompressed text.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.capacity() - bytes.len() > bytes.len() / 8 + 64 {
        bytes.shrink_to_fit();
    }
    bytes
}

#[cfg(test)]
mod tests;
