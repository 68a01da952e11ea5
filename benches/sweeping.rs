//! Measures how long it takes to delete expired entries, and how long lookups take meanwhile.
//!
//! Entries with a short TTL are stored among long-lived entries. The clock then jumps, so that all
//! short-lived entries have expired. The measured time begins with the jump, and ends when these entries are
//! deleted from the disk. Memory has room for about a tenth of the long-lived entries, so most lookups of all
//! keys read the disk.
//!
//! Lookups are timed in two ways: while the sweeper deletes the entries by itself, and while a caller of
//! `Cache::sweep` waits for their deletion. The sweeper pauses between its transactions, unless a caller
//! waits.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use larder::clock::{Clock, SystemClock};
use larder::{Cache, InsertOptions, Keyspace, Timestamp};
use larder_benches::disk::{builder, page_of, pages, room, uniform};
use larder_benches::stopwatch::{Stopwatch, nanos_each};
use larder_benches::summary::quantile;
use larder_benches::{Against, Contest, Measured, Pace, Page, Unit, key};

const ROW: &str = "sweeping";
const TITLE: &str = "Sweeping";
const TEXT_LEN: usize = 64;
/// The short TTL, which is longer than the time to store the entries.
const SHORT: Duration = Duration::from_secs(100);
const FEW: usize = 1_000;
const TERMS: &str = "deletions committed (two-phase, quick repair)";
/// Number of keys that are looked up often enough to stay in memory.
const HOT: usize = 1_000;
/// Number of lookups before the first timed lookup.
const WARM_UP: usize = 1 << 16;
/// Maximum number of lookups in a run without a sweep. A run with a sweep can make many more, because the
/// sweeper pauses for most of the time.
const MAX_UNDISTURBED: usize = 2_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("sweeping") else { return Ok(()) };
    let (live, most) = pace.pick((1_000_000, 100_000), (50_000, 10_000));
    let pace = pace.rounds(7);
    let (live_said, most_said) = pace.pick(("1M live", "100k expired"), ("50k live", "10k expired"));
    let each = format!("{live_said}: time for each of {most_said}");
    let meanwhile = [("on disk", "go"), ("in memory", "go"), ("on disk", "are swept by a caller")]
        .map(|(tier, how)| format!("{live_said}: p99.9 of lookups {tier} while {most_said} {how}"));
    if !pace.wants(ROW, &each) && !meanwhile.iter().any(|setting| pace.wants(ROW, setting)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let large = SweptCache::new(&dir.path().join("large"), live)?;
    if pace.wants(ROW, &each) {
        let small = SweptCache::new(&dir.path().join("small"), 10_000)?;
        proportional(&pace, &each, &large, &small, most);
    }
    // Memory has room for a tenth of the live entries, so few lookups of all keys find their entry in memory.
    let ways = [(live, live / 2, By::Sweeper), (HOT, 1 << 16, By::Sweeper), (live, live / 2, By::Caller)];
    for (setting, (keys, asked, by)) in meanwhile.iter().zip(ways) {
        if pace.wants(ROW, setting) {
            undisturbed(&pace, setting, (&large, by), most, &uniform(keys, asked, 3));
        }
    }
    Ok(())
}

/// Who deletes the expired entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The sweeper, without a request.
    Sweeper,
    /// A caller of `Cache::sweep`.
    Caller,
}

/// The system clock, which can also jump forward.
#[derive(Default)]
struct JumpingClock {
    system: SystemClock,
    ahead_ms: AtomicU64,
    wakers: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl std::fmt::Debug for JumpingClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JumpingClock").field("ahead", &self.ahead()).finish_non_exhaustive()
    }
}

impl JumpingClock {
    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn jump(&self, by: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
        self.wakers.lock().expect("no waker panics").iter().for_each(|wake| wake());
    }
}

impl Clock for JumpingClock {
    fn monotonic(&self) -> Duration {
        self.system.monotonic() + self.ahead()
    }

    fn wall(&self) -> Timestamp {
        self.system.wall()
    }

    fn coarse_monotonic(&self) -> Option<Duration> {
        self.system.coarse_monotonic().map(|time| time + self.ahead())
    }

    fn on_jump(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.wakers.lock().expect("no waker panics").push(wake);
    }
}

/// A cache with many long-lived entries, and a clock that can jump.
struct SweptCache {
    cache: Cache,
    pages: Keyspace<String, Page>,
    clock: Arc<JumpingClock>,
}

impl SweptCache {
    fn new(path: &Path, live: usize) -> Result<Self, larder::Error> {
        let clock = Arc::new(JumpingClock::default());
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
            // With a million long-lived entries, this key sorts between theirs.
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

    /// Lets the short-lived entries expire, and waits until they are deleted. Returns how long that takes.
    #[expect(clippy::disallowed_methods, reason = "a measurement lasts for as long as it lasts")]
    fn sweep(&self, count: usize, by: By) -> Duration {
        let before = self.expired();
        let watch = Stopwatch::start();
        self.clock.jump(SHORT);
        while self.expired() - before < count as u64 {
            match by {
                By::Caller => drop(self.cache.sweep().expect("the disk takes writes")),
                By::Sweeper => thread::sleep(Duration::from_millis(1)),
            }
        }
        watch.elapsed()
    }
}

fn proportional<'a>(pace: &Pace, setting: &str, large: &'a SweptCache, small: &'a SweptCache, most: usize) {
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    let mut enter = |name: &str, swept: &'a SweptCache, count: usize| {
        contest.contestant(name, TERMS, move || {
            swept.store(count);
            nanos_each(swept.sweep(count, By::Caller), count)
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

fn undisturbed(pace: &Pace, setting: &str, (swept, by): (&SweptCache, By), most: usize, keys: &[String]) {
    // The run without a sweep makes as many lookups as the last run with a sweep, up to a maximum.
    let asked = Cell::new(WARM_UP);
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    contest.contestant("larder", TERMS, || {
        swept.store(most);
        // Loads the entries of this setting into memory again.
        let _ = lookups(swept, keys, |count| count == WARM_UP);
        let is_over = AtomicBool::new(false);
        let (times, took) = thread::scope(|scope| {
            let looking = scope.spawn(|| lookups(swept, keys, |_| is_over.load(Ordering::Relaxed)));
            let took = swept.sweep(most, by);
            is_over.store(true, Ordering::Relaxed);
            (looking.join().expect("lookups do not panic"), took)
        });
        asked.set(times.len().min(MAX_UNDISTURBED));
        measured(&times, took)
    });
    contest.contestant("larder, nothing expired", TERMS, || {
        let _ = lookups(swept, keys, |count| count == WARM_UP);
        measured(&lookups(swept, keys, |count| count == asked.get()), Duration::ZERO)
    });
    if by == By::Sweeper {
        contest.target(Against::peer("larder, nothing expired"), 0.5, "p99.9 at most 2 × without");
    } else {
        contest.note(
            "This setting has no target. A caller of `Cache::sweep` waits for the deletions, so the sweeper makes \
             no pauses between its transactions, and more of the lookups meet one.",
        );
    }
    contest.run(pace);
}

/// Returns the quantiles of the sorted times, and the time until all entries were deleted.
fn measured(sorted: &[f64], took: Duration) -> Measured {
    let at = |share| quantile(sorted, share).unwrap_or(f64::NAN);
    let measured = Measured::new(at(0.999)).also("p50", Unit::NanosPerOperation, at(0.5));
    let measured = measured.also("p99", Unit::NanosPerOperation, at(0.99));
    measured.also("until all is deleted", Unit::Milliseconds, took.as_secs_f64() * 1e3)
}

/// Looks up the keys repeatedly until `is_over` returns true. Returns the times in nanoseconds, in ascending
/// order.
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
