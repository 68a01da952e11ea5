//! Runs every bench of `docs/benchmarks.md` once, and then rewrites the page.
//!
//! `cargo run --release -p larder-benches --bin page` first builds the benches, and waits for at most five
//! minutes until the load average of the machine is below a half. It starts no further bench after 45
//! minutes, or after `N` minutes with `--minutes N`. Outcomes of earlier runs are moved to a directory beside
//! the new ones, so no section of the page is older than another. `--quick` makes a quick run, and writes its
//! page to `target/larder-bench/quick`. `--only NAME` runs a single program, and keeps the outcomes and
//! sections of earlier runs. `--to DIR` writes the page to another directory.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is the purpose of the program")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use larder_benches::Outcome;
use larder_benches::machine::{Circumstances, load_average};
use larder_benches::pace::{MOST_ROUNDS, outcomes_dir};
use larder_benches::plan::{self, MINUTES, STEPS, Step};
use larder_benches::report;
use larder_benches::report::reasons::Reasons;
use larder_benches::stopwatch::{Stopwatch, pause};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let minutes = after("--minutes").map_or(Ok(MINUTES), |minutes| minutes.parse())?;
    let steps: Vec<Step> = STEPS
        .into_iter()
        .filter(|step| after("--only").is_none_or(|program| program == step.program))
        .collect();
    let outcomes = outcomes_dir(is_quick);
    let docs = if is_quick { outcomes.clone() } else { benches().join("../docs") };
    let docs = after("--to").map_or(docs, PathBuf::from);

    build(&steps)?;
    if after("--only").is_none() {
        set_aside(&outcomes)?;
    }
    wait_for_quiet();
    let Circumstances { commit, load, .. } = Circumstances::now();
    println!("commit {commit}, load average {load}, at most {minutes} minutes");
    let failed = run(&steps, minutes * 60, is_quick);

    let reasons = Reasons::parse(&fs::read_to_string(benches().join("reasons.txt"))?)?;
    let outcomes = Outcome::load_all(&outcomes)?;
    if after("--only").is_none() {
        // Otherwise the report would keep the sections of the earlier page for rows that failed now.
        drop(fs::remove_file(docs.join("benchmarks.md")));
    }
    report::write(&docs, &outcomes, &reasons)?;
    println!("{} outcomes are in {}", outcomes.len(), docs.join("benchmarks.md").display());
    for program in &failed {
        println!("failed: {program}");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn benches() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo_bench() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["bench", "--quiet", "-p", "larder-benches"]).current_dir(benches());
    command
}

/// Builds the programs of the steps, and no other bench.
fn build(steps: &[Step]) -> Result<(), Box<dyn Error>> {
    let mut command = cargo_bench();
    command.arg("--no-run").args(steps.iter().flat_map(|step| ["--bench", step.program]));
    if command.status()?.success() { Ok(()) } else { Err("the benches do not build".into()) }
}

/// Waits for at most five minutes until the load average is below the limit.
fn wait_for_quiet() {
    const LIMIT: f64 = 0.5;
    let watch = Stopwatch::start();
    while load_average().is_some_and(|load| load >= LIMIT) && watch.elapsed() < Duration::from_mins(5) {
        pause(Duration::from_secs(5));
    }
}

/// Moves the outcomes of earlier runs to a new directory beside them.
fn set_aside(outcomes: &Path) -> Result<(), Box<dyn Error>> {
    let names: Vec<PathBuf> = fs::read_dir(outcomes)
        .into_iter()
        .flatten()
        .map(|file| Ok(file?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    let names: Vec<PathBuf> = names
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let aside =
        (1..=1_000).map(|number| outcomes.join(format!("earlier-{number}"))).find(|aside| !aside.exists());
    let aside = aside.ok_or("no name is free for the earlier outcomes")?;
    fs::create_dir_all(&aside)?;
    for path in names {
        if let Some(name) = path.file_name() {
            fs::rename(&path, aside.join(name))?;
        }
    }
    println!("the outcomes of earlier runs are in {}", aside.display());
    Ok(())
}

/// Runs the programs. Returns the names of the programs that failed, or that did not run because no time
/// was left.
fn run(steps: &[Step], seconds: u64, is_quick: bool) -> Vec<&'static str> {
    let (watch, mut failed) = (Stopwatch::start(), Vec::new());
    for (place, step) in steps.iter().enumerate() {
        let left = seconds.saturating_sub(watch.elapsed().as_secs());
        let rounds = plan::rounds(steps.get(place..).unwrap_or_default(), left);
        if left == 0 {
            failed.push(step.program);
            continue;
        }
        println!("\n=== {}: at most {rounds} rounds, {left} s left", step.program);
        let own = Stopwatch::start();
        let mut command = cargo_bench();
        command.args(["--bench", step.program]).env(MOST_ROUNDS, rounds.to_string());
        if is_quick {
            command.args(["--", "--quick"]);
        }
        if !command.status().is_ok_and(|status| status.success()) {
            failed.push(step.program);
        }
        println!("=== {}: {} s, {} s estimated", step.program, own.elapsed().as_secs(), step.seconds(rounds));
    }
    println!("\n=== all: {} s", watch.elapsed().as_secs());
    failed
}
