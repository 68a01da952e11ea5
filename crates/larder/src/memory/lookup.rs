//! What a shard answers about a key.

use super::entry::Value;
use super::epochs::EpochToken;
use crate::units::Timestamp;

/// What a lookup finds in a shard.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// A live value.
    Value(Value, Timestamp),
    /// Nothing live, and nothing live on disk either.
    Negative,
    /// Nothing: the disk knows.
    Unknown(MissToken),
}

/// What is to be known of a key that its shard knows nothing of, before the disk is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MissToken {
    /// The sequence that a record must exceed to be believed.
    pub(crate) min_visible_sequence: u64,
    /// The permission to copy what is found into memory.
    pub(crate) epoch_token: EpochToken,
}

/// What stood in a shard before a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreviousState {
    /// A live value.
    Live,
    /// An expired value or a tombstone.
    Dead,
    /// Nothing: the disk knows.
    Nothing,
}
