//! Counts loads when 64 threads request the same expired key at once, with a loader that takes 20 ms.
//!
//! Each repeat starts with an expired entry. The figure of a round is the maximum number of loader runs in
//! a repeat. It is one if the callers share the load. The report also shows the time until the last thread
//! has its value.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder::{Cache, KeyspaceDefinition};
use larder_benches::stopwatch::{in_threads, pause};
use larder_benches::{Against, Contest, Measured, Pace, Unit};

const ROW: &str = "load-stampede";
const TITLE: &str = "Load stampede";
const SETTING: &str = "64 threads, a loader of 20 ms";
const TERMS: &str = "memory only";
const THREADS: usize = 64;
const TTL: Duration = Duration::from_millis(50);
const LOAD: Duration = Duration::from_millis(20);
/// Number of repeats per round.
const REPEATS: usize = 3;
const PAGE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("page").ttl(TTL);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("load_stampede") else { return Ok(()) };
    if !pace.wants(ROW, SETTING) {
        return Ok(());
    }
    let cache = Cache::builder().open()?;
    let pages = cache.keyspace(PAGE)?;
    let moka = moka::sync::Cache::builder().max_capacity(1_000).time_to_live(TTL).build();
    let mut contest = Contest::new(ROW, TITLE, SETTING, Unit::Count);
    contest.contestant("larder", TERMS, || {
        round(|loads| {
            let loaded = pages.get_or_load(&1, || Ok::<u64, Infallible>(load(loads)));
            assert!(loaded.is_ok(), "the loader never fails");
        })
    });
    contest.contestant("moka", TERMS, || {
        round(|loads| {
            moka.get_with(1_u64, || load(loads));
        })
    });
    contest.contestant("larder, get and insert", TERMS, || {
        round(|loads| {
            if pages.get(&2).is_none() {
                drop(pages.insert(&2, load(loads)));
            }
        })
    });
    contest.target(Against::Bound(1.0), 1.0, "one load, however many callers");
    contest.note("`get_or_load` of larder and `get_with` of moka. The figure is the worst of 3 repeats.");
    contest.run(&pace);
    Ok(())
}

fn load(loads: &AtomicU32) -> u64 {
    pause(LOAD);
    u64::from(loads.fetch_add(1, Ordering::SeqCst))
}

/// In each repeat, waits until the entry has expired, and then requests it from all threads. Returns the
/// maximum number of loads, and the longest time.
fn round(ask: impl Fn(&AtomicU32) + Sync) -> Measured {
    let (mut most, mut longest) = (0, Duration::ZERO);
    for _ in 0..REPEATS {
        pause(TTL * 2);
        let loads = AtomicU32::new(0);
        longest = longest.max(in_threads(THREADS, |_| ask(&loads)));
        most = most.max(loads.into_inner());
    }
    Measured::new(f64::from(most)).also("last answer", Unit::Milliseconds, longest.as_secs_f64() * 1e3)
}
