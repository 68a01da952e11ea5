//! Decides the result of a lookup from what memory and the disk hold for the key. Does no I/O and takes no
//! lock.
//!
//! The tiers are checked in the same order as in a lookup. If memory has a slot for the key, the slot alone
//! decides. Otherwise the record on disk decides, unless a pending removal of many keys covers it.

use super::status::{EntryState, FoundIn, KeyStatus};
use crate::format::record;
use crate::format::record::{Damage, Extension, Header, PayloadCompression, RecordKind};
use crate::memory::shard::describe::{KeyInMemory, SlotContent};
use crate::units::{Timestamp, millis};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OnDisk {
    pub(super) header: Header,
    pub(super) extension: Extension,
    pub(super) stored_len: usize,
}

impl OnDisk {
    pub(super) fn read(full: &[u8], bytes: &[u8]) -> Result<Self, Damage> {
        let (header, extension, payload) = record::read(full, bytes)?;
        Ok(Self { header, extension, stored_len: payload.len() })
    }

    /// Returns the length of the encoded value before compression.
    pub(super) fn value_len(&self) -> u64 {
        let inflated =
            self.extension.inflated_len.filter(|_| self.header.compression != PayloadCompression::None);
        inflated.map_or(self.stored_len as u64, u64::from)
    }
}

/// What memory and the file hold for a key.
#[derive(Debug)]
pub(super) struct KeyEvidence<'a> {
    pub(super) memory: &'a KeyInMemory,
    pub(super) disk: Option<Result<OnDisk, Damage>>,
    /// The version with which the keyspace was opened. `None` if the keyspace is not open.
    pub(super) version: Option<u32>,
    pub(super) now: Timestamp,
}

impl KeyEvidence<'_> {
    /// Returns the result of a lookup. The caller adds the key and the value.
    pub(super) fn status(&self) -> KeyStatus {
        let mut status = match &self.memory.slot {
            Some(slot) => self.of_slot(slot),
            None => self.of_disk(),
        };
        status.is_loading = self.memory.is_loading;
        if let Some(expires_at) = status.expires_at_ms.filter(|_| is_live(status.state)) {
            status.ttl_ms = Some(millis(Timestamp::from_millis(expires_at).since(self.now)));
        }
        status
    }

    /// Returns the record on disk if it was written from this slot.
    fn same_on_disk(&self, slot: &SlotContent) -> Option<OnDisk> {
        self.disk.and_then(Result::ok).filter(|record| record.header.sequence == slot.sequence)
    }

    /// Returns whether the change in a slot is not committed yet.
    pub(super) fn is_unflushed(&self, slot: &SlotContent) -> bool {
        // The writer may have committed the change between the read of memory and the read of the disk.
        let is_put = slot.unsaved.is_some() && self.same_on_disk(slot).is_none();
        is_put || is_removal(slot)
    }

    fn of_slot(&self, slot: &SlotContent) -> KeyStatus {
        let mut status = KeyStatus {
            sequence: Some(slot.sequence),
            is_unflushed: self.is_unflushed(slot),
            ..KeyStatus::default()
        };
        if is_removal(slot) {
            return KeyStatus { state: EntryState::Removed, ..status };
        }
        status.version = self.version;
        status.expires_at_ms = Some(slot.expires_at.as_millis());
        status.memory_bytes = Some(slot.weight.into());
        if let Some(unsaved) = slot.unsaved.as_ref().filter(|unsaved| unsaved.fits_file) {
            let inflated = unsaved.extension.unpack().inflated_len.map(u64::from);
            let len = inflated.unwrap_or(unsaved.payload.len() as u64);
            status.written_at_ms = Some(unsaved.written_at.as_millis());
            status.value_bytes = (!slot.is_absence).then(|| len.into());
        }
        let record = self.same_on_disk(slot);
        if let Some(record) = &record {
            show(&mut status, record);
        }
        let live = if slot.is_absence { EntryState::KnownAbsent } else { EntryState::Live };
        (status.state, status.found_in) = match record {
            _ if slot.expires_at <= self.now => (EntryState::Expired, None),
            Some(_) => (live, Some(FoundIn::Both)),
            None => (live, Some(FoundIn::Memory)),
        };
        status
    }

    fn of_disk(&self) -> KeyStatus {
        let record = match self.disk {
            None => return KeyStatus::default(),
            Some(Err(_)) => return KeyStatus { state: EntryState::Damaged, ..KeyStatus::default() },
            Some(Ok(record)) => record,
        };
        let mut status = KeyStatus::default();
        show(&mut status, &record);
        let Header { kind, version, sequence, expires_at, .. } = record.header;
        status.state = match () {
            () if sequence <= self.memory.min_visible_sequence => EntryState::Removed,
            () if self.version.is_some_and(|open| open != version) => EntryState::OtherVersion,
            () if expires_at <= self.now => EntryState::Expired,
            () if kind == RecordKind::Absence => EntryState::KnownAbsent,
            () => EntryState::Live,
        };
        status.found_in = is_live(status.state).then_some(FoundIn::Disk);
        status
    }
}

fn show(status: &mut KeyStatus, record: &OnDisk) {
    let Header { kind, version, sequence, written_at, expires_at, compression, .. } = record.header;
    status.version = Some(version);
    status.sequence = Some(sequence);
    status.written_at_ms = Some(written_at.as_millis());
    status.expires_at_ms = Some(expires_at.as_millis());
    if kind == RecordKind::Value {
        status.value_bytes = Some(record.value_len().into());
        status.stored_bytes = Some((record.stored_len as u64).into());
        status.compression = Some(compression.code());
    }
}

/// Returns whether the state is a live value or a live absence.
const fn is_live(state: EntryState) -> bool {
    matches!(state, EntryState::Live | EntryState::KnownAbsent)
}

/// Returns whether a slot is a removal that is not committed yet.
fn is_removal(slot: &SlotContent) -> bool {
    slot.value.is_none() && !slot.is_absence
}
