//! Checks the hit rate since the start and in a recent interval. If it is low, names the main cause of the
//! misses.

use larder::{CumulativeStats, Stats};

use super::report::CheckResult;
use super::series::{MIN_RECENT_LOOKUPS, StatsSeries, WARM_UP, Window, share};
use crate::term::time::span;

/// Minimum number of lookups for judging the hit rate since the start.
const MIN_LOOKUPS: u64 = 1000;
/// Minimum hit rate. A cache with a lower hit rate saves less than it could.
const POOR: f64 = 0.5;
/// Smallest drop in the hit rate that the check reports. From a hit rate of 80 %, such a drop doubles the
/// misses, and is larger than random variation.
const FALL: f64 = 0.2;
/// Minimum share of the misses that the main cause explains.
const MAIN_CAUSE: f64 = 0.3;
const ASK: &str = "ask the service, if it has a control socket (control=PATH in its URL)";

fn hit_rate_of(counts: &CumulativeStats) -> f64 {
    share(counts.memory_hits.saturating_add(counts.disk_hits), counts.requests())
}

/// Checks the hit rate since the start or, if there were too few lookups, since the file was created.
pub(super) fn hit_rate(series: Option<&StatsSeries>, in_file: Option<&CumulativeStats>) -> CheckResult {
    let check = "hit rate";
    let start = series.map(StatsSeries::since_start);
    let ever = series.and_then(|series| series.latest().lifetime.as_ref()).or(in_file);
    let (counts, since) = match (&start, ever) {
        (Some(start), _) if start.counts.requests() >= MIN_LOOKUPS => (&start.counts, "the start"),
        (_, Some(ever)) => (ever, "the file was made"),
        (Some(start), None) => (&start.counts, "the start"),
        (None, None) => return CheckResult::unknown(check, "the file does not record it", ASK),
    };
    let (lookups, rate) = (counts.requests(), hit_rate_of(counts));
    let found = format!("{:.1} % of {lookups} lookups since {since}", 100.0 * rate);
    let line = if lookups < MIN_LOOKUPS {
        CheckResult::unknown(check, found, "run this again when there were more")
    } else if rate >= POOR {
        CheckResult::pass(check, found)
    } else {
        match start.as_ref().filter(|start| start.duration < WARM_UP) {
            // The result is unknown, because misses are normal while the cache fills.
            Some(start) => {
                let found = format!("{found}, and it was opened {} ago", span(start.duration));
                CheckResult::unknown(
                    check,
                    found,
                    format!("run this again {} after the start, when it is filled", span(WARM_UP)),
                )
            }
            None => match series.and_then(healthy_recently) {
                Some(recently) => CheckResult::pass(check, format!("{found}, and {recently}")),
                None => CheckResult::warn(check, found, remedy(series.map(StatsSeries::latest), counts)),
            },
        }
    };
    line.with("lookups", lookups).with("hit_rate", rate)
}

/// Returns a text with the recent hit rate if that rate is not poor. A cache that filled slowly may have a
/// poor hit rate since the start and still be healthy.
fn healthy_recently(series: &StatsSeries) -> Option<String> {
    let window = series.shortest(|counts| counts.requests() >= MIN_RECENT_LOOKUPS)?;
    let rate = hit_rate_of(&window.counts);
    (rate >= POOR).then(|| format!("{:.1} % in {}", 100.0 * rate, window.describe()))
}

/// Returns the remedy for the main cause of the misses.
fn remedy(stats: Option<&Stats>, counts: &CumulativeStats) -> String {
    let of_misses = |count: u64| share(count, counts.misses);
    let undecodable = stats.map_or(0, |stats| {
        stats.keyspaces.iter().map(|space| space.undecodable).fold(0, u64::saturating_add)
    });
    let evictions = match stats {
        Some(stats) if stats.disk.is_none() => counts.memory_evictions,
        _ => counts.disk_evictions,
    };
    let where_to_look = "`larder stats SOCKET` shows which keyspace misses";
    let causes = [
        (undecodable, "most misses are values that do not decode: see `values`"),
        (
            stats.map_or(0, |stats| stats.uncacheable),
            "most misses are of values that can't be cached: see `uncacheable`",
        ),
        (counts.load_failures, "most misses are loads that fail, and a failure is not cached: see `loads`"),
        (
            evictions,
            "entries are evicted before they are asked for again: raise `disk`, or `memory` of a cache \
                without a file",
        ),
        (
            counts.disk_expirations.max(counts.memory_expirations),
            "entries expire before they are asked for again: raise the TTL of their keyspace",
        ),
        (
            counts.invalidations,
            "entries are invalidated before they are asked for again: remove by key, not by prefix or all, \
                and only what has changed",
        ),
    ];
    let main = causes.into_iter().find(|(count, _)| of_misses(*count) >= MAIN_CAUSE);
    let main = main.map_or(
        "most keys are asked for once, or not inserted after their load: use `get_or_load`",
        |(_, text)| text,
    );
    format!("{main}. {where_to_look}")
}

pub(super) fn hit_trend(series: &StatsSeries) -> CheckResult {
    let check = "hit trend";
    let Some(window) = series.shortest(|counts| counts.requests() >= MIN_RECENT_LOOKUPS) else {
        let lookups = series.shortest(|_| true).map_or(0, |window| window.counts.requests());
        return CheckResult::pass(check, format!("{lookups} recent lookups are too few to compare"))
            .with("lookups", lookups);
    };
    let before = series.before(&window);
    let (now, lookups) = (hit_rate_of(&window.counts), window.counts.requests());
    let found = format!("{:.1} % of {lookups} lookups in {}", 100.0 * now, window.describe());
    let line = if before.duration < WARM_UP || before.counts.requests() < MIN_LOOKUPS {
        CheckResult::pass(check, format!("{found}; it has not run for long enough to compare"))
    } else {
        compared(series, check, &found, &window, &before)
    };
    line.with("lookups", lookups).with("hit_rate", now).with("seconds", window.duration.as_secs_f64())
}

fn compared(
    series: &StatsSeries,
    check: &'static str,
    found: &str,
    window: &Window,
    before: &Window,
) -> CheckResult {
    let (now, then) = (hit_rate_of(&window.counts), hit_rate_of(&before.counts));
    let found = format!("{found}, {:.1} % before", 100.0 * then);
    let has_fallen = then - now >= FALL;
    let remedy = has_fallen.then(|| match worst_keyspace(series) {
        Some((name, misses)) => {
            format!(
                "{misses} of the misses just now are of keyspace {name}: {}",
                remedy(None, &window.counts)
            )
        }
        None => remedy(None, &window.counts),
    });
    CheckResult::warn_if(check, found, remedy).with("hit_rate_before", then)
}

/// Returns the keyspace with the most misses while the cache was watched, and the number of these misses.
fn worst_keyspace(series: &StatsSeries) -> Option<(&str, u64)> {
    let spaces = series.latest().keyspaces.iter();
    let misses = spaces.map(|space| (&*space.name, series.growth_in(space, |space| space.misses)));
    misses.max_by_key(|(_, misses)| *misses).filter(|(_, misses)| *misses > 0)
}
