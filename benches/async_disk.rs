//! Measures disk hits whose pages are in the operating system's page cache. `get` reads on the calling
//! thread. `get_async` sends the lookup to a worker thread, so that it does not block the executor.
//!
//! The memory tier is too small for the entries. The difference between the two calls is the round trip to a
//! worker thread. In the first part, one task waits for each result before the next call. In the second part,
//! 16 tasks on one thread have one lookup each in progress. The calls are measured in turns, and each figure
//! is the median of the rounds.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is the purpose of a bench program")]

use std::process::ExitCode;

use larder::{ByteSize, Cache, Keyspace};
use larder_benches::stopwatch::time;
use larder_benches::{PAGES, Pace, Page, key};
use tokio::runtime::{Builder, Runtime};

/// Number of entries on disk. Memory has room for a few of them.
const ENTRIES: usize = 50_000;
const LOOKUPS: usize = 40_000;
const QUICK_LOOKUPS: usize = 4_000;
/// Number of concurrent lookups in the second part.
const TASKS: usize = 16;

type Pages = Keyspace<String, Page>;

fn main() -> ExitCode {
    let Some(pace) = Pace::of_program("async_disk") else { return ExitCode::SUCCESS };
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let path = dir.path().join("disk.larder");
    let cache = Cache::builder().path(&path).open().expect("a new file");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    (0..ENTRIES).for_each(|number| pages.insert(&key(number), Page::of(number)).expect("the disk works"));
    cache.close().expect("the disk works");
    drop((cache, pages));
    let cache = Cache::builder().memory_capacity(ByteSize::kib(64)).path(&path).open().expect("the file");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let lookups = pace.pick(LOOKUPS, QUICK_LOOKUPS);
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=pace.rounds {
        let figures = [
            gets(&pages, lookups),
            one_by_one(&runtime, &pages, lookups),
            many_at_once(&runtime, &pages, lookups),
        ];
        // The first round loads the file into the page cache, and is not counted.
        if round > 0 {
            samples.iter_mut().zip(figures).for_each(|(samples, figure)| samples.push(figure));
        }
    }
    let names = ["get", "get_async, one at a time", "get_async, 16 at once"];
    for (name, samples) in names.into_iter().zip(samples) {
        println!("{name}: {:.2} µs", median(samples));
    }
    cache.close().expect("the disk works");
    ExitCode::SUCCESS
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// Returns the keys of the lookups, in an order in which successive keys are far apart.
fn keys(from: usize, step: usize, lookups: usize) -> impl Iterator<Item = String> {
    (from..lookups).step_by(step).map(|turn| key(turn.wrapping_mul(48_271) % ENTRIES))
}

#[expect(clippy::cast_precision_loss, reason = "a number of lookups that a double has exactly")]
fn micros_of_each(lookups: usize, work: impl FnOnce()) -> f64 {
    time(work).as_secs_f64() * 1e6 / lookups as f64
}

fn gets(pages: &Pages, lookups: usize) -> f64 {
    micros_of_each(lookups, || {
        keys(0, 1, lookups).for_each(|key| assert!(pages.get(&key).is_some(), "{key}"));
    })
}

async fn look_up(pages: Pages, from: usize, step: usize, lookups: usize) {
    for key in keys(from, step, lookups) {
        assert!(pages.get_async(&key).await.is_some(), "{key} is missing");
    }
}

fn one_by_one(runtime: &Runtime, pages: &Pages, lookups: usize) -> f64 {
    micros_of_each(lookups, || runtime.block_on(look_up(pages.clone(), 0, 1, lookups)))
}

fn many_at_once(runtime: &Runtime, pages: &Pages, lookups: usize) -> f64 {
    let work = async {
        let tasks: Vec<_> =
            (0..TASKS).map(|from| tokio::spawn(look_up(pages.clone(), from, TASKS, lookups))).collect();
        for task in tasks {
            task.await.expect("a task does not panic");
        }
    };
    micros_of_each(lookups, || runtime.block_on(work))
}
