//! Measures lookups and durable removals of other threads while a keyspace is cleared.
//!
//! The measured time begins with the call of `clear`, and ends when the last entry of the keyspace is
//! deleted. Memory has room for a tenth of the remaining entries, so most lookups read the disk.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use larder::{Cache, Keyspace, KeyspaceDefinition};
use larder_benches::disk::{builder, page_of, pages, room, uniform};
use larder_benches::stopwatch::Stopwatch;
use larder_benches::summary::quantile;
use larder_benches::{Against, Contest, Measured, Pace, Page, Unit, key};

const ROW: &str = "range-removal";
const TITLE: &str = "Removing a range";
const TEXT_LEN: usize = 64;
const KEPT: usize = 100_000;
const TERMS: &str = "removals committed (two-phase, quick repair)";
const GONE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("gone").ttl(Duration::from_hours(10));
const TAKEN: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("taken").ttl(Duration::from_hours(10));
/// Minimum number of timed operations in a run without a clear.
const MIN_OPERATIONS: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("range_removal") else { return Ok(()) };
    let (count, said) = pace.pick((1_000_000, "1M"), (50_000, "50k"));
    let pace = pace.rounds(5);
    let lookups = format!("p99 of lookups on disk while {said} are removed");
    let removals = format!("p99 of durable removals while {said} are removed");
    if !pace.wants(ROW, &lookups) && !pace.wants(ROW, &removals) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let cleared = Cleared::new(&dir.path().join("cache"), count)?;
    if pace.wants(ROW, &lookups) {
        let keys = uniform(KEPT, KEPT, 3);
        let get = |at: usize| {
            let key = keys.get(at % keys.len()).map_or("", String::as_str);
            assert!(cleared.pages.get(key).is_some(), "{key} is gone");
        };
        contest(&pace, &lookups, &cleared, &Operation { before: &|| (), timed: &get });
    }
    if pace.wants(ROW, &removals) {
        let remove = |_| assert!(cleared.taken.remove(&1).expect("the disk takes writes"));
        let insert = || cleared.taken.insert(&1, 1).expect("the cache is open");
        contest(&pace, &removals, &cleared, &Operation { before: &insert, timed: &remove });
    }
    Ok(())
}

/// An operation whose calls are timed. `before` runs before each call and is not timed. `timed` gets the
/// number of earlier calls.
struct Operation<'a> {
    before: &'a (dyn Fn() + Sync),
    timed: &'a (dyn Fn(usize) + Sync),
}

impl Operation<'_> {
    /// Times calls until `is_over` returns true. Returns the times in nanoseconds, in ascending order.
    fn times(&self, is_over: impl Fn(usize) -> bool) -> Vec<f64> {
        let mut times = Vec::new();
        while !is_over(times.len()) {
            (self.before)();
            let watch = Stopwatch::start();
            (self.timed)(times.len());
            times.push(watch.nanos());
        }
        times.sort_by(f64::total_cmp);
        times
    }
}

struct Cleared {
    cache: Cache,
    pages: Keyspace<String, Page>,
    gone: Keyspace<u64, u64>,
    taken: Keyspace<u64, u64>,
    count: usize,
}

impl Cleared {
    fn new(path: &Path, count: usize) -> Result<Self, larder::Error> {
        let memory = (KEPT * (TEXT_LEN + 300) / 10) as u64;
        let cache = builder(path, 2 * room(KEPT + 2 * count, TEXT_LEN)).memory_capacity(memory).open()?;
        let pages = pages(&cache);
        for number in 0..KEPT {
            pages.insert(key(number).as_str(), page_of(number, TEXT_LEN))?;
        }
        cache.flush()?;
        let (gone, taken) = (cache.keyspace(GONE)?, cache.keyspace(TAKEN)?);
        Ok(Self { cache, pages, gone, taken, count })
    }

    fn fill(&self) {
        for number in 0..self.count as u64 {
            self.gone.insert(&number, number).expect("the cache is open");
        }
        self.cache.flush().expect("the disk takes writes");
    }

    /// Clears the keyspace, and waits until its entries are deleted.
    #[expect(clippy::disallowed_methods, reason = "a measurement lasts for as long as it lasts")]
    fn clear(&self) {
        let removed = self.gone.clear().expect("the disk takes writes");
        assert_eq!(removed, self.count as u64);
        while self.cache.stats().disk.is_some_and(|disk| disk.pending_removals > 0) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn contest(pace: &Pace, setting: &str, cleared: &Cleared, operation: &Operation<'_>) {
    // The run without a clear makes at least as many calls as the last run with a clear.
    let asked = Cell::new(MIN_OPERATIONS);
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    contest.contestant("larder", TERMS, || {
        cleared.fill();
        let is_over = AtomicBool::new(false);
        let (times, took) = thread::scope(|scope| {
            // Times at least one call, but starts no call after the last entry is deleted, because it would
            // not overlap the clear.
            let timed = scope.spawn(|| operation.times(|done| done > 0 && is_over.load(Ordering::Relaxed)));
            let watch = Stopwatch::start();
            cleared.clear();
            let took = watch.elapsed();
            is_over.store(true, Ordering::Relaxed);
            (timed.join().expect("operations do not panic"), took)
        });
        asked.set(times.len().max(MIN_OPERATIONS));
        let took = took.as_secs_f64() * 1e3;
        measured(&times).also("operations meanwhile", Unit::Count, count(times.len())).also(
            "until all is deleted",
            Unit::Milliseconds,
            took,
        )
    });
    contest.contestant("larder, nothing removed", TERMS, || {
        measured(&operation.times(|done| done >= asked.get()))
    });
    contest.target(Against::peer("larder, nothing removed"), 0.2, "p99 at most 5 × without");
    contest.run(pace);
}

fn measured(sorted: &[f64]) -> Measured {
    let at = |share| quantile(sorted, share).unwrap_or(f64::NAN);
    Measured::new(at(0.99)).also("p50", Unit::NanosPerOperation, at(0.5))
}

#[expect(clippy::cast_precision_loss, reason = "there are millions at most")]
fn count(operations: usize) -> f64 {
    operations as f64
}
