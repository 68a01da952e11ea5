//! Checks whether a tier evicts entries that are looked up again.
//!
//! A full cache evicts entries to stay within its capacity. These evictions are not a fault. But if evicted
//! entries are looked up again, the tier is too small. If memory is too small, too many lookups read the
//! disk. If the disk is too small, too many lookups load the value.

use std::time::Duration;

use larder::{ByteSize, DiskStats, KeyspaceStats};

use super::loads::{most_first, named};
use super::report::CheckResult;
use super::series::{StatsSeries, Window, rate, share};
use crate::term::time::span;

/// Minimum evictions per second. A lower rate is harmless, even if evicted entries are looked up again.
const MIN_EVICTIONS: f64 = 10.0;
/// Minimum number of lookups. With 200 lookups, a share is accurate to a few hundredths.
const MIN_LOOKUPS: u64 = 200;
/// Minimum share of lookups that reach the next tier. A tier that answers four of five lookups is large
/// enough.
const MIN_RETURNED: f64 = 0.2;
/// Minimum evictions for each lookup that reaches the next tier. With fewer evictions, most of these lookups
/// have another cause, such as an expiry or a new key.
const MIN_EVICTIONS_PER_RETURNED: f64 = 0.5;
/// Minimum time for which entries should stay in memory. Otherwise a key that is looked up once a minute is
/// never found in memory.
const SHORT_IN_MEMORY: Duration = Duration::from_mins(1);
/// Minimum time for which entries should stay on the disk. Otherwise the disk saves too few loads.
const SHORT_ON_DISK: Duration = Duration::from_hours(1);

/// The evictions of a tier in an interval, and its current entries. `lookups` counts all lookups, and
/// `returned` those that a larger tier might have answered.
struct Churn {
    evictions: u64,
    entries: u64,
    returned: u64,
    lookups: u64,
}

impl Churn {
    fn per_second(&self, window: &Window) -> f64 {
        window.per_second(self.evictions)
    }

    fn stay(&self, window: &Window) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "a time to show")]
        let entries = self.entries as f64;
        let per_second = self.per_second(window);
        (per_second > 0.0).then(|| Duration::try_from_secs_f64(entries / per_second).ok()).flatten()
    }

    fn is_too_small(&self, window: &Window, short: Duration) -> bool {
        self.per_second(window) >= MIN_EVICTIONS
            && self.lookups >= MIN_LOOKUPS
            && share(self.returned, self.lookups) >= MIN_RETURNED
            && share(self.evictions, self.returned) >= MIN_EVICTIONS_PER_RETURNED
            && self.stay(window).is_some_and(|stay| stay < short)
    }

    fn check(
        &self,
        name: &'static str,
        window: &Window,
        back: &str,
        short: Duration,
        remedy: impl FnOnce() -> String,
    ) -> CheckResult {
        let (per_second, stay) = (rate(self.per_second(window)), self.stay(window));
        let stays = stay.map(|stay| format!(": each stays for about {}", span(stay))).unwrap_or_default();
        let found = if self.evictions == 0 {
            format!("nothing was evicted in {}", window.describe())
        } else {
            format!(
                "{per_second} evicted of {} held{stays}; {:.0} % of {} lookups {back}, in {}",
                self.entries,
                100.0 * share(self.returned, self.lookups),
                self.lookups,
                window.describe()
            )
        };
        let remedy = self.is_too_small(window, short).then(remedy);
        let line = CheckResult::warn_if(name, found, remedy)
            .with("seconds", window.duration.as_secs_f64())
            .with("evictions_per_second", self.per_second(window))
            .with("entries", self.entries)
            .with("lookups", self.lookups)
            .with("came_back", self.returned);
        match stay {
            Some(stay) => line.with("stay_seconds", stay.as_secs_f64()),
            None => line,
        }
    }
}

/// Returns the shortest interval with enough lookups, or the shortest interval if none has enough.
fn window(series: &StatsSeries) -> Option<Window> {
    series.shortest(|counts| counts.requests() >= MIN_LOOKUPS).or_else(|| series.shortest(|_| true))
}

pub(super) fn memory(series: &StatsSeries) -> Option<CheckResult> {
    let window = window(series)?;
    let (stats, counts) = (series.latest(), &window.counts);
    // If there is a disk, a larger memory would not prevent misses.
    let misses = if stats.disk.is_none() { counts.misses } else { 0 };
    let churn = Churn {
        evictions: counts.memory_evictions,
        entries: stats.memory.entries,
        returned: counts.disk_hits.saturating_add(misses),
        lookups: counts.requests(),
    };
    let back = if stats.disk.is_none() { "are misses" } else { "are read from disk" };
    Some(churn.check("memory churn", &window, back, SHORT_IN_MEMORY, || memory_remedy(series)))
}

/// Returns a text that names the keyspaces with the most evictions while the cache was watched.
fn evicted_most(series: &StatsSeries, count: impl Fn(&KeyspaceStats) -> u64) -> String {
    let most = most_first(series.latest(), |space| series.growth_in(space, &count));
    if most.is_empty() { String::new() } else { format!(" (evicted just now: {})", named(&most)) }
}

fn memory_remedy(series: &StatsSeries) -> String {
    let (stats, most) = (series.latest(), evicted_most(series, |space| space.memory_evictions));
    let capacity = stats.memory.capacity;
    let on_disk = stats.disk.as_ref().filter(|disk| disk.bytes > stats.memory.capacity);
    let enough = on_disk.map_or_else(
        || "until the evictions end, or fewer lookups are misses".to_owned(),
        |disk| format!("toward the {} of the entries on disk, until fewer lookups read the disk", disk.bytes),
    );
    format!(
        "raise `memory` in the service's URL ({capacity} now) {enough}{most}. One pass over many keys has \
            the same effect, and ends by itself"
    )
}

pub(super) fn disk(series: &StatsSeries) -> Option<CheckResult> {
    let window = window(series)?;
    let (disk, counts) = (series.latest().disk.as_ref()?, &window.counts);
    let churn = Churn {
        evictions: counts.disk_evictions,
        entries: disk.entries,
        returned: counts.misses,
        lookups: counts.requests(),
    };
    Some(churn.check("disk churn", &window, "are misses", SHORT_ON_DISK, || {
        let capacity = disk.capacity;
        let most = evicted_most(series, |space| space.disk_evictions);
        let enough = enough(capacity, 1.0 - share(counts.misses, counts.requests()))
            .map(|size| format!("; about {size} if all keys are asked for alike"))
            .unwrap_or_default();
        format!("raise `disk` in the service's URL ({capacity} now{enough}), or store less{most}")
    }))
}

/// Estimates the capacity that would hold every key, from the share of lookups that the current capacity
/// answers.
///
/// Returns `None` if the cache answers almost no lookups, because the number of keys cannot be estimated
/// then.
fn enough(capacity: ByteSize, answered: f64) -> Option<ByteSize> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate to show, in whole MiB"
    )]
    let mebibytes = (capacity.as_u64() as f64 / answered / f64::from(1 << 20)).ceil() as u64;
    (answered >= MIN_ANSWERED).then_some(ByteSize::mib(mebibytes))
}

/// Minimum share of answered lookups for an estimate of the number of keys.
const MIN_ANSWERED: f64 = 0.01;

/// Reports how full the disk tier is, and how much of its capacity is usable for entries. Always passes.
pub(super) fn capacity(disk: &DiskStats) -> CheckResult {
    let check = "capacity";
    let DiskStats { bytes: live, usable_bytes: usable, capacity, .. } = disk;
    let filled = 100.0 * share(live.as_u64(), usable.as_u64());
    let full = if filled >= FULL { "full, so the least used entries are evicted: " } else { "" };
    CheckResult::pass(
        check,
        format!("{full}live {live} of usable {usable} ({filled:.0} %), of {capacity} for the file"),
    )
    .with("live_bytes", live.as_u64())
    .with("usable_bytes", usable.as_u64())
    .with("capacity_bytes", capacity.as_u64())
}

/// Percentage from which a tier counts as full. A full tier evicts entries until it is a little below its
/// limit.
const FULL: f64 = 97.0;
