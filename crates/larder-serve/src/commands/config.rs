//! `CONFIG`: reports the settings under the names of Redis parameters, and resets the counters.
//!
//! `CONFIG SET` changes only the settings that help an operator find slow requests: the thresholds of
//! `SLOWLOG` and `LATENCY`, and the length of the slow log. All other settings are fixed when the server
//! starts.

use std::sync::atomic::Ordering::Relaxed;

use super::family::family;
use super::glob::Pattern;
use super::{errors, info};
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::session::databases::{Selected, WriteMode};
use crate::session::flags::{ADMIN, CONTAINER, LOADING, NOSCRIPT, STALE};
use crate::session::output::Output;
use crate::session::slow_log;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "server";
    "config" -2 (CONTAINER | ADMIN | NOSCRIPT | LOADING | STALE) NONE config, "A container for server configuration commands.";
};

/// Maximum total length of the patterns of a `CONFIG GET`, in bytes. Other connections of the thread wait
/// while the patterns are matched.
const MAX_PATTERNS: usize = 16 << 10;

const HELP: [&str; 9] = [
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern> [<pattern> ...]",
    "    Return the settings whose names match one of the patterns, and their values.",
    "RESETSTAT",
    "    Reset the counters of INFO.",
    "SET <parameter> <value> [<parameter> <value> ...]",
    "    Change the thresholds of SLOWLOG and LATENCY, and the length of the slow log.",
    "HELP",
    "    Print this help.",
];

/// Runs `CONFIG GET pattern ...`, `CONFIG RESETSTAT`, `CONFIG SET parameter value ...` or `CONFIG HELP`.
async fn config(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    if args.is(1, "get") {
        get(session, args, out);
    } else if args.is(1, "help") {
        out.reply().lines(&HELP);
    } else if args.is(1, "resetstat") {
        reset_counts(session);
        out.reply().ok();
    } else {
        match changes(session, args) {
            Ok(changes) => set(session, &changes, out),
            Err(error) => out.reply().error(&error),
        }
    }
}

/// The parameters that `CONFIG SET` can change, each with its range.
const CHANGEABLE: [(&str, std::ops::RangeInclusive<i64>); 3] = [
    ("slowlog-log-slower-than", -1..=i64::MAX),
    ("slowlog-max-len", 0..=slow_log::MAX_LEN),
    ("latency-monitor-threshold", 0..=i64::MAX),
];

/// A parameter that `CONFIG SET` changes: its name, its range, and the new value.
type ConfigChange<'a> = (&'static str, &'static std::ops::RangeInclusive<i64>, &'a [u8]);

/// Returns the changes that a `CONFIG SET` requests, or the error for the first parameter that can't be
/// changed.
fn changes<'a>(session: &Session, args: Arguments<'a>) -> Result<Vec<ConfigChange<'a>>, Vec<u8>> {
    if !args.len().is_multiple_of(2) {
        return Err(errors::SYNTAX.into());
    }
    let mut changes: Vec<ConfigChange<'a>> = Vec::new();
    for at in (2..args.len()).step_by(2) {
        if let Some((name, range)) = CHANGEABLE.iter().find(|(name, _)| args.is(at, name)) {
            if changes.iter().any(|(other, ..)| other == name) {
                return Err(refusal(args.get(at), "duplicate parameter"));
            }
            changes.push((*name, range, args.get(at + 1)));
        } else if settings(session).iter().any(|(name, _)| args.is(at, name)) {
            let cause = "can't set immutable config: the settings of larder are given when the server starts";
            return Err(refusal(args.get(at), cause));
        } else {
            let before = "ERR Unknown option or number of arguments for CONFIG SET - '";
            return Err(errors::repeating(before, args.get(at), "'"));
        }
    }
    Ok(changes)
}

/// Returns the error of a `CONFIG SET` that fails because of a parameter.
fn refusal(name: &[u8], cause: &str) -> Vec<u8> {
    let before = "ERR CONFIG SET failed (possibly related to argument '";
    errors::repeating(before, name, &format!("') - {cause}"))
}

/// Applies all changes, or none if a value is invalid.
fn set(session: &Session, changes: &[ConfigChange<'_>], out: &mut Output) {
    let mut values = Vec::new();
    for (name, range, value) in changes {
        let Some(value) = integer(value) else {
            let cause = "argument couldn't be parsed into an integer";
            return out.reply().error(&refusal(name.as_bytes(), cause));
        };
        if !range.contains(&value) {
            let cause = format!("argument must be between {} and {} inclusive", range.start(), range.end());
            return out.reply().error(&refusal(name.as_bytes(), &cause));
        }
        values.push((*name, value));
    }
    let served = &session.served;
    for (name, value) in values {
        match name {
            "slowlog-log-slower-than" => served.slow_log.threshold.store(value, Relaxed),
            "slowlog-max-len" => served.slow_log.set_max_len(usize::try_from(value).unwrap_or(0)),
            _ => served.latencies.threshold_ms.store(value.unsigned_abs(), Relaxed),
        }
    }
    out.reply().ok();
}

fn get(session: &Session, args: Arguments<'_>, out: &mut Output) {
    if args.from(2).map(|pattern| pattern.len() + 1).sum::<usize>() > MAX_PATTERNS {
        let text = format!("ERR the patterns of CONFIG GET may take up to {MAX_PATTERNS} bytes");
        return out.reply().error(&text);
    }
    let patterns: Vec<_> =
        args.from(2).filter_map(|pattern| Pattern::read(&pattern.to_ascii_lowercase())).collect();
    let settings = settings(session);
    let wanted: Vec<_> = settings
        .iter()
        .filter(|(name, _)| patterns.iter().any(|pattern| pattern.matches(name.as_bytes())))
        .collect();
    let reply = out.reply();
    reply.map(wanted.len());
    for (name, value) in wanted {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
}

/// Returns the names and values of the settings. Redis parameters without a counterpart here are left out.
fn settings(session: &Session) -> Vec<(&'static str, String)> {
    let served = &session.served;
    let stats = served.cache.stats();
    let max_memory = stats.memory.capacity.as_u64() + stats.write_buffer.as_u64();
    let (has_disk, seconds) = match &stats.disk {
        Some(disk) => (true, disk.flush_interval.as_secs_f64()),
        None => (false, 0.0),
    };
    let is_durable =
        matches!(session.database(), Selected::Raw(database) if database.writes == WriteMode::Durable);
    let fsync = if is_durable { "always" } else { "everysec" };
    let named = served.databases.named();
    let keyspaces: Vec<_> =
        named.map(|(number, named)| format!("{number}={}", named.keyspace.name())).collect();
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    vec![
        ("maxmemory", max_memory.to_string()),
        ("maxmemory-policy", "allkeys-lfu".to_owned()),
        ("databases", served.databases.count().to_string()),
        ("maxclients", served.max_connections.to_string()),
        ("appendonly", yes_no(has_disk)),
        ("appendfsync", fsync.to_owned()),
        // In Redis, `save` lists when snapshots are made. This server makes no snapshots.
        ("save", String::new()),
        ("proto-max-bulk-len", served.limits.bulk_len.to_string()),
        ("slowlog-log-slower-than", served.slow_log.threshold.load(Relaxed).to_string()),
        ("slowlog-max-len", served.slow_log.max_len.load(Relaxed).to_string()),
        ("latency-monitor-threshold", served.latencies.threshold_ms.load(Relaxed).to_string()),
        ("larder-keyspaces", keyspaces.join(" ")),
        ("larder-flush-interval", format!("{seconds}")),
        ("larder-read-only", yes_no(served.is_read_only)),
    ]
}

fn reset_counts(session: &Session) {
    let served = &session.served;
    let [hits, misses, expirations, evictions] = info::cumulative(served, &served.cache.stats());
    let (baseline, counters) = (&served.baseline, &served.counters);
    let counts = [
        (&baseline.hits, hits),
        (&baseline.misses, misses),
        (&baseline.expirations, expirations),
        (&baseline.evictions, evictions),
        (&baseline.connections, served.clients.total()),
        // The counters themselves are not reset, because the counters in `/metrics` must not decrease.
        (&baseline.requests, counters.requests.load(Relaxed)),
        (&baseline.refused, counters.refused.load(Relaxed)),
        (&baseline.cut_off, counters.cut_off.load(Relaxed)),
    ];
    for (count, now) in counts {
        count.store(now, Relaxed);
    }
}
