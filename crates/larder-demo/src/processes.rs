//! Runs the demo as several processes on one machine. They share a database and a Redis server.
//!
//! The first process fills the database, empties the cache and starts the members. Each member sends requests
//! and makes changes, and writes a journal. Then the first process checks the answers of all members against
//! the removals of all members.

#![expect(clippy::print_stdout, reason = "the program prints its results")]

pub(crate) mod journal;
pub(crate) mod member;
mod report;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use crate::args::DemoOptions;
use crate::demo_dir::DemoDir;
use crate::error::Error;
use crate::progress;
use crate::report::count;
use crate::run::{MEMORY_CAPACITY, refuse_unwritable};
use crate::shop::catalog::Catalog;
use crate::shop::database::{self, Database};
use crate::shop::service::CachedService;
use journal::{Acknowledgements, Journal};
use member::{MemberPlan, open_shared, server_url};
use report::{ProcessReport, ProcessesReport};

/// The running members. Dropping this value kills them.
#[derive(Debug, Default)]
struct Members(Vec<Child>);

impl Members {
    fn start(&mut self, process: u64, plan: &Path) -> Result<(), Error> {
        let failed = |source| Error::Start { process, source };
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg("--member").arg(plan).stdin(Stdio::null()).stdout(Stdio::null());
        self.0.push(command.spawn().map_err(failed)?);
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Error> {
        for (process, member) in (0..).zip(&mut self.0) {
            let status = member.wait().map_err(|source| Error::Start { process, source })?;
            if !status.success() {
                return Err(Error::ProcessFailed { process, status });
            }
        }
        Ok(())
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.0 {
            // Errors are ignored, because `drop` cannot return them.
            drop(member.kill());
            drop(member.wait());
        }
    }
}

pub(crate) fn run(options: &DemoOptions, processes: u64) -> Result<ExitCode, Error> {
    let url = server_url()?;
    let bound = larder_redis::staleness(&url).map_err(larder_redis::OpenError::from)?;
    let dir = DemoDir::open(options.dir.as_deref())?;
    if let Some(path) = &options.json {
        refuse_unwritable(path)?;
    }
    let catalog = Catalog::new()?;
    let filled = progress::bar("filling the database", database::ROWS);
    Database::open_or_fill(&dir.database(), &catalog, &filled)?;
    filled.finish_and_clear();
    clear(&url, &catalog)?;
    println!("A shop of {} rows in {}.", count(database::ROWS), dir.database().display());
    println!(
        "{processes} processes of {} threads send requests for {} s, seed {}; {MEMORY_CAPACITY} of memory each.",
        options.threads, options.seconds, options.seed,
    );

    let mut members = Members::default();
    for process in 0..processes {
        let plan = MemberPlan {
            database: dir.database(),
            journal: dir.journal(process),
            threads: options.threads,
            seed: options.seed.wrapping_add(process),
            seconds: options.seconds,
            without_removals: options.without_removals,
        };
        let path = dir.plan(process);
        let json = serde_json::to_vec(&plan).map_err(Error::json(&path))?;
        fs::write(&path, json).map_err(Error::file("write", &path))?;
        members.start(process, &path)?;
    }
    members.wait()?;

    let journals: Vec<_> = (0..processes).map(|process| receive(&dir, process)).collect::<Result<_, _>>()?;
    let acknowledged = Acknowledgements::of(&journals);
    let judged =
        journals.iter().map(|journal| ProcessReport::of(journal, acknowledged.judge(journal, bound)));
    let report = ProcessesReport::of(bound, judged.collect());
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).map_err(Error::json(path))?;
        fs::write(path, json + "\n").map_err(Error::file("write", path))?;
    }
    println!("{}", report.table());
    match report.stale_answers {
        0 => println!("met     answers stale beyond {bound:?}: none"),
        stale => println!("MISSED  answers stale beyond {bound:?}: {}, target none", count(stale)),
    }
    Ok(if report.stale_answers == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Empties the cache at the server, because an earlier run may have used another database.
fn clear(url: &str, catalog: &Catalog) -> Result<(), Error> {
    let cache = open_shared(url)?;
    let service = CachedService::open_shared(&cache, catalog)?;
    cache.clear()?;
    drop(service);
    Ok(cache.close()?)
}

/// Reads the journal of a member, and removes its files.
fn receive(dir: &DemoDir, process: u64) -> Result<Journal, Error> {
    let path = dir.journal(process);
    let json = fs::read(&path).map_err(Error::file("read", &path))?;
    let journal = serde_json::from_slice(&json).map_err(Error::json(&path))?;
    for path in [path, dir.plan(process)] {
        fs::remove_file(&path).map_err(Error::file("remove", &path))?;
    }
    Ok(journal)
}
