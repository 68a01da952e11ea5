//! The loop that runs the rounds of a transaction.

use super::commit_wait::CommitWait;
#[cfg(feature = "async")]
use super::commit_wait::TransactionCommit;
use super::{RoundWaits, Transaction};
use crate::engine::shared::Shared;
use crate::error::Error;
#[cfg(feature = "async")]
use crate::sys::inline_calls;
#[cfg(feature = "async")]
use crate::sys::inline_calls::WorkerLookup;
#[cfg(feature = "async")]
use crate::sys::offload::offload;
use crate::sys::sync::{Arc, thread};

type Body<'a, R, E> = &'a mut dyn FnMut(&mut Transaction<'_>) -> Result<R, E>;

/// Runs a transaction, and waits for its commit if necessary.
pub(crate) fn run<R, E: From<Error>>(shared: &Arc<Shared>, body: Body<'_, R, E>) -> Result<R, E> {
    loop {
        if let Some((answer, commit)) = complete(shared, true, body)? {
            commit.wait(shared)?;
            return Ok(answer);
        }
    }
}

/// The async form of [`run`]. The caller waits for the commit.
#[cfg(feature = "async")]
pub(crate) async fn begin_for_task<R, E>(
    shared: &Arc<Shared>,
    mut body: impl FnMut(&mut Transaction<'_>) -> Result<R, E> + Send + 'static,
) -> Result<(R, TransactionCommit), E>
where
    R: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let may_block = shared.tiers.may_block() && !shared.is_forked();
    if (!may_block || inline_calls::are_allowed())
        && let Some((answer, commit)) = complete(shared, false, &mut body)?
    {
        return Ok((answer, TransactionCommit(commit.ask(shared)?)));
    }
    let pending = shared.changes.begin();
    let of_worker = shared.clone();
    let lookup = WorkerLookup::new(true);
    let completed = offload(move || {
        let _pending = pending;
        lookup.look(|| {
            loop {
                if let Some((answer, commit)) = complete(&of_worker, true, &mut body)? {
                    // The worker thread requests the commit, so that it is made even if the task is dropped.
                    return Ok::<_, E>((answer, commit.ask(&of_worker)?));
                }
            }
        })
    });
    let (answer, commit) = completed.await?;
    Ok((answer, TransactionCommit(commit)))
}

/// Runs rounds until one is not lost. Without `may_wait`, changes nothing and returns `None` if the call
/// would have to wait.
fn complete<R, E: From<Error>>(
    shared: &Arc<Shared>,
    may_wait: bool,
    body: Body<'_, R, E>,
) -> Result<Option<(R, CommitWait)>, E> {
    let (mut rounds, mut lost) = (shared.turns.group_rounds(), 0);
    loop {
        shared.refuse_if_unusable()?;
        if !rounds.begin(may_wait) {
            return Ok(None);
        }
        let mut transaction = Transaction::new(shared, may_wait);
        let answer = body(&mut transaction);
        transaction.leave_closure();
        // The closure may have closed the cache, or forked.
        shared.refuse_if_unusable()?;
        if transaction.waits == RoundWaits::Needed {
            return Ok(None);
        }
        if transaction.is_broken {
            // Another error is returned only if all reads are valid at the same moment. Otherwise
            // contradictory reads may have caused the error.
            let error = answer.err().filter(|_| matches!(transaction.reads_hold(), Ok(true)));
            return Err(error.unwrap_or_else(|| Error::Changed.into()));
        }
        match answer {
            Err(error) => {
                if transaction.reads_hold()? {
                    return Err(error);
                }
            }
            Ok(answer) => {
                let may_publish = transaction.changes_nothing()
                    || rounds.may_publish(transaction.keys.iter().map(|key| &key.full));
                if may_publish && let Some(commit) = transaction.publish()? {
                    return Ok(Some((answer, commit)));
                }
                if transaction.waits == RoundWaits::Needed {
                    return Ok(None);
                }
            }
        }
        lost += 1;
        transaction.refuse_endless_rounds(lost)?;
        rounds.lose(transaction.key_list());
        drop(transaction);
        thread::yield_now();
    }
}
