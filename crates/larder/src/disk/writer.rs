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
//!    sweep along, and a put that a range removal covers is a deletion in whichever part it comes.
//! 4. Install the snapshot that shows the commit.
//! 5. Settle: dirty keys become clean or go, if their sequence is still the committed one; pending ranges are
//!    dropped. After (4), because a key that left its shard is looked up on disk, and an older snapshot would
//!    show what it replaced.
//! 6. Acknowledge the waiters of (1), after the last part. Values that memory let go of meanwhile are the
//!    sweeper's to drop: a user's
//!    `Drop` may wait for this very thread.
//!
//! The last step, when the cache is closed, seals every shard before (2).
//!
//! What happens when a commit fails is told in [`outage`].

mod outage;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::cache_file::{CacheFile, FIRST_DISK_RETRY, LAST_DISK_RETRY, Standing};
use super::command::{Command, Waiting, acknowledge, unsaved};
use super::fault::{Fault, panic_message};
use super::files::OwnerLock;
use super::store::{Batch, Outcome};
use super::tiers::Tiers;
use super::view::DiskView;
use crate::clock::Deadline;
use crate::error::Error;
use crate::memory::{Change, Mutation, Remains};
use crate::sync::channel::{Receiver, RecvTimeoutError};
use crate::sync::{Arc, Ordering, planted};
use crate::units::Timestamp;

/// How long changes may wait for their commit, and how much may share one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) flush_interval: Duration,
    /// Changes in one transaction: it replaces every page that it touches, and the old ones are free only
    /// after the next.
    pub(crate) most_changes: usize,
    /// Bytes of values in one transaction, unless a single one has more.
    pub(crate) most_bytes: usize,
}

impl Limits {
    /// How many of these mutations, from the last on, share the next transaction.
    fn next_batch(&self, mutations: &[Mutation]) -> usize {
        let mut bytes = 0;
        let fits = |mutation: &&Mutation| {
            if let Change::Put { unsaved, .. } = &mutation.change {
                bytes += unsaved.payload.len();
            }
            bytes <= self.most_bytes
        };
        let fitting = mutations.iter().rev().take(self.most_changes).take_while(fits).count();
        fitting.max(1).min(mutations.len())
    }
}

/// The longest that those who wait are held up for others to share their commit: a third of what it takes.
///
/// None under the model checker: there only the end of everything else ends a wait.
const MOST_GATHERING: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_micros(200) };

#[derive(Debug)]
pub(crate) struct Writer {
    tiers: Arc<Tiers>,
    file: CacheFile,
    limits: Limits,
    /// What users have been told of the file.
    announced: Standing,
    /// Whether memory took values while there was no file, and no flush has been answered so since.
    has_unsaved: bool,
    /// Empty between two steps: the room for what is drained.
    drained: Vec<Mutation>,
    /// How many callers shared a commit lately; half as many with each that fewer shared.
    companions: usize,
    /// When a file that could not be shortened may be tried again.
    compact_at: Timestamp,
    /// How long after the next try in vain; doubled with each.
    compact_wait: Duration,
    /// Held until the file is closed.
    _lock: OwnerLock,
}

/// How far a step has come.
#[derive(Default)]
struct Progress {
    /// What the first part did, once it is committed.
    first: Option<Outcome>,
    /// Whether every removal of the step is committed, if not every write.
    removals_are_durable: bool,
    /// Whether a part was committed to a file that was discarded after it.
    writes_are_lost: bool,
}

impl Writer {
    pub(crate) fn new(tiers: Arc<Tiers>, file: CacheFile, limits: Limits, lock: OwnerLock) -> Self {
        Self {
            tiers,
            file,
            limits,
            announced: Standing::InService,
            has_unsaved: false,
            drained: Vec::new(),
            companions: 0,
            compact_at: Timestamp::ZERO,
            compact_wait: FIRST_DISK_RETRY,
            _lock: lock,
        }
    }

    /// The thread: steps until it is shut down.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut flush: Option<Deadline> = None;
        loop {
            let mut waiting = Waiting::default();
            // It reads the clock, which may be the user's.
            let next = catch_unwind(AssertUnwindSafe(|| self.next(commands, flush)));
            match next.unwrap_or_else(|panic| Ok(self.survive(&*panic))) {
                Ok(Command::Wake) => {
                    flush.get_or_insert_with(|| Deadline::after(self.limits.flush_interval));
                    continue;
                }
                Ok(Command::Look) if self.file.retry_at().is_none() => continue,
                Ok(command) => waiting.add(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.gather(commands, &mut waiting);
            flush = None;
            let is_last = waiting.shut_down.is_some();
            // A panic here is a user's `Drop`, or a bug: the tier degrades, callers do not.
            let step = catch_unwind(AssertUnwindSafe(|| self.step(waiting)));
            if let Err(panic) = step {
                self.survive(&*panic);
            }
            if is_last {
                return;
            }
        }
    }

    /// Takes the commands that have arrived.
    ///
    /// Threads that were answered together come back together, one after another: for as many as came lately
    /// it waits a moment, so that they share the next commit too, in place of taking turns in two groups. Who
    /// comes alone waits for the first few times after a crowd.
    fn gather(&mut self, commands: &Receiver<Command>, waiting: &mut Waiting) {
        let until = Deadline::after(MOST_GATHERING);
        loop {
            while let Ok(command) = commands.try_recv() {
                waiting.add(command);
            }
            let callers = waiting.callers();
            let is_urgent =
                callers == 0 || MOST_GATHERING.is_zero() || waiting.is_full || waiting.shut_down.is_some();
            if is_urgent || callers >= self.companions {
                break;
            }
            match commands.recv_timeout(until.left()) {
                Ok(command) => waiting.add(command),
                Err(_) => break,
            }
        }
        self.companions = waiting.callers().max(self.companions / 2);
    }

    /// After a panic in whatever the writer was doing. The answer is a command that asks for nothing.
    fn survive(&mut self, panic: &(dyn Any + Send)) -> Command {
        let why = Fault::io(format!("the writer panicked: {}", panic_message(panic)));
        drop(catch_unwind(AssertUnwindSafe(|| self.give_up(why))));
        Command::Hurry
    }

    /// Waits for a command, until the flush is due or an outage is to be looked at again.
    fn next(
        &self,
        commands: &Receiver<Command>,
        flush: Option<Deadline>,
    ) -> Result<Command, RecvTimeoutError> {
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
        self.tiers.counted.lag.begin();
        self.tiers.writer_is_armed.store(false, Ordering::SeqCst);
        if let Some((generation, fault)) = waiting.fault.take()
            && generation == self.file.generation()
        {
            self.fail(fault);
        }
        let mut remains = Remains::default();
        // Before the last drain: what is stored before is committed, what comes later is refused.
        if waiting.shut_down.is_some() && !planted::is_planted(planted::Fault::DrainBeforeSealing) {
            self.tiers.memory.seal();
        }
        let progress = self.commit_or_degrade(&waiting, &mut remains);
        self.keep_to_capacity();
        self.announce();
        if self.file.standing() != Standing::Suspended {
            // Committed; or it lives in memory alone from here on.
            self.tiers.counted.lag.end();
        }
        let mut was_unsaved = false;
        if self.file.store().is_some()
            && let Some(outcome) = progress.first
        {
            let replies = waiting.replies();
            // Told once: whoever flushes wants to know that a restart would find everything.
            let is_asked = replies.asks_for_all() || waiting.shut_down.is_some();
            let is_unsaved = is_asked && std::mem::take(&mut self.has_unsaved);
            acknowledge(replies, outcome, progress.writes_are_lost, is_unsaved);
            was_unsaved = is_unsaved;
        } else {
            self.refuse(&mut waiting, progress.removals_are_durable);
        }
        for reply in std::mem::take(&mut waiting.verifications) {
            drop(reply.send(self.verify(&mut remains)));
        }
        self.tiers.hand_over(remains);
        if let Some(reply) = waiting.shut_down.take() {
            drop(reply.send(self.close().and_then(|()| if was_unsaved { Err(unsaved()) } else { Ok(()) })));
        }
    }

    /// Steps 2 to 5, in several transactions if there is much to change.
    fn commit_all(
        &mut self,
        waiting: &Waiting,
        progress: &mut Progress,
        remains: &mut Remains,
    ) -> Result<(), Fault> {
        let mut rest = std::mem::take(&mut self.drained);
        self.tiers.memory.drain_into(&mut rest, self.now(), remains);
        // Removals stand last, and go first: what is committed is cut off, and its encodings with it.
        rest.sort_unstable_by_key(Mutation::removes);
        let mut is_done = false;
        while !is_done {
            let deletions = rest.iter().rev().take_while(|mutation| mutation.removes()).count();
            let mut count = self.limits.next_batch(&rest);
            if deletions > 0 && self.file.is_short_of_room() {
                count = count.min(deletions);
            }
            let (later, batch) = rest.split_at(rest.len() - count);
            let is_first = progress.first.is_none();
            is_done = later.is_empty();
            let outcome = self.commit(batch, waiting, (is_first, is_done), remains)?;
            if is_first {
                progress.first = Some(outcome);
            }
            progress.removals_are_durable |= !later.last().is_some_and(Mutation::removes);
            rest.truncate(later.len());
        }
        self.drained = rest;
        self.file.committed(self.now());
        Ok(())
    }

    /// Steps 3 to 5 for a part of what was drained.
    fn commit(
        &mut self,
        mutations: &[Mutation],
        waiting: &Waiting,
        (is_first, is_last): (bool, bool),
        remains: &mut Remains,
    ) -> Result<Outcome, Fault> {
        let adopted = self.file.adopted().clone();
        let is_resident = |key: &[u8]| self.tiers.memory.has_clean(key);
        let batch = Batch {
            mutations,
            ranges: &waiting.ranges,
            is_first,
            adopt: &adopted,
            register: if is_first { &waiting.registrations } else { &[] },
            sweep: if is_first { waiting.sweep.min(self.limits.most_changes) } else { 0 },
            now: self.tiers.time.now(),
            sequence: self.tiers.memory.last_sequence(),
            closing: is_last && waiting.shut_down.is_some(),
            is_resident: &is_resident,
        };
        let generation = self.file.generation();
        let Some(store) = self.file.store_mut() else {
            return Err(Fault::io("the file is out of service"));
        };
        let began = self.tiers.time.clock().monotonic();
        if let Some(lifetime) = self.tiers.lifetime(1) {
            store.note_lifetime(lifetime);
        }
        let outcome = store.commit(&batch)?;
        if outcome.is_committed {
            self.tiers.counted.commit_times.record(self.tiers.time.clock().monotonic().saturating_sub(began));
        }
        let snapshot = store.snapshot(generation)?;
        if planted::is_planted(planted::Fault::SettleEarly) {
            self.tiers.settle(mutations, remains);
        }
        self.tiers.snapshots.install(Some(snapshot));
        self.settle(mutations, waiting, is_first, remains);
        self.note(&outcome, batch.now);
        Ok(outcome)
    }

    fn settle(&self, mutations: &[Mutation], waiting: &Waiting, is_first: bool, remains: &mut Remains) {
        self.tiers.settle(mutations, remains);
        // The first part deleted the ranges.
        for removal in waiting.ranges.iter().filter(|_| is_first) {
            self.tiers.memory.range_committed(removal.range.sequence);
        }
    }

    fn note(&self, outcome: &Outcome, now: Timestamp) {
        let Some(store) = self.file.store() else { return };
        if !outcome.retired.is_empty() {
            self.tiers.plan_sweep(now);
        }
        let file_bytes = self.file.len();
        self.tiers.change_view(|view| {
            let DiskView { keyspaces, entries, bytes, .. } = store.current_view();
            (view.keyspaces, view.entries, view.bytes, view.file_bytes) =
                (keyspaces, entries, bytes, file_bytes);
            view.commits += u64::from(outcome.is_committed);
            view.evictions += outcome.evicted;
            view.expirations += outcome.swept;
            view.shown_at = now;
            for (id, evicted, swept) in &outcome.gone {
                let gone = view.gone.entry(*id).or_default();
                *gone = (gone.0 + evicted, gone.1 + swept);
            }
        });
        self.tiers.plan_disk_sweep(outcome.next_expiry);
    }

    /// Gives back the free pages of a file that has become too long: redb doubles a file that must grow, and
    /// one that was cut back when it was closed may so come to exceed its capacity. Lookups miss the disk for
    /// as long as this takes.
    fn keep_to_capacity(&mut self) {
        if self.now() < self.compact_at || !self.file.is_too_long() {
            return;
        }
        let is_free = self.tiers.snapshots.withdraw();
        let generation = self.file.generation();
        let Some(store) = self.file.store_mut() else { return };
        let compacted = if is_free { store.compact() } else { Ok(false) };
        match compacted.and_then(|_| store.snapshot(generation)) {
            Ok(snapshot) => self.tiers.snapshots.install(Some(snapshot)),
            // What was committed stays committed: the file is opened again in its time.
            Err(fault) => return self.fail(fault),
        }
        let file_bytes = self.file.len();
        self.tiers.change_view(|view| view.file_bytes = file_bytes);
        // A lookup that was held up with a snapshot in its hands keeps it long for a moment; a follower's
        // transaction, or a value of a good part of the capacity, for a while.
        if self.file.is_too_long() {
            self.compact_at = self.now().after(self.compact_wait);
            self.compact_wait = (2 * self.compact_wait).min(LAST_DISK_RETRY);
        } else {
            self.compact_wait = FIRST_DISK_RETRY;
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        self.tiers.snapshots.install(None);
        self.tiers.memory.buffer().close();
        self.file.close().map_err(|fault| Error::NotDurable { cause: fault.cause })
    }
}

#[cfg(test)]
mod tests;
