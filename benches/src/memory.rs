//! The contestants of the memory benches behind one trait: larder without a file, and its peers.
//!
//! All contestants hold the same values behind an [`Arc`], and get the same keys as `&str`. The peers own
//! their keys as `String`, so an insert allocates a `String`. Loops over requests are compiled separately for
//! each contestant, and only a call for a whole batch uses the trait object.

mod key_types;
mod keys;
mod ours;
mod peers;

pub use key_types::{KeyTypeField, integer_keys, pair_keys};
pub use keys::{KeyText, Keys};
pub use ours::LarderInMemory;
pub use peers::{Cached, FoyerLru, FoyerS3Fifo, Moka, MokaAhash, QuickCache};

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use crate::workload::{Page, VALUE_LEN};

/// TTL of the entries, in each cache that supports TTLs. Nothing expires during a measurement, but these
/// caches must check the expiry.
pub const TTL: Duration = Duration::from_hours(24);

/// Names of the peers that support a TTL.
pub const WITH_TTL: [&str; 3] = [Moka::NAME, MokaAhash::NAME, Cached::NAME];

/// Names of all peers.
pub const PEERS: [&str; 6] =
    [QuickCache::NAME, Moka::NAME, MokaAhash::NAME, Cached::NAME, FoyerLru::NAME, FoyerS3Fifo::NAME];

/// A cache in memory.
pub trait MemoryCache: Sync {
    /// Name of the cache in a contest.
    const NAME: &'static str;

    /// Returns a cache with room for `entries` keys and values of the benches.
    fn with_room(entries: usize) -> Self;

    /// Looks up a key. Returns the length of the value's text, or 0 for a miss.
    fn read(&self, key: &str) -> usize;

    /// Looks up a key, and returns whether its value was found.
    fn hit(&self, key: &str) -> bool {
        self.read(key) == VALUE_LEN
    }

    /// Stores a value.
    fn insert(&self, key: &str, value: Arc<Page>);

    /// Returns whether a key has an entry. The call does not count as a use of the entry.
    fn contains(&self, key: &str) -> bool;

    /// Finishes the work that the cache has deferred.
    fn settle(&self) {}
}

/// A [`MemoryCache`] as a trait object, with calls for whole batches.
pub trait Contender: Sync {
    /// Returns the name of the cache in a contest.
    fn name(&self) -> &'static str;

    /// Looks up the next `count` keys from index `from` on. Returns the number of hits.
    fn hits(&self, keys: &Keys, from: usize, count: usize) -> usize;

    /// Like [`hits`](Contender::hits), but the position of each key depends on the value that the previous
    /// lookup has found. So no two lookups overlap.
    fn dependent_hits(&self, keys: &Keys, from: usize, count: usize) -> usize;

    /// Inserts a value for each of the next `count` keys.
    fn inserts(&self, keys: &Keys, from: usize, count: usize, values: &[Arc<Page>]);

    /// Makes `count` requests. Every twentieth request inserts a value, and the others look up a key. Returns
    /// the number of lookups that hit.
    fn mixed(&self, keys: &Keys, from: usize, count: usize, values: &[Arc<Page>]) -> usize;

    /// Like [`mixed`](Contender::mixed), but the position of each key depends on the result of the previous
    /// lookup.
    fn dependent_mixed(&self, keys: &Keys, from: usize, count: usize, values: &[Arc<Page>]) -> usize;

    /// Returns how many of the next `count` keys have an entry.
    fn resident(&self, keys: &Keys, from: usize, count: usize) -> usize;

    /// Finishes the work that the cache has deferred.
    fn settle(&self);
}

/// Number of requests per insert.
pub const ONE_INSERT_IN: usize = 20;

impl<C: MemoryCache> Contender for C {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn hits(&self, keys: &Keys, from: usize, count: usize) -> usize {
        keys.range(from, count).filter(|key| self.hit(black_box(key))).count()
    }

    fn dependent_hits(&self, keys: &Keys, from: usize, count: usize) -> usize {
        let (mut at, mut hits) = (from % keys.len(), 0);
        for _ in 0..count {
            let Some(key) = keys.at(at) else { break };
            let read = self.read(black_box(key));
            hits += usize::from(read == VALUE_LEN);
            at = index_after(at, read, keys.len());
        }
        hits
    }

    fn inserts(&self, keys: &Keys, from: usize, count: usize, values: &[Arc<Page>]) {
        let values = values.iter().cycle().skip(from % values.len().max(1));
        for (key, value) in keys.range(from, count).zip(values) {
            self.insert(black_box(key), value.clone());
        }
    }

    fn mixed(&self, keys: &Keys, from: usize, count: usize, values: &[Arc<Page>]) -> usize {
        let mut values = values.iter().cycle().skip(from % values.len().max(1));
        let mut hits = 0;
        let mut until_insert = ONE_INSERT_IN;
        for key in keys.range(from, count) {
            until_insert -= 1;
            if until_insert > 0 {
                hits += usize::from(self.hit(black_box(key)));
            } else if let Some(value) = values.next() {
                until_insert = ONE_INSERT_IN;
                self.insert(black_box(key), value.clone());
            }
        }
        hits
    }

    fn dependent_mixed(&self, keys: &Keys, from: usize, count: usize, values: &[Arc<Page>]) -> usize {
        let mut values = values.iter().cycle().skip(from % values.len().max(1));
        let (mut at, mut hits, mut until_insert) = (from % keys.len(), 0, ONE_INSERT_IN);
        for _ in 0..count {
            let Some(key) = keys.at(at) else { break };
            let mut read = 0;
            until_insert -= 1;
            if until_insert > 0 {
                read = self.read(black_box(key));
                hits += usize::from(read == VALUE_LEN);
            } else if let Some(value) = values.next() {
                until_insert = ONE_INSERT_IN;
                self.insert(black_box(key), value.clone());
            }
            at = index_after(at, read, keys.len());
        }
        hits
    }

    fn resident(&self, keys: &Keys, from: usize, count: usize) -> usize {
        keys.range(from, count).filter(|key| self.contains(key)).count()
    }

    fn settle(&self) {
        MemoryCache::settle(self);
    }
}

/// Returns the index after `at`. The first index follows the last one. `read` is the length of a value's
/// text, or 0.
///
/// The sum depends on the value, so the processor can't compute the index before the lookup has ended.
#[must_use]
pub fn index_after(at: usize, read: usize, len: usize) -> usize {
    let next = at + 1 + read - VALUE_LEN.min(read);
    if next >= len { 0 } else { next }
}

/// Returns all contestants, each empty and with room for `entries`. `LARDER_BENCH_PEERS` can name the peers
/// that take part, separated by semicolons. larder always takes part.
#[must_use]
pub fn contenders(entries: usize) -> Vec<Box<dyn Contender>> {
    let names = [LarderInMemory::NAME].into_iter().chain(PEERS.into_iter().filter(|peer| takes_part(peer)));
    names.filter_map(|name| contender(name, entries)).collect()
}

/// Returns whether a peer takes part: `LARDER_BENCH_PEERS` names it, or is not set.
#[must_use]
pub fn takes_part(peer: &str) -> bool {
    std::env::var("LARDER_BENCH_PEERS").map_or(true, |peers| peers.split(';').any(|name| name == peer))
}

/// Returns the contestant with this name, or `None` if there is none.
#[must_use]
pub fn contender(name: &str, entries: usize) -> Option<Box<dyn Contender>> {
    Some(match name {
        LarderInMemory::NAME => Box::new(LarderInMemory::with_room(entries)),
        QuickCache::NAME => Box::new(QuickCache::with_room(entries)),
        Moka::NAME => Box::new(Moka::with_room(entries)),
        MokaAhash::NAME => Box::new(MokaAhash::with_room(entries)),
        Cached::NAME => Box::new(Cached::with_room(entries)),
        FoyerLru::NAME => Box::new(FoyerLru::with_room(entries)),
        FoyerS3Fifo::NAME => Box::new(FoyerS3Fifo::with_room(entries)),
        _ => return None,
    })
}

/// Returns `count` values, each behind its own `Arc`.
#[must_use]
pub fn values(count: usize) -> Vec<Arc<Page>> {
    (0..count).map(|number| Arc::new(Page::of(number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_keeps_what_it_has_room_for() {
        let (keys, values) = (Keys::in_order(2_000), values(100));
        let contenders = contenders(10_000);
        let names: Vec<&str> = contenders.iter().map(|contender| contender.name()).collect();
        assert_eq!(names, [[LarderInMemory::NAME].as_slice(), &PEERS].concat());
        for contender in contenders {
            contender.inserts(&keys, 0, 1_000, &values);
            contender.settle();
            assert_eq!(contender.hits(&keys, 0, 1_000), 1_000, "{}", contender.name());
            assert_eq!(contender.dependent_hits(&keys, 500, 1_000), 500, "{}", contender.name());
            assert_eq!(contender.resident(&keys, 500, 1_000), 500, "{}", contender.name());
            assert_eq!(contender.mixed(&keys, 0, 1_000, &values), 950, "{}", contender.name());
            assert_eq!(contender.dependent_mixed(&keys, 0, 1_000, &values), 950, "{}", contender.name());
        }
    }

    #[test]
    fn every_contender_evicts_when_it_is_full() {
        let (keys, values) = (Keys::in_order(8_000), values(100));
        for name in [LarderInMemory::NAME].iter().chain(&PEERS) {
            let contender = contender(name, 2_000).unwrap();
            contender.inserts(&keys, 0, 8_000, &values);
            contender.settle();
            let resident = contender.resident(&keys, 0, 8_000);
            assert!((1_500..=2_100).contains(&resident), "{name} holds {resident}");
        }
    }
}
