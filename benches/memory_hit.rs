//! Measures memory hits, compared with the peers. Keys are strings, and values are 256 bytes behind an `Arc`.
//! All entries are resident, and have a TTL if the cache supports TTLs. Keys of 40 bytes, integers and pairs
//! of strings have a row each.
//!
//! *Independent* lookups follow each other in a loop, so the processor overlaps them. The key of a
//! *dependent* lookup depends on the result of the previous lookup, as in an application that acts on each
//! result.
//!
//! The report shows the time of a lookup on one thread. With two threads, it shows how long each thread
//! waits for its own lookups. Every contestant uses another part of the same stream. Otherwise a contestant
//! would find its keys in the processor's cache, where the previous contestant has brought them. Before
//! each measurement, a fifth as many lookups load the contestant's own tables into that cache.

#![forbid(unsafe_code)]

use std::sync::Arc;

use larder_benches::memory::{
    Contender, KeyText, KeyTypeField, Keys, MemoryCache, QuickCache, WITH_TTL, contenders, integer_keys,
    pair_keys, values,
};
use larder_benches::stopwatch::nanos_each;
use larder_benches::{Against, Contest, Pace, Page, Spread, Unit, in_threads};

/// Number of requests in a stream. Their keys need much more memory than the processor's cache has.
const REQUESTS: usize = 1 << 22;
/// Number of requests in a stream whose keys are not texts.
const TYPED_REQUESTS: usize = 1 << 21;
const QUICK_LOOKUPS: usize = 50_000;
const ROUNDS: usize = 11;

/// The capacity as a multiple of the number of entries. Caches divide their capacity into shards, which fill
/// unevenly.
const ROOM: usize = 2;
/// Numbers of resident entries, and of measured lookups per thread and round. Lookups are slower among more
/// entries, so fewer of them take as long.
const SIZES: [Size; 3] = [
    Size { entries: 10_000, said: "10k", lookups: 400_000 },
    Size { entries: 100_000, said: "100k", lookups: 200_000 },
    Size { entries: 1_000_000, said: "1M", lookups: 150_000 },
];

#[derive(Debug, Clone, Copy)]
struct Size {
    entries: usize,
    said: &'static str,
    lookups: usize,
}

fn main() {
    let Some(pace) = Pace::of_program("memory_hit") else { return };
    // Making a million entries takes too long for a quick run.
    let sizes = SIZES.into_iter().filter(|size| !pace.is_quick || size.entries <= 100_000);
    let sizes: Vec<Size> =
        sizes.map(|size| Size { lookups: pace.pick(size.lookups, QUICK_LOOKUPS), ..size }).collect();
    for size in &sizes {
        run_texts("memory-hit", KeyText::Short, *size, &pace);
    }
    for size in &sizes {
        run_texts("memory-hit-long", KeyText::Long, *size, &pace);
    }
    for size in &sizes {
        run_typed("memory-hit-integer", integer_keys, *size, &pace);
    }
    for size in &sizes {
        run_typed("memory-hit-pair", pair_keys, *size, &pace);
    }
}

/// Whether a lookup depends on the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Independent,
    Dependent,
}

struct Setting {
    row: &'static str,
    size: Size,
    spread: Spread,
    threads: usize,
    order: Order,
    name: String,
}

/// Returns the requested settings of a row for a number of entries.
fn settings(row: &'static str, size: Size, pace: &Pace) -> Vec<Setting> {
    let mut all = Vec::new();
    for spread in Spread::ALL {
        for (threads, said_threads) in [(1, "1 thread"), (2, "2 threads")] {
            for (order, said_order) in [(Order::Independent, "independent"), (Order::Dependent, "dependent")]
            {
                let name = format!("{} resident, {}, {said_threads}, {said_order}", size.said, spread.name());
                if pace.wants(row, &name) {
                    all.push(Setting { row, size, spread, threads, order, name });
                }
            }
        }
    }
    all
}

fn run_texts(row: &'static str, text: KeyText, size: Size, pace: &Pace) {
    let settings = settings(row, size, pace);
    if settings.is_empty() {
        return;
    }
    let entries = size.entries;
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
    let (threads, lookups) = (setting.threads, setting.size.lookups);
    let mut contest = contest(setting, true);
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

/// Returns a contest with its targets. `with_ttl` says whether a peer with a TTL takes part.
fn contest(setting: &Setting, with_ttl: bool) -> Contest<'_> {
    let mut contest = Contest::new(setting.row, "Memory hit", setting.name.as_str(), Unit::NanosPerOperation);
    let fastest = Against::peer(QuickCache::NAME);
    match setting.order {
        Order::Independent => {
            contest.target(fastest, 0.8, "independent: 0.8 × quick_cache");
            if with_ttl {
                let said = "independent: 1.3 × the best peer that offers TTL";
                contest.target(Against::best(&WITH_TTL), 1.3, said);
            }
        }
        Order::Dependent => {
            contest.target(fastest.clone(), 1.0, "dependent: 1.0 × quick_cache");
            if setting.size.entries >= 100_000 {
                contest.target(fastest, 1.3, "dependent, from 100k on: 1.3 × quick_cache");
            }
        }
    }
    contest
}

/// Runs the settings for a key type other than text.
fn run_typed<K: Sync + 'static>(
    row: &'static str,
    field: fn(usize) -> KeyTypeField<K>,
    size: Size,
    pace: &Pace,
) {
    let settings = settings(row, size, pace);
    if settings.is_empty() {
        return;
    }
    let field = field(size.entries);
    for spread in Spread::ALL {
        let settings: Vec<&Setting> = settings.iter().filter(|setting| setting.spread == spread).collect();
        if !settings.is_empty() {
            let numbers = spread.numbers(size.entries, TYPED_REQUESTS, 0);
            let keys: Vec<K> = numbers.into_iter().map(|number| (field.key)(number as usize)).collect();
            run_keys(&field, &keys, &settings, pace);
        }
    }
}

fn run_keys<K: Sync>(field: &KeyTypeField<K>, keys: &[K], settings: &[&Setting], pace: &Pace) {
    let with_ttl = field.contestants.iter().any(|(name, _)| WITH_TTL.contains(name));
    for setting in settings {
        let lookups = setting.size.lookups;
        let mut contest = contest(setting, with_ttl);
        for (place, (name, read)) in field.contestants.iter().enumerate() {
            let is_dependent = setting.order == Order::Dependent;
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
