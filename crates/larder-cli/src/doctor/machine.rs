//! What the machine has: memory, and room on the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The memory that a process may have: the machine's, or what its control groups leave it, if that is less.
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

/// The limits of a process's control group and of those above it.
fn cgroup_limits(pid: &str) -> Vec<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mut limits = Vec::new();
    for (root, file, group) in groups.lines().filter_map(place_of) {
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

/// Where the limit of a line such as `0::/system.slice/shop.service` stands.
fn place_of(line: &str) -> Option<(&'static str, &'static str, &str)> {
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

/// Room that is left on the file system of a directory, for those who are not root.
pub(super) fn free_space(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_are_read() {
        assert_eq!(parse_total("MemTotal:        8000 kB\nMemFree: 1 kB\n"), Some(8_192_000));
        assert_eq!(parse_total("MemFree: 1 kB\n"), None);
        assert_eq!(place_of("0::/a.slice/b"), Some(("/sys/fs/cgroup", "memory.max", "/a.slice/b")));
        let first = Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "/x"));
        assert_eq!(
            (place_of("4:cpu,memory:/x"), place_of("4:cpu:/x"), place_of("junk")),
            (first, None, None)
        );
        assert!(free_space(Path::new("/")).is_ok());
    }
}
