//! Runs the demo, in two images of one process.
//!
//! The first image ([`until_restart`]) fills the database, answers requests without and with larder, closes
//! the cache, and restarts the process. The second image ([`after_restart`]) opens the cache again, answers
//! requests with it, and prints the report. Nothing is simulated: rusqlite executes every query, and larder
//! serves every hit.

#![expect(clippy::print_stdout, reason = "the program prints its results")]

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use larder::{ByteSize, Cache, URL_VARIABLE};

use crate::args::{DEFAULT_REQUESTS, DemoOptions};
use crate::demo_dir::DemoDir;
use crate::error::Error;
use crate::handover::Handover;
use crate::min_revisions::MinRevisions;
use crate::phase::{PhasePlan, REQUESTS_PER_CHANGE, World};
use crate::report::{CachedTraffic, Report, RestartedTraffic, Traffic, count};
use crate::shop::catalog::Catalog;
use crate::shop::database::{self, Database};
use crate::shop::service::{CachedService, DirectService};
use crate::workload::{Stream, Workload};
use crate::{clock, phase, progress};

/// Memory holds only a fraction of all entries, so that the disk tier is used too.
pub(crate) const MEMORY_CAPACITY: ByteSize = ByteSize::mib(6);
/// The disk tier has several times the space that all entries need.
const DISK_CAPACITY: ByteSize = ByteSize::mib(256);

/// Runs the demo up to the restart. Returns only on failure.
pub(crate) fn until_restart(options: DemoOptions) -> Result<Infallible, Error> {
    let dir = DemoDir::open(options.dir.as_deref())?;
    // Checked after the directory is created, because the results file may be in it.
    if let Some(path) = &options.json {
        refuse_unwritable(path)?;
    }
    let catalog = Catalog::new()?;
    let filled = progress::bar("filling the database", database::ROWS);
    let database = Database::open_or_fill(&dir.database(), &catalog, &filled)?;
    filled.finish_and_clear();
    println!("A shop of {} rows in {}.", count(database::ROWS), dir.database().display());
    println!(
        "{} requests a phase from {} threads, a change every {}, seed {}; {MEMORY_CAPACITY} of memory.",
        count(options.requests),
        options.threads,
        count(REQUESTS_PER_CHANGE),
        options.seed,
    );
    let world = World { database, catalog, workload: Workload::new(), min_revisions: MinRevisions::new() };

    let plan = before("without larder", &options);
    let mut direct = phase::run(plan, &world, &DirectService { catalog: &world.catalog })?;
    let without = Traffic::of(&mut direct);

    let cache = open_cache(&dir)?;
    cache.clear()?; // A named directory may hold the entries of an earlier run.
    let service = CachedService::open(&cache, &world.catalog)?;
    let mut cached = phase::run(before("with larder", &options), &world, &service)?;
    let cold = CachedTraffic::of(&mut cached, &cache.stats(), &without);
    drop(service);
    cache.close()?;

    println!(
        "Restarting process {}: what follows was read from disk, or from the server.",
        std::process::id()
    );
    Handover {
        options,
        dir,
        min_revisions: world.min_revisions,
        without,
        cold,
        stale: direct.stale + cached.stale,
        ended: clock::since_epoch(),
    }
    .restart()
}

/// Returns an error if the results file cannot be written. Otherwise the demo would fail only at its end,
/// minutes later.
pub(crate) fn refuse_unwritable(path: &Path) -> Result<(), Error> {
    let exists = path.symlink_metadata().is_ok();
    let opened = fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(Error::file("write the results (--json) to", path))?;
    if exists {
        return Ok(());
    }
    fs::remove_file(path).map_err(Error::file("remove", path))
}

/// Runs the demo after the restart. `handover` is the file that the old image wrote.
pub(crate) fn after_restart(handover: &Path) -> Result<ExitCode, Error> {
    let handover = Handover::receive(handover)?;
    let age = handover.age();
    let ended = clock::now().checked_sub(age).unwrap_or_else(clock::now);
    let Handover { options, dir, min_revisions, without, cold, stale, .. } = handover;

    let database = Database::filled(&dir.database());
    let world = World { database, catalog: Catalog::new()?, workload: Workload::new(), min_revisions };
    let cache = open_cache(&dir)?;
    let service = CachedService::open(&cache, &world.catalog)?;
    let mut warm = phase::run(after("restarted", &options, ended), &world, &service)?;
    let restarted = RestartedTraffic::of(&mut warm, &cache.stats(), &without);
    drop(service);
    cache.close()?;

    let report = Report { without, cold, restarted, stale_answers: stale + warm.stale };
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).map_err(Error::json(path))?;
        fs::write(path, json + "\n").map_err(Error::file("write", path))?;
    }
    print(&report, &options);
    Ok(if report.stale_answers == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report, options: &DemoOptions) {
    println!("{}", report.table());
    for target in report.targets() {
        println!("{target}");
    }
    match report.stale_answers {
        0 => println!("met     stale answers: none"),
        stale => println!("MISSED  stale answers: {}, target none", count(stale)),
    }
    if options.requests < DEFAULT_REQUESTS {
        println!(
            "The targets are those of the default run: with fewer than {} requests, a larger share of them \
             is the first for its key.",
            count(DEFAULT_REQUESTS)
        );
    }
}

/// Opens the cache in the demo's directory, or at the server that `LARDER_URL` names. Ignores the URL of a
/// file, because the demo has its own directory.
fn open_cache(dir: &DemoDir) -> Result<Cache, Error> {
    if let Ok(url) = std::env::var(URL_VARIABLE)
        && larder_redis::is_server_url(&url)
    {
        println!("The entries are at the server of {URL_VARIABLE}.");
        return Ok(larder_redis::builder(&url)?.memory_capacity(MEMORY_CAPACITY).open()?);
    }
    Ok(Cache::builder()
        .path(dir.cache())
        .memory_capacity(MEMORY_CAPACITY)
        .disk_capacity(DISK_CAPACITY)
        .open()?)
}

/// Returns the plan of a phase before the restart. All phases before the restart draw the same requests.
fn before(label: &'static str, options: &DemoOptions) -> PhasePlan {
    PhasePlan {
        requests: options.requests,
        clients: (0..options.threads).map(|thread| Stream::Before(thread).rng(options.seed)).collect(),
        changes: Stream::ChangesBefore.rng(options.seed),
        since: clock::now(),
        bar: progress::bar(label, options.requests),
    }
}

/// Returns the plan of the phase after the restart.
///
/// It draws other requests than before. Otherwise every key would already be in the cache.
fn after(label: &'static str, options: &DemoOptions, since: Instant) -> PhasePlan {
    PhasePlan {
        requests: options.requests,
        clients: (0..options.threads).map(|thread| Stream::After(thread).rng(options.seed)).collect(),
        changes: Stream::ChangesAfter.rng(options.seed),
        since,
        bar: progress::bar(label, options.requests),
    }
}
