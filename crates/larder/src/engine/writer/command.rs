//! What the writer is asked, and where its answers go.

use std::time::Duration;

use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::StoreError;
use crate::disk::store::redb_store::commit::CommitOutcome;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::sync::channel::Sender;

pub(crate) type Reply<T> = Sender<Result<T, Error>>;

/// What a waiter is told while the disk tier is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// An invalidation: done once the file is out of service.
    Invalidation,
    /// A write: done only by a commit.
    Write,
    /// A flush: done only when a restart would find everything.
    Flush,
}

/// Wake-ups and waiters.
#[derive(Debug)]
pub(crate) enum Command {
    /// Something is dirty: commit within the flush interval.
    Wake,
    /// Commit now, for nobody in particular.
    Hurry,
    /// Somebody waits for room in the write buffer: commit now, or stop saving.
    Full,
    /// Time was moved by hand: an outage may be due for another look.
    CheckRetry,
    /// Look whether the file is still in its place, though nobody asks for anything.
    Watch,
    Commit(Acknowledge, Reply<()>),
    /// Delete ranges, together; how many live entries went.
    RemoveRanges(Vec<RangeRemoval>, Reply<u64>),
    /// Make a part of the earliest range removal that is pending.
    MakePart(Reply<()>),
    Register(Registration, Reply<KeyspaceId>),
    /// Delete up to so many due entries: how many went, and whether there are more.
    Sweep(usize, Reply<(u64, bool)>),
    /// Check every page of the file.
    Verify(Reply<Option<String>>),
    /// A lookup failed, in a snapshot of this generation.
    ReportFault(u64, StoreError),
    ShutDown(Reply<()>),
}

/// The commands of one step, sorted.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) commits: Vec<(Acknowledge, Reply<()>)>,
    pub(crate) ranges: Vec<RangeRemoval>,
    /// Each with how many of the ranges are its own.
    pub(crate) range_replies: Vec<(Reply<u64>, usize)>,
    pub(crate) parts: Vec<Reply<()>>,
    /// How long a part of a pending range removal may take that is made for nobody.
    pub(crate) part_time: Option<Duration>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) registration_replies: Vec<Reply<KeyspaceId>>,
    pub(crate) sweep: usize,
    pub(crate) sweep_replies: Vec<Reply<(u64, bool)>>,
    pub(crate) verifications: Vec<Reply<Option<String>>>,
    /// Somebody waits for room in the write buffer.
    pub(crate) is_full: bool,
    pub(crate) fault: Option<(u64, StoreError)>,
    pub(crate) shut_down: Option<Reply<()>>,
}

impl Waiting {
    pub(crate) fn add(&mut self, command: Command) {
        match command {
            Command::Wake | Command::Hurry | Command::CheckRetry | Command::Watch => {}
            Command::Full => self.is_full = true,
            Command::Commit(acknowledge, reply) => self.commits.push((acknowledge, reply)),
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
            // The latest handle's fault counts; an older one's must not hide it.
            Command::ReportFault(generation, fault) => {
                if self.fault.as_ref().is_none_or(|(known, _)| *known <= generation) {
                    self.fault = Some((generation, fault));
                }
            }
            Command::ShutDown(reply) => self.shut_down = Some(reply),
        }
    }
}

/// Where the answers of a step go.
pub(crate) struct Replies {
    pub(crate) commits: Vec<(Acknowledge, Reply<()>)>,
    /// With how many ranges are each one's own, and what memory alone knows to have been removed.
    pub(crate) ranges: Vec<(Reply<u64>, usize, u64)>,
    pub(crate) registrations: Vec<Reply<KeyspaceId>>,
    pub(crate) sweeps: Vec<Reply<(u64, bool)>>,
}

impl Waiting {
    /// Whether an invalidation waits, which must hold when it is answered.
    pub(crate) fn has_invalidation(&self) -> bool {
        let is_invalidation = |(kind, _): &(Acknowledge, _)| *kind == Acknowledge::Invalidation;
        !self.ranges.is_empty() || self.commits.iter().any(is_invalidation)
    }

    /// Whether a part of a pending range removal is to be made with the first commit.
    pub(crate) fn makes_part(&self) -> bool {
        self.part_time.is_some() || !self.parts.is_empty()
    }

    /// Whether all that is asked for is to delete what is due.
    pub(crate) fn only_sweeps(&self) -> bool {
        self.callers() == self.sweep_replies.len()
            && !self.sweep_replies.is_empty()
            && !self.is_full
            && !self.makes_part()
            && self.shut_down.is_none()
    }

    /// How many wait for the commit.
    pub(crate) fn callers(&self) -> usize {
        self.commits.len()
            + self.range_replies.len()
            + self.registration_replies.len()
            + self.sweep_replies.len()
    }

    pub(crate) fn replies(&mut self) -> Replies {
        let mut known = self.ranges.iter().map(RangeRemoval::live_in_memory);
        let replies = std::mem::take(&mut self.range_replies).into_iter();
        Replies {
            commits: std::mem::take(&mut self.commits),
            ranges: replies.map(|(reply, count)| (reply, count, known.by_ref().take(count).sum())).collect(),
            registrations: std::mem::take(&mut self.registration_replies),
            sweeps: std::mem::take(&mut self.sweep_replies),
        }
    }
}

impl Replies {
    /// Whether somebody waits for everything to be durable.
    pub(crate) fn asks_for_all(&self) -> bool {
        self.commits.iter().any(|(kind, _)| *kind == Acknowledge::Flush)
    }
}

/// What a flush is told once after an outage in which there was no file.
pub(crate) fn unsaved() -> Error {
    let cause =
        "what was inserted while the disk tier was off, or went with a file that was discarded, lives in \
                 memory alone"
            .to_owned();
    Error::NotDurable { cause }
}

/// Answers the waiters of a committed step. A waiter that is gone needs no answer.
///
/// `writes_are_lost` says that some of its writes went with a file that was discarded; `is_unsaved`, that memory took values while there was
/// none.
pub(crate) fn acknowledge(replies: Replies, outcome: CommitOutcome, writes_are_lost: bool, is_unsaved: bool) {
    for (kind, reply) in replies.commits {
        drop(reply.send(match kind {
            Acknowledge::Flush if is_unsaved => Err(unsaved()),
            Acknowledge::Write | Acknowledge::Flush if writes_are_lost => {
                Err(Error::NotDurable { cause: "the disk failed while it was written".to_owned() })
            }
            _ => Ok(()),
        }));
    }
    let mut removed = outcome.removed.into_iter();
    for (reply, count, _) in replies.ranges {
        drop(reply.send(Ok(removed.by_ref().take(count).sum())));
    }
    for (reply, id) in replies.registrations.into_iter().zip(outcome.registered) {
        drop(reply.send(Ok(id)));
    }
    for (at, reply) in replies.sweeps.into_iter().enumerate() {
        let swept = if at == 0 { outcome.swept } else { 0 };
        drop(reply.send(Ok((swept, outcome.more_to_sweep))));
    }
}
