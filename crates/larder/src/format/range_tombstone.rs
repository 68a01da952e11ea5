//! A range tombstone: the removal of every key in a scope, under one sequence.
//!
//! Memory and the file hold one until nothing of its scope is left on disk: an entry that it covers is not to
//! be believed (contract 3).

use super::key::scope::Scope;
use super::record::Header;

/// The removal of every key in a scope, until nothing of it is left on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RangeTombstone {
    pub(crate) scope: Scope,
    pub(crate) sequence: u64,
}

impl RangeTombstone {
    /// Returns whether it covers what stands under a whole key with this sequence.
    pub(crate) fn covers(&self, key: &[u8], sequence: u64) -> bool {
        self.sequence >= sequence && self.scope.covers(key)
    }

    /// Returns whether it deletes a record.
    ///
    /// A record without a legible header is never served, so every range tombstone of its scope deletes it.
    pub(crate) fn deletes(&self, key: &[u8], header: Option<&Header>) -> bool {
        self.covers(key, header.map_or(0, |header| header.sequence))
    }
}

/// Returns whether one of these range tombstones covers what stands under a whole key with this sequence.
pub(crate) fn any_covers(tombstones: &[RangeTombstone], key: &[u8], sequence: u64) -> bool {
    tombstones.iter().any(|tombstone| tombstone.covers(key, sequence))
}
