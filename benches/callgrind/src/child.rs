//! The tasks of the child process that runs under valgrind. A task fills a cache, and then calls the function
//! whose instructions are counted. callgrind finds this function by its name, so it must not be inlined.

use std::fmt::Debug;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use larder::{ByteSize, Cache, Key, Keyspace, KeyspaceDefinition};

use crate::map_tier::MapTier;

/// The number of resident entries, and the length of a value in bytes.
const ENTRIES: usize = 10_000;
const VALUE_LEN: usize = 256;
/// Number of lookups of each entry.
const ROUNDS: usize = 20;
/// The number of entries in a full cache, and the number of inserts per entry.
const FULL: usize = 4_000;
const TURNOVER: usize = 10;

/// A function whose instructions can be counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// The argument that makes a child run this task.
    pub(crate) told: &'static str,
    /// A pattern for the name of the counted function.
    pub(crate) counted: &'static str,
    /// Number of calls that are counted.
    pub(crate) calls: usize,
    run: fn() -> Result<(), larder::Error>,
}

impl Task {
    const fn lookups(
        told: &'static str,
        counted: &'static str,
        run: fn() -> Result<(), larder::Error>,
    ) -> Self {
        Self { told, counted, calls: ROUNDS * ENTRIES, run }
    }
}

/// Hits of `get`.
pub(crate) const HITS: Task = Task::lookups("--ask", "*counted_lookups*", || hits(false, counted_lookups));
/// Hits of `get` in a cache that samples keys.
pub(crate) const SAMPLED: Task =
    Task::lookups("--ask-sampled", "*counted_lookups*", || hits(true, counted_lookups));
/// Hits of `get_or_load`.
pub(crate) const LOADS: Task =
    Task::lookups("--ask-loaded", "*counted_loads*", || hits(false, counted_loads));
/// Hits of `get_async`.
pub(crate) const ASYNC_HITS: Task =
    Task::lookups("--ask-async", "*counted_async_lookups*", || hits(false, counted_async_lookups));
/// Hits of `get_or_load_async`.
pub(crate) const ASYNC_LOADS: Task =
    Task::lookups("--ask-async-loaded", "*counted_async_loads*", || hits(false, counted_async_loads));
/// Hits of `get` with integer keys.
pub(crate) const INTEGERS: Task = Task::lookups("--ask-integers", "*counted_integers*", || {
    let pages = Pages::fill(false, |number| number as u64, ENTRIES)?;
    check(counted_integers(&pages.keyspace, &pages.keys));
    Ok(())
});
/// Hits of `get` with keys that are pairs of texts.
pub(crate) const PAIRS: Task = Task::lookups("--ask-pairs", "*counted_pairs*", || {
    let key = |number| (format!("shop{:03}", number / 1_000), format!("product{:03}", number % 1_000));
    let pages = Pages::fill(false, key, ENTRIES)?;
    check(counted_pairs(&pages.keyspace, &pages.keys));
    Ok(())
});
/// Hits of `get` with keys of 40 bytes.
pub(crate) const LONG_KEYS: Task = Task::lookups("--ask-long", "*counted_lookups*", || {
    let pages = Pages::fill(false, |number| format!("product_of_a_shop_in_a_town_{number:012}"), ENTRIES)?;
    check(counted_lookups(&pages.keyspace, &pages.keys));
    Ok(())
});
/// Hits of `get` in the memory tier in front of a server.
pub(crate) const NEAR_HITS: Task = Task::lookups("--ask-near", "*counted_lookups*", || {
    let cache = Cache::builder().memory_capacity(ByteSize::gib(1)).remote(Arc::new(MapTier::new())).open()?;
    let pages = Pages::of(cache, text, ENTRIES)?;
    // Memory keeps an entry that this process has read, but not one that it has only stored.
    assert!(pages.keys.iter().all(|key| pages.keyspace.get(key.as_str()).is_some()), "the map lost an entry");
    let at_server = pages.keyspace.stats().disk_hits;
    check(counted_lookups(&pages.keyspace, &pages.keys));
    assert_eq!(pages.keyspace.stats().disk_hits, at_server, "a lookup asked the server");
    Ok(())
});
/// Inserts that evict an entry.
pub(crate) const INSERTS: Task = Task {
    told: "--insert",
    counted: "*counted_inserts*",
    calls: FULL * TURNOVER,
    run: || {
        let value = Arc::new("x".repeat(VALUE_LEN));
        let capacity = {
            let one = Pages::fill(false, text, 1)?;
            one.cache.stats().memory.weight.as_u64() * FULL as u64
        };
        let cache = Cache::builder().memory_capacity(ByteSize::bytes(capacity)).open()?;
        let pages = cache.keyspace(definition::<String>())?;
        let keys: Vec<String> = (0..FULL * (TURNOVER + 2)).map(text).collect();
        let (first, rest) = keys.split_at(2 * FULL);
        insert_all(&pages, first, &value)?;
        counted_inserts(&pages, rest, &value)?;
        let evicted = cache.stats().memory.evictions;
        assert!(evicted >= (FULL * TURNOVER) as u64, "{evicted} entries were evicted");
        Ok(())
    },
};

const TASKS: [Task; 10] =
    [HITS, SAMPLED, LOADS, ASYNC_HITS, ASYNC_LOADS, INTEGERS, PAIRS, LONG_KEYS, NEAR_HITS, INSERTS];

/// Runs the task that an argument of this process names. Returns whether there was such an argument.
pub(crate) fn run_told() -> Result<bool, larder::Error> {
    let told = TASKS.iter().find(|task| std::env::args().any(|argument| argument == task.told));
    told.map_or(Ok(false), |task| (task.run)().map(|()| true))
}

fn text(number: usize) -> String {
    format!("product_{number:08}")
}

fn definition<K: Key>() -> KeyspaceDefinition<K, String> {
    KeyspaceDefinition::new("page").ttl(Duration::from_hours(24)).version(1)
}

struct Pages<K: Key> {
    cache: Cache,
    keyspace: Keyspace<K, String>,
    keys: Vec<K>,
}

impl<K: Key + Debug> Pages<K> {
    fn fill(samples_keys: bool, key: fn(usize) -> K, entries: usize) -> Result<Self, larder::Error> {
        let cache = Cache::builder().memory_capacity(ByteSize::gib(1)).sample_keys(samples_keys).open()?;
        Self::of(cache, key, entries)
    }

    fn of(cache: Cache, key: fn(usize) -> K, entries: usize) -> Result<Self, larder::Error> {
        let keyspace = cache.keyspace(definition::<K>())?;
        let value = Arc::new("x".repeat(VALUE_LEN));
        let keys: Vec<K> = (0..entries).map(key).collect();
        for key in &keys {
            keyspace.insert(key, value.clone())?;
        }
        Ok(Self { cache, keyspace, keys })
    }
}

fn check(found: usize) {
    assert_eq!(found, ROUNDS * ENTRIES, "a resident entry was missed");
}

type Lookups = fn(&Keyspace<String, String>, &[String]) -> usize;

fn hits(samples_keys: bool, lookups: Lookups) -> Result<(), larder::Error> {
    let pages = Pages::fill(samples_keys, text, ENTRIES)?;
    check(lookups(&pages.keyspace, &pages.keys));
    Ok(())
}

fn count_of<K>(keys: &[K], is_hit: impl Fn(&&K) -> bool) -> usize {
    (0..ROUNDS).map(|_| keys.iter().filter(&is_hit).count()).sum()
}

#[inline(never)]
fn counted_lookups(pages: &Keyspace<String, String>, keys: &[String]) -> usize {
    count_of(keys, |key| black_box(pages.get(key.as_str())).is_some())
}

#[inline(never)]
fn counted_loads(pages: &Keyspace<String, String>, keys: &[String]) -> usize {
    count_of(keys, |key| black_box(pages.get_or_load(key.as_str(), || Err::<String, _>(()))).is_ok())
}

/// Returns the output of a future that is ready at its first poll.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a memory hit waits for nothing"),
    }
}

#[inline(never)]
fn counted_async_lookups(pages: &Keyspace<String, String>, keys: &[String]) -> usize {
    count_of(keys, |key| black_box(at_once(pages.get_async(key.as_str()))).is_some())
}

#[inline(never)]
fn counted_async_loads(pages: &Keyspace<String, String>, keys: &[String]) -> usize {
    count_of(keys, |key| {
        let load = pages.get_or_load_async(key.as_str(), || async { Err::<String, _>(()) });
        black_box(at_once(load)).is_ok()
    })
}

#[inline(never)]
fn counted_integers(pages: &Keyspace<u64, String>, keys: &[u64]) -> usize {
    count_of(keys, |key| black_box(pages.get(**key)).is_some())
}

#[inline(never)]
fn counted_pairs(pages: &Keyspace<(String, String), String>, keys: &[(String, String)]) -> usize {
    count_of(keys, |(shop, product)| black_box(pages.get((shop.as_str(), product.as_str()))).is_some())
}

#[inline(never)]
fn counted_inserts(
    pages: &Keyspace<String, String>,
    keys: &[String],
    value: &Arc<String>,
) -> Result<(), larder::Error> {
    insert_all(pages, keys, value)
}

fn insert_all(
    pages: &Keyspace<String, String>,
    keys: &[String],
    value: &Arc<String>,
) -> Result<(), larder::Error> {
    keys.iter().try_for_each(|key| pages.insert(key.as_str(), value.clone()).map(drop))
}
