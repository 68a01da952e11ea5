//! Statistics as text for people.
//!
//! Without a width, each table row is one line of any length, for programs that read a pipe. With a width, as
//! in `{stats:80}`, tables are folded and texts are wrapped, so that the lines fit into the terminal. A
//! single word that is too long is not split.

mod table;

use std::fmt;

use super::remote::RemoteStats;
use super::{DiskStats, KeyspaceStats, MemoryStats, Stats};
use crate::format::escape::escape_control;
use crate::units::ByteSize;
use table::LineWriter;

/// Prints the tiers and the keyspaces as tables, and the other statistics as lines. A width, as in
/// `{stats:80}`, folds the tables and wraps the lines for a terminal of that many columns. Control characters
/// in names, paths and causes are escaped.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width();
        let mut out = LineWriter::new(f, width);
        tiers(self, &mut out)?;
        out.line("")?;
        totals(self, &mut out)?;
        if let Some(disk) = &self.disk {
            file(disk, &mut out)?;
        }
        out.line("")?;
        keyspaces(self, &mut out)
    }
}

fn tiers(stats: &Stats, out: &mut LineWriter<'_, '_>) -> fmt::Result {
    let tier = |name: &str, [hits, entries, evicted, expired]: [u64; 4], sizes: [ByteSize; 2]| {
        let [hits, entries, evicted, expired] =
            [hits, entries, evicted, expired].map(|count| count.to_string());
        let [bytes, capacity] = sizes.map(|size| size.to_string());
        vec![name.to_owned(), hits, entries, bytes, capacity, evicted, expired]
    };
    let MemoryStats { hits, entries, weight, capacity, evictions, expirations, .. } = stats.memory;
    let mut rows = vec![tier("memory", [hits, entries, evictions, expirations], [weight, capacity])];
    if let Some(&DiskStats { hits, entries, bytes, capacity, evictions, expirations, .. }) =
        stats.disk.as_ref()
    {
        rows.push(tier("disk", [hits, entries, evictions, expirations], [bytes, capacity]));
    }
    if let Some(RemoteStats { hits, .. }) = &stats.remote {
        let unknown = std::iter::repeat_n("-".to_owned(), 5);
        rows.push(["remote".to_owned(), hits.to_string()].into_iter().chain(unknown).collect());
    }
    out.table(&["tier", "hits", "entries", "bytes", "capacity", "evicted", "expired"], &rows)
}

/// Returns a share of lookups as a percentage with two decimals, or a dash if there were no lookups.
#[expect(clippy::cast_precision_loss, reason = "a share of counts, for people")]
fn percent(part: u64, lookups: u64) -> String {
    if lookups == 0 { "-".to_owned() } else { format!("{:.2} %", 100.0 * part as f64 / lookups as f64) }
}

fn totals(stats: &Stats, out: &mut LineWriter<'_, '_>) -> fmt::Result {
    let Stats {
        misses,
        loads,
        load_failures,
        stale_answers,
        refreshes,
        refreshes_refused,
        absent_answers,
        voided_fills,
        uncacheable,
        too_large_for_disk,
        ..
    } = stats;
    let Stats { promotions, inserts, invalidations, .. } = stats;
    let lookups = stats.requests();
    if lookups == 0 {
        out.line("no lookups yet")?;
    } else {
        let [all, memory] = [lookups - misses, stats.memory.hits].map(|part| percent(part, lookups));
        let from_disk = stats.disk.as_ref().map(|disk| ("from disk", disk.hits));
        let below = from_disk.or(stats.remote.as_ref().map(|remote| ("by the server", remote.hits)));
        let below =
            below.map_or(String::new(), |(tier, hits)| format!(" and {} {tier}", percent(hits, lookups)));
        out.line(&format!(
            "lookups {lookups}, hit rate {all}: {memory} of all lookups were answered from memory{below}; \
             misses {misses}"
        ))?;
    }
    out.line(&format!(
        "loads {loads} ({load_failures} failed), stale answers {stale_answers}, absent answers {absent_answers}, \
         refreshes {refreshes} ({refreshes_refused} refused)"
    ))?;
    out.line(&format!(
        "inserts {inserts} (values that loads stored are not among them), invalidations {invalidations}"
    ))?;
    out.line(&format!(
        "promotions {promotions}, fills voided {voided_fills}, uncacheable {uncacheable}, \
         too large for the disk {too_large_for_disk}"
    ))?;
    if let Some(RemoteStats { server, hits, failures, unsent_uses }) = &stats.remote {
        out.line(&format!(
            "remote {server}: {hits} lookups answered, {failures} requests failed, \
             {unsent_uses} uses not sent"
        ))?;
    }
    if stats.disk.is_none() {
        return Ok(());
    }
    out.line(&format!(
        "unsaved {} of {}: what waits in the write buffer, beside the memory capacity",
        stats.unsaved_bytes, stats.write_buffer
    ))
}

fn file(disk: &DiskStats, out: &mut LineWriter<'_, '_>) -> fmt::Result {
    let DiskStats { commits, recovered_entries, damaged_records, read_faults, flush_lag, .. } = disk;
    let DiskStats { bytes: live, usable_bytes: usable, file_bytes: file, capacity, .. } = disk;
    out.line(&format!("live {live} of usable {usable}: what entries take on disk, and what they may take"))?;
    out.line(&match disk.allocated_bytes {
        Some(allocated) => format!("on disk {allocated} of {capacity}, the file is {file} long"),
        None => format!("the file is {file} of {capacity} long"),
    })?;
    let closed = if disk.was_closed_cleanly { "closed cleanly" } else { "left by a crash" };
    out.line(&format!("{commits} commits, {recovered_entries} entries recovered ({closed})"))?;
    out.line(&format!("{damaged_records} reads found a damaged record, {read_faults} reads failed"))?;
    let DiskStats { filtered, unfound, filter_bytes, .. } = disk;
    out.line(&format!(
        "{filtered} lookups of missing keys without a read, by a filter of {filter_bytes}; {unfound} with a read"
    ))?;
    if disk.commit_latency.count() > 0 {
        let [usual, slow] = [0.5, 0.99].map(|share| disk.commit_latency.quantile(share));
        out.line(&format!("half of the commits took up to {usual:.1?}, 99 % up to {slow:.1?}"))?;
    }
    if flush_lag.is_zero() {
        out.line("no insert waits for its commit")?;
    } else {
        out.line(&format!("the oldest insert that is not committed has waited for {flush_lag:.1?}"))?;
    }
    if !disk.degraded.is_zero() {
        out.line(&format!("the disk tier has been off for {:.1?}", disk.degraded))?;
    }
    if let Some(aside) = &disk.quarantined {
        out.line(&format!("a damaged file was moved to {}", escape_control(&aside.to_string_lossy())))?;
    }
    if let Some(why) = &disk.off {
        out.line(&format!("THE DISK TIER IS OFF: {}", escape_control(why)))?;
    }
    Ok(())
}

fn keyspaces(stats: &Stats, out: &mut LineWriter<'_, '_>) -> fmt::Result {
    let keyspaces = &stats.keyspaces;
    let heads = [
        "keyspace",
        "memory hits",
        if stats.remote.is_some() { "remote hits" } else { "disk hits" },
        "misses",
        "hit rate",
        "in memory",
        "on disk",
        "loads",
        "inserts",
        "invalidations",
    ];
    let row = |of: &KeyspaceStats| {
        let hits = of.memory_hits.saturating_add(of.disk_hits);
        let [memory, disk, misses] = [of.memory_hits, of.disk_hits, of.misses].map(|count| count.to_string());
        let rest = [of.memory_entries, of.disk_entries, of.loads, of.inserts, of.invalidations];
        let name = escape_control(&of.name).into_owned();
        let mut cells = vec![name, memory, disk, misses, percent(hits, hits.saturating_add(of.misses))];
        cells.extend(rest.map(|count| count.to_string()));
        cells
    };
    out.table(&heads, &keyspaces.iter().map(row).collect::<Vec<_>>())?;
    for of in keyspaces.iter().filter(|of| of.undecodable > 0) {
        let (name, cause) = (escape_control(&of.name), of.undecodable_cause.as_deref());
        let cause = cause.map_or(String::new(), |cause| format!("; the latest: {}", escape_control(cause)));
        out.line(&format!("{} lookups of {name} missed values that do not decode{cause}", of.undecodable))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
