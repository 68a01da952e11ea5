//! Inserts tombstones, which make the removal of a key visible immediately.
//!
//! A tombstone revokes the key's leases under the lock of its shard. So a load that began earlier returns its
//! value but does not cache it.

use std::time::Duration;

use super::tiers::Tiers;
use crate::error::Error;
use crate::format::record::RecordKind;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::PreviousState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// The state of an entry that a tombstone has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemovedEntry {
    Live,
    /// No live value was found. The tombstone must still be committed, because the disk may have an entry or
    /// an absence. After the removal, the next load must query the source.
    Dead,
    /// Neither memory nor the disk has an entry for the key. No tombstone and no commit are needed.
    Nothing,
}

impl Tiers {
    /// Inserts a tombstone for a key of a keyspace on disk.
    ///
    /// # Errors
    /// Returns [`Error::Closed`] when the cache is closed, because no writer would commit the tombstone.
    pub(super) fn insert_tombstone(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<RemovedEntry, Error> {
        // If the snapshot was withdrawn, wait for the next one. Without a snapshot, it would be unknown
        // whether there is an entry. The wait is acceptable, because a removal also waits for its commit.
        drop(self.awaited_snapshot());
        // The snapshot is loaded under the lock of the shard, when the tombstone is inserted. If memory has
        // nothing for the key, no change of the key is being committed at that moment, so the snapshot shows
        // whether the disk has the key. A later snapshot might show an entry that was written after this
        // removal.
        let load_snapshot = || self.disk.snapshots.current().clone();
        let (previous, sequence, min_visible_sequence, snapshot) = self
            .memory
            .insert_tombstone(key, now, evicted_values, load_snapshot)
            .map_err(|_| Error::Closed)?;
        match previous {
            PreviousState::Live => return Ok(RemovedEntry::Live),
            PreviousState::Dead => return Ok(RemovedEntry::Dead),
            PreviousState::Nothing => {}
        }
        // Without a snapshot, it is unknown whether the disk has the key, so the tombstone must be committed.
        let Some(snapshot) = snapshot else { return Ok(RemovedEntry::Dead) };
        match snapshot.get(key.bytes) {
            // While a range removal that covers the key is pending, `min_visible_sequence` is not 0. Then
            // only the commit can decide whether the disk has an entry for the key.
            Ok(None) if min_visible_sequence == 0 => {
                self.memory.cancel_tombstone(key, sequence);
                Ok(RemovedEntry::Nothing)
            }
            Ok(None) => Ok(RemovedEntry::Dead),
            Ok(Some(record)) => {
                let live = self.live_record(key, record, min_visible_sequence, (now, Duration::ZERO));
                let is_value = live.is_some_and(|record| record.header.kind == RecordKind::Value);
                if !is_value && failpoint_is_set(Failpoint::KeepAbsence) {
                    self.memory.cancel_tombstone(key, sequence);
                    return Ok(RemovedEntry::Nothing);
                }
                Ok(if is_value { RemovedEntry::Live } else { RemovedEntry::Dead })
            }
            Err(fault) => {
                self.report(&snapshot, fault);
                Ok(RemovedEntry::Dead)
            }
        }
    }
}
