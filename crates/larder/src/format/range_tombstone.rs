//! A range tombstone: the removal of every key in a scope, under one sequence.
//!
//! Memory keeps a range tombstone until no entry that it covers is left on disk, and so does the file if
//! there are many such entries. Until then, these entries must not be served (contract 3).

use super::key::scope::Scope;
use super::record::Header;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RangeTombstone {
    pub(crate) scope: Scope,
    pub(crate) sequence: u64,
}

impl RangeTombstone {
    /// Returns whether the range tombstone covers the entry of a full key with this sequence.
    pub(crate) fn covers(&self, key: &[u8], sequence: u64) -> bool {
        self.sequence >= sequence && self.scope.covers(key)
    }

    /// Returns whether the range tombstone deletes the record of a key.
    ///
    /// A record without a readable header is never served, so every range tombstone whose scope covers the
    /// key deletes the record.
    pub(crate) fn deletes(&self, key: &[u8], header: Option<&Header>) -> bool {
        self.covers(key, header.map_or(0, |header| header.sequence))
    }
}

/// Returns whether one of these range tombstones covers the entry of a full key with this sequence.
pub(crate) fn any_covers(tombstones: &[RangeTombstone], key: &[u8], sequence: u64) -> bool {
    tombstones.iter().any(|tombstone| tombstone.covers(key, sequence))
}
