//! Commands on keys that do not depend on the values. [`super::expiry`] has the commands on expiry, and
//! [`super::scan`] has the commands that walk over all keys.

use std::pin::pin;

use super::family::family;
use super::{errors, removal};
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;
use crate::session::databases::{RemovalMode, Selected};
use crate::session::entries::{Done, Entries};
use crate::session::flags::{FAST, NO_MULTI, NOSCRIPT, READONLY, WRITE};
use crate::session::output::{LateReply, Output};
use crate::session::{Command, Session};

/// Commands that are functions over entries. Outside of a transaction, [`super::removal`] runs `DEL` and
/// `UNLINK` instead.
pub(super) static COMMANDS: &[Command] = family! { "generic";
    "del" -2 (WRITE) ALL [removal] delete, "Deletes one or more keys.";
    "exists" -2 (READONLY | FAST) ALL [group] count_present, "Determines whether one or more keys exist.";
    "touch" -2 (READONLY | FAST) ALL [group] touch, "Returns the number of existing keys out of those specified after updating the time they were last accessed.";
    "type" 2 (READONLY | FAST) FIRST [entry] type_name, "Determines the type of value stored at a key.";
    "unlink" -2 (WRITE | FAST) ALL [removal] delete, "Asynchronously deletes one or more keys.";
};

pub(super) static FLUSHES: &[Command] = family! { "server";
    "flushall" -1 (WRITE | NO_MULTI | NOSCRIPT) NONE flush_all, "Removes all keys from all databases.";
    "flushdb" -1 (WRITE | NO_MULTI | NOSCRIPT) NONE flush_one, "Removes all keys from the current database.";
};

/// Runs `DEL key [key ...]` or `UNLINK` in a transaction.
fn delete(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let mut removed = 0;
    for key in args.from(1) {
        removed += i64::from(entries.remove(key)?);
    }
    reply.integer(removed);
    Ok(())
}

/// Runs `EXISTS key [key ...]`. Counts a key as often as the request names it.
fn count_present(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let mut present = 0;
    for key in args.from(1) {
        present += i64::from(entries.remaining(key)?.is_some());
    }
    reply.integer(present);
    Ok(())
}

/// Runs `TOUCH key [key ...]`. This command reads each value, because a read counts as a use.
fn touch(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let mut present = 0;
    for key in args.from(1) {
        present += i64::from(entries.get(key)?.is_some());
    }
    reply.integer(present);
    Ok(())
}

/// `TYPE key`
fn type_name(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let is_present = entries.remaining(args.get(1))?.is_some();
    reply.simple(if is_present { "string" } else { "none" });
    Ok(())
}

fn has_flush_mode(args: Arguments<'_>) -> bool {
    args.len() == 1 || (args.len() == 2 && (args.is(1, "async") || args.is(1, "sync")))
}

/// Runs `FLUSHDB [ASYNC | SYNC]`. In both modes, the keys are removed immediately. The reply is sent when the
/// removal is durable, unless the removals of the database are buffered.
async fn flush_one(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    if !has_flush_mode(args) {
        return out.reply().error(errors::SYNTAX);
    }
    let mut flush = session.served.cache.invalidation();
    let (begun, mode) = match session.database() {
        Selected::Raw(database) => {
            flush.clear(&database.keyspace);
            (out.wait(pin!(flush.begin_async())).await, database.removals)
        }
        Selected::Named(named) => {
            let build = || {
                flush.clear_untyped(&named.keyspace.pin()?)?;
                Ok(flush)
            };
            let Some(begun) = out.wait(pin!(removal::begin_on_thread(session, build))).await else {
                return out.reply().error(errors::PANICKED);
            };
            (begun, RemovalMode::Durable)
        }
    };
    removal::commit(&session.served, mode, begun, out, |_| LateReply::Ok);
}

/// Runs `FLUSHALL [ASYNC | SYNC]`. Removes the entries of all databases of raw bytes, but of no keyspace of
/// the application. The reply waits for the commit, unless the removals of all databases are buffered.
async fn flush_all(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    if !has_flush_mode(args) {
        return out.reply().error(errors::SYNTAX);
    }
    let mut mode = RemovalMode::Buffered;
    let mut flush = session.served.cache.invalidation();
    for database in session.served.databases.iter() {
        flush.clear(&database.keyspace);
        if database.removals == RemovalMode::Durable {
            mode = RemovalMode::Durable;
        }
    }
    let begun = out.wait(pin!(flush.begin_async())).await;
    removal::commit(&session.served, mode, begun, out, |_| LateReply::Ok);
}
