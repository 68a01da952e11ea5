//! The circumstances of a measurement, such as the machine. A figure has no meaning without them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::stopwatch;

/// The name of the Redis server among the versions. The crate `redis` is its client.
pub const REDIS_SERVER: &str = "redis-server";

/// The circumstances of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Name of the processor.
    pub processor: String,
    /// Number of processors that this process may use.
    pub processors: usize,
    /// Size of memory, in MiB.
    pub memory_mib: u64,
    /// Release of the kernel.
    pub kernel: String,
    /// Type of the file system with the temporary files.
    pub filesystem: String,
    /// Load average of the last minute before the run. If it is above zero, the machine was not idle.
    pub load: String,
    /// Version of the Rust compiler.
    pub rustc: String,
    /// The commit of larder, with a remark if files differed from it.
    pub commit: String,
    /// Versions of the peers and of the benches' dependencies, by package, and of redis-server.
    pub versions: BTreeMap<String, String>,
    /// Start of the run, in UTC.
    pub date: String,
}

impl Circumstances {
    /// Returns the current circumstances.
    #[must_use]
    pub fn now() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            processors: thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_mib: kib(&field("/proc/meminfo", "MemTotal")) / 1024,
            kernel: first_word("/proc/sys/kernel/osrelease"),
            filesystem: filesystem(&env::temp_dir(), &read("/proc/mounts")),
            load: first_word("/proc/loadavg"),
            rustc: output(Command::new("rustc").arg("--version")),
            commit: commit(root),
            versions: versions(&fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default())
                .into_iter()
                .chain(redis_server().map(|version| (REDIS_SERVER.to_owned(), version)))
                .collect(),
            date: date(stopwatch::since_1970().as_secs()),
        }
    }
}

/// Returns the letters and digits of a text in lower case, with hyphens between the words.
#[must_use]
pub fn slug(text: &str) -> String {
    let parts = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn first_word(path: &str) -> String {
    read(path).split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Returns the value of the line `name : value` in a file.
fn field(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).to_owned()
}

/// Returns the number in a text such as `16384 kB`.
fn kib(text: &str) -> u64 {
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Returns the resident memory of this process in bytes, as the kernel reports it.
#[must_use]
pub fn resident_bytes() -> u64 {
    kib(&field("/proc/self/status", "VmRSS")) * 1024
}

/// Returns the load average of the last minute, or `None` if the system does not report it.
#[must_use]
pub fn load_average() -> Option<f64> {
    first_word("/proc/loadavg").parse().ok()
}

fn filesystem(of: &Path, mounts: &str) -> String {
    let of = of.canonicalize().unwrap_or_else(|_| of.to_owned());
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    let nearest = mounted.filter(|(at, _)| of.starts_with(at)).max_by_key(|(at, _)| at.as_os_str().len());
    nearest.map_or("unknown", |(_, kind)| kind).to_owned()
}

fn output(command: &mut Command) -> String {
    let text = command.output().ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.unwrap_or_default().trim().to_owned()
}

fn redis_server() -> Option<String> {
    redis_version(&output(Command::new(REDIS_SERVER).arg("--version")))
}

/// Returns the version from a text such as `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0`.
fn redis_version(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| word.strip_prefix("v=")).map(str::to_owned)
}

fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| output(Command::new("git").arg("-C").arg(root).args(arguments));
    let commit = git(&["rev-parse", "--short=10", "HEAD"]);
    if commit.is_empty() {
        return "unknown".to_owned();
    }
    // Ignores changes below `docs`, because the report itself changes files there.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ":!docs"]);
    if changed.is_empty() { commit } else { commit + " and changes" }
}

/// Returns the versions of the benches' dependencies from the lock file.
fn versions(lock: &str) -> BTreeMap<String, String> {
    let packages: Vec<(&str, &str, &str)> = lock.split("[[package]]").filter_map(package).collect();
    let benches = packages.iter().find(|(name, ..)| *name == "larder-benches");
    let dependencies =
        benches.map_or("", |(_, _, text)| text.split_once("dependencies = [").map_or("", |(_, list)| list));
    let named = dependencies.lines().filter_map(|line| line.trim().trim_end_matches(',').strip_prefix('"'));
    named
        .filter_map(|quoted| {
            let mut words = quoted.trim_end_matches('"').split(' ');
            let name = words.next()?;
            // If the lock file has several versions of a package, the dependency also names the version.
            let version =
                words.next().or_else(|| packages.iter().find(|(known, ..)| *known == name).map(|p| p.1))?;
            Some((name.to_owned(), version.to_owned()))
        })
        .collect()
}

fn package(text: &str) -> Option<(&str, &str, &str)> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix('"'));
    Some((value("name = \"")?, value("version = \"")?, text))
}

/// Returns date and time in UTC, such as `2026-02-03 04:05`.
fn date(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_790_000_000), "2026-09-21 14:13");
    }

    #[test]
    fn versions_are_of_the_packages_that_the_benches_name() {
        let lock = "[[package]]\nname = \"moka\"\nversion = \"0.12.1\"\n\n[[package]]\nname = \"rand\"\nversion = \"0.9.0\"\n\n\
            [[package]]\nname = \"rand\"\nversion = \"0.10.0\"\n\n[[package]]\nname = \"larder-benches\"\nversion = \"0.1.0\"\n\
            dependencies = [\n \"moka\",\n \"rand 0.10.0\",\n]\n";
        let found = versions(lock);
        assert_eq!(found.get("moka").map(String::as_str), Some("0.12.1"));
        assert_eq!(found.get("rand").map(String::as_str), Some("0.10.0"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn the_version_of_redis_is_that_of_the_server() {
        let text = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0";
        assert_eq!(redis_version(text).as_deref(), Some("7.0.15"));
        assert_eq!(redis_version(""), None);
    }

    #[test]
    fn a_file_system_is_that_of_the_nearest_mount_above() {
        let mounts = "a / ext4 rw\nb /no/such tmpfs rw\nc /no xfs rw\n";
        assert_eq!(filesystem(Path::new("/no/such/dir"), mounts), "tmpfs");
        assert_eq!(filesystem(Path::new("/nowhere"), mounts), "ext4");
    }

    #[test]
    fn a_slug_has_letters_digits_and_hyphens() {
        assert_eq!(slug("1M resident, Zipf 0.99; 2 threads"), "1m-resident-zipf-0-99-2-threads");
    }
}
