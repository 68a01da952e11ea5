//! How many instructions a memory hit takes, counted by valgrind's callgrind: a figure that is the same on a busy machine.
//!
//! A child of this program fills a cache and asks it so many times, under valgrind, which counts the lookups alone. Hashes are seeded
//! anew in each process, so that counts differ, by less than a tenth of a percent.
//!
//! The figure that larder is held to is the package `larder-callgrind`'s.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it counted is this program's purpose")]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use larder_benches::memory::{Keys, Larder, MemoryCache, PEERS, contender, values};
use larder_benches::{Contest, Pace, REQUESTS, Spread, Unit};

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
    if let Err(reason) = larder_callgrind::valgrind() {
        contest.skipped(Larder::NAME, &reason);
    } else {
        let few = PEERS.into_iter().take(pace.pick(PEERS.len(), 1));
        for name in [Larder::NAME].into_iter().chain(few) {
            contest.contestant(name, "memory only", move || per_hit(name).expect("valgrind can count"));
        }
    }
    contest.run(&pace.rounds(pace.pick(COUNTS, 1)));
    Ok(())
}

/// Instructions of one lookup.
#[expect(clippy::cast_precision_loss, reason = "counts of instructions are below what a double tells apart")]
fn per_hit(name: &str) -> Result<f64, Box<dyn Error>> {
    let count = larder_callgrind::instructions(&env::current_exe()?, &[ASK, name], COUNTED)?;
    Ok(count as f64 / LOOKUPS as f64)
}
