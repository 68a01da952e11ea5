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
    pub(super) removal: Option<Acknowledge>,
    /// Whether values must be on disk.
    pub(super) is_immediate: bool,
    /// Whether values that must be on disk are in memory only.
    pub(super) is_unsaved: bool,
}

impl CommitWait {
    /// Step 6.
    pub(super) fn wait(self, shared: &Shared) -> Result<(), Error> {
        for kind in self.kinds() {
            shared.tiers.writer.commit(kind).map_err(not_closed)?;
        }
        self.result()
    }

    /// Begins step 6, for a task that waits for the answers.
    #[cfg(feature = "async")]
    pub(super) fn ask(self, shared: &Shared) -> Result<CommitAnswers, Error> {
        let ask = |kind| shared.tiers.writer.ask_for_task(|reply| Command::Commit(kind, reply));
        let answers = self.kinds().map(ask).collect::<Result<_, _>>().map_err(not_closed)?;
        Ok(CommitAnswers { answers, wait: self })
    }

    fn kinds(&self) -> impl Iterator<Item = Acknowledge> + use<> {
        self.removal.into_iter().chain(self.is_immediate.then_some(Acknowledge::Write))
    }

    fn result(&self) -> Result<(), Error> {
        if self.is_unsaved { Err(not_durable_while_off(None)) } else { Ok(()) }
    }
}

/// The answers of the writer, for a task.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct CommitAnswers {
    answers: Vec<WriterAnswer<()>>,
    wait: CommitWait,
}

#[cfg(feature = "async")]
impl CommitAnswers {
    /// Waits for the answers.
    pub(super) async fn wait(self) -> Result<(), Error> {
        for answer in self.answers {
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
