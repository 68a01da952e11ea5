//! How many instructions a memory hit takes, counted by valgrind's callgrind: a figure that is the same on a busy machine.
//!
//! A child of this program fills a cache and asks it so many times, under valgrind, which counts the lookups alone. Hashes are seeded
//! anew in each process, so that counts differ, by less than a tenth of a percent.
//!
//! `benches/instructions.txt` keeps the figure that larder is held to. `--check` fails when more are counted than it allows;
//! `--keep` counts, and keeps what was counted.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it counted is this program's purpose")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use larder_benches::memory::{Keys, Larder, MemoryCache, PEERS, contender, values};
use larder_benches::{Against, Contest, Pace, REQUESTS, Spread, Summary, Unit};

/// What this program is told with when it is a child: a contestant.
const ASK: &str = "--ask";
/// Entries that are resident, and have room.
const ENTRIES: usize = 10_000;
const ROOM: usize = 2 * ENTRIES;
/// How often it is asked.
const LOOKUPS: usize = 200_000;
/// Counts whose median is taken.
const COUNTS: usize = 3;
/// The function that is counted, with all that it calls: [`larder_benches::memory::Contender::hits`] of whichever contestant.
const COUNTED: &str = "*Contender*::hits*";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    if let [_, verb, name] = arguments.as_slice()
        && verb == ASK
    {
        ask(name);
        return Ok(ExitCode::SUCCESS);
    }
    let is_told = |what: &str| arguments.iter().any(|argument| argument == what);
    if is_told("--check") || is_told("--keep") {
        return hold_to_it(is_told("--keep"));
    }
    let Some(pace) = Pace::of_program("instructions") else { return Ok(ExitCode::SUCCESS) };
    compare(&pace)?;
    Ok(ExitCode::SUCCESS)
}

/// Fills a cache and asks it.
fn ask(name: &str) {
    let contender = contender(name, ROOM).expect("a contestant's name");
    contender.inserts(&Keys::in_order(ENTRIES), 0, ENTRIES, &values(ENTRIES));
    contender.settle();
    let keys = Keys::spread(Spread::Uniform, ENTRIES, REQUESTS, 0);
    assert_eq!(contender.hits(&keys, 0, LOOKUPS), LOOKUPS, "{name} missed");
}

/// Counts for larder and the peers, for the report.
fn compare(pace: &Pace) -> Result<(), Box<dyn Error>> {
    let setting = "10k resident, uniform, 1 thread";
    let mut contest =
        Contest::new("instructions", "Instructions per memory hit", setting, Unit::Count).without_warm_up();
    if let Err(reason) = valgrind() {
        contest.skipped(Larder::NAME, &reason);
    } else {
        let few = PEERS.into_iter().take(pace.pick(PEERS.len(), 1));
        for name in [Larder::NAME].into_iter().chain(few) {
            contest.contestant(name, "memory only", move || per_hit(name).expect("valgrind can count"));
        }
        let kept = Kept::read()?;
        let said =
            format!("no more than the kept {:.0}, and {} % allowed", kept.instructions, kept.allowance);
        contest.target(Against::Bound(kept.most()), 1.0, &said);
    }
    contest.run(&pace.rounds(pace.pick(COUNTS, 1)));
    Ok(())
}

/// Compares larder with the kept figure, or keeps it anew.
fn hold_to_it(keeps: bool) -> Result<ExitCode, Box<dyn Error>> {
    valgrind()?;
    let counts = (0..COUNTS).map(|_| per_hit(Larder::NAME)).collect::<Result<Vec<f64>, _>>()?;
    let counted = Summary::of(&counts).ok_or("nothing was counted")?;
    println!(
        "instructions per memory hit: {:.1}, {COUNTS} counts from {:.1} to {:.1}",
        counted.median, counted.least, counted.most
    );
    let kept = Kept::read()?;
    if keeps {
        Kept { instructions: counted.median.round(), ..kept }.write()?;
        println!("kept in {}", Kept::path().display());
        return Ok(ExitCode::SUCCESS);
    }
    println!("kept: {:.0}; with {} % allowed, at most {:.1}", kept.instructions, kept.allowance, kept.most());
    if counted.median > kept.most() {
        println!("a memory hit takes more instructions than it did; if that is what is wanted, `{KEEP}`");
        return Ok(ExitCode::FAILURE);
    }
    if counted.median < kept.least() {
        println!("a memory hit takes fewer instructions than it did: `{KEEP}`, so that it stays so");
    }
    Ok(ExitCode::SUCCESS)
}

const KEEP: &str = "cargo bench -p larder-benches --bench instructions -- --keep";

/// The figure that larder is held to.
struct Kept {
    instructions: f64,
    /// In percent.
    allowance: f64,
}

impl Kept {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
    }

    fn read() -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(Self::path())?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            line.and_then(|value| value.trim().parse().ok())
                .ok_or_else(|| format!("instructions.txt has no {name}"))
        };
        Ok(Self { instructions: value("instructions")?, allowance: value("allowance_percent")? })
    }

    fn write(&self) -> Result<(), Box<dyn Error>> {
        let Self { instructions, allowance } = self;
        let text = format!(
            "# Instructions of a memory hit, and how many more may be counted. Written by\n# {KEEP}\n\
             instructions = {instructions}\nallowance_percent = {allowance}\n"
        );
        Ok(fs::write(Self::path(), text)?)
    }

    fn most(&self) -> f64 {
        self.instructions * (1.0 + self.allowance / 100.0)
    }

    fn least(&self) -> f64 {
        self.instructions * (1.0 - self.allowance / 100.0)
    }
}

/// Whether valgrind is there.
fn valgrind() -> Result<(), String> {
    let found =
        Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if found { Ok(()) } else { Err("valgrind is not installed".to_owned()) }
}

/// Instructions of one lookup.
#[expect(clippy::cast_precision_loss, reason = "counts of instructions are below what a double tells apart")]
fn per_hit(name: &str) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(env::current_exe()?)
        .args([ASK, name])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // `==4711== Collected : 123456`
    let collected =
        said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    match collected.filter(|_| output.status.success()) {
        None => Err(format!("valgrind: {said}").into()),
        Some(0) => Err(format!("nothing was counted: no function of the program is named {COUNTED}").into()),
        Some(count) => Ok(count as f64 / LOOKUPS as f64),
    }
}
