//! Tests of entries that change while they expire, are swept or are evicted (contract 2). The sweeper deletes
//! only expired entries. Once a lookup has missed an entry, the entry does not come back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::{Keyspace, KeyspaceDefinition};

use crate::explorer::contest;
use crate::place::{Place, TTL, versions};

/// Just before the expiry of every entry that was inserted at the start.
const EVE: Duration = TTL.saturating_sub(Duration::from_millis(1));

/// An entry expires in both tiers while one thread sweeps and another thread writes a new value.
pub(crate) fn a_sweep_spares_what_was_written_anew() {
    let place = Place::new();
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    let seen = Mutex::new(Vec::new());
    contest([
        &|| {
            place.time.advance(Duration::from_secs(1));
            cache.sweep().unwrap();
        },
        &|| {
            versions.insert(&2, 20).unwrap();
            cache.flush().unwrap();
        },
        &|| {
            versions.insert(&1, 11).unwrap();
            for _ in 0..2 {
                let value = versions.get(&1).map(|value| *value);
                seen.lock().unwrap().push(value);
            }
        },
    ]);
    let last = versions.get(&1).map(|value| *value);
    cache.close().unwrap();
    assert_eq!(*seen.lock().unwrap(), [Some(11), Some(11)]);
    assert_eq!(last, Some(11));
    assert_eq!(place.committed(1), Some(11), "the sweep deleted what was written anew");
}

/// An entry is touched while it expires and is swept. If the touch was in time, the entry is live in both
/// tiers, and otherwise it is gone.
pub(crate) fn a_touch_and_an_expiry_agree() {
    let place = Place::new();
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    place.time.advance(EVE);
    let has_expired = AtomicBool::new(false);
    let outcome = Mutex::new(None);
    contest([
        &|| {
            place.time.advance(Duration::from_secs(1));
            has_expired.store(true, Ordering::SeqCst);
            cache.sweep().unwrap();
            cache.sweep().unwrap();
        },
        // This insert evicts the first entry from memory.
        &|| versions.insert(&2, 20).unwrap(),
        &|| {
            let was_late = has_expired.load(Ordering::SeqCst);
            let touched = versions.touch(&1).unwrap();
            let value = versions.get(&1).map(|value| *value);
            *outcome.lock().unwrap() = Some((was_late, touched, value));
        },
    ]);
    let (was_late, touched, seen) = outcome.into_inner().unwrap().unwrap();
    let last = versions.get(&1).map(|value| *value);
    cache.close().unwrap();
    let alive = touched.then_some(10);
    assert!(!(was_late && touched), "an expired entry was given a new life");
    assert!(!touched || seen == alive, "touched in time, and not found: {seen:?}");
    assert_eq!((last, place.committed(1)), (alive, alive), "touched: {touched}");
}

/// The results of lookups of key 1. Once a lookup has missed, no later lookup may find the key.
#[derive(Default)]
pub(crate) struct Lookups(Mutex<Vec<Option<u64>>>);

impl Lookups {
    pub(crate) fn get(&self, keyspace: &Keyspace<u64, u64>) {
        let value = keyspace.get(&1).map(|value| *value);
        self.0.lock().unwrap().push(value);
    }

    pub(crate) fn peek(&self, keyspace: &Keyspace<u64, u64>) {
        let value = keyspace.peek(&1).map(|value| *value);
        self.0.lock().unwrap().push(value);
    }

    pub(crate) fn check(&self) {
        let seen = self.0.lock().unwrap();
        let first_miss = seen.iter().position(Option::is_none).unwrap_or(seen.len());
        assert!(seen.iter().skip(first_miss).all(Option::is_none), "it came back: {seen:?}");
    }
}

pub(crate) fn a_touch_brings_back_nothing_that_was_seen_expired() {
    let place = Place::new();
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    place.time.advance(EVE);
    let seen = Lookups::default();
    contest([
        &|| {
            place.time.advance(Duration::from_secs(1));
            seen.get(&versions);
            seen.get(&versions);
        },
        &|| _ = versions.touch(&1).unwrap(),
    ]);
    seen.get(&versions);
    cache.close().unwrap();
    seen.check();
}

/// An entry that is only in memory is touched while another entry evicts it.
pub(crate) fn a_touch_brings_back_nothing_that_was_seen_evicted() {
    const IN_MEMORY: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("in memory").memory_only();
    let place = Place::new();
    let cache = place.open_tight();
    let entries = cache.keyspace(IN_MEMORY).unwrap();
    entries.insert(&1, 10).unwrap();
    let seen = Lookups::default();
    contest([
        &|| {
            entries.insert(&2, 20).unwrap();
            seen.get(&entries);
            seen.get(&entries);
        },
        &|| _ = entries.touch(&1).unwrap(),
    ]);
    seen.get(&entries);
    cache.close().unwrap();
    seen.check();
}

/// One thread calls `expire` while others touch and remove the entry. Exactly one of `expire` and `remove`
/// ends the entry, and no touch brings it back.
fn contest_with_an_expire(place: &Place, is_on_disk: bool) {
    let cache = if is_on_disk { place.open_tight() } else { place.open() };
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    if is_on_disk {
        // This insert evicts the entry from memory.
        versions.insert(&2, 20).unwrap();
        cache.flush().unwrap();
    }
    let (seen, ends) = (Lookups::default(), Mutex::new(Vec::new()));
    contest([
        &|| {
            let has_ended = versions.expire(&1).unwrap();
            ends.lock().unwrap().push(has_ended);
            seen.get(&versions);
            seen.get(&versions);
        },
        &|| {
            versions.touch(&1).unwrap();
            cache.flush().unwrap();
        },
        &|| {
            let has_ended = versions.remove(&1).unwrap();
            ends.lock().unwrap().push(has_ended);
        },
    ]);
    seen.get(&versions);
    cache.close().unwrap();
    let seen = seen.0.into_inner().unwrap();
    assert!(seen.iter().all(Option::is_none), "it came back: {seen:?}");
    let ends = ends.into_inner().unwrap();
    assert_eq!(ends.iter().filter(|has_ended| **has_ended).count(), 1, "not one call has ended it: {ends:?}");
    assert_eq!(place.committed(1), None);
}

pub(crate) fn nothing_that_was_expired_is_live_again() {
    contest_with_an_expire(&Place::new(), false);
}

/// Runs the contest with an entry that is on disk only.
pub(crate) fn nothing_on_disk_that_was_expired_is_live_again() {
    contest_with_an_expire(&Place::new(), true);
}
