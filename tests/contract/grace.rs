//! Tests of a grace: a load that fails returns the stale value, but never a removed value.

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, KeyspaceDefinition, Load, LoadError, Loaded, LookupOutcome};

use crate::support::{Place, panics_with, watch_this_test};

const TTL: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
/// A keyspace whose cool-down outlasts the test.
const PRICES: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("price").ttl(TTL).grace(GRACE).cool_down(HOUR);
/// A keyspace whose cool-down ends almost immediately.
const HOT: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("hot").ttl(TTL).grace(GRACE).cool_down(Duration::from_millis(1));

type Prices = larder::Keyspace<u64, u64>;

fn in_memory(definition: KeyspaceDefinition<u64, u64>) -> (Arc<ManualClock>, Prices) {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    (clock, cache.keyspace(definition).unwrap())
}

/// Runs a load that fails. `loads` counts the runs of its loader.
fn failing(prices: &Prices, loads: &Cell<u32>) -> Result<u64, LoadError<&'static str>> {
    let loader = || {
        loads.set(loads.get() + 1);
        Err::<u64, _>("the database is away")
    };
    prices.get_or_load(&1, loader).map(|value| *value)
}

fn loaded(prices: &Prices, load: Load<u64>) -> Loaded<u64> {
    prices.get_or_load_with(&1, |_| Ok::<_, ()>(load)).unwrap()
}

#[test]
fn a_failed_load_is_answered_with_the_stale_value_within_the_grace_alone() {
    let (clock, prices) = in_memory(HOT);
    prices.insert(&1, 10).unwrap();
    clock.advance(TTL);
    assert_eq!((prices.get(&1), prices.contains_key(&1), prices.count()), (None, false, 0));
    let answer = prices.get_or_load_with(&1, |stale| {
        assert_eq!(stale.as_deref(), Some(&10), "the loader sees it");
        Err("the database is away")
    });
    let answer = answer.unwrap();
    assert_eq!((answer.value.as_deref(), answer.is_stale), (Some(&10), true));
    assert_eq!((prices.stats().stale_answers, prices.stats().load_failures), (1, 1));
    assert!(prices.get(&1).is_none(), "no other call serves it");
    clock.advance(GRACE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(failing(&prices, &Cell::default()).unwrap(), 10);
    clock.advance(Duration::from_millis(1));
    let loads = Cell::default();
    while !matches!(failing(&prices, &loads), Err(LoadError::Loader(_))) {}
    assert_eq!(loads.get(), 1, "the grace is over");
}

#[test]
fn without_a_grace_a_failure_is_an_error() {
    let (clock, prices) = in_memory(KeyspaceDefinition::new("plain").ttl(TTL));
    prices.insert(&1, 10).unwrap();
    clock.advance(TTL);
    assert!(matches!(failing(&prices, &Cell::default()), Err(LoadError::Loader(_))));
    prices
        .get_or_load_with(&1, |stale| Ok::<_, ()>(Load::Cache(stale.map_or(Arc::new(20), |_| Arc::new(0)))))
        .unwrap();
    assert_eq!(prices.get(&1).as_deref(), Some(&20), "the loader sees no stale value");
}

#[test]
fn a_broken_source_is_asked_once_in_a_cool_down() {
    let (clock, prices) = in_memory(PRICES);
    prices.insert(&1, 10).unwrap();
    clock.advance(TTL);
    let loads = Cell::default();
    for _ in 0..100 {
        assert_eq!(failing(&prices, &loads).unwrap(), 10);
    }
    assert_eq!((loads.get(), prices.stats().stale_answers), (1, 100));
    let LookupOutcome::Hit { value, is_stale, .. } = prices.lookup(&1).unwrap() else {
        panic!("a stale hit")
    };
    assert_eq!((*value, is_stale), (10, true));
    prices.insert(&1, 20).unwrap();
    assert_eq!(failing(&prices, &loads).unwrap(), 20, "a live value is served");
    clock.advance(TTL);
    assert_eq!((failing(&prices, &loads).unwrap(), loads.get()), (20, 2), "the insert ended the cool-down");
    clock.advance(GRACE);
    assert!(failing(&prices, &loads).is_err(), "in a cool-down without a stale value, the source is asked");
    assert_eq!(loads.get(), 3);
}

#[test]
fn what_was_removed_is_never_served_stale() {
    type Remove = fn(&Prices);
    let removals: [Remove; 4] = [
        |prices| _ = prices.remove(&1).unwrap(),
        |prices| _ = prices.clear().unwrap(),
        |prices| _ = prices.remove_many(&[1]).unwrap(),
        |prices| prices.begin_update(&1).unwrap().finish(),
    ];
    for remove in removals {
        // The removal happens before the load, during the load, or in the cool-down after the load.
        for when in 0..3 {
            for place in [None, Some(Place::new())] {
                let clock = Arc::new(ManualClock::new());
                let builder = Cache::builder().clock(clock.clone());
                let cache = match &place {
                    Some(place) => builder.path(place.path()).open().unwrap(),
                    None => builder.open().unwrap(),
                };
                let prices = cache.keyspace(PRICES).unwrap();
                prices.insert(&1, 10).unwrap();
                cache.flush().unwrap();
                clock.advance(TTL);
                if when == 0 {
                    remove(&prices);
                }
                let answer = prices.get_or_load_with(&1, |_| {
                    if when == 1 {
                        remove(&prices);
                    }
                    Err(())
                });
                if when == 2 {
                    assert_eq!(answer.unwrap().value.as_deref(), Some(&10), "it was there until now");
                    remove(&prices);
                    assert!(prices.get_or_load(&1, || Err::<u64, _>(())).is_err());
                } else {
                    assert!(answer.is_err(), "removed, when = {when}");
                }
                cache.close().unwrap();
            }
        }
    }
}

#[test]
fn a_stale_value_survives_a_restart_and_a_removal_of_it_too() {
    let place = Place::new();
    let clock = Arc::new(ManualClock::new());
    let open = || {
        let cache = Cache::builder().path(place.path()).clock(clock.clone()).open().unwrap();
        let prices = cache.keyspace(PRICES).unwrap();
        (cache, prices)
    };
    let (cache, prices) = open();
    prices.insert(&1, 10).unwrap();
    prices.insert(&2, 20).unwrap();
    cache.close().unwrap();
    clock.advance(TTL);
    let (cache, prices) = open();
    cache.sweep().unwrap();
    assert_eq!(
        failing(&prices, &Cell::default()).unwrap(),
        10,
        "on disk, the sweeper keeps it for its grace"
    );
    assert!(!prices.remove(&1).unwrap(), "it was not live");
    assert!(failing(&prices, &Cell::default()).is_err());
    cache.close().unwrap();
    let (cache, prices) = open();
    assert!(failing(&prices, &Cell::default()).is_err(), "the removal of a stale value is durable");
    // Memory rounds the grace up by at most an eighth before the entry is committed.
    clock.advance(GRACE + GRACE / 8);
    cache.sweep().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, 0, "past its grace it is deleted");
    assert!(prices.get_or_load(&2, || Err::<u64, _>(())).is_err());
}

#[test]
fn nothing_stale_comes_from_another_version() {
    for place in [None, Some(Place::new())] {
        let clock = Arc::new(ManualClock::new());
        let builder = Cache::builder().clock(clock.clone());
        let cache = match &place {
            Some(place) => builder.path(place.path()).open().unwrap(),
            None => builder.open().unwrap(),
        };
        let prices = cache.keyspace(PRICES).unwrap();
        prices.insert(&1, 10).unwrap();
        cache.flush().unwrap();
        drop(prices);
        clock.advance(TTL);
        let prices = cache.keyspace(PRICES.version(1)).unwrap();
        assert!(failing(&prices, &Cell::default()).is_err());
    }
}

#[test]
fn a_caller_that_waits_for_a_failing_or_hanging_load_gets_the_stale_value() {
    let _watch = watch_this_test();
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).load_timeout(Duration::from_millis(1)).open().unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    prices.insert(&1, 10).unwrap();
    clock.advance(TTL);
    let (started, is_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let prices = &prices;
        let leader = scope.spawn(move || {
            panics_with("the loader panicked", || {
                prices.get_or_load(&1, || -> Result<u64, ()> {
                    started.send(()).unwrap();
                    released.recv().unwrap();
                    panic!("the loader panicked")
                })
            })
        });
        is_started.recv().unwrap();
        let waited = prices.get_or_load_with(&1, |_| Err::<Load<u64>, _>(())).unwrap();
        assert_eq!((waited.value.as_deref(), waited.is_stale), (Some(&10), true), "its wait has timed out");
        release.send(()).unwrap();
        assert!(leader.join().unwrap());
    });
    let loads = Cell::default();
    assert_eq!(
        (failing(&prices, &loads).unwrap(), loads.get()),
        (10, 0),
        "after a panic there is a cool-down"
    );
}

#[test]
fn the_loader_decides_what_becomes_of_its_value() {
    let (clock, prices) = in_memory(HOT);
    let value = loaded(&prices, Load::CacheFor(Arc::new(10), Duration::from_secs(5).into()));
    assert_eq!((value.value.as_deref(), value.is_stale), (Some(&10), false));
    clock.advance(Duration::from_secs(5));
    assert!(prices.get(&1).is_none(), "its own TTL is over");
    assert_eq!(loaded(&prices, Load::Unchanged).value.as_deref(), Some(&10));
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
    assert_eq!(prices.get(&1).as_deref(), Some(&10), "unchanged: a new life");
    prices.remove(&1).unwrap();
    assert_eq!(loaded(&prices, Load::DoNotCache(Arc::new(20))).value.as_deref(), Some(&20));
    assert!(prices.get(&1).is_none());
    let nothing = prices.get_or_load_with(&1, |_| Ok::<_, ()>(Load::Unchanged));
    assert!(matches!(nothing, Err(LoadError::NothingUnchanged)), "{nothing:?}");
    assert_eq!(
        loaded(&prices, Load::CacheFor(Arc::new(30), Duration::ZERO.into())).value.as_deref(),
        Some(&30)
    );
    assert!(prices.get(&1).is_none(), "a TTL out of range is not cached");
    assert_eq!(loaded(&prices, Load::Cache(Arc::new(40))).value.as_deref(), Some(&40));
    assert_eq!(
        loaded(&prices, Load::Cache(Arc::new(50))).value.as_deref(),
        Some(&40),
        "a hit runs no loader"
    );
}

#[test]
fn an_unchanged_value_is_not_published_after_a_removal() {
    let (clock, prices) = in_memory(HOT);
    prices.insert(&1, 10).unwrap();
    clock.advance(TTL);
    let answer = prices.get_or_load_with(&1, |stale| {
        assert!(stale.is_some());
        prices.remove(&1).unwrap();
        Ok::<_, ()>(Load::Unchanged)
    });
    assert_eq!(answer.unwrap().value.as_deref(), Some(&10), "the loader has seen it before the removal");
    assert!(prices.get(&1).is_none());
}

#[test]
fn contradicting_settings_are_refused() {
    let cache = Cache::builder().open().unwrap();
    let plain = || KeyspaceDefinition::<u64, u64>::new("wrong");
    for (definition, setting) in [
        (plain().cool_down(HOUR), "cool_down is 3600s; it needs a grace"),
        (plain().grace(Duration::ZERO), "grace is 0ns"),
        (plain().grace(GRACE).cool_down(Duration::ZERO), "cool_down is 0ns"),
        (plain().grace(GRACE).cool_down(2 * HOUR), "cool_down is 7200s"),
    ] {
        let error = cache.keyspace(definition).unwrap_err().to_string();
        assert!(error.starts_with(setting), "{error}");
    }
}

#[test]
fn an_entry_that_is_expired_is_a_miss_at_once_and_may_be_served_stale() {
    for place in [None, Some(Place::new())] {
        let clock = Arc::new(ManualClock::new());
        let open = || {
            let builder = Cache::builder().clock(clock.clone());
            let builder = match &place {
                Some(place) => builder.path(place.path()),
                None => builder,
            };
            let cache = builder.open().unwrap();
            let prices = cache.keyspace(HOT).unwrap();
            (cache, prices)
        };
        let (mut cache, mut prices) = open();
        assert!(!prices.expire(&1).unwrap(), "there is none");
        prices.insert(&1, 10).unwrap();
        if place.is_some() {
            drop(prices);
            cache.close().unwrap();
            // After reopening, the entry is on disk only.
            (cache, prices) = open();
        }
        assert!(prices.expire(&1).unwrap());
        assert_eq!((prices.get(&1), prices.ttl(&1), prices.count()), (None, None, 0));
        assert_eq!(failing(&prices, &Cell::default()).unwrap(), 10);
        clock.advance(GRACE / 2);
        assert!(!prices.expire(&1).unwrap(), "it has expired already: its grace does not begin again");
        if place.is_some() {
            drop(prices);
            cache.close().unwrap();
            (cache, prices) = open();
            assert_eq!(failing(&prices, &Cell::default()).unwrap(), 10, "after a restart");
        }
        clock.advance(GRACE / 2);
        assert!(failing(&prices, &Cell::default()).is_err(), "the grace is over");
        prices.insert(&1, 10).unwrap();
        assert!(prices.expire(&1).unwrap());
        assert_eq!(*prices.get_or_load(&1, || Ok::<_, ()>(20_u64)).unwrap(), 20);
        assert_eq!(prices.get(&1).as_deref(), Some(&20));
        assert!(prices.expire(&1).unwrap() && !prices.remove(&1).unwrap());
        assert!(failing(&prices, &Cell::default()).is_err(), "removed after it was expired");
        cache.close().unwrap();
    }
}

#[test]
fn an_entry_that_is_expired_without_a_grace_leaves_both_tiers() {
    let place = Place::new();
    let cache = place.open();
    let plain = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("plain").ttl(TTL)).unwrap();
    plain.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    assert!(plain.expire(&1).unwrap());
    assert!(failing(&plain, &Cell::default()).is_err());
    cache.flush().unwrap();
    let stats = cache.stats();
    assert_eq!((stats.disk.unwrap().entries, stats.memory.entries), (0, 0));
}

/// A value that was stored during an update is valid, also when only the disk still has it.
#[test]
fn a_value_of_an_update_that_is_only_on_disk_is_found_while_the_update_lasts() {
    let (place, clock) = (Place::new(), Arc::new(ManualClock::new()));
    let builder = Cache::builder().path(place.path()).clock(clock.clone()).shards(1);
    let cache = builder.memory_capacity(64 << 10).weigher(|_| 10_000).open().unwrap();
    let prices = cache.keyspace(HOT).unwrap();
    let update = prices.begin_update(&1).unwrap();
    prices.insert(&1, 10).unwrap();
    for other in 2..40 {
        prices.insert(&other, other).unwrap();
        cache.flush().unwrap();
    }
    let inline = cache.inline_calls();
    let group = prices.try_get_group([&1, &39]).expect("the disk is quick");
    let group: Vec<_> = group.into_iter().map(|value| value.map(|value| *value)).collect();
    assert_eq!(group, [Some(10), Some(39)]);
    drop(inline);
    assert!(prices.stats().disk_hits > 0, "only the disk has the value");
    clock.advance(TTL);
    let answer = prices.get_or_load_with(&1, |stale| {
        assert_eq!(stale.as_deref(), Some(&10), "the loader sees it");
        Err("the database is away")
    });
    assert_eq!(answer.unwrap().value.as_deref(), Some(&10));
    update.finish();
}
