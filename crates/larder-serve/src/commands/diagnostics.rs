//! `SLOWLOG`, `LATENCY`, `MONITOR` and `TIME`.
//!
//! The server keeps no log of slow requests and no latency events. Their lists are empty, and `CONFIG GET`
//! reports both as off. `larder stats` and the metrics have the durations of commits.

use super::errors;
use super::expiry::now_ms;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::session::flags::{ADMIN, CONTAINER, FAST, LOADING, NOSCRIPT, STALE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "server";
    "latency" -2 (CONTAINER | ADMIN | NOSCRIPT | LOADING | STALE) NONE latency, "A container for latency diagnostics commands.";
    "monitor" 1 (ADMIN | NOSCRIPT | LOADING | STALE) NONE monitor, "Not supported: shows no requests.";
    "slowlog" -2 (CONTAINER | ADMIN | LOADING | STALE) NONE slowlog, "A container for slow log commands.";
    "time" 1 (LOADING | STALE | FAST) NONE time, "Returns the server time.";
};

/// `SLOWLOG GET [count]`, `SLOWLOG LEN`, `SLOWLOG RESET`
async fn slowlog(_session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let reply = out.reply();
    if args.is(1, "get") {
        match args.find(2).map(integer) {
            Some(None) => reply.error(errors::NOT_AN_INTEGER),
            Some(Some(count)) if count < -1 => reply.error("ERR count should be greater than or equal to -1"),
            _ => reply.array(0),
        }
    } else if args.is(1, "len") {
        reply.integer(0);
    } else {
        reply.ok();
    }
}

/// `LATENCY LATEST`, `LATENCY HISTORY event`, `LATENCY RESET [event ...]`
async fn latency(_session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let reply = out.reply();
    if args.is(1, "reset") {
        reply.integer(0);
    } else if args.is(1, "histogram") {
        reply.map(0);
    } else {
        reply.array(0);
    }
}

/// `MONITOR`
async fn monitor(_session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    out.reply().error("ERR MONITOR is not supported: this server does not show the requests of its clients");
}

/// `TIME`
async fn time(_session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let now = now_ms();
    out.reply().array(2);
    out.reply().bulk((now / 1000).to_string().as_bytes());
    out.reply().bulk((now % 1000 * 1000).to_string().as_bytes());
}
