//! Tests of transactions. A transaction takes effect at one moment, for all threads and for a restart. A
//! watch detects every change.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::testing::Loss;
use larder::{Cache, Error, Keyspace};

use crate::expiry::Lookups;
use crate::explorer::contest;
use crate::place::{PAIRS, Place, TTL, let_others_go_on, versions};

pub(crate) fn transfer(cache: &Cache, versions: &Keyspace<u64, u64>, (from, to): (u64, u64), amount: u64) {
    let moved = cache.transaction(|tx| {
        let has = tx.get(versions, &from)?.map_or(0, |value| *value);
        let other = tx.get(versions, &to)?.map_or(0, |value| *value);
        let amount = amount.min(has);
        tx.insert(versions, &from, has - amount)?;
        tx.insert(versions, &to, other + amount)
    });
    moved.unwrap_or_else(|error: Error| panic!("{error}"));
}

/// Opens a keyspace with two accounts, which are on disk.
fn accounts(cache: &Cache) -> Keyspace<u64, u64> {
    let versions = versions(cache);
    versions.insert_many([(1, 10), (2, 10)]).unwrap();
    cache.flush().unwrap();
    versions
}

/// Two transactions change two keys in opposite order. A third thread reads the sum in a transaction.
pub(crate) fn a_transfer_keeps_the_sum() {
    let cache = Place::new().builder().shards(4).open().unwrap();
    let versions = accounts(&cache);
    let wrong = Mutex::new(Vec::new());
    contest([
        &|| transfer(&cache, &versions, (1, 2), 3),
        &|| {
            transfer(&cache, &versions, (2, 1), 5);
            cache.flush().unwrap();
        },
        &|| {
            let both = cache.transaction(|tx| tx.get_many(&versions, [2, 1])).unwrap();
            let sum: u64 = both.iter().flatten().map(|value| **value).sum();
            if sum != 20 {
                wrong.lock().unwrap().push(both);
            }
        },
    ]);
    let sum: u64 = versions.get_many([1, 2]).iter().flatten().map(|value| **value).sum();
    cache.close().unwrap();
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "the sum is wrong: {wrong:?}");
    assert_eq!(sum, 20, "the sum is wrong at the end");
}

/// A thread that has seen one new value of a transaction sees no older value of the other key.
pub(crate) fn no_thread_sees_half_of_a_transaction() {
    let cache = Place::new().builder().shards(4).open().unwrap();
    let versions = accounts(&cache);
    let half = Mutex::new(Vec::new());
    let read = |keys: [u64; 2]| {
        let found = keys.map(|key| versions.get(&key).map_or(0, |value| *value));
        // The first value is new, and the second value is old.
        if found[0] > found[1] {
            half.lock().unwrap().push((keys, found));
        }
    };
    contest([
        &|| {
            let stored = cache.transaction(|tx| {
                tx.insert(&versions, &1, 30)?;
                tx.insert(&versions, &2, 30)
            });
            stored.unwrap_or_else(|error: Error| panic!("{error}"));
            cache.flush().unwrap();
        },
        &|| read([1, 2]),
        &|| read([2, 1]),
    ]);
    cache.close().unwrap();
    let half = half.into_inner().unwrap();
    assert!(half.is_empty(), "seen half of a transaction: {half:?}");
}

/// Runs two transfers beside lookups of both accounts that do not wait. A lookup that has a result finds no
/// half of a transfer. The last lookup has a result, because no other thread changes the accounts during the
/// lookup.
fn no_group_lookup_sees_half_of_a_transfer(cache: &Cache) {
    let versions = accounts(cache);
    let wrong = Mutex::new(Vec::new());
    let read = |keys: [u64; 2]| {
        let _inline = cache.inline_calls();
        let found = versions.try_get_group(keys);
        let sum =
            |found: &Vec<_>| found.iter().flatten().map(|value: &std::sync::Arc<u64>| **value).sum::<u64>();
        if found.as_ref().is_some_and(|found| sum(found) != 20) {
            wrong.lock().unwrap().push(found);
        }
    };
    contest([
        &|| {
            transfer(cache, &versions, (1, 2), 3);
            cache.flush().unwrap();
        },
        &|| {
            read([2, 1]);
            read([1, 2]);
        },
        &|| transfer(cache, &versions, (2, 1), 5),
    ]);
    let_others_go_on();
    cache.flush().unwrap();
    let inline = cache.inline_calls();
    let last = versions.try_get_group([1, 2]);
    drop(inline);
    cache.close().unwrap();
    assert_eq!(last.map(|last| last.iter().flatten().map(|value| **value).sum::<u64>()), Some(20));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "the sum is wrong: {wrong:?}");
}

pub(crate) fn a_group_lookup_in_memory_sees_no_half_of_a_transfer() {
    let cache = Place::new().builder().shards(4).open().unwrap();
    no_group_lookup_sees_half_of_a_transfer(&cache);
}

/// Memory holds one of the two entries, so each lookup reads the disk.
pub(crate) fn a_group_lookup_on_disk_sees_no_half_of_a_transfer() {
    let cache = Place::new().open_tight();
    no_group_lookup_sees_half_of_a_transfer(&cache);
}

/// A watch of a missing key begins. Then the key is inserted and removed again.
pub(crate) fn a_watch_sees_what_came_and_went() {
    let cache = Place::new().open();
    let versions = accounts(&cache);
    let (has_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let missed = AtomicBool::new(false);
    contest([
        &|| {
            let watch = versions.watch(&3).unwrap();
            let is_early = !has_begun.load(Ordering::SeqCst);
            let made = cache.transaction(|tx| {
                let is_late = is_over.load(Ordering::SeqCst);
                tx.require(&watch)?;
                missed.fetch_or(is_early && is_late, Ordering::SeqCst);
                tx.insert(&versions, &1, 11)
            });
            assert!(matches!(made, Ok(()) | Err(Error::Changed)), "{made:?}");
        },
        &|| {
            has_begun.store(true, Ordering::SeqCst);
            versions.insert(&3, 30).unwrap();
            versions.remove(&3).unwrap();
            is_over.store(true, Ordering::SeqCst);
        },
    ]);
    cache.close().unwrap();
    assert!(!missed.into_inner(), "the key has changed since it was watched");
}

/// A watched entry is evicted from memory, is read back, and expires.
pub(crate) fn a_watch_and_an_eviction_agree() {
    let place = Place::new();
    let cache = place.open_tight();
    let versions = accounts(&cache);
    let made = Mutex::new(None);
    contest([
        &|| {
            let watch = versions.watch(&1).unwrap();
            let seen = versions.get(&1).map(|value| *value);
            let result = cache.transaction(|tx| {
                tx.require(&watch)?;
                let now = tx.get(&versions, &1)?.map(|value| *value);
                tx.insert(&versions, &2, 21)?;
                Ok::<_, Error>(now)
            });
            *made.lock().unwrap() = Some((seen, result));
        },
        &|| {
            versions.get(&2);
            versions.get(&1);
        },
        &|| {
            place.time.advance(TTL);
            versions.get(&1);
        },
    ]);
    cache.close().unwrap();
    let (seen, result) = made.into_inner().unwrap().unwrap();
    match result {
        Ok(now) => assert!(now == seen || seen.is_none(), "{seen:?} and then {now:?}"),
        Err(error) => assert!(matches!(error, Error::Changed), "{error}"),
    }
}

/// A transaction touches an entry while the entry expires. Once a lookup has missed the entry, it does not
/// come back.
pub(crate) fn a_transaction_of_what_has_expired_is_refused() {
    let place = Place::new();
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    place.time.advance(TTL.saturating_sub(Duration::from_secs(1)));
    let seen = Lookups::default();
    contest([
        &|| {
            place.time.advance(Duration::from_secs(1));
            seen.get(&versions);
            seen.get(&versions);
        },
        &|| {
            let kept = cache.transaction(|tx| {
                tx.touch_with(&versions, &1, TTL)?;
                tx.insert(&versions, &2, 20)
            });
            kept.unwrap_or_else(|error: Error| panic!("{error}"));
        },
    ]);
    seen.get(&versions);
    cache.close().unwrap();
    seen.check();
}

/// A transaction copies a value while a range that contains it is removed. The transaction never brings back
/// a removed value.
pub(crate) fn a_transaction_and_a_removal_by_prefix_agree() {
    let cache = Place::new().builder().shards(4).open().unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    pairs.insert(&(1, 1), 10).unwrap();
    pairs.insert(&(2, 1), 0).unwrap();
    cache.flush().unwrap();
    contest([
        &|| {
            let copied = cache.transaction(|tx| {
                let value = tx.get(&pairs, &(1, 1))?.map_or(0, |value| *value);
                tx.insert(&pairs, &(1, 2), value)?;
                tx.insert(&pairs, &(2, 1), value)
            });
            copied.unwrap_or_else(|error: Error| panic!("{error}"));
        },
        &|| {
            pairs.remove_prefix((1,)).unwrap();
        },
    ]);
    let found = [(1, 1), (1, 2), (2, 1)].map(|key| pairs.get(&key).map(|value| *value));
    cache.close().unwrap();
    // The transaction took effect completely before the removal, or completely after it.
    let is_whole = found == [None, None, Some(10)] || found == [None, Some(0), Some(0)];
    assert!(is_whole, "{found:?}");
}

/// Power is lost at any moment while a transaction with a removal is committed and one of its keys is
/// overwritten. A restart finds the whole transaction, or nothing of it.
pub(crate) fn a_transaction_is_committed_as_a_whole() {
    let (place, disk) = Place::on_a_disk();
    let cache = place.open();
    let versions = versions(&cache);
    versions.insert_many([(1, 1), (2, 1), (3, 1)]).unwrap();
    cache.flush().unwrap();
    let before = disk.changes();
    contest([
        &|| {
            let changed = cache.transaction(|tx| {
                tx.remove(&versions, &1)?;
                tx.insert(&versions, &2, 10)?;
                tx.insert(&versions, &3, 10)
            });
            changed.unwrap_or_else(|error: Error| panic!("{error}"));
            versions.insert(&1, 11).unwrap();
        },
        &|| {
            cache.flush().unwrap();
            cache.flush().unwrap();
        },
    ]);
    cache.close().unwrap();
    let mut last = None;
    for changes in before..=disk.changes() {
        let left = disk.after_power_loss(changes, Loss::Everything, 0);
        let content = left.read(place.path());
        if std::mem::replace(&mut last, content.clone()) == content {
            continue;
        }
        let cache = place.on(left).open();
        let versions = crate::place::versions(&cache);
        let found = [1, 2, 3].map(|key| versions.get(&key).map(|value| *value));
        cache.close().unwrap();
        let is_older = found == [Some(1); 3];
        let is_newer = matches!(found, [None | Some(11), Some(10), Some(10)]);
        assert!(is_older || is_newer, "a part of a transaction: {found:?}");
    }
}

/// A transaction has the maximum number of removals for one commit, and another thread makes one more
/// removal.
pub(crate) fn a_transaction_with_many_removals_is_committed_as_a_whole() {
    const REMOVED: std::ops::Range<u64> = 1..16;
    let (place, disk) = Place::on_a_disk();
    let cache = place.open();
    let versions = versions(&cache);
    versions.insert_many(REMOVED.map(|key| (key, 1))).unwrap();
    versions.insert_many([(20, 1), (30, 1)]).unwrap();
    cache.flush().unwrap();
    let before = disk.changes();
    contest([
        &|| {
            let changed = cache.transaction(|tx| {
                for key in REMOVED {
                    tx.remove(&versions, &key)?;
                }
                tx.insert(&versions, &20, 10)
            });
            changed.unwrap_or_else(|error: Error| panic!("{error}"));
        },
        &|| _ = versions.remove(&30).unwrap(),
    ]);
    cache.close().unwrap();
    let mut last = None;
    for changes in before..=disk.changes() {
        let left = disk.after_power_loss(changes, Loss::Everything, 0);
        let content = left.read(place.path());
        if std::mem::replace(&mut last, content.clone()) == content {
            continue;
        }
        let cache = place.on(left).open();
        let versions = crate::place::versions(&cache);
        let there = REMOVED.filter(|key| versions.contains_key(key)).count();
        let stored = versions.get(&20).map(|value| *value);
        cache.close().unwrap();
        let is_whole = (there, stored) == (0, Some(10)) || (there, stored) == (15, Some(1));
        assert!(is_whole, "a part of a transaction: {there} are there, and {stored:?}");
    }
}

/// Transactions over the same keys fail some rounds, and then take exclusive turns. All of them end.
pub(crate) fn transactions_that_take_turns_end() {
    let cache = Place::new().open();
    let versions = versions(&cache);
    let add = |keys: [u64; 2]| {
        for _ in 0..2 {
            let added = cache.transaction(|tx| {
                for key in keys {
                    let value = tx.get(&versions, &key)?.map_or(0, |value| *value);
                    shuttle::thread::yield_now();
                    tx.insert(&versions, &key, value + 1)?;
                }
                Ok(())
            });
            added.unwrap_or_else(|error: Error| panic!("{error}"));
        }
    };
    contest([&|| add([1, 2]), &|| add([2, 1]), &|| {
        versions.increment(&1, 1).unwrap();
        versions.modify(&2, |old, _| larder::Change::insert(old.copied().unwrap_or(0) + 1)).unwrap();
    }]);
    let found = [1, 2].map(|key| versions.get(&key).map(|value| *value));
    cache.close().unwrap();
    assert_eq!(found, [Some(5); 2]);
}
