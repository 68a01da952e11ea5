//! Step 6 of a transaction: the wait for its commit.

use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::shared::Shared;
use crate::engine::writer::command::Acknowledge;
#[cfg(feature = "async")]
use crate::engine::writer::command::Command;
#[cfg(feature = "async")]
use crate::engine::writer::handle::WriterAnswer;
use crate::error::Error;

/// What the caller of a transaction waits for after its changes are made.
#[derive(Debug, Default)]
pub(crate) struct CommitWait {
    /// None if the call returns before the commit.
    pub(super) kind: Option<Acknowledge>,
    /// Whether values that must be on disk are in memory only.
    pub(super) is_unsaved: bool,
}

impl CommitWait {
    /// Step 6. One command asks for everything. A second one would not know of values that the step of the
    /// first has lost.
    pub(super) fn wait(self, shared: &Shared) -> Result<(), Error> {
        if let Some(kind) = self.kind {
            shared.tiers.writer.commit(kind).map_err(not_closed)?;
        }
        self.result()
    }

    /// Begins step 6, for a task that waits for the answer.
    #[cfg(feature = "async")]
    pub(super) fn ask(self, shared: &Shared) -> Result<CommitAnswer, Error> {
        let ask = |kind| shared.tiers.writer.ask_for_task(|reply| Command::Commit(kind, reply));
        let answer = self.kind.map(ask).transpose().map_err(not_closed)?;
        Ok(CommitAnswer { answer, wait: self })
    }

    fn result(&self) -> Result<(), Error> {
        if self.is_unsaved { Err(not_durable_while_off(None)) } else { Ok(()) }
    }
}

/// The answer of the writer, for a task.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct CommitAnswer {
    answer: Option<WriterAnswer<()>>,
    wait: CommitWait,
}

#[cfg(feature = "async")]
impl CommitAnswer {
    /// Waits for the answer.
    pub(super) async fn wait(self) -> Result<(), Error> {
        if let Some(answer) = self.answer {
            answer.wait().await.map_err(not_closed)?;
        }
        self.wait.result()
    }
}

/// `Closed` would mean that nothing was changed.
fn not_closed(error: Error) -> Error {
    match error {
        Error::Closed => Error::not_durable("the cache was closed meanwhile"),
        other => other,
    }
}
