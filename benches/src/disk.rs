//! The pages that the disk benches store and look up.
//!
//! A page is half a kilobyte of random text, which hardly compresses. Repetitive text would favour a peer
//! that compresses.

use std::path::Path;

use larder::{ByteSize, Cache, CacheBuilder, Keyspace};
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::peers::Request;
use crate::workload::{PAGES, Page, Spread, key};

/// Length of a page's text, in bytes.
pub const TEXT_LEN: usize = 512;
/// Size of larder's default page cache. redb alone and the naive cache get the same size, unless their
/// names say otherwise.
pub const PAGE_CACHE: ByteSize = larder::DEFAULT_PAGE_CACHE;
/// Memory capacity for a tier that should hold almost no entries. The value is larder's minimum.
pub const NO_MEMORY: ByteSize = ByteSize::kib(64);

/// Returns a page with a text of [`TEXT_LEN`] bytes. The same number always gives the same page.
#[must_use]
pub fn page(number: usize) -> Page {
    page_of(number, TEXT_LEN)
}

/// Returns a page with a text of `len` bytes. The same number always gives the same page.
#[must_use]
pub fn page_of(number: usize, len: usize) -> Page {
    let random = StdRng::seed_from_u64(number as u64);
    Page { text: random.sample_iter(Alphanumeric).take(len).map(char::from).collect() }
}

/// Returns `count` keys, drawn uniformly from `keys` keys. Each value of `stream` gives other keys.
#[must_use]
pub fn uniform(keys: usize, count: usize, stream: u64) -> Vec<String> {
    Spread::Uniform.numbers(keys, count, stream).into_iter().map(|number| key(number as usize)).collect()
}

/// Returns requests with Zipf-distributed keys. On average, `writes` percent of the requests are writes.
#[must_use]
pub fn mixed(keys: usize, count: usize, writes: u32, stream: u64) -> Vec<Request> {
    let mut random = StdRng::seed_from_u64(stream);
    let request = |number: u32| {
        let (number, is_write) = (number as usize, random.random_ratio(writes, 100));
        if is_write { Request::Insert(key(number), page(number)) } else { Request::Get(key(number)) }
    };
    Spread::Zipf.numbers(keys, count, stream).into_iter().map(request).collect()
}

/// Returns the builder of a cache whose file has room for `entry_bytes` of entries.
pub fn builder(path: &Path, entry_bytes: u64) -> CacheBuilder {
    // Entries can fill only a part of the file (docs/design.md, "Room on disk").
    let capacity = ByteSize::bytes(8 * entry_bytes).max(ByteSize::mib(64));
    Cache::builder().path(path).disk_capacity(capacity).page_cache(PAGE_CACHE)
}

/// Opens the keyspace of the pages.
///
/// # Panics
/// Panics if the keyspace is already open with other types.
#[must_use]
pub fn pages(cache: &Cache) -> Keyspace<String, Page> {
    cache.keyspace(PAGES).expect("the keyspace opens")
}

/// Returns the number of bytes that `entries` pages need in a file.
#[must_use]
pub const fn room(entries: usize, text_len: usize) -> u64 {
    // The 160 bytes are for the key in both tables, the header of the record, and redb's overhead per row.
    (entries * (text_len + 160)) as u64
}

/// Returns the pages 0 to `entries` - 1 with their keys, in batches.
pub fn batches(entries: usize) -> impl Iterator<Item = Vec<(String, Page)>> {
    const BATCH: usize = 10_000;
    let batch = move |start: usize| {
        (start..entries.min(start + BATCH)).map(|number| (key(number), page(number))).collect()
    };
    (0..entries).step_by(BATCH).map(batch)
}

/// Creates a cache file with `entries` pages, and closes it.
///
/// # Panics
/// Panics if the file can't be written.
pub fn fill(path: &Path, entries: usize, text_len: usize) {
    let builder = builder(path, room(entries, text_len));
    let cache = builder.memory_capacity(NO_MEMORY).write_buffer(ByteSize::mib(32)).open();
    let cache = cache.expect("a new file opens");
    let pages = pages(&cache);
    for number in 0..entries {
        pages.insert(key(number).as_str(), page_of(number, text_len)).expect("the cache is open");
    }
    cache.close().expect("the disk takes what was written");
}
