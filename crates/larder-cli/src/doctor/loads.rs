//! Whether loads work, and whether what they bring is kept.

use std::time::Duration;

use larder::{CumulativeStats, DEFAULT_SLOW_LOAD, KeyspaceStats, Stats};

use super::line::Line;
use super::looks::{Looks, share};
use crate::time::latency;

/// Loads before a share of them says anything.
const ENOUGH: u64 = 20;
/// The share of loads that fail. Below, a loader may answer with an error for what is not there, which is no
/// fault.
const FAILING: f64 = 0.25;
/// Fills before a share of them says anything.
const ENOUGH_FILLS: u64 = 100;
/// The share of fills that are voided: one in five loads for nothing.
const VOIDED: f64 = 0.2;
/// The share of the values of a keyspace that find no place. Fewer are single values, which no setting is
/// made for.
const RARE: f64 = 0.01;
/// Keyspaces that are named.
const MAX_NAMED: usize = 3;

/// Keyspaces by how much each has of something, the one with most first; those with nothing are left out.
pub(super) fn most_first(stats: &Stats, count: impl Fn(&KeyspaceStats) -> u64) -> Vec<(&KeyspaceStats, u64)> {
    let counted = stats.keyspaces.iter().map(|space| (space, count(space)));
    let mut counted: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted
}

/// The first of them, each as `7 of name`.
pub(super) fn named(counted: &[(&KeyspaceStats, u64)]) -> String {
    let named = counted.iter().take(MAX_NAMED).map(|(space, count)| format!("{count} of {}", space.name));
    let more = if counted.len() > MAX_NAMED { ", and of others" } else { "" };
    format!("{}{more}", named.collect::<Vec<_>>().join(", "))
}

/// Whether loaders fail.
pub(super) fn failing(looks: &Looks) -> Line {
    let check = "loads";
    let Some(window) = looks.lately(|counts| counts.loads >= ENOUGH) else {
        let start = looks.since_start().counts;
        return Line::pass(check, format!("{} since the start, few of late", start.loads))
            .with("loads", start.loads)
            .with("failures", start.load_failures);
    };
    let (loads, failures) = (window.counts.loads, window.counts.load_failures);
    let found = format!("{failures} of {loads} failed in {}", window.told());
    let remedy = (share(failures, loads) >= FAILING).then(|| {
        let stats = looks.last();
        let just_now = most_first(stats, |space| looks.grown_in(space, |space| space.load_failures));
        let ever = most_first(stats, |space| space.load_failures);
        let (which, when) = if just_now.is_empty() {
            (ever, "since the start")
        } else {
            (
                just_now,
                "just \
            now",
            )
        };
        format!(
            "{} {when}: the errors are the loader's own, in the service's log. No failure is cached, so \
                each caller asks the source again",
            named(&which)
        )
    });
    Line::warn_if(check, found, remedy)
        .with("seconds", window.over.as_secs_f64())
        .with("loads", loads)
        .with("failures", failures)
}

/// Whether loaders take long.
pub(super) fn slow(looks: &Looks) -> Line {
    let check = "slow loads";
    let stats = looks.last();
    let mut slowest: Option<(&KeyspaceStats, Duration)> = None;
    for space in &stats.keyspaces {
        let recent = looks.loads_of(space);
        let latencies = if recent.count() >= ENOUGH { &recent } else { &space.load_latency };
        let usual = latencies.quantile(0.5);
        if latencies.count() >= ENOUGH && slowest.is_none_or(|(_, other)| usual > other) {
            slowest = Some((space, usual));
        }
    }
    let Some((space, usual)) = slowest else { return Line::pass(check, "too few loads to tell") };
    let found = format!("half of those of {} take {}", space.name, latency(usual));
    let remedy = (usual > DEFAULT_SLOW_LOAD).then(|| {
        "the source is slow: look at it first. A longer TTL, or more room where entries are evicted, spares \
            loads"
            .to_owned()
    });
    Line::warn_if(check, found, remedy).with("half_of_loads_seconds", usual.as_secs_f64())
}

/// Whether loaded values can be cached.
pub(super) fn uncacheable(looks: &Looks) -> Line {
    let check = "uncacheable";
    let stats = looks.last();
    let found_of = |space: &KeyspaceStats| {
        let grows = looks.grown_in(space, |space| space.uncacheable) > 0;
        let is_common = share(space.uncacheable, space.loads) >= RARE;
        if grows || is_common { space.uncacheable } else { 0 }
    };
    let sick = most_first(stats, found_of);
    let over = looks.of_late(|counts| counts.uncacheable).filter(|window| window.counts.uncacheable == 0);
    let line = match (sick.first(), over) {
        (Some(_), Some(window)) => {
            let found = format!(
                "{} loaded values could not be cached since the start ({}), none in {}",
                stats.uncacheable,
                named(&sick),
                window.told()
            );
            Line::pass(check, found)
        }
        (None, _) => Line::pass(check, format!("{} loaded values could not be cached", stats.uncacheable)),
        (Some((worst, _)), None) => {
            let found = format!(
                "loaded values that could not be cached, so that each caller loads them anew: {}",
                named(&sick)
            );
            let cause = worst.uncacheable_cause.as_deref().unwrap_or("the service's log has the reason");
            Line::warn(check, found, format!("the latest of {}: {cause}", worst.name))
        }
    };
    line.with("uncacheable", stats.uncacheable)
}

/// Whether values pass a tier by because they are too large for it.
pub(super) fn too_large(looks: &Looks) -> Line {
    let check = "too large";
    let stats = looks.last();
    let found_of = |space: &KeyspaceStats| {
        let is_common = share(space.too_large_for_disk, space.inserts + space.loads) >= RARE;
        if is_common { space.too_large_for_disk } else { 0 }
    };
    let sick = most_first(stats, found_of);
    let (bypassed, came) = (stats.memory.bypassed, stats.inserts + stats.loads + stats.promotions);
    let line = if let Some((worst, _)) = sick.first() {
        let found = format!("values that the file does not take, and that a restart loses: {}", named(&sick));
        let cause = worst.too_large_for_disk_cause.as_deref().unwrap_or("raise `disk`");
        Line::warn(check, found, format!("the latest of {}: {cause}", worst.name))
    } else if share(bypassed, came) >= RARE {
        let found = format!("{bypassed} values found no room in memory, and are read from disk each time");
        let remedy = format!(
            "raise `memory` ({} now): they are heavy for it",
            larder::ByteSize::bytes(stats.memory.capacity)
        );
        Line::warn(check, found, remedy)
    } else {
        Line::pass(check, format!("{} values for the disk, {bypassed} for memory", stats.too_large_for_disk))
    };
    line.with("too_large_for_disk", stats.too_large_for_disk).with("bypassed", bypassed)
}

/// Whether what was loaded is of use when it comes.
pub(super) fn voided(looks: &Looks) -> Line {
    let check = "fills";
    let stats = looks.last();
    let fills = |counts: &CumulativeStats| counts.loads + counts.promotions;
    let Some(window) = looks.lately(|counts| fills(counts) >= ENOUGH_FILLS) else {
        let start = looks.since_start().counts;
        let (of, voided) = (fills(&start), start.voided_fills);
        let found = format!(
            "{voided} of {of} values were written or invalidated while they were fetched, since the start; few of late"
        );
        return Line::pass(check, found).with("fills", of).with("voided", voided);
    };
    let (of, voided) = (fills(&window.counts), window.counts.voided_fills);
    let found = format!(
        "{voided} of {of} values were written or invalidated while they were fetched, in {}",
        window.told()
    );
    let remedy = (share(voided, of) >= VOIDED).then(|| {
        let which = most_first(stats, |space| space.voided_fills);
        format!(
            "such a value is not cached ({}): invalidate by key, not by prefix or all, and only what has \
                changed",
            named(&which)
        )
    });
    Line::warn_if(check, found, remedy).with("fills", of).with("voided", voided)
}
