//! What is written to a file by hand.

use crate::error::Error;
use crate::format::record::{Compression, Extension};
use crate::memory::buffer::WriteBuffer;
use crate::memory::entry::Unsaved;
use crate::memory::slot::{Change, Mutation};
use crate::memory::weight::Weight;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A keyspace, as a file keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKeyspace {
    /// Its name.
    pub name: String,
    /// The version of its values' shape.
    pub version: u32,
    /// The shape of its keys, such as `(string, u64)`.
    pub key_shape: String,
    /// How its values are encoded: 0 bincode, 1 MessagePack, 2 raw bytes.
    pub value_format: u8,
    /// The name of the schema that it belongs to, if any.
    pub schema: Option<String>,
    /// The fingerprint of its values' type; zero if there is none.
    pub fingerprint: u64,
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
    /// When it was written.
    pub written_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The fingerprint of the shape that the value was written with, if there is one.
    pub fingerprint: Option<u64>,
    /// How the value is to be compressed in the file: 0 not, 1 LZ4, 2 Zstandard. It is stored as it is where
    /// that makes it no shorter, and where this build has no such compression.
    pub compression: u8,
    /// The encoded value, not compressed.
    pub value: Vec<u8>,
}

/// What became of entries that were to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Written {
    /// Written.
    pub written: u64,
    /// Not written: they had expired.
    pub expired: u64,
    /// Not written: the file has a live entry of their key that was written later.
    pub kept_newer: u64,
}

impl NewEntry {
    /// Counts the life of an entry that says it was written later than now from now (contract 2).
    pub(super) fn not_from_the_future(self, now: Timestamp) -> Self {
        if self.written_at <= now {
            return self;
        }
        let lifetime = self.expires_at.since(self.written_at);
        Self { written_at: now, expires_at: now.after(lifetime), ..self }
    }

    pub(super) fn mutation(self, full: &[u8], version: u32, sequence: u64) -> Result<Mutation, Error> {
        let how = Compression::of_code(self.compression)
            .and_then(crate::format::codec::compression::Compression::of_recorded);
        let deflated = how.and_then(|how| Some((how.recorded(), how.deflate(&self.value)?)));
        let (compression, inflated_len, payload) = match (deflated, u32::try_from(self.value.len())) {
            (Some((how, deflated)), Ok(len)) => (how, Some(len), deflated),
            _ => (Compression::None, None, self.value),
        };
        // A buffer of its own: nobody else writes, and the batch is bounded by its caller.
        let room = WriteBuffer::new(u64::MAX).reserve(payload.len() as u64, || {});
        let unsaved = Arc::new(Unsaved {
            fits_file: true,
            payload,
            compression,
            extension: Extension { fingerprint: self.fingerprint, inflated_len },
            version,
            written_at: self.written_at,
            room: room.ok_or(Error::Closed)?,
        });
        let change = Change::Put { unsaved, expires_at: self.expires_at, weight: Weight::ZERO };
        Ok(Mutation { key: full.into(), sequence, change, hides_removal: false })
    }
}
