//! The writer: the thread that makes all commits of an open cache, and the only thread that changes its file.
//!
//! A step is one group commit. [`step`] is the normal path of a step. The contract depends on this order:
//!
//! 1. Take the commands that have arrived, and wait a moment for further commands ([`gather`]). A caller
//!    changes its shard before it sends its command.
//! 2. Clear the flag that an entry is dirty, and then drain the dirty keys of the shards. So the drain sees
//!    every change that a caller of (1) waits for. A thread that makes a key dirty after the flag was cleared
//!    wakes the writer thread, unless an earlier thread has already done so.
//! 3. Commit, removals first. The removals include a removal whose key has a newer write. If there are too
//!    many changes for one transaction, run steps 3 to 5 in parts, in the order of the keys. The first part
//!    includes the range removals, the registrations and the sweep. In every part, a put that a range
//!    removal covers becomes a deletion. All writes of a group of values are in one part ([`units`]). If the
//!    limits of a transaction do not let it evict enough entries for its values, it does not write them. The
//!    values are then held, the step ends, and the next step begins immediately ([`held`]). The step also
//!    ends after a part if a caller waits who needs none of the values that are left.
//! 4. Check that a restart would find the file that was committed to ([`crate::disk::file::cache_file`]). If
//!    not, the commit has failed. Otherwise, install the snapshot that shows the commit.
//! 5. Mark clean: if the sequence of a dirty key is still the committed sequence, the key becomes clean or
//!    leaves the shard. Remove the range tombstone of a range removal if no entry of the range is left on
//!    disk ([`crate::disk::store::range_removals`]). This step comes after (4), because a key that has left
//!    its shard is looked up on disk, where an older snapshot would show the replaced entry.
//! 6. After the last part, answer the callers of (1). Callers that wait for held values are answered in the
//!    step that commits these values. A caller gets an error if its values may be lost ([`losses`]). The
//!    sweeper thread drops the values that memory released during the step, because a user's `Drop` may wait
//!    for the writer thread.
//!
//! The last step, when the cache is closed, seals all shards before the drain of (2).
//!
//! If the disk fails, the step continues in [`recovery`]. [`between_steps`] is the work between two steps.

mod announce;
mod between_steps;
mod bounded_commit;
pub(crate) mod command;
mod entry_changes;
mod filter_build;
mod gather;
pub(crate) mod handle;
mod held;
pub(crate) mod limits;
mod losses;
mod recovery;
mod run;
mod step;
mod units;
mod verify;
mod waiting;

use std::collections::VecDeque;
use std::time::Duration;

use super::tiers::Tiers;
use crate::disk::file::cache_file::backoff::INITIAL_RETRY_DELAY;
use crate::disk::file::cache_file::{CacheFile, ServiceState};
use crate::memory::mutation::Mutation;
use crate::sys::sync::Arc;
use crate::units::Timestamp;
use held::HeldWrites;
use limits::{MAX_KEPT_CHANGES, WriterLimits};
use losses::Losses;
use units::Units;

/// The empty lists of the last step. The next step uses them again. Otherwise each step would allocate lists
/// as long as its changes, and the allocator would keep several of them.
#[derive(Debug, Default)]
struct ReusedLists {
    drained: Vec<Mutation>,
    removals: VecDeque<Mutation>,
    batch: Vec<Mutation>,
}

impl ReusedLists {
    fn clear(&mut self) {
        let Self { drained, removals, batch } = self;
        removals.clear();
        removals.shrink_to(MAX_KEPT_CHANGES);
        for list in [drained, batch] {
            list.clear();
            list.shrink_to(MAX_KEPT_CHANGES);
        }
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    tiers: Arc<Tiers>,
    file: CacheFile,
    limits: WriterLimits,
    /// The last announced state of the file.
    announced: ServiceState,
    losses: Losses,
    held: HeldWrites,
    lists: ReusedLists,
    /// The number of stamps of uses to commit before the writer waits for a command again.
    stamps_due: usize,
    units: Units,
    /// Whether the file was discarded after a failure of work without a waiting caller, and no step has run
    /// since.
    must_renew: bool,
    /// The recent number of callers per commit. Decays by half.
    companions: usize,
    /// The sequences of the range removals whose range tombstones are in the shards.
    range_tombstones: Vec<u64>,
    /// The time after which the writer may try again to shorten the file.
    compact_at: Timestamp,
    /// The wait after the next failed attempt to shorten the file. Doubles with each failed attempt.
    compact_wait: Duration,
}

impl Writer {
    pub(crate) fn new(tiers: Arc<Tiers>, file: CacheFile, limits: WriterLimits) -> Self {
        let range_tombstones = file.ranges().iter().map(|range| range.sequence).collect();
        Self {
            tiers,
            file,
            limits,
            announced: ServiceState::InService,
            losses: Losses::default(),
            held: HeldWrites::default(),
            lists: ReusedLists::default(),
            stamps_due: 0,
            units: Units::default(),
            must_renew: false,
            companions: 0,
            range_tombstones,
            compact_at: Timestamp::ZERO,
            compact_wait: INITIAL_RETRY_DELAY,
        }
    }

    fn now(&self) -> Timestamp {
        self.tiers.time.now()
    }
}

#[cfg(test)]
mod tests;
