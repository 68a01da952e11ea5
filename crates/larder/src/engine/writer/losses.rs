//! Which values no file has, although their callers wait for them.
//!
//! A caller that waits for values gets `Ok` only if the file has them (contract 4). The file may be discarded
//! before the caller is answered, and a new file takes its place. The new file gets the values that are still
//! dirty, and lacks those that were committed before. Two moments make this hard to see: a value is stored
//! before its caller's command is sent, so it may be committed, and lost, before the writer knows of its
//! caller; and a later step may answer the caller than the one that lost the value. So the writer keeps the
//! sequences of what was lost, and each caller has the sequence that its values come after. The order of
//! steps is:
//!
//! 1. The caller reads the last sequence. Only then it stores its values, which get higher sequences, and
//!    only then it sends its command with the sequence that it has read
//!    ([`Acknowledge::Write`](super::command::Acknowledge::Write)).
//! 2. A commit notes the highest sequence of its values, before it marks a value clean
//!    ([`Losses::note_committed`]). Until then the value is dirty, so a new file would get it.
//! 3. When a new file is in service, and before the first commit to it, everything that was committed to the
//!    previous file counts as lost ([`Losses::lose_file`]). While there is no file, the values that are given
//!    up count as lost ([`Losses::give_up`]). So do the values that are written not to be committed
//!    ([`Losses::give_up_to`]). Each shard notes the highest sequence of those under its lock, and returns it
//!    when it begins to save. Under the same lock it begins to refuse such values, so none is forgotten.
//! 4. When all values that the caller may wait for are committed, the caller is answered. A value of the
//!    caller may be lost if a value was lost whose sequence is higher than the one of (1)
//!    ([`Losses::has_lost_after`]).
//!
//! If (1) were in another order, a caller could read a sequence from after its loss, and would take the loss
//! for an earlier one. If (2) came later, a panic in between would leave clean values in a file of which
//! nothing is noted. If (3) used the last sequence of memory, or also counted values that a shard has
//! refused, a value that the new file gets could count as lost: it may be stored while the shards begin to
//! save.
//!
//! A caller may get an error although the new file has its values: the file was discarded after (1), and had
//! values that others stored after (1).
//!
//! A *flush* waits for all values that were stored before it, and reports losses once. So its sequence for
//! (4) is the one up to which earlier flushes had been answered, when the writer took its command. A flush
//! that waits at the same time reports the same losses.

use crate::memory::mutation::Mutation;

/// The sequences that decide the answers to callers that wait for values.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// The file has no value with a higher sequence.
    committed: u64,
    /// No value with a higher sequence was lost.
    lost: u64,
    /// Values up to this sequence were covered by a flush that was answered.
    flushed: u64,
}

impl Losses {
    /// Runs step 2.
    pub(super) fn note_committed(&mut self, mutations: &[Mutation]) {
        self.committed = self.committed.max(highest_of_values(mutations));
    }

    /// Runs step 3 for a discarded file that a new file has replaced.
    pub(super) fn lose_file(&mut self) {
        self.lost = self.lost.max(std::mem::take(&mut self.committed));
    }

    /// Runs step 3 for values that are marked clean while there is no file.
    pub(super) fn give_up(&mut self, mutations: &[Mutation]) {
        self.give_up_to(highest_of_values(mutations));
    }

    /// Runs step 3 for values up to a sequence that memory has accepted while there was no file.
    pub(super) fn give_up_to(&mut self, sequence: u64) {
        self.lost = self.lost.max(sequence);
    }

    /// Runs step 4. Returns whether a value with a higher sequence than `after` may be lost.
    pub(super) fn has_lost_after(&self, after: u64) -> bool {
        self.lost > after
    }

    /// Returns whether values may be lost that no answered flush has reported.
    pub(super) fn has_unreported(&self) -> bool {
        self.has_lost_after(self.flushed)
    }

    /// Returns the sequence up to which all values were covered by a flush that was answered.
    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Records that a flush of all values up to a sequence is answered while a file is in service.
    pub(super) fn note_flushed(&mut self, sequence: u64) {
        self.flushed = self.flushed.max(sequence);
    }
}

fn highest_of_values(mutations: &[Mutation]) -> u64 {
    mutations.iter().filter(|mutation| mutation.is_put()).map(|put| put.sequence).max().unwrap_or(0)
}
