//! The results of lookups in a shard.

use std::time::Duration;

use super::entry::Value;
use super::epochs::EpochToken;
use super::extras::EntryExtras;
use crate::units::Timestamp;

#[derive(Debug)]
pub(crate) enum Lookup {
    Value(Value, Timestamp),
    /// The key has a live absence, which expires at this time.
    Absent(Timestamp),
    /// Memory has no live entry of the key, and no record on disk may be served. A server may have an
    /// entry.
    Negative,
    /// The shard has no entry of the key, but a lower tier may have one.
    Unknown(MissToken),
}

impl Lookup {
    /// Converts `Unknown` to `Negative`, for a key that is known to have no entry.
    pub(crate) fn or_negative(self) -> Self {
        if matches!(self, Self::Unknown(_)) { Self::Negative } else { self }
    }
}

/// The content of a key, live or expired.
#[derive(Debug)]
pub(crate) enum StaleLookup {
    Value(Value, Timestamp),
    /// The key was removed, or the source had no value for it.
    NoValue,
    /// The shard has no entry of the key, but a lower tier may have one.
    Unknown(MissToken),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadEntry {
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
    /// The expiry, or the hard limit if uses extend the entry's life.
    pub(crate) ends_at: Timestamp,
    pub(crate) load_time: Option<Duration>,
}

impl ReadEntry {
    pub(crate) fn new(sequence: u64, expires_at: Timestamp, extras: Option<EntryExtras>) -> Self {
        let ends_at = EntryExtras::hard_limit(extras, expires_at);
        Self { sequence, expires_at, ends_at, load_time: extras.and_then(EntryExtras::load_time) }
    }
}

/// The data with which a caller looks up a key on disk or at a server after a miss in the shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MissToken {
    /// A record on disk is visible only if its sequence is greater than this one.
    pub(crate) min_visible_sequence: u64,
    pub(crate) epoch_token: EpochToken,
    /// The number of evictions from disk that had begun at the miss. Taken under the lock of the shard.
    pub(crate) disk_evictions: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreviousState {
    Live,
    /// An absence, an expired entry or a tombstone.
    Dead,
    /// The shard had no entry of the key, but a lower tier may have had one.
    Nothing,
}
