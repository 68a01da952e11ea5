//! The keyspaces and entries that [`Admin`](super::Admin) writes, and the counts that it returns.

use std::borrow::Cow;

use crate::config::MAX_TTL;
use crate::disk::store::entry_change::{EntryChange, NewValue};
use crate::format::record::{Extension, PayloadCompression, RecordKind};
use crate::units::Timestamp;

/// A keyspace to open or create.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKeyspace {
    /// The name of the keyspace.
    pub name: String,
    /// The version of the shape of the keyspace's values.
    pub version: u32,
    /// The shape of the keyspace's keys, such as `(string, u64)`.
    pub key_shape: String,
    /// The format of the keyspace's values: 0 bincode, 1 MessagePack, 2 raw bytes.
    pub value_format: u8,
    /// The name of the schema that the keyspace belongs to, if any.
    pub schema: Option<String>,
    /// The fingerprint of the type of the keyspace's values. Zero if there is no fingerprint.
    pub fingerprint: u64,
}

/// An entry for [`Admin::write`](super::Admin::write).
///
/// The entry ends at `expires_at`. In a keyspace with a
/// [`time_to_idle`](crate::KeyspaceDefinition::time_to_idle), lookups do not extend its life until the
/// application writes or touches the entry. The entry has no recorded load time, so
/// [`early_expiration`](crate::LoadPolicy::early_expiration) does not refresh it.
///
/// Programs build this struct with a literal, so a new field would be a breaking change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The encoded key, without the number of its keyspace.
    pub key: Vec<u8>,
    /// The time at which the entry was written.
    pub written_at: Timestamp,
    /// The time at which the entry expires. [`Timestamp::NEVER`] if it never expires. Lookups do not change
    /// this time.
    pub expires_at: Timestamp,
    /// The time from which the entry may be deleted: the expiry plus the grace time. During the grace time,
    /// a lookup whose load fails may return the entry. A time before the expiry is raised to the expiry. A
    /// time more than twelve and a half years after the expiry is lowered to that maximum. An absence has
    /// no grace time: it may be deleted from its expiry on.
    pub delete_after: Timestamp,
    /// The fingerprint of the value's shape at the time of writing, if there is one.
    pub fingerprint: Option<u64>,
    /// The compression of the value in the file: 0 none, 1 LZ4, 2 Zstandard. A build without the feature
    /// `zstd` uses LZ4 instead of Zstandard. If the number is unknown, or compression does not make the value
    /// shorter, the value is stored uncompressed.
    pub compression: u8,
    /// The encoded, uncompressed value. `None` stores an absence, which says that the source has no value for
    /// the key ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)).
    pub value: Option<Vec<u8>>,
}

/// The numbers of entries that a call of [`Admin::write`](super::Admin::write) wrote and skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Written {
    /// Number of entries written.
    pub written: u64,
    /// Number of entries skipped because they had expired.
    pub expired: u64,
    /// Number of entries skipped because the file has a live entry of the same key that was written later.
    pub kept_newer: u64,
}

impl NewEntry {
    /// Returns the entry with a time of writing that is not after `now`. The TTL and the grace time stay
    /// the same ([contract 2](crate#the-contract)).
    pub(super) fn not_from_the_future(self, now: Timestamp) -> Self {
        if self.written_at <= now {
            return self;
        }
        if self.expires_at.is_never() {
            return Self { written_at: now, ..self };
        }
        let lifetime = self.expires_at.since(self.written_at);
        let grace = self.delete_after.since(self.expires_at);
        let expires_at = now.expiry_after(lifetime);
        Self { written_at: now, expires_at, delete_after: expires_at.expiry_after(grace), ..self }
    }

    /// Returns `delete_after`, but not earlier than the expiry, and limited to the longest grace time of a
    /// keyspace. Without the limit, an expired entry could stay in the file forever.
    fn bounded_delete_after(&self) -> Timestamp {
        let latest = self.expires_at.expiry_after(MAX_TTL + MAX_TTL / 4);
        self.delete_after.min(latest).max(self.expires_at)
    }

    pub(super) fn change(self, full: &[u8], version: u32, sequence: u64) -> EntryChange<'_> {
        let kind = if self.value.is_some() { RecordKind::Value } else { RecordKind::Absence };
        // An absence has no grace time.
        let delete_after = match kind {
            RecordKind::Value => self.bounded_delete_after(),
            RecordKind::Absence => self.expires_at,
        };
        let fingerprint = self.fingerprint.filter(|_| kind == RecordKind::Value);
        let value = self.value.unwrap_or_default();
        let how = PayloadCompression::of_code(self.compression)
            .and_then(crate::format::codec::compression::Compression::of_recorded);
        let deflated = how.and_then(|how| Some((how.recorded(), how.deflate(&value)?)));
        let (compression, inflated_len, payload) = match (deflated, u32::try_from(value.len())) {
            (Some((how, deflated)), Ok(len)) => (how, Some(len), deflated),
            _ => (PayloadCompression::None, None, value),
        };
        let value = NewValue {
            kind,
            payload: Cow::Owned(payload),
            compression,
            extension: Extension { fingerprint, inflated_len, ..Extension::default() },
            version,
            written_at: self.written_at,
            expires_at: self.expires_at,
            delete_after,
            fits_file: true,
        };
        EntryChange {
            key: Cow::Borrowed(full),
            sequence,
            value: Some(value),
            hides_removal: false,
            is_with_values: false,
        }
    }
}
