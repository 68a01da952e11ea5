//! The rows of the report in order, each with its measure and its target. The report says which rows were not
//! run.

/// A row of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The id with which outcomes refer to this row.
    pub id: &'static str,
    /// What is measured, in words.
    pub title: &'static str,
    /// The setting, in words.
    pub setting: &'static str,
    /// The target, in words.
    pub target: &'static str,
    /// The bench program of this row.
    pub program: &'static str,
}

const fn row(
    id: &'static str,
    program: &'static str,
    title: &'static str,
    setting: &'static str,
    target: &'static str,
) -> Row {
    Row { id, title, setting, target, program }
}

const HIT_TARGET: &str = "independent: 0.8 × quick_cache, 1.3 × the best peer that offers TTL; dependent: 1.0 × \
                          quick_cache, and 1.3 × from 100k on";

/// All rows.
pub const ROWS: [Row; 36] = [
    row(
        "memory-hit",
        "memory_hit",
        "Memory hit",
        "keys of 16 B, 256 B values, TTL on; 10k, 100k and 1M resident; uniform and Zipf 0.99; 1 and 2 threads; independent and \
         dependent lookups",
        HIT_TARGET,
    ),
    row("memory-hit-long", "memory_hit", "Memory hit: keys of 40 B", "otherwise as above", HIT_TARGET),
    row("memory-hit-integer", "memory_hit", "Memory hit: `u64` keys", "otherwise as above", HIT_TARGET),
    row("memory-hit-pair", "memory_hit", "Memory hit: `(&str, &str)` keys", "otherwise as above", HIT_TARGET),
    row(
        "load-hit",
        "load_hit",
        "`get_or_load` on a hit",
        "10k and 100k resident, uniform, 1 thread",
        "`get` within 5 %",
    ),
    row(
        "memory-insert",
        "memory_insert",
        "Memory insert with eviction",
        "new keys into a full cache; values from a pool, and values of their own; otherwise as for the memory hit",
        "1.0 × the best peer that keeps newcomers, foyer included",
    ),
    row(
        "memory-mixed",
        "memory_mixed",
        "Memory, 95 % lookups and 5 % inserts",
        "a key space twice the capacity; room for 100k and 1M; independent and dependent lookups; otherwise as for the memory hit",
        "1.0 × quick_cache, and 1.0 × the best peer that offers TTL",
    ),
    row(
        "memory-per-entry",
        "memory_per_entry",
        "Memory per entry beyond key and value",
        "counted by an allocator; 100k and 1M resident, and at three more points before the tables double",
        "below every peer that offers TTL; at most 90 B from 100k on, and 85 B from 1M on",
    ),
    row(
        "instructions",
        "instructions",
        "Instructions per memory hit, and per insert with eviction",
        "counted by valgrind's callgrind on a fixed workload",
        "at most 300 for a hit",
    ),
    row(
        "hit-ratio",
        "hit_ratio",
        "Hit ratio",
        "six request traces, six capacities each",
        "a mean of 47.4; no row more than 3 points under its best peer",
    ),
    row(
        "disk-hit",
        "disk_hit",
        "Disk hit after a restart, page cache warm",
        "200k × 512 B, no promotion; 1 and 2 threads",
        "0.9 × raw redb on an open table, copying, checking and decoding the same value; 20 × foyer's disk read; 10 × Redis over a \
         Unix socket",
    ),
    row("disk-miss", "disk_hit", "Miss in both tiers", "as for the disk hit", "1.2 × raw redb's miss"),
    row(
        "buffered-insert",
        "buffered_insert",
        "Buffered insert",
        "512 B, to acknowledgement; and sustained until flushed",
        "p50 under 3 µs; 0.9 × raw redb committing the same batches into the same tables",
    ),
    row(
        "durable-remove",
        "durable_remove",
        "Durable remove",
        "1 thread; 8 threads; keys that no tier has",
        "1.3 × raw redb's commit of the same durability; 8 threads at least 4 × one",
    ),
    row(
        "reopen",
        "reopen",
        "First hit after reopening",
        "1M entries, closed cleanly; and after kill -9",
        "20 ms; 50 ms; ratios to raw redb reported",
    ),
    row(
        "sweeping",
        "sweeping",
        "Sweeping",
        "1M live, 1k and 100k expired",
        "proportional to the expired; p99.9 of one lookup thread meanwhile at most 2 × without",
    ),
    row(
        "range-removal",
        "range_removal",
        "Removing a range",
        "1M entries of a keyspace are cleared; p99 of lookups on disk and of durable removals meanwhile",
        "each at most 5 × without",
    ),
    row(
        "load-stampede",
        "load_stampede",
        "Load stampede",
        "64 threads ask for one expired key, with a slow loader",
        "one load",
    ),
    row(
        "load-expiry",
        "load_expiry",
        "Entries that expire together",
        "10,000 entries stored together, with jitter and without, and loaded again as they expire",
        "no 100 ms has over twice the even share of loads",
    ),
    row(
        "hot-counter",
        "hot_counter",
        "Hot counter",
        "8 threads add to one counter, in memory and in a file",
        "operations a second and p99.9 reported",
    ),
    row(
        "several-keys",
        "several_keys",
        "Several keys at once",
        "10, 100 and 1,000 keys with one call, and in a loop of calls: time for each key",
        "reported",
    ),
    row(
        "whole",
        "whole",
        "The whole",
        "95/5 Zipf over 300k × 512 B, memory for 10 %: throughput and p99",
        "5 × foyer hybrid, 10 × Redis, and ahead of a naive quick_cache over redb with an fsync every 100 ms; p99 of lookups 0.9 × \
         the naive one's",
    ),
    row(
        "serve",
        "serve",
        "A server for several processes",
        "redis-benchmark over a Unix socket, 1M random keys of which few exist at first; the server on one processor, the client on \
         another",
        "1.0 × Redis; with pipelines of 16: GET 0.8 ×, SET and INCR 0.5 ×; p99 at a fixed rate not above Redis'; a GET at most 1.5 × an \
         echo of the same frames",
    ),
    row(
        "near-hit",
        "several_machines",
        "Over Redis: a hit in memory",
        "larder over Redis beside larder without a server; 256 B values, Zipf 0.99; 1 and 2 threads; independent and dependent lookups",
        "1.0 × a cache in memory alone",
    ),
    row(
        "remote-get",
        "several_machines",
        "Over Redis: a lookup at the server",
        "one after another over a Unix socket, beside the crates redis and fred, and django-redis; the server on one processor, the \
         client on another",
        "reported",
    ),
    row(
        "four-processes",
        "several_machines",
        "Over Redis: four processes",
        "95/5 Zipf over 10k keys: throughput, and the share of requests that reaches Redis; the server on one processor, all \
         processes on another",
        "1.0 × cache-aside",
    ),
    row(
        "redis-stall",
        "several_machines",
        "Over Redis: a stall of the server",
        "four processes at a fixed rate; redis-server is stopped (SIGSTOP) for longer than the staleness of 1 s",
        "reported",
    ),
    row(
        "tracking-memory",
        "several_machines",
        "Over Redis: memory for tracking",
        "50k keys, read by 1 and by 4 clients",
        "reported",
    ),
    row(
        "growth-lookup",
        "growth",
        "Growth: lookups",
        "10k, 100k, 1M and 10M entries on disk",
        "no faster than the tree's height",
    ),
    row("growth-open", "growth", "Growth: open time", "the same", "flat"),
    row("growth-memory", "growth", "Growth: memory for bookkeeping", "the same", "stated"),
    row(
        "growth-work",
        "growth",
        "Growth: work on many entries",
        "the same: fill, describe, sweep a hundredth, remove a tenth by prefix, clear",
        "reported",
    ),
    row(
        "file-size",
        "file_size",
        "File size",
        "fill, overwrite twice, delete 90 %, reopen",
        "reported beside raw redb, fjall and SQLite; never above disk_capacity",
    ),
    row(
        "value-formats",
        "value_formats",
        "Values to bytes and back",
        "a product of ten fields; a list of a hundred; each encoded and decoded once",
        "the cost of the fingerprint and of a trial, beside bincode alone",
    ),
    row(
        "large-bytes",
        "value_formats",
        "16 MiB, stored and read from disk",
        "as a field of bytes, of text, by `serde_bytes`, and as raw bytes",
        "a `Vec<u8>` field at most 5 × a `String`",
    ),
    row(
        "compression",
        "compression",
        "Compressed values",
        "4 KiB of JSON: stored and committed in batches, then read from disk",
        "reported: the room it takes, and what that costs",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_rows_have_one_name() {
        let ids: HashSet<&str> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len());
    }
}
