//! Measures a memory hit, compared with the peers. Keys are strings, and values are 256 bytes behind an
//! `Arc`. All entries are resident. They have a TTL if the cache offers one.
//!
//! The report shows the time of one lookup on one thread. With two threads, the report shows how long each
//! thread waits for its own lookups. Every contestant uses a different part of the same stream. Otherwise the
//! previous contestant would have brought the keys into the processor's cache. A fifth of a round runs before
//! the measured part, to load the contestant's own tables.

#![forbid(unsafe_code)]

use std::sync::Arc;

use larder_benches::memory::{Contender, Keys, MemoryCache, Moka, PEERS, contenders, values};
use larder_benches::stopwatch::nanos_each;
use larder_benches::{Against, Contest, Pace, Page, Spread, Unit, in_threads};

/// Number of requests in a stream. Their entries need many times more room than the processor's cache has.
const REQUESTS: usize = 1 << 22;
/// Number of each thread's lookups that are measured in a round.
const LOOKUPS: usize = 400_000;
const QUICK_LOOKUPS: usize = 100_000;
const ROUNDS: usize = 11;

/// The cache has room for twice the entries, because caches divide their room into shards, and shards fill
/// unevenly.
const ROOM: usize = 2;

fn main() {
    let Some(pace) = Pace::of_program("memory_hit") else { return };
    for (entries, said) in [(100_000, "100k"), (1_000_000, "1M")] {
        // Making a million entries takes longer than a quick run may.
        if (pace.is_quick && entries > 100_000) || !pace.wants("memory-hit", said) {
            continue;
        }
        let field = field(entries);
        for spread in Spread::ALL {
            let keys = Keys::spread(spread, entries, REQUESTS, 0);
            for threads in [1, 2] {
                let said_threads = if threads == 1 { "1 thread" } else { "2 threads" };
                let setting = format!("{said} resident, {}, {said_threads}", spread.name());
                run(&field, &keys, threads, setting, &pace);
            }
        }
    }
}

/// Returns every contestant. All contestants hold the same entries.
fn field(entries: usize) -> Vec<Box<dyn Contender>> {
    let (keys, values): (Keys, Vec<Arc<Page>>) = (Keys::in_order(entries), values(entries));
    let field = contenders(ROOM * entries);
    for contender in &field {
        contender.inserts(&keys, 0, entries, &values);
        contender.settle();
        let resident = contender.resident(&keys, 0, entries);
        assert_eq!(resident, entries, "{} does not hold every entry", contender.name());
    }
    field
}

fn run(field: &[Box<dyn Contender>], keys: &Keys, threads: usize, setting: String, pace: &Pace) {
    let lookups = pace.pick(LOOKUPS, QUICK_LOOKUPS);
    let mut contest = Contest::new("memory-hit", "Memory hit", setting, Unit::NanosPerOperation);
    for (place, contender) in field.iter().enumerate() {
        let mut from = place * REQUESTS / field.len();
        contest.contestant(contender.name(), "memory only", move || {
            let ask = |thread: usize, from: usize, count: usize| {
                // Each thread reads its own part.
                let hits = contender.hits(keys, from + thread * REQUESTS / threads, count);
                assert_eq!(hits, count, "{} missed", contender.name());
            };
            in_threads(threads, |thread| ask(thread, from, lookups / 5));
            let elapsed = in_threads(threads, |thread| ask(thread, from + lookups / 5, lookups));
            from += lookups / 5 + lookups;
            nanos_each(elapsed, lookups)
        });
    }
    contest.target(Against::best(&PEERS), 1.0, "1.0 × the fastest peer");
    contest.target(Against::peer(Moka::NAME), 2.0, "2 × moka");
    contest.run(&pace.rounds(ROUNDS));
}
