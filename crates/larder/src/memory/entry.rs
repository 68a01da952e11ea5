//! An entry on its way into a shard: its value, its weight, and what the writer needs to save it.

use std::any::Any;

use super::buffer::BufferRoom;
use super::weight::Weight;
use crate::format::record::{Compression, Extension};
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A user's value, of the type its keyspace knows.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// A value that is acknowledged and not yet committed: what the writer needs to make its record.
#[derive(Debug)]
pub(crate) struct Unsaved {
    pub(crate) payload: Vec<u8>,
    pub(crate) compression: Compression,
    pub(crate) extension: Extension,
    pub(crate) version: u32,
    pub(crate) written_at: Timestamp,
    /// Whether the file takes it. One that is too large has no payload: its commit deletes what it replaces.
    pub(crate) fits_file: bool,
    /// Held for as long as the payload is.
    pub(crate) room: BufferRoom,
}

#[cfg(test)]
impl Unsaved {
    pub(crate) fn uncompressed(
        payload: Vec<u8>,
        version: u32,
        written_at: Timestamp,
        room: BufferRoom,
    ) -> Self {
        let (compression, extension) = (Compression::None, Extension::default());
        Self { payload, compression, extension, version, written_at, fits_file: true, room }
    }
}

/// An entry to be stored.
#[derive(Debug)]
pub(crate) struct IncomingEntry {
    pub(crate) value: Value,
    pub(crate) expires_at: Timestamp,
    pub(crate) weight: Weight,
    /// `None` for an entry that is only ever in memory; its weight is then already reserved in the budget.
    pub(crate) unsaved: Option<Arc<Unsaved>>,
}

/// Why a value was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its lease was revoked.
    Revoked,
    /// It is to be saved, and was not made to be: the disk tier came back meanwhile.
    Unsaved,
    /// Memory has no room for it, and it has no other place.
    NoRoom,
    /// The cache is closed.
    Closed,
}
