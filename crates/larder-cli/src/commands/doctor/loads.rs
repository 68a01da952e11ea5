//! Checks the loads: whether they succeed, how long they take, and whether their values can be cached.

use std::time::Duration;

use larder::{CumulativeStats, DEFAULT_SLOW_LOAD, KeyspaceStats, Stats};

use super::report::CheckResult;
use super::series::{StatsSeries, share};
use crate::term::time::latency;

/// Minimum number of loads for judging the share that failed, or how long they take.
const MIN_LOADS: u64 = 20;
/// Minimum share of failed loads that is reported. A lower share may be normal, because a loader may return
/// an error for missing data.
const FAILING: f64 = 0.25;
/// Minimum number of fills for judging the share that was voided.
const MIN_FILLS: u64 = 100;
/// Minimum share of voided fills that is reported: one fill in five is wasted.
const VOIDED: f64 = 0.2;
/// Minimum share of values that are too large or uncacheable. A lower share concerns only single values,
/// and no setting needs to change.
const RARE: f64 = 0.01;
/// Maximum number of keyspaces that a text lists.
const MAX_NAMED: usize = 3;

/// Returns the keyspaces with a count above zero, largest count first.
pub(super) fn most_first(stats: &Stats, count: impl Fn(&KeyspaceStats) -> u64) -> Vec<(&KeyspaceStats, u64)> {
    let counted = stats.keyspaces.iter().map(|space| (space, count(space)));
    let mut counted: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted
}

/// Returns a text that lists the first keyspaces, each as `7 of name`.
pub(super) fn named(counted: &[(&KeyspaceStats, u64)]) -> String {
    let named = counted.iter().take(MAX_NAMED).map(|(space, count)| format!("{count} of {}", space.name));
    let more = if counted.len() > MAX_NAMED { ", and of others" } else { "" };
    format!("{}{more}", named.collect::<Vec<_>>().join(", "))
}

pub(super) fn failing(series: &StatsSeries) -> CheckResult {
    let check = "loads";
    let Some(window) = series.shortest(|counts| counts.loads >= MIN_LOADS) else {
        let start = series.since_start().counts;
        return CheckResult::pass(check, format!("{} since the start, few recently", start.loads))
            .with("loads", start.loads)
            .with("failures", start.load_failures);
    };
    let (loads, failures) = (window.counts.loads, window.counts.load_failures);
    let found = format!("{failures} of {loads} failed in {}", window.describe());
    let remedy = (share(failures, loads) >= FAILING).then(|| {
        let stats = series.latest();
        let just_now = most_first(stats, |space| series.growth_in(space, |space| space.load_failures));
        let ever = most_first(stats, |space| space.load_failures);
        let (which, when) =
            if just_now.is_empty() { (ever, "since the start") } else { (just_now, "just now") };
        format!(
            "{} {when}: the errors are the loader's own, in the service's log. No failure is cached, so \
                each caller asks the source again",
            named(&which)
        )
    });
    CheckResult::warn_if(check, found, remedy)
        .with("seconds", window.duration.as_secs_f64())
        .with("loads", loads)
        .with("failures", failures)
}

pub(super) fn slow(series: &StatsSeries) -> CheckResult {
    let check = "slow loads";
    let stats = series.latest();
    let mut slowest: Option<(&KeyspaceStats, Duration)> = None;
    for space in &stats.keyspaces {
        let recent = series.load_latency_of(space);
        let latencies = if recent.count() >= MIN_LOADS { &recent } else { &space.load_latency };
        let usual = latencies.quantile(0.5);
        if latencies.count() >= MIN_LOADS && slowest.is_none_or(|(_, other)| usual > other) {
            slowest = Some((space, usual));
        }
    }
    let Some((space, usual)) = slowest else { return CheckResult::pass(check, "too few loads to tell") };
    let found = format!("half of those of {} take {}", space.name, latency(usual));
    let remedy = (usual > DEFAULT_SLOW_LOAD).then(|| {
        "the source is slow: look at it first. A longer TTL, or more room where entries are evicted, spares \
            loads"
            .to_owned()
    });
    CheckResult::warn_if(check, found, remedy).with("half_of_loads_seconds", usual.as_secs_f64())
}

pub(super) fn uncacheable(series: &StatsSeries) -> CheckResult {
    let check = "uncacheable";
    let stats = series.latest();
    let affected_in = |space: &KeyspaceStats| {
        let grows = series.growth_in(space, |space| space.uncacheable) > 0;
        let is_common = share(space.uncacheable, space.loads) >= RARE;
        if grows || is_common { space.uncacheable } else { 0 }
    };
    let affected = most_first(stats, affected_in);
    let ended = series.recent(|counts| counts.uncacheable).filter(|window| window.counts.uncacheable == 0);
    let line = match (affected.first(), ended) {
        (Some(_), Some(window)) => {
            let found = format!(
                "{} loaded values could not be cached since the start ({}), none in {}",
                stats.uncacheable,
                named(&affected),
                window.describe()
            );
            CheckResult::pass(check, found)
        }
        (None, _) => {
            CheckResult::pass(check, format!("{} loaded values could not be cached", stats.uncacheable))
        }
        (Some((worst, _)), None) => {
            let found = format!(
                "loaded values that could not be cached, so that each caller loads them again: {}",
                named(&affected)
            );
            let cause = worst.uncacheable_cause.as_deref().unwrap_or("the service's log has the reason");
            CheckResult::warn(check, found, format!("the latest of {}: {cause}", worst.name))
        }
    };
    line.with("uncacheable", stats.uncacheable)
}

/// Checks whether values bypass a tier because they are too large.
pub(super) fn too_large(series: &StatsSeries) -> CheckResult {
    let check = "too large";
    let stats = series.latest();
    let affected_in = |space: &KeyspaceStats| {
        let is_common = share(space.too_large_for_disk, space.inserts.saturating_add(space.loads)) >= RARE;
        if is_common { space.too_large_for_disk } else { 0 }
    };
    let affected = most_first(stats, affected_in);
    let (bypassed, came) =
        (stats.memory.bypassed, stats.inserts.saturating_add(stats.loads).saturating_add(stats.promotions));
    let line = if let Some((worst, _)) = affected.first() {
        let found =
            format!("values that are too large for the file, and that a restart loses: {}", named(&affected));
        let cause = worst.too_large_for_disk_cause.as_deref().unwrap_or("raise `disk`");
        CheckResult::warn(check, found, format!("the latest of {}: {cause}", worst.name))
    } else if share(bypassed, came) >= RARE {
        let found = format!("{bypassed} values found no room in memory, and are read from disk each time");
        let remedy = format!("raise `memory` ({} now): they are large for it", stats.memory.capacity);
        CheckResult::warn(check, found, remedy)
    } else {
        CheckResult::pass(
            check,
            format!("{} values for the disk, {bypassed} for memory", stats.too_large_for_disk),
        )
    };
    line.with("too_large_for_disk", stats.too_large_for_disk).with("bypassed", bypassed)
}

/// Checks whether many fills are voided, because their keys change while the values are fetched.
pub(super) fn voided(series: &StatsSeries) -> CheckResult {
    let check = "fills";
    let stats = series.latest();
    let fills = |counts: &CumulativeStats| counts.loads.saturating_add(counts.promotions);
    let Some(window) = series.shortest(|counts| fills(counts) >= MIN_FILLS) else {
        let start = series.since_start().counts;
        let (of, voided) = (fills(&start), start.voided_fills);
        let found = format!(
            "{voided} of {of} values were written or invalidated while they were fetched, since the start; few recently"
        );
        return CheckResult::pass(check, found).with("fills", of).with("voided", voided);
    };
    let (of, voided) = (fills(&window.counts), window.counts.voided_fills);
    let found = format!(
        "{voided} of {of} values were written or invalidated while they were fetched, in {}",
        window.describe()
    );
    let remedy = (share(voided, of) >= VOIDED).then(|| {
        let which = most_first(stats, |space| space.voided_fills);
        format!(
            "such a value is not cached ({}): invalidate by key, not by prefix or all, and only what has \
                changed",
            named(&which)
        )
    });
    CheckResult::warn_if(check, found, remedy).with("fills", of).with("voided", voided)
}
