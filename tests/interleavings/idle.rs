//! Tests of uses that extend the life of an entry while it expires, is evicted, or is removed (contract 2).
//! Once a lookup has found an entry expired, only a write brings the key back.

use std::time::Duration;

use crate::expiry::Lookups;
use crate::explorer::contest;
use crate::place::{IDLE, IDLING, Place};

/// Time from the write of an entry to its expiry, if it is not used.
const LIFE: Duration = Duration::from_millis(IDLE.as_secs() * 1_125);
/// Just before the expiry of every entry that was inserted at the start.
const EVE: Duration = LIFE.saturating_sub(Duration::from_millis(1));

/// An entry in memory is used while it expires.
pub(crate) fn a_use_brings_back_nothing_that_was_seen_expired() {
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IDLING).unwrap();
    entries.insert(&1, 10).unwrap();
    place.time.advance(EVE);
    let seen = Lookups::default();
    contest([
        &|| {
            place.time.advance(Duration::from_millis(2));
            seen.get(&entries);
            seen.get(&entries);
        },
        &|| _ = entries.get(&1),
    ]);
    seen.get(&entries);
    cache.close().unwrap();
    seen.check();
}

/// An entry that is on disk only is used while it expires, and while another entry evicts it from memory.
/// Meanwhile the stamp of the use is committed.
pub(crate) fn a_use_on_disk_brings_back_nothing_that_was_seen_expired() {
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IDLING).unwrap();
    entries.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    entries.insert(&2, 20).unwrap();
    cache.flush().unwrap();
    let seen = Lookups::default();
    contest([
        &|| {
            place.time.advance(Duration::from_millis(2));
            seen.get(&entries);
            seen.get(&entries);
            seen.get(&entries);
        },
        &|| {
            _ = entries.get(&1);
            _ = entries.get(&2);
        },
        &|| {
            cache.flush().unwrap();
            _ = entries.get(&2);
            cache.sweep().unwrap();
        },
    ]);
    seen.get(&entries);
    cache.close().unwrap();
    seen.check();
}

/// The stamp of an evicted entry is committed while the earlier expiry of the entry passes.
pub(crate) fn a_commit_of_uses_brings_back_nothing_that_was_seen_expired() {
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IDLING).unwrap();
    entries.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    entries.insert(&2, 20).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    // The promotion of key 2 evicts key 1.
    let used = entries.get(&1).is_some() && entries.get(&2).is_some();
    let seen = Lookups::default();
    contest([
        &|| {
            place.time.advance(Duration::from_millis(2));
            // A lookup that promotes the entry would hide what the commit does, so these lookups only peek.
            for _ in 0..6 {
                seen.peek(&entries);
            }
        },
        &|| cache.flush().unwrap(),
    ]);
    seen.peek(&entries);
    cache.close().unwrap();
    assert!(used);
    seen.check();
}

/// An entry in both tiers is used while it is removed and another value is inserted.
pub(crate) fn a_use_beside_a_removal_brings_nothing_back() {
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IDLING).unwrap();
    entries.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    let outcome = std::sync::Mutex::new(Vec::new());
    contest([
        &|| {
            entries.remove(&1).unwrap();
            outcome.lock().unwrap().push(entries.get(&1).map(|value| *value));
            entries.insert(&1, 11).unwrap();
            outcome.lock().unwrap().push(entries.get(&1).map(|value| *value));
        },
        &|| {
            _ = entries.get(&1);
            _ = entries.get(&1);
        },
        &|| {
            cache.flush().unwrap();
            entries.insert(&2, 20).unwrap();
        },
    ]);
    let (last, left) = (entries.get(&1).map(|value| *value), entries.ttl(&1));
    cache.close().unwrap();
    assert_eq!(*outcome.lock().unwrap(), [None, Some(11)]);
    assert_eq!((last, left), (Some(11), Some(LIFE.into())), "the stamp belongs to the removed entry");
    assert_eq!(place.committed_in(IDLING, 1), Some(11));
}

/// Two callers use an entry that is on disk only. Between the two uses, another entry evicts it from memory,
/// and the stamp of the first use is committed. The second use may have read the record before that commit.
pub(crate) fn a_second_use_on_disk_takes_nothing_from_the_first() {
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IDLING).unwrap();
    entries.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    entries.insert(&2, 20).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    let seen = std::sync::Mutex::new(Vec::new());
    let look = || seen.lock().unwrap().push(entries.peek(&1).map(|value| *value));
    contest([&|| _ = entries.get(&1), &|| {
        _ = entries.get(&1);
        _ = entries.get(&2);
        cache.flush().unwrap();
        place.time.advance(Duration::from_millis(2));
        look();
    }]);
    look();
    cache.close().unwrap();
    assert_eq!(*seen.lock().unwrap(), [Some(10), Some(10)], "it was used before its first expiry");
}

/// An entry in both tiers is used while another entry evicts it from memory.
pub(crate) fn a_use_beside_an_eviction_counts() {
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IDLING).unwrap();
    entries.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    let used = std::sync::Mutex::new(None);
    contest([&|| *used.lock().unwrap() = entries.get(&1).map(|value| *value), &|| {
        entries.insert(&2, 20).unwrap();
        cache.flush().unwrap();
    }]);
    place.time.advance(Duration::from_millis(2));
    let left = entries.peek(&1).map(|value| *value);
    cache.close().unwrap();
    assert_eq!((*used.lock().unwrap(), left), (Some(10), Some(10)), "it was used before its first expiry");
}
