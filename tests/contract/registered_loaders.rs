//! Tests of registered loaders: refreshes in the background, and early expiration.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{
    Cache, CacheBuilder, Change, Error, Keyspace, KeyspaceDefinition, Load, LoadPolicy, LoadingKeyspace,
    LookupOutcome,
};

use crate::support::simulated::wait_until;
use crate::support::{Place, watch_this_test};

pub(super) const TTL: Duration = Duration::from_mins(1);
pub(super) const GRACE: Duration = Duration::from_mins(10);
pub(super) const AGE: Duration = Duration::from_secs(30);
pub(super) const SOON: Duration = Duration::from_millis(5);
pub(super) const LATE: Duration = Duration::from_mins(10);
pub(super) const PRICES: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price").ttl(TTL);
pub(super) const GRACEFUL: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("graceful").ttl(TTL).grace(GRACE);

pub(super) type Registered = LoadingKeyspace<u64, u64, &'static str>;

/// A source that counts its loads. While `is_held` is locked, a load waits.
#[derive(Debug, Default)]
pub(super) struct Source {
    loads: AtomicU64,
    pub(super) is_held: Mutex<()>,
}

impl Source {
    /// Returns 100 plus the number of earlier loads.
    fn load(&self) -> u64 {
        let load = self.loads.fetch_add(1, Ordering::SeqCst);
        drop(self.is_held.lock());
        100 + load
    }

    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    pub(super) fn wait_for(&self, loads: u64) {
        wait_until("a load", || self.loads() == loads);
    }
}

pub(super) fn builder() -> (Arc<ManualClock>, CacheBuilder) {
    let clock = Arc::new(ManualClock::new());
    (clock.clone(), Cache::builder().clock(clock))
}

pub(super) fn loading(
    cache: &Cache,
    definition: KeyspaceDefinition<u64, u64>,
    policy: LoadPolicy,
    source: &Arc<Source>,
) -> Registered {
    let source = source.clone();
    let loader = move |_: &u64, _: Option<Arc<u64>>| Ok(Load::Cache(Arc::new(source.load())));
    cache.keyspace(definition).unwrap().with_loader(policy, loader).unwrap()
}

/// Opens a memory-only cache. Returns its clock, and a handle with this loader.
pub(super) fn with_loader(
    definition: KeyspaceDefinition<u64, u64>,
    policy: LoadPolicy,
    loader: impl Fn(&u64, Option<Arc<u64>>) -> Result<Load<u64>, &'static str> + Send + Sync + 'static,
) -> (Arc<ManualClock>, Registered) {
    let (clock, builder) = builder();
    let keyspace = builder.open().unwrap().keyspace(definition).unwrap();
    (clock, keyspace.with_loader(policy, loader).unwrap())
}

pub(super) fn value(loading: &Registered) -> u64 {
    *loading.get(1).unwrap().value.unwrap()
}

pub(super) fn ages() -> LoadPolicy {
    LoadPolicy::new().refresh_after(AGE)
}

#[test]
fn an_old_value_is_served_to_all_while_one_refresh_runs() {
    let _watch = watch_this_test();
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let prices = loading(&builder.open().unwrap(), PRICES, ages(), &source);
    assert_eq!(value(&prices), 100);
    clock.advance(AGE.saturating_sub(Duration::from_millis(1)));
    assert_eq!((value(&prices), source.loads()), (100, 1), "it is not old yet");
    clock.advance(Duration::from_millis(1));
    let held = source.is_held.lock().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(value(&prices), 100)));
        }
    });
    source.wait_for(2);
    let stats = prices.keyspace().stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused, stats.misses), (1, 0, 1));
    drop(held);
    wait_until("the refresh", || value(&prices) == 101);
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
    assert_eq!(prices.keyspace().get(1).as_deref(), Some(&101), "its life began with the refresh");
    assert_eq!(source.loads(), 2, "another call refreshes nothing");
}

/// Changes the key during a refresh of the key. Returns the value after the refresh has ended.
fn changed_during_a_refresh(
    loads: impl Fn(Arc<u64>) -> Load<u64> + Send + Sync + 'static,
    change: impl FnOnce(&Keyspace<u64, u64>),
) -> Option<u64> {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (runs, is_running) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let (clock, prices) = with_loader(PRICES, ages(), move |_, live| {
        let Some(live) = live else { return Ok(Load::Cache(Arc::new(1))) };
        runs.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        Ok(loads(live))
    });
    assert_eq!(value(&prices), 1);
    clock.advance(AGE);
    assert_eq!(value(&prices), 1);
    is_running.recv().unwrap();
    change(prices.keyspace());
    go_on.send(()).unwrap();
    let keyspace = prices.keyspace();
    wait_until("the end of the refresh", || keyspace.stats().load_latency.count() == 2);
    wait_until("the end of its lease", || {
        // A lookup returns a lease only if the key has no flight, so the refresh has ended.
        keyspace.contains_key(1) || matches!(keyspace.lookup(1), Ok(LookupOutcome::Load(_)))
    });
    keyspace.get(1).map(|value| *value)
}

#[test]
fn what_was_removed_during_a_refresh_is_not_brought_back() {
    let _watch = watch_this_test();
    let remove = |prices: &Keyspace<u64, u64>| assert!(prices.remove(1).unwrap());
    assert_eq!(changed_during_a_refresh(|_| Load::Cache(Arc::new(2)), remove), None);
    assert_eq!(changed_during_a_refresh(|_| Load::Unchanged, remove), None, "no new life");
    let all = |prices: &Keyspace<u64, u64>| assert_eq!(prices.clear().unwrap(), 1);
    assert_eq!(changed_during_a_refresh(|_| Load::Cache(Arc::new(2)), all), None);
    let update = |prices: &Keyspace<u64, u64>| prices.begin_update(1).unwrap().finish();
    assert_eq!(changed_during_a_refresh(|_| Load::Cache(Arc::new(2)), update), None);
}

#[test]
fn a_write_during_a_refresh_wins() {
    let _watch = watch_this_test();
    let refreshed = || |_| Load::Cache(Arc::new(2));
    let insert = |prices: &Keyspace<u64, u64>| prices.insert(1, 7).unwrap();
    assert_eq!(changed_during_a_refresh(refreshed(), insert), Some(7));
    assert_eq!(changed_during_a_refresh(|_| Load::Unchanged, insert), Some(7));
    let modify = |prices: &Keyspace<u64, u64>| drop(prices.modify(1, |_, _| Change::insert(8)).unwrap());
    assert_eq!(changed_during_a_refresh(refreshed(), modify), Some(8));
    let touch = |prices: &Keyspace<u64, u64>| assert!(prices.touch(1).unwrap());
    assert_eq!(changed_during_a_refresh(refreshed(), touch), Some(1));
    assert_eq!(changed_during_a_refresh(refreshed(), |_| ()), Some(2), "nothing was written");
}

#[test]
fn a_load_that_finds_the_value_expired_waits_for_its_refresh() {
    let _watch = watch_this_test();
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let prices = loading(&builder.open().unwrap(), PRICES, ages(), &source);
    assert_eq!(value(&prices), 100);
    clock.advance(AGE);
    let held = source.is_held.lock().unwrap();
    assert_eq!(value(&prices), 100);
    source.wait_for(2);
    clock.advance(TTL.saturating_sub(AGE));
    assert!(prices.keyspace().get(1).is_none(), "it has expired");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| value(&prices));
        let other = scope.spawn(|| *prices.keyspace().get_or_load(1, || Ok::<u64, &str>(0)).unwrap());
        wait_until("the waiters", || prices.keyspace().stats().misses == 4);
        drop(held);
        assert_eq!((waiter.join().unwrap(), other.join().unwrap()), (101, 101));
    });
    assert_eq!(source.loads(), 2);
}

#[test]
fn a_failed_refresh_keeps_the_value_and_is_not_repeated_at_once() {
    let _watch = watch_this_test();
    for panics in [false, true] {
        let (clock, prices) = with_loader(PRICES, ages(), move |_, live| match live {
            None => Ok(Load::Cache(Arc::new(1))),
            Some(_) if panics => panic!("the database is away"),
            Some(_) => Err("the database is away"),
        });
        assert_eq!(value(&prices), 1);
        clock.advance(AGE);
        assert_eq!(value(&prices), 1);
        wait_until("the failure", || prices.keyspace().stats().load_failures == 1);
        // The cool-down lasts a second, so a hundred calls begin only a few refreshes.
        (0..100).for_each(|_| assert_eq!(value(&prices), 1));
        assert!(prices.keyspace().stats().refreshes < 50);
    }
}

#[test]
fn the_loader_of_a_refresh_decides_as_any_loader() {
    let _watch = watch_this_test();
    let decision = Arc::new(Mutex::new(None));
    let decided = decision.clone();
    let (clock, prices) = with_loader(PRICES, ages(), move |key, live| {
        let Some(live) = live else { return Ok(Load::Cache(Arc::new(*key))) };
        assert_eq!(*live, 1, "the loader gets the live value");
        Ok(decided.lock().unwrap().take().unwrap())
    });
    let refreshed = |load| {
        *decision.lock().unwrap() = Some(load);
        let before = prices.keyspace().stats().load_latency.count();
        prices.keyspace().insert(1, 1).unwrap();
        clock.advance(AGE);
        assert_eq!(value(&prices), 1);
        wait_until("the refresh", || prices.keyspace().stats().load_latency.count() > before);
    };
    refreshed(Load::Unchanged);
    wait_until("a new life", || prices.keyspace().ttl(1).is_some_and(|left| left == TTL));
    refreshed(Load::CacheFor(Arc::new(2), (2 * TTL).into()));
    wait_until("the TTL", || prices.keyspace().ttl(1).is_some_and(|left| left == 2 * TTL));
    refreshed(Load::DoNotCache(Arc::new(3)));
    assert_eq!(prices.keyspace().get(1).as_deref(), Some(&1), "the live value stays");
}

#[test]
fn an_explicit_refresh_needs_no_age_and_no_value() {
    let _watch = watch_this_test();
    let ((_, builder), source) = (builder(), Arc::new(Source::default()));
    let prices = loading(&builder.open().unwrap(), PRICES, LoadPolicy::new(), &source);
    assert!(prices.refresh(1).unwrap());
    wait_until("the load", || prices.keyspace().get(1).as_deref() == Some(&100));
    let held = source.is_held.lock().unwrap();
    assert!(prices.refresh(1).unwrap() && prices.refresh(1).unwrap(), "begun, and under way");
    source.wait_for(2);
    assert_eq!(value(&prices), 100);
    drop(held);
    wait_until("the refresh", || value(&prices) == 101);
    let update = prices.keyspace().begin_update(1).unwrap();
    prices.keyspace().insert(1, 7).unwrap();
    assert!(!prices.refresh(1).unwrap(), "the source is changing");
    update.finish();
    assert_eq!((value(&prices), source.loads()), (7, 2));
}

/// Returns the number of lookups until a refresh began, or `None` if 10,000 lookups began none.
fn lookups_until_a_refresh(prices: &Registered) -> Option<u32> {
    (1..=10_000).find(|_| {
        let _ = value(prices);
        prices.keyspace().stats().refreshes > 0
    })
}

#[test]
fn a_value_expires_early_at_random_by_the_time_of_its_load_also_after_a_restart_and_touches() {
    // The first touch finds the value on disk only. The second touch finds it in memory.
    for touches in 0..=2 {
        let place = Place::new();
        let policy = LoadPolicy::new().early_expiration(1.0);
        let open = || {
            let cache = place.builder().stepped(7).open().unwrap();
            let (clock, source) = (place.clock.clone(), Arc::new(Source::default()));
            let loader = move |_: &u64, _: Option<Arc<u64>>| {
                clock.advance(Duration::from_secs(2));
                Ok(Load::Cache(Arc::new(source.load())))
            };
            (cache.clone(), cache.keyspace(PRICES).unwrap().with_loader(policy, loader).unwrap())
        };
        let (cache, prices) = open();
        assert_eq!(value(&prices), 100);
        assert_eq!(lookups_until_a_refresh(&prices), None, "P = e^-30");
        cache.close().unwrap();
        drop((cache, prices));
        let (cache, prices) = open();
        (0..touches).for_each(|_| assert!(prices.keyspace().touch(1).unwrap()));
        place.clock.advance(TTL.saturating_sub(Duration::from_secs(2)));
        let lookups = lookups_until_a_refresh(&prices);
        assert!(lookups.is_some_and(|lookups| lookups < 20), "P = e^-1: {lookups:?}, {touches} touches");
        cache.close().unwrap();
    }
}

#[test]
fn a_value_with_an_unknown_load_time_or_without_end_does_not_expire_early() {
    let policy = LoadPolicy::new().early_expiration(1e9);
    let endless = KeyspaceDefinition::new("endless").never_expires();
    for (definition, is_inserted) in [(PRICES, true), (endless, false)] {
        let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
        let prices = loading(&builder.open().unwrap(), definition, policy, &source);
        if is_inserted {
            prices.keyspace().insert(1, 7).unwrap();
        }
        assert_eq!(value(&prices), if is_inserted { 7 } else { 100 });
        clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
        assert_eq!(lookups_until_a_refresh(&prices), None);
    }
}

#[test]
fn the_age_of_a_value_outlives_a_restart() {
    let (place, source) = (Place::new(), Arc::new(Source::default()));
    let cache = place.builder().open().unwrap();
    let prices = loading(&cache, PRICES, ages(), &source);
    assert_eq!(value(&prices), 100);
    cache.close().unwrap();
    drop((cache, prices));
    place.clock.advance(AGE);
    let cache = place.builder().open().unwrap();
    let prices = loading(&cache, PRICES, ages(), &source);
    assert_eq!(value(&prices), 100, "it is read from disk");
    wait_until("the refresh", || value(&prices) == 101);
    cache.close().unwrap();
}

#[test]
fn a_value_from_before_the_loader_counts_as_written_when_it_was_registered() {
    let ((clock, builder), source) = (builder(), Arc::new(Source::default()));
    let cache = builder.open().unwrap();
    cache.keyspace(PRICES).unwrap().insert(1, 7).unwrap();
    let prices = loading(&cache, PRICES, LoadPolicy::new().refresh_after(Duration::from_secs(10)), &source);
    clock.advance(Duration::from_secs(9));
    assert_eq!((value(&prices), source.loads()), (7, 0));
    clock.advance(Duration::from_secs(1));
    wait_until("the refresh", || value(&prices) == 100);
}

#[test]
fn a_policy_that_contradicts_itself_or_its_keyspace_is_refused() {
    let keyspace = Cache::builder().open().unwrap().keyspace(PRICES).unwrap();
    let refused = |policy| {
        let loader = |_: &u64, _: Option<Arc<u64>>| Err::<Load<u64>, _>("no source");
        match keyspace.with_loader(policy, loader) {
            Err(Error::InvalidSetting { setting, .. }) => setting,
            other => panic!("{other:?}"),
        }
    };
    let new = LoadPolicy::new;
    assert_eq!(refused(new().refresh_after(TTL)), "refresh_after");
    assert_eq!(refused(new().early_expiration(0.0)), "early_expiration");
    assert_eq!(refused(new().soft_timeout(SOON)), "soft_timeout", "there is no grace");
    assert_eq!(refused(new().hard_timeout(Duration::ZERO)), "hard_timeout");
}

#[test]
fn a_value_that_memory_evicts_during_its_refresh_is_read_from_disk() {
    let (place, source) = (Place::new(), Arc::new(Source::default()));
    let cache = place.builder().memory_capacity(64 << 10).open().unwrap();
    // Memory has room for one entry.
    let prices = loading(&cache, PRICES.weigher(|_| 40 << 10), LoadPolicy::new(), &source);
    assert_eq!(value(&prices), 100);
    cache.flush().unwrap();
    let held = source.is_held.lock().unwrap();
    assert!(prices.refresh(1).unwrap());
    source.wait_for(2);
    prices.keyspace().insert(2, 2).unwrap();
    cache.flush().unwrap();
    let loaded = prices.keyspace().get_or_load(1, || Err::<u64, _>("it waits, or loads")).unwrap();
    assert_eq!((*loaded, prices.keyspace().stats().disk_hits), (100, 1));
    prices.keyspace().insert(2, 2).unwrap();
    cache.flush().unwrap();
    assert_eq!((value(&prices), prices.keyspace().stats().disk_hits), (100, 2));
    drop(held);
    cache.close().unwrap();
}

#[test]
fn a_refresh_that_finds_nothing_ends_the_live_value() {
    let _watch = watch_this_test();
    for definition in [PRICES, PRICES.absent_ttl(TTL), GRACEFUL] {
        let (clock, prices) = with_loader(definition, ages(), |_, live| {
            Ok(if live.is_none() { Load::Cache(Arc::new(1)) } else { Load::Absent })
        });
        assert_eq!(value(&prices), 1);
        clock.advance(AGE);
        assert_eq!(value(&prices), 1);
        wait_until("the absence", || prices.keyspace().get(1).is_none());
    }
}
