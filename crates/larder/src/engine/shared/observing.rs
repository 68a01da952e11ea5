//! What is seen of single keys: sampled operations, slow loads, and keys in the log.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Shared;
use crate::engine::open_keyspace::OpenKeyspace;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::count::Count;
use crate::stats::counters::Counters;
use crate::stats::observe::Sample;
use crate::stats::observe::hot::HotKeys;
use crate::stats::observe::named::Named;
use crate::stats::observe::slow::{Load, SlowLoads};

impl Shared {
    /// Counts an operation on a whole key, and looks at it if it is sampled.
    #[inline]
    pub(crate) fn count(&self, counters: &Counters, count: Count, full: &[u8]) {
        let counted = counters.number(count);
        if let Some(sample) = self.observer.sample(count, counted, full) {
            self.note(sample, count, full);
        }
    }

    #[cold]
    fn note(&self, sample: Sample, count: Count, full: &[u8]) {
        // A lock of the parent's threads may be held for ever.
        if !self.is_forked() {
            self.observer.note(sample, count, full, &self.tiers.time);
        }
    }

    /// Counts a removal of every key that begins so, and looks at it if it is sampled. Not in a forked child.
    pub(crate) fn count_prefix(&self, counters: &Counters, start: &[u8]) {
        let counted = counters.number(Count::Invalidations);
        let sample = self.observer.sample(Count::Invalidations, counted, start);
        #[cfg(all(unix, feature = "control"))]
        if let Some(sample) = sample {
            self.observer.note_prefix(sample, start, &self.tiers.time);
        }
        // Prefixes are shown to those who watch, and to no other.
        #[cfg(not(all(unix, feature = "control")))]
        let _ = (sample, start);
    }

    /// Keeps a slow load.
    #[cold]
    pub(crate) fn note_slow(
        &self,
        open_keyspace: &OpenKeyspace,
        full: &[u8],
        took: Duration,
        has_failed: bool,
    ) {
        if self.is_forked() {
            return;
        }
        let key = full.get(KeyspaceId::LEN..).unwrap_or_default().to_vec();
        let ended_at = self.tiers.time.now();
        self.observer.note_slow(Load { keyspace: open_keyspace.named(), key, ended_at, took, has_failed });
    }

    /// Spells a key for the log, if the application allows it. Otherwise it may be a secret.
    pub(crate) fn key_for_log(&self, open_keyspace: &OpenKeyspace, full: &[u8]) -> Option<String> {
        let key = full.get(KeyspaceId::LEN..)?;
        self.logs_keys.then(|| open_keyspace.named().spell(key))
    }

    /// Returns the hot keys, of all keyspaces or of one; none if keys are not sampled.
    pub(crate) fn hot_keys(&self, only: Option<KeyspaceId>, most: usize) -> Option<HotKeys> {
        let names = self.names();
        let name = |id| names.get(&id).cloned();
        self.observer.hot_keys(&**self.tiers.time.clock(), most, only, &name)
    }

    pub(crate) fn slow_loads(&self, only: Option<&str>, most: usize) -> SlowLoads {
        self.observer.slow_loads(self.slow_load, most, |name| only.is_none_or(|only| only == name))
    }

    /// Returns the keyspaces that are open, by their numbers.
    pub(crate) fn names(&self) -> BTreeMap<KeyspaceId, Named> {
        self.open_keyspaces
            .lock()
            .values()
            .map(|open_keyspace| (open_keyspace.id, open_keyspace.named()))
            .collect()
    }
}
