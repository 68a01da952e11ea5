//! The writer's work on a new filter of absent keys ([`crate::engine::absent_keys`]).
//!
//! The filter is built in parts between two steps, like pending range removals ([`super::between_steps`]).
//! A caller that waits for a commit waits for at most one part. All keys of the file are read, so the
//! writer begins only when reads that found nothing show that the filter pays. It checks this after each
//! step, and each time that the sweeper makes it check the file.

use std::time::Duration;

use super::Writer;

/// A part ends after the first key that is read later than this. On a slow disk, one key may take longer.
const MAX_PART: Duration = Duration::from_millis(1);

impl Writer {
    /// Begins a new filter if it pays.
    pub(super) fn plan_filter(&mut self) {
        let absent_keys = &self.tiers.disk.absent_keys;
        if let Some(store) = self.file.store()
            && let (entries, bytes) = (store.catalog.entries(), store.catalog.live_bytes())
            && absent_keys.needs_build(entries, bytes)
        {
            absent_keys.begin_build(entries);
        }
    }

    /// Builds a part of the new filter. Returns whether another part can be built now.
    pub(super) fn build_filter_part(&self) -> bool {
        let (disk, memory) = (&self.tiers.disk, &self.tiers.memory);
        if !disk.absent_keys.is_building() {
            return false;
        }
        // While there is no snapshot, the build waits. After an outage, it is given up.
        let Some(snapshot) = disk.snapshots.current().clone() else { return false };
        let hash = |key: &[u8]| memory.key(key).hash;
        let clock = self.tiers.time.clock();
        let began = clock.monotonic();
        let is_over = || clock.monotonic().saturating_sub(began) >= MAX_PART;
        disk.absent_keys.build_part(&snapshot, hash, &is_over)
    }
}
