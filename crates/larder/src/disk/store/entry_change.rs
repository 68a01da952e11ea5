//! The change that a transaction makes to one entry.
//!
//! The disk tier does not depend on the source of a change. The engine creates changes from mutations that
//! memory has drained, and a tool creates them from its input.

use std::borrow::Cow;

use crate::format::record;
use crate::format::record::{Extension, PayloadCompression, RecordKind};
use crate::units::Timestamp;

#[derive(Debug, Clone)]
pub(crate) struct EntryChange<'a> {
    /// The key, including the number of its keyspace.
    pub(crate) key: Cow<'a, [u8]>,
    pub(crate) sequence: u64,
    /// The record to write. `None` deletes the entry.
    pub(crate) value: Option<NewValue<'a>>,
    /// Whether this change follows an uncommitted removal. If the value is not written, the entry must still
    /// be deleted.
    pub(crate) hides_removal: bool,
    /// Whether this change belongs to a group of values that one call has stored. If it is a deletion, it is
    /// committed together with the values of its batch, or not at all.
    pub(crate) is_with_values: bool,
}

/// A later expiry of an entry that was used since its record was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpiryExtension<'a> {
    pub(crate) key: &'a [u8],
    /// The sequence of the entry. A record with another sequence is not changed.
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
}

/// An encoded value to write, or an absence, which has no payload.
#[derive(Debug, Clone)]
pub(crate) struct NewValue<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) payload: Cow<'a, [u8]>,
    pub(crate) compression: PayloadCompression,
    pub(crate) extension: Extension,
    pub(crate) version: u32,
    pub(crate) written_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// When the record may be deleted: the expiry plus the grace.
    pub(crate) delete_after: Timestamp,
    /// Whether the value fits into the file. The commit of a value that does not fit deletes the previous
    /// value.
    pub(crate) fits_file: bool,
}

impl NewValue<'_> {
    pub(crate) fn record_len(&self) -> usize {
        record::record_len(&self.extension, self.payload.len())
    }
}

impl<'a> EntryChange<'a> {
    pub(crate) fn deletion(key: impl Into<Cow<'a, [u8]>>, sequence: u64) -> Self {
        Self { key: key.into(), sequence, value: None, hides_removal: false, is_with_values: false }
    }
}
