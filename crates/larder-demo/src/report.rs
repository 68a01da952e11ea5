//! The results: JSON for programs, a table for people, and a comparison with the targets.

use std::fmt;
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use larder::Stats;
use serde::{Deserialize, Serialize};

use crate::phase::{FIRST, PhaseResult};

/// The results of the demo. The names of the fields are used in the JSON file too.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) without: Traffic,
    pub(crate) cold: CachedTraffic,
    pub(crate) restarted: RestartedTraffic,
    pub(crate) stale_answers: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// Number of queries for requests, without the statements for changes.
    pub(crate) queries: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Traffic {
    pub(crate) fn of(result: &mut PhaseResult) -> Self {
        Self {
            requests: result.requests,
            queries: result.queries,
            p50_us: micros(result.latencies.percentile(50)),
            p99_us: micros(result.latencies.percentile(99)),
        }
    }
}

/// Traffic with larder in front of the database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CachedTraffic {
    #[serde(flatten)]
    pub(crate) traffic: Traffic,
    pub(crate) hit_rate: f64,
    pub(crate) memory_hit_rate: f64,
    pub(crate) disk_hit_rate: f64,
    /// The fraction of the queries that the cache saved: 1 - queries with larder / queries without larder,
    /// for the same number of requests.
    pub(crate) queries_saved: f64,
}

impl CachedTraffic {
    pub(crate) fn of(result: &mut PhaseResult, stats: &Stats, without: &Traffic) -> Self {
        let traffic = Traffic::of(result);
        let remote_hits = stats.remote.as_ref().map_or(0, |remote| remote.hits);
        let disk_hits = stats.disk.as_ref().map_or(remote_hits, |disk| disk.hits);
        let queries_each = ratio(without.queries, without.requests);
        Self {
            hit_rate: ratio(stats.memory.hits + disk_hits, traffic.requests),
            memory_hit_rate: ratio(stats.memory.hits, traffic.requests),
            disk_hit_rate: ratio(disk_hits, traffic.requests),
            queries_saved: 1.0 - ratio(traffic.queries, traffic.requests) / queries_each,
            traffic,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct RestartedTraffic {
    #[serde(flatten)]
    pub(crate) cached: CachedTraffic,
    /// The fraction of the first thousand requests that needed no query.
    pub(crate) first_1000_hit_rate: f64,
    /// The time from the end of the old process image to the first hit. `None` if there was no hit.
    pub(crate) first_hit_ms: Option<f64>,
}

impl RestartedTraffic {
    pub(crate) fn of(result: &mut PhaseResult, stats: &Stats, without: &Traffic) -> Self {
        Self {
            first_1000_hit_rate: ratio(result.first_hits, result.requests.min(FIRST)),
            first_hit_ms: result.first_hit.map(millis),
            cached: CachedTraffic::of(result, stats, without),
        }
    }
}

/// A value that the demo should reach.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) claim: &'static str,
    pub(crate) min: f64,
    pub(crate) found: f64,
}

impl Target {
    pub(crate) fn is_met(&self) -> bool {
        self.found >= self.min
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met() { "met   " } else { "MISSED" };
        write!(f, "{verdict}  {}: {}, target {}", self.claim, percent(self.found), percent(self.min))
    }
}

impl Report {
    /// Minimum hit rate, and minimum fraction of saved queries.
    const PROMISED: f64 = 0.90;
    /// Maximum drop in the hit rate at the restart.
    const RESTART_TOLERANCE: f64 = 0.03;

    pub(crate) fn targets(&self) -> [Target; 4] {
        let warm = (self.cold.hit_rate - Self::RESTART_TOLERANCE).max(0.0);
        [
            Target { claim: "hit rate", min: Self::PROMISED, found: self.cold.hit_rate },
            Target { claim: "queries saved", min: Self::PROMISED, found: self.cold.queries_saved },
            Target {
                claim: "hit rate of the first 1,000 requests after the restart",
                min: warm,
                found: self.restarted.first_1000_hit_rate,
            },
            Target { claim: "hit rate after the restart", min: warm, found: self.restarted.cached.hit_rate },
        ]
    }

    pub(crate) fn table(&self) -> Table {
        const NONE: &str = "–";
        let (cold, warm) = (&self.cold, &self.restarted.cached);
        let traffic = [&self.without, &cold.traffic, &warm.traffic];
        let none = || NONE.to_owned();
        let all = |text: fn(&Traffic) -> String| traffic.map(text);
        let cached = |value: fn(&CachedTraffic) -> f64| [none(), percent(value(cold)), percent(value(warm))];
        let restarted = |text: String| [none(), none(), text];
        let first_hit = self.restarted.first_hit_ms.map_or_else(none, |ms| format!("{ms:.1} ms"));
        let rows = [
            ("requests", all(|phase| count(phase.requests))),
            ("database queries", all(|phase| count(phase.queries))),
            ("queries saved", cached(|phase| phase.queries_saved)),
            ("hit rate", cached(|phase| phase.hit_rate)),
            ("  from memory", cached(|phase| phase.memory_hit_rate)),
            ("  from disk", cached(|phase| phase.disk_hit_rate)),
            ("  of the first 1,000 requests", restarted(percent(self.restarted.first_1000_hit_rate))),
            ("latency, p50", all(|phase| format!("{:.1} µs", phase.p50_us))),
            ("latency, p99", all(|phase| format!("{:.1} µs", phase.p99_us))),
            ("time to first hit", restarted(first_hit)),
            ("stale answers, in all", restarted(count(self.stale_answers))),
        ];
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["", "without larder", "with larder, from empty", "restarted, from disk"]);
        for (label, cells) in rows {
            table.add_row([label.to_owned()].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "a request takes fewer than 2^52 nanoseconds")]
fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "a restart takes fewer than 2^52 nanoseconds")]
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

pub(crate) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// Formats a number with separators, as in `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(hit_rate: f64) -> CachedTraffic {
        CachedTraffic {
            traffic: Traffic { requests: 600_000, queries: 30_000, p50_us: 1.0, p99_us: 9.0 },
            hit_rate,
            memory_hit_rate: hit_rate - 0.2,
            disk_hit_rate: 0.2,
            queries_saved: hit_rate,
        }
    }

    fn report(cold: f64, first: f64, restarted: f64) -> Report {
        Report {
            without: Traffic { requests: 600_000, queries: 600_000, p50_us: 10.0, p99_us: 99.0 },
            cold: cached(cold),
            restarted: RestartedTraffic {
                cached: cached(restarted),
                first_1000_hit_rate: first,
                first_hit_ms: Some(4.2),
            },
            stale_answers: 0,
        }
    }

    #[test]
    fn targets_are_met_at_their_minimum_and_missed_below() {
        let met = |report: Report| report.targets().map(|target| target.is_met());
        assert_eq!(met(report(0.90, 0.88, 0.95)), [true; 4]);
        assert_eq!(met(report(0.89, 0.88, 0.95)), [false, false, true, true]);
        assert_eq!(met(report(0.95, 0.91, 0.95)), [true, true, false, true]);
    }

    #[test]
    fn the_json_has_the_promised_fields() {
        let json = serde_json::to_value(report(0.95, 0.96, 0.97)).unwrap();
        for field in ["requests", "queries", "p50_us", "p99_us"] {
            for phase in ["without", "cold", "restarted"] {
                assert!(json[phase][field].is_number(), "{phase}.{field}");
            }
        }
        for field in ["hit_rate", "memory_hit_rate", "disk_hit_rate", "queries_saved"] {
            for phase in ["cold", "restarted"] {
                assert!(json[phase][field].is_number(), "{phase}.{field}");
            }
        }
        assert!(json["restarted"]["first_1000_hit_rate"].is_number());
        assert!(json["restarted"]["first_hit_ms"].is_number());
        assert!(json["stale_answers"].is_number());
    }

    #[test]
    fn the_table_shows_counts_with_separators_and_shares_in_percent() {
        let table = report(0.95, 0.96, 0.97).table().to_string();
        for text in ["600,000", "95.0 %", "4.2 ms", "stale answers"] {
            assert!(table.contains(text), "{text} is not in\n{table}");
        }
    }
}
