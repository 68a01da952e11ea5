//! Loads that run on another thread than their lookup, and the pause after a refresh that publishes nothing
//! ([`crate::memory::refresh`]).

use std::sync::Weak;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadLease;
use super::loader_panic::LoaderPanic;
use crate::api::keyspace::Keyspace;
use crate::engine::shared::Shared;
use crate::format::key::Key;
use crate::format::stored_key::StoredKey;
use crate::memory::entry::Value;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

/// A guard for a refresh. Its drop pauses further refreshes of the key, if the key still has the old value.
///
/// The guard does not keep the cache or the file open. In a forked child it does nothing.
pub(in crate::api::keyspace) struct RefreshPause {
    shared: Weak<Shared>,
    key: StoredKey,
    value: HeldValue<Value>,
    length: Duration,
    /// The process in which the refresh began.
    process: Process,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Begins a load on the current thread, which is not the thread of the lookup.
    pub(in crate::api::keyspace) fn begin_on_this_thread(&mut self, keyspace: &Keyspace<K, V>) {
        // Reset, because the thread of the lookup may have been unwinding. Otherwise a panic of the loader
        // would not be detected.
        self.loader_panic = LoaderPanic::none();
        self.begin(keyspace);
    }

    pub(in crate::api::keyspace) fn pause_after(&self, value: Arc<V>) -> RefreshPause {
        let length = self.cool_down_length.unwrap_or_default();
        RefreshPause {
            shared: self.shared.clone(),
            key: self.key.clone(),
            value: HeldValue::new(value),
            length,
            process: self.process.clone(),
        }
    }
}

impl Drop for RefreshPause {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        // Dropped last, because this may be the last handle of the cache.
        let Some(shared) = self.shared.upgrade() else { return };
        let memory = &shared.tiers.memory;
        memory.pause_refreshes_of(memory.key(&self.key), &self.value, self.length);
    }
}
