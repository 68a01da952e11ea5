//! Checks the settings and the statistics of a service, and compares them with the machine.

use larder::{ByteSize, CumulativeStats, DiskState, MAX_LENGTH_PER_CAPACITY, MAX_RETRY_DELAY, Stats};

use super::allocator::ProcessMemory;
use super::report::CheckResult;
use super::series::StatsSeries;
use super::target::Target;
use super::{churn, flush, hits, loads, machine, values};
use crate::cache::file_size_limit;
use crate::cache::path::directory_of;
use crate::term::time::span;

/// Minimum free space in bytes. A disk with less space will soon be full.
const MIN_FREE: u64 = 16 << 20;
const ASK: &str = "ask the service: give it a control socket (control=PATH in its URL), which this command then uses by itself";

const RUN: &str =
    "end what holds the file (see `owner`) and start the service: its control socket comes back with it";

/// Checks whether the machine has enough memory for the maximum memory of the cache.
pub(super) fn memory(target: &Target) -> CheckResult {
    let check = "memory";
    let Some(most) = target.max_memory() else {
        let found = "the file does not record how much memory the cache may use";
        return CheckResult::unknown(
            check,
            found,
            "give the URL that the service is started with, or --socket PATH",
        );
    };
    let Some(there) = machine::memory_of(target.owner()) else {
        return CheckResult::unknown(
            check,
            "the machine does not show how much memory it has",
            "compare it by hand",
        );
    };
    let found = format!("the cache may use {} of {}", ByteSize::bytes(most), ByteSize::bytes(there));
    let line = if most > there {
        CheckResult::fail(check, found, "lower `memory`, or the service is killed before the cache is full")
    } else if most > there / 4 * 3 {
        CheckResult::warn(check, found, "lower `memory`: the service needs some for itself")
    } else {
        CheckResult::pass(check, found)
    };
    line.with("cache_bytes", most).with("available_bytes", there)
}

pub(super) fn allocator(target: &Target) -> Option<CheckResult> {
    let (pid, stats, most) = (target.owner().or(target.pid)?, target.stats()?, target.max_memory()?);
    // In another container, the pid may belong to an unrelated process here.
    let is_seen = target.file.is_none() || (target.holders.has(pid) && !target.owner_is_elsewhere());
    let Some(process) = ProcessMemory::of(pid).filter(|_| is_seen) else {
        let found = format!("the memory of process {pid} is not visible from here");
        return Some(CheckResult::unknown(
            "allocator",
            found,
            "run this as the service's user, where it runs",
        ));
    };
    Some(process.check(most, stats))
}

/// Checks whether the file can grow to its capacity.
pub(super) fn room(target: &Target) -> CheckResult {
    let check = "room on disk";
    let Some(file) = &target.file else {
        return CheckResult::unknown(check, "the place of the file is not known", "give the FILE or the URL");
    };
    let directory = directory_of(file);
    let free = match machine::free_space(directory) {
        Ok(free) => free,
        Err(error) => {
            return CheckResult::unknown(check, error.to_string(), format!("df {}", directory.display()));
        }
    };
    let len = target.snapshot.as_ref().map_or(ByteSize::ZERO, |snapshot| snapshot.file().len);
    let capacity = target.settings.as_ref().map(|settings| settings.disk_capacity);
    let capacity = capacity.or_else(|| Some(target.stats()?.disk.as_ref()?.capacity));
    let shown = ByteSize::bytes(free);
    if free < MIN_FREE {
        let remedy = "free some: on a full disk the cache goes on in memory alone";
        return CheckResult::fail(check, format!("{shown} are free, which is almost nothing"), remedy);
    }
    let Some(capacity) = capacity else {
        return CheckResult::pass(
            check,
            format!("{shown} are free; the file does not record how long it may become"),
        );
    };
    let grows = capacity.saturating_sub(len);
    let found = format!("{shown} are free, and the file may grow by {grows}");
    let remedy = (grows > shown)
        .then(|| "lower `disk`, or free space: on a full disk the cache goes on in memory alone".to_owned());
    CheckResult::warn_if(check, found, remedy).with("free_bytes", free).with("may_grow_bytes", grows.as_u64())
}

/// Checks whether the file size limit of the process allows the file to reach its capacity.
pub(super) fn file_size(target: &Target) -> CheckResult {
    let check = "file size";
    if target.owner_is_elsewhere() {
        let found = "the limits of its owner are not visible from here: it runs in another container";
        return CheckResult::unknown(check, found, "run this where the service runs");
    }
    if let Some(ended) = target.ended_owner().filter(|_| target.pid.is_none()) {
        let found = format!("process {ended} has ended: the limit of the next one is not known");
        return CheckResult::unknown(check, found, "run this again when the service runs");
    }
    let (pid, whose) = match target.owner() {
        Some(pid) => (Some(pid), format!("process {pid}")),
        None => (None, "this shell".to_owned()),
    };
    let limit = match file_size_limit::of(pid) {
        Ok(Some(limit)) => limit,
        Ok(None) => return CheckResult::pass(check, format!("{whose} may write files of any length")),
        Err(error) => {
            let found = format!("the limit on the files of {whose} is not visible: {error}");
            return CheckResult::unknown(check, found, "run this as the service's user, where it runs");
        }
    };
    let half = ByteSize::bytes(limit / MAX_LENGTH_PER_CAPACITY);
    let found = format!("{whose} may write no file beyond {} (ulimit -f)", ByteSize::bytes(limit));
    let in_use = target.stats().and_then(|stats| stats.disk.as_ref()).map(|disk| disk.capacity);
    let is_less = match (&target.settings, in_use) {
        (Some(settings), _) => !file_size_limit::allows(limit, settings.disk_capacity),
        // A cache whose limit was too low has lowered its capacity to exactly `half`.
        (None, Some(capacity)) => capacity >= half,
        (None, None) => {
            let remedy =
                format!("give the URL: `disk` may be up to {half} under that limit, and is lowered to it");
            return CheckResult::unknown(check, found, remedy);
        }
    };
    let line = if is_less {
        let remedy = "raise that limit for the service (LimitFSIZE= of systemd, ulimit -f), or lower `disk`";
        CheckResult::warn(check, format!("{found}, so the capacity is no more than {half}"), remedy)
    } else {
        CheckResult::pass(check, found)
    };
    line.with("limit_bytes", limit)
}

pub(super) fn live(target: &Target) -> Vec<CheckResult> {
    let in_file = target.snapshot.as_ref().and_then(|snapshot| snapshot.lifetime());
    let mut lines = vec![monitoring(target)];
    if let Some(series) = &target.series {
        lines.extend(of_stats(series, in_file));
        return lines;
    }
    if in_file.is_some() {
        lines.push(hits::hit_rate(None, in_file));
    }
    if target.is_owned() {
        let unknown = CHECKS_OF_STATS.iter().filter(|check| **check != "hit rate" || in_file.is_none());
        let ask = if target.ended_owner().is_some() { RUN } else { ASK };
        lines.extend(unknown.map(|check| CheckResult::unknown(check, "the file does not record it", ask)));
    }
    lines
}

/// The names of the checks of [`of_stats`], to report them as unknown if the statistics are missing.
const CHECKS_OF_STATS: [&str; 14] = [
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

/// Runs the checks that need only the statistics and the counters in the file.
pub(super) fn of_stats(series: &StatsSeries, in_file: Option<&CumulativeStats>) -> Vec<CheckResult> {
    let stats = series.latest();
    let mut lines = vec![hits::hit_rate(Some(series), in_file), hits::hit_trend(series)];
    lines.extend(churn::memory(series));
    if let Some(disk) = &stats.disk {
        lines.push(disk_tier(stats));
        lines.extend(churn::disk(series));
        lines.push(churn::capacity(disk));
        lines.extend(flush::check(series));
    }
    lines.extend([
        invalidation(stats),
        values::check(series),
        loads::failing(series),
        loads::slow(series),
        loads::uncacheable(series),
        loads::too_large(series),
        loads::voided(series),
    ]);
    lines
}

/// Checks whether the statistics of a live cache can be read.
fn monitoring(target: &Target) -> CheckResult {
    let check = "monitoring";
    let socket = target.socket.as_ref().map_or_else(String::new, |socket| format!(" {}", socket.display()));
    match (target.stats(), &target.socket_error, target.is_owned()) {
        (Some(stats), ..) => {
            let (pid, uptime) = (target.pid.unwrap_or(0), stats.uptime);
            let found = format!(
                "process {pid} answers on its control socket{socket}; its cache was opened {} ago",
                span(uptime)
            );
            CheckResult::pass(check, found).with("pid", pid).with("uptime_seconds", uptime.as_secs_f64())
        }
        (None, error, true) if target.ended_owner().is_some() => {
            let ended = target.ended_owner().unwrap_or_default();
            let why = error.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let found = format!("process {ended} has ended, and its control socket{socket} with it{why}");
            CheckResult::unknown(check, found, RUN)
        }
        (None, Some(why), true) => {
            let remedy = "is it the socket of the service's URL? One that was removed comes back when the \
                service is started again";
            CheckResult::warn(check, why.clone(), remedy)
        }
        (None, None, true) => {
            CheckResult::unknown(check, "the service names no control socket beside its file", ASK)
        }
        (None, _, false) => CheckResult::unknown(check, "no service is running", "run this again when it is"),
    }
}

/// Checks the state of the disk tier, and its faults since the start.
fn disk_tier(stats: &Stats) -> CheckResult {
    let check = "disk tier";
    let Some(disk) = &stats.disk else { return CheckResult::pass(check, "there is none") };
    let why = disk.off.as_deref().unwrap_or("the disk failed");
    let retries = format!("it is tried again, at least every {}", span(MAX_RETRY_DELAY));
    let again = format!("correct what it names (`df`, the disk's log); {retries}");
    let line = match disk.state {
        DiskState::On if disk.suspensions > 0 || disk.discards > 0 => CheckResult::warn(
            check,
            format!(
                "on; since the start it failed {} times, lost its entries {} times, and came back {} times",
                disk.faults, disk.discards, disk.recoveries
            ),
            "the logs of the service and of the disk have the reason",
        ),
        DiskState::On => CheckResult::pass(check, "on, and has not failed since the start"),
        DiskState::Suspended => {
            CheckResult::fail(check, format!("suspended: {why}; memory keeps serving"), again)
        }
        _ => CheckResult::fail(check, format!("off, its file discarded: {why}; memory keeps serving"), again),
    };
    line.with("faults", disk.faults)
        .with("discards", disk.discards)
        .with("recoveries", disk.recoveries)
        .with("degraded_seconds", disk.degraded.as_secs_f64())
}

/// Checks whether the service has invalidated entries since its start. Removals through the control socket
/// do not count.
fn invalidation(stats: &Stats) -> CheckResult {
    let check = "invalidation";
    let line = match stats.invalidations {
        0 if stats.loads == 0 && stats.inserts == 0 => {
            CheckResult::pass(check, "nothing was loaded or inserted since the start")
        }
        0 => CheckResult::unknown(
            check,
            "the service removed nothing since the start, so nothing was updated, or an update forgot to",
            "if an answer is stale: `larder remove` takes it out; then see that every update of the source \
                calls `remove` or `begin_update`",
        ),
        1 => CheckResult::pass(check, "the service made 1 removal since the start"),
        removals => CheckResult::pass(check, format!("the service made {removals} removals since the start")),
    };
    line.with("invalidations", stats.invalidations)
}

#[cfg(test)]
mod tests;
