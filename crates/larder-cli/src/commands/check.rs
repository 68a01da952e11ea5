//! `larder check`: tests each tier of a cache in the place where a service will use it.
//!
//! The check writes, reads, expires and removes a probe in each tier. It closes and reopens the cache between
//! the write and the read of a probe on disk, so that the read comes from the file. It removes the probe at
//! the end, even after a failure. If the check is killed, the probe expires within [`PROBE_TTL`]. The URL is
//! never printed, because it may contain a password.
//!
//! If the file does not exist, the check says so first, because the path may be wrong. At the end it removes
//! the file and everything else that it created ([`created`]).

use std::process::ExitCode;
use std::time::Duration;

use larder::{Cache, DiskState, InsertOptions, Keyspace, KeyspaceDefinition, URL_VARIABLE};

use self::created::CreatedFiles;
use self::findings::{Findings, Tier, print_line};
use crate::cache::{file_size_limit, located};
use crate::term::clock;
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;

mod created;
mod findings;
mod target;

/// The TTL of the probe. It lets the probe expire even if the check cannot remove it.
const PROBE_TTL: Duration = Duration::from_mins(1);
/// The TTL of the probe that must expire. The check looks for it after [`LONGER`].
const SHORT_TTL: Duration = Duration::from_millis(20);
const LONGER: Duration = Duration::from_millis(50);

const BOTH_TIERS: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("larder.check").ttl(PROBE_TTL).version(1);
const MEMORY: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("larder.check.memory").ttl(PROBE_TTL).version(1).memory_only();

/// Checks the cache of `url`, or of `LARDER_URL` if `url` is `None`.
///
/// Fails if neither is given. A check of some cache in memory would say nothing about the service's cache.
pub(crate) fn run(url: Option<&str>) -> Result<ExitCode, Failure> {
    let environment = if url.is_some() { None } else { located::environment()? };
    let Some(url) = url.map(target::url_of).transpose()?.or(environment) else {
        let text = format!(
            "which cache? Give its URL, as in larder check 'file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB', or set \
             {URL_VARIABLE}; for a cache in memory alone it is memory:"
        );
        return Err(Failure::new(Exit::Usage, text));
    };
    let path = located::CacheLocation::of_url(&url)?.file;
    // Without a handler, Ctrl-C would leave created files behind.
    let interrupt = Interrupt::listen()?;
    let created = path.as_deref().map(CreatedFiles::before_check);
    if let Some(note) = created.as_ref().and_then(CreatedFiles::note) {
        print_line(format_args!("note    disk    {note}"));
    }
    let checked = check(&|| Cache::open_url(&url));
    let is_removed = created.is_none_or(|mut created| created.remove());
    let failures = checked.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    interrupt.check("the probe is removed")?;
    Ok(if failures == 0 && is_removed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks every tier. Returns the number of failures.
fn check(open: &dyn Fn() -> Result<Cache, larder::Error>) -> Result<u32, larder::Error> {
    let mut findings = Findings::default();
    let cache = open()?;
    let memory = cache.stats().memory.capacity;
    let Some(disk) = cache.stats().disk else {
        print_line(format_args!("opened  {memory} of memory, and no file: entries die with the process"));
        check_memory(&cache, &mut findings)?;
        return Ok(summary(&findings));
    };
    let (room, entries) = (disk.capacity, disk.entries);
    print_line(format_args!(
        "opened  {memory} of memory over a file of at most {room}, with {entries} entries"
    ));
    if let Some(limited) = file_size_limit::lowered(room) {
        print_line(format_args!("note    disk    {limited}"));
    }
    if let Some(moved_to) = &disk.quarantined {
        print_line(format_args!(
            "note    disk    the file was damaged; it is kept as {}",
            moved_to.display()
        ));
    }
    check_memory(&cache, &mut findings)?;

    // Unique to this run, so that the check cannot find the probe of an earlier run.
    let key = format!("probe {} {}", std::process::id(), clock::since_epoch().as_nanos());
    let checked = check_disk(cache.clone(), open, &key, &mut findings);
    let is_removed = remove(&cache, &key).is_ok() || open().and_then(|cache| remove(&cache, &key)).is_ok();
    if !is_removed {
        print_line(format_args!(
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
        0 => print_line(format_args!("ok      every tier works, and the probe is gone")),
        failures => print_line(format_args!("FAILED  {failures} of these findings")),
    }
    findings.failures
}

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

/// Writes, reads, expires and removes a probe in the file. Closes and reopens the cache before the read and
/// after the removal.
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
    expire(&probes, tier, &brief_key(key), findings);
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
    let is_gone = probes.get(key).is_none() && probes_on_disk(&cache) == 0;
    findings.expect(tier, "opened it again: the probe is gone", is_gone, "it is still in the file");
    let state = cache.stats().disk.map_or(DiskState::On, |disk| disk.state);
    findings.expect(tier, "the file is in use", state == DiskState::On, "the disk tier is off; see the log");
    cache.close()
}

/// Writes a probe with a short TTL, and checks that it expires.
fn expire(probes: &Keyspace<String, String>, tier: Tier, key: &str, findings: &mut Findings) {
    let options = InsertOptions::new().ttl(SHORT_TTL);
    if let Err(error) = probes.insert_with(key, "written".to_owned(), options) {
        return findings.add(tier, "wrote a probe with a short TTL", Some(error.to_string()));
    }
    clock::wait(LONGER);
    let is_gone = probes.get(key).is_none();
    findings.expect(tier, "a probe with a short TTL expired", is_gone, "it is served after its expiry");
}

fn brief_key(key: &str) -> String {
    format!("{key}, brief")
}

/// Returns the number of probes in the file, including expired ones.
fn probes_on_disk(cache: &Cache) -> u64 {
    let stats = cache.stats();
    stats.keyspaces.iter().find(|row| row.name == BOTH_TIERS.name()).map_or(0, |row| row.disk_entries)
}

/// Removes the probe and the probe with a short TTL. Returns the number of removed entries.
fn remove(cache: &Cache, key: &str) -> Result<u64, larder::Error> {
    cache.keyspace(BOTH_TIERS)?.remove_many([key, brief_key(key).as_str()])
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
        probes.count().max(probes_on_disk(&cache))
    }

    #[test]
    fn a_working_cache_passes_and_keeps_no_probe() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        assert_eq!(check(&|| open(&path)).unwrap(), 0);
        assert_eq!(probes_in(&path), 0);
        assert_eq!(check(&|| Cache::builder().open()).unwrap(), 0);
    }

    #[test]
    fn a_file_that_loses_its_entries_fails_the_check() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Cell::new(0);
        // Each opening uses a new file, like a volume that is deleted with its container.
        let failures = check(&|| {
            opened.set(opened.get() + 1);
            open(&dir.path().join(format!("{}.larder", opened.get())))
        });
        assert_eq!(failures.unwrap(), 1);
    }

    #[test]
    fn a_file_that_loses_removals_fails_the_check() {
        let dir = tempfile::tempdir().unwrap();
        let (path, kept) = (dir.path().join("shop.larder"), dir.path().join("kept"));
        let opened = Cell::new(0);
        // Restores the file from before the removal, like a backup would.
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
    fn a_check_that_fails_midway_removes_its_probe() {
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
