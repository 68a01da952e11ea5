//! Runs the schedules of a scenario. When a schedule fails, prints the command that replays it.
//!
//! A scenario opens a cache, runs a contest of a few threads, and then checks their answers. The check runs
//! only after the contest, when the cache is closed. Otherwise a panic would unwind through locks that are
//! being explored.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::explorer::Explorer;
use crate::seeds;

/// The environment variable with the number of schedules.
const VARIABLE: &str = "LARDER_SCHEDULES";
/// The command that runs the scenarios.
const COMMAND: &str = "RUSTFLAGS=\"--cfg shuttle\" cargo test --profile shuttle --target-dir target/shuttle -p \
                       larder-interleavings";
/// Default number of schedules, for all scenarios together.
const SCHEDULES: u64 = 2_000;
/// Stack size in bytes. A commit of redb needs more than shuttle's default.
const STACK: usize = 256 << 10;
/// Maximum number of steps in a schedule. A longer schedule counts as endless.
const MAX_STEPS: usize = 100_000;

thread_local! {
    static SCRATCH: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// Returns the path of the current scenario's cache file, on a file system in memory if there is one.
pub(crate) fn cache_path() -> PathBuf {
    SCRATCH.with_borrow_mut(|scratch| {
        let dir = scratch.get_or_insert_with(|| {
            let in_memory = Path::new("/dev/shm");
            let parent = if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() };
            tempfile::Builder::new().prefix("larder-interleavings-").tempdir_in(parent).unwrap()
        });
        dir.path().join("shop.larder")
    })
}

/// Explores one of `scenarios` scenarios with an equal part of all schedules.
///
/// # Panics
/// Panics if a schedule fails. First prints the command that replays the schedule.
pub(crate) fn explore(test: &str, scenario: fn(), scenarios: u64) {
    let first_seed = seeds::first_seed();
    let schedules = seeds::number(VARIABLE).unwrap_or(SCHEDULES).div_ceil(scenarios);
    if let Err((seed, panic)) = run(scenario, first_seed, schedules) {
        eprintln!("{}", replay(test, seed));
        resume_unwind(panic);
    }
    eprintln!("{test}: {schedules} schedules from seed {first_seed}");
}

pub(crate) fn replay(test: &str, seed: u64) -> String {
    seeds::replay(seed, (VARIABLE, 1), COMMAND, test)
}

type Panic = Box<dyn std::any::Any + Send>;

/// Runs schedules until one fails. Returns the seed and the panic of the failed schedule.
pub(crate) fn run(scenario: fn(), first_seed: u64, schedules: u64) -> Result<(), (u64, Panic)> {
    // A failed schedule may have left its file locked, so each run uses a new directory.
    SCRATCH.set(None);
    let current_seed = Arc::new(AtomicU64::new(u64::MAX));
    let explorer = Explorer::new(first_seed, schedules, current_seed.clone());
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;
    // The seed replays a schedule, so shuttle's own recording is not needed.
    config.failure_persistence = FailurePersistence::None;
    let result = catch_unwind(AssertUnwindSafe(|| Runner::new(explorer, config).run(scenario)));
    result.map(drop).map_err(|panic| (current_seed.load(Ordering::SeqCst), panic))
}
