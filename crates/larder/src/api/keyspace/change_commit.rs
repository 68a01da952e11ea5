//! The two ways to wait for the commit of a change: the calling thread waits inside the call, or a task waits
//! after the call.
//!
//! A worker thread that makes a change for a task requests the commit and returns. So the wait does not
//! occupy a worker thread, and any number of changes can share a commit. The commit is requested before the
//! change counts as ended (`engine::pending_changes`). So a later close is processed after this commit.

use super::Keyspace;
use super::insert_options::Durability;
use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::writer::command::Acknowledge;
#[cfg(feature = "async")]
use crate::engine::writer::command::Command;
#[cfg(feature = "async")]
use crate::engine::writer::handle::WriterAnswer;
use crate::error::Error;

/// How a change waits for its commit.
#[derive(Debug)]
pub(super) enum ChangeCommit {
    /// The calling thread waits.
    OnThread,
    /// A task waits, with [`finish`](Self::finish).
    #[cfg(feature = "async")]
    InTask(TaskCommit),
}

#[cfg(feature = "async")]
#[derive(Debug)]
pub(super) struct TaskCommit {
    /// `None` if the change needs no commit.
    answer: Option<(Acknowledge, WriterAnswer<()>)>,
}

/// The commit of a change that was begun. [`Keyspace::begin_modify_async`] returns it.
///
/// Dropping this value does not stop the commit, but the caller then does not learn whether the change is
/// durable.
#[cfg(feature = "async")]
#[derive(Debug)]
#[must_use = "the change is durable when the wait for its commit has ended"]
pub struct ModifyCommit(pub(super) ChangeCommit);

#[cfg(feature = "async")]
impl ModifyCommit {
    /// Returns whether there is a commit to wait for. Only a removal from the disk tier and a durable
    /// insert into the disk tier have a commit.
    #[must_use]
    pub const fn is_needed(&self) -> bool {
        matches!(&self.0, ChangeCommit::InTask(TaskCommit { answer: Some(_), .. }))
    }

    /// Waits until the change is durable, if [`is_needed`](Self::is_needed) returns true. Otherwise returns
    /// immediately. [`Keyspace::begin_modify_async`] has an example.
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] in the same cases as [`Keyspace::modify_with`]. Memory has the change
    /// even then.
    ///
    /// # Cost
    /// Waits for one commit, shared with other waiting callers. The wait does not occupy a worker thread.
    pub async fn wait(self) -> Result<(), Error> {
        self.0.finish().await
    }
}

impl ChangeCommit {
    #[cfg(feature = "async")]
    pub(super) fn in_task() -> Self {
        Self::InTask(TaskCommit { answer: None })
    }

    /// Waits for the requested commit.
    #[cfg(feature = "async")]
    pub(super) async fn finish(self) -> Result<(), Error> {
        let Self::InTask(TaskCommit { answer: Some((acknowledge, answer)) }) = self else { return Ok(()) };
        answer.wait().await.map_err(|error| error_of_commit(acknowledge, error))
    }
}

impl<K, V> Keyspace<K, V> {
    /// Returns how the commit of a write is acknowledged. Must be called before the values are stored
    /// (`engine::writer::losses`).
    pub(super) fn write_to_come(&self, durability: Durability) -> Acknowledge {
        match durability {
            Durability::Immediate => Acknowledge::Write { after: self.shared.tiers.memory.last_sequence() },
            // The call does not wait.
            Durability::Buffered => Acknowledge::NO_VALUE,
        }
    }

    /// Makes a commit on the calling thread, which creates a file if there is none.
    pub(super) fn commit_without_value(&self) -> Result<(), Error> {
        self.commit_change_by(Acknowledge::NO_VALUE, &mut ChangeCommit::OnThread)
    }

    /// Makes a commit if there is no file, because the commit may create one. A durable insert calls this
    /// before it stores its value. A value that is stored while there is no file is visible, but not saved.
    /// If it were stored again when there is a file, it would replace what other calls have stored since, and
    /// bring back what they have removed.
    ///
    /// # Errors
    /// Returns the error of the commit. The insert fails only if there is still no file.
    pub(super) fn create_file(&self) -> Result<(), Error> {
        if self.shared.tiers.disk.saves() {
            return Ok(());
        }
        self.commit_without_value()
    }

    /// Requests the commit of a durable insert, like [`commit_change_by`](Self::commit_change_by). `created`
    /// is the result of [`create_file`](Self::create_file), and `write` of
    /// [`write_to_come`](Self::write_to_come).
    pub(super) fn commit_insert(
        &self,
        (write, is_saved): (Acknowledge, bool),
        created: Result<(), Error>,
        wait: &mut ChangeCommit,
    ) -> Result<(), Error> {
        if is_saved {
            return self.commit_change_by(write, wait);
        }
        created?;
        // The file was discarded before the value was stored.
        Err(not_durable_while_off(None))
    }

    /// Requests the commit of a change that is made in memory. With [`ChangeCommit::OnThread`], also waits
    /// for the commit.
    pub(super) fn commit_change_by(
        &self,
        acknowledge: Acknowledge,
        wait: &mut ChangeCommit,
    ) -> Result<(), Error> {
        let writer = &self.shared.tiers.writer;
        let committed = match wait {
            ChangeCommit::OnThread => writer.commit(acknowledge),
            #[cfg(feature = "async")]
            ChangeCommit::InTask(commit) => {
                let asked = writer.ask_for_task(|reply| Command::Commit(acknowledge, reply));
                asked.map(|answer| commit.answer = Some((acknowledge, answer)))
            }
        };
        committed.map_err(|error| error_of_commit(acknowledge, error))
    }
}

/// Converts the error of a commit, for a caller whose change is made in memory.
fn error_of_commit(acknowledge: Acknowledge, error: Error) -> Error {
    match (acknowledge, error) {
        // `Closed` would mean that nothing was stored.
        (Acknowledge::Write { .. }, Error::Closed) => Error::not_durable("the cache was closed meanwhile"),
        (_, error) => error,
    }
}
