//! What the settings and the statistics of a service say, held against the machine.

use larder::{ByteSize, CumulativeStats, DiskState, MAX_LENGTH_PER_CAPACITY, MAX_RETRY_DELAY, Stats};

use super::allocator::Process;
use super::line::Line;
use super::looks::Looks;
use super::patient::Patient;
use super::place::directory_of;
use super::{churn, flush, hits, loads, machine, values};
use crate::limit;
use crate::time::span;

/// A disk with less room is full before long.
const NO_ROOM: u64 = 16 << 20;
const ASK: &str =
    "the service tells it: give it a control socket (control=PATH in its URL), which is then asked by itself";

const RUN: &str =
    "end what holds the file (see `owner`) and start the service: its control socket comes back with it";

/// Whether the memory that the cache may take is there.
pub(super) fn memory(patient: &Patient) -> Line {
    let check = "memory";
    let Some(most) = patient.most_memory() else {
        let found = "what the cache may take is not in the file";
        return Line::unknown(
            check,
            found,
            "give the URL that the service is started with, or --socket PATH",
        );
    };
    let Some(there) = machine::memory_of(patient.owner()) else {
        return Line::unknown(check, "the machine does not tell how much it has", "compare it by hand");
    };
    let found = format!("the cache may take {} of {}", ByteSize::bytes(most), ByteSize::bytes(there));
    let line = if most > there {
        Line::fail(check, found, "lower `memory`, or the service is killed before the cache is full")
    } else if most > there / 4 * 3 {
        Line::warn(check, found, "lower `memory`: the service needs some for itself")
    } else {
        Line::pass(check, found)
    };
    line.with("cache_bytes", most).with("available_bytes", there)
}

/// What the process takes that has the cache.
pub(super) fn allocator(patient: &Patient) -> Option<Line> {
    let (pid, stats, most) = (patient.owner().or(patient.pid)?, patient.stats()?, patient.most_memory()?);
    // A process of another container has a number of its own there: here it may be that of any other.
    let is_seen = patient.file.is_none() || (patient.holders.has(pid) && !patient.owner_is_elsewhere());
    let Some(process) = Process::of(pid).filter(|_| is_seen) else {
        let found = format!("what process {pid} takes is not seen from here");
        return Some(Line::unknown("allocator", found, "run this as the service's user, where it runs"));
    };
    Some(process.line(most, stats))
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
    let capacity = capacity.or_else(|| Some(patient.stats()?.disk.as_ref()?.capacity));
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
    let remedy = (grows > free)
        .then(|| "lower `disk`, or free space: on a full disk the cache goes on in memory alone".to_owned());
    Line::warn_if(check, found, remedy).with("free_bytes", free).with("may_grow_bytes", grows)
}

/// Whether the process may write a file as long as the capacity lets it be.
pub(super) fn file_size(patient: &Patient) -> Line {
    let check = "file size";
    if patient.owner_is_elsewhere() {
        let found = "which limits its owner has is not seen from here: it is of another container";
        return Line::unknown(check, found, "run this where the service runs");
    }
    if let Some(ended) = patient.ended_owner().filter(|_| patient.pid.is_none()) {
        let found = format!("process {ended} has ended: which limit the next one has is not known");
        return Line::unknown(check, found, "run this again when the service runs");
    }
    let (pid, whose) = match patient.owner() {
        Some(pid) => (Some(pid), format!("process {pid}")),
        None => (None, "this shell".to_owned()),
    };
    let limit = match limit::of(pid) {
        Ok(Some(limit)) => limit,
        Ok(None) => return Line::pass(check, format!("{whose} may write files of any length")),
        Err(error) => {
            let found = format!("how long the files of {whose} may be is not told: {error}");
            return Line::unknown(check, found, "run this as the service's user, where it runs");
        }
    };
    let half = ByteSize::bytes(limit / MAX_LENGTH_PER_CAPACITY);
    let found = format!("{whose} may write no file beyond {} (ulimit -f)", ByteSize::bytes(limit));
    let in_use = patient.stats().and_then(|stats| stats.disk.as_ref()).map(|disk| disk.capacity);
    let is_less = match (&patient.settings, in_use) {
        (Some(settings), _) => !limit::allows(limit, settings.disk_capacity),
        // It has been lowered to what the limit leaves.
        (None, Some(capacity)) => capacity >= half.as_u64(),
        (None, None) => {
            let remedy =
                format!("give the URL: `disk` may be up to {half} under that limit, and is lowered to it");
            return Line::unknown(check, found, remedy);
        }
    };
    let line = if is_less {
        let remedy = "raise that limit for the service (LimitFSIZE= of systemd, ulimit -f), or lower `disk`";
        Line::warn(check, format!("{found}, so the capacity is no more than {half}"), remedy)
    } else {
        Line::pass(check, found)
    };
    line.with("limit_bytes", limit)
}

/// What the statistics of a live cache say.
pub(super) fn live(patient: &Patient) -> Vec<Line> {
    let in_file = patient.snapshot.as_ref().and_then(|snapshot| snapshot.lifetime());
    let mut lines = vec![monitoring(patient)];
    if let Some(looks) = &patient.looks {
        lines.extend(told(looks, in_file));
        return lines;
    }
    if in_file.is_some() {
        lines.push(hits::hit_rate(None, in_file));
    }
    if patient.is_owned() {
        let unknown = TOLD_BY_A_SERVICE.iter().filter(|check| **check != "hit rate" || in_file.is_none());
        let ask = if patient.ended_owner().is_some() { RUN } else { ASK };
        lines.extend(unknown.map(|check| Line::unknown(check, "the file does not tell", ask)));
    }
    lines
}

/// The checks of [`told`], for a service that does not tell.
const TOLD_BY_A_SERVICE: [&str; 14] = [
    "hit rate",
    "hit trend",
    "memory churn",
    "disk tier",
    "disk churn",
    "capacity",
    "flush",
    "invalidation",
    "values",
    "loads",
    "slow loads",
    "uncacheable",
    "too large",
    "fills",
];

/// What the statistics say, by themselves.
pub(super) fn told(looks: &Looks, in_file: Option<&CumulativeStats>) -> Vec<Line> {
    let stats = looks.last();
    let mut lines = vec![hits::hit_rate(Some(looks), in_file), hits::hit_trend(looks)];
    lines.extend(churn::memory(looks));
    if let Some(disk) = &stats.disk {
        lines.push(disk_tier(stats));
        lines.extend(churn::disk(looks));
        lines.push(churn::capacity(disk));
        lines.extend(flush::line(looks));
    }
    lines.extend([
        invalidation(stats),
        values::line(looks),
        loads::failing(looks),
        loads::slow(looks),
        loads::uncacheable(looks),
        loads::too_large(looks),
        loads::voided(looks),
    ]);
    lines
}

/// Whether somebody can see what a live cache does.
fn monitoring(patient: &Patient) -> Line {
    let check = "monitoring";
    let socket = patient.socket.as_ref().map_or_else(String::new, |socket| format!(" {}", socket.display()));
    match (patient.stats(), &patient.mute, patient.is_owned()) {
        (Some(stats), ..) => {
            let (pid, uptime) = (patient.pid.unwrap_or(0), stats.uptime);
            let found = format!(
                "process {pid} answers on its control socket{socket}; its cache was opened {} ago",
                span(uptime)
            );
            Line::pass(check, found).with("pid", pid).with("uptime_seconds", uptime.as_secs_f64())
        }
        (None, mute, true) if patient.ended_owner().is_some() => {
            let ended = patient.ended_owner().unwrap_or_default();
            let why = mute.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let found = format!("process {ended} has ended, and its control socket{socket} with it{why}");
            Line::unknown(check, found, RUN)
        }
        (None, Some(why), true) => {
            let remedy = "is it the socket of the service's URL? One that was removed comes back when the \
                service is started again";
            Line::warn(check, why.clone(), remedy)
        }
        (None, None, true) => {
            Line::unknown(check, "the service names no control socket beside its file", ASK)
        }
        (None, _, false) => Line::unknown(check, "no service is running", "run this again when it is"),
    }
}

/// What became of the disk tier: what happens when the disk fails can be read from what happened.
fn disk_tier(stats: &Stats) -> Line {
    let check = "disk tier";
    let Some(disk) = &stats.disk else { return Line::pass(check, "there is none") };
    let why = disk.off.as_deref().unwrap_or("the disk failed");
    let retries = format!("it is tried again, at least every {}", span(MAX_RETRY_DELAY));
    let again = format!("mend what it names (`df`, the disk's log); {retries}");
    let line = match disk.state {
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
    };
    line.with("faults", disk.faults)
        .with("discards", disk.discards)
        .with("recoveries", disk.recoveries)
        .with("degraded_seconds", disk.degraded.as_secs_f64())
}

/// Whether updates invalidate: what an operator removes through the socket is not counted.
fn invalidation(stats: &Stats) -> Line {
    let check = "invalidation";
    let line = match stats.invalidations {
        0 if stats.loads == 0 && stats.inserts == 0 => {
            Line::pass(check, "nothing was loaded or inserted since the start")
        }
        0 => Line::unknown(
            check,
            "the service made 0 calls to remove entries since the start, so nothing was updated, or an update \
                forgot to",
            "if an answer is stale: `larder remove` takes it out; then see that every update of the source \
                calls `remove` or `begin_update`",
        ),
        1 => Line::pass(check, "the service made 1 call to remove entries since the start"),
        calls => {
            Line::pass(check, format!("the service made {calls} calls to remove entries since the start"))
        }
    };
    line.with("invalidations", stats.invalidations)
}

#[cfg(test)]
mod tests;
