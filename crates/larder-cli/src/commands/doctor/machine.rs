//! Determines the memory and the disk space of the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the memory that a process may use: the memory of the machine, or the lowest limit of the
/// process's control groups if that is less.
pub(super) fn memory_of(pid: Option<u32>) -> Option<u64> {
    let groups = cgroup_limits(pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string()).as_str());
    total_memory().into_iter().chain(groups).min()
}

fn total_memory() -> Option<u64> {
    parse_total(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the memory limits of a process's control group and of that group's ancestors, in bytes.
fn cgroup_limits(pid: &str) -> Vec<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mut limits = Vec::new();
    for (root, file, group) in groups.lines().filter_map(limit_file_of) {
        let mut place = PathBuf::from(root).join(group.trim_start_matches('/'));
        while place.starts_with(root) {
            let limit =
                fs::read_to_string(place.join(file)).ok().and_then(|limit| limit.trim().parse::<u64>().ok());
            limits.extend(limit);
            if !place.pop() {
                break;
            }
        }
    }
    limits
}

/// Returns the root, the limit file and the group for a line such as `0::/system.slice/shop.service`.
fn limit_file_of(line: &str) -> Option<(&'static str, &'static str, &str)> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    match controllers {
        "" => Some(("/sys/fs/cgroup", "memory.max", group)),
        controllers if controllers.split(',').any(|name| name == "memory") => {
            Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", group))
        }
        _ => None,
    }
}

/// Returns the free bytes of a directory's file system for users other than root.
pub(super) fn free_space(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        assert_eq!(parse_total("MemTotal:        8000 kB\nMemFree: 1 kB\n"), Some(8_192_000));
        assert_eq!(parse_total("MemFree: 1 kB\n"), None);
        assert_eq!(limit_file_of("0::/a.slice/b"), Some(("/sys/fs/cgroup", "memory.max", "/a.slice/b")));
        let first = Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "/x"));
        assert_eq!(
            (limit_file_of("4:cpu,memory:/x"), limit_file_of("4:cpu:/x"), limit_file_of("junk")),
            (first, None, None)
        );
        assert!(free_space(Path::new("/")).is_ok());
    }
}
