//! The writer: the thread that commits, and the only one that changes the file.
//!
//! A step is one group commit. Its order is what makes the contract hold:
//!
//! 1. Take the commands that have arrived, and those about to ([`Writer::gather`]). Whoever waits changed its
//!    shard before it sent its command.
//! 2. Disarm, then drain the shards' dirty keys. Hence the drain sees everything that a waiter of (1) waits
//!    for, and whoever becomes dirty after the drain finds the flag clear and wakes the writer.
//! 3. Commit, removals first, those included that a write has replaced since. What is too much for one
//!    transaction goes through (3) to (5) in parts: the first takes range removals, registrations and the
//!    sweep along, and a put that a range removal covers is a deletion in whichever part it comes. A
//!    transaction that may not evict enough for its values writes none of them: they are held, the step ends,
//!    and the next one begins at once ([`held`]).
//! 4. Look whether the file that was committed to is the one that a restart finds ([`crate::disk::file::cache_file`]). If
//!    not, the commit has failed. Install the snapshot that shows it.
//! 5. Settle: dirty keys become clean or go, if their sequence is still the committed one; pending ranges are
//!    lifted if nothing of them is left ([`crate::disk::store::range_removals`]). After (4), because a key that left its shard is
//!    looked up on disk, and an older snapshot would
//!    show what it replaced.
//! 6. Acknowledge the waiters of (1), after the last part; those who wait for values that are held, in the
//!    step that commits these. Values that memory let go of meanwhile are the sweeper's to drop: a user's
//!    `Drop` may wait for this very thread.
//!
//! The last step, when the cache is closed, seals every shard before (2).
//!
//! What happens when a commit fails is told in [`outage`]; what is done between two steps in [`behind`].

mod behind;
mod bounds;
pub(crate) mod command;
mod entry_changes;
mod gather;
mod held;
mod recovery;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::tiers::Tiers;
use crate::disk::file::cache_file::backoff::INITIAL_RETRY_DELAY;
use crate::disk::file::cache_file::{CacheFile, ServiceState};
use crate::disk::store::guard::{StoreError, panic_message};
use crate::disk::store::pending_registrations::PendingRegistrations;
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::slot::Mutation;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError};
use crate::sys::sync::{Arc, Ordering, failpoint};
use crate::units::Timestamp;
use command::{Command, Waiting, acknowledge};
use entry_changes::entry_changes;
use gather::Numbered;
use held::Held;

/// How long changes may wait for their commit, and how much may share one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) flush_interval: Duration,
    /// Changes in one transaction: it replaces every page that it touches, and the old ones are free only
    /// after the next.
    pub(crate) most_changes: usize,
    /// Bytes of values in one transaction, unless a single one has more.
    pub(crate) most_bytes: usize,
    /// Whether range removals are made between the steps; otherwise a part with each step.
    pub(crate) deletes_between_steps: bool,
}

#[derive(Debug)]
pub(crate) struct Writer {
    tiers: Arc<Tiers>,
    file: CacheFile,
    limits: Limits,
    /// What users have been told of the file.
    announced: ServiceState,
    /// Whether memory took values while there was no file, and no flush has been answered so since.
    has_unsaved: bool,
    /// What waits for its commit longer than a step.
    held: Held,
    /// Whether values were committed to the file for which no flush has been answered since.
    has_unflushed: bool,
    /// Whether the file was discarded for nobody in particular, and no step has looked at that since.
    is_to_renew: bool,
    /// How many callers shared a commit lately; half as many with each that fewer shared.
    companions: usize,
    /// Range removals whose floors stand in the shards, by their sequences.
    range_tombstones: Vec<u64>,
    /// When a file that could not be shortened may be tried again.
    compact_at: Timestamp,
    /// How long after the next try in vain; doubled with each.
    compact_wait: Duration,
}

/// How far a step has come.
#[derive(Default)]
struct StepProgress {
    /// What the first part did, once it is committed.
    first: Option<CommitOutcome>,
    /// Whether every removal of the step is committed, if not every write.
    removals_are_durable: bool,
    /// Whether a part was committed to a file that was discarded after it.
    writes_are_lost: bool,
}

impl Writer {
    pub(crate) fn new(tiers: Arc<Tiers>, file: CacheFile, limits: Limits) -> Self {
        let range_tombstones = file.ranges().iter().map(|range| range.sequence).collect();
        Self {
            tiers,
            file,
            limits,
            announced: ServiceState::InService,
            has_unsaved: false,
            held: Held::default(),
            has_unflushed: false,
            is_to_renew: false,
            companions: 0,
            range_tombstones,
            compact_at: Timestamp::ZERO,
            compact_wait: INITIAL_RETRY_DELAY,
        }
    }

    /// The thread: steps until it is shut down.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut flush: Option<Deadline> = None;
        loop {
            let mut waiting = Waiting::default();
            // It reads the clock, which may be the user's.
            let next = catch_unwind(AssertUnwindSafe(|| self.next_or_part(commands, flush)));
            match next.unwrap_or_else(|panic| Ok(self.survive(&*panic))) {
                Ok(Command::Wake) => {
                    flush.get_or_insert_with(|| Deadline::after(self.limits.flush_interval));
                    continue;
                }
                Ok(Command::CheckRetry) if self.file.retry_at().is_none() => continue,
                Ok(Command::Watch) if !self.file.needs_step() => continue,
                Ok(command) => match self.number_at_once(command) {
                    Numbered::Answered { is_new } => {
                        if is_new {
                            flush.get_or_insert_with(|| Deadline::after(self.limits.flush_interval));
                        }
                        continue;
                    }
                    Numbered::Not(command) => waiting.add(command),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.gather(commands, &mut waiting);
            let due = flush.take();
            let is_last = waiting.shut_down.is_some();
            // A panic here is a user's `Drop`, or a bug: the tier degrades, callers do not.
            let step = catch_unwind(AssertUnwindSafe(|| self.step(waiting)));
            if let Err(panic) = step {
                self.survive(&*panic);
            }
            if is_last {
                return;
            }
            if self.file.has_pending_registrations() {
                flush = due.or_else(|| Some(Deadline::after(self.limits.flush_interval)));
            }
        }
    }

    /// After a panic in whatever the writer was doing. The answer is a command that asks for nothing.
    fn survive(&mut self, panic: &(dyn Any + Send)) -> Command {
        let why = StoreError::io(format!("the writer panicked: {}", panic_message(panic)));
        drop(catch_unwind(AssertUnwindSafe(|| self.give_up(why))));
        Command::Hurry
    }

    /// Waits for a command, until the flush is due or an outage is to be looked at again.
    fn next(
        &self,
        commands: &Receiver<Command>,
        flush: Option<Deadline>,
    ) -> Result<Command, RecvTimeoutError> {
        if self.held.is_pending() || self.is_to_renew {
            return Ok(commands.try_recv().unwrap_or(Command::Hurry));
        }
        let retry = self.file.retry_at().map(|at| at.since(self.now()).max(Duration::from_millis(1)));
        match flush.map(Deadline::left).into_iter().chain(retry).min() {
            Some(wait) => commands.recv_timeout(wait),
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn now(&self) -> Timestamp {
        self.tiers.time.now()
    }

    /// Whether an outage is to be looked at again.
    fn is_due(&self) -> bool {
        self.file.retry_at().is_some_and(|at| at <= self.now())
    }

    /// One group commit, in the order that the module states.
    fn step(&mut self, mut waiting: Waiting) {
        self.held.begin(&mut waiting);
        self.tiers.counted.lag.begin();
        self.tiers.writer_is_armed.store(false, Ordering::SeqCst);
        // First: a file that somebody has overwritten is not to be written to, as closing it would.
        if let Err(fault) = self.file.check_content() {
            self.fail(fault);
        } else if let Some((generation, fault)) = waiting.fault.take()
            && generation == self.file.generation()
        {
            self.fail(fault);
        }
        let mut evicted_values = EvictedValues::default();
        // Before the last drain: what is stored before is committed, what comes later is refused.
        if waiting.shut_down.is_some()
            && !failpoint::failpoint_is_set(failpoint::Failpoint::DrainBeforeSealing)
        {
            self.tiers.memory.seal();
        }
        let progress = self.commit_or_degrade(&waiting, &mut evicted_values);
        self.keep_to_capacity();
        self.file.note_content();
        self.announce();
        if self.file.state() != ServiceState::Suspended && !self.held.has_work() {
            // Committed; or it lives in memory alone from here on.
            self.tiers.counted.lag.end();
        }
        let mut was_unsaved = false;
        if self.file.store().is_some()
            && let Some(outcome) = progress.first
        {
            waiting.commits.extend(self.held.take_done());
            let replies = waiting.replies();
            // Told once: whoever flushes wants to know that a restart would find everything.
            let is_asked = replies.asks_for_all() || waiting.shut_down.is_some();
            let is_unsaved = is_asked && std::mem::take(&mut self.has_unsaved);
            self.has_unflushed &= !is_asked;
            acknowledge(replies, outcome, progress.writes_are_lost, is_unsaved);
            was_unsaved = is_unsaved;
        } else {
            waiting.commits.extend(self.held.take_all());
            self.refuse(&mut waiting, progress.removals_are_durable);
        }
        self.answer_parts(&mut waiting);
        for reply in std::mem::take(&mut waiting.verifications) {
            drop(reply.send(self.verify(&mut evicted_values)));
        }
        self.tiers.hand_over(evicted_values);
        if let Some(reply) = waiting.shut_down.take() {
            drop(reply.send(self.close(was_unsaved)));
        }
    }

    /// Steps 3 to 5 for a part of what was drained.
    fn commit(
        &mut self,
        mutations: &[Mutation],
        waiting: &Waiting,
        (is_first, is_last): (bool, bool),
        evicted_values: &mut EvictedValues,
    ) -> Result<CommitOutcome, StoreError> {
        let is_over = self.part_is_over(waiting);
        let has_part = is_first && (!self.limits.deletes_between_steps || waiting.makes_part());
        let now = self.tiers.time.now();
        let pending = self.file.pending_registrations().clone();
        let is_resident = |key: &[u8]| self.tiers.memory.has_value(key);
        // Who sweeps asks for no commit: with nothing to delete there is none.
        let leaves_new = mutations.is_empty() && waiting.only_sweeps() && pending.may_wait();
        let none = PendingRegistrations::default();
        let take_use = |key: &[u8]| self.tiers.uses.take(self.tiers.memory.key(key).hash);
        let changes = entry_changes(mutations);
        let batch = Batch {
            changes: &changes,
            ranges: &waiting.ranges,
            is_first,
            pending: if leaves_new { &none } else { &pending },
            register: if is_first { &waiting.registrations } else { &[] },
            sweep: if is_first { waiting.sweep.min(self.limits.most_changes) } else { 0 },
            now,
            sequence: self.tiers.memory.last_sequence(),
            closing: is_last && waiting.shut_down.is_some(),
            is_resident: &is_resident,
            take_use: &take_use,
            part: if has_part { Some(&is_over) } else { None },
            range_rows: self.tiers.range_rows,
        };
        let began = self.tiers.time.clock().monotonic();
        let outcome = bounds::commit(&mut self.file, &self.tiers, &batch)?;
        let generation = self.file.generation();
        let Some(store) = self.file.store_mut() else {
            return Err(StoreError::io("the file is out of service"));
        };
        if outcome.is_committed {
            self.tiers.counted.commit_times.record(self.tiers.time.clock().monotonic().saturating_sub(began));
        }
        let snapshot = store.snapshot(generation);
        if !leaves_new {
            self.file.clear_pending_registrations();
        }
        let snapshot = snapshot?;
        self.file.check_place()?;
        if failpoint::failpoint_is_set(failpoint::Failpoint::MarkCleanEarly) {
            self.tiers.mark_clean(mutations, evicted_values);
        }
        self.remove_range_tombstones_early(waiting);
        self.tiers.snapshots.install(Some(snapshot));
        if outcome.needs_room {
            // Its values were not written: they stay dirty.
            let deletions = mutations.iter().filter(|mutation| !mutation.is_put());
            self.mark_clean(&deletions.cloned().collect::<Vec<_>>(), waiting, is_first, evicted_values);
        } else {
            self.mark_clean(mutations, waiting, is_first, evicted_values);
            self.has_unflushed |= mutations.iter().any(|mutation| !mutation.removes());
        }
        self.note(&outcome, now);
        Ok(outcome)
    }

    fn mark_clean(
        &mut self,
        mutations: &[Mutation],
        waiting: &Waiting,
        is_first: bool,
        evicted_values: &mut EvictedValues,
    ) {
        self.tiers.mark_clean(mutations, evicted_values);
        // The first part made the ranges, or their rows.
        if is_first {
            self.note_range_tombstones(waiting);
        }
    }

    fn note(&mut self, outcome: &CommitOutcome, now: Timestamp) {
        let extent = self.file.note_extent();
        let Some(store) = self.file.store_mut() else { return };
        if !outcome.retired.is_empty() {
            self.tiers.plan_sweep(now);
        }
        self.tiers.change_view(|view| {
            store.show(view);
            view.extent = extent;
            view.commits += u64::from(outcome.is_committed);
            view.evictions += outcome.evicted;
            view.expirations += outcome.swept;
            view.shown_at = now;
            // Of a keyspace that is retired nobody asks.
            let gone = outcome.gone.iter().filter(|(id, ..)| store.catalog.keyspaces.name_of(*id).is_some());
            for (id, evicted, swept) in gone {
                let gone = view.gone.entry(*id).or_default();
                *gone = (gone.0 + evicted, gone.1 + swept);
            }
        });
        self.tiers.plan_disk_sweep(outcome.next_expiry);
    }
}

#[cfg(test)]
mod tests;
