//! Writes that wait for their commit. They are committed in the order of the steps that drained them.
//!
//! Each eviction replaces pages, so a transaction evicts at most as many entries as
//! [`StoreLimits`](crate::disk::store::limits::StoreLimits) allows. If a batch needs more space, the
//! transaction evicts as many entries as it may, and does not write the batch's values. These values are
//! *held*: they stay dirty in their shards, and are kept here. The rules are:
//!
//! 1. Removals come first in each step. Only the removals of a group can be held (6). A value may replace a
//!    removal that a caller waits for. If this value is held, the transaction makes the deletion, but not the
//!    write. After that, neither the held value nor a later one of the key hides a removal. Otherwise a later
//!    value of a group would drop the held value (2), and the caller who waits for that value would be
//!    answered before a value is written.
//! 2. A held value whose key was removed later is dropped. If a newer value has replaced the removal, the
//!    newer value takes the place of the held value, because a caller may wait for that place. The deletion
//!    still comes first. If the newer value belongs to a group, it stays with its group, and the callers of
//!    the dropped value's step wait for the current step: the removal may be one that the dropped value hid
//!    itself. A held value that a range removal covers becomes a deletion: its slot is a tombstone
//!    with the same sequence. All this happens before the step commits anything. Otherwise a value could be
//!    written after the change that removed it.
//! 3. Values are written in the order of the steps that drained them, so that a newer value of a key is
//!    written after an older one. When the first value of a step is due, the later steps whose values are
//!    held are joined with it: of each key, the newest value stays, and the values are in the order of the
//!    keys again. Otherwise each of many short steps would replace the same pages. Steps with groups are not
//!    joined. Nothing is joined with a step of which some values are committed, so no stream of later values
//!    delays its last keys.
//! 4. A transaction that holds its values ends the step, unless removals are left. The callers of the step's
//!    removals are answered, and the next step begins immediately, with the commands that have arrived. So an
//!    invalidation waits for at most one of these transactions. The last step, which closes the file,
//!    continues until all values are written.
//!    A transaction that writes its values ends the step, too, if a caller waits who needs none of the held
//!    values: the caller of an invalidation of this step, or of a command that was not taken yet. So an
//!    invalidation waits for about one transaction, however many values are held. Each such step has written
//!    a transaction of values, so no stream of invalidations keeps the values from the file.
//! 5. A caller that waits for values, such as a durable insert or a flush, is answered when all values of its
//!    step and of earlier steps are committed. Callers are answered in order, so no caller waits forever.
//! 6. The removals of a group belong to its writes, and are held with them. The caller of the group waits as
//!    in (5).
//!
//! A transaction that holds its values is otherwise a normal commit: its snapshot is installed, its deletions
//! are marked clean, and its counts are written. If a transaction fails, the held values are still dirty in
//! the shards, and are queued there again. So they are forgotten here ([`HeldWrites::forget_writes`]), but
//! the callers that wait for them are kept, for the step that drains the writes again.

use std::collections::{HashMap, HashSet, VecDeque};

use super::command::Acknowledge;
use super::limits::{MAX_KEPT_CHANGES, WriterLimits};
use super::waiting::{Caller, Waiting};
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::memory::mutation::{Mutation, SlotChange};
use crate::memory::use_stamps::UseStamp;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// The writes that are not committed yet, grouped by step.
#[derive(Debug, Default)]
pub(super) struct HeldWrites {
    groups: VecDeque<StepWrites>,
    /// The empty list of an earlier step, for the writes of the next one.
    spare: VecDeque<Mutation>,
    /// Whether the file is over its limit while no write is held. The next step then evicts more entries.
    pub(super) is_over_limit: bool,
}

#[derive(Debug, Default)]
struct StepWrites {
    writes: VecDeque<Mutation>,
    /// The time of the first insert among these writes, if an insert waits.
    since: Option<Timestamp>,
    /// The callers to answer when all of these writes are committed.
    callers: Vec<Caller>,
    /// Whether some of these writes are already committed.
    is_begun: bool,
}

impl StepWrites {
    /// Takes over the callers of another step, and the time of its first insert. Its writes are ignored.
    fn join(&mut self, other: &mut Self) {
        self.callers.append(&mut other.callers);
        self.since = self.since.into_iter().chain(other.since).min();
    }
}

impl HeldWrites {
    /// Returns whether the writer must run a step even without a command: to evict entries, to write, or to
    /// answer a caller.
    pub(super) fn is_pending(&self) -> bool {
        self.is_over_limit || !self.groups.is_empty()
    }

    /// Returns whether some writes are not committed, or the file is over its limit.
    pub(super) fn has_work(&self) -> bool {
        self.is_over_limit || self.has_writes()
    }

    pub(super) fn has_writes(&self) -> bool {
        self.groups.iter().any(|group| !group.writes.is_empty())
    }

    fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.groups.iter().flat_map(|group| &group.callers)
    }

    pub(super) fn has_callers(&self) -> bool {
        self.callers().next().is_some()
    }

    pub(super) fn has_flush(&self) -> bool {
        self.callers().any(|caller| caller.kind == Acknowledge::Flush)
    }

    /// Returns whether a caller waits for a group with removals. These removals must be durable when the
    /// caller is answered, like the removals of an invalidation.
    pub(super) fn has_group_with_removals(&self) -> bool {
        let mut callers = self.callers();
        callers.any(|caller| matches!(caller.kind, Acknowledge::Group | Acknowledge::GroupWithValues { .. }))
    }

    /// Applies stamps of uses to writes that are not committed yet. A stamp alone would have no effect,
    /// because the record of the entry does not exist yet.
    pub(super) fn extend(&mut self, stamps: &[UseStamp]) {
        if stamps.is_empty() || !self.has_writes() {
            return;
        }
        let stamps: HashMap<(&[u8], u64), Timestamp> =
            stamps.iter().map(|stamp| ((&*stamp.key, stamp.sequence), stamp.expires_at)).collect();
        for write in self.groups.iter_mut().flat_map(|group| &mut group.writes) {
            if let SlotChange::Put { expires_at, .. } = &mut write.change
                && let Some(extended) = stamps.get(&(&*write.key, write.sequence))
            {
                *expires_at = (*expires_at).max(*extended);
            }
        }
    }

    /// Returns the time of the first insert that is not committed yet. Forgets the times of the steps whose
    /// writes are all committed.
    pub(super) fn since(&mut self) -> Option<Timestamp> {
        for done in self.groups.iter_mut().filter(|group| group.writes.is_empty()) {
            done.since = None;
        }
        self.groups.iter().filter_map(|group| group.since).min()
    }

    /// Returns whether the caller of a flush is answered if the step ends now.
    pub(super) fn finishes_flush(&self) -> bool {
        let mut done = self.groups.iter().take_while(|group| group.writes.is_empty());
        done.any(|group| group.callers.iter().any(|caller| caller.kind == Acknowledge::Flush))
    }

    /// Begins a step, and takes over the callers that wait for its writes, or for writes that were forgotten.
    /// `since` is the time of its first insert.
    pub(super) fn begin(&mut self, waiting: &mut Waiting, since: Option<Timestamp>) {
        let is_of_write = |caller: &mut Caller| caller.kind != Acknowledge::Invalidation;
        let callers = waiting.commits.extract_if(.., is_of_write).collect();
        let writes = std::mem::take(&mut self.spare);
        let mut step = StepWrites { writes, since, callers, is_begun: false };
        // After a failure between two steps, the drain returns the writes that were forgotten. Their callers
        // wait for them in this step.
        while let Some(mut forgotten) = self.groups.pop_front_if(|group| group.writes.is_empty()) {
            step.join(&mut forgotten);
        }
        self.groups.push_back(step);
    }

    /// Takes the callers whose writes are all committed.
    pub(super) fn take_done(&mut self) -> Vec<Caller> {
        let mut done = Vec::new();
        while let Some(mut group) = self.groups.pop_front_if(|group| group.writes.is_empty()) {
            done.append(&mut group.callers);
            group.writes.shrink_to(MAX_KEPT_CHANGES);
            self.spare = group.writes;
        }
        done
    }

    /// Takes all callers, and forgets all writes.
    pub(super) fn take_all(&mut self) -> Vec<Caller> {
        std::mem::take(&mut self.groups).into_iter().flat_map(|group| group.callers).collect()
    }

    /// Forgets the writes after a failure, but keeps the callers. The next drain returns the writes again,
    /// because they are queued in their shards.
    pub(super) fn forget_writes(&mut self) {
        let mut all = StepWrites::default();
        self.groups.iter_mut().for_each(|group| all.join(group));
        self.groups.clear();
        self.groups.push_back(all);
        self.is_over_limit = false;
    }

    /// Adds the writes that a step has drained. Drops or changes held writes according to rule 2.
    ///
    /// Takes the writes out of `writes`, and leaves an empty list there. If the step has no writes yet, the
    /// list itself is taken. Otherwise two lists of all writes would take memory at the same time.
    pub(super) fn add(
        &mut self,
        writes: &mut Vec<Mutation>,
        removals: &mut [Mutation],
        ranges: &[RangeRemoval],
    ) {
        if self.has_writes() {
            self.drop_removed(removals, writes);
        }
        let last = &mut self.last().writes;
        if last.is_empty() {
            *writes = Vec::from(std::mem::replace(last, std::mem::take(writes).into()));
        } else {
            last.extend(writes.drain(..));
        }
        let writes = self.groups.iter_mut().flat_map(|group| &mut group.writes);
        writes.chain(removals).for_each(|write| delete_if_covered(write, ranges));
    }

    fn drop_removed(&mut self, removals: &mut [Mutation], drained: &[Mutation]) {
        // A drain has two changes of a key only if it has divided the value of a group.
        let of_groups: HashSet<Vec<u8>> =
            drained.iter().filter(|write| write.unit > 0).map(|write| write.key.to_vec()).collect();
        let removed: HashMap<Vec<u8>, (usize, u64)> = removals
            .iter()
            .enumerate()
            .map(|(at, removal)| (removal.key.to_vec(), (at, removal.sequence)))
            .collect();
        let mut stays = |write: &mut Mutation, must_wait: &mut bool| {
            let Some(&(at, sequence)) = removed.get(&*write.key) else { return true };
            let Some(removal) = removals.get_mut(at).filter(|_| sequence > write.sequence) else {
                return true;
            };
            if !removal.is_put() {
                *must_wait |= of_groups.contains(&*write.key);
                return false;
            }
            // This deletion does not mark a slot clean, because no slot has its sequence. When it is
            // committed, the slot of the newer value no longer hides a removal.
            let (unit, sequence) = (write.unit, sequence.saturating_sub(1));
            let deletion = Mutation { change: SlotChange::Delete, sequence, unit: 0, ..write.clone() };
            *write = std::mem::replace(removal, deletion);
            (write.unit, write.hides_removal) = (unit, false);
            true
        };
        for at in 0..self.groups.len() {
            let Some(group) = self.groups.get_mut(at) else { return };
            let mut must_wait = false;
            group.writes.retain_mut(|write| stays(write, &mut must_wait));
            if must_wait {
                let (callers, since) = (std::mem::take(&mut group.callers), group.since);
                self.last().join(&mut StepWrites { since, callers, ..StepWrites::default() });
            }
        }
    }

    /// Returns the writes of the latest step.
    fn last(&mut self) -> &mut StepWrites {
        if self.groups.is_empty() {
            self.groups.push_back(StepWrites::default());
        }
        self.groups.back_mut().expect("one was pushed if there was none")
    }

    /// Moves the next writes into a batch. Returns the index of their step, or `None` if it moves none.
    pub(super) fn fill(&mut self, batch: &mut Vec<Mutation>, limits: WriterLimits) -> Option<usize> {
        let at = self.groups.iter().position(|group| !group.writes.is_empty())?;
        self.join_later(at);
        let len = batch.len();
        limits.fill(batch, &mut self.groups.get_mut(at)?.writes);
        (batch.len() > len).then_some(at)
    }

    /// Joins the step at index `at` with the later ones, according to rule 3.
    fn join_later(&mut self, at: usize) {
        let has_unit = |group: &StepWrites| group.writes.iter().any(|write| write.unit > 0);
        let mut from_first = self.groups.iter().skip(at);
        if from_first.len() < 2 || from_first.next().is_none_or(|first| first.is_begun || has_unit(first)) {
            return;
        }
        let count = from_first.take_while(|later| !has_unit(later)).count();
        let later: Vec<StepWrites> = self.groups.drain(at + 1..=at + count).collect();
        let Some(first) = self.groups.get_mut(at) else { return };
        let mut writes = Vec::from(std::mem::take(&mut first.writes));
        writes.reserve_exact(later.iter().map(|later| later.writes.len()).sum());
        for mut later in later {
            writes.extend(std::mem::take(&mut later.writes));
            first.join(&mut later);
        }
        // Of a key, a later step has the higher sequence.
        writes.sort_unstable_by(|one, next| {
            (*one.key).cmp(&*next.key).then_with(|| one.sequence.cmp(&next.sequence))
        });
        writes.dedup_by(|newer, older| {
            let is_replaced = newer.key == older.key;
            if is_replaced {
                std::mem::swap(newer, older);
            }
            is_replaced
        });
        first.writes = writes.into();
    }

    /// Takes back the values of a batch that was committed without them. The writes from the step at index
    /// `at` return to the front of that step. Values that replaced removals become the last writes of the
    /// current step.
    pub(super) fn put_back(&mut self, batch: &mut Vec<Mutation>, removing: usize, at: Option<usize>) {
        if let Some(group) = at.and_then(|at| self.groups.get_mut(at)) {
            for write in batch.drain(removing..).rev() {
                group.writes.push_front(write);
            }
        }
        batch.truncate(removing);
        let puts = batch.drain(..).filter(Mutation::is_put);
        self.last().writes.extend(puts.map(|put| Mutation { hides_removal: false, ..put }));
    }

    /// Records that writes of the step at index `at` were committed.
    pub(super) fn committed(&mut self, at: Option<usize>) {
        if let Some(group) = at.and_then(|at| self.groups.get_mut(at)) {
            group.is_begun = true;
        }
    }
}

/// Changes a write into a deletion if a range removal of the step covers it. Later steps no longer know the
/// range removal.
fn delete_if_covered(write: &mut Mutation, ranges: &[RangeRemoval]) {
    if ranges.iter().any(|removal| removal.covers(&write.key, write.sequence)) {
        write.change = SlotChange::Delete;
    }
}

impl WriterLimits {
    /// Moves changes from a queue to a batch, up to the limits of a transaction. The changes of a unit stay
    /// together ([`super::units`]). A unit that exceeds the limits gets its own transaction.
    pub(super) fn fill(self, batch: &mut Vec<Mutation>, from: &mut VecDeque<Mutation>) {
        let payload_len = |mutation: &Mutation| match &mutation.change {
            SlotChange::Put { unsaved, .. } => unsaved.payload.len(),
            SlotChange::Delete | SlotChange::DeleteInGroup(_) => 0,
        };
        let mut bytes: usize = batch.iter().map(payload_len).sum();
        while let Some(next) = from.front() {
            let (unit, is_split) = (next.unit, failpoint_is_set(Failpoint::SplitGroup));
            let in_unit = |mutation: &&Mutation| unit > 0 && mutation.unit == unit && !is_split;
            let len = from.iter().take_while(in_unit).count().max(1);
            let unit_bytes: usize = from.iter().take(len).map(payload_len).sum();
            bytes = bytes.saturating_add(unit_bytes);
            let fits = batch.len() + len <= self.max_changes && bytes <= self.max_bytes;
            if (!fits || is_split) && !batch.is_empty() {
                break;
            }
            batch.extend(from.drain(..len));
        }
    }
}

#[cfg(test)]
mod tests;
