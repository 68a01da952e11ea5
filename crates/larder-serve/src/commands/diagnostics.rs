//! `SLOWLOG`, `LATENCY`, `MONITOR` and `TIME`.
//!
//! The dispatcher calls [`note`] for each request that it measures. [`super::dispatch`] documents what is
//! measured.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::clock::{Clock, SystemClock};

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::session::client::Client;
use crate::session::flags::{ADMIN, CONTAINER, FAST, LOADING, NO_AUTH, NOSCRIPT, SKIP_MONITOR, STALE};
use crate::session::latency::{LatencyEvent, LatencySamples};
use crate::session::monitors::{MAX_MONITORS, MAX_QUEUE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "server";
    "latency" -2 (CONTAINER | ADMIN | NOSCRIPT | LOADING | STALE) NONE latency, "A container for latency diagnostics commands.";
    "monitor" 1 (ADMIN | NOSCRIPT | LOADING | STALE) NONE monitor, "Listens for all requests received by the server in real-time.";
    "slowlog" -2 (CONTAINER | ADMIN | LOADING | STALE) NONE slowlog, "A container for slow log commands.";
    "time" 1 (LOADING | STALE | FAST) NONE time, "Returns the server time.";
};

/// Returns the Unix time of the system's clock in milliseconds, for people and clients to read. Expiries are
/// compared with the cache's time instead.
pub(super) fn wall_ms() -> i64 {
    i64::try_from(SystemClock::new().wall().as_millis()).unwrap_or(i64::MAX)
}

/// Number of requests that `SLOWLOG GET` returns by default, as in Redis.
const DEFAULT_SHOWN: usize = 10;

const SLOWLOG_HELP: [&str; 7] = [
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return the newest <count> slow requests, 10 without a count, all for -1.",
    "LEN",
    "    Return the number of slow requests that are kept.",
    "RESET",
    "    Drop the slow requests.",
];

const LATENCY_HELP: [&str; 9] = [
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a report about the latencies for people.",
    "HISTORY <event>",
    "    Return the samples of <event>: command, fast-command or commit.",
    "LATEST",
    "    Return the latest sample of each event.",
    "RESET [<event> ...]",
    "    Drop the samples of the events, or of all events.",
];

pub(super) fn note(session: &Session, command: &Command, args: Arguments<'_>, took: Duration) {
    // Commands with this flag may contain a password. A `WAIT` takes as long as its client wants.
    if command.flags & NO_AUTH != 0 || command.name == "wait" {
        return;
    }
    let served = &session.served;
    let time = wall_ms() / 1000;
    served.slow_log.note(args, took, time, &session.client);
    let is_fast = command.flags & FAST != 0;
    let event = if is_fast { LatencyEvent::FastCommand } else { LatencyEvent::Command };
    served.latencies.note(event, took, time);
}

/// Sends a request to the monitors, unless a flag of its command forbids this.
pub(super) fn show(session: &Session, command: &Command, args: Arguments<'_>) {
    // The words of some of these requests may be secrets.
    if command.flags & (SKIP_MONITOR | ADMIN) != 0 {
        return;
    }
    match line(&session.client, session.db, args) {
        Some(line) => session.served.monitors.show(&line),
        None => session.served.monitors.cut_off(),
    }
}

/// Returns the line of a request, or `None` if it is longer than the queue of a monitor. The thread of the
/// connection writes the line, so a longer one is not even begun, or ends where it becomes too long.
fn line(client: &Client, db: usize, args: Arguments<'_>) -> Option<Vec<u8>> {
    if args.words_len() + 3 * args.len() > MAX_QUEUE {
        return None;
    }
    let now = wall_ms();
    let mut line = Vec::new();
    let _ = write!(line, "+{}.{:06} [{db} ", now / 1000, now % 1000 * 1000);
    let peer = client.peer.strip_suffix(":0").filter(|_| client.is_unix);
    let _ = match peer {
        Some(path) => write!(line, "unix:{path}]"),
        None => write!(line, "{}]", client.peer),
    };
    for word in args.from(0) {
        line.push(b' ');
        push_quoted(&mut line, word);
        if line.len() > MAX_QUEUE {
            return None;
        }
    }
    line.extend_from_slice(b"\r\n");
    Some(line)
}

/// Appends a word with quotes and escapes as in Redis, so that all characters are printable ASCII. Leaves out
/// the rest of the word if the line is longer than the queue of a monitor.
fn push_quoted(line: &mut Vec<u8>, word: &[u8]) {
    line.push(b'"');
    for byte in word {
        if line.len() > MAX_QUEUE {
            return;
        }
        match byte {
            b'\\' | b'"' => line.extend([b'\\', *byte]),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            b'\t' => line.extend(b"\\t"),
            7 => line.extend(b"\\a"),
            8 => line.extend(b"\\b"),
            b' '..=b'~' => line.push(*byte),
            _ => line.extend([b'\\', b'x', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
    line.push(b'"');
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// Runs `SLOWLOG GET [count]`, `SLOWLOG LEN`, `SLOWLOG RESET` or `SLOWLOG HELP`.
async fn slowlog(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let log = &session.served.slow_log;
    if args.is(1, "len") {
        return out.reply().count(log.len() as u64);
    } else if args.is(1, "reset") {
        log.reset();
        return out.reply().ok();
    } else if args.is(1, "help") {
        return out.reply().lines(&SLOWLOG_HELP);
    }
    if args.len() > 3 {
        let before = "ERR unknown subcommand or wrong number of arguments for '";
        return out.reply().error(&errors::repeating(before, args.get(1), "'. Try SLOWLOG HELP."));
    }
    let shown = match args.find(2).map(integer) {
        None => DEFAULT_SHOWN,
        Some(Some(-1)) => usize::MAX,
        Some(count) => match count.and_then(|count| usize::try_from(count).ok()) {
            Some(count) => count,
            None => return out.reply().error("ERR count should be greater than or equal to -1"),
        },
    };
    let requests = log.newest(shown);
    let reply = out.reply();
    reply.array(requests.len());
    for request in requests {
        reply.array(6);
        reply.count(request.id);
        reply.integer(request.time);
        reply.integer(i64::try_from(request.duration.as_micros()).unwrap_or(i64::MAX));
        reply.array(request.words.len());
        for word in &request.words {
            reply.bulk(word);
        }
        reply.bulk(request.peer.as_bytes());
        reply.bulk(&request.name);
    }
}

/// Runs `LATENCY LATEST`, `HISTORY event`, `RESET [event ...]`, `DOCTOR` or `HELP`. The reply to `LATENCY
/// HISTOGRAM` is always empty.
async fn latency(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let latencies = &session.served.latencies;
    if args.is(1, "reset") {
        let events: Vec<_> = args.from(2).filter_map(LatencyEvent::find).collect();
        // If only unknown events are named, no event is reset.
        let is_none = args.len() > 2 && events.is_empty();
        let reset = if is_none { 0 } else { latencies.reset(&events) };
        out.reply().count(reset as u64);
    } else if args.is(1, "latest") {
        let all = latencies.all();
        out.reply().array(all.len());
        for (event, kept) in all {
            let (time, millis) = kept.samples.back().copied().unwrap_or_default();
            out.reply().array(4);
            out.reply().bulk(event.name().as_bytes());
            out.reply().integer(time);
            out.reply().count(millis);
            out.reply().count(kept.max);
        }
    } else if args.is(1, "history") {
        let wanted = LatencyEvent::find(args.get(2));
        let kept = latencies.all().into_iter().find(|(event, _)| Some(*event) == wanted);
        let samples = kept.map(|(_, kept)| kept.samples).unwrap_or_default();
        out.reply().array(samples.len());
        for (time, millis) in samples {
            out.reply().array(2);
            out.reply().integer(time);
            out.reply().count(millis);
        }
    } else if args.is(1, "doctor") {
        let threshold = latencies.threshold_ms.load(Ordering::Relaxed);
        out.reply().verbatim(&report(threshold, &latencies.all()));
    } else if args.is(1, "help") {
        out.reply().lines(&LATENCY_HELP);
    } else {
        out.reply().map(0);
    }
}

fn report(threshold: u64, events: &[(LatencyEvent, LatencySamples)]) -> String {
    if threshold == 0 {
        return "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n"
            .to_owned();
    }
    if events.is_empty() {
        return format!("Nothing has taken {threshold} ms or more since the last reset.\n");
    }
    let mut text = format!("Events that took {threshold} ms or more:\n");
    for (event, kept) in events {
        let seconds = kept.samples.len() as u64;
        let mean = kept.samples.iter().map(|(_, millis)| millis).sum::<u64>() / seconds.max(1);
        let _ = writeln!(
            text,
            "- {}: in {seconds} of the seconds, {mean} ms on average, {} ms at most. {}",
            event.name(),
            kept.max,
            match event {
                LatencyEvent::Command => "SLOWLOG GET shows the requests.",
                LatencyEvent::FastCommand =>
                    "Their keys were read from disk. More memory for the cache helps.",
                LatencyEvent::Commit =>
                    "The disk is slow to sync. See larder_flush_lag_ms of INFO persistence.",
            }
        );
    }
    text
}

/// Runs `MONITOR`. From then on, the connection receives a line for each request that [`show`] reports. As in
/// Redis, a monitor that sends it again gets no reply, and a transaction gets an error.
async fn monitor(session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    if !out.is_of_connection() {
        return out.reply().error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    }
    if out.monitor.is_some() {
        return;
    }
    out.monitor = session.served.monitors.add();
    match out.monitor {
        Some(_) => out.reply().ok(),
        None => out.reply().error(&format!("ERR there are {MAX_MONITORS} monitors already")),
    }
}

async fn time(_session: &mut Session, _args: Arguments<'_>, out: &mut Output) {
    let now = wall_ms();
    out.reply().array(2);
    out.reply().bulk((now / 1000).to_string().as_bytes());
    out.reply().bulk((now % 1000 * 1000).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{line, push_quoted};
    use crate::protocol::arguments::{Arguments, Span};
    use crate::session::client::{Client, Peer};
    use crate::session::monitors::MAX_QUEUE;

    #[test]
    fn a_line_that_no_monitor_can_take_is_not_written() {
        let peer = Peer { remote: "a:1".to_owned(), local: String::new(), is_unix: false };
        let client = Client::new(1, peer);
        let bytes = vec![0xFF; MAX_QUEUE];
        let spans = |words: usize, len: usize| vec![Span { start: 0, end: len }; words];
        for (words, len, is_written) in [
            (1, 1000, true),
            (1, MAX_QUEUE, false),
            (8, MAX_QUEUE / 8, false),
            (MAX_QUEUE / 3 + 1, 0, false),
            // Each byte takes four bytes in the line.
            (1, MAX_QUEUE / 4 - 1000, true),
            (1, MAX_QUEUE / 4, false),
            (3, MAX_QUEUE / 8, false),
        ] {
            let spans = spans(words, len);
            let line = line(&client, 3, Arguments::new(&bytes, &spans));
            assert_eq!(line.is_some_and(|line| line.ends_with(b"\\xff\"\r\n")), is_written, "{words} {len}");
        }
    }

    #[test]
    fn a_word_that_makes_a_line_too_long_is_cut() {
        let mut line = Vec::new();
        push_quoted(&mut line, &vec![0xFF; MAX_QUEUE]);
        assert!((MAX_QUEUE..MAX_QUEUE + 10).contains(&line.len()), "{}", line.len());
    }

    #[test]
    fn a_word_of_any_bytes_is_shown_in_printable_characters() {
        let mut line = Vec::new();
        push_quoted(&mut line, b"a \"\\\n\r\t\x07\x08\x00\x7f\xa9\xff~");
        assert_eq!(String::from_utf8(line).unwrap(), r#""a \"\\\n\r\t\a\b\x00\x7f\xa9\xff~""#);
    }
}
