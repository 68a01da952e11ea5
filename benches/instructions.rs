//! Counts the instructions of a memory hit, and of an insert into a full cache, with valgrind's callgrind.
//! Other work on the machine does not change the count.
//!
//! A child process fills a cache, and looks up or inserts keys under valgrind. valgrind counts only the loop
//! of the lookups or inserts. The instructions of the same loop without a cache are subtracted. The hash
//! seeds differ between processes, which changes the count of a hit by less than 0.1 %.
//!
//! The package `larder-callgrind` checks larder's count against a limit.

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use larder_benches::memory::{Contender, Keys, LarderInMemory, MemoryCache, PEERS, contender, values};
use larder_benches::{Against, Contest, Pace, Page, REQUESTS, Spread, Unit, VALUE_LEN};

/// The arguments that make this program run as the child. The next argument names a contestant.
const ASK: &str = "--ask";
const INSERT: &str = "--insert";
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
/// The same for inserts. The child also calls `Contender::inserts` to fill the cache, which is not counted.
const COUNTED_INSERTS: &str = "*counted_inserts*";
/// The capacity of the cache for inserts, in entries. As many other keys are inserted [`TURNOVER`] times.
const FULL: usize = 10_000;
const TURNOVER: usize = 4;
const VALUES: usize = 1 << 10;

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
    match arguments.as_slice() {
        [_, verb, name] if verb == ASK => ask(name),
        [_, verb, name] if verb == INSERT => insert(name),
        _ => {
            if let Some(pace) = Pace::of_program("instructions") {
                compare(&pace);
                compare_inserts(&pace);
            }
        }
    }
}

fn of_name(name: &str, room: usize) -> Box<dyn Contender> {
    match contender(name, room) {
        Some(contender) => contender,
        None if name == Nothing::NAME => black_box(Box::new(Nothing) as Box<dyn Contender>),
        None => panic!("{name} is not a contestant"),
    }
}

fn ask(name: &str) {
    let contender = of_name(name, ROOM);
    contender.inserts(&Keys::in_order(ENTRIES), 0, ENTRIES, &values(ENTRIES));
    contender.settle();
    let keys = Keys::spread(Spread::Uniform, ENTRIES, REQUESTS, 0);
    assert_eq!(contender.hits(&keys, 0, LOOKUPS), LOOKUPS, "{name} missed");
}

/// Inserts keys into a full cache. Each key is new.
fn insert(name: &str) {
    let contender = of_name(name, FULL);
    let (keys, values) = (Keys::in_order((2 + TURNOVER) * FULL), values(VALUES));
    contender.inserts(&keys, 0, 2 * FULL, &values);
    contender.settle();
    counted_inserts(contender.as_ref(), &keys, &values);
    contender.settle();
    let resident = contender.resident(&keys, 0, (2 + TURNOVER) * FULL);
    assert!(resident <= FULL + FULL / 10 || name == Nothing::NAME, "{name} holds {resident}");
}

#[inline(never)]
fn counted_inserts(contender: &dyn Contender, keys: &Keys, values: &[Arc<Page>]) {
    contender.inserts(keys, 2 * FULL, TURNOVER * FULL, values);
}

fn compare(pace: &Pace) {
    let setting = "10k resident, uniform, 1 thread";
    let mut contest =
        Contest::new("instructions", "Instructions per memory hit", setting, Unit::Count).without_warm_up();
    enter(&mut contest, pace, per_hit);
    contest.target(Against::Bound(MOST), 1.0, &format!("at most {MOST}"));
    contest.run(&pace.rounds(pace.pick(COUNTS, 1)));
}

fn compare_inserts(pace: &Pace) {
    let setting = "insert with eviction, room for 10k, 1 thread";
    let title = "Instructions per insert with eviction";
    let mut contest = Contest::new("instructions", title, setting, Unit::Count).without_warm_up();
    enter(&mut contest, pace, per_insert);
    contest.run(&pace.rounds(pace.pick(COUNTS, 1)));
}

/// Adds the contestants whose instructions `count` returns.
fn enter(contest: &mut Contest<'_>, pace: &Pace, count: fn(&str) -> Result<f64, Box<dyn Error>>) {
    if let Err(reason) = larder_callgrind::valgrind() {
        contest.skipped(LarderInMemory::NAME, &reason);
        return;
    }
    let few = PEERS.into_iter().take(pace.pick(PEERS.len(), 1));
    let of_loop = count(Nothing::NAME).expect("valgrind can count");
    for name in [LarderInMemory::NAME].into_iter().chain(few) {
        contest.contestant(name, "memory only", move || count(name).expect("valgrind can count") - of_loop);
    }
    contest.note(format!("The loop around the calls takes {of_loop:.0} more, which are not included."));
}

fn per_hit(name: &str) -> Result<f64, Box<dyn Error>> {
    per_call(&[ASK, name], COUNTED, LOOKUPS)
}

fn per_insert(name: &str) -> Result<f64, Box<dyn Error>> {
    per_call(&[INSERT, name], COUNTED_INSERTS, TURNOVER * FULL)
}

#[expect(clippy::cast_precision_loss, reason = "counts of instructions are below what a double tells apart")]
fn per_call(arguments: &[&str], counted: &str, calls: usize) -> Result<f64, Box<dyn Error>> {
    let count = larder_callgrind::instructions(&env::current_exe()?, arguments, counted)?;
    Ok(count as f64 / calls as f64)
}
