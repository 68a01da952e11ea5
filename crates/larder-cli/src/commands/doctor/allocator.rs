//! Compares the memory that a process uses with the maximum memory of its cache. If the process uses too
//! much, checks whether the cause is the allocator, which may keep the memory of freed large values.
//!
//! After it has freed one block of a megabyte or more, glibc allocates later large blocks in per-thread
//! arenas. When these blocks are freed, glibc does not return their memory to the system. The process then
//! uses about twice the maximum memory of its cache. `docs/guide.md` has the measurements.

use std::fs;

use larder::{ByteSize, Stats};

use super::report::CheckResult;

/// The entries of a keyspace are large if their mean size is at least this number of bytes. With smaller
/// entries, the measured memory stayed within [`USUAL_TENTHS`].
const LARGE: u64 = 1 << 20;
/// Usual maximum of a process's memory, in tenths of the maximum memory of its cache. Without large values,
/// about 15 tenths were measured; one more is for the application itself.
const USUAL_TENTHS: u64 = 16;
/// The environment variables and tunables that set glibc's threshold.
const THRESHOLDS: [&str; 2] = ["MALLOC_MMAP_THRESHOLD_=", "glibc.malloc.mmap_threshold"];
const OTHER_ALLOCATORS: [&str; 3] = ["jemalloc", "mimalloc", "tcmalloc"];

/// The memory of a process, as reported by the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessMemory {
    pid: u32,
    /// Bytes of anonymous memory.
    resident: u64,
    /// Whether the process allocates with glibc and the default threshold. `None` if this is not visible.
    has_glibc_defaults: Option<bool>,
}

impl ProcessMemory {
    pub(super) fn of(pid: u32) -> Option<Self> {
        let of = |name: &str| fs::read(format!("/proc/{pid}/{name}"));
        let resident = resident(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let has_glibc_defaults = match (of("maps"), of("environ")) {
            (Ok(maps), Ok(environ)) => Some(is_glibc(&text(&maps)) && !sets_threshold(&text(&environ))),
            _ => None,
        };
        Some(Self { pid, resident, has_glibc_defaults })
    }

    /// Checks the memory. `most` is the maximum memory of the cache in bytes.
    pub(super) fn check(&self, most: u64, stats: &Stats) -> CheckResult {
        let check = "allocator";
        let is_much = self.resident / USUAL_TENTHS > most / 10;
        let found = format!(
            "process {} uses {} of memory; its cache may use up to {}",
            self.pid,
            ByteSize::bytes(self.resident),
            ByteSize::bytes(most)
        );
        let large = large_keyspace(stats).filter(|_| is_much);
        let line = match (large, self.has_glibc_defaults) {
            (Some(name), Some(true)) => CheckResult::warn(
                check,
                format!(
                    "{found}; keyspace {name} has values of megabytes, whose memory glibc keeps when they are \
                        gone"
                ),
                "start the service with MALLOC_MMAP_THRESHOLD_=131072 in its environment, unless the \
                    application's own data explains it",
            ),
            (Some(name), None) => CheckResult::unknown(
                check,
                format!("{found}; keyspace {name} has values of megabytes"),
                "run this as the service's user: otherwise its allocator is not visible",
            ),
            (None, _) if is_much => CheckResult::pass(
                check,
                format!(
                    "{found}: the rest belongs to the application, or to values that use more than they weigh \
                        (`weigh_heap`)"
                ),
            ),
            _ => CheckResult::pass(check, found),
        };
        line.with("resident_bytes", self.resident).with("cache_bytes", most)
    }
}

/// Returns the name of a keyspace with large entries, in memory or on disk.
fn large_keyspace(stats: &Stats) -> Option<&str> {
    let mean = |size: ByteSize, entries: u64| size.as_u64().checked_div(entries).unwrap_or(0);
    let large = stats.keyspaces.iter().find(|space| {
        mean(space.memory_weight, space.memory_entries).max(mean(space.disk_bytes, space.disk_entries))
            >= LARGE
    });
    large.map(|space| &*space.name)
}

/// Parses the bytes of a process's anonymous memory. Old kernels report only the total resident memory.
fn resident(status: &str) -> Option<u64> {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line("RssAnon:").or_else(|| line("VmRSS:"))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn is_glibc(maps: &str) -> bool {
    (maps.contains("/libc.so.6") || maps.contains("/libc-2."))
        && !OTHER_ALLOCATORS.iter().any(|other| maps.contains(other))
}

fn sets_threshold(environ: &str) -> bool {
    environ.split('\0').any(|variable| THRESHOLDS.iter().any(|threshold| variable.contains(threshold)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::report::Verdict;
    use super::*;

    fn stats(weight: u64, entries: u64) -> Stats {
        let space = json!({"name": "image", "memory_weight": weight, "memory_entries": entries});
        serde_json::from_value(json!({"keyspaces": [space]})).unwrap()
    }

    #[test]
    fn large_values_under_glibc_warn_when_the_process_takes_much_more_than_its_cache() {
        let process = |resident, has_glibc_defaults| ProcessMemory { pid: 7, resident, has_glibc_defaults };
        let (large, small) = (stats(40 << 20, 8), stats(40 << 20, 80_000));
        for (process, stats, verdict) in [
            (process(136 << 20, Some(true)), &large, Verdict::Warn),
            (process(136 << 20, Some(false)), &large, Verdict::Pass),
            (process(136 << 20, None), &large, Verdict::Unknown),
            (process(90 << 20, Some(true)), &large, Verdict::Pass),
            (process(136 << 20, Some(true)), &small, Verdict::Pass),
        ] {
            let line = process.check(64 << 20, stats);
            assert_eq!(line.verdict, verdict, "{line:?}");
        }
    }

    #[test]
    fn the_files_of_proc_are_read() {
        assert_eq!(resident("Name: x\nVmRSS:\t  900 kB\nRssAnon:\t  500 kB\n"), Some(512_000));
        assert_eq!(resident("VmRSS:\t  500 kB\n"), Some(512_000));
        let libc = "7f00-7f01 r-xp 00000000 08:01 12 /usr/lib/x86_64-linux-gnu/libc.so.6\n";
        assert!(is_glibc(libc) && !is_glibc(""));
        assert!(!is_glibc(&format!("{libc}7f02-7f03 r-xp 0 08:01 13 /usr/lib/libjemalloc.so.2\n")));
        assert!(sets_threshold("A=b\0MALLOC_MMAP_THRESHOLD_=131072\0") && !sets_threshold("A=b\0"));
        assert!(sets_threshold("GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072\0"));
        let own = ProcessMemory::of(std::process::id()).unwrap();
        assert!(own.resident > 1 << 16, "{own:?}");
    }
}
