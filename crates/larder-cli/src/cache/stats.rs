//! Compares two statistics of one process, to turn totals since its start into the counts of an interval.

use larder::{KeyspaceStats, Latencies, Stats};

/// Returns the statistics of a keyspace by its name.
pub(crate) fn keyspace<'a>(stats: &'a Stats, name: &str) -> Option<&'a KeyspaceStats> {
    // Uses a binary search, since the keyspaces are sorted by name, and there may be thousands of them.
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
