//! What a hit on disk costs, beside the least that redb can do for it: a lookup in a table that is open already, the bytes
//! copied out and decoded.
//!
//! larder adds the miss in its shard, a lease, the record's checksum, the promotion into memory and the eviction that makes
//! room for it: its memory tier is as small as it may be, so nearly every lookup goes to the disk. The file is in the
//! operating system's cache, so the drive itself is not measured.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use larder::{ByteSize, Cache, Keyspace};
use larder_benches::{PAGES, Page, RESIDENT, Spread, key};
use redb::{Builder, ConcurrencyMode, Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

const RAW: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("raw");
/// The same page cache for both.
const PAGE_CACHE: ByteSize = ByteSize::mib(16);

fn larder(dir: &Path) -> (Cache, Keyspace<String, Page>) {
    let cache = Cache::builder()
        .path(dir.join("bench.larder"))
        .memory_capacity(ByteSize::kib(64))
        .page_cache(PAGE_CACHE)
        .open()
        .expect("a new file opens");
    let pages = cache.keyspace(PAGES).expect("the keyspace is not open yet");
    for number in 0..RESIDENT {
        pages.insert(&key(number), Page::of(number)).expect("a page can be encoded");
    }
    cache.flush().expect("the disk accepts writes");
    (cache, pages)
}

type RawTable = ReadOnlyTable<&'static str, &'static [u8]>;

fn raw(dir: &Path) -> Result<(Database, RawTable), redb::Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(usize::try_from(PAGE_CACHE.as_u64()).unwrap_or(usize::MAX));
    let db = builder.set_concurrency_mode(ConcurrencyMode::SingleWriter).create(dir.join("bench.redb"))?;
    let txn = db.begin_write()?;
    {
        let mut table = txn.open_table(RAW)?;
        for number in 0..RESIDENT {
            let bytes = bincode::serde::encode_to_vec(Page::of(number), bincode::config::standard());
            table.insert(key(number).as_str(), bytes.expect("a page can be encoded").as_slice())?;
        }
    }
    txn.commit()?;
    let table = db.begin_read()?.open_table(RAW)?;
    Ok((db, table))
}

fn raw_get(table: &RawTable, key: &str) -> Option<Page> {
    let bytes = table.get_owned(key).ok()??.value().to_vec();
    bincode::serde::decode_from_slice(&bytes, bincode::config::standard()).ok().map(|(page, _)| page)
}

fn disk_hit(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let (cache, pages) = larder(dir.path());
    let (_db, table) = raw(dir.path()).expect("a new database opens");
    let requests = Spread::Uniform.requests();
    assert!(requests.iter().all(|key| pages.get(key.as_str()).as_deref() == raw_get(&table, key).as_ref()));

    let mut group = criterion.benchmark_group("disk_hit/uniform");
    group.throughput(Throughput::Elements(1));
    let mut turn = requests.iter().cycle();
    group.bench_function("larder", |bencher| {
        bencher.iter(|| turn.next().and_then(|key| pages.get(black_box(key.as_str()))));
    });
    group.bench_function("redb", |bencher| {
        bencher.iter(|| turn.next().and_then(|key| raw_get(&table, black_box(key))));
    });
    group.finish();

    let stats = cache.stats();
    let disk_hits = stats.disk.as_ref().map_or(0, |disk| disk.hits);
    assert!(disk_hits > 50 * stats.memory.hits, "most lookups must have gone to the disk:\n{stats}");
    assert_eq!(stats.misses, 0, "every lookup must have hit:\n{stats}");
}

criterion_group!(benches, disk_hit);
criterion_main!(benches);
