//! Between two steps: the entries of pending range removals are deleted, a part at a time
//! ([`crate::disk::store::range_removals`]).
//!
//! After each step one part is made before the next command is taken: so whoever waits for a commit waits for
//! one
//! part at the most, and callers who never leave the writer alone do not keep the entries for ever. A part is
//! a
//! step that nobody waits for: it fails as a step does, and its snapshot is installed before the floors of a
//! range that it has ended are lifted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::Writer;
use super::command::{Command, Waiting};
use crate::disk::file::cache_file::ServiceState;
use crate::disk::store::range_removals::PART_TIME;
use crate::memory::evicted_values::EvictedValues;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError};
use crate::sys::sync::failpoint;
use crate::sys::sync::failpoint::failpoint_is_set;

/// Parts after a command that are short: who comes again soon waits no longer for a part than for its commit.
const SHORT_PARTS: u32 = 64;

impl Writer {
    /// Waits for a command, as [`Writer::next`] does; while range removals are pending it makes parts of
    /// them.
    pub(super) fn next_or_part(
        &mut self,
        commands: &Receiver<Command>,
        flush: Option<Deadline>,
    ) -> Result<Command, RecvTimeoutError> {
        let mut parts = 0;
        while self.is_behind() {
            let is_quiet = parts >= SHORT_PARTS;
            self.delete_next_part(if is_quiet { PART_TIME } else { PART_TIME / 4 });
            parts += 1;
            if let Ok(command) = commands.try_recv() {
                return Ok(command);
            }
            // Those whose values are held wait for a part at the most, as others do.
            if self.held.is_pending() {
                return Ok(Command::Hurry);
            }
            if flush.is_some_and(|flush| flush.left().is_zero()) {
                return Err(RecvTimeoutError::Timeout);
            }
        }
        self.next(commands, flush)
    }

    fn is_behind(&self) -> bool {
        self.limits.deletes_between_steps && !self.file.ranges().is_empty()
    }

    /// Whether a part that begins now has taken long enough, asked now and then.
    pub(super) fn part_is_over(&self, waiting: &Waiting) -> impl Fn() -> bool + use<> {
        let tiers = self.tiers.clone();
        let began = tiers.time.clock().monotonic();
        let most = waiting.part_time.unwrap_or(PART_TIME);
        move || tiers.time.clock().monotonic().saturating_sub(began) >= most
    }

    fn delete_next_part(&mut self, part_time: Duration) {
        let mut evicted_values = EvictedValues::default();
        let nobody = Waiting { part_time: Some(part_time), ..Waiting::default() };
        let made = catch_unwind(AssertUnwindSafe(|| {
            self.file.check_content()?;
            self.commit(&[], &nobody, (true, false), &mut evicted_values)
        }));
        match made {
            // The next step would take what this part has written for another program's.
            Ok(Ok(_)) => self.file.note_content(),
            Ok(Err(fault)) => {
                self.fail_unasked(fault);
                self.remove_range_tombstones();
                self.announce();
            }
            Err(panic) => drop(self.survive(&*panic)),
        }
        // A part is a step of its own for those who look whether the file was changed by others.
        self.file.note_content();
        self.tiers.hand_over(evicted_values);
    }

    /// Tells who asked for a part that it was made, as far as the disk allows.
    pub(super) fn answer_parts(&mut self, waiting: &mut Waiting) {
        self.remove_range_tombstones();
        for reply in waiting.parts.drain(..) {
            drop(reply.send(Ok(())));
        }
    }

    /// The mistake that the model checker must find.
    pub(super) fn remove_range_tombstones_early(&mut self, waiting: &Waiting) {
        if failpoint_is_set(failpoint::Failpoint::RemoveRangeTombstoneEarly) {
            self.note_range_tombstones(waiting);
        }
    }

    /// After what the writer could do for the range removals of a step: their floors are its own to lift.
    pub(super) fn note_range_tombstones(&mut self, waiting: &Waiting) {
        self.range_tombstones.extend(waiting.ranges.iter().map(|removal| removal.range.sequence));
        self.remove_range_tombstones();
    }

    /// Lifts the floors of range removals of which nothing is left on disk. The snapshot that shows that is
    /// installed already.
    pub(super) fn remove_range_tombstones(&mut self) {
        // It will be opened again, with its rows.
        if self.range_tombstones.is_empty() || self.file.state() == ServiceState::Suspended {
            return;
        }
        let pending: Vec<u64> = self.file.ranges().iter().map(|range| range.sequence).collect();
        let is_made = |sequence: &mut u64| {
            !pending.contains(sequence) || failpoint_is_set(failpoint::Failpoint::RemoveRangeTombstoneWithRow)
        };
        for sequence in self.range_tombstones.extract_if(.., is_made) {
            self.tiers.memory.remove_range_tombstone(sequence);
        }
    }
}
