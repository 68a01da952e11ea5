//! Counts the loads when 64 threads ask at once for one key that has expired, with a loader that takes 20 ms.
//!
//! Each round begins with an expired entry. Each figure is the number of loader runs in a round, and the time
//! until the last of the threads has its answer: one load, if the callers share it.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::{Cache, KeyspaceDefinition};
use larder_benches::Pace;
use larder_benches::stopwatch::in_threads;

const THREADS: usize = 64;
const TTL: Duration = Duration::from_millis(50);
const LOAD: Duration = Duration::from_millis(20);
const PAGE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("page").ttl(TTL);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("load_stampede") else { return Ok(()) };
    let rounds = pace.pick(50, 10);
    let cache = Cache::builder().open()?;
    let pages = cache.keyspace(PAGE)?;
    let moka = moka::sync::Cache::builder().max_capacity(1_000).time_to_live(TTL).build();
    println!("{:32}{:>10}{:>10}{:>14}", "loads a round, 64 threads", "median", "most", "ms, median");
    report("larder, get_or_load", rounds, || {
        let loads = AtomicUsize::new(0);
        let took = in_threads(THREADS, |_| {
            let loaded = pages.get_or_load(&1, || Ok::<u64, Infallible>(load(&loads)));
            assert!(loaded.is_ok(), "the loader never fails");
        });
        (loads.into_inner(), took)
    });
    report("moka, get_with", rounds, || {
        let loads = AtomicUsize::new(0);
        let took = in_threads(THREADS, |_| {
            moka.get_with(1_u64, || load(&loads));
        });
        (loads.into_inner(), took)
    });
    report("larder, get and insert", rounds, || {
        let loads = AtomicUsize::new(0);
        let took = in_threads(THREADS, |_| {
            if pages.get(&2).is_none() {
                drop(pages.insert(&2, load(&loads)));
            }
        });
        (loads.into_inner(), took)
    });
    Ok(())
}

fn load(loads: &AtomicUsize) -> u64 {
    pause(LOAD);
    loads.fetch_add(1, Ordering::SeqCst) as u64
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the machine, not the cache's time")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Runs the rounds, each after the entry of the last round has expired, and prints a row.
fn report(name: &str, rounds: usize, mut round: impl FnMut() -> (usize, Duration)) {
    let (mut loads, mut times) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (count, took) = round();
        loads.push(count);
        times.push(took);
        pause(TTL * 2);
    }
    loads.sort_unstable();
    times.sort_unstable();
    let middle = |len: usize| len / 2;
    let (median, most) = (loads.get(middle(loads.len())).copied(), loads.last().copied());
    let took = times.get(middle(times.len())).copied().unwrap_or_default();
    println!(
        "{name:32}{:>10}{:>10}{:>14.1}",
        median.unwrap_or_default(),
        most.unwrap_or_default(),
        took.as_secs_f64() * 1e3
    );
}
