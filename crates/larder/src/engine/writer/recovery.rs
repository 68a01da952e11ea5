//! What the writer does when the disk fails: as little as those who wait can bear.
//!
//! 1. The snapshot goes, so that lookups stop asking the file; the file is closed; what was drained stands
//!    dirty in its shards, and is listed again. The tier is *suspended*: writes stay dirty in the write
//!    buffer, to be committed when the file opens again.
//! 2. If somebody can't wait (an invalidation must hold when it is answered; a writer must not wait for ever
//!    for room), the file is opened again at once and the step repeated. If that fails too, the file is
//!    *discarded*: renamed aside, durably.
//! 3. A fresh file is made in its place, and the step repeated: what is dirty is committed there.
//! 4. If that fails, writes are not saved any more: every shard stops saving, what is dirty becomes clean,
//!    tombstones go.
//! 5. Now those who wait are answered. Invalidations hold if the file is gone, whatever else failed. In this
//!    order, because nobody may be told that a removal is done while a restart can find a file that
//!    contradicts it.
//!
//! After a wait, twice as long each time, (2) or (3) is tried again. Before a fresh file takes its first
//! commit, every shard saves again, and refuses a value that was made not to be saved: it would be evicted in
//! favour of the older one that the file has by then.

use super::command::{Acknowledge, Waiting, unsaved};
use super::held::Held;
use super::{StepProgress, Writer};
use crate::disk::file::cache_file::ServiceState;
use crate::disk::file::verify::verify_own;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::error::Error;
use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;
use crate::stats::DiskState;

impl Writer {
    /// Commits what is dirty. When the disk fails, goes as far down as those who wait need.
    pub(super) fn commit_or_degrade(
        &mut self,
        waiting: &Waiting,
        evicted_values: &mut EvictedValues,
    ) -> StepProgress {
        let is_retry = self.is_due() || waiting.shut_down.is_some() || std::mem::take(&mut self.is_to_renew);
        let mut progress = StepProgress::default();
        // Each way back is tried once in a step.
        let (mut may_resume, mut may_renew) = (true, true);
        loop {
            // Neither may wait for a disk that may never come back.
            let is_full = waiting.is_full && self.tiers.memory.buffer().has_waiters();
            let is_urgent = is_full || (waiting.has_invalidation() && !progress.removals_are_durable);
            match self.file.state() {
                ServiceState::InService => match self.commit_all(waiting, &mut progress, evicted_values) {
                    Ok(()) => return progress,
                    Err(fault) => self.fail(fault),
                },
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
                        // What an earlier part committed went with the file before.
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

    /// Makes a fresh file in the place of one that is gone.
    fn renew(&mut self) {
        self.file.create_fresh(self.now(), self.tiers.memory.last_sequence());
        if self.file.store().is_some() {
            // Before the first commit to the fresh file: see the module.
            self.tiers.memory.buffer().open();
            self.tiers.change_state(DiskState::On);
            self.tiers.memory.start_saving();
            // And what was committed since the last flush went with the file before.
            self.has_unsaved |= std::mem::take(&mut self.has_unflushed);
            self.has_unsaved |= self.tiers.memory.take_unsaved();
        }
    }

    /// Step 1.
    pub(super) fn fail(&mut self, fault: StoreError) {
        self.tiers.snapshots.install(None);
        self.tiers.change_view(|view| view.faults += 1);
        self.file.fail(fault, self.now());
        self.tiers.memory.requeue();
        self.held.forget_writes();
    }

    /// Step 1, for what nobody waits for, or is answered already. A file that is discarded so has a step at
    /// once that makes a fresh one, or stops saving: until then a write is neither to be saved nor kept.
    pub(super) fn fail_unasked(&mut self, fault: StoreError) {
        self.fail(fault);
        self.is_to_renew = matches!(self.file.state(), ServiceState::Discarded { .. });
    }

    /// After a panic: nobody knows what was half done, so the file goes.
    pub(super) fn give_up(&mut self, why: StoreError) {
        let mut evicted_values = EvictedValues::default();
        self.tiers.snapshots.install(None);
        self.tiers.change_view(|view| view.faults += 1);
        self.file.discard(why, self.now());
        self.tiers.memory.requeue();
        // Who waited for these learns that nobody answers.
        self.held = Held::default();
        self.stop_saving(&mut evicted_values);
        self.announce();
        self.tiers.hand_over(evicted_values);
    }

    /// Step 4. What is stored dirty meanwhile is settled by the next step.
    fn stop_saving(&mut self, evicted_values: &mut EvictedValues) {
        self.tiers.memory.stop_saving();
        self.tiers.change_state(DiskState::Discarded);
        self.tiers.memory.buffer().close();
        let mutations = self.tiers.memory.drain(self.now(), evicted_values);
        // What waited for its commit lives in memory alone from here on, and a flush has to tell that.
        self.has_unsaved |= mutations.iter().any(|mutation| !mutation.removes());
        self.tiers.mark_clean(&mutations, evicted_values);
    }

    /// Tells users what has become of the file since they were last told.
    pub(super) fn announce(&mut self) {
        let (standing, was) = (self.file.state(), std::mem::replace(&mut self.announced, self.file.state()));
        let cause = self.file.why().map(ToString::to_string);
        let quarantined = self.file.take_quarantined();
        let discarded = self.file.take_discarded();
        let state = match standing {
            ServiceState::InService => DiskState::On,
            ServiceState::Suspended => DiskState::Suspended,
            ServiceState::Discarded { .. } => DiskState::Discarded,
        };
        for event in self.file.take_events() {
            self.tiers.tell(event);
        }
        let is_suspended = standing == ServiceState::Suspended && was != standing;
        let is_back = standing == ServiceState::InService && (was != standing || !discarded.is_empty());
        let kept_entries = discarded.is_empty() && !matches!(was, ServiceState::Discarded { .. });
        self.tiers.change_state(state);
        let now = self.now();
        let damaged = discarded.iter().filter(|fault| fault.kind == StoreErrorKind::Damage).count() as u64;
        self.tiers.change_view(|view| {
            view.turn(state, now);
            view.quarantines += damaged;
            view.off.clone_from(&cause);
            view.suspensions += u64::from(is_suspended);
            view.discards += discarded.len() as u64;
            view.recoveries += u64::from(is_back);
            if quarantined.is_some() {
                view.quarantined.clone_from(&quarantined);
            }
        });
        for fault in &discarded {
            let cause = fault.to_string();
            self.tiers.tell(match fault.kind {
                StoreErrorKind::Damage => Event::DiskQuarantined { cause, moved_to: quarantined.clone() },
                _ => Event::DiskDiscarded { cause },
            });
        }
        if is_back {
            self.tiers.tell(Event::DiskRecovered { kept_entries });
        } else if is_suspended && let Some(cause) = cause {
            self.tiers.tell(Event::DiskSuspended { cause });
        }
    }

    /// Tells waiters what a disk tier that is off means to them.
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
        let now = self.tiers.time.now();
        for (reply, wanted) in replies.registrations.into_iter().zip(&waiting.registrations) {
            drop(reply.send(Ok(self.file.register_offline(wanted, now))));
        }
        for reply in replies.sweeps {
            drop(reply.send(Ok((0, false))));
        }
        self.note_range_tombstones(waiting);
    }

    /// Closes the file.
    pub(super) fn close(&mut self, has_unsaved: bool) -> Result<(), Error> {
        self.tiers.snapshots.install(None);
        self.tiers.memory.buffer().close();
        self.file.close().map_err(|fault| Error::NotDurable { cause: fault.cause })?;
        if has_unsaved { Err(unsaved()) } else { Ok(()) }
    }

    /// Checks every page. A damaged file makes room for a fresh one; the answer is what was wrong.
    pub(super) fn verify(&mut self, evicted_values: &mut EvictedValues) -> Result<Option<String>, Error> {
        let (volume, path) = (self.file.options().volume.clone(), self.file.options().path.clone());
        let failed = |cause: String| Error::Verify { cause };
        if let Some(why) = self.file.why() {
            return Err(failed(format!("the disk tier is off: {why}")));
        }
        // Nobody else writes the file, and this thread does not while it verifies.
        match verify_own(&*volume, &path) {
            Ok(()) => Ok(None),
            Err(fault) if fault.kind == StoreErrorKind::Damage => {
                // It may be another file's that stands at the path by now.
                let fault = self.file.check_place().err().unwrap_or(fault);
                let cause = fault.to_string();
                self.fail(fault);
                self.commit_or_degrade(&Waiting::default(), evicted_values);
                self.announce();
                Ok(Some(cause))
            }
            Err(fault) => Err(failed(fault.cause)),
        }
    }
}
