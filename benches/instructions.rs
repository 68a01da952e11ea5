//! Counts the instructions of a memory hit with valgrind's callgrind. Other work on the machine does not
//! change the count.
//!
//! A child process fills a cache and looks up keys under valgrind. valgrind counts only the loop of the
//! lookups. The instructions of the same loop without a lookup are subtracted. The hash seeds differ between
//! processes, which changes the count by less than 0.1 %.
//!
//! The package `larder-callgrind` checks larder's count against a limit.

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use larder_benches::memory::{Contender, Keys, LarderInMemory, MemoryCache, PEERS, contender, values};
use larder_benches::{Against, Contest, Pace, Page, REQUESTS, Spread, Unit, VALUE_LEN};

/// The argument that makes this program run as the child. The next argument names a contestant.
const ASK: &str = "--ask";
/// The number of resident entries, and the capacity of the cache in entries.
const ENTRIES: usize = 10_000;
const ROOM: usize = 2 * ENTRIES;
const LOOKUPS: usize = 200_000;
/// Maximum number of instructions of larder's hit.
const MOST: f64 = 300.0;
/// Number of counts. The result is their median.
const COUNTS: usize = 3;
/// A pattern for the function whose instructions are counted, including everything that it calls:
/// [`larder_benches::memory::Contender::hits`] of any contestant.
const COUNTED: &str = "*Contender*::hits*";

/// No cache at all. Its loop of lookups contains no lookup.
struct Nothing;

impl MemoryCache for Nothing {
    const NAME: &'static str = "the loop alone";

    fn with_room(_: usize) -> Self {
        Self
    }

    fn read(&self, _: &str) -> usize {
        black_box(VALUE_LEN)
    }

    fn insert(&self, _: &str, _: Arc<Page>) {}

    fn contains(&self, _: &str) -> bool {
        true
    }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, verb, name] = arguments.as_slice()
        && verb == ASK
    {
        ask(name);
    } else if let Some(pace) = Pace::of_program("instructions") {
        compare(&pace);
    }
}

fn ask(name: &str) {
    let contender = match contender(name, ROOM) {
        Some(contender) => contender,
        None if name == Nothing::NAME => black_box(Box::new(Nothing) as Box<dyn Contender>),
        None => panic!("{name} is not a contestant"),
    };
    contender.inserts(&Keys::in_order(ENTRIES), 0, ENTRIES, &values(ENTRIES));
    contender.settle();
    let keys = Keys::spread(Spread::Uniform, ENTRIES, REQUESTS, 0);
    assert_eq!(contender.hits(&keys, 0, LOOKUPS), LOOKUPS, "{name} missed");
}

fn compare(pace: &Pace) {
    let setting = "10k resident, uniform, 1 thread";
    let mut contest =
        Contest::new("instructions", "Instructions per memory hit", setting, Unit::Count).without_warm_up();
    if let Err(reason) = larder_callgrind::valgrind() {
        contest.skipped(LarderInMemory::NAME, &reason);
    } else {
        let few = PEERS.into_iter().take(pace.pick(PEERS.len(), 1));
        let of_loop = per_hit(Nothing::NAME).expect("valgrind can count");
        for name in [LarderInMemory::NAME].into_iter().chain(few) {
            contest.contestant(name, "memory only", move || {
                per_hit(name).expect("valgrind can count") - of_loop
            });
        }
        contest.note(format!("The loop around the lookups takes {of_loop:.0} more, which are not included."));
    }
    contest.target(Against::Bound(MOST), 1.0, &format!("at most {MOST}"));
    contest.run(&pace.rounds(pace.pick(COUNTS, 1)));
}

#[expect(clippy::cast_precision_loss, reason = "counts of instructions are below what a double tells apart")]
fn per_hit(name: &str) -> Result<f64, Box<dyn Error>> {
    let count = larder_callgrind::instructions(&env::current_exe()?, &[ASK, name], COUNTED)?;
    Ok(count as f64 / LOOKUPS as f64)
}
