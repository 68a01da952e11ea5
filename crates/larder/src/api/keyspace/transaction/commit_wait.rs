//! Step 6 of a transaction: the wait for its commit.

#[cfg(feature = "async")]
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::shared::Shared;
use crate::engine::writer::command::Acknowledge;
#[cfg(feature = "async")]
use crate::engine::writer::command::Command;
#[cfg(feature = "async")]
use crate::engine::writer::handle::WriterAnswer;
use crate::error::Error;
use crate::memory::evicted_values::EvictedValues;

/// The wait of a transaction's caller after the changes are made.
#[derive(Debug, Default)]
pub(crate) struct CommitWait {
    /// `None` if the call returns before the commit.
    pub(super) kind: Option<Acknowledge>,
    /// Whether values that must be on disk are in memory only.
    pub(super) is_unsaved: bool,
    /// The values that were replaced or read. They are dropped after the commit, or after the commit was
    /// requested, because a user's `Drop` may panic. Otherwise the changes could be made in memory without a
    /// commit of the removals.
    pub(super) evicted_values: EvictedValues,
}

impl CommitWait {
    /// Step 6. One command requests everything. A second command would not know which values the step of the
    /// first command has lost.
    pub(super) fn wait(self, shared: &Shared) -> Result<(), Error> {
        let committed = self.kind.map_or(Ok(()), |kind| shared.tiers.writer.commit(kind));
        drop(self.evicted_values);
        committed.map_err(not_closed)?;
        result(self.is_unsaved)
    }

    /// Begins step 6, for a task that waits for the answer. A panic of a value's `Drop` is kept until the
    /// answer.
    #[cfg(feature = "async")]
    pub(super) fn ask(self, shared: &Shared) -> Result<CommitAnswer, Error> {
        let ask = |kind| shared.tiers.writer.ask_for_task(|reply| Command::Commit(kind, reply));
        let answer = self.kind.map(ask).transpose().map_err(not_closed)?;
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(self.evicted_values)));
        Ok(CommitAnswer { answer, is_unsaved: self.is_unsaved, dropped })
    }
}

fn result(is_unsaved: bool) -> Result<(), Error> {
    if is_unsaved { Err(not_durable_while_off(None)) } else { Ok(()) }
}

/// The commit of a transaction that was begun. [`Cache::begin_transaction_async`] returns it.
///
/// Dropping it does not stop the commit. But then the caller does not know whether the changes are durable.
///
/// [`Cache::begin_transaction_async`]: crate::Cache::begin_transaction_async
#[cfg(feature = "async")]
#[derive(Debug)]
#[must_use = "the changes are durable when the wait for their commit has ended"]
pub struct TransactionCommit(pub(super) CommitAnswer);

#[cfg(feature = "async")]
impl TransactionCommit {
    /// Returns whether the changes are durable only after a commit: the transaction removes an entry, or has
    /// a durable insert. Other changes reach the disk within the flush interval.
    #[must_use]
    pub const fn is_needed(&self) -> bool {
        self.0.answer.is_some() || self.0.is_unsaved
    }

    /// Waits until all changes are durable.
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`], as with [`Cache::transaction`](crate::Cache::transaction). All changes
    /// are made in memory.
    ///
    /// # Cost
    /// A wait for a commit that is shared with other callers. It holds no worker thread.
    ///
    /// # Panics
    /// If the `Drop` of a replaced value has panicked.
    pub async fn wait(self) -> Result<(), Error> {
        self.0.wait().await
    }
}

/// The answer of the writer, for a task.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct CommitAnswer {
    answer: Option<WriterAnswer<()>>,
    is_unsaved: bool,
    dropped: std::thread::Result<()>,
}

#[cfg(feature = "async")]
impl CommitAnswer {
    /// Waits for the answer.
    pub(super) async fn wait(self) -> Result<(), Error> {
        let committed = match self.answer {
            Some(answer) => answer.wait().await,
            None => Ok(()),
        };
        if let Err(panic) = self.dropped {
            resume_unwind(panic);
        }
        committed.map_err(not_closed)?;
        result(self.is_unsaved)
    }
}

/// `Closed` would mean that nothing was changed.
fn not_closed(error: Error) -> Error {
    match error {
        Error::Closed => Error::not_durable("the cache was closed meanwhile"),
        other => other,
    }
}
