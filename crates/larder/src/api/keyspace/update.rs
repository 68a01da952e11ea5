//! An update in progress: the fence that keeps loads from caching a key.

use crate::engine::shared::Shared;
use crate::format::key::bytes::KeyWriter;
use crate::sys::sync::Arc;

/// An update begun by [`Keyspace::begin_update`](crate::Keyspace::begin_update). Until it is finished or
/// dropped, loads of its key are answered and not cached. Several updates of one key may be in progress; all
/// must end.
#[derive(Debug)]
#[must_use = "an update that is dropped at once bars nothing while the change is made"]
pub struct Update {
    shared: Arc<Shared>,
    full: KeyWriter,
}

impl Update {
    pub(super) fn raise(shared: &Arc<Shared>, full: KeyWriter) -> Self {
        shared.tiers.memory.raise_fence(shared.tiers.memory.key(full.as_slice()));
        Self { shared: shared.clone(), full }
    }

    pub(super) fn key(&self) -> &[u8] {
        self.full.as_slice()
    }

    /// Ends the update: loads that begin from here on are cached. Those that began before are not.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        let memory = &self.shared.tiers.memory;
        memory.lower_fence(memory.key(self.full.as_slice()));
    }
}
