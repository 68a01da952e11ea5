//! Step 6 of [`super`]: the wait for the commit of a transaction.

use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::shared::Shared;
use crate::engine::writer::command::Acknowledge;
#[cfg(feature = "async")]
use crate::engine::writer::command::Command;
#[cfg(feature = "async")]
use crate::engine::writer::handle::WriterAnswer;
use crate::error::Error;
use crate::memory::evicted_values::EvictedValues;

/// The rest of a transaction after its changes are made: the commit to wait for, and the values to drop.
#[derive(Debug, Default)]
pub(super) struct CommitWait {
    /// The commit to request. `None` if the call need not wait for a commit.
    pub(super) kind: Option<Acknowledge>,
    /// Whether values that must be durable are in memory only.
    pub(super) is_unsaved: bool,
    /// The values that were replaced, evicted, read or stored. They are dropped only after the commit was
    /// made or requested, because a user's `Drop` may take long.
    pub(super) evicted_values: EvictedValues,
}

impl CommitWait {
    /// Waits for the commit if one is needed, with a single command for removals and values.
    pub(super) fn wait(self, shared: &Shared) -> Result<(), Error> {
        let committed = self.kind.map_or(Ok(()), |kind| shared.tiers.writer.commit(kind));
        drop(self.evicted_values);
        committed.map_err(not_closed)?;
        result(self.is_unsaved)
    }

    /// Requests the commit if one is needed, for a task that will wait for the answer.
    #[cfg(feature = "async")]
    pub(super) fn ask(self, shared: &Shared) -> Result<CommitAnswer, Error> {
        let ask = |kind| shared.tiers.writer.ask_for_task(|reply| Command::Commit(kind, reply));
        let answer = self.kind.map(ask).transpose().map_err(not_closed)?;
        Ok(CommitAnswer { answer, is_unsaved: self.is_unsaved })
    }
}

fn result(is_unsaved: bool) -> Result<(), Error> {
    if is_unsaved { Err(not_durable_while_off(None)) } else { Ok(()) }
}

/// The commit of a transaction. Returned by [`Cache::begin_transaction_async`].
///
/// Dropping this value does not stop the commit, but the caller then does not learn whether the changes are
/// durable.
///
/// [`Cache::begin_transaction_async`]: crate::Cache::begin_transaction_async
#[cfg(feature = "async")]
#[derive(Debug)]
#[must_use = "the changes are durable when the wait for their commit has ended"]
pub struct TransactionCommit(pub(super) CommitAnswer);

#[cfg(feature = "async")]
impl TransactionCommit {
    /// Returns whether [`wait`](Self::wait) has a commit to wait for, or an error to return: the
    /// transaction removes an entry from the disk tier, or has a durable insert into it. Other changes
    /// reach the disk within the flush interval.
    #[must_use]
    pub const fn is_needed(&self) -> bool {
        self.0.answer.is_some() || self.0.is_unsaved
    }

    /// Waits until all changes are durable, if [`is_needed`](Self::is_needed) returns true. Otherwise returns
    /// immediately.
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] in the same cases as [`Cache::transaction`](crate::Cache::transaction).
    /// Memory has all changes even then.
    ///
    /// # Cost
    /// Waits for one commit, shared with other waiting callers. The wait does not occupy a worker thread.
    pub async fn wait(self) -> Result<(), Error> {
        self.0.wait().await
    }
}

/// The commit that a task waits for.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct CommitAnswer {
    answer: Option<WriterAnswer<()>>,
    is_unsaved: bool,
}

#[cfg(feature = "async")]
impl CommitAnswer {
    pub(super) async fn wait(self) -> Result<(), Error> {
        if let Some(answer) = self.answer {
            answer.wait().await.map_err(not_closed)?;
        }
        result(self.is_unsaved)
    }
}

/// Converts `Closed` to `NotDurable`, because `Closed` would mean that nothing was changed.
fn not_closed(error: Error) -> Error {
    match error {
        Error::Closed => Error::not_durable("the cache was closed meanwhile"),
        other => other,
    }
}
