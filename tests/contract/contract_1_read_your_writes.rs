//! Contract 1: after a write returns, every thread sees its effect, in both tiers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder::{ByteSize, Cache};

use crate::support::{NAMES, Place, VERSIONS};

#[test]
fn contract_1_a_write_is_seen_at_once_and_after_eviction() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).shards(1).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..2_000 {
        let key = format!("{number}");
        names.insert(&key, key.repeat(20)).unwrap();
        assert_eq!(*names.get(&key).unwrap(), key.repeat(20));
    }
    cache.flush().unwrap();
    for number in 0..2_000 {
        let key = format!("{number}");
        assert_eq!(names.get(&key).as_deref(), Some(&key.repeat(20)), "{key}");
    }
    let stats = cache.stats();
    assert!(stats.disk.unwrap().hits > 1_000, "most of them had to come from disk");
    assert!(names.remove("7").unwrap());
    assert!(names.get("7").is_none() && !names.contains_key("7"));
    assert_eq!(cache.clear().unwrap(), 1_999);
    assert!(names.get("8").is_none() && names.is_empty());
}

/// Each key has one writer, and its versions only increase. A reader must never see a version older than the
/// last acknowledged version, or older than a version that it has already seen. After a removal, a lookup may
/// miss until the next write.
#[test]
fn contract_1_no_reader_goes_back_in_time() {
    const KEYS: u64 = 24;
    let place = Place::new();
    // Memory has room for a few entries, and the cache commits all the time. So evictions, promotions and
    // completed commits race with every lookup.
    let cache = Cache::builder()
        .path(place.path())
        .memory_capacity(ByteSize::kib(64))
        .flush_interval(Duration::from_millis(1))
        .shards(2)
        .weigher(|_| 8 << 10)
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let acknowledged: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let removed: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..2 {
            let (versions, acknowledged, removed) = (&versions, &acknowledged, &removed);
            scope.spawn(move || {
                for version in 1..4_000_u64 {
                    let key = (version * 2 + writer) % KEYS;
                    versions.insert(&key, version).unwrap();
                    acknowledged[usize::try_from(key).unwrap()].store(version, Ordering::SeqCst);
                    if version % 97 == 0 {
                        versions.remove(&key).unwrap();
                        removed[usize::try_from(key).unwrap()].store(version, Ordering::SeqCst);
                    }
                }
            });
        }
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = vec![0; usize::try_from(KEYS).unwrap()];
                    while !done.load(Ordering::SeqCst) {
                        for key in 0..KEYS {
                            let at = usize::try_from(key).unwrap();
                            let gone = removed[at].load(Ordering::SeqCst);
                            let least = acknowledged[at].load(Ordering::SeqCst).max(seen[at]);
                            match versions.get(&key) {
                                Some(version) => {
                                    assert!(*version >= least, "key {key}: saw {version} after {least}");
                                    assert!(*version > gone, "key {key}: saw {version}, removed at {gone}");
                                    seen[at] = *version;
                                }
                                // A miss is correct if no version was acknowledged, if version `least` was
                                // removed or is being removed, or if a later version was written. The later
                                // version may have been removed too.
                                None => assert!(
                                    least == 0
                                        || removed[at].load(Ordering::SeqCst) >= least
                                        || least % 97 == 0
                                        || acknowledged[at].load(Ordering::SeqCst) > least,
                                    "key {key}: lost version {least}"
                                ),
                            }
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while acknowledged.iter().any(|version| version.load(Ordering::SeqCst) < 3_950) {
                thread::yield_now();
            }
            done.store(true, Ordering::SeqCst);
        });
        for reader in readers {
            reader.join().unwrap();
        }
    });
    let stats = cache.stats();
    assert!(stats.promotions > 0 && stats.memory.evictions > 0, "the race did not happen:\n{stats}");
}
