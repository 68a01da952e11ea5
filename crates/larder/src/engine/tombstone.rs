//! Inserts a tombstone, so that the removal of a key is visible immediately. Reports the kind of entry
//! removed.
//!
//! The tombstone revokes the key's leases under the lock of its shard. So a load that began earlier returns
//! its value and does not cache it.

use std::time::Duration;

use super::tiers::Tiers;
use crate::error::Error;
use crate::format::record::RecordKind;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::PreviousState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// The kind of entry that a tombstone removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemovedEntry {
    /// A live value.
    Live,
    /// There was no live value. The disk may still have an entry of the key, so the tombstone must be
    /// committed. The entry may be an absence: after the removal, the next load must ask the source.
    Dead,
    /// Neither tier has an entry of the key. No tombstone is needed, and no commit.
    Nothing,
}

impl Tiers {
    /// Inserts a tombstone for a key that belongs on disk.
    ///
    /// # Errors
    /// Returns [`Error::Closed`] when the cache is closed, because no writer would commit the tombstone.
    pub(crate) fn insert_tombstone(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<RemovedEntry, Error> {
        // Waits for the next snapshot if the last snapshot was withdrawn. Without a snapshot, it is unknown
        // whether the removal removes an entry. A removal waits for its commit in any case.
        drop(self.awaited_snapshot());
        // The snapshot is loaded under the lock of the shard, together with the tombstone. At that moment no
        // change of the key is being committed, so the snapshot shows the content of the disk. A later
        // snapshot may show an entry that was written after this removal.
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
        // Without a snapshot, the content of the disk is unknown. So the tombstone is committed.
        let Some(snapshot) = snapshot else { return Ok(RemovedEntry::Dead) };
        match snapshot.get(key.bytes) {
            // While a range removal is pending (`min_visible_sequence` is not 0), only the commit can decide
            // whether the disk has an entry of the key.
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
