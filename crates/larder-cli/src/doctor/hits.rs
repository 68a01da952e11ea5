//! How many lookups are answered, since the start and of late; and if few are, what takes the entries away.

use larder::{CumulativeStats, Stats};

use super::line::Line;
use super::looks::{ENOUGH_LATELY, Looks, WARM_UP, Window, share};
use crate::time::span;

/// Lookups before a rate since the start says anything.
const ENOUGH: u64 = 1000;
/// A cache that answers less than half saves less than it could.
const POOR: f64 = 0.5;
/// A fall by so many hundredths of all lookups doubles the misses of a cache that answers 80 %, and is far
/// beyond chance.
const FALL: f64 = 0.2;
/// The part of the misses that something must explain to be named as their cause.
const MAIN_CAUSE: f64 = 0.3;
const ASK: &str = "the service tells it, where it has a control socket (control=PATH in its URL)";

fn hit_rate_of(counts: &CumulativeStats) -> f64 {
    share(counts.memory_hits + counts.disk_hits, counts.requests())
}

/// The rate since the start, or, if that says nothing yet, since the file was made.
pub(super) fn hit_rate(looks: Option<&Looks>, in_file: Option<&CumulativeStats>) -> Line {
    let check = "hit rate";
    let start = looks.map(Looks::since_start);
    let ever = looks.and_then(|looks| looks.last().lifetime.as_ref()).or(in_file);
    let (counts, since) = match (&start, ever) {
        (Some(start), _) if start.counts.requests() >= ENOUGH => (&start.counts, "the start"),
        (_, Some(ever)) => (ever, "the file was made"),
        (Some(start), None) => (&start.counts, "the start"),
        (None, None) => return Line::unknown(check, "the file does not tell", ASK),
    };
    let (lookups, rate) = (counts.requests(), hit_rate_of(counts));
    let found = format!("{:.1} % of {lookups} lookups since {since}", 100.0 * rate);
    let line = if lookups < ENOUGH {
        Line::unknown(check, found, "run this again when there were more")
    } else if rate >= POOR {
        Line::pass(check, found)
    } else {
        match start.as_ref().filter(|start| start.over < WARM_UP) {
            // Misses fill it.
            Some(start) => {
                let found = format!("{found}, and it was opened {} ago", span(start.over));
                Line::unknown(
                    check,
                    found,
                    format!("run this again {} after the start, when it is filled", span(WARM_UP)),
                )
            }
            None => match looks.and_then(well_of_late) {
                Some(of_late) => Line::pass(check, format!("{found}, and {of_late}")),
                None => Line::warn(check, found, remedy(looks.map(Looks::last), counts)),
            },
        }
    };
    line.with("lookups", lookups).with("hit_rate", rate)
}

/// The rate of late, if it is not poor: a cache that filled for long, or was of no use at night, is well.
fn well_of_late(looks: &Looks) -> Option<String> {
    let window = looks.lately(|counts| counts.requests() >= ENOUGH_LATELY)?;
    let rate = hit_rate_of(&window.counts);
    (rate >= POOR).then(|| format!("{:.1} % in {}", 100.0 * rate, window.told()))
}

/// What to do about misses, by what makes most of them.
fn remedy(stats: Option<&Stats>, counts: &CumulativeStats) -> String {
    let of_misses = |count: u64| share(count, counts.misses);
    let undecodable = stats.map_or(0, |stats| stats.keyspaces.iter().map(|space| space.undecodable).sum());
    let evictions = match stats {
        Some(stats) if stats.disk.is_none() => counts.memory_evictions,
        _ => counts.disk_evictions,
    };
    let where_to_look = "`larder stats SOCKET` tells which keyspace misses";
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

/// Whether it has fallen of late.
pub(super) fn hit_trend(looks: &Looks) -> Line {
    let check = "hit trend";
    let Some(window) = looks.lately(|counts| counts.requests() >= ENOUGH_LATELY) else {
        let lookups = looks.lately(|_| true).map_or(0, |window| window.counts.requests());
        return Line::pass(check, format!("{lookups} lookups of late are too few to compare"))
            .with("lookups", lookups);
    };
    let before = looks.before(&window);
    let (now, lookups) = (hit_rate_of(&window.counts), window.counts.requests());
    let found = format!("{:.1} % of {lookups} lookups in {}", 100.0 * now, window.told());
    let line = if before.over < WARM_UP || before.counts.requests() < ENOUGH {
        Line::pass(check, format!("{found}; it has not run for long enough to compare"))
    } else {
        compared(looks, check, &found, &window, &before)
    };
    line.with("lookups", lookups).with("hit_rate", now).with("seconds", window.over.as_secs_f64())
}

fn compared(looks: &Looks, check: &'static str, found: &str, window: &Window, before: &Window) -> Line {
    let (now, then) = (hit_rate_of(&window.counts), hit_rate_of(&before.counts));
    let found = format!("{found}, {:.1} % before", 100.0 * then);
    let has_fallen = then - now >= FALL;
    let remedy = has_fallen.then(|| match worst_keyspace(looks) {
        Some((name, misses)) => {
            format!(
                "{misses} of the misses just now are of keyspace {name}: {}",
                remedy(None, &window.counts)
            )
        }
        None => remedy(None, &window.counts),
    });
    Line::warn_if(check, found, remedy).with("hit_rate_before", then)
}

/// The keyspace that missed most while it was watched.
fn worst_keyspace(looks: &Looks) -> Option<(&str, u64)> {
    let spaces = looks.last().keyspaces.iter();
    let misses = spaces.map(|space| (&*space.name, looks.grown_in(space, |space| space.misses)));
    misses.max_by_key(|(_, misses)| *misses).filter(|(_, misses)| *misses > 0)
}
