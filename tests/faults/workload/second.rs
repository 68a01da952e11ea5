//! The second keyspace of a workload. This keyspace changes its version. It has one key, and the first
//! keyspace has the same key.
//!
//! In the history, this key has another name for each version of the second keyspace. So a value of an
//! earlier version, or of the other keyspace, is a value that never existed.

use larder::{Cache, KeyspaceDefinition};

use super::calls::WorkloadKey;
use super::history::History;
use super::{WorkloadKeyspace, read};
use crate::support::HOUR;

const SECOND: KeyspaceDefinition<WorkloadKey, (u64, Vec<u8>)> = KeyspaceDefinition::new("second").ttl(HOUR);
/// The keyspace's key.
const KEY: WorkloadKey = (0, 0);
/// The group of the keyspace's keys in the history. The number of such a key is the keyspace's version.
const GROUP: u8 = u8::MAX;

/// The second keyspace in its current version.
#[derive(Default)]
pub(super) struct Second {
    /// The keyspace's version. It is zero before the keyspace is first opened.
    version: u8,
    space: Option<WorkloadKeyspace>,
}

impl Second {
    /// Opens the keyspace in the version that the keyspace had when the disk had this many changes.
    pub(super) fn found(cache: &Cache, history: &History, changes: usize) -> Self {
        let latest = history.last_begun((GROUP, 0)..=(GROUP, u8::MAX), changes);
        let mut second = Self { version: latest.map_or(0, |key| key.1), space: None };
        second.reopen(cache);
        second
    }

    /// Opens the keyspace again in its version, if it was ever opened.
    pub(super) fn reopen(&mut self, cache: &Cache) {
        self.space = (self.version > 0).then(|| cache.keyspace(SECOND.version(self.version.into())).unwrap());
    }

    pub(super) fn leave(&mut self) {
        self.space = None;
    }

    /// Returns the key's name in the history, if the keyspace was ever opened.
    pub(super) fn key(&self) -> Option<WorkloadKey> {
        (self.version > 0).then_some((GROUP, self.version))
    }

    /// Opens the next version, and inserts a value. The version must be empty at first. Returns the key's
    /// name in the history.
    pub(super) fn next_version(&mut self, cache: &Cache, value: (u64, Vec<u8>)) -> WorkloadKey {
        self.leave();
        self.version += 1;
        self.reopen(cache);
        let space = self.space.as_ref().unwrap();
        let found = read(space, KEY);
        assert_eq!(found, None, "version {} of the second keyspace is new", self.version);
        space.insert(&KEY, value).unwrap();
        (GROUP, self.version)
    }

    /// Returns the key's name in the history, and the version of its value.
    pub(super) fn read(&self) -> Option<(WorkloadKey, Option<u64>)> {
        Some((self.key()?, read(self.space.as_ref()?, KEY)))
    }
}
