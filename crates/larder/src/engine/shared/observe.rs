//! Observes single keys: sampled operations, slow loads, and keys in the log.

use std::time::Duration;

use super::Shared;
use crate::engine::keyspaces::open_keyspace::OpenKeyspace;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::count::Count;
use crate::stats::counters::Counters;
use crate::stats::observe::Sample;
use crate::stats::observe::hot::HotKeys;
use crate::stats::observe::slow::{FinishedLoad, SlowLoads};

impl Shared {
    /// Counts an operation on a full key, and records the key if the operation is sampled.
    #[inline]
    pub(crate) fn count(&self, counters: &Counters, count: Count, full: &[u8]) {
        let counted = counters.number(count);
        if let Some(sample) = self.observer.sample(count, counted, KeyspaceId::of(full)) {
            self.observe(sample, count, full);
        }
    }

    #[cold]
    pub(crate) fn observe(&self, sample: Sample, count: Count, full: &[u8]) {
        // In a forked child, the observer's lock may be held forever, because a thread of the parent may have
        // held it at the fork.
        if !self.is_forked() {
            self.observer.note(sample, count, full, &self.tiers.time);
        }
    }

    /// Counts a removal of every key that begins with `start`, and records it if it is sampled. Must not be
    /// called in a forked child.
    pub(in crate::engine) fn count_prefix(&self, counters: &Counters, start: &[u8]) {
        let counted = counters.number(Count::Invalidations);
        let sample = self.observer.sample(Count::Invalidations, counted, KeyspaceId::of(start));
        #[cfg(all(unix, feature = "control"))]
        if let Some(sample) = sample {
            self.observer.note_prefix(sample, start, &self.tiers.time);
        }
        // Only a client that watches the control socket can see prefixes.
        #[cfg(not(all(unix, feature = "control")))]
        let _ = (sample, start);
    }

    /// Records a slow load for [`slow_loads`](Shared::slow_loads). Does nothing in a forked child.
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
        self.observer.note_slow(FinishedLoad {
            keyspace: open_keyspace.named(),
            key,
            ended_at,
            took,
            has_failed,
        });
    }

    /// Returns a key as text for the log. Returns `None` unless the application allows this, because a key
    /// may be a secret.
    pub(crate) fn key_for_log(&self, open_keyspace: &OpenKeyspace, full: &[u8]) -> Option<String> {
        let key = full.get(KeyspaceId::LEN..)?;
        self.settings.logs_keys.then(|| open_keyspace.named().spell(key))
    }

    /// Returns up to `max` hot keys for hits and for misses, of all keyspaces or of one. Returns `None` if
    /// keys are not sampled.
    pub(crate) fn hot_keys(&self, only: Option<KeyspaceId>, max: usize) -> Option<HotKeys> {
        let names = self.keyspaces.names();
        let name = |id| names.get(&id).cloned();
        self.observer.hot_keys(&**self.tiers.time.clock(), max, only, &name)
    }

    /// Returns up to `max` slow loads, of all keyspaces or of the keyspace with this name.
    pub(crate) fn slow_loads(&self, only: Option<&str>, max: usize) -> SlowLoads {
        self.observer.slow_loads(self.settings.slow_load, max, |name| only.is_none_or(|only| only == name))
    }
}
