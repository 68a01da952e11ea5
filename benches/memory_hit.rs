//! Measures memory hits, compared with the peers. Keys are strings, and values are 256 bytes behind an `Arc`.
//! All entries are resident, and have a TTL if the cache supports TTLs. Integers, pairs of strings and keys
//! of 40 bytes are measured at one size.
//!
//! *Independent* lookups follow each other in a loop, so the processor overlaps them. The key of a
//! *dependent* lookup depends on the result of the previous lookup, as in an application that acts on each
//! result.
//!
//! The report shows the time of a lookup on one thread. With two threads, it shows how long each thread waits
//! for its own lookups. Every contestant uses another part of the same stream, because the previous
//! contestant has brought its keys into the processor's cache. A fifth of each round runs before the
//! measurement, to load the contestant's own tables.

#![forbid(unsafe_code)]

use std::sync::Arc;

use larder_benches::memory::{
    Contender, KeyText, KeyTypeField, Keys, MemoryCache, Moka, PEERS, contenders, integer_keys, pair_keys,
    values,
};
use larder_benches::stopwatch::nanos_each;
use larder_benches::{Against, Contest, Pace, Page, Spread, Unit, in_threads};

/// Number of requests in a stream. Their entries need much more memory than the processor's cache has.
const REQUESTS: usize = 1 << 22;
/// Number of requests in a stream whose keys are not texts.
const TYPED_REQUESTS: usize = 1 << 19;
/// Number of measured lookups per thread and round.
const LOOKUPS: usize = 400_000;
const QUICK_LOOKUPS: usize = 100_000;
const ROUNDS: usize = 11;

/// The capacity as a multiple of the number of entries. Caches divide their capacity into shards, which fill
/// unevenly.
const ROOM: usize = 2;
/// Number of entries for keys other than short texts.
const OTHER_KEYS: (usize, &str) = (100_000, "100k");

fn main() {
    let Some(pace) = Pace::of_program("memory_hit") else { return };
    for (entries, said) in [(10_000, "10k"), (100_000, "100k"), (1_000_000, "1M")] {
        // Making a million entries takes too long for a quick run.
        if !pace.is_quick || entries <= 100_000 {
            run_texts(KeyText::Short, (entries, said), "", &pace);
        }
    }
    run_texts(KeyText::Long, OTHER_KEYS, ", 40 B keys", &pace);
    run_typed(integer_keys, ", u64 keys", &pace);
    run_typed(pair_keys, ", (&str, &str) keys", &pace);
}

/// Whether a lookup depends on the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Independent,
    Dependent,
}

/// A setting of the bench.
struct Setting {
    spread: Spread,
    threads: usize,
    order: Order,
    name: String,
}

/// Returns the requested settings for a number of entries and a key type.
fn settings(said: &str, keys: &str, pace: &Pace) -> Vec<Setting> {
    let mut all = Vec::new();
    for spread in Spread::ALL {
        for (threads, said_threads) in [(1, "1 thread"), (2, "2 threads")] {
            for (order, said_order) in [(Order::Independent, "independent"), (Order::Dependent, "dependent")]
            {
                let name = format!("{said} resident, {}, {said_threads}, {said_order}{keys}", spread.name());
                if pace.wants("memory-hit", &name) {
                    all.push(Setting { spread, threads, order, name });
                }
            }
        }
    }
    all
}

fn run_texts(text: KeyText, (entries, said): (usize, &str), said_keys: &str, pace: &Pace) {
    let settings = settings(said, said_keys, pace);
    if settings.is_empty() {
        return;
    }
    let field = field(text, entries);
    for spread in Spread::ALL {
        let settings: Vec<&Setting> = settings.iter().filter(|setting| setting.spread == spread).collect();
        if !settings.is_empty() {
            let numbers = spread.numbers(entries, REQUESTS, 0);
            let keys = Keys::of(text, numbers.into_iter().map(|number| number as usize));
            for setting in settings {
                run(&field, &keys, setting, pace);
            }
        }
    }
}

/// Returns all contestants, filled with the same entries.
fn field(text: KeyText, entries: usize) -> Vec<Box<dyn Contender>> {
    let (keys, values): (Keys, Vec<Arc<Page>>) = (Keys::of(text, 0..entries), values(entries));
    let field = contenders(ROOM * entries);
    for contender in &field {
        contender.inserts(&keys, 0, entries, &values);
        contender.settle();
        let resident = contender.resident(&keys, 0, entries);
        assert_eq!(resident, entries, "{} does not hold every entry", contender.name());
    }
    field
}

fn run(field: &[Box<dyn Contender>], keys: &Keys, setting: &Setting, pace: &Pace) {
    let (threads, lookups) = (setting.threads, pace.pick(LOOKUPS, QUICK_LOOKUPS));
    let mut contest = contest(setting);
    for (place, contender) in field.iter().enumerate() {
        let mut from = place * REQUESTS / field.len();
        contest.contestant(contender.name(), "memory only", move || {
            let ask = |thread: usize, from: usize, count: usize| {
                // Each thread reads its own part of the stream.
                let from = from + thread * REQUESTS / threads;
                let hits = match setting.order {
                    Order::Independent => contender.hits(keys, from, count),
                    Order::Dependent => contender.dependent_hits(keys, from, count),
                };
                assert_eq!(hits, count, "{} missed", contender.name());
            };
            in_threads(threads, |thread| ask(thread, from, lookups / 5));
            let elapsed = in_threads(threads, |thread| ask(thread, from + lookups / 5, lookups));
            from += lookups / 5 + lookups;
            nanos_each(elapsed, lookups)
        });
    }
    contest.run(&pace.rounds(ROUNDS));
}

fn contest(setting: &Setting) -> Contest<'_> {
    let mut contest =
        Contest::new("memory-hit", "Memory hit", setting.name.as_str(), Unit::NanosPerOperation);
    contest.target(Against::best(&PEERS), 1.0, "1.0 × the fastest peer");
    contest.target(Against::peer(Moka::NAME), 2.0, "2 × moka");
    contest
}

/// Runs the settings for a key type other than text.
fn run_typed<K: Sync + 'static>(field: fn(usize) -> KeyTypeField<K>, said_keys: &str, pace: &Pace) {
    let (entries, said) = OTHER_KEYS;
    let settings = settings(said, said_keys, pace);
    if settings.is_empty() {
        return;
    }
    let field = field(entries);
    let lookups = pace.pick(LOOKUPS, QUICK_LOOKUPS);
    for setting in &settings {
        let numbers = setting.spread.numbers(entries, TYPED_REQUESTS, 0);
        let keys: Vec<K> = numbers.into_iter().map(|number| (field.key)(number as usize)).collect();
        let mut contest = contest(setting);
        for (place, (name, read)) in field.contestants.iter().enumerate() {
            let (keys, is_dependent) = (&keys, setting.order == Order::Dependent);
            let mut from = place * keys.len() / field.contestants.len();
            contest.contestant(name, "memory only", move || {
                let ask = |thread: usize, from: usize, count: usize| {
                    let from = from + thread * keys.len() / setting.threads;
                    assert_eq!(read(keys, from, count, is_dependent), count, "{name} missed");
                };
                in_threads(setting.threads, |thread| ask(thread, from, lookups / 5));
                let elapsed = in_threads(setting.threads, |thread| ask(thread, from + lookups / 5, lookups));
                from += lookups / 5 + lookups;
                nanos_each(elapsed, lookups)
            });
        }
        contest.run(&pace.rounds(ROUNDS));
    }
}
