//! The lease of a load whose loader is a future.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadLease;
use super::loader_panic::PollRecord;
use crate::format::key::Key;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Marks the loader as a future. `record` holds whether a poll of it has panicked.
    pub(in crate::api::keyspace) fn expect_polls(&mut self, record: &PollRecord) {
        self.loader_panic.of_polls = Some(record.clone());
    }

    /// Begins the load of a refresh, in the task that first polls the loader. Returns false if the value
    /// could not be cached: the deadline has passed, the cache is closed, or [`keyspace`](Self::keyspace)
    /// returns `None`.
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

    /// Polls a loader that the flight owns. The flight itself records which loader runs.
    pub(in crate::api::keyspace) fn poll_loader<R>(&self, poll: impl FnOnce() -> R) -> R {
        self.loader_panic.record(poll)
    }

    /// Returns whether the lease was taken in this process, and not in the parent of a forked child.
    pub(in crate::api::keyspace) fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }
}
