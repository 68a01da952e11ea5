//! The disk tier, as lookups and statistics see it: its snapshot, state and counts.
//!
//! While the cache is open, only the writer thread changes the file. It publishes each commit here, so that
//! lookups need not wait for the writer thread.

use super::absent_keys::AbsentKeys;
use crate::disk::disk_status::DiskStatus;
use crate::disk::store::snapshot::{SnapshotCell, StoreSnapshot};
use crate::disk::store::uses::Uses;
use crate::stats::DiskState;
use crate::sys::sync::{AtomicU8, AtomicU64, Mutex, Ordering, StatisticU64};

#[derive(Debug)]
pub(crate) struct DiskTier {
    pub(super) snapshots: SnapshotCell,
    /// The code of the [`DiskState`].
    state: AtomicU8,
    status: Mutex<DiskStatus>,
    pub(super) uses: Uses,
    pub(crate) absent_keys: AbsentKeys,
    /// The maximum number of rows of a small range removal. A small range removal is committed as a whole.
    pub(super) range_rows: usize,
    /// The highest generation of a snapshot in which a read has failed.
    reported_generation: AtomicU64,
    damaged_records: StatisticU64,
    read_faults: StatisticU64,
}

impl DiskTier {
    /// Returns the disk tier of a cache that has no file.
    pub(super) fn absent() -> Self {
        Self::new(DiskState::Discarded, None, DiskStatus::default(), 0, AbsentKeys::without_file())
    }

    pub(super) fn open(
        snapshot: Option<StoreSnapshot>,
        status: DiskStatus,
        range_rows: usize,
        absent_keys: AbsentKeys,
    ) -> Self {
        Self::new(DiskState::On, snapshot, status, range_rows, absent_keys)
    }

    fn new(
        state: DiskState,
        snapshot: Option<StoreSnapshot>,
        status: DiskStatus,
        range_rows: usize,
        absent_keys: AbsentKeys,
    ) -> Self {
        Self {
            snapshots: SnapshotCell::new(snapshot),
            state: AtomicU8::new(code(state)),
            status: Mutex::new(status),
            uses: Uses::default(),
            absent_keys,
            range_rows,
            reported_generation: AtomicU64::new(0),
            damaged_records: StatisticU64::new(0),
            read_faults: StatisticU64::new(0),
        }
    }

    /// Returns whether the disk tier is on: no failure is known.
    pub(crate) fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == code(DiskState::On)
    }

    /// Returns whether new writes will be committed, even if the disk must first recover. If not, new writes
    /// are in memory only.
    pub(crate) fn saves(&self) -> bool {
        // Relaxed, because this is only a hint for the preparation of a value. The shard checks again under
        // its lock.
        self.state.load(Ordering::Relaxed) != code(DiskState::Discarded)
    }

    pub(super) fn change_state(&self, state: DiskState) {
        self.state.store(code(state), Ordering::SeqCst);
    }

    pub(crate) fn status(&self) -> DiskStatus {
        let mut status = self.status.lock().clone();
        status.damaged_records = self.damaged_records.load(Ordering::Relaxed);
        status.read_faults = self.read_faults();
        status
    }

    /// Reads a part of the status without copying the whole status. The status is locked while `read` runs.
    pub(crate) fn with_status<R>(&self, read: impl FnOnce(&DiskStatus) -> R) -> R {
        read(&self.status.lock())
    }

    pub(super) fn change_status(&self, change: impl FnOnce(&mut DiskStatus)) {
        change(&mut self.status.lock());
    }

    pub(super) fn read_faults(&self) -> u64 {
        self.read_faults.load(Ordering::Relaxed)
    }

    pub(super) fn count_damage(&self) {
        self.damaged_records.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failed read. Returns whether it is the first failure in its snapshot's generation or a later
    /// one. Only the first failure is reported to the writer thread, because on a failing disk every lookup
    /// fails.
    pub(super) fn count_read_fault(&self, snapshot: &StoreSnapshot) -> bool {
        self.read_faults.fetch_add(1, Ordering::Relaxed);
        self.reported_generation.fetch_max(snapshot.generation, Ordering::Relaxed) < snapshot.generation
    }

    /// Removes the snapshot, so that no lookup reads the disk any more.
    pub(super) fn hide(&self) {
        self.snapshots.install(None);
    }
}

fn code(state: DiskState) -> u8 {
    match state {
        DiskState::On => 0,
        DiskState::Suspended => 1,
        DiskState::Discarded => 2,
    }
}
