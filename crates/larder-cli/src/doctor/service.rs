//! What the settings and the statistics of a service say, held against the machine.

use std::time::Duration;

use larder::{ByteSize, DiskState, LAST_DISK_RETRY, Lifetime, MAX_LENGTH_PER_CAPACITY, Stats};

use super::line::Line;
use super::machine;
use super::patient::Patient;
use super::place::directory_of;
use super::values;
use crate::limit;
use crate::time::span;

/// Lookups before a rate says anything.
const ENOUGH: u64 = 1000;
const POOR_HIT_RATE: f64 = 0.5;
/// A disk with less room is full before long.
const NO_ROOM: u64 = 16 << 20;
const ASK: &str =
    "ask the service: give --socket PATH, where it has its control socket (control=PATH in its URL)";

/// Whether the memory that the cache may take is there.
pub(super) fn memory(patient: &Patient) -> Line {
    let check = "memory";
    let most = match (&patient.settings, &patient.stats) {
        (Some(settings), _) => [settings.memory_capacity, settings.write_buffer, settings.page_cache]
            .into_iter()
            .map(ByteSize::as_u64)
            .sum(),
        // Of what is set besides, the statistics do not tell.
        (None, Some(stats)) => stats.memory.capacity,
        (None, None) => {
            let found = "what the cache may take is not in the file";
            return Line::unknown(
                check,
                found,
                "give the URL that the service is started with, or --socket PATH",
            );
        }
    };
    let Some(there) = machine::memory_of(patient.owner()) else {
        return Line::unknown(check, "the machine does not tell how much it has", "compare it by hand");
    };
    let found = format!("the cache may take {} of {}", ByteSize::bytes(most), ByteSize::bytes(there));
    if most > there {
        return Line::fail(check, found, "lower `memory`, or the service is killed before the cache is full");
    }
    if most > there / 4 * 3 {
        return Line::warn(check, found, "lower `memory`: the service needs some for itself");
    }
    Line::pass(check, found)
}

/// Whether the file can grow to its capacity.
pub(super) fn room(patient: &Patient) -> Line {
    let check = "room on disk";
    let Some(file) = &patient.file else {
        return Line::unknown(check, "where the file stands is not known", "give the FILE or the URL");
    };
    let directory = directory_of(file);
    let free = match machine::free_space(&directory) {
        Ok(free) => free,
        Err(error) => return Line::unknown(check, error.to_string(), format!("df {}", directory.display())),
    };
    let len = patient.snapshot.as_ref().map_or(0, |snapshot| snapshot.file().len);
    let capacity = patient.settings.as_ref().map(|settings| settings.disk_capacity.as_u64());
    let capacity = capacity.or_else(|| Some(patient.stats.as_ref()?.disk.as_ref()?.capacity));
    let shown = ByteSize::bytes(free);
    if free < NO_ROOM {
        let remedy = "free some: on a full disk the cache goes on in memory alone";
        return Line::fail(check, format!("{shown} are free, which is next to nothing"), remedy);
    }
    let Some(capacity) = capacity else {
        return Line::pass(check, format!("{shown} are free; how long the file may become is not in it"));
    };
    let grows = capacity.saturating_sub(len);
    let found = format!("{shown} are free, and the file may grow by {}", ByteSize::bytes(grows));
    if grows > free {
        return Line::warn(
            check,
            found,
            "lower `disk`, or free space: on a full disk the cache goes on in memory alone",
        );
    }
    Line::pass(check, found)
}

/// Whether the process may write a file as long as the capacity lets it be.
pub(super) fn file_size(patient: &Patient) -> Line {
    let check = "file size";
    let (pid, whose) = match patient.owner() {
        Some(pid) => (Some(pid), format!("process {pid}")),
        None => (None, "this shell".to_owned()),
    };
    let Some(limit) = limit::of(pid) else {
        return Line::pass(check, format!("{whose} may write files of any length"));
    };
    let half = ByteSize::bytes(limit / MAX_LENGTH_PER_CAPACITY);
    let found = format!("{whose} may write no file beyond {} (ulimit -f)", ByteSize::bytes(limit));
    let live = patient.stats.as_ref().and_then(|stats| stats.disk.as_ref()).map(|disk| disk.capacity);
    let is_less = match (&patient.settings, live) {
        (Some(settings), _) => !limit::allows(limit, settings.disk_capacity),
        // It has been lowered to what the limit leaves.
        (None, Some(capacity)) => capacity >= half.as_u64(),
        (None, None) => {
            let remedy =
                format!("give the URL: `disk` may be up to {half} under that limit, and is lowered to it");
            return Line::unknown(check, found, remedy);
        }
    };
    if is_less {
        let remedy = "raise that limit for the service (LimitFSIZE= of systemd, ulimit -f), or lower `disk`";
        return Line::warn(check, format!("{found}, so the capacity is no more than {half}"), remedy);
    }
    Line::pass(check, found)
}

/// What the statistics of a live cache say.
pub(super) fn live(patient: &Patient) -> Vec<Line> {
    let in_file = patient.snapshot.as_ref().and_then(|snapshot| snapshot.lifetime());
    let mut lines = vec![monitoring(patient)];
    if patient.stats.is_some() || in_file.is_some() {
        let ever = patient.stats.as_ref().and_then(|stats| stats.lifetime.as_ref()).or(in_file);
        lines.push(hit_rate(patient.stats.as_ref(), ever));
    }
    let Some(stats) = &patient.stats else {
        if patient.is_owned() {
            for check in ["disk tier", "flush", "invalidation", "values"] {
                lines.push(Line::unknown(check, "the file does not tell", ASK));
            }
        }
        return lines;
    };
    if stats.disk.is_some() {
        lines.push(disk_tier(stats));
        lines.push(flush(patient, stats));
    }
    lines.push(invalidation(stats));
    lines.push(values::line(stats));
    lines
}

/// Whether somebody can see what a live cache does.
fn monitoring(patient: &Patient) -> Line {
    let check = "monitoring";
    match (&patient.stats, &patient.mute, patient.is_owned()) {
        (Some(_), ..) => {
            Line::pass(check, format!("process {} answers on its control socket", patient.pid.unwrap_or(0)))
        }
        (None, Some(why), true) => {
            Line::warn(check, why.clone(), "is the socket the one in the service's URL?")
        }
        (None, None, true) => {
            Line::unknown(check, "whether the service has a control socket is not in the file", ASK)
        }
        (None, _, false) => Line::unknown(check, "no service is running", "run this again when it is"),
    }
}

/// What became of the disk tier: what happens when the disk fails can be read from what happened.
fn disk_tier(stats: &Stats) -> Line {
    let check = "disk tier";
    let Some(disk) = &stats.disk else { return Line::pass(check, "there is none") };
    let why = disk.off.as_deref().unwrap_or("the disk failed");
    let retries = format!("it is tried again, at least every {}", span(LAST_DISK_RETRY));
    let again = format!("mend what it names (`df`, the disk's log); {retries}");
    match disk.state {
        DiskState::On if disk.suspensions + disk.discards > 0 => Line::warn(
            check,
            format!(
                "on; since the start it failed {} times, lost its entries {} times, and came back {} times",
                disk.faults, disk.discards, disk.recoveries
            ),
            "look into the service's log and the disk's for why",
        ),
        DiskState::On => Line::pass(check, "on, and has not failed since the start"),
        DiskState::Suspended => Line::fail(check, format!("suspended: {why}; memory keeps serving"), again),
        _ => Line::fail(check, format!("off, its file discarded: {why}; memory keeps serving"), again),
    }
}

/// How long what was inserted has waited for the disk.
fn flush(patient: &Patient, stats: &Stats) -> Line {
    let check = "flush";
    let (unsaved, disk) = (ByteSize::bytes(stats.unsaved_bytes), stats.disk.clone().unwrap_or_default());
    let interval =
        patient.settings.as_ref().map_or(Duration::from_secs(1), |settings| settings.flush_interval);
    let slow = disk.commit_latency.quantile(0.99);
    let found = format!(
        "{unsaved} wait for a commit, the oldest for {}; one commit in a hundred takes {slow:.1?} or more",
        span(disk.flush_lag)
    );
    if disk.flush_lag > Duration::from_secs(10).max(interval * 10) {
        let remedy = "see whether the disk is slow or has failed; larder flush SOCKET waits for a commit";
        return Line::warn(check, found, remedy);
    }
    Line::pass(check, found)
}

/// The rate since the start, or, if that says nothing yet, since the file was made.
fn hit_rate(stats: Option<&Stats>, lifetime: Option<&Lifetime>) -> Line {
    let check = "hit rate";
    let now = stats.map(|stats| (stats.requests(), stats.misses, "the start"));
    let ever = lifetime.map(|ever| (ever.requests(), ever.misses, "the file was made"));
    let Some((of, misses, since)) = now.filter(|now| now.0 >= ENOUGH).or(ever).or(now) else {
        return Line::unknown(check, "the file does not tell", ASK);
    };
    #[expect(clippy::cast_precision_loss, reason = "a share of counts, for people")]
    let rate = of.saturating_sub(misses) as f64 / of.max(1) as f64;
    let found = format!("{:.1} % of {of} lookups since {since}", 100.0 * rate);
    if of < ENOUGH {
        return Line::unknown(check, found, "run this again when there were more");
    }
    if rate < POOR_HIT_RATE {
        let remedy =
            "larder stats SOCKET tells of which keyspace: raise its TTL, or `memory` and `disk` if it evicts";
        return Line::warn(check, found, remedy);
    }
    Line::pass(check, found)
}

/// Whether updates invalidate.
fn invalidation(stats: &Stats) -> Line {
    let check = "invalidation";
    let found = format!("{} calls removed entries since the start", stats.invalidations);
    if stats.invalidations == 0 && stats.requests() >= ENOUGH {
        let remedy = "see that every update of the source calls `remove` or `begin_update`, or that nothing is updated";
        return Line::unknown(check, found, remedy);
    }
    Line::pass(check, found)
}

#[cfg(test)]
mod tests;
