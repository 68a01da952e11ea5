//! Contestants whose keys are integers or pairs of texts.
//!
//! Only peers that can look up such a key without an allocation take part: `quick_cache` and moka, and for
//! integers also `cached`, which would have to build two strings to look up a pair.

use std::hash::Hash;
use std::hint::black_box;
use std::sync::Arc;

use larder::{ByteSize, Cache, Key, Keyspace, KeyspaceDefinition};

use super::ours::weight;
use super::{Cached, MemoryCache, Moka, QuickCache, TTL, takes_part};
use crate::workload::{Page, VALUE_LEN};

/// The capacity as a multiple of the number of entries.
const ROOM: usize = 2;

type Read<K> = Box<dyn Fn(&[K], usize, usize, bool) -> usize + Sync>;

/// The contestants for one key type. All of them hold the entries 0 to `entries` - 1.
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct KeyTypeField<K> {
    /// Returns the key with this number.
    pub key: fn(usize) -> K,
    /// The contestants: a name, and a function that looks up keys and returns the number of hits. Its
    /// arguments are a cyclic list of keys, the index of the first key, the number of lookups, and whether
    /// each lookup depends on the previous result.
    pub contestants: Vec<(&'static str, Read<K>)>,
}

impl<K: Sync + 'static> KeyTypeField<K> {
    fn add(&mut self, name: &'static str, read: impl Fn(&K) -> usize + Sync + 'static) {
        let read_all = move |keys: &[K], from: usize, count: usize, is_dependent: bool| {
            if is_dependent {
                // See `index_after`.
                sweep(keys, from, count, &read, |at, read| at + 1 + read - VALUE_LEN.min(read))
            } else {
                sweep(keys, from, count, &read, |at, _| at + 1)
            }
        };
        self.contestants.push((name, Box::new(read_all)));
    }
}

fn sweep<K>(
    keys: &[K],
    from: usize,
    count: usize,
    read: &impl Fn(&K) -> usize,
    next: impl Fn(usize, usize) -> usize,
) -> usize {
    let (mut at, mut hits) = (from % keys.len().max(1), 0);
    for _ in 0..count {
        let Some(key) = keys.get(at) else { break };
        let read = read(black_box(key));
        hits += usize::from(read == VALUE_LEN);
        at = next(at, read);
        if at >= keys.len() {
            at = 0;
        }
    }
    hits
}

fn len(value: &Arc<Page>) -> usize {
    black_box(value).text.len()
}

/// Returns the contestants for keys of type `u64`.
#[must_use]
pub fn integer_keys(entries: usize) -> KeyTypeField<u64> {
    let mut field = KeyTypeField { key: |number| number as u64, contestants: Vec::new() };
    let pages = ours::<u64>("integer", entries, field.key);
    field.add(crate::outcome::OURS, move |key| pages.get(key).map_or(0, |value| len(&value)));
    if takes_part(QuickCache::NAME) {
        let cache = quick_cache(entries, field.key);
        field.add(QuickCache::NAME, move |key| cache.get(key).map_or(0, |value| len(&value)));
    }
    if takes_part(Moka::NAME) {
        let cache = moka(entries, field.key);
        field.add(Moka::NAME, move |key| cache.get(key).map_or(0, |value| len(&value)));
    }
    if takes_part(Cached::NAME) {
        let cache = cached::ShardedLruTtlCache::new(ROOM * entries, TTL);
        for number in 0..entries {
            cache.set((field.key)(number), Arc::new(Page::of(number)));
        }
        field.add(Cached::NAME, move |key| cache.get(key).map_or(0, |value| len(&value)));
    }
    field
}

/// Returns the contestants for keys of type `(String, String)`, which are looked up as `(&str, &str)`.
#[must_use]
pub fn pair_keys(entries: usize) -> KeyTypeField<(String, String)> {
    let key = |number| (format!("shop{:03}", number / 1_000), format!("product{:03}", number % 1_000));
    let mut field = KeyTypeField { key, contestants: Vec::new() };
    let pages = ours::<(String, String)>("pair", entries, key);
    field.add(crate::outcome::OURS, move |(shop, product)| {
        pages.get((shop.as_str(), product.as_str())).map_or(0, |value| len(&value))
    });
    if takes_part(QuickCache::NAME) {
        let cache = quick_cache(entries, key);
        field.add(QuickCache::NAME, move |(shop, product)| {
            cache.get(&Pair(shop, product)).map_or(0, |value| len(&value))
        });
    }
    if takes_part(Moka::NAME) {
        let cache = moka(entries, key);
        field.add(Moka::NAME, move |(shop, product)| {
            cache.get(&Pair(shop, product)).map_or(0, |value| len(&value))
        });
    }
    field
}

#[derive(Hash)]
struct Pair<'a>(&'a str, &'a str);

impl quick_cache::Equivalent<(String, String)> for Pair<'_> {
    fn equivalent(&self, key: &(String, String)) -> bool {
        self.0 == key.0 && self.1 == key.1
    }
}

/// Returns a keyspace with entries. The keyspace keeps its cache open.
fn ours<K: Key>(name: &'static str, entries: usize, key: impl Fn(usize) -> K) -> Keyspace<K, Page> {
    let capacity = ByteSize::bytes((ROOM * entries) as u64 * weight());
    let cache = Cache::builder().memory_capacity(capacity).open().expect("a cache in memory opens");
    let definition = KeyspaceDefinition::<K, Page>::new(name).ttl(TTL);
    let pages = cache.keyspace(definition).expect("the keyspace is not open yet");
    for number in 0..entries {
        pages.insert(&key(number), Page::of(number)).expect("a page can be stored");
    }
    pages
}

fn quick_cache<K: Hash + Eq + Clone>(
    entries: usize,
    key: impl Fn(usize) -> K,
) -> quick_cache::sync::Cache<K, Arc<Page>> {
    let cache = quick_cache::sync::Cache::new(ROOM * entries);
    for number in 0..entries {
        cache.insert(key(number), Arc::new(Page::of(number)));
    }
    cache
}

fn moka<K: Hash + Eq + Send + Sync + 'static>(
    entries: usize,
    key: impl Fn(usize) -> K,
) -> moka::sync::Cache<K, Arc<Page>> {
    let cache = moka::sync::Cache::builder().max_capacity((ROOM * entries) as u64).time_to_live(TTL).build();
    for number in 0..entries {
        cache.insert(key(number), Arc::new(Page::of(number)));
    }
    cache.run_pending_tasks();
    cache
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<K: Sync + 'static>(field: &KeyTypeField<K>) {
        let keys: Vec<K> = (0..1_500).map(field.key).collect();
        for (name, read) in &field.contestants {
            for is_dependent in [false, true] {
                assert_eq!(read(&keys, 0, 1_500, is_dependent), 1_000, "{name} {is_dependent}");
                assert_eq!(read(&keys, 500, 2_000, is_dependent), 1_500, "{name} begins again");
            }
        }
    }

    #[test]
    fn every_contestant_finds_its_integers_and_pairs() {
        check(&integer_keys(1_000));
        check(&pair_keys(1_000));
    }
}
