//! What the writer does when the disk fails. It degrades the disk tier only as far as the pending waiters
//! require.
//!
//! 1. The snapshot is withdrawn, so that lookups stop asking the file, and the file is closed. What was
//!    drained is dirty in its shards, and is queued there again. The tier is *suspended*: writes stay dirty
//!    in the write buffer, to be committed when the file opens again.
//! 2. If a caller can't wait, the file is opened again at once and the step repeated. An invalidation can't:
//!    it must hold when it is answered. Nor can a caller that waits for room in the write buffer: it must not
//!    wait for ever. If that fails too, the file is *discarded*: renamed, durably.
//! 3. A fresh file is made in its place and the step is repeated, which commits there what is dirty.
//! 4. If that fails, writes are not saved any more: every shard stops saving, dirty entries become clean, and
//!    tombstones go.
//! 5. Now the callers are answered. Invalidations hold if the file is gone, whatever else failed. The answer
//!    comes last, because no caller may be told that a removal is done while a restart can find a file that
//!    contradicts it.
//!
//! After a wait, which doubles each time, (2) or (3) is tried again. Before a fresh file takes its first
//! commit, every shard saves again. It then refuses a value that was prepared not to be saved. Otherwise,
//! once that value was evicted, lookups would find the older value that the file has by then.

use super::Writer;
use super::command::Acknowledge;
use super::held::HeldWrites;
use super::step::StepProgress;
use super::waiting::Waiting;
use crate::disk::file::cache_file::ServiceState;
use crate::disk::store::guard::StoreError;
use crate::error::Error;
use crate::memory::evicted_values::EvictedValues;
use crate::stats::DiskState;

impl Writer {
    /// Returns whether this step tries to bring a file back into service. Each way back is then tried once.
    pub(super) fn takes_retry(&mut self, waiting: &Waiting) -> bool {
        let is_due = self.file.retry_at().is_some_and(|at| at <= self.now());
        is_due || waiting.shut_down.is_some() || std::mem::take(&mut self.must_renew)
    }

    /// Steps 2 to 4, with the file out of service: repeats the commit where a way back is found.
    pub(super) fn recover(
        &mut self,
        is_retry: bool,
        waiting: &Waiting,
        mut progress: StepProgress,
        evicted_values: &mut EvictedValues,
    ) -> StepProgress {
        let (mut may_resume, mut may_renew) = (true, true);
        loop {
            // Neither caller may wait for a disk that may never come back.
            let is_full = waiting.is_full && self.tiers.memory.buffer().has_waiters();
            let is_urgent = is_full || (waiting.has_invalidation() && !progress.removals_are_durable);
            match self.file.state() {
                ServiceState::InService => {
                    match self.commit_drained(waiting, &mut progress, evicted_values) {
                        Ok(()) => return progress,
                        Err(fault) => self.fail(fault),
                    }
                }
                ServiceState::Suspended if may_resume && (is_urgent || is_retry) => {
                    may_resume = false;
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
                        // What an earlier part committed was in the file before.
                        progress.writes_are_lost |= progress.first.take().is_some() | self.held.lose_begun();
                    }
                }
                ServiceState::Discarded { .. } => {
                    self.stop_saving(evicted_values);
                    return progress;
                }
            }
        }
    }

    /// Step 3: makes a fresh file in the place of the one that is gone.
    fn renew(&mut self) {
        self.file.create_fresh(self.now(), self.tiers.memory.last_sequence());
        if self.file.store().is_some() {
            // Before the first commit to the fresh file: see the header.
            self.tiers.memory.buffer().open();
            self.tiers.disk.change_state(DiskState::On);
            self.tiers.memory.start_saving();
            // What was committed since the last flush was in the file before.
            self.has_unsaved |= std::mem::take(&mut self.has_unflushed);
            self.has_unsaved |= self.tiers.memory.take_unsaved();
        }
    }

    /// Step 1.
    pub(super) fn fail(&mut self, fault: StoreError) {
        self.tiers.disk.hide();
        self.tiers.disk.change_status(|status| status.faults += 1);
        self.file.fail(fault, self.now());
        self.tiers.memory.requeue();
        self.held.forget_writes();
    }

    /// Step 1, for work that no caller waits for or that is answered already. If the file is discarded, a
    /// step follows at once. It makes a fresh file, or stops saving. Until then a write can be neither saved
    /// nor kept.
    pub(super) fn fail_unasked(&mut self, fault: StoreError) {
        self.fail(fault);
        self.must_renew = matches!(self.file.state(), ServiceState::Discarded { .. });
    }

    /// Discards the file after a panic: it is unknown what was half done.
    pub(super) fn give_up(&mut self, why: StoreError) {
        let mut evicted_values = EvictedValues::default();
        self.tiers.disk.hide();
        self.tiers.disk.change_status(|status| status.faults += 1);
        self.file.discard(why, self.now());
        self.tiers.memory.requeue();
        // Dropping the replies tells the callers that there is no answer.
        self.held = HeldWrites::default();
        self.stop_saving(&mut evicted_values);
        self.announce();
        self.tiers.sweeper.drop_values(evicted_values);
    }

    /// Step 4. The next step marks clean what is stored dirty meanwhile.
    fn stop_saving(&mut self, evicted_values: &mut EvictedValues) {
        self.tiers.memory.stop_saving();
        self.tiers.disk.change_state(DiskState::Discarded);
        self.tiers.memory.buffer().close();
        let mutations = self.tiers.memory.drain(self.now(), evicted_values);
        // Writes that waited for their commit live in memory alone from here on. A flush has to report that.
        self.has_unsaved |= mutations.iter().any(|mutation| !mutation.removes());
        self.tiers.mark_clean(&mutations, evicted_values);
    }

    /// Step 5: tells callers what a disk tier that is off means to them.
    pub(super) fn refuse(&mut self, waiting: &mut Waiting, removals_are_durable: bool) {
        let replies = waiting.replies();
        let holds = removals_are_durable || self.file.leaves_nothing();
        let why = self.file.why().map_or_else(|| "it failed".to_owned(), ToString::to_string);
        let not_durable = || Error::NotDurable { cause: format!("the disk tier is off: {why}") };
        for (kind, reply) in replies.commits {
            let is_done = kind == Acknowledge::Invalidation && holds;
            drop(reply.send(if is_done { Ok(()) } else { Err(not_durable()) }));
        }
        for (reply, _, removed) in replies.ranges {
            drop(reply.send(if holds { Ok(removed) } else { Err(not_durable()) }));
        }
        let now = self.now();
        for (reply, wanted) in replies.registrations.into_iter().zip(&waiting.registrations) {
            drop(reply.send(Ok(self.file.register_offline(wanted, now))));
        }
        for reply in replies.sweeps {
            drop(reply.send(Ok((0, false))));
        }
        self.note_range_tombstones(waiting);
    }
}
