//! Finds the command of a request, checks the request against the command table, and runs the command.
//!
//! The dispatcher measures the time of requests for `SLOWLOG` and `LATENCY`. For a `GET`, a `SET` and a
//! fast command without entries, the measurement begins only when the command begins to wait. A command on
//! one entry is measured only if it can't be made at once, or if its request or its value is large. Without
//! a wait, the dispatcher thus saves two reads of the clock. So a `GET` or an `INCR` that reads the disk on
//! this thread is not measured. After a slow read, other threads read the disk, so such a command waits for
//! them and is measured.
//!
//! The time of a durable change does not include the wait for its commit, because the connection executes
//! its next requests meanwhile.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::time::Instant;

use super::{data, diagnostics, errors, strings, subcommands};
use crate::protocol::arguments::Arguments;
use crate::session::output::Output;
use crate::session::{Command, Hot, Session, flags};

pub(crate) async fn carry_out(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    session.uncounted += 1;
    let Some(command) = session.find_command(args.get(0)) else {
        // A web page can make a browser send an HTTP request to this port, and the server would execute its
        // lines as commands. So the server closes the connection at a line that begins with `POST` or
        // `Host:`, as Redis does.
        if args.is(0, "post") || args.is(0, "host:") {
            session.is_closing = true;
            return;
        }
        return refuse(session, out, &errors::unknown_command(args));
    };
    if !has_arity(command, args.len()) {
        return refuse(session, out, &errors::wrong_arity(command.name));
    }
    if command.flags & flags::CONTAINER != 0
        && let Some(error) = subcommands::error(command, args)
    {
        return refuse(session, out, &error);
    }
    if !session.is_authenticated && command.flags & flags::NO_AUTH == 0 {
        return refuse(session, out, errors::NO_AUTH);
    }
    if session.served.is_read_only && command.flags & flags::WRITE != 0 {
        return refuse(session, out, errors::READ_ONLY);
    }
    if session.queue.is_some() && command.flags & flags::NO_MULTI != 0 {
        return refuse(session, out, errors::NO_MULTI);
    }
    if session.served.monitors.is_watched() {
        diagnostics::show(session, command, args);
    }
    if session.queue.is_some() && command.flags & flags::UNQUEUED == 0 {
        return enqueue(session, command, args, out);
    }
    session.last_command = command.name;
    let mut of_large = None;
    let since = match command.hot {
        Hot::Get => measured(pin!(strings::get(session, args, out)), None).await,
        Hot::Set => measured(pin!(strings::set(session, args, out)), None).await,
        Hot::Entry if data::entry_at_once(session, command.data, args, out, &mut of_large) => of_large,
        Hot::Entry | Hot::No => {
            let may_read_disk = command.data.is_some();
            let since = (command.flags & flags::FAST == 0 || may_read_disk).then(Instant::now);
            measured((command.run)(session, args, out).as_mut(), since).await
        }
    };
    if let Some(since) = since {
        diagnostics::note(session, command, args, since.elapsed());
    }
}

/// Runs a command. Returns `since` if it is set, and otherwise the time when the command began to wait, or
/// `None` if the command did not wait.
async fn measured(
    mut command: Pin<&mut (impl Future<Output = ()> + ?Sized)>,
    mut since: Option<Instant>,
) -> Option<Instant> {
    poll_fn(|context| {
        if command.as_mut().poll(context).is_ready() {
            return Poll::Ready(since);
        }
        since.get_or_insert_with(Instant::now);
        Poll::Pending
    })
    .await
}

/// Queues a request for `EXEC`. If the queue is too large, the transaction fails.
fn enqueue(session: &mut Session, command: &'static Command, args: Arguments<'_>, out: &mut Output) {
    let max = session.served.limits.request_len;
    let Some(queue) = &mut session.queue else { return };
    if queue.push(command, args.to_owned(), max) {
        return out.reply().simple("QUEUED");
    }
    let text = format!("ERR the requests of a transaction may take up to {max} bytes");
    refuse(session, out, &text);
}

fn has_arity(command: &Command, words: usize) -> bool {
    let needed = usize::try_from(command.arity.unsigned_abs()).unwrap_or(usize::MAX);
    if command.arity < 0 { words >= needed } else { words == needed }
}

/// Replies with an error. In a transaction, such a reply makes `EXEC` fail.
fn refuse(session: &mut Session, out: &mut Output, error: &(impl AsRef<[u8]> + ?Sized)) {
    if let Some(queue) = &mut session.queue {
        queue.is_broken = true;
    }
    out.reply().error(error);
}
