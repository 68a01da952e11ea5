//! What a hit in memory costs, beside moka and `quick_cache`: string keys, values behind an `Arc`, all of them resident.
//!
//! larder does more for its hit than the peers: it encodes the key, checks the expiry by two clocks and counts the hit for
//! its keyspace. This bench says what that costs.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use larder::{ByteSize, Cache, Keyspace};
use larder_benches::{PAGES, Page, RESIDENT, Spread, key};

fn larder() -> (Cache, Keyspace<String, Page>) {
    let cache = Cache::builder().memory_capacity(ByteSize::gib(1)).open().expect("a cache in memory opens");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    for number in 0..RESIDENT {
        pages.insert(&key(number), Page::of(number)).expect("a page can be encoded");
    }
    (cache, pages)
}

fn moka() -> moka::sync::Cache<String, Arc<Page>> {
    let cache = moka::sync::Cache::new(2 * RESIDENT as u64);
    for number in 0..RESIDENT {
        cache.insert(key(number), Arc::new(Page::of(number)));
    }
    cache.run_pending_tasks();
    cache
}

fn quick_cache() -> quick_cache::sync::Cache<String, Arc<Page>> {
    let cache = quick_cache::sync::Cache::new(2 * RESIDENT);
    for number in 0..RESIDENT {
        cache.insert(key(number), Arc::new(Page::of(number)));
    }
    cache
}

/// Asks for the next key of the stream at each turn; every one of them must hit.
fn hits(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    requests: &[String],
    get: impl Fn(&str) -> Option<Arc<Page>>,
) {
    assert!(requests.iter().all(|key| get(key).is_some()), "{name} does not hold every entry");
    let mut turn = requests.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| turn.next().and_then(|key| get(black_box(key))));
    });
}

fn memory_hit(criterion: &mut Criterion) {
    let (_cache, pages) = larder();
    let (moka, quick_cache) = (moka(), quick_cache());
    for spread in Spread::ALL {
        let requests = spread.requests();
        let mut group = criterion.benchmark_group(format!("memory_hit/{}", spread.name()));
        group.throughput(Throughput::Elements(1));
        hits(&mut group, "larder", &requests, |key| pages.get(key));
        hits(&mut group, "moka", &requests, |key| moka.get(key));
        hits(&mut group, "quick_cache", &requests, |key| quick_cache.get(key));
        group.finish();
    }
}

criterion_group!(benches, memory_hit);
criterion_main!(benches);
