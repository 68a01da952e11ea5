//! Commands about the connection itself.

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::session::flags::{FAST, LOADING, NO_AUTH, STALE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "connection";
    "ping" -1 (FAST) NONE ping, "Returns the server's liveliness response.";
    "echo" 2 (FAST | LOADING | STALE) NONE echo, "Returns the given string.";
    "quit" -1 (FAST | LOADING | STALE | NO_AUTH) NONE quit, "Closes the connection.";
};

/// `PING [message]`
async fn ping(_session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    match args.len() {
        1 => out.reply().simple("PONG"),
        2 => out.reply().bulk(args.get(1)),
        _ => out.reply().error(&errors::wrong_arity("ping")),
    }
}

/// `ECHO message`
async fn echo(_session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    out.reply().bulk(args.get(1));
}

/// `QUIT`
async fn quit(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    session.is_closing = true;
    out.reply().ok();
}
