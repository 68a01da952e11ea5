//! Compares the capacity of a cache with the file size limit of a process (`ulimit -f`).

use std::{fs, io};

use larder::{ByteSize, MAX_LENGTH_PER_CAPACITY};
use rustix::process::{Resource, getrlimit};

/// Returns the limit of a process in bytes, or `None` if it has no limit. Without an id, returns the limit of
/// this process.
///
/// # Errors
/// Fails if the limits of that process are not visible.
pub(crate) fn of(pid: Option<u32>) -> io::Result<Option<u64>> {
    Ok(match pid {
        None => getrlimit(Resource::Fsize).current,
        Some(pid) => parse(&fs::read_to_string(format!("/proc/{pid}/limits"))?),
    })
}

/// Parses the soft limit from the text that has a line such as `Max file size 16777216 unlimited bytes`.
fn parse(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file size"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Returns whether a cache file of this capacity stays within a limit in bytes.
pub(crate) fn allows(limit: u64, capacity: ByteSize) -> bool {
    capacity.as_u64() <= limit / MAX_LENGTH_PER_CAPACITY
}

/// Returns a note if this process's limit has lowered the capacity of its cache.
///
/// A lowered capacity is exactly the limit divided by [`MAX_LENGTH_PER_CAPACITY`].
pub(crate) fn lowered(capacity: ByteSize) -> Option<String> {
    let limit = of(None).ok()??;
    (capacity.as_u64() == limit / MAX_LENGTH_PER_CAPACITY).then(|| {
        let limit = ByteSize::bytes(limit);
        format!(
            "the limit on the length of files ({limit}, ulimit -f) leaves it {capacity}; raise it for more"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_process_is_read() {
        let limits = |soft: &str| {
            format!("Limit  Soft Limit  Hard Limit  Units\nMax file size  {soft}  unlimited  bytes\n")
        };
        assert_eq!(parse(&limits("16777216")), Some(16 << 20));
        assert_eq!(parse(&limits("unlimited")), None);
        assert_eq!(parse("Max cpu time unlimited"), None);
        assert_eq!(of(Some(std::process::id())).unwrap(), of(None).unwrap());
        assert!(of(Some(u32::MAX)).is_err(), "there is no such process");
        assert!(allows(16 << 20, ByteSize::mib(8)) && !allows(16 << 20, ByteSize::mib(9)));
    }
}
