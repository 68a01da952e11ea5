//! Measures eight threads that change one counter: operations a second, and the time that all but one of a
//! thousand calls stay below.
//!
//! `get` and `insert` loses increments, and is here only to compare the times. The last column says how much
//! of what was added is in the counter afterwards.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::error::Error;
use std::sync::Mutex;
use std::time::Duration;

use larder::{Cache, Change, Keyspace, KeyspaceDefinition};
use larder_benches::stopwatch::Stopwatch;
use larder_benches::{Pace, in_threads};

const IN_MEMORY: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("in memory").memory_only();
const IN_FILE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("in file");
const THREADS: usize = 8;
/// Number of calls of each thread.
const CALLS: usize = 100_000;
const QUICK_CALLS: usize = 10_000;

/// A way to add one to a counter.
type Add = fn(&Keyspace<u64, u64>, u64) -> Result<(), larder::Error>;

const WAYS: [(&str, Add); 3] = [
    ("increment", |counters, key| counters.increment(&key, 1).map(drop)),
    ("modify", |counters, key| {
        counters.modify(&key, |old, _| Change::insert(old.copied().unwrap_or(0) + 1))?;
        Ok(())
    }),
    ("get and insert (loses some)", |counters, key| {
        let old = counters.get(&key).map_or(0, |old| *old);
        counters.insert(&key, old + 1)
    }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("hot_counter") else { return Ok(()) };
    let calls = pace.pick(CALLS, QUICK_CALLS);
    let dir = tempfile::tempdir()?;
    let cache = Cache::builder().path(dir.path().join("counter.larder")).open()?;
    println!("{:44}{:>14}{:>14}{:>10}", "8 threads, one counter", "operations/s", "p99.9, µs", "counted");
    for (place, counters) in [("memory", cache.keyspace(IN_MEMORY)?), ("a file", cache.keyspace(IN_FILE)?)] {
        for (key, (way, add)) in (0..).zip(WAYS) {
            counters.insert(&key, 0)?;
            let times = Mutex::new(Vec::with_capacity(THREADS * calls));
            let elapsed = in_threads(THREADS, |_| {
                let own: Vec<Duration> = (0..calls).map(|_| timed(&counters, key, add)).collect();
                times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(own);
            });
            let mut times = times.into_inner()?;
            times.sort_unstable();
            let slow = times.get(times.len() - 1 - times.len() / 1_000).copied().unwrap_or_default();
            let counted = counters.get(&key).map_or(0, |sum| *sum);
            let calls = (THREADS * calls) as u64;
            println!(
                "{:44}{:>14}{:>14.1}{:>8} %",
                format!("{way}, in {place}"),
                (u128::from(calls) * 1_000_000).checked_div(elapsed.as_micros()).unwrap_or_default(),
                slow.as_secs_f64() * 1e6,
                100 * counted / calls,
            );
        }
    }
    cache.close()?;
    Ok(())
}

fn timed(counters: &Keyspace<u64, u64>, key: u64, add: Add) -> Duration {
    let watch = Stopwatch::start();
    drop(add(counters, key));
    watch.elapsed()
}
