//! The limit on the length of the files that a process writes (`ulimit -f`), held against a cache's capacity.

use std::{fs, io};

use larder::{ByteSize, MAX_LENGTH_PER_CAPACITY};
use rustix::process::{Resource, getrlimit};

/// The limit of a process; of this one without an id. None if it has none.
///
/// # Errors
/// When the system does not tell it of that process.
pub(crate) fn of(pid: Option<u32>) -> io::Result<Option<u64>> {
    Ok(match pid {
        None => getrlimit(Resource::Fsize).current,
        Some(pid) => parse(&fs::read_to_string(format!("/proc/{pid}/limits"))?),
    })
}

/// The soft limit in a line such as `Max file size  16777216  unlimited  bytes`.
fn parse(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file size"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether a limit leaves room for a file of this capacity.
pub(crate) fn allows(limit: u64, capacity: ByteSize) -> bool {
    capacity.as_u64() <= limit / MAX_LENGTH_PER_CAPACITY
}

/// What is to be said of a cache of this process whose file has this capacity. One that had to lower it has
/// just what the limit leaves.
pub(crate) fn told(capacity: ByteSize) -> Option<String> {
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
        assert!(of(Some(u32::MAX)).is_err(), "of no such process it is not told");
        assert!(allows(16 << 20, ByteSize::mib(8)) && !allows(16 << 20, ByteSize::mib(9)));
    }
}
