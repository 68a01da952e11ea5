//! Measures inserts into a full cache, compared with the peers. Each key is new, so each insert evicts an
//! entry.
//!
//! Keys come in order from a key space four times as large as the cache. When a key repeats, its entry has
//! been evicted long before. A cache could win by refusing new entries, so the report shows how many of the
//! latest inserts are in the cache afterwards. For that, the bench looks up as many of the latest keys as a
//! tenth of the capacity. The bench also reports the processor time per insert over all threads, because a
//! contestant may do a part of its work on other threads.
//!
//! In most settings, the values come from a pool, so no value is freed. In the setting "own values", each
//! insert brings its own value. The eviction of an entry frees its value only if an earlier round of this
//! setting has inserted it, because a round holds its own values until it ends.

#![forbid(unsafe_code)]

use std::sync::Arc;

use larder_benches::memory::{
    Cached, Contender, FoyerLru, FoyerS3Fifo, Keys, MemoryCache, QuickCache, contenders, values,
};
use larder_benches::stopwatch::{nanos_each, processor_nanos};
use larder_benches::{Against, Contest, Measured, Pace, Page, Unit, in_threads};

/// Size of the key space, as a multiple of the cache.
const KEY_SPACE: usize = 4;
/// Number of inserts per thread and round.
const INSERTS: usize = 150_000;
const QUICK_INSERTS: usize = 50_000;
const ROUNDS: usize = 11;
/// The peers that keep new entries. In the other peers, most new entries are soon gone.
const KEEPING: [&str; 3] = [Cached::NAME, FoyerLru::NAME, FoyerS3Fifo::NAME];
/// Number of values. The inserts use them in turn. Creating values is not measured.
const VALUES: usize = 1 << 14;

fn main() {
    let Some(pace) = Pace::of_program("memory_insert") else { return };
    let values = values(VALUES);
    for (entries, said) in [(100_000, "100k"), (1_000_000, "1M")] {
        if (pace.is_quick && entries > 100_000) || !pace.wants("memory-insert", said) {
            continue;
        }
        let keys = Keys::in_order(KEY_SPACE * entries);
        let field = contenders(entries);
        for contender in &field {
            contender.inserts(&keys, 0, entries, &values);
        }
        let mut from = entries;
        for (threads, said_how) in [(1, "1 thread"), (2, "2 threads"), (1, "1 thread, own values")] {
            let setting = format!("room for {said}, {said_how}");
            // With an empty pool, each round creates its own values.
            let values = if said_how.ends_with("own values") { &[] } else { values.as_slice() };
            from =
                run(&Setting { field: &field, keys: &keys, values, entries, threads, from }, setting, &pace);
        }
    }
}

struct Setting<'a> {
    field: &'a [Box<dyn Contender>],
    keys: &'a Keys,
    /// The pool of values. If it is empty, each insert brings its own value.
    values: &'a [Arc<Page>],
    entries: usize,
    threads: usize,
    /// The first unused key.
    from: usize,
}

/// Runs one setting. Returns the first key that is unused afterwards.
fn run(setting: &Setting<'_>, said: String, pace: &Pace) -> usize {
    let inserts = pace.pick(INSERTS, QUICK_INSERTS);
    let title = "Memory insert with eviction";
    let mut contest = Contest::new("memory-insert", title, said, Unit::NanosPerOperation);
    for contender in setting.field {
        let mut from = setting.from;
        contest.contestant(contender.name(), "memory only", move || {
            let measured = round(contender.as_ref(), setting, from, inserts);
            from += setting.threads * inserts;
            measured
        });
    }
    contest.target(Against::best(&KEEPING), 1.0, "1.0 × the best peer that keeps newcomers");
    contest.note(format!(
        "Without a TTL: {} and foyer. \"Newest resident\" is the share of the latest inserts, as many as a tenth of the room, \
         that are there when a round has ended.",
        QuickCache::NAME
    ));
    let rounds = contest
        .run(&pace.rounds(ROUNDS))
        .contestants
        .first()
        .map_or(0, |contestant| contestant.samples.len() + 1);
    setting.from + rounds * setting.threads * inserts
}

#[expect(clippy::cast_precision_loss, reason = "counts of entries are below what a double tells apart")]
fn round(contender: &dyn Contender, setting: &Setting<'_>, from: usize, inserts: usize) -> Measured {
    let Setting { keys, values: pool, threads, .. } = *setting;
    let own = if pool.is_empty() { values(threads * inserts) } else { Vec::new() };
    let used = processor_nanos();
    let elapsed = in_threads(threads, |thread| {
        let values = if pool.is_empty() { &own } else { pool };
        contender.inserts(keys, from + thread * inserts, inserts, values);
        // Includes deferred work in the measured time.
        contender.settle();
    });
    let used = processor_nanos() - used;
    let newest = (setting.entries / 10).min(inserts);
    // Looks up the keys that each thread inserted last.
    let newest_of_each = newest / threads;
    let resident: usize = (0..threads)
        .map(|thread| {
            contender.resident(keys, from + (thread + 1) * inserts - newest_of_each, newest_of_each)
        })
        .sum();
    let share = 100.0 * resident as f64 / (threads * newest_of_each) as f64;
    Measured::new(nanos_each(elapsed, inserts)).also("newest resident", Unit::Percent, share).also(
        "processor time",
        Unit::NanosPerOperation,
        used / (threads * inserts) as f64,
    )
}
