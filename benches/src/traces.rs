//! Hit ratios on request traces. Reads the ratios of other caches from a file, and computes means.
//!
//! ```text
//! trace  capacity | lru    moka
//! web07       102 | 33.56  38.21*
//! mean            | 40.00  44.63
//! ```

use std::collections::BTreeMap;

/// The hit ratios of each cache on one trace at one capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRow {
    /// Name of the trace.
    pub trace: String,
    /// Capacity of the cache, in entries.
    pub capacity: usize,
    /// Percentage of hits, by cache.
    pub hits: BTreeMap<String, f64>,
}

impl TraceRow {
    /// Returns the best ratio of the caches that `is_peer` accepts.
    #[must_use]
    pub fn best(&self, is_peer: impl Fn(&str) -> bool) -> Option<f64> {
        let peers = self.hits.iter().filter(|(name, _)| is_peer(name));
        peers.map(|(_, hits)| *hits).max_by(f64::total_cmp)
    }
}

/// Reads rows with the hit ratios of other caches. Ignores lines that are not rows.
#[must_use]
pub fn parse(text: &str) -> Vec<TraceRow> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines
        .next()
        .and_then(|header| header.split_once('|'))
        .map_or_else(Vec::new, |(_, names)| names.split_whitespace().collect());
    let row = |line: &str| {
        let (what, figures) = line.split_once('|')?;
        let mut words = what.split_whitespace();
        let (trace, capacity) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        let figures = figures.split_whitespace().map(|figure| figure.trim_end_matches('*').parse::<f64>());
        let hits =
            names.iter().zip(figures).filter_map(|(name, hits)| Some(((*name).to_owned(), hits.ok()?)));
        Some(TraceRow { trace, capacity, hits: hits.collect() })
    };
    lines.filter_map(row).collect()
}

/// Returns the mean ratio of a cache, or `None` unless it has a ratio in every row.
#[must_use]
pub fn mean(rows: &[TraceRow], name: &str) -> Option<f64> {
    mean_of(rows, |row| row.hits.get(name).copied())
}

/// Returns the mean of a figure over all rows. Returns `None` if there are no rows, or if a row does not have
/// the figure.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "there are a few dozen rows")]
pub fn mean_of(rows: &[TraceRow], figure: impl Fn(&TraceRow) -> Option<f64>) -> Option<f64> {
    let sum = rows.iter().map(figure).sum::<Option<f64>>()?;
    (!rows.is_empty()).then_some(sum / rows.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "trace capacity | lru moka\nweb07 102 | 33.5 38.5*\nloop 16 | 1.5* 0.5 \nmean | 17.50 19.50\n";

    #[test]
    fn rows_are_read_with_the_best_marked_or_not() {
        let rows = parse(TEXT);
        assert_eq!(rows.len(), 2);
        let first = rows.first().unwrap();
        assert_eq!((first.trace.as_str(), first.capacity), ("web07", 102));
        assert_eq!(first.best(|_| true), Some(38.5));
        assert_eq!(first.best(|name| name != "moka"), Some(33.5));
    }

    #[test]
    fn a_mean_is_over_every_row() {
        let mut rows = parse(TEXT);
        assert_eq!(mean(&rows, "lru"), Some(17.5));
        assert_eq!(mean_of(&rows, |row| row.best(|_| true)), Some(20.0));
        rows[1].hits.remove("lru");
        assert_eq!(mean(&rows, "lru"), None);
        assert_eq!(mean(&[], "lru"), None);
    }
}
