//! Measures how long it takes to delete expired entries, and how long a thread's lookups take in the
//! meantime.
//!
//! The clock is manual. Entries with a short TTL are stored beside long-lived entries. The measured time
//! begins when the short-lived entries expire. It ends when all short-lived entries are deleted from memory
//! and disk. Memory has room for about a tenth of the long-lived entries, so most lookups of these entries
//! read the disk.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, InsertOptions, Keyspace};
use larder_benches::disk::{builder, page_of, pages, room, uniform};
use larder_benches::stopwatch::{Stopwatch, nanos_each};
use larder_benches::summary::quantile;
use larder_benches::{Against, Contest, Measured, Pace, Page, Unit, key};

const ROW: &str = "sweeping";
const TITLE: &str = "Sweeping";
const TEXT_LEN: usize = 64;
const SHORT: Duration = Duration::from_secs(1);
const FEW: usize = 1_000;
const TERMS: &str = "deletions committed (two-phase, quick repair)";
/// Number of keys that are looked up so often that memory holds them.
const HOT: usize = 1_000;
/// Number of lookups before the first timed lookup.
const WARM_UP: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("sweeping") else { return Ok(()) };
    let (live, most) = pace.pick((1_000_000, 100_000), (50_000, 10_000));
    let pace = pace.rounds(7);
    let (live_said, most_said) = pace.pick(("1M live", "100k expired"), ("50k live", "10k expired"));
    let each = format!("{live_said}: time for each of {most_said}");
    let meanwhile = ["on disk", "in memory"]
        .map(|tier| format!("{live_said}: p99.9 of lookups {tier} while {most_said} go"));
    if !pace.wants(ROW, &each) && !meanwhile.iter().any(|setting| pace.wants(ROW, setting)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let large = SweptCache::new(&dir.path().join("large"), live)?;
    if pace.wants(ROW, &each) {
        let small = SweptCache::new(&dir.path().join("small"), 10_000)?;
        proportional(&pace, &each, &large, &small, most);
    }
    // Memory has room for a tenth of the live entries. A stream over half of these entries rarely repeats a
    // key that is still in memory.
    for (setting, (keys, asked)) in meanwhile.iter().zip([(live, live / 2), (HOT, 1 << 16)]) {
        if pace.wants(ROW, setting) {
            undisturbed(&pace, setting, &large, most, &uniform(keys, asked, 3));
        }
    }
    Ok(())
}

/// A cache with a manual clock and many long-lived entries.
struct SweptCache {
    cache: Cache,
    pages: Keyspace<String, Page>,
    clock: Arc<ManualClock>,
}

impl SweptCache {
    fn new(path: &Path, live: usize) -> Result<Self, larder::Error> {
        let clock = Arc::new(ManualClock::new());
        let memory = (live * (TEXT_LEN + 300) / 10) as u64;
        let cache =
            builder(path, 2 * room(live, TEXT_LEN)).memory_capacity(memory).clock(clock.clone()).open()?;
        let pages = pages(&cache);
        for number in 0..live {
            pages.insert(key(number).as_str(), page_of(number, TEXT_LEN))?;
        }
        cache.flush()?;
        Ok(Self { cache, pages, clock })
    }

    /// Stores `count` entries with a short TTL.
    fn store(&self, count: usize) {
        let options = InsertOptions::new().ttl(SHORT);
        for number in 0..count {
            // The key is between the keys of the long-lived entries.
            let key = format!("{}~", key(number * 7919 % 1_000_000));
            self.pages
                .insert_with(key.as_str(), page_of(number, TEXT_LEN), options)
                .expect("the cache is open");
        }
        self.cache.flush().expect("the disk takes writes");
    }

    fn expired(&self) -> u64 {
        self.cache.stats().disk.map_or(0, |disk| disk.expirations)
    }

    /// Lets the short-lived entries expire, and waits until they are deleted. Returns the time of the wait.
    fn sweep(&self, count: usize) -> Duration {
        let before = self.expired();
        let watch = Stopwatch::start();
        self.clock.advance(2 * SHORT);
        while self.expired() - before < count as u64 {
            self.cache.sweep().expect("the disk takes writes");
        }
        watch.elapsed()
    }
}

fn proportional<'a>(pace: &Pace, setting: &str, large: &'a SweptCache, small: &'a SweptCache, most: usize) {
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    let mut enter = |name: &str, swept: &'a SweptCache, count: usize| {
        contest.contestant(name, TERMS, move || {
            swept.store(count);
            nanos_each(swept.sweep(count), count)
        });
    };
    enter("larder", large, most);
    enter("larder, 1k expired", large, FEW);
    enter("larder, 1k expired of 10k", small, FEW);
    contest.target(
        Against::peer("larder, 1k expired"),
        0.5,
        "proportional to the expired: each of many takes at most twice as long as each of 1k",
    );
    contest.target_of(
        "larder, 1k expired",
        None,
        Against::peer("larder, 1k expired of 10k"),
        0.2,
        "not to the living: a hundred times as many cost at most five times as much for each",
    );
    contest.run(pace);
}

fn undisturbed(pace: &Pace, setting: &str, swept: &SweptCache, most: usize, keys: &[String]) {
    // The number of lookups without a sweep is the same as it was with a sweep.
    let asked = Cell::new(WARM_UP);
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    contest.contestant("larder", TERMS, || {
        swept.store(most);
        // Bring the entries that this setting needs back into memory.
        let _ = lookups(swept, keys, |count| count == WARM_UP);
        let is_over = AtomicBool::new(false);
        let times = thread::scope(|scope| {
            let looking = scope.spawn(|| lookups(swept, keys, |_| is_over.load(Ordering::Relaxed)));
            swept.sweep(most);
            is_over.store(true, Ordering::Relaxed);
            looking.join().expect("lookups do not panic")
        });
        asked.set(times.len());
        measured(&times)
    });
    contest.contestant("larder, nothing expired", TERMS, || {
        let _ = lookups(swept, keys, |count| count == WARM_UP);
        measured(&lookups(swept, keys, |count| count == asked.get()))
    });
    contest.target(Against::peer("larder, nothing expired"), 0.5, "p99.9 at most 2 × without");
    contest.run(pace);
}

fn measured(sorted: &[f64]) -> Measured {
    let at = |share| quantile(sorted, share).unwrap_or(f64::NAN);
    Measured::new(at(0.999)).also("p50", Unit::NanosPerOperation, at(0.5))
}

/// Looks the keys up, over and over, until `is_over` returns true. Returns the times in nanoseconds, sorted
/// from short to long.
fn lookups(swept: &SweptCache, keys: &[String], is_over: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut times = Vec::new();
    for key in keys.iter().cycle() {
        if is_over(times.len()) {
            break;
        }
        let watch = Stopwatch::start();
        let found = swept.pages.get(key.as_str());
        times.push(watch.nanos());
        assert!(found.is_some(), "{key} is gone");
    }
    times.sort_by(f64::total_cmp);
    times
}
