//! A second keyspace beside the workload's. It changes its version, and has one key, which the first keyspace
//! has too.
//!
//! In the history this key is another one in each version. So a value of an earlier version, or of the other
//! keyspace, counts as one that never existed.

use larder::{Cache, KeyspaceDefinition};

use super::calls::WorkloadKey;
use super::history::History;
use super::{WorkloadKeyspace, read};
use crate::support::HOUR;

const SECOND: KeyspaceDefinition<WorkloadKey, (u64, Vec<u8>)> = KeyspaceDefinition::new("second").ttl(HOUR);
/// Its key in the keyspace.
const KEY: WorkloadKey = (0, 0);
/// The group of its keys in the history. The number of a key is the version.
const GROUP: u8 = u8::MAX;

/// The second keyspace in its current version.
#[derive(Default)]
pub(super) struct Second {
    /// 0 before it is first opened.
    version: u8,
    space: Option<WorkloadKeyspace>,
}

impl Second {
    /// Opens the keyspace in the version that it had when the disk had this many changes.
    pub(super) fn found(cache: &Cache, history: &History, changes: usize) -> Self {
        let latest = history.last_begun((GROUP, 0)..=(GROUP, u8::MAX), changes);
        let mut second = Self { version: latest.map_or(0, |key| key.1), space: None };
        second.reopen(cache);
        second
    }

    /// Opens it again in its version, if it was ever opened.
    pub(super) fn reopen(&mut self, cache: &Cache) {
        self.space = (self.version > 0).then(|| cache.keyspace(SECOND.version(self.version.into())).unwrap());
    }

    pub(super) fn leave(&mut self) {
        self.space = None;
    }

    /// Returns its key in the history, if it was ever opened.
    pub(super) fn key(&self) -> Option<WorkloadKey> {
        (self.version > 0).then_some((GROUP, self.version))
    }

    /// Opens the next version, which must be empty, and inserts there. Returns the key in the history.
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

    /// Returns its key in the history and the version of its value.
    pub(super) fn read(&self) -> Option<(WorkloadKey, Option<u64>)> {
        Some((self.key()?, read(self.space.as_ref()?, KEY)))
    }
}
