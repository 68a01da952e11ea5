//! The lease of a load whose loader is a future.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadLease;
use super::loader_panic::PollRecord;
use crate::format::key::Key;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Marks the loader as a future. Takes the record of its polls.
    pub(in crate::api::keyspace) fn expect_polls(&mut self, record: &PollRecord) {
        self.loader_panic.of_polls = Some(record.clone());
    }

    /// Begins the load of a refresh, in the task that polls it first. Returns false if the load would be
    /// useless, because it is too late, or because the cache is closed or has no handle any more.
    pub(in crate::api::keyspace) fn begin_in_task(&mut self) -> bool {
        if self.deadline.is_over() {
            return false;
        }
        let Some(keyspace) = self.keyspace().filter(|keyspace| !keyspace.shared.is_closed()) else {
            return false;
        };
        self.begin(&keyspace);
        true
    }

    /// Polls a loader that lives in the flight. The flight itself records which loader runs.
    pub(in crate::api::keyspace) fn poll_loader<R>(&self, poll: impl FnOnce() -> R) -> R {
        self.loader_panic.record(poll)
    }

    /// Returns whether the lease was taken in this process. If not, this is a forked child.
    pub(in crate::api::keyspace) fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }
}
