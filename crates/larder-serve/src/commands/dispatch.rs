//! Finds a request's command, checks the request against the command's row in the table, and runs the
//! command.

use super::{errors, strings, subcommands};
use crate::protocol::arguments::{Arguments, OwnedArguments};
use crate::session::output::Output;
use crate::session::{Command, Hot, Session, flags};

/// Executes a request.
pub(crate) async fn carry_out(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    session.uncounted += 1;
    let Some(command) = session.commands.find(args.get(0)) else {
        // A web page can make a browser send an HTTP request here. The server would execute its lines as
        // commands. So the server closes the connection at the first line of HTTP, as Redis does.
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
    if session.queue.is_some() && command.flags & flags::UNQUEUED == 0 {
        return enqueue(session, command, args, out);
    }
    session.last_command = command.name;
    match command.hot {
        Hot::Get => strings::get(session, args, out).await,
        Hot::Set => strings::set(session, args, out).await,
        Hot::No => (command.run)(session, args, out).await,
    }
}

/// Keeps a request for `EXEC`, if there is room for it.
fn enqueue(session: &mut Session, command: &'static Command, args: Arguments<'_>, out: &mut Output) {
    let max = session.served.limits.request_len;
    let Some(queue) = &mut session.queue else { return };
    let args = args.to_owned();
    queue.len = queue.len.saturating_add(args.heap_len() + size_of::<OwnedArguments>());
    if queue.len > max {
        let text = format!("ERR the requests of a transaction may take up to {max} bytes");
        return refuse(session, out, &text);
    }
    queue.requests.push((command, args));
    out.reply().simple("QUEUED");
}

fn has_arity(command: &Command, words: usize) -> bool {
    let needed = usize::try_from(command.arity.unsigned_abs()).unwrap_or(usize::MAX);
    if command.arity < 0 { words >= needed } else { words == needed }
}

/// Replies with an error. A transaction with such a request is not executed.
fn refuse(session: &mut Session, out: &mut Output, error: &str) {
    if let Some(queue) = &mut session.queue {
        queue.is_broken = true;
    }
    out.reply().error(error);
}
