//! A user's `Drop` may panic, wherever the cache drops a value. No call of the cache panics with it, and none
//! loses its result: a removal that is not durable says so, and a transaction runs its next round.

mod loads;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::testing::{DiskOperation, Failure};
use larder::{
    ByteSize, Cache, Change, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition, ModifyError,
    Timestamp, Ttl,
};
use serde::{Deserialize, Serialize};
use smol::block_on;
use smol::stream::StreamExt as _;

use crate::support::HOUR;
use crate::support::simulated::SimulatedPlace;

/// A value whose `Drop` panics while `armed` is set, even during another panic.
#[derive(Serialize, Deserialize)]
struct PanicsOnDrop {
    filler: Vec<u8>,
    #[serde(skip, default = "decoded")]
    armed: Option<Arc<Armed>>,
}

#[derive(Default)]
struct Armed {
    is_set: AtomicBool,
    panics: AtomicU64,
}

thread_local! {
    /// What arms the next value that this thread decodes.
    static ARMS_DECODED: RefCell<Option<Arc<Armed>>> = RefCell::default();
    /// Runs when this thread next decodes a value.
    static WHILE_DECODING: RefCell<Option<Box<dyn FnOnce()>>> = RefCell::default();
}

fn decoded() -> Option<Arc<Armed>> {
    if let Some(run) = WHILE_DECODING.take() {
        run();
    }
    ARMS_DECODED.take()
}

const PANICKING: KeyspaceDefinition<u64, PanicsOnDrop> = KeyspaceDefinition::new("grenade").ttl(HOUR);

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        let Some(armed) = self.armed.as_ref().filter(|armed| armed.is_set.load(Ordering::SeqCst)) else {
            return;
        };
        armed.panics.fetch_add(1, Ordering::SeqCst);
        panic!("planted");
    }
}

impl PanicsOnDrop {
    const SAFE: Self = Self { filler: Vec::new(), armed: None };

    fn new(armed: &Arc<Armed>) -> Self {
        Self { filler: vec![0; 1_000], armed: Some(armed.clone()) }
    }
}

/// Returns a cache with 30 values on disk and in memory, whose `Drop` panics while the returned flag is set.
fn filled(place: &SimulatedPlace) -> (Cache, Keyspace<u64, PanicsOnDrop>, Arc<Armed>) {
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).shards(8).open().unwrap();
    let panicking = cache.keyspace(PANICKING).unwrap();
    let armed = Arc::<Armed>::default();
    for key in 0..30 {
        panicking.insert(&key, PanicsOnDrop::new(&armed)).unwrap();
    }
    cache.flush().unwrap();
    (cache, panicking, armed)
}

#[test]
fn drops_that_panic_reach_no_caller_and_leave_the_cache_usable() {
    type LetsGo = fn(&SimulatedPlace, &Cache, &Keyspace<u64, PanicsOnDrop>);
    let ways: [(&str, LetsGo); 5] = [
        ("cleared", |_, _, panicking| assert_eq!(panicking.clear().unwrap(), 30)),
        ("expired", |place, cache, _| {
            place.clock.advance(2 * HOUR);
            assert!(cache.sweep().unwrap().memory > 0);
        }),
        ("replaced", |_, _, panicking| {
            panicking.insert_many((0..30).map(|key| (key, PanicsOnDrop::SAFE))).unwrap();
        }),
        ("evicted by the writer", |_, cache, panicking| {
            for key in 0..200 {
                panicking.insert(&key, PanicsOnDrop { filler: vec![0; 1_000], armed: None }).unwrap();
            }
            cache.flush().unwrap();
        }),
        ("closed", |_, cache, _| cache.close().unwrap()),
    ];
    for (what, lets_go) in ways {
        let place = SimulatedPlace::new();
        let (cache, panicking, armed) = filled(&place);
        armed.is_set.store(true, Ordering::SeqCst);
        lets_go(&place, &cache, &panicking);
        armed.is_set.store(false, Ordering::SeqCst);
        if what == "closed" {
            assert_eq!(armed.panics.load(Ordering::SeqCst), 30, "each value is dropped");
            assert_eq!(place.open().keyspace(PANICKING).unwrap().count(), 30);
            continue;
        }
        for key in 300..350 {
            drop(panicking.get_or_load(&key, || Ok::<_, ()>(PanicsOnDrop::SAFE)));
            assert!(panicking.contains_key(&key), "{what}: a load of key {key} is cached");
        }
        drop((panicking, cache.close()));
        assert!(place.open().keyspace(PANICKING).unwrap().count() >= 50, "{what}");
    }
}

/// Checks that each kind of change reports that it is not durable, although the value that it takes from
/// memory panics when it is dropped.
#[test]
fn drops_that_panic_hide_no_error() {
    type Changes = fn(&Cache, &Keyspace<u64, PanicsOnDrop>) -> Result<(), Error>;
    let ways: [(&str, Changes); 7] = [
        ("remove", |_, panicking| panicking.remove(&1).map(drop)),
        ("clear", |_, panicking| panicking.clear().map(drop)),
        ("invalidation", |cache, panicking| {
            let mut invalidation = cache.invalidation();
            invalidation.remove(panicking, &1)?;
            invalidation.commit().map(drop)
        }),
        ("take", |_, panicking| panicking.take(&1).map(drop).map_err(Error::from)),
        ("modify", |_, panicking| {
            panicking.modify(&1, |_, _| Change::Remove).map(drop).map_err(|error| {
                let ModifyError { error, applied, .. } = error;
                // This test owns the last handle of the removed value.
                std::mem::forget(applied);
                error
            })
        }),
        ("insert", |_, panicking| {
            let durable = InsertOptions::new().durability(Durability::Immediate);
            panicking.insert_with(&1, PanicsOnDrop::SAFE, durable)
        }),
        ("transaction", |cache, panicking| {
            cache.transaction(|tx| {
                tx.insert(panicking, &2, PanicsOnDrop::SAFE)?;
                tx.remove(panicking, &1).map(drop)
            })
        }),
    ];
    for (what, change) in ways {
        let place = SimulatedPlace::new();
        let (cache, panicking, armed) = filled(&place);
        assert!(panicking.get(&1).is_some(), "{what}: it is in memory");
        place.disk.fail_every(&DiskOperation::CHANGES, Failure::Full);
        armed.is_set.store(true, Ordering::SeqCst);
        let changed = change(&cache, &panicking);
        armed.is_set.store(false, Ordering::SeqCst);
        assert!(matches!(changed, Err(Error::NotDurable { .. })), "{what}: {changed:?}");
        place.disk.heal();
    }
}

/// Checks a value that another call removes during the round of a transaction. The transaction then owns its
/// last handle, and the round is lost.
#[test]
fn a_drop_that_panics_after_a_lost_round_does_not_end_the_transaction() {
    let cache = Cache::builder().open().unwrap();
    let panicking = cache.keyspace(PANICKING).unwrap();
    let armed = Arc::<Armed>::default();
    panicking.insert(&1, PanicsOnDrop::new(&armed)).unwrap();
    let mut rounds = 0;
    armed.is_set.store(true, Ordering::SeqCst);
    let was_there = cache.transaction(|tx| {
        rounds += 1;
        let was_there = tx.contains_key(&panicking, &1)?;
        if rounds == 1 {
            std::thread::scope(|scope| scope.spawn(|| panicking.remove(&1).map(drop)).join().unwrap())?;
        }
        tx.insert(&panicking, &2, PanicsOnDrop::SAFE)?;
        Ok::<_, Error>(was_there)
    });
    armed.is_set.store(false, Ordering::SeqCst);
    assert_eq!((was_there.unwrap(), rounds, armed.panics.load(Ordering::SeqCst)), (false, 2, 1));
    assert!(panicking.contains_key(&2));
}

/// Runs a call on another thread.
fn elsewhere<R: Send>(call: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(call).join().unwrap())
}

/// Checks calls that read a value from disk, and neither return it nor copy it into memory. Such a call has
/// the only handle of the value.
#[test]
fn the_only_handle_of_a_value_that_a_call_has_read_from_disk_may_panic() {
    type Call = fn(&SimulatedPlace, &Cache, &Keyspace<u64, PanicsOnDrop>) -> Result<bool, Error>;
    let calls: [(&str, bool, Call); 7] = [
        ("an insert that keeps the TTL", true, |_, _, panicking| {
            panicking.insert_with(&1, PanicsOnDrop::SAFE, InsertOptions::new().ttl(Ttl::Keep))?;
            Ok(panicking.contains_key(&1))
        }),
        ("a touch with a time in the past", true, |_, _, panicking| {
            panicking.touch_with(&1, Timestamp::from_millis(1))
        }),
        ("a condition that is not met", false, |_, _, panicking| {
            Ok(panicking.remove_if(&1, |_| false)?.is_some())
        }),
        ("a lost round that stores", true, |_, _, panicking| {
            let mut rounds = 0;
            let modified = panicking.modify(&1, |_, _| {
                rounds += 1;
                if rounds == 1 {
                    elsewhere(|| panicking.insert(&1, PanicsOnDrop::SAFE)).unwrap();
                }
                Change::insert(PanicsOnDrop::SAFE)
            })?;
            Ok(modified.is_changed() && rounds == 2)
        }),
        ("a lost round that removes", false, |_, _, panicking| {
            let remove_first = |_: &PanicsOnDrop| elsewhere(|| panicking.remove(&1)).unwrap();
            Ok(panicking.remove_if(&1, remove_first)?.is_some())
        }),
        ("a closure that closes the cache", true, |_, cache, panicking| {
            let refused = panicking.modify(&1, |_, _| {
                cache.close().unwrap();
                Change::Keep
            });
            Ok(matches!(refused, Err(ModifyError { error: Error::Closed, .. })))
        }),
        ("a value that expires while it is decoded", false, |place, _, panicking| {
            let clock = place.clock.clone();
            WHILE_DECODING.set(Some(Box::new(move || clock.advance(2 * HOUR))));
            Ok(panicking.get(&1).is_some())
        }),
    ];
    for (what, expected, call) in calls {
        let place = SimulatedPlace::new();
        let (cache, panicking, armed) = filled(&place);
        drop((panicking, cache.close()));
        let cache = place.open();
        let panicking = cache.keyspace(PANICKING).unwrap();
        ARMS_DECODED.set(Some(armed.clone()));
        armed.is_set.store(true, Ordering::SeqCst);
        let answer = call(&place, &cache, &panicking);
        armed.is_set.store(false, Ordering::SeqCst);
        assert_eq!((answer.unwrap(), armed.panics.load(Ordering::SeqCst)), (expected, 1), "{what}");
    }
}

/// The stream has the last handles of the entries that it has read ahead.
#[test]
fn a_stream_that_is_dropped_drops_each_entry_that_it_has_read() {
    let place = SimulatedPlace::new();
    let (_cache, panicking, armed) = filled(&place);
    let mut stream = panicking.iter_async();
    let first = block_on(stream.next()).expect("there are entries");
    assert_eq!(panicking.clear().unwrap(), 30);
    armed.is_set.store(true, Ordering::SeqCst);
    drop(stream);
    armed.is_set.store(false, Ordering::SeqCst);
    assert_eq!((first.0, armed.panics.load(Ordering::SeqCst)), (0, 29));
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a call of the test returns")]
#[expect(clippy::needless_pass_by_value, reason = "an answer is judged once")]
fn is_closed(answer: Result<(), Error>) -> Result<bool, Error> {
    Ok(matches!(answer, Err(Error::Closed)))
}

/// Checks values that a call does not store. The call then has the last handle of its own argument.
#[test]
fn a_value_that_is_not_stored_may_panic() {
    type Call = fn(&Keyspace<u64, PanicsOnDrop>, PanicsOnDrop) -> Result<bool, Error>;
    let calls: [(&str, Call); 9] = [
        ("insert_if_absent", |panicking, value| Ok(panicking.insert_if_absent(&1, value)?.is_some())),
        ("replace", |panicking, value| Ok(panicking.replace(&99, value)?.is_none())),
        ("insert_if_absent in a closed cache", |panicking, value| {
            Ok(matches!(panicking.insert_if_absent(&1, value), Err(Error::Closed)))
        }),
        ("insert in a closed cache", |panicking, value| is_closed(panicking.insert(&1, value))),
        ("insert_with in a closed cache", |panicking, value| {
            is_closed(panicking.insert_with(&1, value, InsertOptions::new().ttl(HOUR)))
        }),
        ("insert_with of a wrong TTL", |panicking, value| {
            let inserted = panicking.insert_with(&1, value, InsertOptions::new().ttl(Duration::ZERO));
            Ok(matches!(inserted, Err(Error::InvalidSetting { .. })))
        }),
        ("insert_async in a closed cache", |panicking, value| {
            is_closed(block_on(panicking.insert_async(&1, value)))
        }),
        ("insert_many in a closed cache", |panicking, value| is_closed(panicking.insert_many([(&1, value)]))),
        ("insert_many_with of a wrong TTL", |panicking, value| {
            let keep = InsertOptions::new().ttl(Ttl::Keep);
            let inserted = panicking.insert_many_with([(&1, value)], keep);
            Ok(matches!(inserted, Err(Error::InvalidSetting { .. })))
        }),
    ];
    for (what, call) in calls {
        let place = SimulatedPlace::new();
        let (cache, panicking, armed) = filled(&place);
        if what.contains("closed") {
            cache.close().unwrap();
        }
        armed.is_set.store(true, Ordering::SeqCst);
        let answer = call(&panicking, PanicsOnDrop::new(&armed));
        armed.is_set.store(false, Ordering::SeqCst);
        assert_eq!((answer.unwrap(), armed.panics.load(Ordering::SeqCst)), (true, 1), "{what}");
    }
}

/// Checks values of a memory-only keyspace, and of a transaction. They are refused or replaced.
#[test]
fn a_value_in_memory_or_in_a_transaction_that_is_not_stored_may_panic() {
    const IN_MEMORY: KeyspaceDefinition<u64, PanicsOnDrop> =
        KeyspaceDefinition::new("in memory").memory_only();
    type Call = fn(&Cache, &Keyspace<u64, PanicsOnDrop>, PanicsOnDrop) -> Result<bool, Error>;
    let calls: [(&str, Call); 3] = [
        ("insert in a closed cache", |cache, panicking, value| {
            cache.close().unwrap();
            is_closed(panicking.insert(&1, value))
        }),
        ("a transaction that is refused", |cache, panicking, value| {
            let mut value = Some(value);
            let refused = cache.transaction(|tx| {
                let options = InsertOptions::new().ttl(Duration::ZERO);
                value.take().map_or(Ok(()), |value| tx.insert_with(panicking, &1, value, options))
            });
            Ok(matches!(refused, Err(Error::InvalidSetting { .. })))
        }),
        ("a transaction that replaces its own value", |cache, panicking, value| {
            let mut value = Some(value);
            cache.transaction(|tx| {
                value.take().map_or(Ok(()), |value| tx.insert(panicking, &1, value))?;
                tx.insert(panicking, &1, PanicsOnDrop::SAFE)
            })?;
            Ok(panicking.contains_key(&1))
        }),
    ];
    for (what, call) in calls {
        let cache = Cache::builder().open().unwrap();
        let panicking = cache.keyspace(IN_MEMORY).unwrap();
        let armed = Arc::<Armed>::default();
        armed.is_set.store(true, Ordering::SeqCst);
        let answer = call(&cache, &panicking, PanicsOnDrop::new(&armed));
        armed.is_set.store(false, Ordering::SeqCst);
        assert_eq!((answer.unwrap(), armed.panics.load(Ordering::SeqCst)), (true, 1), "{what}");
    }
}
