//! Finds the statistics of a keyspace, and subtracts two latency histograms of one process.

use larder::{KeyspaceStats, Latencies, Stats};

pub(crate) fn keyspace<'a>(stats: &'a Stats, name: &str) -> Option<&'a KeyspaceStats> {
    // Uses a binary search, because there may be thousands of keyspaces. They are sorted by name.
    let at = stats.keyspaces.binary_search_by(|other| (*other.name).cmp(name)).ok()?;
    stats.keyspaces.get(at)
}

/// Returns the latencies that were recorded between two histograms of the same process.
pub(crate) fn latencies_between(before: &Latencies, now: &Latencies) -> Latencies {
    let mut added = now.clone();
    for bucket in &mut added.buckets {
        let old = before.buckets.iter().find(|old| old.up_to == bucket.up_to).map_or(0, |old| old.count);
        bucket.count = bucket.count.saturating_sub(old);
    }
    added
}
