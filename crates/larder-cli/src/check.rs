//! `larder check`: whether a cache works where it is to work, told tier by tier.
//!
//! A probe is written, read, left to expire and removed in each tier. What is said of the disk was read from
//! the file: between writing and reading the cache is closed and opened again, so that memory can't answer.
//! The probe is removed at the end, also of a check that failed; one that was killed leaves it to expire
//! within [`PROBE_TTL`]. The URL is never printed, since it may hold a password.
//!
//! A file that was not there is told of first, since the path may be a mistake, and is removed at the end
//! with whatever was made for it ([`made`]).

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use larder::{ByteSize, Cache, DiskState, InsertOptions, Keyspace, KeyspaceDefinition, URL_VARIABLE};

use self::made::Made;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::{clock, limit, located};

mod made;
mod target;

/// How long a probe lives that nobody could remove.
const PROBE_TTL: Duration = Duration::from_mins(1);
/// The life of the probe that is to expire, and how long it is waited for.
const SHORT_TTL: Duration = Duration::from_millis(20);
const LONGER: Duration = Duration::from_millis(50);

const BOTH_TIERS: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("larder.check").ttl(PROBE_TTL).version(1);
const MEMORY: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("larder.check.memory").ttl(PROBE_TTL).version(1).memory_only();

/// Which tier a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Memory,
    Disk,
}

/// What was found, printed as it is found.
#[derive(Debug, Default)]
struct Findings {
    failures: u32,
}

impl Findings {
    /// Prints one line. `fault` says what was found instead, if it was not as it should be.
    fn add(&mut self, tier: Tier, what: &str, fault: Option<String>) {
        let tier = if tier == Tier::Memory { "memory" } else { "disk" };
        match fault {
            None => line(format_args!("ok      {tier:<7} {what}")),
            Some(fault) => {
                self.failures += 1;
                line(format_args!("FAILED  {tier:<7} {what}: {fault}"));
            }
        }
    }

    /// A finding that is right or wrong.
    fn expect(&mut self, tier: Tier, what: &str, is_right: bool, otherwise: &str) {
        self.add(tier, what, (!is_right).then(|| otherwise.to_owned()));
    }

    /// A finding of a call that must not fail.
    fn call<T>(&mut self, tier: Tier, what: &str, outcome: Result<T, larder::Error>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.add(tier, what, None);
                Some(value)
            }
            Err(error) => {
                self.add(tier, what, Some(error.to_string()));
                None
            }
        }
    }
}

/// Checks the cache of `url`, or of the environment. Without either there is nothing to check: that a cache in
/// memory works says nothing about the one that the service was to have.
pub(crate) fn run(url: Option<&str>) -> Result<ExitCode, Failure> {
    let environment = if url.is_some() { None } else { located::environment()? };
    let Some(url) = url.map(target::url_of).transpose()?.or(environment) else {
        let text = format!(
            "which cache? Give its URL, as in larder check 'file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB', or set \
             {URL_VARIABLE}; for a cache in memory alone it is memory:"
        );
        return Err(Failure::new(Exit::Usage, text));
    };
    let path = located::Located::of_url(&url)?.file;
    // Heard, so that what is made is removed: the check is over in a moment.
    let interrupt = Interrupt::heard()?;
    let made = path.as_deref().map(Made::by_a_check_of);
    if let Some(note) = made.as_ref().and_then(Made::note) {
        line(format_args!("note    disk    {note}"));
    }
    let checked = check(&|| Cache::open_url(&url));
    let is_removed = made.is_none_or(|mut made| made.remove());
    let failures = checked.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    interrupt.check("the probe is removed")?;
    Ok(if failures == 0 && is_removed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a line. A reader that went away, as `head` does, is no reason to leave behind what the check has
/// made.
fn line(text: fmt::Arguments<'_>) {
    drop(writeln!(io::stdout(), "{text}"));
}

/// The number of findings that were not as they should be.
fn check(open: &dyn Fn() -> Result<Cache, larder::Error>) -> Result<u32, larder::Error> {
    let mut findings = Findings::default();
    let cache = open()?;
    let memory = ByteSize::bytes(cache.stats().memory.capacity);
    let Some(disk) = cache.stats().disk else {
        line(format_args!("opened  {memory} of memory, and no file: entries die with the process"));
        check_memory(&cache, &mut findings)?;
        return Ok(summary(&findings));
    };
    let (room, entries) = (ByteSize::bytes(disk.capacity), disk.entries);
    line(format_args!("opened  {memory} of memory over a file of at most {room}, with {entries} entries"));
    if let Some(limited) = limit::told(room) {
        line(format_args!("note    disk    {limited}"));
    }
    if let Some(moved_to) = &disk.quarantined {
        line(format_args!("note    disk    the file was damaged; it is kept as {}", moved_to.display()));
    }
    check_memory(&cache, &mut findings)?;

    // Of this run alone: an older probe must not be taken for it.
    let key = format!("probe {} {}", std::process::id(), clock::since_epoch().as_nanos());
    let checked = check_disk(cache.clone(), open, &key, &mut findings);
    let is_removed = remove(&cache, &key).is_ok() || open().and_then(|cache| remove(&cache, &key)).is_ok();
    if !is_removed {
        line(format_args!(
            "FAILED  disk    the probe could not be removed; it expires within {} s",
            PROBE_TTL.as_secs()
        ));
        findings.failures += 1;
    }
    checked?;
    Ok(summary(&findings))
}

fn summary(findings: &Findings) -> u32 {
    match findings.failures {
        0 => line(format_args!("ok      every tier works, and the probe is gone")),
        failures => line(format_args!("FAILED  {failures} of these findings")),
    }
    findings.failures
}

/// Writes, reads, expires and removes a probe that never leaves memory.
fn check_memory(cache: &Cache, findings: &mut Findings) -> Result<(), larder::Error> {
    let (probes, tier) = (cache.keyspace(MEMORY)?, Tier::Memory);
    findings.call(tier, "wrote a probe", probes.insert("probe", "written".to_owned()));
    let found = probes.get("probe").is_some_and(|value| *value == "written");
    findings.expect(tier, "read it back", found, "it is not there; is `memory` large enough?");
    expire(&probes, tier, "brief probe", findings);
    findings.call(tier, "removed it", probes.remove("probe"));
    findings.expect(tier, "it is gone", probes.get("probe").is_none(), "it is still there");
    Ok(())
}

/// Writes, reads, expires and removes a probe in the file, with the cache closed and opened in between.
fn check_disk(
    cache: Cache,
    open: &dyn Fn() -> Result<Cache, larder::Error>,
    key: &str,
    findings: &mut Findings,
) -> Result<(), larder::Error> {
    let tier = Tier::Disk;
    let probes = cache.keyspace(BOTH_TIERS)?;
    findings.call(tier, "wrote a probe", probes.insert(key, "written".to_owned()));
    findings.call(tier, "committed it to the file", cache.flush());
    expire(&probes, tier, &brief(key), findings);
    findings.call(tier, "deleted what has expired", cache.sweep());
    findings.call(tier, "closed the cache", cache.close());
    drop((probes, cache));

    let cache = open()?;
    let probes = cache.keyspace(BOTH_TIERS)?;
    let found = probes.get(key).is_some_and(|value| *value == "written");
    let hits = cache.stats().disk.map_or(0, |disk| disk.hits);
    let otherwise = "it is not in the file: entries do not survive a restart here";
    findings.expect(tier, "opened it again, and read the probe from the file", found && hits == 1, otherwise);
    findings.call(tier, "removed it", probes.remove(key));
    findings.call(tier, "closed the cache", cache.close());
    drop((probes, cache));

    let cache = open()?;
    let probes = cache.keyspace(BOTH_TIERS)?;
    let is_gone = probes.get(key).is_none() && on_disk(&cache) == 0;
    findings.expect(tier, "opened it again: the probe is gone", is_gone, "it is still in the file");
    let state = cache.stats().disk.map_or(DiskState::On, |disk| disk.state);
    findings.expect(tier, "the file is in use", state == DiskState::On, "the disk tier is off; see the log");
    cache.close()
}

/// Writes a probe with a short life, and looks for it afterwards.
fn expire(probes: &Keyspace<String, String>, tier: Tier, key: &str, findings: &mut Findings) {
    let options = InsertOptions::new().ttl(SHORT_TTL);
    if let Err(error) = probes.insert_with(key, "written".to_owned(), options) {
        return findings.add(tier, "wrote a probe with a short life", Some(error.to_string()));
    }
    clock::wait(LONGER);
    let is_gone = probes.get(key).is_none();
    findings.expect(tier, "a probe with a short life expired", is_gone, "it is served after its time");
}

/// The key of the probe that is to expire.
fn brief(key: &str) -> String {
    format!("{key}, brief")
}

/// The probes in the file, live or not.
fn on_disk(cache: &Cache) -> u64 {
    let stats = cache.stats();
    stats.keyspaces.iter().find(|row| row.name == BOTH_TIERS.name()).map_or(0, |row| row.disk_entries)
}

/// Removes what the check may have left.
fn remove(cache: &Cache, key: &str) -> Result<u64, larder::Error> {
    cache.keyspace(BOTH_TIERS)?.remove_many([key, brief(key).as_str()])
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::*;

    fn open(path: &Path) -> Result<Cache, larder::Error> {
        Cache::builder().path(path).open()
    }

    fn probes_in(path: &Path) -> u64 {
        let cache = open(path).unwrap();
        let probes = cache.keyspace(BOTH_TIERS).unwrap();
        probes.count().max(on_disk(&cache))
    }

    #[test]
    fn a_cache_that_works_has_no_findings_against_it_and_no_probe_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        assert_eq!(check(&|| open(&path)).unwrap(), 0);
        assert_eq!(probes_in(&path), 0);
        assert_eq!(check(&|| Cache::builder().open()).unwrap(), 0);
    }

    #[test]
    fn a_file_that_does_not_keep_its_entries_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Cell::new(0);
        // Another file each time, as on a volume that is thrown away with its container.
        let failures = check(&|| {
            opened.set(opened.get() + 1);
            open(&dir.path().join(format!("{}.larder", opened.get())))
        });
        assert_eq!(failures.unwrap(), 1);
    }

    #[test]
    fn a_file_that_loses_removals_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let (path, kept) = (dir.path().join("shop.larder"), dir.path().join("kept"));
        let opened = Cell::new(0);
        // The file of before the removal is put back, as by a backup.
        let failures = check(&|| {
            opened.set(opened.get() + 1);
            match opened.get() {
                2 => drop(std::fs::copy(&path, &kept).unwrap()),
                3 => drop(std::fs::copy(&kept, &path).unwrap()),
                _ => {}
            }
            open(&path)
        });
        assert_eq!(failures.unwrap(), 1);
        assert_eq!(probes_in(&path), 0, "the probe was left behind");
    }

    #[test]
    fn a_check_that_is_broken_off_removes_its_probe() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        let opened = Cell::new(0);
        let outcome = check(&|| {
            opened.set(opened.get() + 1);
            if opened.get() == 2 { Cache::open_url("redis://example") } else { open(&path) }
        });
        assert!(outcome.is_err());
        assert_eq!(probes_in(&path), 0, "the probe was left behind");
    }
}
