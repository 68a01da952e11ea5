//! Measures a hit of `get_or_load`, compared with `get`. Both look up the same resident entries, and the
//! loader never runs.

#![forbid(unsafe_code)]

use std::hint::black_box;

use larder_benches::memory::{Keys, LarderInMemory, MemoryCache, values};
use larder_benches::stopwatch::nanos_each;
use larder_benches::{Against, Contest, Pace, Spread, Unit, VALUE_LEN, time};

const ROW: &str = "load-hit";
const REQUESTS: usize = 1 << 20;
const LOOKUPS: usize = 400_000;
const ROUNDS: usize = 15;
const GET: &str = "larder, get";

fn main() {
    let Some(pace) = Pace::of_program("load_hit") else { return };
    for (entries, said) in [(10_000, "10k"), (100_000, "100k")] {
        let settings = ["independent", "dependent"].map(|order| format!("{said} resident, {order}"));
        if !settings.iter().any(|setting| pace.wants(ROW, setting)) {
            continue;
        }
        let cache = LarderInMemory::with_room(2 * entries);
        for (key, value) in Keys::in_order(entries).range(0, entries).zip(values(entries)) {
            cache.insert(key, value);
        }
        let keys = Keys::spread(Spread::Uniform, entries, REQUESTS, 0);
        for setting in settings.iter().filter(|setting| pace.wants(ROW, setting)) {
            run(&cache, &keys, setting, &pace);
        }
    }
}

fn run(cache: &LarderInMemory, keys: &Keys, setting: &str, pace: &Pace) {
    let lookups = pace.pick(LOOKUPS, LOOKUPS / 10);
    let is_dependent = setting.ends_with(", dependent");
    let mut contest = Contest::new(ROW, "`get_or_load` on a hit", setting, Unit::NanosPerOperation);
    let mut from = 0;
    contest.contestant("larder", "memory only", move || {
        from += lookups;
        round(keys, from, lookups, is_dependent, |key| cache.load(key))
    });
    let mut from = REQUESTS / 2;
    contest.contestant(GET, "memory only", move || {
        from += lookups;
        round(keys, from, lookups, is_dependent, |key| cache.read(key))
    });
    contest.target(Against::peer(GET), 1.0 / 1.05, "`get` within 5 %");
    contest.run(&pace.rounds(ROUNDS));
}

/// Returns the mean time of a lookup, in nanoseconds. If the lookups are dependent, the position of each
/// key depends on the value that the previous lookup has found.
fn round(keys: &Keys, from: usize, count: usize, is_dependent: bool, read: impl Fn(&str) -> usize) -> f64 {
    let mut hits = 0;
    let elapsed = if is_dependent {
        time(|| {
            let mut at = from % keys.len();
            for _ in 0..count {
                let found = keys.at(at).map_or(0, |key| read(black_box(key)));
                hits += usize::from(found == VALUE_LEN);
                at += 1 + found - VALUE_LEN.min(found);
                if at >= keys.len() {
                    at = 0;
                }
            }
        })
    } else {
        time(|| hits = keys.range(from, count).filter(|key| read(black_box(key)) == VALUE_LEN).count())
    };
    assert_eq!(hits, count, "a lookup has missed");
    nanos_each(elapsed, count)
}
