//! `CONFIG`: the settings under the names of Redis' parameters, and the reset of the counts.

use std::sync::atomic::Ordering::Relaxed;

use super::family::family;
use super::glob::Pattern;
use super::{errors, info};
use crate::protocol::arguments::Arguments;
use crate::session::databases::WriteMode;
use crate::session::flags::{ADMIN, CONTAINER, LOADING, NOSCRIPT, STALE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "server";
    "config" -2 (CONTAINER | ADMIN | NOSCRIPT | LOADING | STALE) NONE config, "A container for server configuration commands.";
};

/// Maximum length of the patterns of `CONFIG GET`. The other connections of the thread wait while the server
/// compares the patterns.
const MAX_PATTERNS: usize = 16 << 10;

/// `CONFIG GET pattern ...`, `CONFIG RESETSTAT`, `CONFIG SET`
async fn config(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    if args.is(1, "get") {
        get(session, args, out);
    } else if args.is(1, "resetstat") {
        reset_counts(session);
        out.reply().ok();
    } else {
        let name = errors::repeated(args.get(2), 128);
        let text = format!(
            "ERR CONFIG SET failed (possibly related to argument '{name}') - can't set immutable config: the settings \
             of larder are given when the server starts"
        );
        out.reply().error(&text);
    }
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

/// Returns the settings. A parameter that has no meaning here is left out.
fn settings(session: &Session) -> Vec<(&'static str, String)> {
    let served = &session.served;
    let stats = served.cache.stats();
    let max_memory = stats.memory.capacity.as_u64() + stats.write_buffer.as_u64();
    let (has_disk, seconds) = match &stats.disk {
        Some(disk) => (true, disk.flush_interval.as_secs_f64()),
        None => (false, 0.0),
    };
    let fsync = if session.database().writes == WriteMode::Durable { "always" } else { "everysec" };
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    vec![
        ("maxmemory", max_memory.to_string()),
        ("maxmemory-policy", "allkeys-lru".to_owned()),
        ("databases", served.databases.count().to_string()),
        ("maxclients", served.max_connections.to_string()),
        ("appendonly", yes_no(has_disk)),
        ("appendfsync", fsync.to_owned()),
        // Redis makes snapshots at these intervals. This server makes none, because it writes the file at
        // each flush interval.
        ("save", String::new()),
        ("proto-max-bulk-len", served.limits.bulk_len.to_string()),
        ("slowlog-log-slower-than", "-1".to_owned()),
        ("latency-monitor-threshold", "0".to_owned()),
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
        // The counts themselves do not restart, because the counts of `/metrics` must not decrease.
        (&baseline.requests, counters.requests.load(Relaxed)),
        (&baseline.refused, counters.refused.load(Relaxed)),
        (&baseline.cut_off, counters.cut_off.load(Relaxed)),
    ];
    for (count, now) in counts {
        count.store(now, Relaxed);
    }
}
