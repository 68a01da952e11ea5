//! Rewrites `docs/benchmarks.md` and its charts from the outcomes that the benches have saved.
//!
//! Run this program with `cargo run --release -p larder-benches --bin report`. `--quick` uses the outcomes of
//! quick runs, and `--to DIR` writes to another directory.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is the purpose of the program")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use larder_benches::Outcome;
use larder_benches::pace::outcomes_dir;
use larder_benches::report;
use larder_benches::report::reasons::Reasons;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let to = arguments.iter().skip_while(|argument| *argument != "--to").nth(1);
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = to.map_or_else(|| benches.join("../docs"), PathBuf::from);
    let reasons = Reasons::parse(&fs::read_to_string(benches.join("reasons.txt"))?)?;
    let outcomes = Outcome::load_all(&outcomes_dir(is_quick))?;
    report::write(&docs, &outcomes, &reasons)?;
    let not_run: Vec<&str> = report::sections(&outcomes)
        .iter()
        .filter(|section| section.outcomes.is_empty())
        .map(|section| section.id)
        .collect();
    println!("{} outcomes are in {}", outcomes.len(), docs.join("benchmarks.md").display());
    if !not_run.is_empty() {
        println!("not run: {}", not_run.join(", "));
    }
    Ok(())
}
