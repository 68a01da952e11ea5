//! Finds out whether a process owns a file, without taking the owner's lock.
//!
//! Trying to lock would briefly hold the lock, so an owner that starts at the same time could be refused. So
//! this module reads Linux's list of all locks. The list does not show, for example, the locks of processes
//! in another container. redb's own lock detects such an owner when the file is opened.

use std::path::{Path, PathBuf};

use super::evidence::Accepted;
use super::names::{LOCK, beside};
use super::owner_info::{MAX_LEN, OwnerInfo};
use crate::disk::file::holders::holders;
use crate::error::Error;
use crate::sys::volume::os::OsVolume;

/// Enough bytes for a process's id, name, state and number of threads.
#[cfg(target_os = "linux")]
const STAT_LEN: u64 = 1024;
/// Enough bytes for the list of all locks of a machine.
#[cfg(target_os = "linux")]
const MAX_LOCKS: u64 = 4 << 20;

/// The owner of a file, according to the lock file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Owner {
    /// The owner's process id, or `None` if the lock file names no process.
    pub(crate) pid: Option<u32>,
    /// Whether no process with this id runs. If the file is still locked, a fork of the owner probably holds
    /// the lock.
    pub(crate) has_ended: bool,
    /// Whether the id belongs to another PID namespace, such as a container's. Then the id does not identify
    /// a process in this namespace.
    pub(crate) is_elsewhere: bool,
    pub(crate) socket: Option<PathBuf>,
}

impl Owner {
    pub(crate) fn of(info: &OwnerInfo) -> Self {
        let is_elsewhere = info.is_elsewhere(namespace().as_deref());
        let has_ended = !is_elsewhere && info.pid.is_some_and(has_ended);
        Self { pid: info.pid, has_ended, is_elsewhere, socket: info.socket() }
    }

    /// Returns the owner of a cache file, according to the lock file beside it.
    pub(crate) fn beside(path: &Path) -> Self {
        read_info(path).as_ref().map(Self::of).unwrap_or_default()
    }

    /// Returns the error for a file that is open in this owner's process.
    pub(crate) fn in_use(self, path: &Path) -> Error {
        let Self { pid, has_ended, is_elsewhere, socket } = self;
        let holders = if has_ended { holders(path) } else { Vec::new() };
        Error::InUse { path: path.to_owned(), pid, has_ended, is_elsewhere, socket, holders }
    }
}

pub(super) fn accepted(path: &Path) -> Option<Accepted> {
    read_info(path)?.accepted()
}

/// Reads the lock file beside a cache file. The owner that it names may have been killed.
fn read_info(path: &Path) -> Option<OwnerInfo> {
    OwnerInfo::read(&OsVolume::read_beside(&beside(path, LOCK), MAX_LEN as u64 + 1).ok()?)
}

/// Returns the number of this process's PID namespace, or `None` if the number is unknown.
pub(super) fn namespace() -> Option<String> {
    let target = rustix::fs::readlink("/proc/self/ns/pid", Vec::new()).ok()?;
    let number = target.to_str().ok()?.strip_prefix("pid:[")?.strip_suffix(']')?;
    Some(number.to_owned())
}

/// Returns whether no process with this id runs. Also returns true for a zombie, because a zombie has closed
/// its files.
pub(crate) fn has_ended(pid: u32) -> bool {
    let Some(id) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return true };
    rustix::process::test_kill_process(id) == Err(rustix::io::Errno::SRCH) || is_zombie(pid)
}

/// Returns whether a process is a zombie (`proc_pid_stat(5)`). The state follows the name of the process,
/// and the number of threads follows seventeen words later. The name is enclosed in parentheses and may
/// itself contain parentheses. If only the first thread has ended, the state is that of a zombie although
/// other threads run.
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

/// Returns whether Linux's list of locks shows the owner's lock, held by the process that the lock file
/// names.
#[cfg(target_os = "linux")]
pub(crate) fn holds_lock(path: &Path) -> bool {
    use crate::sys::volume::Volume;
    let Ok(Some(lock)) = OsVolume.metadata(&beside(path, LOCK)) else { return false };
    let Ok(list) = OsVolume::read_beside(Path::new("/proc/locks"), MAX_LOCKS) else { return false };
    let owner = read_info(path).and_then(|info| info.pid);
    String::from_utf8_lossy(&list).lines().any(|line| is_lock_of(line, lock.identity.1, owner))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn holds_lock(_: &Path) -> bool {
    false
}

/// Returns whether a line describes the owner's lock, for example `1: FLOCK ADVISORY WRITE 4711
/// fe:00:7004282 0 EOF`. Some file systems number devices differently, so the inode and the process id are
/// compared, and the device is not.
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
        // The child stays a zombie until the test waits for it at the end.
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
