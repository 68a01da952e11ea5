//! Checks that memory hits and inserts need no more instructions than the stored figures allow.
//!
//! A child process fills a cache and runs one kind of call under valgrind, which counts only these calls. The
//! hash seeds differ between processes, which changes a count by less than 0.5 %. The path of the build
//! directory influences which functions the compiler inlines, which once changed a count by 7 %.
//!
//! The figures and their allowances are stored in `benches/callgrind/kept.txt`. Without arguments, the
//! program fails if a count exceeds its figure by more than the allowance, or if a hit of `get_or_load` or
//! of an async call needs too many more instructions than a hit of `get`. With `--keep`, the program stores
//! the counts as the new figures, and keeps the allowances.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing the count is the purpose of the program")]

mod child;
mod map_tier;

use std::env;
use std::error::Error;
use std::fmt::Write;
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
const RETAKE: &str = "cargo run --release -p larder-callgrind -- --keep";
/// The calls whose figures are stored, and their names in the file.
const KEPT: [(&str, Task); 7] = [
    ("get", child::HITS),
    ("get_or_load", child::LOADS),
    ("get_u64", child::INTEGERS),
    ("get_pair", child::PAIRS),
    ("get_40_bytes", child::LONG_KEYS),
    ("near_get", child::NEAR_HITS),
    ("insert", child::INSERTS),
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if child::run_told()? {
        return Ok(ExitCode::SUCCESS);
    }
    valgrind()?;
    let kept = KEPT.map(|(name, _)| Kept::read(name));
    let kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?;
    let counts = KEPT.map(|(_, task)| per_call(task)).into_iter().collect::<Result<Vec<_>, _>>()?;
    if env::args().any(|argument| argument == KEEP) {
        Kept::write_all(&kept, &counts)?;
        println!("kept in {}", Kept::path().display());
        return Ok(ExitCode::SUCCESS);
    }
    let mut is_good = true;
    for (kept, counted) in kept.iter().zip(&counts) {
        is_good &= kept.admits(*counted);
    }
    println!("get with sample_keys: {:.1}", per_call(child::SAMPLED)?);
    let (get, loaded) = (counts.first().copied().unwrap_or_default(), counts.get(1).copied());
    let more = (loaded.unwrap_or_default() / get - 1.0) * 100.0;
    println!("get_or_load: {more:+.1} % beside get; it may be {LOADED_ALLOWANCE} % more");
    is_good &= more <= LOADED_ALLOWANCE;
    for (call, task) in [("get_async", child::ASYNC_HITS), ("get_or_load_async", child::ASYNC_LOADS)] {
        let more = per_call(task)? - get;
        println!("{call}: {more:+.1} instructions beside get; it may be {ASYNC_ALLOWANCE} more");
        is_good &= more <= ASYNC_ALLOWANCE;
    }
    if !is_good {
        println!("a call takes more instructions than it may; if that is what is wanted, `{RETAKE}`");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::cast_precision_loss, reason = "counts of instructions are below what a double tells apart")]
fn per_call(task: Task) -> Result<f64, Box<dyn Error>> {
    let count = instructions(&env::current_exe()?, &[task.told], task.counted)?;
    Ok(count as f64 / task.calls as f64)
}

/// The stored figure of one kind of call.
struct Kept {
    name: &'static str,
    instructions: f64,
    /// Percentage by which the count may exceed the figure.
    allowance: f64,
}

impl Kept {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("kept.txt")
    }

    fn read(name: &'static str) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(Self::path())?;
        let parsed = text.lines().find_map(|line| {
            let (instructions, allowance) =
                line.strip_prefix(name)?.trim().strip_prefix('=')?.split_once('+')?;
            let allowance = allowance.trim().strip_suffix('%')?.trim();
            Some(Self {
                name,
                instructions: instructions.trim().parse().ok()?,
                allowance: allowance.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| format!("{} has no {name}", Self::path().display()).into())
    }

    /// Prints a count. Returns whether it is within the allowance.
    fn admits(&self, counted: f64) -> bool {
        let Self { name, instructions, allowance } = self;
        let allowed = instructions * allowance / 100.0;
        println!("{name}: {counted:.1} instructions; kept: {instructions}, and {allowance} % more");
        if counted < instructions - allowed {
            println!("{name} takes fewer instructions than it did: `{RETAKE}`, so that it stays so");
        }
        counted <= instructions + allowed
    }

    fn write_all(kept: &[Self], counts: &[f64]) -> Result<(), Box<dyn Error>> {
        let mut text = format!(
            "# Instructions of a call in memory, and the percentage that may be added. Written by\n# {RETAKE}\n"
        );
        for (Self { name, allowance, .. }, counted) in kept.iter().zip(counts) {
            writeln!(text, "{name} = {counted:.0} + {allowance} %")?;
        }
        Ok(fs::write(Self::path(), text)?)
    }
}
