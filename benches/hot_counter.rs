//! Measures eight threads that increment one counter: operations per second, and the 99.9th percentile of the
//! call times.
//!
//! A pair of `get` and `insert` loses increments, and takes part only for a comparison of the times. The
//! last column shows the percentage of the increments that the counter contains afterwards.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use larder::{Cache, Change, Keyspace, KeyspaceDefinition};
use larder_benches::stopwatch::{Stopwatch, in_threads, per_second};
use larder_benches::summary::quantile;
use larder_benches::{Contest, Measured, Pace, Unit};

const ROW: &str = "hot-counter";
const TITLE: &str = "Hot counter";
const IN_MEMORY: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("in memory").memory_only();
const IN_FILE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("in file");
const THREADS: usize = 8;
/// Number of calls per thread and round.
const CALLS: usize = 20_000;
const QUICK_CALLS: usize = 2_000;
const KEY: u64 = 7;

/// A way to add one to a counter.
type Add = fn(&Keyspace<u64, u64>) -> Result<(), larder::Error>;

const WAYS: [(&str, Add); 3] = [
    ("larder", |counters| counters.increment(&KEY, 1).map(drop)),
    ("larder, modify", |counters| {
        counters.modify(&KEY, |old, _| Change::insert(old.copied().unwrap_or(0) + 1))?;
        Ok(())
    }),
    ("larder, get and insert", |counters| {
        let old = counters.get(&KEY).map_or(0, |old| *old);
        counters.insert(&KEY, old + 1)
    }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("hot_counter") else { return Ok(()) };
    let calls = pace.pick(CALLS, QUICK_CALLS);
    let dir = tempfile::tempdir()?;
    let cache = Cache::builder().path(dir.path().join("counter.larder")).open()?;
    let settings = [
        ("8 threads, in memory", "memory only", cache.keyspace(IN_MEMORY)?),
        ("8 threads, in a file", "on disk within 100 ms", cache.keyspace(IN_FILE)?),
    ];
    for (setting, terms, counters) in &settings {
        if !pace.wants(ROW, setting) {
            continue;
        }
        let mut contest = Contest::new(ROW, TITLE, *setting, Unit::OperationsPerSecond);
        for (name, add) in WAYS {
            contest.contestant(name, terms, move || {
                counters.insert(&KEY, 0).expect("the cache is open");
                let add = || add(counters).expect("the counter does not overflow");
                round(calls, add, || counters.get(&KEY).map_or(0, |sum| *sum))
            });
        }
        if counters.name() == IN_MEMORY.name() {
            let moka = moka::sync::Cache::new(1_000);
            contest.contestant("moka", terms, move || {
                moka.insert(KEY, 0_u64);
                let add = || {
                    moka.entry(KEY).and_upsert_with(|old| old.map_or(0, moka::Entry::into_value) + 1);
                };
                round(calls, add, || moka.get(&KEY).unwrap_or(0))
            });
        }
        contest.note(
            "`increment` and `modify` of larder, `and_upsert_with` of moka. `get` and `insert` loses increments, \
             and is here only to compare the times.",
        );
        contest.run(&pace);
    }
    cache.close()?;
    Ok(())
}

/// Runs all threads. `add` increments the counter, and `counted` returns its value.
#[expect(clippy::cast_precision_loss, reason = "counts are below what a double tells apart")]
fn round(calls: usize, add: impl Fn() + Sync, counted: impl Fn() -> u64) -> Measured {
    let all = THREADS * calls;
    let times = Mutex::new(Vec::with_capacity(all));
    let elapsed = in_threads(THREADS, |_| {
        let measured = |_| {
            let watch = Stopwatch::start();
            add();
            watch.nanos()
        };
        let own: Vec<f64> = (0..calls).map(measured).collect();
        times.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
    });
    let mut times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    times.sort_unstable_by(f64::total_cmp);
    let slow = quantile(&times, 0.999).unwrap_or_default();
    Measured::new(per_second(elapsed, all)).also("p99.9", Unit::NanosPerOperation, slow).also(
        "counted",
        Unit::Percent,
        100.0 * counted() as f64 / all as f64,
    )
}
