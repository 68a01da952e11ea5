//! Writes that wait for their commit: those of one step after another, first come, first committed.
//!
//! A transaction evicts no more than [`Room::most_evictions`](crate::disk::store::limits::StoreLimits) entries, since it
//! replaces pages for each. When a batch needs more room than that, the transaction makes what room it may
//! and writes none of the batch's values. They are *held*: dirty in their shards, and listed here. The order:
//!
//! 1. Removals come first in each step, and are held by nothing. Where a value would replace a removal that
//!    somebody waits for, and is held, the transaction that holds it deletes what the removal was to delete.
//! 2. A held value that was removed since is dropped. If the removal was replaced by another value, that one
//!    takes its place, for whoever waits for the first; the deletion comes first, as ever. A held value that
//!    a range removal covers becomes a deletion (its slot is a tombstone of its own sequence). All this
//!    before anything of the step is committed: later, a value would be written after what removed it.
//! 3. Values are written in the order of the steps that drained them, so that of two of one key the later is
//!    written later.
//! 4. A transaction that made room and wrote nothing ends the step. Its removals are answered, and the next
//!    step begins at once with what has come meanwhile: an invalidation waits for one such transaction, not
//!    for all of them. The last step, which closes the file, goes on to the end instead.
//! 5. Those who wait for values (an insert with `Durability::Immediate`, a flush) are answered when every
//!    value of their step and of those before is committed. Nobody is overtaken, so nobody starves.
//!
//! Each such transaction is a commit like any other: its snapshot is installed, its deletions are settled,
//! its counts are written. When one fails, what is held is dirty in the shards and listed there again, so it
//! is forgotten here ([`Held::forget_writes`]); those who wait for it stay.

use std::collections::{HashMap, VecDeque};

use super::command::{Acknowledge, Reply, Waiting};
use super::{Limits, StepProgress, Writer};
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::StoreError;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::slot::{Change, Mutation};

/// Those who wait for a commit, and for which.
type Commits = Vec<(Acknowledge, Reply<()>)>;

/// The writes of steps that are not committed yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    groups: VecDeque<Group>,
    /// Whether the file has more than it may have, and nothing to write is held.
    pub(super) is_over: bool,
}

/// The writes of one step.
#[derive(Debug, Default)]
struct Group {
    writes: VecDeque<Mutation>,
    /// Who is answered when they are committed.
    commits: Commits,
    /// Whether some of them were committed already.
    is_begun: bool,
}

impl Held {
    /// Whether there is something to do, or somebody to be answered, that no command asks for.
    pub(super) fn is_pending(&self) -> bool {
        self.is_over || !self.groups.is_empty()
    }

    /// Whether something is not committed.
    pub(super) fn has_work(&self) -> bool {
        self.is_over || self.has_writes()
    }

    fn has_writes(&self) -> bool {
        self.groups.iter().any(|group| !group.writes.is_empty())
    }

    /// Begins a step: takes those who wait for writes.
    pub(super) fn begin(&mut self, waiting: &mut Waiting) {
        let is_of_write = |(kind, _): &mut (Acknowledge, _)| *kind != Acknowledge::Invalidation;
        let commits = waiting.commits.extract_if(.., is_of_write).collect();
        self.groups.push_back(Group { commits, ..Group::default() });
    }

    /// Those whose writes are all committed.
    pub(super) fn take_done(&mut self) -> Commits {
        let mut done = Vec::new();
        while let Some(group) = self.groups.pop_front_if(|group| group.writes.is_empty()) {
            done.extend(group.commits);
        }
        done
    }

    /// Everybody who waits, when the disk tier is off.
    pub(super) fn take_all(&mut self) -> Commits {
        std::mem::take(&mut self.groups).into_iter().flat_map(|group| group.commits).collect()
    }

    /// After a failure: the writes are listed in their shards again, and the next drain brings them.
    pub(super) fn forget_writes(&mut self) {
        let is_begun = self.groups.iter().any(|group| group.is_begun);
        let commits = self.take_all();
        self.groups.push_back(Group { commits, is_begun, ..Group::default() });
        self.is_over = false;
    }

    /// Whether what was committed of the writes that somebody still waits for went with its file.
    pub(super) fn lose_begun(&mut self) -> bool {
        let mut is_lost = false;
        for group in &mut self.groups {
            is_lost |= std::mem::take(&mut group.is_begun);
        }
        is_lost
    }

    /// Step 2 of the module; and takes what a step has drained besides its removals.
    fn add(&mut self, writes: Vec<Mutation>, removals: &mut [Mutation], ranges: &[RangeRemoval]) {
        if self.has_writes() {
            self.drop_removed(removals);
        }
        self.last().writes.extend(writes);
        let writes = self.groups.iter_mut().flat_map(|group| &mut group.writes);
        writes.chain(removals).for_each(|write| delete_if_covered(write, ranges));
    }

    fn drop_removed(&mut self, removals: &mut [Mutation]) {
        let removed: HashMap<Vec<u8>, (usize, u64)> = removals
            .iter()
            .enumerate()
            .map(|(at, removal)| (removal.key.to_vec(), (at, removal.sequence)))
            .collect();
        let mut stays = |write: &mut Mutation| {
            let Some(&(at, sequence)) = removed.get(&*write.key) else { return true };
            let Some(removal) = removals.get_mut(at).filter(|_| sequence > write.sequence) else {
                return true;
            };
            if !removal.is_put() {
                return false;
            }
            // Settled by nothing: its sequence is that of a value that was overwritten.
            let deletion = Mutation { change: Change::Delete, ..write.clone() };
            *write = std::mem::replace(removal, deletion);
            true
        };
        self.groups.iter_mut().for_each(|group| group.writes.retain_mut(&mut stays));
    }

    /// The writes of the latest step.
    fn last(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.groups.push_back(Group::default());
        }
        self.groups.back_mut().expect("one was pushed if there was none")
    }

    /// Adds the writes that are next to a batch. Answers whose they are.
    fn fill(&mut self, batch: &mut Vec<Mutation>, limits: Limits) -> Option<usize> {
        let at = self.groups.iter().position(|group| !group.writes.is_empty())?;
        limits.fill(batch, &mut self.groups.get_mut(at)?.writes);
        Some(at)
    }

    /// Takes back what was not written of a batch: what came of a group stays the first of it, and values
    /// whose removals were made are the last of the step.
    fn put_back(&mut self, mut batch: Vec<Mutation>, removing: usize, at: Option<usize>) {
        let writes = batch.split_off(removing);
        if let Some(group) = at.and_then(|at| self.groups.get_mut(at)) {
            for write in writes.into_iter().rev() {
                group.writes.push_front(write);
            }
        }
        self.last().writes.extend(batch.into_iter().filter(Mutation::is_put));
    }

    fn committed(&mut self, at: Option<usize>) {
        if let Some(group) = at.and_then(|at| self.groups.get_mut(at)) {
            group.is_begun = true;
        }
    }
}

/// A range removal of the step comes after a write: it becomes a deletion, since the range is known to this
/// step alone.
fn delete_if_covered(write: &mut Mutation, ranges: &[RangeRemoval]) {
    if ranges.iter().any(|removal| removal.covers(&write.key, write.sequence)) {
        write.change = Change::Delete;
    }
}

impl Limits {
    /// Moves what shares the next transaction from a queue to a batch.
    fn fill(self, batch: &mut Vec<Mutation>, from: &mut VecDeque<Mutation>) {
        let payload_len = |mutation: &Mutation| match &mutation.change {
            Change::Put { unsaved, .. } => unsaved.payload.len(),
            Change::Delete => 0,
        };
        let mut bytes: usize = batch.iter().map(payload_len).sum();
        while let Some(next) = from.front() {
            bytes = bytes.saturating_add(payload_len(next));
            let fits = batch.len() < self.most_changes && bytes <= self.most_bytes;
            if !fits && !batch.is_empty() {
                break;
            }
            batch.extend(from.pop_front());
        }
    }
}

impl Writer {
    /// Steps 2 to 5 of a group commit, in several transactions if there is much to change.
    pub(super) fn commit_all(
        &mut self,
        waiting: &Waiting,
        progress: &mut StepProgress,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), StoreError> {
        let mut drained = Vec::new();
        self.tiers.memory.drain_into(&mut drained, self.now(), evicted_values);
        let (mut removals, writes): (Vec<_>, Vec<_>) = drained.into_iter().partition(Mutation::removes);
        self.held.add(writes, &mut removals, &waiting.ranges);
        let mut removals = VecDeque::from(removals);
        loop {
            let mut batch = Vec::new();
            self.limits.fill(&mut batch, &mut removals);
            let removing = batch.len();
            // On a full disk deletions are committed in transactions of their own.
            let may_write = removals.is_empty() && (removing == 0 || !self.file.is_short_of_room());
            let at = if may_write { self.held.fill(&mut batch, self.limits) } else { None };
            let is_last = removals.is_empty() && !self.held.has_writes();
            let is_first = progress.first.is_none();
            let outcome = match self.commit(&batch, waiting, (is_first, is_last), evicted_values) {
                Ok(outcome) => outcome,
                Err(fault) => {
                    // Those that an earlier part made are in a file that a restart does not find.
                    progress.removals_are_durable &= !fault.is_displacement();
                    return Err(fault);
                }
            };
            let needs_room = outcome.needs_room;
            if is_first {
                progress.first = Some(outcome);
            }
            progress.removals_are_durable |= removals.is_empty();
            if needs_room {
                self.held.put_back(batch, removing, at);
            } else {
                self.held.committed(at);
            }
            // What was evicted for the part is not to wait for the others: nothing counts it any more.
            self.tiers.hand_over(std::mem::take(evicted_values));
            self.held.is_over = needs_room && !self.held.has_writes();
            if removals.is_empty() && !self.held.has_work() {
                self.file.committed(self.now());
                return Ok(());
            }
            if removals.is_empty() && needs_room && waiting.shut_down.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
