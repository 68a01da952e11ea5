//! An entry that is about to be stored in a shard: its value, its weight, and the data that the writer needs
//! to commit it.
//!
//! An entry without a value is an *absence*: the source has no value for the key. An absence is committed,
//! evicted and expired like a value. Code that returns values finds no value in an absence, so it cannot
//! confuse the two. An absence takes no extra space in a slot, and a hit needs no extra check.

use std::any::Any;

use super::buffer::BufferRoom;
use super::extras::EntryExtras;
use super::grace::Grace;
use super::group::Group;
use super::payload::Payload;
#[cfg(test)]
use super::payload::UnsavedPayload;
use super::weight::Weight;
#[cfg(test)]
use crate::format::record::Extension;
use crate::format::record::{PackedExtension, PayloadCompression, RecordKind};
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A user's value. The keyspace determines the concrete type.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// A value or an absence that is acknowledged and not yet committed, with the data for its record.
#[derive(Debug)]
pub(crate) struct Unsaved {
    pub(crate) kind: RecordKind,
    pub(crate) payload: Payload,
    pub(crate) compression: PayloadCompression,
    pub(crate) extension: PackedExtension,
    pub(crate) version: u32,
    /// The weight of the entry in memory.
    pub(crate) weight: Weight,
    pub(crate) written_at: Timestamp,
    /// Whether the value fits into the file. If it does not, the payload is empty, and the commit deletes
    /// the older record.
    pub(crate) fits_file: bool,
    pub(crate) group: Option<Arc<Group>>,
    /// Room in the write buffer, held for as long as the payload exists.
    pub(crate) room: BufferRoom,
}

#[cfg(test)]
impl Unsaved {
    pub(crate) fn uncompressed(
        payload: Vec<u8>,
        weight: Weight,
        written_at: Timestamp,
        room: BufferRoom,
    ) -> Self {
        Self {
            kind: RecordKind::Value,
            payload: UnsavedPayload::Encoded(payload).into(),
            compression: PayloadCompression::None,
            extension: Extension::default().into(),
            version: 0,
            weight,
            written_at,
            fits_file: true,
            group: None,
            room,
        }
    }
}

#[derive(Debug)]
pub(crate) struct IncomingEntry {
    /// `None` for an absence.
    pub(crate) value: Option<Value>,
    pub(crate) expires_at: Timestamp,
    /// How long the entry is kept after its expiry, as a fallback for failing loads.
    pub(crate) grace: Grace,
    pub(crate) weight: Weight,
    /// `None` for an entry that is already committed, or that will never be committed. The weight of such
    /// an entry is reserved in the budget before the shard stores the entry.
    pub(crate) unsaved: Option<Arc<Unsaved>>,
    /// `Some` for an entry of a keyspace that keeps extras.
    pub(crate) extras: Option<EntryExtras>,
}

impl IncomingEntry {
    /// Returns the weight to reserve before the entry is stored. An entry that will be committed reserves
    /// its weight when it becomes clean.
    pub(super) fn clean_weight(&self) -> u64 {
        if self.unsaved.is_none() { self.weight.bytes() } else { 0 }
    }
}

/// Where the value of a promotion was read.
#[derive(Clone, Copy)]
pub(crate) struct PromotionSource<'a> {
    /// Returns whether the value may still be promoted: its entry has not been evicted from disk, or the
    /// connection to its server is still the current one. If `is_extended` is set, the snapshot of its record
    /// must still be the current one. The call runs under the shard's lock.
    pub(crate) is_current: &'a dyn Fn() -> bool,
    /// Whether uses extend the life of the record's entry ([`super::use_stamps`]). The stored entry may have
    /// no extras.
    pub(crate) is_extended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The lease or the epoch token of the value is no longer valid, or the entry that the value was computed
    /// from has changed or expired. A promotion is also refused if the shard already has an entry of the key,
    /// if its snapshot or connection is no longer the current one, or if the disk has evicted entries since.
    Revoked,
    /// The entry that the value was computed from may exist only on disk, and was not found in the current
    /// snapshot.
    Unconfirmed,
    /// The change must be committed, but was not prepared for a commit, because the disk tier was
    /// unavailable until now.
    Unsaved,
    /// Memory has no room for the value, and the value need not be committed from memory: it will never be
    /// committed, or the disk or a server has it.
    NoRoom,
    Closed,
}
