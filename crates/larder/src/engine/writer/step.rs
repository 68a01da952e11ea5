//! The normal path of the writer: one step, from the drain to the answers. The numbers refer to the list of
//! [`super`].
//!
//! A step enters [`super::recovery`] only if the disk fails or is already off.

use super::bounded_commit;
use super::entry_changes::{entry_changes, expiry_extensions};
use super::waiting::{Waiting, unsaved};
use super::{ReusedLists, Writer};
use crate::disk::file::cache_file::ServiceState;
use crate::disk::file::error_translation::not_durable;
use crate::disk::store::guard::StoreError;
use crate::disk::store::pending_registrations::PendingRegistrations;
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::error::Error;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::mutation::Mutation;
use crate::memory::use_stamps::UseStamp;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::thread;
use crate::units::Timestamp;

#[derive(Default)]
pub(super) struct StepProgress {
    /// The outcome of the first part. `None` before its commit.
    pub(super) first: Option<CommitOutcome>,
    /// Whether all removals of the step, except those of groups, are committed. Writes may still be
    /// uncommitted.
    pub(super) removals_are_durable: bool,
}

/// Whether a transaction is the first or the last part of its step.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchPosition {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
}

impl Writer {
    pub(super) fn step(&mut self, mut waiting: Waiting) {
        let mut evicted_values = EvictedValues::default();
        self.begin(&mut waiting);
        // `close` must report the values that a damaged file has lost, and must close a new file.
        if waiting.shut_down.is_some() {
            self.answer_verifications(&mut waiting, &mut evicted_values);
        }
        let progress = self.commit_or_recover(&waiting, &mut evicted_values);
        self.keep_to_capacity();
        self.file.leave_evidence();
        self.plan_filter();
        self.announce();
        self.tiers.memory.buffer().wake_after_step();
        self.answer(waiting, progress, evicted_values);
    }

    /// Runs step 2 up to the drain.
    fn begin(&mut self, waiting: &mut Waiting) {
        let since = self.tiers.writer_metrics.lag.begin();
        let last = self.tiers.memory.last_sequence();
        waiting.commits.iter_mut().for_each(|caller| caller.begin(&self.losses, last));
        self.held.begin(waiting, since);
        self.tiers.writer.disarm();
        if let Err(fault) = self.check_file(waiting) {
            self.fail(fault);
        }
        // The shards are sealed before the last drain, so that an entry stored before the sealing is
        // committed, and a later one is refused.
        if waiting.shut_down.is_some() && !failpoint_is_set(Failpoint::DrainBeforeSealing) {
            self.tiers.memory.seal();
        }
    }

    /// Checks that the file may be written to. If another program has overwritten the file, nothing may be
    /// written to it, not even when it is closed. Also fails if a lookup has reported a failure of the file's
    /// current generation.
    fn check_file(&self, waiting: &mut Waiting) -> Result<(), StoreError> {
        self.file.check_content()?;
        match waiting.fault.take() {
            Some((generation, fault)) if generation == self.file.generation() => Err(fault),
            _ => Ok(()),
        }
    }

    /// Runs steps 2 to 5. Enters recovery if the disk fails or is already off.
    pub(super) fn commit_or_recover(
        &mut self,
        waiting: &Waiting,
        evicted_values: &mut EvictedValues,
    ) -> StepProgress {
        let is_retry = self.takes_retry(waiting);
        let mut progress = StepProgress::default();
        if self.file.state() == ServiceState::InService {
            match self.commit_drained(waiting, &mut progress, evicted_values) {
                Ok(()) => return progress,
                Err(fault) => self.fail(fault),
            }
        }
        self.recover(is_retry, waiting, progress, evicted_values)
    }

    /// Drains the shards, and runs steps 3 to 5, in several transactions if there are many changes.
    pub(super) fn commit_drained(
        &mut self,
        waiting: &Waiting,
        progress: &mut StepProgress,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), StoreError> {
        let mut lists = std::mem::take(&mut self.lists);
        let done = self.commit_with(&mut lists, waiting, progress, evicted_values);
        lists.clear();
        self.lists = lists;
        done
    }

    /// Runs [`commit_drained`](Self::commit_drained) with empty lists. May leave changes in the lists.
    fn commit_with(
        &mut self,
        ReusedLists { drained, removals, batch }: &mut ReusedLists,
        waiting: &Waiting,
        progress: &mut StepProgress,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), StoreError> {
        // The stamps are copied before the drain, so that the stamp of an uncommitted value is never later
        // than the expiry that the drain finds in its slot.
        let (needs_all, max) = (self.needs_all_stamps(waiting), self.limits.max_stamps());
        let mut stamps = self.copy_stamps(needs_all);
        self.tiers.memory.drain_into(drained, self.now(), evicted_values);
        self.units.arrange(drained, removals);
        self.held.add(drained, removals.make_contiguous(), &waiting.ranges);
        self.held.extend(&stamps);
        loop {
            self.limits.fill(batch, removals);
            let removing = batch.len();
            // On a full disk, deletions are committed in separate transactions.
            let may_write = removals.is_empty() && (removing == 0 || !self.file.is_short_of_room());
            let group = if may_write { self.held.fill(batch, self.limits) } else { None };
            // Stamps never share a transaction with deletions on a full disk.
            let stamped = if may_write { stamps.get(..max).unwrap_or(&stamps) } else { &[] };
            let is_last = removals.is_empty() && !self.held.has_writes() && stamped.len() == stamps.len();
            let position = BatchPosition { is_first: progress.first.is_none(), is_last };
            let outcome = self.commit_part((batch, stamped), waiting, position, evicted_values).inspect_err(
                |fault| {
                    // If another file is in the place of the cache's file, or other content in the file, a
                    // restart does not find the removals of earlier parts.
                    let lacks = fault.may_lack_commits() || self.file.may_lack_commits();
                    progress.removals_are_durable &= !lacks;
                },
            )?;
            let needs_room = outcome.needs_room;
            let has_written = !needs_room && batch.len() > removing;
            self.stamps_due = self.stamps_due.saturating_sub(outcome.extended);
            if may_write {
                stamps.drain(..if needs_all { outcome.extended } else { stamps.len() });
            }
            progress.first.get_or_insert(outcome);
            progress.removals_are_durable |= removals.is_empty();
            if needs_room {
                self.held.put_back(batch, removing, group);
            } else {
                self.held.committed(group);
            }
            // Releases the room of the committed values in the write buffer.
            batch.clear();
            // The evicted values are handed to the sweeper thread before the next part begins. No budget
            // counts them any more, so they must not accumulate until the end of the step.
            self.tiers.sweeper.drop_values(std::mem::take(evicted_values));
            self.held.is_over_limit = needs_room && !self.held.has_writes();
            if removals.is_empty() && !self.held.has_work() && stamps.is_empty() {
                self.file.committed(self.now());
                return Ok(());
            }
            // All stamps must be committed before the caller of a flush is answered.
            let may_wait = self.held.has_writes() && !self.held.finishes_flush();
            let is_held = may_wait || stamps.is_empty();
            let ends_early = has_written && self.ends_early(waiting);
            if removals.is_empty() && (needs_room || ends_early) && is_held && waiting.shut_down.is_none() {
                if ends_early {
                    self.file.committed(self.now());
                }
                return Ok(());
            }
        }
    }

    /// Returns whether the step must commit all stamps, because a caller waits for a flush or a close.
    fn needs_all_stamps(&self, waiting: &Waiting) -> bool {
        waiting.shut_down.is_some() || self.held.has_flush()
    }

    /// Returns copies of the stamps to commit in this step. If stamps are left, the next step follows
    /// immediately, unless the file is short of room.
    fn copy_stamps(&mut self, needs_all: bool) -> Vec<UseStamp> {
        let stamps = &self.tiers.memory.use_stamps;
        if needs_all {
            self.stamps_due = 0;
            return stamps.batch(usize::MAX);
        }
        if self.file.is_short_of_room() {
            self.stamps_due = 0;
            return Vec::new();
        }
        let batch = stamps.batch(self.limits.max_stamps());
        // A series of steps ends after the number of stamps that existed when it began. Otherwise a
        // constant stream of uses would keep the writer busy forever.
        if self.stamps_due == 0 || batch.is_empty() {
            self.stamps_due = if batch.is_empty() { 0 } else { stamps.len() };
        }
        batch
    }

    /// Runs steps 3 to 5 for one part: commits, installs the snapshot, marks clean, and removes the committed
    /// stamps.
    pub(super) fn commit_part(
        &mut self,
        (mutations, stamps): (&[Mutation], &[UseStamp]),
        waiting: &Waiting,
        position: BatchPosition,
        evicted_values: &mut EvictedValues,
    ) -> Result<CommitOutcome, StoreError> {
        // Step 3.
        let now = self.now();
        let pending = self.file.pending_registrations().clone();
        // A step that only sweeps leaves the pending keyspaces to a later commit. Otherwise even a sweep with
        // nothing to delete would make a commit.
        let only_sweeps = waiting.only_sweeps() && !self.held.has_callers();
        let leaves_new = mutations.is_empty() && stamps.is_empty() && only_sweeps && pending.may_wait();
        let none = PendingRegistrations::default();
        let pending = if leaves_new { &none } else { &pending };
        let began = self.tiers.time.clock().monotonic();
        if !failpoint_is_set(Failpoint::FilterAfterClean) {
            self.filter_puts(mutations);
        }
        let outcome = self.commit_batch((mutations, stamps), waiting, position, pending, now)?;
        let settled = stamps.get(..outcome.extended).unwrap_or_default();
        if failpoint_is_set(Failpoint::SettleEarly) {
            self.tiers.memory.use_stamps.settle(settled);
        }
        if outcome.is_committed {
            let took = self.tiers.time.clock().monotonic().saturating_sub(began);
            self.tiers.writer_metrics.commit_times.record(took);
        }
        // Step 4.
        let generation = self.file.generation();
        let Some(store) = self.file.store_mut() else { return Err(out_of_service()) };
        let snapshot = store.snapshot(generation);
        if !leaves_new {
            self.file.clear_pending_registrations();
        }
        let snapshot = snapshot?;
        self.file.check_place()?;
        if failpoint_is_set(Failpoint::MarkCleanEarly) {
            self.tiers.mark_clean(mutations, evicted_values);
        }
        self.remove_range_tombstones_early(waiting);
        self.tiers.disk.snapshots.install_commit(snapshot, outcome.evicted);
        // Step 5.
        self.tiers.memory.use_stamps.settle(settled);
        if outcome.needs_room {
            // The values were not written, so they stay dirty, as do the removals of their groups.
            let is_made = |mutation: &&Mutation| !mutation.is_put() && mutation.unit == 0;
            let deletions: Vec<_> = mutations.iter().filter(is_made).cloned().collect();
            self.tiers.mark_clean(&deletions, evicted_values);
            self.tiers.memory.note_hidden_removals(mutations);
        } else {
            self.losses.note_committed(mutations);
            self.tiers.mark_clean(mutations, evicted_values);
        }
        // The first part has deleted the ranges, or has added them to the file as pending.
        if position.is_first {
            self.note_range_tombstones(waiting);
        }
        self.publish(&outcome, now);
        if failpoint_is_set(Failpoint::FilterAfterClean) {
            thread::yield_now();
            self.filter_puts(mutations);
        }
        Ok(outcome)
    }

    /// Inserts the keys of values into the filter of absent keys. Must come before the commit
    /// ([`crate::engine::absent_keys`]).
    fn filter_puts(&self, mutations: &[Mutation]) {
        let puts = mutations.iter().filter(|mutation| mutation.is_put());
        self.tiers.disk.absent_keys.insert(puts.map(|put| self.tiers.memory.key(&put.key).hash));
    }

    fn commit_batch(
        &mut self,
        (mutations, stamps): (&[Mutation], &[UseStamp]),
        waiting: &Waiting,
        BatchPosition { is_first, is_last }: BatchPosition,
        pending: &PendingRegistrations,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let part_is_over = self.part_timer(waiting);
        let makes_part = is_first && (!self.limits.deletes_between_steps || waiting.makes_part());
        let is_resident = |key: &[u8]| self.tiers.memory.has_entry(key);
        let take_use = |key: &[u8]| self.tiers.disk.uses.take(self.tiers.memory.key(key).hash);
        let note_use = |key: &[u8]| self.tiers.disk.uses.mark(self.tiers.memory.key(key).hash);
        let has_stamp = |key: &[u8]| self.tiers.memory.use_stamps.has(key);
        let changes = entry_changes(mutations);
        let extensions = expiry_extensions(stamps);
        let batch = Batch {
            changes: &changes,
            ranges: &waiting.ranges,
            is_first,
            pending,
            register: if is_first { &waiting.registrations } else { &[] },
            sweep: if is_first { waiting.sweep.min(self.limits.max_changes) } else { 0 },
            now,
            sequence: self.tiers.memory.last_sequence(),
            closing: is_last && waiting.shut_down.is_some(),
            is_resident: &is_resident,
            take_use: &take_use,
            note_use: &note_use,
            part: if makes_part { Some(&part_is_over) } else { None },
            range_rows: self.tiers.disk.range_rows,
            extensions: &extensions,
            has_stamp: &has_stamp,
            max_extended_bytes: self.limits.max_stamped_bytes(),
        };
        bounded_commit::commit(&mut self.file, &self.tiers, &batch)
    }

    /// Publishes the result of a commit, for the statistics and for the sweeper thread.
    fn publish(&mut self, outcome: &CommitOutcome, now: Timestamp) {
        let extent = self.file.note_extent();
        let Some(store) = self.file.store_mut() else { return };
        if !outcome.retired.is_empty() {
            self.tiers.sweeper.plan(now);
        }
        self.tiers.disk.change_status(|status| {
            store.show(status);
            self.tiers.disk.uses.grow_for(status.entries, status.bytes, status.usable);
            status.extent = extent;
            status.commits += u64::from(outcome.is_committed);
            status.evictions += outcome.evicted;
            status.expirations += outcome.swept;
            status.shown_at = now;
            // Retired keyspaces are skipped, because the statistics do not show them.
            let gone = outcome.gone.iter().filter(|(id, ..)| store.catalog.keyspaces.name_of(*id).is_some());
            for (id, evicted, swept) in gone {
                let gone = status.gone.entry(*id).or_default();
                *gone = (gone.0 + evicted, gone.1 + swept);
            }
        });
        if let Some(next) = outcome.next_expiry {
            self.tiers.sweeper.plan(next);
        }
    }

    /// Runs step 6.
    fn answer(&mut self, mut waiting: Waiting, progress: StepProgress, mut evicted_values: EvictedValues) {
        if self.file.state() != ServiceState::Suspended {
            // Every other drained entry is committed, or is now in memory only.
            self.tiers.writer_metrics.lag.end(self.held.since());
        }
        let mut was_unsaved = false;
        if self.file.store().is_some()
            && let Some(outcome) = progress.first
        {
            waiting.commits.extend(self.held.take_done());
            // A close reports the same losses as a flush.
            was_unsaved = self.losses.has_unreported();
            waiting.commits.iter().for_each(|caller| self.losses.note_flushed(caller.flushes_to));
            waiting.replies().acknowledge(outcome, &self.losses);
        } else {
            waiting.commits.extend(self.held.take_all());
            // The file may have been overwritten after the commit, while it was shortened.
            let removals_are_durable = progress.removals_are_durable && !self.file.may_lack_commits();
            self.refuse(&mut waiting, removals_are_durable);
        }
        self.answer_parts(&mut waiting);
        self.answer_verifications(&mut waiting, &mut evicted_values);
        self.tiers.sweeper.drop_values(evicted_values);
        if let Some(reply) = waiting.shut_down.take() {
            reply.send(self.close(was_unsaved));
        }
    }

    fn close(&mut self, has_unsaved: bool) -> Result<(), Error> {
        self.tiers.disk.hide();
        self.tiers.memory.buffer().close();
        let closed = self.file.close(self.now());
        // The last write may have found the file overwritten.
        if self.file.discards() > 0 {
            self.tiers.memory.stop_saving();
            self.announce();
        }
        closed.map_err(not_durable)?;
        if has_unsaved { Err(unsaved()) } else { Ok(()) }
    }
}

fn out_of_service() -> StoreError {
    StoreError::io("the file is out of service")
}
