//! Measures lookups and inserts in full caches, with one insert in twenty requests, compared with the peers.
//!
//! Keys come from a key space twice as large as the cache, so inserts evict entries, and some lookups miss.
//! How many lookups miss depends on the eviction policy of the cache. The report shows the hit ratio, because
//! misses are fast, and a cache with a bad policy would otherwise look good.
//!
//! *Independent* requests follow each other in a loop. The key of a *dependent* request depends on the result
//! of the previous lookup.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_benches::memory::{
    Contender, Keys, MemoryCache, ONE_INSERT_IN, QuickCache, WITH_TTL, contenders, values,
};
use larder_benches::stopwatch::{nanos_each, processor_nanos};
use larder_benches::{Against, Contest, Measured, Pace, Page, Spread, Unit, in_threads};

/// Size of the key space, as a multiple of the cache.
const KEY_SPACE: usize = 2;
/// Number of requests in a stream.
const REQUESTS: usize = 1 << 22;
/// Number of requests per thread and round.
const OPERATIONS: usize = 250_000;
const QUICK_OPERATIONS: usize = 60_000;
const ROUNDS: usize = 11;
/// Number of values. The inserts use them in turn. Creating values is not measured.
const VALUES: usize = 1 << 14;

fn main() {
    let Some(pace) = Pace::of_program("memory_mixed") else { return };
    let values = values(VALUES);
    for (entries, said) in [(100_000, "100k"), (1_000_000, "1M")] {
        if (pace.is_quick && entries > 100_000) || !pace.wants("memory-mixed", said) {
            continue;
        }
        for spread in Spread::ALL {
            let keys = Keys::spread(spread, KEY_SPACE * entries, REQUESTS, 0);
            let field = contenders(entries);
            // Filling uses another stream than the measurement. With the same stream, a contestant whose
            // measurement starts where the filling ended would hit too often.
            let filling = Keys::in_order(entries);
            let before = Keys::spread(spread, KEY_SPACE * entries, KEY_SPACE * entries, 1);
            for contender in &field {
                contender.inserts(&filling, 0, filling.len(), &values);
                contender.mixed(&before, 0, before.len(), &values);
                contender.settle();
            }
            for threads in [1, 2] {
                let said_threads = if threads == 1 { "1 thread" } else { "2 threads" };
                for (is_dependent, order) in [(false, "independent"), (true, "dependent")] {
                    let setting = format!("room for {said}, {}, {said_threads}, {order}", spread.name());
                    run(&field, &keys, &values, (threads, is_dependent, setting), &pace);
                }
            }
        }
    }
}

fn run(
    field: &[Box<dyn Contender>],
    keys: &Keys,
    values: &[Arc<Page>],
    (threads, is_dependent, setting): (usize, bool, String),
    pace: &Pace,
) {
    let operations = pace.pick(OPERATIONS, QUICK_OPERATIONS);
    let title = "Memory, 95 % lookups and 5 % inserts";
    let mut contest = Contest::new("memory-mixed", title, setting, Unit::NanosPerOperation);
    for (place, contender) in field.iter().enumerate() {
        let mut from = place * REQUESTS / field.len();
        contest.contestant(contender.name(), "memory only", move || {
            let ask = |thread: usize, from: usize, count: usize| {
                let from = from + thread * REQUESTS / threads;
                if is_dependent {
                    contender.dependent_mixed(keys, from, count, values)
                } else {
                    contender.mixed(keys, from, count, values)
                }
            };
            in_threads(threads, |thread| {
                ask(thread, from, operations / 5);
            });
            let (hits, used) = (AtomicUsize::new(0), processor_nanos());
            let elapsed = in_threads(threads, |thread| {
                let hit = ask(thread, from + operations / 5, operations);
                hits.fetch_add(hit, Ordering::Relaxed);
            });
            let used = processor_nanos() - used;
            from += operations / 5 + operations;
            let lookups = threads * (operations - operations / ONE_INSERT_IN);
            measured(nanos_each(elapsed, operations), hits.into_inner(), lookups, used, threads * operations)
        });
    }
    contest.target(Against::peer(QuickCache::NAME), 1.0, "1.0 × quick_cache");
    contest.target(Against::best(&WITH_TTL), 1.0, "1.0 × the best peer that offers TTL");
    contest.note(format!("Without a TTL: {} and foyer.", QuickCache::NAME));
    contest.run(&pace.rounds(ROUNDS));
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are below what a double tells apart")]
fn measured(nanos: f64, hits: usize, lookups: usize, used: f64, operations: usize) -> Measured {
    Measured::new(nanos).also("hits", Unit::Percent, 100.0 * hits as f64 / lookups as f64).also(
        "processor time",
        Unit::NanosPerOperation,
        used / operations as f64,
    )
}
