//! What stands in a file for a key.

use crate::disk::Known;
use crate::record::{self, Damage};
use crate::units::Timestamp;

/// A record that is whole: what it says of its entry, and the value's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The version of its keyspace when it was written.
    pub version: u32,
    /// The number of the change that wrote it.
    pub sequence: u64,
    /// When it was written.
    pub written_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When the sweeper may delete it.
    pub delete_after: Timestamp,
    /// The fingerprint of the shape that the value was written with, if its record has one.
    pub fingerprint: Option<u64>,
    /// The encoded value.
    pub payload: Vec<u8>,
}

/// What a lookup of a key would find in the file, and why it would miss.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A live entry.
    Live(Record),
    /// An entry that has expired: a miss, until the sweeper deletes it.
    Expired(Record),
    /// An entry of another version of the keyspace: a miss.
    OtherVersion(Record),
    /// An entry that a removal of several keys covers, which is still to be made: a miss, until the next owner makes it.
    Removed(Record),
    /// An entry of this key in a keyspace that is retired, in which nobody looks: it had another version, shape, or name.
    Retired {
        /// The number of that keyspace.
        number: u32,
        /// What stands there.
        record: Record,
    },
    /// A record that is not what was written: a miss.
    Damaged {
        /// What is wrong with it.
        cause: &'static str,
    },
    /// Nothing: it was never written, or has been removed, evicted or swept; or it is in its owner's memory alone.
    Absent,
}

/// An entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key's bytes, without the number of its keyspace.
    pub key: Vec<u8>,
    /// What stands there; never [`Finding::Absent`] or [`Finding::Retired`].
    pub finding: Finding,
}

impl Finding {
    /// The record, if there is one that is whole.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Live(record)
            | Self::Expired(record)
            | Self::OtherVersion(record)
            | Self::Removed(record)
            | Self::Retired { record, .. } => Some(record),
            Self::Damaged { .. } | Self::Absent => None,
        }
    }

    /// The record of a live entry.
    #[must_use]
    pub fn live(&self) -> Option<&Record> {
        match self {
            Self::Live(record) => Some(record),
            _ => None,
        }
    }

    /// Judges the bytes that stand under a whole key.
    pub(super) fn of(known: &Known, full: &[u8], bytes: &[u8], version: u32, now: Timestamp) -> Self {
        match read(full, bytes) {
            Err(cause) => Self::Damaged { cause },
            Ok(record) if known.is_removed(full, record.sequence) => Self::Removed(record),
            Ok(record) if record.version != version => Self::OtherVersion(record),
            Ok(record) if record.expires_at > now => Self::Live(record),
            Ok(record) => Self::Expired(record),
        }
    }
}

pub(super) fn read(full: &[u8], bytes: &[u8]) -> Result<Record, &'static str> {
    let (header, extension, payload) = record::read(full, bytes).map_err(|damage| match damage {
        Damage::Short => "it is shorter than it should be",
        Damage::Checksum => "its checksum is not that of its bytes",
        Damage::Unknown => "it is of a kind that this version does not know",
        Damage::Extension => "its extension is ill-formed",
    })?;
    let record::Header { version, sequence, written_at, expires_at, delete_after, .. } = header;
    let fingerprint = extension.fingerprint;
    // What a record says of compression ends here: whoever inspects or exports is to get the encoded value.
    let payload = payload.to_vec();
    Ok(Record { version, sequence, written_at, expires_at, delete_after, fingerprint, payload })
}
