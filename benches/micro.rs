//! Measures parts of the memory tier separately, with a few keys that stay in the processor's cache. The
//! figures help engineers who change one of these parts.
//!
//! Criterion compares a run with the previous run. Claims about larder come from the other benches, which
//! also measure other caches.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use larder::Cache;
use larder_benches::{PAGES, Pace, Page, key};

const KEYS: usize = 64;

fn main() {
    if Pace::of_program("micro").is_none() {
        return;
    }
    let criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    memory(criterion);
}

fn memory(mut criterion: Criterion) {
    let cache = Cache::builder().open().expect("a cache in memory opens");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    let keys: Vec<String> = (0..2 * KEYS).map(key).collect();
    let (present, absent) = keys.split_at(KEYS);
    let value = Arc::new(Page::of(0));
    for key in present {
        pages.insert(key, value.clone()).expect("a page can be stored");
    }
    let mut group = criterion.benchmark_group("memory");
    let mut turn = present.iter().cycle();
    group.bench_function("hit", |bencher| {
        bencher.iter(|| turn.next().and_then(|key| pages.get(black_box(key))));
    });
    let mut turn = absent.iter().cycle();
    group.bench_function("miss", |bencher| {
        bencher.iter(|| turn.next().and_then(|key| pages.get(black_box(key))));
    });
    let mut turn = present.iter().cycle();
    group.bench_function("contains", |bencher| {
        bencher.iter(|| turn.next().is_some_and(|key| pages.contains_key(black_box(key))));
    });
    let mut turn = present.iter().cycle();
    group.bench_function("overwrite", |bencher| {
        bencher.iter(|| turn.next().map(|key| pages.insert(black_box(key), value.clone())));
    });
    group.finish();
    criterion.final_summary();
}
