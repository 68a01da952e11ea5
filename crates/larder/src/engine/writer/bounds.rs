//! How the writer keeps the file to what it may take.
//!
//! Where blocks are counted, the file itself refuses what would exceed its capacity
//! ([`crate::disk::store::sparse`]), so it never does. The order of what follows:
//!
//! 1. The transaction has failed as a whole: nothing of it is in the file, and the store takes nothing more.
//! 2. The snapshot is withdrawn, so that nobody reads, and the file opened again.
//! 3. It is compacted, if nobody else reads it, and its entries are given less room
//!    ([`crate::disk::store::pressure`]). A file of one region, which can't grow within its bounds, is made anew
//!    then ([`crate::disk::file::compact`]).
//! 4. The transaction is repeated. It may evict now where it wrote before, which the rest of the step goes on
//!    with.
//! 5. Its snapshot is installed, as after any commit. Until then lookups miss the disk.
//!
//! While another process reads, no page that it may need is used again and none can be moved: then the bound
//! is lifted for the transaction, since to suspend the tier, and to give the file up for the next removal,
//! would be worse.
//!
//! Any other transaction that is refused again and again fails in the end as on a full disk: the tier is
//! suspended.

use super::Writer;
use crate::disk::file::cache_file::CacheFile;
use crate::disk::file::cache_file::backoff::{INITIAL_RETRY_DELAY, MAX_RETRY_DELAY};
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::engine::tiers::Tiers;
use crate::engine::writer_metrics::ASKED_BY_A_COMMIT;

/// How often a transaction is repeated that would take the file beyond its bounds.
const MAX_REFUSALS: u32 = 8;
/// How often, before the bound is lifted for a file that another process reads.
const MAX_REFUSALS_WHILE_READ: u32 = 1;

/// Commits a batch, within what the file may take.
pub(super) fn commit(
    file: &mut CacheFile,
    tiers: &Tiers,
    batch: &Batch<'_>,
) -> Result<CommitOutcome, StoreError> {
    let (mut refusals, mut read_by_others) = (0, 0);
    loop {
        let Some(store) = file.store_mut() else { return Err(StoreError::io("the file is out of service")) };
        // The last commit of all notes everything.
        let most_asked = if batch.closing { usize::MAX } else { ASKED_BY_A_COMMIT };
        if let Some(lifetime) = tiers.lifetime(1, most_asked) {
            store.note_cumulative_stats(lifetime);
        }
        // What is left to do after the first refusals is to evict.
        store.reserve.allow(refusals > 1);
        store.reserve.lift(read_by_others > MAX_REFUSALS_WHILE_READ);
        let committed = store.commit(batch);
        store.reserve.allow(false);
        store.reserve.lift(false);
        match committed {
            Err(fault) if fault.kind == StoreErrorKind::TooLarge && refusals < MAX_REFUSALS => {
                refusals += 1;
                tiers.snapshots.withdraw();
                read_by_others += u32::from(!file.reopen_smaller(fault, tiers.time.now())?);
            }
            done => return done,
        }
    }
}

impl Writer {
    /// Gives back the free pages of a file that takes more than it may: one whose blocks are not counted
    /// doubles when it must grow, and one that was made before, or while its bound was not known, may be
    /// longer. Lookups miss the disk for as long as this takes.
    pub(super) fn keep_to_capacity(&mut self) {
        if self.now() < self.compact_at || !self.file.is_too_large() {
            return;
        }
        let is_free = self.tiers.snapshots.withdraw();
        let generation = self.file.generation();
        let Some(store) = self.file.store_mut() else { return };
        let compacted = if is_free { store.compact() } else { Ok(false) };
        // It was opened again by its path: what stands there by now is not read before it is known to be
        // ours.
        let snapshot = compacted.and_then(|_| store.snapshot(generation));
        match snapshot.and_then(|snapshot| self.file.check_place().map(|()| snapshot)) {
            Ok(snapshot) => self.tiers.snapshots.install(Some(snapshot)),
            // What was committed stays committed: the file is opened again in its time.
            Err(fault) => return self.fail_unasked(fault),
        }
        let extent = self.file.extent();
        self.tiers.change_view(|view| view.extent = extent);
        // A lookup that was held up with a snapshot in its hands keeps it long for a moment; a follower's
        // transaction, or a value of a good part of the capacity, for a while.
        if self.file.is_too_large() {
            self.compact_at = self.now().after(self.compact_wait);
            self.compact_wait = (2 * self.compact_wait).min(MAX_RETRY_DELAY);
        } else {
            self.compact_wait = INITIAL_RETRY_DELAY;
        }
    }
}
