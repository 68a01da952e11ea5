//! Commands about the connection itself. [`super::client`] implements `CLIENT`.

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::Version;
use crate::session::databases::Selected;
use crate::session::flags::{FAST, LOADING, NO_AUTH, NOSCRIPT, SKIP_MONITOR, STALE, UNQUEUED};
use crate::session::output::Output;
use crate::session::served::REDIS_VERSION;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "connection";
    "auth" -2 (NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | SKIP_MONITOR) NONE auth, "Authenticates the connection.";
    "echo" 2 (FAST | LOADING | STALE) NONE echo, "Returns the given string.";
    "hello" -1 (NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | SKIP_MONITOR) NONE hello, "Handshakes with the Redis server.";
    "ping" -1 (FAST) NONE ping, "Returns the server's liveliness response.";
    "quit" -1 (FAST | LOADING | STALE | NO_AUTH | NOSCRIPT | UNQUEUED) NONE quit, "Closes the connection.";
    "reset" 1 (NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | UNQUEUED) NONE reset, "Resets the connection.";
    "select" 2 (LOADING | STALE | FAST) NONE select, "Changes the selected database.";
};

const NO_PASSWORD: &str = "ERR AUTH <password> called without any password configured for the default user. \
                           Are you sure your configuration is correct?";
const HELLO_WITHOUT_AUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise \
                                  the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the \
                                  client and select the RESP protocol version at the same time";

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

async fn quit(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    session.is_closing = true;
    out.reply().ok();
}

async fn reset(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    session.reset();
    out.monitor = None;
    set_version(session, out, Version::Resp2);
    out.reply().simple("RESET");
}

/// `SELECT index`
async fn select(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let Some(number) = integer(args.get(1)) else { return out.reply().error(errors::NOT_AN_INTEGER) };
    if i32::try_from(number).is_err() {
        let text = "ERR value is out of range, value must between -2147483648 and 2147483647";
        return out.reply().error(text);
    }
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    if let Selected::Named(named) = session.served.databases.get(number)
        && let Err(error) = named.keyspace.info()
    {
        return out.reply().error(&errors::of(&error));
    }
    if session.select(number) {
        out.reply().ok();
    } else {
        out.reply().error("ERR DB index is out of range");
    }
}

/// `AUTH [username] password`
async fn auth(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let (user, password) = match args.len() {
        2 => (&b"default"[..], args.get(1)),
        3 => (args.get(1), args.get(2)),
        _ => return out.reply().error(errors::SYNTAX),
    };
    if args.len() == 2 && session.served.password.is_none() {
        return out.reply().error(NO_PASSWORD);
    }
    if session.authenticate(user, password) {
        out.reply().ok();
    } else {
        out.reply().error(errors::WRONG_PASSWORD);
    }
}

/// Runs `HELLO [protover [AUTH username password] [SETNAME clientname]]`.
async fn hello(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let version = match args.find(1).map(integer) {
        None => out.reply().version,
        Some(Some(2)) => Version::Resp2,
        Some(Some(3)) => Version::Resp3,
        Some(Some(_)) => return out.reply().error("NOPROTO unsupported protocol version"),
        Some(None) => {
            return out.reply().error("ERR Protocol version is not an integer or out of range");
        }
    };
    let mut name = None;
    let mut next = 2;
    while let Some(option) = args.find(next) {
        if args.is(next, "auth") && next + 2 < args.len() {
            if !session.authenticate(args.get(next + 1), args.get(next + 2)) {
                return out.reply().error(errors::WRONG_PASSWORD);
            }
            next += 3;
        } else if args.is(next, "setname") && next + 1 < args.len() {
            match label(args.get(next + 1), NAMES) {
                Ok(valid) => name = Some(valid),
                Err(error) => return out.reply().error(&error),
            }
            next += 2;
        } else {
            return out.reply().error(&errors::repeating("ERR Syntax error in HELLO option '", option, "'"));
        }
    }
    if !session.is_authenticated {
        return out.reply().error(HELLO_WITHOUT_AUTH);
    }
    if let Some(name) = name {
        session.client.labels().name = name;
    }
    set_version(session, out, version);
    let id = session.client.id;
    let reply = out.reply();
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(if version == Version::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.count(id);
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

fn set_version(session: &Session, out: &mut Output, version: Version) {
    out.reply().version = version;
    session.client.set_version(version);
}

/// Maximum length of a label, in bytes. Redis has no such limit. A label is stored as long as its connection
/// is open, and `CLIENT LIST` returns the labels of all connections.
pub(super) const MAX_LABEL: usize = 1 << 10;

/// What the errors of [`label`] call the name of a connection.
pub(super) const NAMES: &str = "Client names";

/// Returns a label as text, or the text of an error reply if the label is too long or `CLIENT LIST` can't
/// print it. A label contains only printable ASCII characters other than the space. `what` is the subject of
/// the error.
pub(super) fn label(given: &[u8], what: &str) -> Result<String, String> {
    if given.len() > MAX_LABEL {
        return Err(format!("ERR {what} may have up to {MAX_LABEL} bytes."));
    }
    if !given.iter().all(u8::is_ascii_graphic) {
        return Err(format!("ERR {what} cannot contain spaces, newlines or special characters."));
    }
    Ok(String::from_utf8_lossy(given).into_owned())
}
