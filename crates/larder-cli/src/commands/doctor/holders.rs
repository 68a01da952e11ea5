//! Checks which processes hold a cache file: see [`larder::inspect::holders`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use larder::inspect::{FileInfo, FileState, Holder, escape_control, holders};

use super::report::CheckResult;
use crate::cache::owner::list;
use crate::term::time::span;

/// Maximum number of parents that [`descends`] follows.
const MAX_GENERATIONS: usize = 64;
/// Clock ticks per second in `/proc`. The same on every platform that Rust supports.
const TICKS: u64 = 100;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holders {
    found: Vec<Holder>,
}

impl Holders {
    pub(super) fn of(path: &Path) -> Self {
        Self { found: holders(path) }
    }

    /// Keeps only the processes that are also in `later`.
    ///
    /// Other processes held the file only briefly, such as a child that is about to execute another program.
    pub(super) fn that_stayed(self, later: &Self) -> Self {
        Self { found: self.found.into_iter().filter(|holder| later.has(holder.pid)).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn pids(&self) -> Vec<u32> {
        self.found.iter().map(|holder| holder.pid).collect()
    }

    pub(super) fn has(&self, pid: u32) -> bool {
        self.found.iter().any(|holder| holder.pid == pid)
    }

    /// Checks which process owns the file or, if none does, whether the last owner closed it.
    pub(super) fn owner(&self, file: &FileInfo) -> CheckResult {
        let check = "owner";
        match file.state {
            FileState::Owned { pid: Some(pid), has_ended: true } => self.orphaned(check, pid),
            FileState::Owned { pid: Some(pid), .. } if file.owner_is_elsewhere => {
                CheckResult::pass(check, format!("process {pid} of another container is using it"))
                    .with("pid", pid)
            }
            FileState::Owned { pid: Some(pid), .. } => {
                CheckResult::pass(check, format!("process {pid} is using it")).with("pid", pid)
            }
            FileState::Owned { pid: None, .. } => CheckResult::pass(check, "a process is using it"),
            FileState::Closed if file.closed_cleanly => {
                CheckResult::pass(check, "no process is using it; it was closed")
            }
            _ => CheckResult::warn(
                check,
                "no process is using it, and its last owner ended without closing it",
                "find out why (a kill, the out-of-memory killer, power); have the service call \
                    `Cache::close`. The next owner repairs it",
            ),
        }
    }

    fn orphaned(&self, check: &'static str, owner: u32) -> CheckResult {
        let later = "have the service open its cache after its last fork, or its children call \
            `Cache::abandon_in_child`";
        if self.is_empty() {
            let found = format!(
                "process {owner} has ended, and one that it forked holds the file, which is not visible from \
                    here"
            );
            let remedy = format!(
                "run this as the service's user, or as root, to see which; end that one. Then {later}"
            );
            return CheckResult::fail(check, found, remedy).with("pid", owner);
        }
        let pids: Vec<String> = self.pids().iter().map(u32::to_string).collect();
        let hold = if pids.len() == 1 { "still holds" } else { "still hold" };
        let details: Vec<String> = self.found.iter().filter_map(details).collect();
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join("; ")) };
        let found = format!(
            "process {owner} has ended, and {}, forked by it, {hold} the file: no service can open it{details}",
            list(&self.found)
        );
        let remedy = format!("kill {}, and a new owner can open it. Then {later}", pids.join(" "));
        CheckResult::fail(check, found, remedy).with("pid", owner).with("holders", self.pids())
    }

    /// Checks whether forks of a living owner would keep the file open after the owner ends.
    pub(super) fn forks(&self, owner: u32) -> CheckResult {
        let check = "forks";
        if !self.has(owner) {
            let found = format!("what process {owner} and its children have open is not visible from here");
            return CheckResult::unknown(check, found, "run this as the service's user, or as root");
        }
        let found = self.found.iter().filter(|holder| descends(holder.pid, owner)).cloned().collect();
        let children = Self { found };
        if children.is_empty() {
            return CheckResult::pass(check, format!("no child of process {owner} holds the file"));
        }
        let found =
            format!("the file is held as well by {}, forked by process {owner}", list(&children.found));
        let remedy = "when the owner ends, its next start is refused until these end: open the cache after \
            the last fork, or call `Cache::abandon_in_child` in them";
        CheckResult::warn(check, found, remedy).with("holders", children.pids())
    }
}

/// Returns a text with the user, the age and the command of a process, so that the operator can kill the
/// right one.
fn details(holder: &Holder) -> Option<String> {
    let pid = holder.pid;
    let user = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let age = age(
        &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?,
        &fs::read_to_string("/proc/uptime").ok()?,
    )?;
    // The first word of the command line is shown, because the process name may be that of the thread that
    // forked.
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(words.split(|byte| *byte == 0).next().unwrap_or_default());
    let command = escape_control(&command);
    Some(format!("{pid} belongs to user {user}, has run for {}, and was started as {command}", span(age)))
}

/// Returns how long a process has run, from the content of `/proc/PID/stat` and `/proc/uptime`.
///
/// The twentieth word after the process name is the start time, in clock ticks since boot
/// (`proc_pid_stat(5)`).
fn age(stat: &str, uptime: &str) -> Option<Duration> {
    let started: u64 = stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let now = seconds.parse::<u64>().ok()?.checked_mul(TICKS)?;
    let now = now.checked_add(hundredths.parse::<u64>().ok()?.min(TICKS))?;
    Some(Duration::from_millis(now.saturating_sub(started).saturating_mul(1000 / TICKS)))
}

fn descends(pid: u32, from: u32) -> bool {
    let mut at = pid;
    for _ in 0..MAX_GENERATIONS {
        let Some(parent) = parent_of(at) else { return false };
        if parent == from {
            return true;
        }
        at = parent;
    }
    false
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn unnamed(pids: &[u32]) -> Holders {
        Holders { found: pids.iter().map(|&pid| Holder { pid, name: None }).collect() }
    }

    #[test]
    fn a_brief_holder_is_dropped_and_an_invisible_owner_is_unknown() {
        assert_eq!(unnamed(&[7, 9]).that_stayed(&unnamed(&[9, 11])), unnamed(&[9]));
        let me = std::process::id();
        assert_eq!(unnamed(&[me]).forks(me).verdict, Verdict::Pass, "it is no child of its own");
        assert_eq!(unnamed(&[me]).forks(u32::MAX).verdict, Verdict::Unknown);
    }

    #[test]
    fn the_age_of_a_process_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12000 1 1";
        assert_eq!(age(stat, "180.50 300.1\n"), Some(Duration::from_millis(60_500)));
        assert_eq!((age("", "180.55"), age(stat, "")), (None, None));
        let me = Holder { pid: std::process::id(), name: None };
        let started = std::env::args().next().unwrap();
        let text = details(&me).unwrap();
        assert!(
            text.contains("belongs to user ") && text.ends_with(&format!("was started as {started}")),
            "{text}"
        );
        assert_eq!(details(&Holder { pid: u32::MAX, name: None }), None);
    }

    #[test]
    fn the_ancestors_of_a_process_are_known() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(descends(child.id(), std::process::id()));
        assert!(!descends(std::process::id(), child.id()));
        let holders = unnamed(&[std::process::id(), child.id()]);
        let line = holders.forks(std::process::id());
        assert_eq!(line.verdict, Verdict::Warn, "{line:?}");
        assert!(line.found.contains(&format!("process {}, forked", child.id())), "{line:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn an_owner_that_has_ended_is_reported_with_the_forks_that_hold_the_file() {
        let workers = [u32::MAX - 1, u32::MAX].map(|pid| Holder { pid, name: Some("worker".to_owned()) });
        let some = Holders { found: workers.to_vec() }.orphaned("owner", 5);
        assert_eq!(some.verdict, Verdict::Fail, "no service can start");
        assert!(
            some.found.contains(
                "and processes 4294967294 (worker), 4294967295 (worker), forked by it, still hold the file"
            ),
            "{some:?}"
        );
        assert!(some.remedy.unwrap().starts_with("kill 4294967294 4294967295, "));
        let none = Holders::default().orphaned("owner", 5);
        assert_eq!(none.verdict, Verdict::Fail);
        assert!(none.remedy.unwrap().contains("as the service's user"));
    }
}
