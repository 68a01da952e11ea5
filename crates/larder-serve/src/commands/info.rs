//! `INFO`: the state of the server and of the cache, with the field names of Redis.
//!
//! Redis fields without a counterpart here are left out, so that no reader relies on an invented value. The
//! exceptions are fields that are always zero here, such as `avg_ttl`.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use larder::inspect::escape_control;
use larder::{DiskState, KeyspaceStats, Stats};

use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::session::flags::{LOADING, STALE};
use crate::session::output::Output;
use crate::session::served::{REDIS_VERSION, Served};
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "server";
    "info" -1 (LOADING | STALE) NONE info, "Returns information and statistics about the server.";
};

struct Section {
    name: &'static str,
    write: fn(&Facts<'_>, &mut String) -> std::fmt::Result,
}

struct Facts<'a> {
    served: &'a Served,
    stats: Stats,
}

const SECTIONS: [Section; 6] = [
    Section { name: "Server", write: server },
    Section { name: "Clients", write: clients },
    Section { name: "Memory", write: memory },
    Section { name: "Persistence", write: persistence },
    Section { name: "Stats", write: stats },
    Section { name: "Keyspace", write: keyspace },
];

/// `INFO [section ...]`
async fn info(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    session.publish_counts();
    let facts = Facts { served: &session.served, stats: session.served.cache.stats() };
    let is_all = args.len() == 1
        || args.from(1).any(|given| {
            ["all", "default", "everything"].iter().any(|all| given.eq_ignore_ascii_case(all.as_bytes()))
        });
    let mut text = String::new();
    for section in &SECTIONS {
        let is_named = args.from(1).any(|given| given.eq_ignore_ascii_case(section.name.as_bytes()));
        if is_all || is_named {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {}\r\n", section.name);
            let _ = (section.write)(&facts, &mut text);
        }
    }
    out.reply().verbatim(&text);
}

/// Returns the totals of all databases of raw bytes since the cache was opened: hits, misses, expirations
/// and evictions. `CONFIG RESETSTAT` makes these totals the new baseline.
pub(super) fn cumulative(served: &Served, stats: &Stats) -> [u64; 4] {
    let of = |count: fn(&KeyspaceStats) -> u64| {
        databases(served, stats).map(|(_, keyspace)| count(keyspace)).sum()
    };
    [
        of(|keyspace| keyspace.memory_hits + keyspace.disk_hits),
        of(|keyspace| keyspace.misses),
        of(|keyspace| keyspace.memory_expirations.max(keyspace.disk_expirations)),
        of(|keyspace| keyspace.memory_evictions.max(keyspace.disk_evictions)),
    ]
}

/// Returns the number and the statistics of each database of raw bytes.
fn databases<'a>(served: &'a Served, stats: &'a Stats) -> impl Iterator<Item = (usize, &'a KeyspaceStats)> {
    let find = |name: &str| stats.keyspaces.iter().find(|keyspace| keyspace.name == name);
    served.databases.iter().enumerate().filter_map(move |(number, database)| {
        find(database.keyspace.name()).map(|keyspace| (number, keyspace))
    })
}

fn server(facts: &Facts<'_>, text: &mut String) -> std::fmt::Result {
    let uptime = facts.served.since.elapsed().as_secs();
    write!(text, "redis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\n")?;
    write!(text, "larder_version:{}\r\n", env!("CARGO_PKG_VERSION"))?;
    write!(text, "os:{} {}\r\narch_bits:{}\r\n", std::env::consts::OS, std::env::consts::ARCH, usize::BITS)?;
    write!(text, "process_id:{}\r\n", std::process::id())?;
    for (number, named) in facts.served.databases.named() {
        write!(text, "larder_keyspace_{number}:{}\r\n", escape_control(named.keyspace.name()))?;
    }
    write!(text, "server_time_usec:{}\r\n", super::diagnostics::wall_ms().saturating_mul(1000))?;
    write!(text, "uptime_in_seconds:{uptime}\r\nuptime_in_days:{}\r\n", uptime / 86_400)
}

fn clients(facts: &Facts<'_>, text: &mut String) -> std::fmt::Result {
    write!(text, "connected_clients:{}\r\n", facts.served.clients.count())?;
    write!(text, "maxclients:{}\r\nblocked_clients:0\r\n", facts.served.max_connections)
}

/// Returns a number of bytes in readable form, as Redis prints it.
fn human(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two digits behind the point are shown")]
    let size = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{:.2}K", size / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.2}M", size / 1_048_576.0),
        _ => format!("{:.2}G", size / 1_073_741_824.0),
    }
}

fn memory(facts: &Facts<'_>, text: &mut String) -> std::fmt::Result {
    let memory = &facts.stats.memory;
    let used = memory.weight.as_u64() + facts.stats.unsaved_bytes.as_u64();
    let page_cache = facts.stats.disk.as_ref().map_or(0, |disk| disk.page_cache.as_u64());
    let max = memory.capacity.as_u64() + facts.stats.write_buffer.as_u64();
    write!(text, "used_memory:{used}\r\nused_memory_human:{}\r\n", human(used))?;
    write!(text, "used_memory_dataset:{}\r\n", memory.weight.as_u64())?;
    write!(text, "maxmemory:{max}\r\nmaxmemory_human:{}\r\n", human(max))?;
    write!(text, "maxmemory_policy:allkeys-lfu\r\n")?;
    write!(text, "larder_memory_entries:{}\r\nlarder_page_cache:{page_cache}\r\n", memory.entries)
}

fn persistence(facts: &Facts<'_>, text: &mut String) -> std::fmt::Result {
    let unsaved = facts.stats.unsaved_bytes.as_u64();
    write!(text, "loading:0\r\nasync_loading:0\r\n")?;
    let Some(disk) = &facts.stats.disk else {
        return write!(text, "aof_enabled:0\r\n");
    };
    let is_ok = if disk.state == DiskState::On { "ok" } else { "err" };
    write!(text, "aof_enabled:1\r\naof_last_write_status:{is_ok}\r\naof_rewrite_in_progress:0\r\n")?;
    write!(text, "aof_current_size:{}\r\naof_buffer_length:{unsaved}\r\n", disk.file_bytes.as_u64())?;
    write!(text, "rdb_bgsave_in_progress:0\r\nrdb_last_bgsave_status:{is_ok}\r\n")?;
    write!(text, "larder_disk_entries:{}\r\nlarder_disk_bytes:{}\r\n", disk.entries, disk.bytes.as_u64())?;
    write!(text, "larder_disk_capacity:{}\r\nlarder_commits:{}\r\n", disk.capacity.as_u64(), disk.commits)?;
    write!(text, "larder_flush_lag_ms:{}\r\n", disk.flush_lag.as_millis())
}

fn stats(facts: &Facts<'_>, text: &mut String) -> std::fmt::Result {
    let Facts { served, stats } = facts;
    let (counters, baseline) = (&served.counters, &served.baseline);
    let since = |now: u64, then: &AtomicU64| now.saturating_sub(then.load(Relaxed));
    let [hits, misses, expired, evicted] = cumulative(served, stats);
    write!(text, "total_connections_received:{}\r\n", since(served.clients.total(), &baseline.connections))?;
    let count = |count: &AtomicU64, then| since(count.load(Relaxed), then);
    write!(text, "total_commands_processed:{}\r\n", count(&counters.requests, &baseline.requests))?;
    write!(text, "rejected_connections:{}\r\n", count(&counters.refused, &baseline.refused))?;
    let cut_off = count(&counters.cut_off, &baseline.cut_off);
    write!(text, "client_output_buffer_limit_disconnections:{cut_off}\r\n")?;
    write!(text, "expired_keys:{}\r\n", since(expired, &baseline.expirations))?;
    write!(text, "evicted_keys:{}\r\n", since(evicted, &baseline.evictions))?;
    write!(text, "keyspace_hits:{}\r\n", since(hits, &baseline.hits))?;
    write!(text, "keyspace_misses:{}\r\n", since(misses, &baseline.misses))
}

/// Writes an estimate of the number of keys per database: the larger of the numbers in memory and on disk.
/// Both numbers may include keys that have recently expired.
fn keyspace(facts: &Facts<'_>, text: &mut String) -> std::fmt::Result {
    for (number, keyspace) in databases(facts.served, &facts.stats) {
        let keys = keyspace.memory_entries.max(keyspace.disk_entries);
        if keys > 0 {
            write!(text, "db{number}:keys={keys},expires=0,avg_ttl=0\r\n")?;
        }
    }
    for (number, named) in facts.served.databases.named() {
        let Ok(info) = named.keyspace.info() else { continue };
        let open = facts.stats.keyspaces.iter().find(|keyspace| keyspace.name == info.name);
        let keys = open.map_or(0, |open| open.memory_entries).max(info.disk_entries);
        if keys > 0 {
            write!(text, "db{number}:keys={keys},expires=0,avg_ttl=0\r\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_for_people_have_the_form_of_redis() {
        assert_eq!(human(512), "512B");
        assert_eq!(human(1536), "1.50K");
        assert_eq!(human(64 << 20), "64.00M");
        assert_eq!(human(3 << 30), "3.00G");
    }
}
