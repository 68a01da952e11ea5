//! The commands of a step of the writer, sorted by kind, and the answers to their callers.

use std::time::Duration;

use super::command::{Acknowledge, Command, Reply};
use super::losses::Losses;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::StoreError;
use crate::disk::store::redb_store::commit::CommitOutcome;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;

/// A caller that waits for a commit.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) kind: Acknowledge,
    pub(super) reply: Reply<()>,
    /// The values that the caller waits for have higher sequences ([`super::losses`]).
    pub(super) after: u64,
    /// For a flush, the sequence up to which it covers all values. Otherwise zero.
    pub(super) flushes_to: u64,
}

impl Caller {
    pub(super) fn new(kind: Acknowledge, reply: Reply<()>) -> Self {
        let after = match kind {
            Acknowledge::Write { after } | Acknowledge::GroupWithValues { after } => after,
            Acknowledge::Invalidation | Acknowledge::Group | Acknowledge::Flush => u64::MAX,
        };
        Self { kind, reply, after, flushes_to: 0 }
    }

    /// Must be called when the writer has taken the command, and before it drains. `last` is the last
    /// sequence, so the drain has all values up to it.
    pub(super) fn begin(&mut self, losses: &Losses, last: u64) {
        if self.kind == Acknowledge::Flush {
            (self.after, self.flushes_to) = (losses.flushed(), last);
        }
    }

    fn answer(self, losses: &Losses) {
        let is_lost = losses.has_lost_after(self.after);
        self.reply.send(match self.kind {
            Acknowledge::Flush if is_lost => Err(unsaved()),
            _ if is_lost => Err(Error::not_durable("the disk failed while it was written")),
            _ => Ok(()),
        });
    }
}

#[derive(Default)]
pub(super) struct Waiting {
    pub(super) commits: Vec<Caller>,
    pub(super) ranges: Vec<RangeRemoval>,
    /// The replies for `ranges`, each with the number of ranges of its caller.
    pub(super) range_replies: Vec<(Reply<u64>, usize)>,
    pub(super) parts: Vec<Reply<()>>,
    /// The maximum duration of a part of a pending range removal, for a part that no caller requested.
    pub(super) part_time: Option<Duration>,
    pub(super) registrations: Vec<Registration>,
    pub(super) registration_replies: Vec<Reply<KeyspaceId>>,
    pub(super) sweep: usize,
    pub(super) sweep_replies: Vec<Reply<(u64, bool)>>,
    pub(super) verifications: Vec<Reply<Option<String>>>,
    /// Whether a caller waits for room in the write buffer.
    pub(super) is_full: bool,
    pub(super) fault: Option<(u64, StoreError)>,
    pub(super) shut_down: Option<Reply<()>>,
}

impl Waiting {
    pub(super) fn add(&mut self, command: Command) {
        match command {
            Command::Wake | Command::Hurry | Command::CheckRetry | Command::Watch => {}
            Command::Full => self.is_full = true,
            Command::Commit(acknowledge, reply) => self.commits.push(Caller::new(acknowledge, reply)),
            Command::RemoveRanges(removals, reply) => {
                self.range_replies.push((reply, removals.len()));
                self.ranges.extend(removals);
            }
            Command::MakePart(reply) => self.parts.push(reply),
            Command::Register(registration, reply) => {
                self.registrations.push(registration);
                self.registration_replies.push(reply);
            }
            Command::Sweep(rows, reply) => {
                self.sweep = self.sweep.max(rows);
                self.sweep_replies.push(reply);
            }
            Command::Verify(reply) => self.verifications.push(reply),
            // Keeps the fault of the latest generation.
            Command::ReportFault(generation, fault) => {
                if self.fault.as_ref().is_none_or(|(known, _)| *known <= generation) {
                    self.fault = Some((generation, fault));
                }
            }
            Command::ShutDown(reply) => self.shut_down = Some(reply),
        }
    }

    /// Returns whether a caller waits for an invalidation, which must be durable when its caller is answered.
    pub(super) fn has_invalidation(&self) -> bool {
        let is_invalidation = |caller: &Caller| caller.kind == Acknowledge::Invalidation;
        !self.ranges.is_empty() || self.commits.iter().any(is_invalidation)
    }

    /// Returns whether the first commit of the step also deletes a part of a pending range removal.
    pub(super) fn makes_part(&self) -> bool {
        self.part_time.is_some() || !self.parts.is_empty()
    }

    /// Returns whether the callers request only the deletion of expired entries.
    pub(super) fn only_sweeps(&self) -> bool {
        self.callers() == self.sweep_replies.len()
            && !self.sweep_replies.is_empty()
            && !self.is_full
            && !self.makes_part()
            && self.shut_down.is_none()
    }

    /// Returns the number of callers that wait for the commit.
    pub(super) fn callers(&self) -> usize {
        self.commits.len()
            + self.range_replies.len()
            + self.registration_replies.len()
            + self.sweep_replies.len()
    }

    pub(super) fn replies(&mut self) -> Replies {
        let mut in_memory = self.ranges.iter().map(RangeRemoval::live_in_memory);
        let ranges = std::mem::take(&mut self.range_replies).into_iter();
        let with_removed = |(reply, count)| (reply, count, in_memory.by_ref().take(count).sum());
        Replies {
            commits: std::mem::take(&mut self.commits),
            ranges: ranges.map(with_removed).collect(),
            registrations: std::mem::take(&mut self.registration_replies),
            sweeps: std::mem::take(&mut self.sweep_replies),
        }
    }
}

pub(super) struct Replies {
    pub(super) commits: Vec<Caller>,
    /// Each reply with the number of ranges of its caller, and the number of live entries of these ranges
    /// that were in memory.
    pub(super) ranges: Vec<(Reply<u64>, usize, u64)>,
    pub(super) registrations: Vec<Reply<KeyspaceId>>,
    pub(super) sweeps: Vec<Reply<(u64, bool)>>,
}

impl Replies {
    /// Answers the callers of a committed step.
    pub(super) fn acknowledge(self, outcome: CommitOutcome, losses: &Losses) {
        self.commits.into_iter().for_each(|caller| caller.answer(losses));
        let mut removed = outcome.removed.into_iter();
        for (reply, count, _) in self.ranges {
            reply.send(Ok(removed.by_ref().take(count).sum()));
        }
        for (reply, id) in self.registrations.into_iter().zip(outcome.registered) {
            reply.send(Ok(id));
        }
        for (at, reply) in self.sweeps.into_iter().enumerate() {
            let swept = if at == 0 { outcome.swept } else { 0 };
            reply.send(Ok((swept, outcome.more_to_sweep)));
        }
    }
}

/// Returns the error of the first flush or close after inserted values were left without a file.
pub(super) fn unsaved() -> Error {
    let cause = "an entry that was inserted while the disk tier was off, or that was in a discarded file, lives in \
        memory alone";
    Error::not_durable(cause)
}
