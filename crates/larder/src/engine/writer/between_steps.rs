//! The writer's work between two steps: deleting the entries of pending range removals, in parts
//! ([`crate::disk::store::range_removals`]), and then building a filter, in parts ([`super::filter_build`]).
//!
//! While range removals are pending, the writer deletes at least one part after each step, before it takes
//! the next command. So the entries are deleted even if the writer is never idle, and a caller that waits for
//! a commit waits for at most one part. A part is a step without a waiting caller, and fails like a step. The
//! snapshot of a part is installed before the range tombstones of a completed range are removed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::Writer;
use super::command::Command;
use super::step::BatchPosition;
use super::waiting::Waiting;
use crate::disk::file::cache_file::ServiceState;
use crate::disk::store::range_removals::PART_TIME;
use crate::memory::evicted_values::EvictedValues;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::thread;

/// The number of short parts that follow a command. So a caller that soon sends its next command waits for at
/// most one short part.
const SHORT_PARTS: u32 = 64;
/// Maximum duration of a short part, not counting its commit. The commit takes longer than such a part.
const SHORT_PART_TIME: Duration = PART_TIME.checked_div(8).expect("eight is not zero");

impl Writer {
    /// Waits for a command, like [`Writer::next`], but first deletes parts while range removals are pending,
    /// and builds parts of a filter.
    pub(super) fn next_or_part(
        &mut self,
        commands: &Receiver<Command>,
        flush: Option<Deadline>,
    ) -> Result<Command, RecvTimeoutError> {
        let mut parts = 0;
        loop {
            if self.has_pending_ranges() {
                let is_quiet = parts >= SHORT_PARTS;
                self.make_part(if is_quiet { PART_TIME } else { SHORT_PART_TIME });
                parts += 1;
            } else if !self.build_filter_part() {
                break;
            }
            if let Ok(command) = commands.try_recv() {
                return Ok(command);
            }
            // Callers whose values are held also wait for at most one part.
            if self.is_step_due() {
                return Ok(Command::Hurry);
            }
            if flush.is_some_and(|flush| flush.left().is_zero()) {
                return Err(RecvTimeoutError::Timeout);
            }
        }
        self.next(commands, flush)
    }

    fn has_pending_ranges(&self) -> bool {
        self.limits.deletes_between_steps && !self.file.ranges().is_empty()
    }

    /// Starts the timer of a part. The store calls the returned function from time to time, to check whether
    /// the time of the part is over.
    pub(super) fn part_timer(&self, waiting: &Waiting) -> impl Fn() -> bool + use<> {
        let tiers = self.tiers.clone();
        let began = tiers.time.clock().monotonic();
        let max = waiting.part_time.unwrap_or(PART_TIME);
        move || tiers.time.clock().monotonic().saturating_sub(began) >= max
    }

    fn make_part(&mut self, part_time: Duration) {
        let mut evicted_values = EvictedValues::default();
        let no_caller = Waiting { part_time: Some(part_time), ..Waiting::default() };
        let position = BatchPosition { is_first: true, is_last: false };
        let made = catch_unwind(AssertUnwindSafe(|| {
            self.file.check_content()?;
            self.commit_part((&[], &[]), &no_caller, position, &mut evicted_values)
        }));
        match made {
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => {
                self.fail_unasked(fault);
                self.remove_range_tombstones();
                self.announce();
            }
            Err(panic) => drop(self.survive(panic)),
        }
        self.file.leave_evidence();
        self.tiers.sweeper.drop_values(evicted_values);
    }

    /// Answers the callers that requested a part, even if the disk has failed.
    pub(super) fn answer_parts(&mut self, waiting: &mut Waiting) {
        self.remove_range_tombstones();
        for reply in waiting.parts.drain(..) {
            reply.send(Ok(()));
        }
    }

    /// Removes range tombstones too early if the failpoint is set. The model checker must detect this.
    pub(super) fn remove_range_tombstones_early(&mut self, waiting: &Waiting) {
        if failpoint_is_set(Failpoint::RemoveRangeTombstoneEarly) {
            self.note_range_tombstones(waiting);
            thread::yield_now();
        }
    }

    /// Takes over the range tombstones of a step, after its range removals have been committed or refused.
    /// The writer removes them when no entry of their ranges is left.
    pub(super) fn note_range_tombstones(&mut self, waiting: &Waiting) {
        self.range_tombstones.extend(waiting.ranges.iter().map(|removal| removal.range.sequence));
        self.remove_range_tombstones();
    }

    /// Removes the range tombstones of ranges without entries on disk. The snapshot without these entries
    /// must already be installed.
    pub(super) fn remove_range_tombstones(&mut self) {
        // A suspended file may still have entries of the ranges when it is opened again.
        if self.range_tombstones.is_empty() || self.file.state() == ServiceState::Suspended {
            return;
        }
        let pending: Vec<u64> = self.file.ranges().iter().map(|range| range.sequence).collect();
        let is_done = |sequence: &mut u64| {
            !pending.contains(sequence) || failpoint_is_set(Failpoint::RemoveRangeTombstoneWithRow)
        };
        for sequence in self.range_tombstones.extract_if(.., is_done) {
            self.tiers.memory.remove_range_tombstone(sequence);
        }
    }
}
