//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`, and `WAIT`.
//!
//! `EXEC` has these steps:
//!
//! 1. Find the database of each queued request, according to the `SELECT`s in the queue.
//! 2. Run the data commands, in order, in one transaction of the cache. The transaction fails if a watched
//!    key has changed. So either all changes are made at one moment and committed together, or no change is
//!    made.
//! 3. Run the other commands, in order, and put each reply in its place. These commands do not use entries,
//!    so they can run later. Other connections of the thread go on after every few of them, and after each
//!    one that may take long.
//! 4. Reply when the changes are durable, if this is required. Meanwhile the connection executes its next
//!    requests.
//!
//! A command on all keys of a database can't be part of a transaction, so the server refuses it after
//! `MULTI`.
//!
//! The replies are bounded. (2) fails if the replies of the data commands, together with an error for each
//! other command, are too large. The length of the other replies is known only in (3), when the changes are
//! made. So if one of them finds no room, an error takes its place ([`NO_ROOM`]). Each of these commands
//! knows the room that is left for it, and writes no more. While (3) waits or lets others go on, the
//! connection counts all of these replies ([`Output::executing`]).
//!
//! An error of the cache, such as a value that is too large, makes the whole `EXEC` fail without a change.
//! The exception is `Error::NotDurable`: all changes are made in memory, but may not be on disk.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use larder::{Error, TransactionCommit, Watch};
use tokio::task::yield_now;

use super::data::GroupRun;
use super::family::family;
use super::{errors, removal};
use crate::protocol::arguments::{Arguments, OwnedArguments};
use crate::protocol::number::integer;
use crate::protocol::reply::{MAX_HEADER, Version};
use crate::session::databases::{Database, Selected};
use crate::session::entries::{DataCommand, Stop};
use crate::session::flags::{FAST, LOADING, NOSCRIPT, STALE, UNQUEUED};
use crate::session::output::{Output, OutputLimits};
use crate::session::transaction::TransactionQueue;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "transactions";
    "discard" 1 (NOSCRIPT | LOADING | STALE | FAST | UNQUEUED) NONE discard, "Discards a transaction.";
    "exec" 1 (NOSCRIPT | LOADING | STALE | UNQUEUED) NONE exec, "Executes all commands in a transaction.";
    "multi" 1 (NOSCRIPT | LOADING | STALE | FAST | UNQUEUED) NONE multi, "Starts a transaction.";
    "unwatch" 1 (NOSCRIPT | LOADING | STALE | FAST) NONE unwatch, "Forgets about watched keys of a transaction.";
    "watch" -2 (NOSCRIPT | LOADING | STALE | FAST | UNQUEUED) ALL watch, "Monitors changes to keys to determine the execution of a transaction.";
};

/// `WAIT` belongs to another group of commands.
pub(super) static WAIT: &[Command] = family! { "generic";
    "wait" 3 (NOSCRIPT) NONE wait, "Blocks until the writes of all clients are on disk.";
};

const NOT_NAMED: &str = "ERR this database shows a keyspace of an application, which takes no part in transactions; read and remove its keys one by one";
const ABORTED_NAMED: &str = "EXECABORT Transaction discarded because a command is on a keyspace of an application, which takes no part in transactions; nothing was changed";

const MAX_WATCHES: usize = 1024;

/// The reply in a transaction to a command that uses no entries, if there is no room for its own reply.
const NO_ROOM: &str = "ERR the replies of this transaction leave no room for this one";

/// Length of the reply [`NO_ROOM`]. Step 2 leaves this room for each command that uses no entries.
const NO_ROOM_LEN: usize = NO_ROOM.len() + "-\r\n".len();

/// Number of commands of step 3 between two times at which other connections go on. Such a command may take
/// some microseconds, or some hundred, such as an `INFO` about many databases.
const OTHERS_PER_TURN: usize = 16;

/// Number of words of a request, and of bytes of a request and its reply, that count like a command of step
/// 3.
const WORDS_PER_OTHER: usize = 32;
const BYTES_PER_OTHER: usize = 16 << 10;

async fn multi(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    if session.queue.is_some() {
        return out.reply().error("ERR MULTI calls can not be nested");
    }
    session.queue = Some(TransactionQueue::default());
    out.reply().ok();
}

async fn discard(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    if session.queue.take().is_none() {
        return out.reply().error("ERR DISCARD without MULTI");
    }
    session.watches.clear();
    out.reply().ok();
}

/// `WATCH key [key ...]`
async fn watch(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    if session.queue.is_some() {
        return out.reply().error("ERR WATCH inside MULTI is not allowed");
    }
    let Selected::Raw(database) = session.database() else { return out.reply().error(NOT_NAMED) };
    let keyspace = database.keyspace.clone();
    for key in args.from(1) {
        let place = (session.db, key.to_vec());
        if session.watches.contains(&place) {
            // The earlier watch detects every change that a new watch would detect.
            continue;
        }
        if session.watches.len() == MAX_WATCHES {
            let text =
                format!("ERR a connection may watch up to {MAX_WATCHES} keys; use UNWATCH or EXEC first");
            return out.reply().error(&text);
        }
        match out.wait(pin!(keyspace.watch_async(key))).await {
            Ok(watch) => {
                session.watches.insert(place, watch);
                out.executing = session.queued_len();
            }
            // A key that is too long has no entry, so it can't change.
            Err(Error::KeyTooLarge { .. }) => {}
            Err(error) => return out.reply().error(&errors::of(&error)),
        }
    }
    out.reply().ok();
}

async fn unwatch(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    session.watches.clear();
    out.reply().ok();
}

/// A data command of a transaction.
struct Step {
    database: Database,
    command: DataCommand,
    args: OwnedArguments,
}

async fn exec(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let Some(queue) = session.queue.take() else { return out.reply().error("ERR EXEC without MULTI") };
    let watches = mem::take(&mut session.watches).into_watches().collect();
    if queue.is_broken {
        return out.reply().error("EXECABORT Transaction discarded because of previous errors.");
    }
    let total = queue.len();
    // 1.
    let Some((steps, others)) = plan(session, queue) else { return out.reply().error(ABORTED_NAMED) };
    let is_early = steps.iter().all(|step| step.database.answers_groups_early());
    let (version, max, unsent) = (out.reply().version, session.served.output_limits.max, out.len());
    let errors_len = others.iter().flatten().count() * NO_ROOM_LEN;
    let taken = unsent + MAX_HEADER + errors_len;
    if taken > max {
        return out.reply().error(&Stop::TooLarge.text(max));
    }
    // 2.
    let ran = run_steps(session, Arc::new((steps, watches)), version, taken);
    let ran = out.wait(pin!(ran)).await;
    let (replies, commit) = match ran {
        Ok(ran) => ran,
        Err(Stop::Cache(Error::Changed)) => return out.reply().null_array(),
        Err(stop) => return out.reply().error(&stop.text(max)),
    };
    // 3. The replies get an output of their own, because `out` has the replies to earlier requests.
    let limits = OutputLimits { max: max - unsent, ..session.served.output_limits };
    let mut own = Output::new(&limits);
    own.reply().version = version;
    own.reply().array(total);
    write_replies(session, others, replies, &mut own, out, limits.max).await;
    out.reply().version = own.reply().version;
    let reply = mem::take(&mut own.reply().bytes);
    // 4.
    match commit.filter(|commit| commit.is_needed() && !is_early) {
        Some(commit) => removal::reply_when_durable(&session.served, commit.wait(), reply, out),
        None => out.reply().append(reply),
    }
}

/// Writes the replies of a transaction to `own`, in the order of its requests. `replies` has those of the
/// data commands. Runs the other commands. Writes up to `max` bytes in total. `out` is the output of the
/// connection.
async fn write_replies(
    session: &mut Session,
    others: Vec<Other>,
    replies: Vec<Vec<u8>>,
    own: &mut Output,
    out: &mut Output,
    max: usize,
) {
    // Number of bytes that the replies which are not written yet need at least.
    let mut needed = others.iter().flatten().count() * NO_ROOM_LEN;
    needed += replies.iter().map(Vec::len).sum::<usize>();
    out.executing = memory_of(&others, &replies);
    let mut replies = replies.into_iter();
    let mut ran = 0;
    for other in others {
        let Some((command, args)) = other else {
            let reply = replies.next().unwrap_or_default();
            needed -= reply.len();
            own.reply().append(reply);
            continue;
        };
        needed -= NO_ROOM_LEN;
        let words = args.as_arguments();
        let (begin, len) = (own.reply().mark(), own.len());
        own.reply().set_max(max.saturating_sub(needed));
        out.wait((command.run)(session, words, own).as_mut()).await;
        own.reply().set_max(max);
        debug_assert_eq!(own.pending(), 0, "the reply of `{}` is known", command.name);
        let written = own.len() - len;
        if own.reply().is_too_large() || own.len() + needed > max {
            own.reply().rewind(begin);
            own.reply().error(NO_ROOM);
        }
        // This reply takes the place of its request.
        out.executing = out.executing + own.len() - len - args.heap_len();
        ran += 1 + words.len() / WORDS_PER_OTHER + (words.words_len() + written) / BYTES_PER_OTHER;
        drop(args);
        if ran >= OTHERS_PER_TURN {
            ran = 0;
            out.wait(pin!(yield_now())).await;
        }
    }
}

/// Returns the memory of requests and replies, in bytes.
fn memory_of(others: &Vec<Other>, replies: &Vec<Vec<u8>>) -> usize {
    let lists = others.capacity() * size_of::<Other>() + replies.capacity() * size_of::<Vec<u8>>();
    let requests: usize = others.iter().flatten().map(|(_, args)| args.heap_len()).sum();
    lists + requests + replies.iter().map(Vec::capacity).sum::<usize>()
}

/// A request in the queue that is not a data command, or `None` for a data command.
type Other = Option<(&'static Command, OwnedArguments)>;

/// Returns the data commands of a transaction and its other requests. Returns `None` if a data command is
/// on a keyspace of the application.
fn plan(session: &Session, queue: TransactionQueue<&'static Command>) -> Option<(Vec<Step>, Vec<Other>)> {
    let databases = &session.served.databases;
    let mut db = session.db;
    let mut steps = Vec::new();
    let others = queue.into_requests().map(|(command, args)| {
        if let Some(data) = command.data {
            let Selected::Raw(database) = databases.get(db) else { return None };
            steps.push(Step { database: database.clone(), command: data, args });
            return Some(None);
        }
        if command.name == "select" {
            let number = integer(args.as_arguments().get(1)).and_then(|number| usize::try_from(number).ok());
            db = number.filter(|number| *number < databases.count()).unwrap_or(db);
        }
        Some(Some((command, args)))
    });
    let others = others.collect::<Option<_>>()?;
    Some((steps, others))
}

/// Runs step 2. `taken` bytes of the room for the replies are already taken.
async fn run_steps(
    session: &Session,
    planned: Arc<(Vec<Step>, Vec<Watch>)>,
    version: Version,
    taken: usize,
) -> Result<(Vec<Vec<u8>>, Option<TransactionCommit>), Stop> {
    if planned.0.is_empty() && planned.1.is_empty() {
        return Ok((Vec::new(), None));
    }
    let max = session.served.output_limits.max;
    let begun = session.served.cache.begin_transaction_async(move |transaction| {
        let (steps, watches) = &*planned;
        for watch in watches {
            transaction.require(watch)?;
        }
        let mut run = GroupRun::new(transaction.now(), version, max, taken);
        let replies = steps
            .iter()
            .map(|step| run.run(transaction, &step.database, step.command, step.args.as_arguments()));
        replies.collect()
    });
    let (replies, commit) = begun.await?;
    Ok((replies, Some(commit)))
}

/// Runs `WAIT numreplicas timeout`. Replies 1 when all earlier writes are on disk, because the file counts as
/// one replica. Replies 0 if the commit fails, or takes longer than the timeout in milliseconds. The timeout
/// 0 means no timeout. A cache without a file puts no write on disk, so the reply is 0, as in Redis without a
/// replica.
async fn wait(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let Some(_) = integer(args.get(1)) else { return out.reply().error(errors::NOT_AN_INTEGER) };
    let Some(timeout) = integer(args.get(2)) else {
        return out.reply().error("ERR timeout is not an integer or out of range");
    };
    let Ok(timeout) = u64::try_from(timeout) else { return out.reply().error("ERR timeout is negative") };
    let mut flush = pin!(session.served.cache.flush_async());
    let is_durable = match timeout {
        _ if !session.served.has_file => false,
        0 => out.wait(flush).await.is_ok(),
        millis => {
            let flushed = tokio::time::timeout(Duration::from_millis(millis), flush.as_mut());
            out.wait(pin!(flushed)).await.is_ok_and(|flushed| flushed.is_ok())
        }
    };
    out.reply().integer(i64::from(is_durable));
}

#[cfg(test)]
mod tests;
