//! Which processes hold a cache file: its owner, and those that the owner forked while it had the file open.
//! A fork copies descriptors, so each of them keeps the file locked when the owner has ended.
//!
//! The system tells it of processes of the same user, and root of all (Linux, `/proc/PID/fd`). A process
//! holds the file if it has both the file and its lock open: one that waits for the lock has the lock alone,
//! one that reads has the file alone.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use larder::inspect::{FileFacts, FileState};

use super::line::Line;

/// Generations between an owner and a process that it forked.
const MAX_GENERATIONS: usize = 64;

/// The processes that hold a file, as far as they can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holders {
    pids: Vec<u32>,
}

impl Holders {
    pub(super) fn of(path: &Path) -> Self {
        let Ok(path) = path.canonicalize() else { return Self::default() };
        let mut lock = OsString::from(path.as_os_str());
        lock.push(".lock");
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let mut pids: Vec<u32> = pids.filter(|pid| has_open(*pid, &[&path, Path::new(&lock)])).collect();
        pids.sort_unstable();
        Self { pids }
    }

    /// Those that still hold it: a child that is about to run another program holds it for a moment.
    pub(super) fn that_stayed(self, later: &Self) -> Self {
        Self { pids: self.pids.into_iter().filter(|pid| later.pids.contains(pid)).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }

    /// Whether a process is seen to hold it.
    pub(super) fn has(&self, pid: u32) -> bool {
        self.pids.contains(&pid)
    }

    fn told(&self) -> String {
        let pids: Vec<String> = self.pids.iter().map(u32::to_string).collect();
        format!("{} {}", if pids.len() == 1 { "process" } else { "processes" }, pids.join(", "))
    }

    /// Whether the last owner closed the file, or who keeps it.
    pub(super) fn owner_line(&self, file: &FileFacts) -> Line {
        let check = "owner";
        match file.state {
            FileState::Owned { pid: Some(pid), has_ended: true } => self.orphaned(check, pid),
            FileState::Owned { pid: Some(pid), .. } if file.owner_is_elsewhere => {
                Line::pass(check, format!("process {pid} of another container is using it")).with("pid", pid)
            }
            FileState::Owned { pid: Some(pid), .. } => {
                Line::pass(check, format!("process {pid} is using it")).with("pid", pid)
            }
            FileState::Owned { pid: None, .. } => Line::pass(check, "a process is using it"),
            FileState::Closed if file.closed_cleanly => {
                Line::pass(check, "no process is using it; it was closed")
            }
            _ => Line::warn(
                check,
                "no process is using it, and its last owner ended without closing it",
                "find out why (a kill, the out-of-memory killer, power); have the service call \
                    `Cache::close`. The next owner repairs it",
            ),
        }
    }

    fn orphaned(&self, check: &'static str, owner: u32) -> Line {
        let later = "have the service open its cache after its last fork, or its children call \
            `Cache::abandon_in_child`";
        if self.pids.is_empty() {
            let found = format!(
                "process {owner} has ended, and one that it forked holds the file, which is not seen from \
                    here"
            );
            let remedy = format!(
                "run this as the service's user, or as root, to see which; end that one. Then {later}"
            );
            return Line::warn(check, found, remedy).with("pid", owner);
        }
        let pids: Vec<String> = self.pids.iter().map(u32::to_string).collect();
        let found =
            format!("process {owner} has ended, and {}, forked by it, still holds the file", self.told());
        let found = if pids.len() > 1 { found.replace("still holds", "still hold") } else { found };
        let remedy = format!("kill {}, and a new owner can open it. Then {later}", pids.join(" "));
        Line::warn(check, found, remedy).with("pid", owner).with("holders", self.pids.clone())
    }

    /// Whether children of a living owner would keep the file when it ends.
    pub(super) fn forks_line(&self, owner: u32) -> Line {
        let check = "forks";
        if !self.has(owner) {
            let found = format!("what process {owner} and its children have open is not seen from here");
            return Line::unknown(check, found, "run this as the service's user, or as root");
        }
        let pids = self.pids.iter().copied().filter(|pid| descends(*pid, owner)).collect();
        let children = Self { pids };
        if children.pids.is_empty() {
            return Line::pass(check, format!("no child of process {owner} holds the file"));
        }
        let found = format!("the file is held as well by {}, forked by process {owner}", children.told());
        let remedy = "when the owner ends, its next start is refused until these end: open the cache after \
            the last fork, or call `Cache::abandon_in_child` in them";
        Line::warn(check, found, remedy).with("holders", children.pids)
    }
}

fn has_open(pid: u32, paths: &[&Path]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let open: Vec<_> = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok()).collect();
    paths.iter().all(|path| open.iter().any(|open| open == path))
}

/// Whether a process descends from another.
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
    use super::super::line::Verdict;
    use super::*;

    #[test]
    fn who_has_the_file_and_its_lock_open_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, lock) = (dir.path().join("a b.larder"), dir.path().join("a b.larder.lock"));
        let me = std::process::id();
        let file = fs::File::create(&path).unwrap();
        assert!(!Holders::of(&path).has(me), "a reader has the file alone");
        let lock = fs::File::create(lock).unwrap();
        let holders = Holders::of(&path);
        assert!(holders.has(me));
        assert_eq!(holders.forks_line(me).verdict, Verdict::Pass, "it is no child of its own");
        drop(file);
        assert!(!Holders::of(&path).has(me), "one that waits for the lock has the lock alone");
        assert_eq!(holders.clone().that_stayed(&Holders::of(&path)), Holders::default());
        drop(lock);
        assert_eq!(holders.forks_line(u32::MAX).verdict, Verdict::Unknown);
    }

    #[test]
    fn the_ancestors_of_a_process_are_known() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(descends(child.id(), std::process::id()));
        assert!(!descends(std::process::id(), child.id()));
        let holders = Holders { pids: vec![std::process::id(), child.id()] };
        let line = holders.forks_line(std::process::id());
        assert_eq!(line.verdict, Verdict::Warn, "{line:?}");
        assert!(line.found.contains(&format!("process {}, forked", child.id())), "{line:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn an_owner_that_has_ended_is_told_with_those_that_keep_the_file() {
        let some = Holders { pids: vec![7, 9] }.orphaned("owner", 5);
        assert!(
            some.found.contains("process 5 has ended, and processes 7, 9, forked by it, still hold the"),
            "{some:?}"
        );
        assert!(some.remedy.unwrap().starts_with("kill 7 9, "));
        let none = Holders::default().orphaned("owner", 5);
        assert!(none.remedy.unwrap().contains("as the service's user"));
    }
}
