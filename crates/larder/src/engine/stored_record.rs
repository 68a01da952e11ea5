//! A record that a lookup found on disk or at a server.

use std::sync::Weak;

use crate::disk::store::snapshot::{EvictionEpoch, StoreSnapshot};
use crate::format::record::{self, Extension, Header};
use crate::sys::sync::Arc;

#[derive(Debug)]
pub(crate) struct StoredRecord {
    pub(super) header: Header,
    pub(crate) extension: Extension,
    record: Vec<u8>,
    payload_at: usize,
    /// A token of the snapshot that the record was read from, if uses extend the life of its entry. `None` if
    /// `lives_elsewhere` is set. The value is then not promoted.
    pub(super) snapshot: Option<Weak<StoreSnapshot>>,
    /// Whether the record and its stamp have expired, but the entry's slot or a newer snapshot has a later
    /// expiry.
    pub(super) lives_elsewhere: bool,
    /// The epoch of the snapshot that the record was read from. `None` for a record of a server.
    pub(super) epoch: Option<EvictionEpoch>,
}

impl StoredRecord {
    /// Creates a record that comes from no snapshot.
    pub(super) fn new(header: Header, extension: Extension, record: Vec<u8>, payload_at: usize) -> Self {
        let (snapshot, lives_elsewhere, epoch) = (None, false, None);
        Self { header, extension, record, payload_at, snapshot, lives_elsewhere, epoch }
    }

    pub(super) fn with_origin(self, origin: RecordOrigin) -> Self {
        let snapshot = origin.snapshot.filter(|_| !self.lives_elsewhere);
        Self { snapshot, epoch: Some(origin.epoch), ..self }
    }

    /// Returns the encoded value. Empty for an absence.
    pub(crate) fn payload(&self) -> &[u8] {
        self.record.get(self.payload_at..).unwrap_or_default()
    }
}

/// The snapshot that a record was read from.
#[derive(Debug)]
pub(super) struct RecordOrigin {
    /// A token of the snapshot, if uses extend the life of the entry. Lookups of other records need no
    /// token, and should not pay for one.
    pub(super) snapshot: Option<Weak<StoreSnapshot>>,
    epoch: EvictionEpoch,
}

impl RecordOrigin {
    pub(super) fn new(snapshot: &Arc<StoreSnapshot>, record: &[u8]) -> Self {
        let token = record::is_extended_by_uses(record).then(|| Arc::downgrade(snapshot));
        Self { snapshot: token, epoch: snapshot.eviction_epoch() }
    }
}
