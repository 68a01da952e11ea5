//! The number of rounds of a run, and the settings that it measures.

use std::env;
use std::path::{Path, PathBuf};

use crate::machine;

/// Numbers of rounds of a full run and of a quick run.
const ROUNDS: usize = 15;
const QUICK_ROUNDS: usize = 3;
/// The variable that limits the number of rounds. Unlike `LARDER_BENCH_ROUNDS`, it never adds a round.
pub const MOST_ROUNDS: &str = "LARDER_BENCH_MOST_ROUNDS";
const ROUNDS_SET: &str = "LARDER_BENCH_ROUNDS";

/// How a bench program runs.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Number of measured rounds.
    pub rounds: usize,
    /// Whether this is a quick run, by `--quick` or `LARDER_BENCH_QUICK=1`. The figures of a quick run are
    /// less exact.
    pub is_quick: bool,
    /// The command that repeats this run.
    pub command: String,
    /// The directory in which outcomes are saved.
    pub outcomes: PathBuf,
    /// The requested settings. An empty list requests all settings.
    pub wanted: Vec<String>,
}

impl Pace {
    /// Returns the pace of a bench program, from its arguments and the environment. Returns `None` if the
    /// program should not run: `cargo test --benches` starts bench programs without `--bench`, although they
    /// are not tests.
    ///
    /// `cargo bench -p larder-benches --bench memory_hit -- --quick zipf` makes a quick run of the settings
    /// with `zipf` in their name. `LARDER_BENCH_ROUNDS` sets the number of rounds, and
    /// `LARDER_BENCH_MOST_ROUNDS` its maximum. `LARDER_BENCH_PEERS` names the peers of the memory benches,
    /// separated by semicolons.
    #[must_use]
    pub fn of_program(program: &str) -> Option<Self> {
        let command = format!("cargo bench -p larder-benches --bench {program}");
        let arguments: Vec<String> = env::args().skip(1).collect();
        if !arguments.iter().any(|argument| argument == "--bench") {
            say_how_to_run(program, &command);
            return None;
        }
        let is_set = env::var_os("LARDER_BENCH_QUICK").is_some_and(|value| value != "0" && !value.is_empty());
        let is_quick = is_set || arguments.iter().any(|argument| argument == "--quick");
        let rounds = number(ROUNDS_SET).unwrap_or(if is_quick { QUICK_ROUNDS } else { ROUNDS });
        Some(Self {
            rounds: limited(rounds),
            is_quick,
            command: if is_quick { command + " -- --quick" } else { command },
            outcomes: outcomes_dir(is_quick),
            wanted: arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect(),
        })
    }

    /// Returns `full` in a full run, and `quick` in a quick run.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }

    /// Returns the same pace with this number of rounds in a full run. A quick run makes at most this many
    /// rounds. `LARDER_BENCH_ROUNDS` overrides both, and `LARDER_BENCH_MOST_ROUNDS` limits the result.
    #[must_use]
    pub fn rounds(&self, rounds: usize) -> Self {
        let is_set = env::var_os(ROUNDS_SET).is_some();
        let kept = if is_set { self.rounds } else { self.pick(rounds, rounds.min(self.rounds)) };
        Self { rounds: limited(kept), ..self.clone() }
    }

    /// Returns whether a setting was requested. Call this before setting up the contestants, because the
    /// setup takes time.
    #[must_use]
    pub fn wants(&self, row: &str, setting: &str) -> bool {
        let name = format!("{row} {setting} {}", machine::slug(setting));
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| name.contains(wanted.as_str()))
    }
}

fn number(variable: &str) -> Option<usize> {
    env::var(variable).ok()?.parse().ok()
}

fn limited(rounds: usize) -> usize {
    number(MOST_ROUNDS).map_or(rounds, |most| rounds.min(most)).max(1)
}

/// Returns the directory for outcomes: `target/larder-bench`, or `LARDER_BENCH_DIR` if it is set. Quick
/// outcomes have their own subdirectory, so a report never shows them as full outcomes.
#[must_use]
pub fn outcomes_dir(is_quick: bool) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let dir = env::var_os("LARDER_BENCH_DIR").map_or_else(|| target.join("larder-bench"), PathBuf::from);
    if is_quick { dir.join("quick") } else { dir }
}

#[expect(clippy::print_stdout, reason = "printing is the purpose of a bench program")]
fn say_how_to_run(program: &str, command: &str) {
    println!("{program}: run it with `{command}`");
}
