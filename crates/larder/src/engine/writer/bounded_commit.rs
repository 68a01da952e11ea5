//! Commits transactions within the bounds of the file.
//!
//! If the capacity limits the allocated blocks of the file, every write that would exceed the capacity is
//! refused (`disk::store::sparse`). After a refusal:
//!
//! 1. The whole transaction has failed: the file contains none of its changes, and the store accepts no more
//!    transactions.
//! 2. Withdraw the snapshot, so that no lookup reads the file, and open the file again. While the file was
//!    closed, another process that had the owner's lock may have added keys. So the lock is checked after the
//!    opening, and if it was lost, the answers of the filter of absent keys are given up
//!    ([`crate::engine::absent_keys`]). From the opening on, redb's lock on the file keeps others out.
//! 3. Compact the file, unless another process reads it, and lower the limit of its live entries
//!    ([`crate::disk::store::pressure`]). If the compaction fails, rewrite a file whose regions are too large
//!    (`disk::file::compact`), because such a file can't grow within its bounds.
//! 4. Repeat the transaction. This time it may evict entries without writing the values. A later transaction
//!    then writes the values ([`super::held`]).
//! 5. Install the snapshot of the transaction, as after any commit. Until then, lookups find nothing on disk.
//!
//! While another process reads the file, the store can't reuse or move pages that the other process may need.
//! So the bound is lifted for the transaction. Otherwise the tier would be suspended, and the next removal
//! would discard the file.
//!
//! If the last repetition is refused, the transaction fails as on a full disk, and the tier is suspended.

use super::Writer;
use crate::disk::file::cache_file::CacheFile;
use crate::disk::file::cache_file::backoff::{INITIAL_RETRY_DELAY, MAX_RETRY_DELAY};
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::engine::tiers::Tiers;
use crate::engine::totals::MAX_ASKED_BY_COMMIT;

/// The maximum number of repetitions of a transaction that would exceed the bounds of the file.
const MAX_REFUSALS: u32 = 8;
/// The number of repetitions before the bound is lifted, if another process reads the file.
const MAX_REFUSALS_WHILE_READ: u32 = 1;

pub(super) fn commit(
    file: &mut CacheFile,
    tiers: &Tiers,
    batch: &Batch<'_>,
) -> Result<CommitOutcome, StoreError> {
    let (mut refusals, mut read_by_others) = (0, 0);
    loop {
        let Some(store) = file.store_mut() else { return Err(StoreError::io("the file is out of service")) };
        // The last commit before the close reads new counts from all keyspaces.
        let max_asked = if batch.closing { usize::MAX } else { MAX_ASKED_BY_COMMIT };
        if let Some(totals) = tiers.cumulative(1, max_asked) {
            store.note_cumulative_stats(totals);
        }
        // Evictions also need new blocks. So from the second repetition on, the transaction may use the
        // reserve.
        store.reserve.allow(refusals > 1);
        store.reserve.lift(read_by_others > MAX_REFUSALS_WHILE_READ);
        let committed = store.commit(batch);
        store.reserve.allow(false);
        store.reserve.lift(false);
        match committed {
            Err(fault) if fault.kind == StoreErrorKind::TooLarge && refusals < MAX_REFUSALS => {
                refusals += 1;
                tiers.disk.snapshots.withdraw();
                let lock_losses = file.lock_losses();
                let reopened = file.reopen_smaller(fault, tiers.time.now());
                let reopened = reopened.and_then(|is_moved| file.check_place().map(|()| is_moved));
                if file.lock_losses() != lock_losses {
                    tiers.disk.absent_keys.forget();
                }
                read_by_others += u32::from(!reopened?);
            }
            done => return done,
        }
    }
}

impl Writer {
    /// Shortens a file that is larger than its capacity, by releasing its free pages. If blocks are not
    /// counted, a file of one region doubles its length when it grows, and can become too large. A file that
    /// was created before its bound was known can be too large as well. During the compaction, lookups find
    /// nothing on disk.
    pub(super) fn keep_to_capacity(&mut self) {
        if self.now() < self.compact_at || !self.file.is_too_large() {
            return;
        }
        let is_free = self.tiers.disk.snapshots.withdraw();
        let (generation, lock_losses) = (self.file.generation(), self.file.lock_losses());
        let compacted = if is_free { self.file.compact() } else { Ok(false) };
        let Some(store) = self.file.store() else { return };
        // The compaction opened the store again by its path, where another file may be by now. So the
        // snapshot is installed only after the check that the file belongs to this cache.
        let snapshot = compacted.and_then(|_| store.snapshot(generation));
        let snapshot = snapshot.and_then(|snapshot| self.file.check_place().map(|()| snapshot));
        // While the store was closed, another process that had the lock may have added keys.
        if self.file.lock_losses() != lock_losses {
            self.tiers.disk.absent_keys.forget();
        }
        match snapshot {
            Ok(snapshot) => self.tiers.disk.snapshots.install(Some(snapshot)),
            // Committed entries are not lost, because the file is opened again after a wait.
            Err(fault) => return self.fail_unasked(fault),
        }
        let extent = self.file.extent();
        self.tiers.disk.change_status(|status| status.extent = extent);
        // The file may still be too large, because a slow lookup or a follower holds an old snapshot, or
        // because a value takes a large part of the capacity. So the writer tries again later.
        if self.file.is_too_large() {
            self.compact_at = self.now().after(self.compact_wait);
            self.compact_wait = (2 * self.compact_wait).min(MAX_RETRY_DELAY);
        } else {
            self.compact_wait = INITIAL_RETRY_DELAY;
        }
    }
}
