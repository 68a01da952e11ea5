//! Whether a tier loses what it is asked for.
//!
//! A full cache evicts: that is how it stays within its capacity, and no fault. It is one when what was
//! evicted is asked for again: then a lookup that memory should answer is a read of the disk, and one that
//! the disk should answer is a load.

use std::time::Duration;

use larder::{ByteSize, DiskStats, KeyspaceStats};

use super::line::Line;
use super::loads::{most_first, named};
use super::looks::{Looks, Window, rate, share};
use crate::time::span;

/// Evictions by the second below which it does not matter whether they come back.
const MIN_EVICTIONS: f64 = 10.0;
/// Lookups below which a share of them says nothing: of 200, a share is told to a few hundredths.
const MIN_LOOKUPS: u64 = 200;
/// The share of lookups that come back to the next tier. A tier that answers four of five does what it is
/// for.
const MUCH: f64 = 0.2;
/// Evictions for each lookup that comes back. Fewer say that something else takes the entries away: their
/// age, or invalidations.
const EVICTED_FOR_EACH: f64 = 0.5;
/// What leaves memory sooner was of no use to a key that is asked for once a minute.
const SHORT_IN_MEMORY: Duration = Duration::from_mins(1);
/// What leaves the disk sooner is gone before a load that costs seconds has paid for itself a few times.
const SHORT_ON_DISK: Duration = Duration::from_hours(1);

/// What a tier evicts, and what of it comes back.
struct Churn {
    evictions: u64,
    entries: u64,
    came_back: u64,
    lookups: u64,
}

impl Churn {
    fn per_second(&self, window: &Window) -> f64 {
        window.per_second(self.evictions)
    }

    /// How long an entry stays, at this rate of evictions.
    fn stay(&self, window: &Window) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "a time, for people")]
        let entries = self.entries as f64;
        let per_second = self.per_second(window);
        (per_second > 0.0).then(|| Duration::try_from_secs_f64(entries / per_second).ok()).flatten()
    }

    fn is_sick(&self, window: &Window, short: Duration) -> bool {
        self.per_second(window) >= MIN_EVICTIONS
            && self.lookups >= MIN_LOOKUPS
            && share(self.came_back, self.lookups) >= MUCH
            && share(self.evictions, self.came_back) >= EVICTED_FOR_EACH
            && self.stay(window).is_some_and(|stay| stay < short)
    }

    fn line(
        &self,
        check: &'static str,
        window: &Window,
        back: &str,
        short: Duration,
        remedy: impl FnOnce() -> String,
    ) -> Line {
        let (per_second, stay) = (rate(self.per_second(window)), self.stay(window));
        let stays = stay.map(|stay| format!(": each stays for about {}", span(stay))).unwrap_or_default();
        let found = if self.evictions == 0 {
            format!("nothing was evicted in {}", window.told())
        } else {
            format!(
                "{per_second} evicted of {} held{stays}; {:.0} % of {} lookups {back}, in {}",
                self.entries,
                100.0 * share(self.came_back, self.lookups),
                self.lookups,
                window.told()
            )
        };
        let remedy = self.is_sick(window, short).then(remedy);
        let line = Line::warn_if(check, found, remedy)
            .with("seconds", window.over.as_secs_f64())
            .with("evictions_per_second", self.per_second(window))
            .with("entries", self.entries)
            .with("lookups", self.lookups)
            .with("came_back", self.came_back);
        match stay {
            Some(stay) => line.with("stay_seconds", stay.as_secs_f64()),
            None => line,
        }
    }
}

/// The shortest span in which there were enough lookups; else the shortest.
fn window(looks: &Looks) -> Option<Window> {
    looks.lately(|counts| counts.requests() >= MIN_LOOKUPS).or_else(|| looks.lately(|_| true))
}

/// Whether memory is too small for what is asked for.
pub(super) fn memory(looks: &Looks) -> Option<Line> {
    let window = window(looks)?;
    let (stats, counts) = (looks.last(), &window.counts);
    // What the disk does not have either is the disk's churn: a larger memory would not mend that.
    let misses = if stats.disk.is_none() { counts.misses } else { 0 };
    let churn = Churn {
        evictions: counts.memory_evictions,
        entries: stats.memory.entries,
        came_back: counts.disk_hits + misses,
        lookups: counts.requests(),
    };
    let back = if stats.disk.is_none() { "are misses" } else { "are read from disk" };
    Some(churn.line("memory churn", &window, back, SHORT_IN_MEMORY, || memory_remedy(looks)))
}

/// The keyspaces that evicted most while they were watched.
fn evicted_most(looks: &Looks, count: impl Fn(&KeyspaceStats) -> u64) -> String {
    let most = most_first(looks.last(), |space| looks.grown_in(space, &count));
    if most.is_empty() { String::new() } else { format!(" (evicted just now: {})", named(&most)) }
}

fn memory_remedy(looks: &Looks) -> String {
    let (stats, most) = (looks.last(), evicted_most(looks, |space| space.memory_evictions));
    let capacity = ByteSize::bytes(stats.memory.capacity);
    let on_disk = stats.disk.as_ref().filter(|disk| disk.bytes > stats.memory.capacity);
    let enough = on_disk.map_or_else(
        || "until the evictions end, or what comes back falls".to_owned(),
        |disk| {
            format!(
                "toward the {} that the entries on disk take, until less comes back",
                ByteSize::bytes(disk.bytes)
            )
        },
    );
    format!(
        "raise `memory` in the service's URL ({capacity} now) {enough}{most}. One pass over many keys does \
            this, too, and ends by itself"
    )
}

/// Whether the disk is too small for what is asked for.
pub(super) fn disk(looks: &Looks) -> Option<Line> {
    let window = window(looks)?;
    let (disk, counts) = (looks.last().disk.as_ref()?, &window.counts);
    let churn = Churn {
        evictions: counts.disk_evictions,
        entries: disk.entries,
        came_back: counts.misses,
        lookups: counts.requests(),
    };
    Some(churn.line("disk churn", &window, "are misses", SHORT_ON_DISK, || {
        let capacity = ByteSize::bytes(disk.capacity);
        let most = evicted_most(looks, |space| space.disk_evictions);
        let enough = enough(disk.capacity, 1.0 - share(counts.misses, counts.requests()))
            .map(|bytes| format!("; about {} if all keys are asked for alike", ByteSize::bytes(bytes)))
            .unwrap_or_default();
        format!("raise `disk` in the service's URL ({capacity} now{enough}), or store less{most}")
    }))
}

/// The capacity that would hold every key, from the share of lookups that the present one answers. None if
/// next to nothing is answered: then nothing is known of how many keys there are.
fn enough(capacity: u64, answered: f64) -> Option<u64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, for people, in whole MiB"
    )]
    let mebibytes = (capacity as f64 / answered / f64::from(1 << 20)).ceil() as u64;
    (answered >= MIN_ANSWERED).then_some(mebibytes << 20)
}

/// The share of lookups from which on the number of keys is estimated.
const MIN_ANSWERED: f64 = 0.01;

/// Whether the disk is full, and how much of its capacity entries may take.
pub(super) fn capacity(disk: &DiskStats) -> Line {
    let check = "capacity";
    let [live, usable, capacity] = [disk.bytes, disk.usable_bytes, disk.capacity].map(ByteSize::bytes);
    let filled = 100.0 * share(disk.bytes, disk.usable_bytes);
    let full = if filled >= FULL { "full, so what is used least is evicted for what is new: " } else { "" };
    Line::pass(
        check,
        format!("{full}live {live} of usable {usable} ({filled:.0} %), of {capacity} for the file"),
    )
    .with("live_bytes", disk.bytes)
    .with("usable_bytes", disk.usable_bytes)
    .with("capacity_bytes", disk.capacity)
}

/// The percentage from which on a tier is called full: it evicts down to a little below what it may hold.
const FULL: f64 = 97.0;
