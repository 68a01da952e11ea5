//! Counts loads per 100 ms when 10,000 entries that were stored together expire and are loaded again
//! immediately.
//!
//! With jitter, the entries expire over a part of the TTL instead of at one moment. The figure is the number
//! of loads in the busiest 100 ms of the first wave. The even share is the number of loads per 100 ms if the
//! wave were spread evenly over the time by which jitter can shorten the TTL. Later waves are measured too.
//! Their entries were loaded at different times, so these waves are spread further.
//!
//! In the first setting, a manual clock advances in steps of 100 ms, and four threads request all keys in
//! each step. So the figures depend only on the jitter, and not on the machine. The second setting runs in
//! real time with a shorter TTL, and the threads request one key after another without a pause.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, Keyspace, KeyspaceDefinition};
use larder_benches::stopwatch::{Stopwatch, in_threads};
use larder_benches::{Against, Contest, Measured, Pace, Unit};

const ROW: &str = "load-expiry";
const TITLE: &str = "Entries that expire together";
const MANUAL: &str = "10,000 entries, TTL of 10 s, jitter of 20 %, a clock in steps";
const REAL: &str = "10,000 entries, TTL of 2 s, jitter of 50 %, in real time";
const TERMS: &str = "memory only";
const KEYS: u32 = 10_000;
const THREADS: usize = 4;
const STEP: Duration = Duration::from_millis(100);
/// Number of waves. In each wave, every entry expires once.
const WAVES: u32 = 3;
const SAID: &str = "no 100 ms has over twice the even share of loads";

#[derive(Clone, Copy)]
struct Circumstances {
    ttl: Duration,
    jitter: u8,
}

const STEPS: Circumstances = Circumstances { ttl: Duration::from_secs(10), jitter: 20 };
const REAL_TIME: Circumstances = Circumstances { ttl: Duration::from_secs(2), jitter: 50 };

impl Circumstances {
    fn keyspace(self, cache: &Cache, jitter: u8) -> Keyspace<u32, u32> {
        let definition = KeyspaceDefinition::new("page").ttl(self.ttl).jitter(jitter);
        cache.keyspace(definition).expect("the definition has no contradiction")
    }

    fn steps(self) -> usize {
        usize::try_from(self.ttl.as_millis() / STEP.as_millis()).unwrap_or(usize::MAX)
    }

    /// Returns the number of loads per step, if the loads were spread evenly over the time by which jitter
    /// can shorten the TTL.
    fn even_share(self) -> f64 {
        f64::from(KEYS) / (self.ttl.mul_f64(f64::from(self.jitter) / 100.0).div_duration_f64(STEP))
    }

    fn figures(self, loads: &[u32]) -> Measured {
        let most = |loads: &[u32]| f64::from(loads.iter().copied().max().unwrap_or(0));
        let (first, later) = loads.split_at_checked(self.steps() + 1).unwrap_or((loads, &[]));
        Measured::new(most(first))
            .also("over the even share", Unit::Count, most(first) / self.even_share())
            .also("later waves", Unit::Count, most(later))
    }
}

/// A function that returns the number of loads in each step, with this jitter in percent.
type LoadsOf = fn(Circumstances, u8) -> Vec<u32>;

fn main() {
    let Some(pace) = Pace::of_program("load_expiry") else { return };
    let settings: [(_, _, LoadsOf, _); 2] =
        [(MANUAL, STEPS, in_steps, 15), (REAL, REAL_TIME, in_real_time, 5)];
    for (setting, circumstances, run, rounds) in settings {
        if !pace.wants(ROW, setting) {
            continue;
        }
        let mut contest = Contest::new(ROW, TITLE, setting, Unit::Count).without_warm_up();
        for (name, jitter) in [("larder", circumstances.jitter), ("larder, no jitter", 0)] {
            contest.contestant(name, TERMS, move || circumstances.figures(&run(circumstances, jitter)));
        }
        contest.target(Against::Bound(2.0 * circumstances.even_share()), 1.0, SAID);
        contest.note(
            "The median is the number of loads in the busiest 100 ms of the first wave, in which each entry \
             expires for the first time. The target is judged by it.",
        );
        contest.run(&pace.rounds(rounds));
    }
}

fn store_all(pages: &Keyspace<u32, u32>) {
    for key in 0..KEYS {
        pages.insert(&key, key).expect("the cache is open");
    }
}

fn ask(pages: &Keyspace<u32, u32>, key: u32, loads: &AtomicU32) {
    let loaded = pages.get_or_load(&key, || {
        loads.fetch_add(1, Ordering::Relaxed);
        Ok::<u32, Infallible>(key)
    });
    assert!(loaded.is_ok(), "the loader never fails");
}

/// Returns the number of loads in each step of a manual clock.
fn in_steps(circumstances: Circumstances, jitter: u8) -> Vec<u32> {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().expect("a cache in memory opens");
    let pages = circumstances.keyspace(&cache, jitter);
    store_all(&pages);
    let steps = 0..circumstances.steps() * WAVES as usize;
    let step = |_| {
        clock.advance(STEP);
        let loads = AtomicU32::new(0);
        in_threads(THREADS, |thread| {
            // The threads start at different keys, so that they do not all wait for the same load.
            let first = u32::try_from(thread * KEYS as usize / THREADS).expect("a key");
            (first..KEYS).chain(0..first).for_each(|key| ask(&pages, key, &loads));
        });
        loads.into_inner()
    };
    steps.map(step).collect()
}

/// Returns the number of loads in each 100 ms of real time.
fn in_real_time(circumstances: Circumstances, jitter: u8) -> Vec<u32> {
    let cache = Cache::builder().open().expect("a cache in memory opens");
    let pages = circumstances.keyspace(&cache, jitter);
    let loads: Vec<_> = (0..circumstances.steps() * WAVES as usize).map(|_| AtomicU32::new(0)).collect();
    store_all(&pages);
    let watch = Stopwatch::start();
    in_threads(THREADS, |thread| {
        for key in (0..KEYS).cycle().skip(thread * KEYS as usize / THREADS) {
            let step = usize::try_from(watch.elapsed().as_millis() / STEP.as_millis()).unwrap_or(usize::MAX);
            let Some(loads) = loads.get(step) else { return };
            ask(&pages, key, loads);
        }
    });
    loads.into_iter().map(AtomicU32::into_inner).collect()
}
