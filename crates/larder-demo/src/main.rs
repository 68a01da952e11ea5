//! `larder-demo`: a shop on a real database, first without larder, then with larder, then after a restart.
//! With `--processes`, several processes share a database and a Redis server.
//!
//! Exits with 0 if no answer was stale, with 1 if an answer was stale, and with 2 if the demo could not run.

#![forbid(unsafe_code)]

mod args;
mod clock;
mod demo_dir;
mod error;
mod handover;
mod latency;
mod min_revisions;
mod panics;
mod phase;
mod processes;
mod progress;
mod report;
mod run;
mod shop;
mod workload;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use larder::inspect::escape_control;

use crate::args::Arguments;
use crate::error::Error;

fn main() -> ExitCode {
    survive_file_size_limit();
    panics::silence_store();
    run().unwrap_or_else(|error| {
        // Escaped, because the text may contain a path with control characters.
        eprintln!("larder-demo: {}", escape_control(&error.with_sources()));
        ExitCode::from(2)
    })
}

fn run() -> Result<ExitCode, Error> {
    let Arguments { options, resume, member } = Arguments::read()?;
    match (resume, member, options.processes) {
        (Some(handover), ..) => run::after_restart(&handover),
        (_, Some(plan), _) => processes::member::run(&plan),
        (.., Some(count)) => processes::run(&options, count),
        _ => match run::until_restart(options)? {},
    }
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail with an error.
///
/// Otherwise SIGXFSZ would end the process, and its temporary directory would remain.
fn survive_file_size_limit() {
    // A failure is ignored, because the demo also runs without the handler.
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false))));
}
