//! The second keyspace of a workload, whose version changes. Its only key is also a key of the first
//! keyspace.
//!
//! In the history, this key has a different name for each version of the second keyspace. So a value from an
//! earlier version or from the first keyspace is detected as a wrong value.

use larder::{Cache, KeyspaceDefinition};

use super::calls::WorkloadKey;
use super::history::History;
use super::{WorkloadKeyspace, read};
use crate::support::HOUR;

const SECOND: KeyspaceDefinition<WorkloadKey, (u64, Vec<u8>)> = KeyspaceDefinition::new("second").ttl(HOUR);
/// The only key of the second keyspace.
const KEY: WorkloadKey = (0, 0);
/// The group in the history for keys of the second keyspace. The number of such a key is the version of the
/// keyspace.
const GROUP: u8 = u8::MAX;

/// The second keyspace in its current version.
#[derive(Default)]
pub(super) struct Second {
    /// Version of the keyspace. Zero before the keyspace is opened for the first time.
    version: u8,
    space: Option<WorkloadKeyspace>,
}

impl Second {
    /// Opens the second keyspace in the version that it had when the disk had `changes` changes.
    pub(super) fn found(cache: &Cache, history: &History, changes: usize) -> Self {
        let latest = history.last_begun((GROUP, 0)..=(GROUP, u8::MAX), changes);
        let mut second = Self { version: latest.map_or(0, |key| key.1), space: None };
        second.reopen(cache);
        second
    }

    /// Reopens the keyspace in its current version. Does nothing if the keyspace was never opened.
    pub(super) fn reopen(&mut self, cache: &Cache) {
        self.space = (self.version > 0).then(|| cache.keyspace(SECOND.version(self.version.into())).unwrap());
    }

    pub(super) fn leave(&mut self) {
        self.space = None;
    }

    /// Returns the name of the key in the history, or `None` if the keyspace was never opened.
    pub(super) fn key(&self) -> Option<WorkloadKey> {
        (self.version > 0).then_some((GROUP, self.version))
    }

    /// Opens the next version, and inserts a value. The new version must be empty before the insert. Returns
    /// the name of the key in the history.
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

    /// Returns the name of the key in the history, and the version of its value.
    pub(super) fn read(&self) -> Option<(WorkloadKey, Option<u64>)> {
        Some((self.key()?, read(self.space.as_ref()?, KEY)))
    }
}
