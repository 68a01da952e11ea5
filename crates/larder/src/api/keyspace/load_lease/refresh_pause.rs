//! The pause after a refresh that publishes nothing ([`crate::memory::refresh`]).

use std::sync::Weak;
use std::time::Duration;

use crate::engine::shared::Shared;
use crate::format::stored_key::StoredKey;
use crate::memory::entry::Value;
use crate::sys::process::Process;

/// Pauses the refreshes of a key when it is dropped, if the key still has the value that was refreshed.
///
/// It keeps neither the cache nor the file open. In a forked child it does nothing.
pub(in crate::api::keyspace) struct RefreshPause {
    pub(super) shared: Weak<Shared>,
    pub(super) key: StoredKey,
    pub(super) value: Value,
    pub(super) length: Duration,
    /// The process in which the refresh began.
    pub(super) process: Process,
}

impl Drop for RefreshPause {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        // Dropped last: this may be the last handle of the cache.
        let Some(shared) = self.shared.upgrade() else { return };
        let memory = &shared.tiers.memory;
        memory.pause_refreshes_of(memory.key(&self.key), &self.value, self.length);
    }
}
