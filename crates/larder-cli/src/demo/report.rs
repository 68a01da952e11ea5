//! The results: as JSON for programs, as a table for people, and held against the targets.

use std::fmt;
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use larder::Stats;
use serde::{Deserialize, Serialize};

use crate::demo::phase::{FIRST, Seen};

/// What the demo has found. The field names are those of the JSON file.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) without: Traffic,
    pub(crate) cold: Cached,
    pub(crate) restarted: Restarted,
    pub(crate) stale_answers: u64,
}

/// Requests, and what they cost.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// Queries that requests made; changes make none of these.
    pub(crate) queries: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Traffic {
    pub(crate) fn of(seen: &mut Seen) -> Self {
        Self {
            requests: seen.requests,
            queries: seen.queries,
            p50_us: micros(seen.latencies.percentile(50)),
            p99_us: micros(seen.latencies.percentile(99)),
        }
    }
}

/// Traffic with larder before the database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Cached {
    #[serde(flatten)]
    pub(crate) traffic: Traffic,
    pub(crate) hit_rate: f64,
    pub(crate) memory_hit_rate: f64,
    pub(crate) disk_hit_rate: f64,
    /// The share of the queries that the same number of requests makes without larder.
    pub(crate) queries_saved: f64,
}

impl Cached {
    pub(crate) fn of(seen: &mut Seen, stats: &Stats, without: &Traffic) -> Self {
        let traffic = Traffic::of(seen);
        let disk_hits = stats.disk.as_ref().map_or(0, |disk| disk.hits);
        let queries_each = share(without.queries, without.requests);
        Self {
            hit_rate: share(stats.memory.hits + disk_hits, traffic.requests),
            memory_hit_rate: share(stats.memory.hits, traffic.requests),
            disk_hit_rate: share(disk_hits, traffic.requests),
            queries_saved: 1.0 - share(traffic.queries, traffic.requests) / queries_each,
            traffic,
        }
    }
}

/// Traffic after the restart.
#[derive(Debug, Serialize)]
pub(crate) struct Restarted {
    #[serde(flatten)]
    pub(crate) cached: Cached,
    /// The share of the first thousand requests that made no query.
    pub(crate) first_1000_hit_rate: f64,
    /// From the end of the old process image to the first answer from the cache; nothing if there was none.
    pub(crate) first_hit_ms: Option<f64>,
}

impl Restarted {
    pub(crate) fn of(seen: &mut Seen, stats: &Stats, without: &Traffic) -> Self {
        Self {
            first_1000_hit_rate: share(seen.first_hits, seen.requests.min(FIRST)),
            first_hit_ms: seen.first_hit.map(millis),
            cached: Cached::of(seen, stats, without),
        }
    }
}

/// Something the demo sets out to show.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) claim: &'static str,
    pub(crate) least: f64,
    pub(crate) found: f64,
}

impl Target {
    pub(crate) fn is_met(&self) -> bool {
        self.found >= self.least
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met() { "met   " } else { "MISSED" };
        write!(f, "{verdict}  {}: {}, target {}", self.claim, percent(self.found), percent(self.least))
    }
}

impl Report {
    /// The guide's promise: nine of ten requests are hits, and as many queries saved.
    const PROMISED: f64 = 0.90;
    /// "Within a few points" of the rate before the restart.
    const FEW_POINTS: f64 = 0.03;

    pub(crate) fn targets(&self) -> [Target; 4] {
        let warm = (self.cold.hit_rate - Self::FEW_POINTS).max(0.0);
        [
            Target { claim: "hit rate", least: Self::PROMISED, found: self.cold.hit_rate },
            Target { claim: "queries saved", least: Self::PROMISED, found: self.cold.queries_saved },
            Target {
                claim: "hit rate of the first 1,000 requests after the restart",
                least: warm,
                found: self.restarted.first_1000_hit_rate,
            },
            Target {
                claim: "hit rate after the restart",
                least: warm,
                found: self.restarted.cached.hit_rate,
            },
        ]
    }

    pub(crate) fn table(&self) -> Table {
        const NONE: &str = "–";
        let (cold, warm) = (&self.cold, &self.restarted.cached);
        let traffic = [&self.without, &cold.traffic, &warm.traffic];
        let none = || NONE.to_owned();
        let of_all = |text: fn(&Traffic) -> String| traffic.map(text);
        let of_cached = |value: fn(&Cached) -> f64| [none(), percent(value(cold)), percent(value(warm))];
        let of_restarted = |text: String| [none(), none(), text];
        let first_hit = self.restarted.first_hit_ms.map_or_else(none, |ms| format!("{ms:.1} ms"));
        let rows = [
            ("requests", of_all(|phase| count(phase.requests))),
            ("database queries", of_all(|phase| count(phase.queries))),
            ("queries saved", of_cached(|phase| phase.queries_saved)),
            ("hit rate", of_cached(|phase| phase.hit_rate)),
            ("  from memory", of_cached(|phase| phase.memory_hit_rate)),
            ("  from disk", of_cached(|phase| phase.disk_hit_rate)),
            ("  of the first 1,000 requests", of_restarted(percent(self.restarted.first_1000_hit_rate))),
            ("latency, p50", of_all(|phase| format!("{:.1} µs", phase.p50_us))),
            ("latency, p99", of_all(|phase| format!("{:.1} µs", phase.p99_us))),
            ("time to first hit", of_restarted(first_hit)),
            ("stale answers, in all", of_restarted(count(self.stale_answers))),
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
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "a request takes fewer than 2^52 nanoseconds")]
fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "a restart takes fewer than 2^52 nanoseconds")]
fn millis(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A count with its thousands apart: `1,234,567`.
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

    fn cached(hit_rate: f64) -> Cached {
        Cached {
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
            restarted: Restarted {
                cached: cached(restarted),
                first_1000_hit_rate: first,
                first_hit_ms: Some(4.2),
            },
            stale_answers: 0,
        }
    }

    #[test]
    fn targets_are_met_at_their_least_and_missed_below() {
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
    fn the_table_shows_counts_and_shares_as_people_read_them() {
        let table = report(0.95, 0.96, 0.97).table().to_string();
        for text in ["600,000", "95.0 %", "4.2 ms", "stale answers"] {
            assert!(table.contains(text), "{text} is not in\n{table}");
        }
    }
}
