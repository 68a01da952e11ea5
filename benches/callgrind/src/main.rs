//! Checks that a memory hit needs no more instructions than the stored figure allows.
//!
//! A child process fills a cache and looks up keys under valgrind. valgrind counts only the lookups. The
//! hash seeds differ between processes, which changes the count by less than 0.1 %. The path of the build
//! directory influences which functions the compiler inlines. Another path once changed the count by 7 %.
//! Therefore the check has an allowance.
//!
//! The figure is stored in `benches/callgrind/kept.txt`. Without arguments, the program fails if the count
//! exceeds the figure by more than the allowance, or if a hit of `get_or_load` or of an async call needs
//! too many more instructions than a hit of `get`. With `--keep`, the program stores the count as the new
//! figure.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing the count is the purpose of the program")]

mod child;

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use child::Task;
use larder_callgrind::{instructions, valgrind};

/// How many more instructions a hit of `get_or_load` may need than a hit of `get`, in percent.
const LOADED_ALLOWANCE: f64 = 5.0;
/// How many more instructions a hit of an async call may need than a hit of `get`. These instructions take
/// less than 10 ns.
const ASYNC_ALLOWANCE: f64 = 40.0;
const KEEP: &str = "--keep";
/// Number of counts. The result is their median.
const COUNTS: usize = 3;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if child::run_told()? {
        return Ok(ExitCode::SUCCESS);
    }
    valgrind()?;
    let mut counts = (0..COUNTS).map(|_| per_call(child::HITS)).collect::<Result<Vec<f64>, _>>()?;
    counts.sort_by(f64::total_cmp);
    let counted = counts.get(COUNTS / 2).copied().unwrap_or_default();
    println!("instructions per memory hit: {counted:.1}, the median of {counts:.1?}");
    println!("with sample_keys: {:.1}", per_call(child::SAMPLED)?);
    println!("with u64 keys: {:.1}", per_call(child::INTEGERS)?);
    println!("with (&str, &str) keys: {:.1}", per_call(child::PAIRS)?);
    println!("instructions per insert that evicts: {:.1}", per_call(child::INSERTS)?);
    let loaded = per_call(child::LOADS)?;
    let more = (loaded / counted - 1.0) * 100.0;
    println!("with get_or_load: {loaded:.1}, {more:+.1} %; it may be {LOADED_ALLOWANCE} % more");
    let mut most_of_async = 0.0_f64;
    for (call, task) in [("get_async", child::ASYNC_HITS), ("get_or_load_async", child::ASYNC_LOADS)] {
        let more = per_call(task)? - counted;
        println!("with {call}: {more:+.1} instructions; it may be {ASYNC_ALLOWANCE} more");
        most_of_async = most_of_async.max(more);
    }
    let kept = Kept::read()?;
    if env::args().any(|argument| argument == KEEP) {
        Kept { instructions: counted.round(), ..kept }.write()?;
        println!("kept in {}", Kept::path().display());
        return Ok(ExitCode::SUCCESS);
    }
    let allowed = kept.instructions * kept.allowance / 100.0;
    println!("kept: {:.0}, give or take {} %", kept.instructions, kept.allowance);
    if counted > kept.instructions + allowed {
        println!("a memory hit takes more instructions than it did; if that is what is wanted, `{RETAKE}`");
        return Ok(ExitCode::FAILURE);
    }
    if more > LOADED_ALLOWANCE {
        println!("a hit of get_or_load takes too many instructions more than one of get");
        return Ok(ExitCode::FAILURE);
    }
    if most_of_async > ASYNC_ALLOWANCE {
        println!("a hit of an async call takes too many instructions more than one of get");
        return Ok(ExitCode::FAILURE);
    }
    if counted < kept.instructions - allowed {
        println!("a memory hit takes fewer instructions than it did: `{RETAKE}`, so that it stays so");
    }
    Ok(ExitCode::SUCCESS)
}

const RETAKE: &str = "cargo run --release -p larder-callgrind -- --keep";

#[expect(clippy::cast_precision_loss, reason = "counts of instructions are below what a double tells apart")]
fn per_call(task: Task) -> Result<f64, Box<dyn Error>> {
    let count = instructions(&env::current_exe()?, &[task.told], task.counted)?;
    Ok(count as f64 / task.calls as f64)
}

/// The stored figure of larder.
struct Kept {
    instructions: f64,
    /// Percentage by which the count may exceed the figure.
    allowance: f64,
}

impl Kept {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("kept.txt")
    }

    fn read() -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(Self::path())?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            line.and_then(|value| value.trim().parse().ok())
                .ok_or_else(|| format!("{} has no {name}", Self::path().display()))
        };
        Ok(Self { instructions: value("instructions")?, allowance: value("allowance_percent")? })
    }

    fn write(&self) -> Result<(), Box<dyn Error>> {
        let Self { instructions, allowance } = self;
        let text = format!(
            "# Instructions of a memory hit, and how many more or fewer may be counted. Written by\n# {RETAKE}\n\
             instructions = {instructions}\nallowance_percent = {allowance}\n"
        );
        Ok(fs::write(Self::path(), text)?)
    }
}
