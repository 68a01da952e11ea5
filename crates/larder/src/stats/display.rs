//! Statistics as a table for people.

use std::fmt;

use super::{DiskStats, KeyspaceStats, MemoryStats, Stats};
use crate::escape::escape_control;
use crate::units::ByteSize;

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tiers(self, f)?;
        totals(self, f)?;
        if let Some(disk) = &self.disk {
            file(disk, f)?;
        }
        keyspaces(&self.keyspaces, f)
    }
}

fn tiers(stats: &Stats, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut row = |cells: [&str; 7]| {
        let [name, numbers @ ..] = cells;
        write!(f, "{name:<8}")?;
        numbers.iter().try_for_each(|cell| write!(f, "{cell:>12}"))?;
        writeln!(f)
    };
    row(["tier", "hits", "entries", "bytes", "capacity", "evicted", "expired"])?;
    let mut tier = |name: &str, [hits, entries, bytes, capacity, evicted, expired]: [u64; 6]| {
        let [hits, entries, evicted, expired] =
            [hits, entries, evicted, expired].map(|count| count.to_string());
        let [bytes, capacity] = [bytes, capacity].map(|bytes| ByteSize::bytes(bytes).to_string());
        row([name, &hits, &entries, &bytes, &capacity, &evicted, &expired])
    };
    let MemoryStats { hits, entries, weight, capacity, evictions, expirations, .. } = stats.memory;
    tier("memory", [hits, entries, weight, capacity, evictions, expirations])?;
    if let Some(&DiskStats { hits, entries, bytes, capacity, evictions, expirations, .. }) =
        stats.disk.as_ref()
    {
        tier("disk", [hits, entries, bytes, capacity, evictions, expirations])?;
    }
    Ok(())
}

fn totals(stats: &Stats, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Stats { misses, loads, load_failures, voided_fills, uncacheable, too_large_for_disk, .. } = stats;
    let Stats { promotions, inserts, invalidations, .. } = stats;
    let (requests, percent) = (stats.requests(), 100.0 * stats.hit_rate());
    let unsaved = ByteSize::bytes(stats.unsaved_bytes);
    writeln!(
        f,
        "\nrequests {requests}, hit rate {percent:.2} %, misses {misses}, loads {loads} ({load_failures} failed)"
    )?;
    writeln!(
        f,
        "inserts {inserts}, invalidations {invalidations}, promotions {promotions}, fills voided {voided_fills}, \
         uncacheable {uncacheable}, too large for the disk {too_large_for_disk}"
    )?;
    writeln!(f, "unsaved {unsaved}")
}

fn file(disk: &DiskStats, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let DiskStats { commits, recovered_entries, damaged_records, read_faults, .. } = disk;
    let [live, usable, file, capacity] =
        [disk.bytes, disk.usable_bytes, disk.file_bytes, disk.capacity].map(ByteSize::bytes);
    writeln!(f, "live {live} of usable {usable}: what entries take on disk, and what they may take")?;
    match disk.allocated_bytes.map(ByteSize::bytes) {
        Some(allocated) => writeln!(f, "on disk {allocated} of {capacity}, the file is {file} long")?,
        None => writeln!(f, "the file is {file} of {capacity} long")?,
    }
    let closed = if disk.was_closed_cleanly { "closed cleanly" } else { "left by a crash" };
    writeln!(f, "{commits} commits, {recovered_entries} entries recovered ({closed})")?;
    writeln!(f, "{damaged_records} records damaged, {read_faults} reads failed")?;
    let [usual, slow] = [0.5, 0.99].map(|share| disk.commit_latency.quantile(share));
    writeln!(
        f,
        "commits take {usual:.1?}, one in a hundred {slow:.1?}; the oldest insert waits for {:.1?}",
        disk.flush_lag
    )?;
    if !disk.degraded.is_zero() {
        writeln!(f, "the disk tier has been off for {:.1?}", disk.degraded)?;
    }
    if let Some(aside) = &disk.quarantined {
        writeln!(f, "a damaged file was moved to {}", escape_control(&aside.to_string_lossy()))?;
    }
    if let Some(why) = &disk.off {
        writeln!(f, "THE DISK TIER IS OFF: {}", escape_control(why))?;
    }
    Ok(())
}

fn keyspaces(keyspaces: &[KeyspaceStats], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const HEADS: [&str; 8] =
        ["memory hits", "disk hits", "misses", "hit rate", "in memory", "on disk", "loads", "removals"];
    let shown = |keyspace: &KeyspaceStats| escape_control(&keyspace.name).chars().count();
    let widest = keyspaces.iter().map(shown).max().unwrap_or(0).max(10);
    write!(f, "\n{:<widest$}", "keyspace")?;
    HEADS.iter().try_for_each(|head| write!(f, "{head:>12}"))?;
    for keyspace in keyspaces {
        let KeyspaceStats { memory_hits, disk_hits, misses, memory_entries, disk_entries, .. } = keyspace;
        let percent = 100.0 * keyspace.hit_rate();
        write!(
            f,
            "\n{:<widest$}{memory_hits:>12}{disk_hits:>12}{misses:>12}{percent:>10.2} %",
            escape_control(&keyspace.name)
        )?;
        write!(
            f,
            "{memory_entries:>12}{disk_entries:>12}{:>12}{:>12}",
            keyspace.loads, keyspace.invalidations
        )?;
    }
    writeln!(f)?;
    for KeyspaceStats { name, undecodable, .. } in keyspaces.iter().filter(|of| of.undecodable > 0) {
        let name = escape_control(name);
        writeln!(
            f,
            "{undecodable} values of {name} did not decode, and were misses; the log has the reason of the first"
        )?;
    }
    Ok(())
}
