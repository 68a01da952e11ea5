//! Tests of absences. A key that the source does not have is not loaded again and again. An absence never
//! hides a value.

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use larder::clock::{Clock, ManualClock};
use larder::{
    Cache, Change, EntryInfo, Error, Follower, Found, InsertOptions, Keyspace, KeyspaceDefinition, Load,
    LoadLease, LookupOutcome, Ttl, Waited,
};

use crate::support::simulated::wait_until;
use crate::support::{HOUR, Place, VERSIONS, watch_this_test};

const ABSENT: Duration = Duration::from_mins(1);
const PRODUCTS: KeyspaceDefinition<u64, u64> = VERSIONS.absent_ttl(ABSENT);
const SESSIONS: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("session").ttl(HOUR).absent_ttl(ABSENT).memory_only();

type Products = Keyspace<u64, u64>;

fn lease(products: &Products, key: u64) -> LoadLease<u64, u64> {
    match products.lookup(&key).unwrap() {
        LookupOutcome::Load(lease) => lease,
        other => panic!("{other:?}"),
    }
}

fn make_absent(products: &Products, key: u64) {
    assert!(lease(products, key).fill_absent());
}

/// Where the absence of key 1 is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    /// In memory only, because it is not committed yet.
    Uncommitted,
    Both,
    DiskAlone,
    /// In a memory-only keyspace.
    MemoryOnly,
}

const TIERS: [Tier; 4] = [Tier::Uncommitted, Tier::Both, Tier::DiskAlone, Tier::MemoryOnly];

/// Opens a cache in which key 1 is known to be absent.
fn absent_in(place: &Place, tier: Tier) -> (Cache, Products) {
    let definition = if tier == Tier::MemoryOnly { SESSIONS } else { PRODUCTS };
    let cache = place.open();
    let products = cache.keyspace(definition).unwrap();
    make_absent(&products, 1);
    match tier {
        Tier::Uncommitted | Tier::MemoryOnly => (cache, products),
        Tier::Both => {
            cache.flush().unwrap();
            (cache, products)
        }
        Tier::DiskAlone => {
            cache.close().unwrap();
            let cache = place.open();
            let products = cache.keyspace(definition).unwrap();
            (cache, products)
        }
    }
}

/// A load whose loader finds no value. The counter holds the number of loader runs.
type LoadNothing = fn(&Products, &Cell<u32>) -> bool;

const LOADS: [LoadNothing; 4] = [
    |products, loads| {
        let load = || {
            loads.set(loads.get() + 1);
            Ok::<_, Error>(None::<u64>)
        };
        products.get_or_load_optional(&1, load).unwrap().is_none()
    },
    |products, loads| {
        let load = |_| {
            loads.set(loads.get() + 1);
            Ok::<_, Error>(Load::Absent)
        };
        let loaded = products.get_or_load_with(&1, load).unwrap();
        loaded.value.is_none() && !loaded.is_stale
    },
    |products, loads| {
        let load = |_: &[&u64]| {
            loads.set(loads.get() + 1);
            Ok::<_, Error>(Vec::<(u64, u64)>::new())
        };
        products.get_or_load_many(&[1], load).unwrap() == [None]
    },
    |products, loads| match products.lookup(&1).unwrap() {
        LookupOutcome::Load(lease) => {
            loads.set(loads.get() + 1);
            lease.fill_absent()
        }
        outcome => matches!(outcome, LookupOutcome::Absent { .. }),
    },
];

#[test]
fn the_source_is_asked_once_in_the_absent_ttl() {
    for load in LOADS {
        let place = Place::new();
        let cache = place.open();
        let products = cache.keyspace(PRODUCTS).unwrap();
        let loads = Cell::default();
        for _ in 0..10 {
            assert!(load(&products, &loads));
        }
        let stats = products.stats();
        assert_eq!((loads.get(), stats.loads, stats.load_failures), (1, 1, 0));
        assert_eq!((stats.misses, stats.absent_answers, cache.stats().absent_answers), (1, 9, 9));
        assert_eq!(
            (cache.stats().requests(), stats.inserts),
            (1, 0),
            "an absent answer is no hit and no miss"
        );
        place.clock.advance(ABSENT.saturating_sub(Duration::from_millis(1)));
        assert!(load(&products, &loads) && products.find(&1) == Found::Absent);
        assert_eq!(loads.get(), 1);
        place.clock.advance(Duration::from_millis(1));
        assert_eq!(products.find(&1), Found::Unknown, "it has expired");
        assert!(load(&products, &loads));
        assert_eq!(loads.get(), 2);
    }
}

#[test]
fn every_loader_heeds_an_absence_from_disk_alone() {
    for (load, has_expired) in LOADS.into_iter().zip([false, true].into_iter().cycle()) {
        let place = Place::new();
        let (cache, products) = absent_in(&place, Tier::DiskAlone);
        if has_expired {
            place.clock.advance(ABSENT);
        }
        let loads = Cell::default();
        assert!(load(&products, &loads));
        assert_eq!((loads.get(), products.stats().absent_answers), if has_expired { (1, 0) } else { (0, 1) });
        assert_eq!(cache.stats().promotions, u64::from(!has_expired), "it is copied into memory");
        assert!(load(&products, &loads));
    }
}

#[test]
fn an_absence_is_no_entry() {
    for tier in TIERS {
        let place = Place::new();
        let (cache, products) = absent_in(&place, tier);
        assert!(products.get(&1).is_none() && products.peek(&1).is_none() && !products.contains_key(&1));
        assert_eq!((products.ttl(&1), products.count(), products.is_empty()), (None, 0, true), "{tier:?}");
        assert_eq!((products.get_many(&[1, 2]), products.iter().count()), (vec![None, None], 0));
        assert!(!products.touch(&1).unwrap() && !products.persist(&1).unwrap());
        assert!(products.replace(&1, 10).unwrap().is_none() && products.take(&1).unwrap().is_none());
        assert!(products.remove_if(&1, |_| true).unwrap().is_none());
        assert!(!products.compare_and_insert(&1, &1, 10).unwrap().is_changed());
        let kept = products.modify(&1, |value, ttl| {
            assert_eq!((value, ttl), (None, Ttl::Default));
            Change::Remove
        });
        assert!(!kept.unwrap().is_changed());
        assert_eq!(products.find(&1), Found::Absent, "{tier:?}: none of this has changed it");
        if tier != Tier::MemoryOnly {
            cache.flush().unwrap();
            let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
            let seen_beside = follower.keyspace(PRODUCTS);
            assert_eq!((seen_beside.get(&1).unwrap(), seen_beside.ttl(&1).unwrap()), (None, None));
            assert!(seen_beside.keys().unwrap().is_empty());
        }
        assert!(products.insert_if_absent(&1, 10).unwrap().is_none(), "{tier:?}");
        assert_eq!(products.get(&1).as_deref(), Some(&10));
    }
}

#[test]
fn a_write_replaces_an_absence() {
    let writes: [fn(&Products); 4] = [
        |products| products.insert(&1, 10).unwrap(),
        |products| products.insert_many([(1, 10), (2, 20)]).unwrap(),
        |products| assert_eq!(products.increment(&1, 10).unwrap(), 10),
        |products| {
            let loaded = products.get_or_load(&1, || Ok::<_, Error>(10));
            assert_eq!(*loaded.unwrap(), 10, "its loader always has a value, so it is asked");
        },
    ];
    for (tier, write) in TIERS.into_iter().flat_map(|tier| writes.map(|write| (tier, write))) {
        let place = Place::new();
        let (cache, products) = absent_in(&place, tier);
        write(&products);
        assert_eq!(products.find(&1), Found::Value(Arc::new(10)), "{tier:?}");
        if tier != Tier::MemoryOnly {
            cache.close().unwrap();
            let products = place.open().keyspace(PRODUCTS).unwrap();
            assert_eq!(products.find(&1), Found::Value(Arc::new(10)), "{tier:?}");
        }
    }
}

#[test]
fn contract_3_a_removed_absence_stays_gone_and_counts_as_no_entry() {
    let removals: [fn(&Cache, &Products) -> u64; 7] = [
        |_, products| products.remove(&1).unwrap().into(),
        |_, products| products.remove_many(&[1, 2]).unwrap(),
        |cache, products| {
            let mut removal = cache.invalidation();
            removal.remove(products, &1).unwrap();
            removal.commit().unwrap()
        },
        |_, products| products.clear().unwrap(),
        |cache, _| cache.clear().unwrap(),
        |_, products| {
            products.begin_update(&1).unwrap().finish();
            0
        },
        |_, products| {
            let past = InsertOptions::new().ttl(Ttl::Until(larder::Timestamp::ZERO));
            products.insert_with(&1, 10, past).unwrap();
            0
        },
    ];
    for (tier, (at, remove)) in TIERS
        .into_iter()
        .flat_map(|tier| removals.into_iter().enumerate().map(move |removal| (tier, removal)))
    {
        let place = Place::new();
        let (cache, products) = absent_in(&place, tier);
        assert_eq!(remove(&cache, &products), 0, "{tier:?}, removal {at}: there was no value");
        assert_eq!(products.find(&1), Found::Unknown, "{tier:?}, removal {at}");
        // The copy of the file has the content that a crash would leave.
        let after = Place::new();
        std::fs::copy(place.path(), after.path()).unwrap();
        let again = after.open().keyspace(PRODUCTS).unwrap();
        assert_eq!(again.find(&1), Found::Unknown, "{tier:?}, removal {at}: it came back");
        let loaded = again.get_or_load_optional(&1, || Ok::<_, Error>(Some(10)));
        assert_eq!(loaded.unwrap().as_deref(), Some(&10), "the source is asked");
    }
}

#[test]
fn contract_3_an_absence_that_overlaps_a_change_is_not_cached() {
    let changes: [fn(&Products); 4] = [
        |products| products.insert(&1, 10).unwrap(),
        |products| _ = products.remove(&1).unwrap(),
        |products| _ = products.clear().unwrap(),
        |products| products.begin_update(&1).unwrap().finish(),
    ];
    for (definition, change) in [PRODUCTS, SESSIONS].into_iter().flat_map(|d| changes.map(|c| (d, c))) {
        let place = Place::new();
        let cache = place.open();
        let products = cache.keyspace(definition).unwrap();
        let lease = lease(&products, 1);
        change(&products);
        let found = products.find(&1);
        assert!(!lease.fill_absent());
        assert_eq!(products.find(&1), found);
        assert_eq!(products.stats().voided_fills, 1);
    }
    let cache = Cache::builder().open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    let update = products.begin_update(&1).unwrap();
    assert!(!lease(&products, 1).fill_absent(), "the source is being changed");
    update.finish();
    let late = lease(&products, 1);
    cache.close().unwrap();
    assert!(!late.fill_absent());
}

#[test]
fn contract_2_an_absence_outlives_a_restart_and_no_expiry() {
    let place = Place::new();
    let (cache, products) = absent_in(&place, Tier::DiskAlone);
    assert!(matches!(products.lookup(&1).unwrap(), LookupOutcome::Absent { expires_at }
        if expires_at == place.clock.wall().after(ABSENT)));
    drop(products);
    cache.close().unwrap();
    let other_version = place.open().keyspace(PRODUCTS.version(7)).unwrap();
    assert_eq!(other_version.find(&1), Found::Unknown);
    let place = Place::new();
    let (cache, products) = absent_in(&place, Tier::DiskAlone);
    place.clock.advance(ABSENT);
    assert_eq!(products.find(&1), Found::Unknown);
    // Advancing the clock wakes the sweeper thread, which may sweep before this call.
    cache.sweep().unwrap();
    assert_eq!(cache.stats().disk.unwrap().entries, 0);
}

#[test]
fn callers_that_wait_share_an_absence_that_is_not_cached() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let products = cache.keyspace(VERSIONS).unwrap();
    let none = || Ok::<_, Error>(None::<u64>);
    thread::scope(|scope| {
        let (go_on, wait) = mpsc::channel::<()>();
        let loading = scope.spawn(|| {
            products.get_or_load_optional(&1, move || {
                wait.recv().unwrap();
                none()
            })
        });
        wait_until("the key is being loaded", || cache.stats().loads == 1);
        let refuse = || Err::<Option<u64>, _>("no load is needed");
        let products = &products;
        let waiters = [0; 3].map(|_| scope.spawn(move || products.get_or_load_optional(&1, refuse).unwrap()));
        let plain = scope.spawn(|| products.get_or_load(&1, || Ok::<_, Error>(10)).unwrap());
        wait_until("the others have missed", || cache.stats().misses == 5);
        // A caller whose lookup has missed joins the flight a moment later.
        thread::yield_now();
        let pending = match products.lookup(&1).unwrap() {
            LookupOutcome::Wait(pending) => pending,
            other => panic!("{other:?}"),
        };
        go_on.send(()).unwrap();
        assert!(loading.join().unwrap().unwrap().is_none());
        assert_eq!(pending.wait::<Error>().unwrap(), Waited::Absent);
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap().is_none_or(|value| *value == 10)));
        assert_eq!(*plain.join().unwrap(), 10, "its loader always has a value");
    });
    assert_eq!(products.stats().absent_answers, 0);
    let products = cache.keyspace(KeyspaceDefinition::<u64, u64>::new("forgets")).unwrap();
    assert!(products.get_or_load_optional(&1, none).unwrap().is_none());
    assert_eq!(products.find(&1), Found::Unknown, "the keyspace has no absent_ttl");
    assert!(!lease(&products, 1).fill_absent());
    assert!(lease(&products, 1).fill_absent_with(ABSENT).unwrap(), "an absence may have a TTL of its own");
    assert_eq!(products.find(&1), Found::Absent);
}

#[test]
fn an_absence_takes_the_place_of_a_stale_value() {
    let stale = KeyspaceDefinition::<u64, u64>::new("stale").ttl(ABSENT).grace(HOUR);
    for definition in [stale.absent_ttl(ABSENT), stale, stale.memory_only()] {
        let place = Place::new();
        let cache = place.open();
        let products = cache.keyspace(definition).unwrap();
        products.insert(&1, 10).unwrap();
        cache.flush().unwrap();
        place.clock.advance(ABSENT);
        let loaded = products.get_or_load_with(&1, |stale| {
            assert_eq!(stale.as_deref(), Some(&10));
            Ok::<_, Error>(Load::Absent)
        });
        assert!(loaded.unwrap().value.is_none());
        place.clock.advance(ABSENT);
        let failed = products.get_or_load(&1, || Err::<u64, _>("the database is away"));
        assert!(failed.is_err(), "the source no longer had the value");
        cache.close().unwrap();
        let products = place.open().keyspace(definition).unwrap();
        assert!(products.get_or_load(&1, || Err::<u64, _>("the database is away")).is_err());
    }
}

#[test]
fn a_ttl_of_an_absence_is_checked_and_jittered() {
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).open().unwrap();
    for ttl in [Duration::ZERO, larder::MAX_TTL + Duration::from_secs(1)] {
        let refused = cache.keyspace(PRODUCTS.absent_ttl(ttl));
        assert!(matches!(refused, Err(Error::InvalidSetting { setting: "absent_ttl", .. })), "{ttl:?}");
    }
    let products = cache.keyspace(PRODUCTS.jitter(50)).unwrap();
    let refused = lease(&products, 1).fill_absent_with(Duration::ZERO);
    assert!(matches!(refused, Err(Error::InvalidSetting { setting: "ttl", .. })));
    assert!(!lease(&products, 1).fill_absent_with(Ttl::Until(clock.wall())).unwrap());
    assert_eq!(products.find(&1), Found::Unknown);
    (0..200).for_each(|key| make_absent(&products, key));
    clock.advance(Duration::from_millis(29_999));
    let absent = || (0..200).filter(|key| products.find(key) == Found::Absent).count();
    assert_eq!(absent(), 200, "the jitter shortens by half at most");
    clock.advance(ABSENT / 4);
    assert!((20..180).contains(&absent()), "{}", absent());
    clock.advance(ABSENT / 4 + Duration::from_millis(1));
    assert_eq!(absent(), 0);
    assert!(lease(&products, 1).fill_absent_with(Ttl::Never).unwrap());
    clock.advance(HOUR * 24 * 365);
    assert_eq!(products.find(&1), Found::Absent);
}

#[test]
fn contract_7_an_absence_weighs_its_key_and_is_evicted() {
    let cache = Cache::builder().memory_capacity(larder::ByteSize::kib(64)).shards(1).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    make_absent(&products, 0);
    assert_eq!(cache.stats().memory.weight.as_u64(), larder::ENTRY_OVERHEAD + 8);
    (1..2_000).for_each(|key| make_absent(&products, key));
    let memory = cache.stats().memory;
    assert!(memory.evictions > 1_000 && memory.weight <= memory.capacity, "{memory:?}");
    let weigh = |info: &EntryInfo<'_>| if info.value.is_none() { info.key_len as u64 + 70 } else { 1 };
    let weighed = Cache::builder().weigher(weigh).open().unwrap();
    make_absent(&weighed.keyspace(PRODUCTS).unwrap(), 1);
    assert_eq!(weighed.stats().memory.weight.as_u64(), 78, "the weigher of the cache is asked");
}
