//! The writer's recovery after a failure of the disk. It degrades the disk tier only as far as the waiting
//! callers require.
//!
//! 1. Withdraw the snapshot, so that lookups stop reading the file, and close the file. The drained entries
//!    are still dirty in their shards, and are queued there again. The tier is *suspended*: writes stay dirty
//!    in the write buffer until the file is open again. A damaged or deleted file is discarded at once, as in
//!    (2).
//! 2. If a caller can't wait, immediately open the file again, and repeat the step. An invalidation or a
//!    group with removals can't wait, because its removals must be durable when its caller is answered. A
//!    caller that waits for room in the write buffer can't wait for the disk either. If this attempt also
//!    fails, the file is *discarded*: it is durably renamed, unless another program has already moved it
//!    away, deleted it or put another file in its place.
//! 3. Create a new file in its place, and repeat the step, which commits the dirty entries to the new file.
//!    Values that were committed to the previous file are lost ([`super::losses`]).
//! 4. If that fails, stop saving writes: all shards stop saving, dirty entries become clean as far as memory
//!    has room, and tombstones are removed.
//! 5. Answer the callers. Invalidations succeed if their removals are committed, or if a restart would find
//!    no entries. The answer comes last, because a removal must not be acknowledged while a restart could
//!    still find a file with the removed entry.
//!
//! Step 2 or 3 is tried again after a wait, which doubles each time. Before the first commit to a new file,
//! all shards begin to save again, and then refuse a value that was prepared without saving. Otherwise, after
//! the eviction of that value, lookups would find an older value from the file.

use super::Writer;
use super::command::Acknowledge;
use super::held::HeldWrites;
use super::step::StepProgress;
use super::waiting::{Caller, Waiting};
use crate::disk::file::cache_file::ServiceState;
use crate::disk::file::error_translation::not_durable_while_off;
use crate::disk::store::guard::StoreError;
use crate::memory::evicted_values::EvictedValues;
use crate::stats::DiskState;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

impl Writer {
    /// Returns whether this step tries to bring a file back into service. If it does, it tries steps 2 and 3
    /// at most once each.
    pub(super) fn takes_retry(&mut self, waiting: &Waiting) -> bool {
        let is_due = self.file.retry_at().is_some_and(|at| at <= self.now());
        is_due || waiting.shut_down.is_some() || std::mem::take(&mut self.must_renew)
    }

    /// Runs steps 2 to 4 while the file is out of service. Repeats the commit when a file is in service
    /// again.
    pub(super) fn recover(
        &mut self,
        is_retry: bool,
        waiting: &Waiting,
        mut progress: StepProgress,
        evicted_values: &mut EvictedValues,
    ) -> StepProgress {
        let (mut may_resume, mut may_renew) = (true, true);
        loop {
            // A caller that waits for room, or for a removal, must not wait for a disk that may never work
            // again.
            let is_full = self.tiers.memory.buffer().has_waiters();
            let is_urgent = is_full
                || self.held.has_group_with_removals()
                || (waiting.has_invalidation() && !progress.removals_are_durable);
            match self.file.state() {
                ServiceState::InService => {
                    match self.commit_drained(waiting, &mut progress, evicted_values) {
                        Ok(()) => {
                            if failpoint_is_set(Failpoint::RenewFilterLate) {
                                self.tiers.disk.absent_keys.begin_again();
                            }
                            return progress;
                        }
                        Err(fault) => self.fail(fault),
                    }
                }
                ServiceState::Suspended if may_resume && (is_urgent || is_retry) => {
                    may_resume = false;
                    self.tiers.disk.absent_keys.forget();
                    self.file.resume(self.now());
                }
                ServiceState::Suspended if is_urgent => {
                    let why = self.file.why().cloned().unwrap_or_else(|| StoreError::io("the disk failed"));
                    self.file.discard(why, self.now());
                }
                ServiceState::Suspended => return progress,
                ServiceState::Discarded { .. } if may_renew => {
                    may_renew = false;
                    if is_urgent || is_retry {
                        self.file.continue_discard(self.now());
                    }
                    if is_retry || self.file.discards() > 0 {
                        self.renew();
                        // The changes of an earlier part were committed to the previous file.
                        progress.first = None;
                    }
                }
                ServiceState::Discarded { .. } => {
                    self.stop_saving(evicted_values);
                    return progress;
                }
            }
        }
    }

    /// Runs step 3: replaces the discarded file with a new file.
    fn renew(&mut self) {
        self.file.create_fresh(self.now(), self.tiers.memory.last_sequence());
        if self.file.store().is_some() {
            // Must come before the first commit to the new file: see the module's documentation.
            self.tiers.memory.buffer().open();
            if !failpoint_is_set(Failpoint::RenewFilterLate) {
                self.tiers.disk.absent_keys.begin_again();
            }
            self.tiers.disk.change_state(DiskState::On);
            self.losses.lose_file();
            self.losses.give_up_to(self.tiers.memory.start_saving());
        }
    }

    /// Runs step 1.
    pub(super) fn fail(&mut self, fault: StoreError) {
        self.tiers.disk.hide();
        self.tiers.disk.change_status(|status| status.faults += 1);
        self.file.fail(fault, self.now());
        self.tiers.memory.requeue();
        self.held.forget_writes();
        // The stamps are kept for a later commit.
        self.stamps_due = 0;
    }

    /// Runs step 1 after a failure of work that no caller waits for. If the file is discarded, a step must
    /// follow immediately, to create a new file or to stop saving. Until then, a write can neither be
    /// committed nor be kept in memory only.
    pub(super) fn fail_unasked(&mut self, fault: StoreError) {
        self.fail(fault);
        self.must_renew = matches!(self.file.state(), ServiceState::Discarded { .. });
    }

    /// Discards the file after a panic, because the panic may have interrupted any operation on it.
    pub(super) fn give_up(&mut self, why: StoreError) {
        let mut evicted_values = EvictedValues::default();
        self.tiers.disk.hide();
        self.tiers.disk.change_status(|status| status.faults += 1);
        self.file.discard(why, self.now());
        self.tiers.memory.requeue();
        // Dropping the replies ends the waits of their callers with an error.
        self.held = HeldWrites::default();
        self.stamps_due = 0;
        self.stop_saving(&mut evicted_values);
        self.announce();
        self.tiers.sweeper.drop_values(evicted_values);
    }

    /// Runs step 4. If entries are stored dirty in the meantime, the next step marks them clean.
    fn stop_saving(&mut self, evicted_values: &mut EvictedValues) {
        self.tiers.memory.stop_saving();
        self.tiers.disk.change_state(DiskState::Discarded);
        self.tiers.memory.buffer().close();
        let mutations = self.tiers.memory.drain(self.now(), evicted_values);
        // Writes that waited for their commit are now in memory only.
        self.losses.give_up(&mutations);
        self.tiers.mark_clean(&mutations, evicted_values);
    }

    /// Runs step 5: answers the callers while the disk tier is off.
    pub(super) fn refuse(&mut self, waiting: &mut Waiting, removals_are_durable: bool) {
        let replies = waiting.replies();
        let holds = removals_are_durable || self.file.leaves_nothing();
        let why = self.file.why().cloned();
        let not_durable = || not_durable_while_off(why.as_ref());
        for Caller { kind, reply, .. } in replies.commits {
            let is_done = match kind {
                Acknowledge::Invalidation => holds,
                // `removals_are_durable` does not cover the removals of a group.
                Acknowledge::Group => self.file.leaves_nothing(),
                Acknowledge::Write { .. } | Acknowledge::GroupWithValues { .. } | Acknowledge::Flush => false,
            };
            reply.send(if is_done { Ok(()) } else { Err(not_durable()) });
        }
        for (reply, _, removed) in replies.ranges {
            reply.send(if holds { Ok(removed) } else { Err(not_durable()) });
        }
        let now = self.now();
        for (reply, wanted) in replies.registrations.into_iter().zip(&waiting.registrations) {
            reply.send(Ok(self.file.register_offline(wanted, now)));
        }
        for reply in replies.sweeps {
            reply.send(Ok((0, false)));
        }
        self.note_range_tombstones(waiting);
    }
}
