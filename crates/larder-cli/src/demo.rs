//! `larder demo`: a shop on a real database, without larder, with it, and after a restart.
//!
//! The first image of the process fills the database, answers the requests without and with larder, closes
//! the cache and restarts itself ([`run`]). The second opens the file again, answers from it, and reports
//! ([`resume`]). Nothing is simulated: every query is rusqlite's, every hit is larder's.

#![expect(clippy::print_stdout, reason = "the command prints its results")]

mod database;
mod directory;
mod floors;
mod latency;
mod phase;
mod progress;
mod reader;
mod report;
mod restart;
mod service;
mod shop;
mod site;
mod workload;
mod writer;

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use larder::{ByteSize, Cache};

use crate::args::{DEFAULT_REQUESTS, DemoOptions};
use crate::clock;
use crate::demo::database::Database;
use crate::demo::directory::Directory;
use crate::demo::floors::Floors;
use crate::demo::phase::{Plan, REQUESTS_PER_CHANGE, World};
use crate::demo::report::{Report, Restarted, Traffic, count};
use crate::demo::restart::Handover;
use crate::demo::service::{Cached, Uncached};
use crate::demo::site::Site;
use crate::demo::workload::{Stream, Workload};
use crate::error::Error;

/// A fraction of what the shop's entries weigh, so that the disk has something to do.
const MEMORY_CAPACITY: ByteSize = ByteSize::mib(6);
/// Room for every entry, several times over.
const DISK_CAPACITY: ByteSize = ByteSize::mib(256);

/// The demo up to the restart. Comes back only if it fails.
pub(crate) fn run(options: DemoOptions) -> Result<Infallible, Error> {
    let site = Site::open(options.dir.as_deref())?;
    // After it: the file may be one in that directory.
    if let Some(path) = &options.json {
        refuse_unwritable(path)?;
    }
    let directory = Directory::new()?;
    let filled = progress::bar("filling the database", database::ROWS);
    let database = Database::open_or_fill(&site.database(), &directory, &filled)?;
    filled.finish_and_clear();
    println!("A shop of {} rows in {}.", count(database::ROWS), site.database().display());
    println!(
        "{} requests a phase from {} threads, a change every {}, seed {}; {MEMORY_CAPACITY} of memory.",
        count(options.requests),
        options.threads,
        count(REQUESTS_PER_CHANGE),
        options.seed,
    );
    let world = World { database, directory, workload: Workload::new(), floors: Floors::new() };

    let plan = before("without larder", &options);
    let mut direct = phase::run(plan, &world, &Uncached { directory: &world.directory })?;
    let without = Traffic::of(&mut direct);

    let cache = open_cache(&site)?;
    cache.clear()?; // A named directory may hold the entries of an earlier run.
    let service = Cached::open(&cache, &world.directory)?;
    let mut seen = phase::run(before("with larder", &options), &world, &service)?;
    let cold = report::Cached::of(&mut seen, &cache.stats(), &without);
    drop(service);
    cache.close()?;

    println!("Restarting process {}: what follows was read from disk.", std::process::id());
    Handover {
        options,
        site,
        floors: world.floors,
        without,
        cold,
        stale: direct.stale + seen.stale,
        ended: clock::since_epoch(),
    }
    .restart()
}

/// Refuses a file for the results that could not be written at the end, when the minutes of the demo are over.
fn refuse_unwritable(path: &Path) -> Result<(), Error> {
    let is_there = path.symlink_metadata().is_ok();
    let opened = fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(Error::file("write the results (--json) to", path))?;
    if is_there {
        return Ok(());
    }
    fs::remove_file(path).map_err(Error::file("remove", path))
}

/// The demo from the restart on: `handover` is the file that the old image has left.
pub(crate) fn resume(handover: &Path) -> Result<ExitCode, Error> {
    let handover = Handover::receive(handover)?;
    let age = handover.age();
    let ended = clock::now().checked_sub(age).unwrap_or_else(clock::now);
    let Handover { options, site, floors, without, cold, stale, .. } = handover;

    let database = Database::filled(&site.database());
    let world = World { database, directory: Directory::new()?, workload: Workload::new(), floors };
    let cache = open_cache(&site)?;
    let service = Cached::open(&cache, &world.directory)?;
    let mut seen = phase::run(after("restarted", &options, ended), &world, &service)?;
    let restarted = Restarted::of(&mut seen, &cache.stats(), &without);
    drop(service);
    cache.close()?;

    let report = Report { without, cold, restarted, stale_answers: stale + seen.stale };
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
            "The targets are those of the default run: with fewer than {} requests, more of them are \
             the first for their key.",
            count(DEFAULT_REQUESTS)
        );
    }
}

fn open_cache(site: &Site) -> Result<Cache, Error> {
    Ok(Cache::builder()
        .path(site.cache())
        .memory_capacity(MEMORY_CAPACITY)
        .disk_capacity(DISK_CAPACITY)
        .open()?)
}

/// A phase before the restart: the two that there are draw the same requests.
fn before(label: &'static str, options: &DemoOptions) -> Plan {
    Plan {
        requests: options.requests,
        askers: (0..options.threads).map(|thread| Stream::Before(thread).rng(options.seed)).collect(),
        changer: Stream::ChangesBefore.rng(options.seed),
        since: clock::now(),
        bar: progress::bar(label, options.requests),
    }
}

/// The phase after the restart, with requests of its own: nothing is asked again only to be found.
fn after(label: &'static str, options: &DemoOptions, since: Instant) -> Plan {
    Plan {
        requests: options.requests,
        askers: (0..options.threads).map(|thread| Stream::After(thread).rng(options.seed)).collect(),
        changer: Stream::ChangesAfter.rng(options.seed),
        since,
        bar: progress::bar(label, options.requests),
    }
}
