//! The writer: the thread that commits, and the only one that changes the file.
//!
//! A step is one group commit. [`step`] is its normal path. Its order is what makes the contract hold:
//!
//! 1. Take the commands that have arrived, and those that are about to arrive ([`gather`]). A caller changes
//!    its shard before it sends its command.
//! 2. Disarm, then drain the dirty keys of the shards. So the drain sees every change that a caller of (1)
//!    waits for. A thread that makes a key dirty after the drain finds the flag clear, and wakes the writer.
//! 3. Commit, removals first. A removal that a write has replaced since is one of them. Changes that are too
//!    many for one transaction pass (3) to (5) in parts. The first part takes range removals, registrations
//!    and the sweep along. A put that a range removal covers is a deletion, in whichever part it comes. A
//!    transaction that may not evict enough for its values writes none of them. They are held, the step ends,
//!    and the next one begins at once ([`held`]).
//! 4. Check that the file that was committed to is the one that a restart finds
//!    ([`crate::disk::file::cache_file`]). Otherwise the commit has failed. Then install the snapshot that
//!    shows the commit.
//! 5. Mark clean: a dirty key becomes clean or goes, if its sequence is still the committed one. The range
//!    tombstones of pending range removals are removed if nothing of the range is left on disk
//!    ([`crate::disk::store::range_removals`]). After (4), because a key that has left its shard is looked up
//!    on disk. An older snapshot would show the entry that the latest change replaced.
//! 6. Answer the callers of (1), after the last part. Callers that wait for held values are answered in the
//!    step that commits these. The sweeper drops the values that memory let go of meanwhile: a user's `Drop`
//!    may wait for the writer.
//!
//! The last step, when the cache is closed, seals every shard before (2).
//!
//! When the disk fails, the step goes on in [`recovery`]. What is done between two steps is in
//! [`between_steps`].

mod announce;
mod between_steps;
mod bounded_commit;
pub(crate) mod command;
mod entry_changes;
mod gather;
pub(crate) mod handle;
mod held;
pub(crate) mod limits;
mod recovery;
mod run;
mod step;
mod verify;
mod waiting;

use std::time::Duration;

use super::tiers::Tiers;
use crate::disk::file::cache_file::backoff::INITIAL_RETRY_DELAY;
use crate::disk::file::cache_file::{CacheFile, ServiceState};
use crate::sys::sync::Arc;
use crate::units::Timestamp;
use held::HeldWrites;
use limits::WriterLimits;

#[derive(Debug)]
pub(crate) struct Writer {
    tiers: Arc<Tiers>,
    file: CacheFile,
    limits: WriterLimits,
    /// The state of the file that users have been told of.
    announced: ServiceState,
    /// Whether memory took values while there was no file, and no flush has reported it since.
    has_unsaved: bool,
    /// Writes that wait for their commit longer than a step.
    held: HeldWrites,
    /// Whether values were committed to the file since a flush was last answered.
    has_unflushed: bool,
    /// Whether the file was discarded for a fault that no caller waited for, and no step has acted on that
    /// since.
    must_renew: bool,
    /// The recent number of callers per commit. Decays by half.
    companions: usize,
    /// The sequences of range removals whose range tombstones stand in the shards.
    range_tombstones: Vec<u64>,
    /// When a file that could not be shortened may be tried again.
    compact_at: Timestamp,
    /// How long to wait after the next failed try. Doubles with each.
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
            has_unsaved: false,
            held: HeldWrites::default(),
            has_unflushed: false,
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
