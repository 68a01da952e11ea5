//! Removals outside of a transaction, and replies that wait for a commit. A connection executes its next
//! requests before its change is durable, so several changes can share a commit.

use std::pin::pin;
use std::sync::Arc;

use larder::{Error, Invalidation, InvalidationCommit};
use tokio::time::Instant;

use super::diagnostics::wall_ms;
use super::errors;
use crate::failpoint::{Failpoint, failpoint_is_set};
use crate::protocol::arguments::Arguments;
use crate::session::Session;
use crate::session::databases::{RemovalMode, Selected};
use crate::session::latency::LatencyEvent;
use crate::session::named::NamedDatabase;
use crate::session::output::{LateReply, Output};
use crate::session::served::Served;
use crate::session::threads::Work;

/// Runs `DEL key [key...]` or `UNLINK` outside of a transaction. Later requests of the connection no longer
/// find the keys. The reply is sent when the removal is durable, unless the removals of the database are
/// buffered.
pub(super) async fn run(session: &Session, args: Arguments<'_>, out: &mut Output) {
    let mut removal = session.served.cache.invalidation();
    let (begun, mode) = match session.database() {
        Selected::Raw(database) => {
            let add = |key| none_if_too_long(removal.remove(&database.keyspace, key));
            let begun = match args.from(1).try_for_each(add) {
                Ok(()) => out.wait(pin!(removal.begin_async())).await,
                Err(error) => Err(error),
            };
            (begun, database.removals)
        }
        Selected::Named(named) => {
            // Boxed, so that the future of a removal from a database of raw bytes stays small.
            let begun = begin_on_thread(session, || {
                add_named(&mut removal, named, args)?;
                Ok(removal)
            });
            let Some(begun) = out.wait(Box::pin(begun).as_mut()).await else {
                return out.reply().error(errors::PANICKED);
            };
            (begun, RemovalMode::Durable)
        }
    };
    commit(&session.served, mode, begun, out, LateReply::Count);
}

/// Begins a removal from a keyspace of the application, on a thread that may change entries. Returns `None`
/// if the thread has panicked.
///
/// The `Drop` of a value of the application may take long. So the removal takes none of the library's worker
/// threads, which the requests on all databases share.
pub(super) async fn begin_on_thread(
    session: &Session,
    build: impl FnOnce() -> Result<Invalidation, Error>,
) -> Option<Result<InvalidationCommit, Error>> {
    let job = || {
        let removal = build();
        move || removal?.begin()
    };
    session.threads.run_built(Work::Change, job).await
}

/// Adds the keys of a request to a removal from a keyspace of the application.
fn add_named(removal: &mut Invalidation, named: &NamedDatabase, args: Arguments<'_>) -> Result<(), Error> {
    let version = named.pin()?;
    args.from(1).try_for_each(|key| {
        let key = version.texts.read(key)?;
        none_if_too_long(removal.remove_untyped(&version.keyspace, &key))
    })
}

/// Ignores a key that is too long, because such a key has no entry.
fn none_if_too_long(added: Result<&mut Invalidation, Error>) -> Result<(), Error> {
    match added {
        Ok(_) | Err(Error::KeyTooLarge { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends the reply to a removal that was begun, when it is durable. If `mode` is [`RemovalMode::Buffered`],
/// sends the reply immediately.
pub(super) fn commit(
    served: &Arc<Served>,
    mode: RemovalMode,
    begun: Result<InvalidationCommit, Error>,
    out: &mut Output,
    reply: fn(u64) -> LateReply,
) {
    let commit = match begun {
        Ok(commit) => commit,
        Err(error) => return out.reply().error(&errors::of(&error)),
    };
    if mode == RemovalMode::Buffered || failpoint_is_set(Failpoint::AcknowledgeBeforeCommit) {
        // The commit continues on its own.
        return match reply(commit.removed()) {
            LateReply::Count(removed) => out.reply().count(removed),
            _ => out.reply().ok(),
        };
    }
    let committed = timed(served.clone(), commit.wait());
    out.reply_later(async move {
        match committed.await {
            Ok(removed) => reply(removed),
            Err(error) => LateReply::Error(errors::of(&error)),
        }
    });
}

/// Sends `reply` when the commit has succeeded, or an error when it has failed. Meanwhile the connection
/// executes its next requests.
pub(super) fn reply_when_durable(
    served: &Arc<Served>,
    commit: impl Future<Output = Result<(), Error>> + Send + 'static,
    reply: Vec<u8>,
    out: &mut Output,
) {
    let committed = timed(served.clone(), commit);
    out.reply_later_of(reply.len(), async move {
        match committed.await {
            Ok(()) => LateReply::Bytes(reply),
            Err(error) => LateReply::Error(errors::of(&error)),
        }
    });
}

/// Waits for a commit, and records how long it took since this call.
fn timed<T>(served: Arc<Served>, commit: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    let since = Instant::now();
    async move {
        let committed = commit.await;
        served.latencies.note(LatencyEvent::Commit, since.elapsed(), wall_ms() / 1000);
        committed
    }
}
