//! Whether somebody owns a file, asked without taking its lock.
//!
//! Trying the lock would hold it for a moment, and an owner that starts just then would be refused. So the
//! question goes to the system's list of locks, where there is one (Linux). What it does not show, such as
//! the locks of another container's processes, is left to the store's own locks, which are asked when the
//! file is opened.

use std::path::{Path, PathBuf};

use super::evidence::Accepted;
use super::names::{LOCK, beside};
use super::owner_info::{MAX_LEN, OwnerInfo};
use crate::disk::file::holders::holders;
use crate::error::Error;
use crate::sys::volume::os::OsVolume;

/// More than the id of a process, its name, its state and the number of its threads take.
#[cfg(target_os = "linux")]
const STAT_LEN: u64 = 1024;
/// More than the list of all locks of a machine takes.
#[cfg(target_os = "linux")]
const MAX_LOCKS: u64 = 4 << 20;

/// Who an owner says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Owner {
    /// Its process id, where that can be told.
    pub(crate) pid: Option<u32>,
    /// Whether no process of this id runs, though the file is held: a process that it forked has it.
    pub(crate) has_ended: bool,
    /// Whether the id is of another namespace of process ids, as of a container: here it says nothing.
    pub(crate) is_elsewhere: bool,
    /// The control socket that it names.
    pub(crate) socket: Option<PathBuf>,
}

impl Owner {
    pub(crate) fn of(facts: &OwnerInfo) -> Self {
        let is_elsewhere = facts.is_elsewhere(namespace().as_deref());
        let has_ended = !is_elsewhere && facts.pid.is_some_and(has_ended);
        Self { pid: facts.pid, has_ended, is_elsewhere, socket: facts.socket() }
    }

    /// The owner of a file that is held, as the lock beside it says.
    pub(crate) fn beside(path: &Path) -> Self {
        facts(path).as_ref().map(Self::of).unwrap_or_default()
    }

    /// The error of a file that this owner has.
    pub(crate) fn in_use(self, path: &Path) -> Error {
        let Self { pid, has_ended, is_elsewhere, socket } = self;
        let holders = if has_ended { holders(path) } else { Vec::new() };
        Error::InUse { path: path.to_owned(), pid, has_ended, is_elsewhere, socket, holders }
    }
}

/// The file that was accepted at a path last.
pub(crate) fn accepted(path: &Path) -> Option<Accepted> {
    facts(path)?.accepted()
}

/// What stands beside a cache file of its owner, or of one that was killed.
fn facts(path: &Path) -> Option<OwnerInfo> {
    OwnerInfo::read(&OsVolume::read_beside(&beside(path, LOCK), MAX_LEN as u64 + 1).ok()?)
}

/// The namespace of process ids that this process is in, by its number; none where there is no such thing.
pub(crate) fn namespace() -> Option<String> {
    let target = rustix::fs::readlink("/proc/self/ns/pid", Vec::new()).ok()?;
    let number = target.to_str().ok()?.strip_prefix("pid:[")?.strip_suffix(']')?;
    Some(number.to_owned())
}

/// Whether no process of this id runs. One that has ended and was not waited for has closed its files, and
/// counts as ended.
pub(crate) fn has_ended(pid: u32) -> bool {
    let Some(id) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return true };
    rustix::process::test_kill_process(id) == Err(rustix::io::Errno::SRCH) || is_zombie(pid)
}

/// Its state stands behind its name, which is in brackets and may hold brackets itself; its threads are
/// seventeen words later (`proc_pid_stat(5)`). A process whose first thread has ended looks like a zombie,
/// for as long as others run.
#[cfg(target_os = "linux")]
fn is_zombie(pid: u32) -> bool {
    let stat = OsVolume::read_beside(Path::new(&format!("/proc/{pid}/stat")), STAT_LEN).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    matches!(words.next(), Some("Z" | "X"))
        && words.nth(16).is_none_or(|threads| threads == "1" || threads == "0")
}

#[cfg(not(target_os = "linux"))]
fn is_zombie(_: u32) -> bool {
    false
}

/// Whether the owner's lock beside a cache file is held.
#[cfg(target_os = "linux")]
pub(crate) fn holds_lock(path: &Path) -> bool {
    use crate::sys::volume::Volume;
    let Ok(Some(lock)) = OsVolume.metadata(&beside(path, LOCK)) else { return false };
    let Ok(list) = OsVolume::read_beside(Path::new("/proc/locks"), MAX_LOCKS) else { return false };
    let owner = facts(path).and_then(|facts| facts.pid);
    String::from_utf8_lossy(&list).lines().any(|line| is_lock_of(line, lock.identity.1, owner))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn holds_lock(_: &Path) -> bool {
    false
}

/// Whether a line such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:7004282 0 EOF` is of the owner's lock.
/// Devices are numbered otherwise by some file systems, so the process that the lock names is compared in
/// their place.
#[cfg(target_os = "linux")]
fn is_lock_of(line: &str, inode: u64, owner: Option<u32>) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", pid, place, ..] = words[..] else { return false };
    let is_there = place.rsplit(':').next().and_then(|found| found.parse().ok()) == Some(inode);
    is_there && owner.is_some() && pid.parse().ok() == owner
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_before_it_was_waited_for() {
        assert!(!has_ended(std::process::id()));
        // Nobody waits for it until the end of the test.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!has_ended(child.id()));
        child.kill().unwrap();
        let has_ended_soon =
            std::iter::repeat_with(|| has_ended(child.id())).take(1_000_000).any(|ended| ended);
        assert!(has_ended_soon && is_zombie(child.id()));
        child.wait().unwrap();
        assert!(has_ended(child.id()) && !is_zombie(child.id()));
        assert!(has_ended(u32::MAX));
    }

    #[test]
    fn a_lock_is_known_by_its_file_and_its_holder() {
        let line = "1: FLOCK  ADVISORY  WRITE 4711 fe:00:7004282 0 EOF";
        assert!(is_lock_of(line, 7_004_282, Some(4711)));
        assert!(!is_lock_of(line, 7_004_283, Some(4711)));
        assert!(!is_lock_of(line, 7_004_282, Some(4712)));
        assert!(!is_lock_of(line, 7_004_282, None));
        assert!(!is_lock_of(&line.replace("WRITE", "READ"), 7_004_282, Some(4711)));
        assert!(!is_lock_of("", 0, Some(0)));
    }
}
