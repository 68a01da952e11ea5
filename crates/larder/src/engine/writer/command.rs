//! The commands that other threads send to the writer thread.

use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::StoreError;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::sync::channel::Sender;
#[cfg(feature = "async")]
use crate::sys::sync::completion::Completer;

/// The channel for a command's answer, to a waiting thread or a task.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    Thread(Sender<Result<T, Error>>),
    #[cfg(feature = "async")]
    Task(Completer<Result<T, Error>>),
}

impl<T> Reply<T> {
    /// Sends the answer, which is dropped if the caller no longer waits.
    pub(super) fn send(self, answer: Result<T, Error>) {
        match self {
            Self::Thread(sender) => drop(sender.send(answer)),
            #[cfg(feature = "async")]
            Self::Task(sender) => sender.send(answer),
        }
    }
}

/// The kind of change that a caller of [`Command::Commit`] waits for. It decides the answer after the disk
/// has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// An invalidation also succeeds if the file is durably discarded.
    Invalidation,
    /// A write succeeds only if the file has its values. They have higher sequences than `after`
    /// ([`losses`](super::losses)).
    Write { after: u64 },
    /// A group of removals succeeds when the group and all earlier changes are committed, or if the file is
    /// durably discarded.
    Group,
    /// A group with removals and values succeeds only if the file has its values, as with
    /// [`Write`](Acknowledge::Write). As with [`Group`](Acknowledge::Group), the removals can't wait for the
    /// disk to work again.
    GroupWithValues { after: u64 },
    /// A flush succeeds only if no inserted value was left without a file since the last flush.
    Flush,
}

impl Acknowledge {
    /// A commit that waits for no value, and fails while there is no file.
    pub(crate) const NO_VALUE: Self = Self::Write { after: u64::MAX };
}

#[derive(Debug)]
pub(crate) enum Command {
    /// A change waits to be committed, or a use has extended the life of an entry: commit it within the flush
    /// interval.
    Wake,
    /// Run a step now. No caller waits for an answer.
    Hurry,
    /// A caller waits for room in the write buffer: commit now, or stop saving.
    Full,
    /// The clock has jumped: try to bring the disk tier back, if a retry is due.
    CheckRetry,
    /// Check whether the file is still in its place. No caller waits for the result.
    Watch,
    /// Commit all entries that are dirty now.
    Commit(Acknowledge, Reply<()>),
    /// Delete ranges, in a single commit. Answers with the number of live entries removed.
    RemoveRanges(Vec<RangeRemoval>, Reply<u64>),
    /// Run a step. If a range removal is pending, delete a part of the entries of the earliest one.
    MakePart(Reply<()>),
    /// Register a keyspace. Answers with the keyspace's number.
    Register(Registration, Reply<KeyspaceId>),
    /// Delete up to this number of expired entries. Answers with the number of deleted entries, and whether
    /// there are more.
    Sweep(usize, Reply<(u64, bool)>),
    /// Check every page of the file. Answers with the damage, if there is any.
    Verify(Reply<Option<String>>),
    /// A lookup failed in a snapshot of this generation.
    ReportFault(u64, StoreError),
    /// Make the last commit, close the file and end.
    ShutDown(Reply<()>),
}
