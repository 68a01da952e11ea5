//! Registered asynchronous loaders: timeouts, the bound of their tasks, and runtimes that end.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{
    AsyncLoadingKeyspace, Cache, CacheBuilder, DEFAULT_COOL_DOWN, Error, KeyspaceDefinition, Load, LoadError,
    LoadPolicy, Loaded, LookupOutcome,
};
use tokio::sync::Semaphore;

use crate::support::tasks::{HandPolled, HandRuntime, Runtime};
use crate::support::{Place, watch_this_test};

pub(super) const TTL: Duration = Duration::from_mins(1);
pub(super) const AGE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_mins(10);
pub(super) const FARES: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("fare").ttl(TTL);
const GRACED: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("graced").ttl(TTL).grace(Duration::from_mins(10));

pub(super) type AsyncFares = AsyncLoadingKeyspace<u64, u64, &'static str>;

/// An asynchronous source, which counts its loads. A load waits for a permit.
pub(super) struct SlowSource {
    loads: AtomicU64,
    /// Loads that were dropped before they had ended.
    dropped: AtomicU64,
    permits: Semaphore,
}

/// Counts a load that is dropped.
struct UnlessEnded<'a>(&'a SlowSource, bool);

impl Drop for UnlessEnded<'_> {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(u64::from(!self.1), Ordering::SeqCst);
    }
}

impl SlowSource {
    /// Returns a source that gives so many answers at once.
    pub(super) fn with_permits(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            loads: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            permits: Semaphore::new(permits),
        })
    }

    /// Returns the number of this load, plus 100.
    async fn load(&self) -> u64 {
        let load = self.loads.fetch_add(1, Ordering::SeqCst);
        let mut end = UnlessEnded(self, false);
        self.permits.acquire().await.unwrap().forget();
        end.1 = true;
        100 + load
    }

    pub(super) fn permit(&self, loads: usize) {
        self.permits.add_permits(loads);
    }

    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::SeqCst)
    }

    pub(super) fn register(
        self: &Arc<Self>,
        cache: &Cache,
        definition: KeyspaceDefinition<u64, u64>,
        policy: LoadPolicy,
    ) -> AsyncFares {
        let source = self.clone();
        let loader = move |_: u64, _: Option<Arc<u64>>| {
            let source = source.clone();
            async move { Ok(Load::Cache(Arc::new(source.load().await))) }
        };
        cache.keyspace(definition).unwrap().with_async_loader(policy, loader).unwrap()
    }
}

/// Returns a clock, a runtime, and the builder of a cache with both.
pub(super) fn on_hand() -> (Arc<ManualClock>, HandRuntime, CacheBuilder) {
    let (clock, runtime) = (Arc::new(ManualClock::new()), HandRuntime::default());
    let builder = runtime.of(Cache::builder().clock(clock.clone()));
    (clock, runtime, builder)
}

pub(super) fn ages() -> LoadPolicy {
    LoadPolicy::new().refresh_after(AGE)
}

/// Returns the answer to a lookup, which waits for no task.
pub(super) fn answer(fares: &AsyncFares) -> Result<Loaded<u64>, LoadError<&'static str>> {
    HandPolled::new(fares.get_async(1)).finish()
}

pub(super) fn value(fares: &AsyncFares) -> u64 {
    *answer(fares).unwrap().value.unwrap()
}

fn stale(loaded: &Loaded<u64>) -> (Option<u64>, bool) {
    (loaded.value.as_deref().copied(), loaded.is_stale)
}

#[test]
fn a_policy_that_needs_a_runtime_is_refused_without_one() {
    let cache = Cache::builder().open().unwrap();
    let register = |policy| {
        let loader = |key, _| async move { Ok::<_, Infallible>(Load::Cache(Arc::new(key))) };
        cache.keyspace(GRACED).unwrap().with_async_loader(policy, loader)
    };
    let early = LoadPolicy::new().early_expiration(1.0);
    for policy in [ages(), early, LoadPolicy::new().soft_timeout(SOON)] {
        assert!(
            matches!(register(policy), Err(Error::InvalidSetting { setting: "spawner", .. })),
            "{policy:?}"
        );
    }
    for policy in [LoadPolicy::new(), LoadPolicy::new().hard_timeout(LATE)] {
        let fares = register(policy).unwrap();
        assert_eq!(HandPolled::new(fares.get_async(7)).finish().unwrap().value.as_deref(), Some(&7));
        let refused = HandPolled::new(fares.refresh_async(7)).finish();
        assert!(matches!(refused, Err(Error::InvalidSetting { setting: "spawner", .. })));
    }
    let contradiction = LoadPolicy::new().hard_timeout(Duration::ZERO);
    assert!(matches!(register(contradiction), Err(Error::InvalidSetting { setting: "hard_timeout", .. })));
    for tasks in [0, 65_537] {
        let refused = Cache::builder().load_tasks(tasks).open();
        assert!(matches!(refused, Err(Error::InvalidSetting { setting: "load_tasks", .. })));
    }
}

#[test]
fn a_slow_load_is_answered_with_the_stale_value_and_goes_on() {
    let _watch = watch_this_test();
    for on_disk in [false, true] {
        let place = on_disk.then(Place::in_memory);
        let (runtime, source) = (HandRuntime::default(), SlowSource::with_permits(1));
        let (clock, builder) = match &place {
            Some(place) => (place.clock.clone(), place.builder()),
            None => {
                let clock = Arc::new(ManualClock::new());
                (clock.clone(), Cache::builder().clock(clock))
            }
        };
        let cache = runtime.of(builder).open().unwrap();
        let policy = LoadPolicy::new().soft_timeout(SOON).hard_timeout(LATE);
        let fares = source.register(&cache, GRACED, policy);
        assert_eq!(value(&fares), 100);
        runtime.finish();
        clock.advance(TTL);
        assert_eq!(stale(&answer(&fares).unwrap()), (Some(100), true));
        assert_eq!((fares.keyspace().stats().stale_answers, source.loads(), source.dropped()), (1, 2, 0));
        source.permit(1);
        runtime.finish();
        assert_eq!(stale(&answer(&fares).unwrap()), (Some(101), false), "it was cached without a caller");
        assert_eq!((source.loads(), source.dropped()), (2, 0));
        cache.close().unwrap();
    }
}

#[test]
fn a_slow_load_without_a_stale_value_is_waited_for() {
    let _watch = watch_this_test();
    let ((_, runtime, builder), source) = (on_hand(), SlowSource::with_permits(0));
    let policy = LoadPolicy::new().soft_timeout(Duration::from_millis(1)).hard_timeout(LATE);
    let fares = source.register(&builder.open().unwrap(), GRACED, policy);
    let mut load = HandPolled::new(fares.get_async(1));
    assert!(load.poll().is_pending());
    load.await_wake();
    assert!(load.poll().is_pending(), "the soft timeout has no stale value to answer with");
    source.permit(1);
    assert_eq!(stale(&load.finish().unwrap()), (Some(100), false));
    runtime.finish();
    assert_eq!(source.loads(), 1);
}

#[test]
fn past_the_hard_timeout_the_load_is_dropped_and_its_callers_are_answered() {
    let _watch = watch_this_test();
    let ((clock, _, builder), source) = (on_hand(), SlowSource::with_permits(0));
    let policy = LoadPolicy::new().hard_timeout(SOON);
    let definition = GRACED.cool_down(Duration::from_hours(1));
    let fares = source.register(&builder.open().unwrap(), definition, policy);
    assert!(matches!(answer(&fares), Err(LoadError::Timeout { waited: SOON })));
    assert_eq!((source.loads(), source.dropped()), (1, 1));
    fares.keyspace().insert(1, 7).unwrap();
    clock.advance(TTL);
    assert_eq!(stale(&answer(&fares).unwrap()), (Some(7), true));
    assert_eq!(stale(&answer(&fares).unwrap()), (Some(7), true));
    assert_eq!(source.loads(), 2, "a cool-down has begun");
}

#[test]
fn a_load_that_finds_no_place_is_answered_or_driven_by_its_callers() {
    let _watch = watch_this_test();
    let ((clock, runtime, builder), source) = (on_hand(), SlowSource::with_permits(1));
    let policy = LoadPolicy::new().soft_timeout(Duration::from_mins(1)).hard_timeout(LATE);
    let fares = source.register(&builder.load_tasks(1).open().unwrap(), GRACED, policy);
    assert_eq!(value(&fares), 100);
    runtime.finish();
    clock.advance(TTL);
    // Another key takes the only place.
    let mut other = HandPolled::new(fares.get_async(2));
    assert!(other.poll().is_pending());
    assert_eq!(runtime.tasks(), 1);
    assert_eq!(stale(&answer(&fares).unwrap()), (Some(100), true), "at once");
    assert_eq!(source.loads(), 2, "its loader was dropped before it began");
    let mut driven = HandPolled::new(fares.get_async(3));
    assert!(driven.poll().is_pending());
    assert_eq!(runtime.tasks(), 1, "its caller drives it");
    source.permit(2);
    assert!(driven.finish().is_ok() && other.finish().is_ok());
    runtime.finish();
    assert!(HandPolled::new(fares.refresh_async(2)).finish().unwrap(), "the place is free");
    runtime.shut_down();
}

#[test]
fn refreshes_beyond_the_bound_are_refused_and_a_hung_one_frees_its_place() {
    let _watch = watch_this_test();
    let ((_, runtime, builder), source) = (on_hand(), SlowSource::with_permits(0));
    // The deadline of a load.
    let builder = builder.load_tasks(2).lease_timeout(Duration::from_millis(50));
    let fares = source.register(&builder.open().unwrap(), FARES, LoadPolicy::new());
    fares.keyspace().insert_many((1..=4).map(|key| (key, key))).unwrap();
    let refresh = |key: u64| HandPolled::new(fares.refresh_async(key)).finish().unwrap();
    assert!(refresh(1) && refresh(1) && refresh(2));
    assert_eq!(runtime.poll(), 2);
    let is_refused = !refresh(3) && !refresh(5);
    let stats = fares.keyspace().stats();
    // On a slow machine, the deadline may have passed already.
    if is_refused {
        assert_eq!((stats.refreshes, stats.refreshes_refused), (2, 2));
    }
    runtime.finish();
    assert!(source.dropped() >= 2, "they were dropped at their deadline");
    assert!(refresh(3));
    runtime.shut_down();
}

#[test]
fn a_task_that_its_runtime_drops_gives_its_load_back() {
    let _watch = watch_this_test();
    let ((clock, runtime, builder), source) = (on_hand(), SlowSource::with_permits(1));
    let fares = source.register(&builder.load_tasks(1).open().unwrap(), FARES, ages());
    assert_eq!(value(&fares), 100);
    for is_begun in [false, true] {
        clock.advance(AGE);
        assert_eq!(value(&fares), 100);
        assert_eq!(runtime.tasks(), 1);
        if is_begun {
            assert_eq!(runtime.poll(), 1);
        }
        runtime.shut_down();
        let stats = fares.keyspace().stats();
        assert_eq!(source.dropped(), u64::from(is_begun));
        assert_eq!(stats.refreshes, 1 + u64::from(is_begun));
        // No flight is left, so a caller that finds the value expired loads it.
        clock.advance(TTL);
        let found = fares.keyspace().lookup(1).unwrap();
        let LookupOutcome::Load(lease) = found else { panic!("{found:?}") };
        assert!(lease.fill(100).unwrap());
    }
}

#[test]
fn a_runtime_that_ends_while_a_refresh_hangs_stalls_no_caller() {
    let _watch = watch_this_test();
    let source = SlowSource::with_permits(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let cache = Cache::builder().spawner(move |load| drop(handle.spawn(load))).open().unwrap();
    let fares = source.register(&cache, FARES, LoadPolicy::new());
    assert!(runtime.block_on(fares.refresh_async(1)).unwrap());
    crate::support::simulated::wait_until("the refresh", || source.loads() == 1);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| *fares.keyspace().get_or_load(1, || Ok::<u64, Infallible>(7)).unwrap());
        crate::support::simulated::wait_until("the waiter", || fares.keyspace().stats().misses > 0);
        drop(runtime);
        assert_eq!(waiter.join().unwrap(), 7);
    });
    assert_eq!(source.dropped(), 1);
    // A runtime that has ended drops each task.
    let begun = HandPolled::new(fares.refresh_async(1)).finish().unwrap();
    assert!(!begun && fares.keyspace().stats().refreshes_refused == 1);
}

#[test]
fn a_spawner_that_panics_costs_the_refresh_and_no_load() {
    let _watch = watch_this_test();
    let clock = Arc::new(ManualClock::new());
    let builder = Cache::builder().clock(clock.clone()).load_tasks(1);
    let cache = builder.spawner(|_| std::panic::resume_unwind(Box::new("planted"))).open().unwrap();
    let source = SlowSource::with_permits(2);
    let fares = source.register(&cache, GRACED, ages().soft_timeout(SOON));
    assert_eq!(value(&fares), 100);
    clock.advance(AGE);
    assert_eq!(value(&fares), 100);
    let stats = fares.keyspace().stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused), (0, 1));
    fares.keyspace().remove(1).unwrap();
    assert_eq!(value(&fares), 101, "its caller drives it");
}

#[test]
fn a_hung_task_holds_up_no_close_and_a_late_one_asks_no_source() {
    let _watch = watch_this_test();
    for is_begun in [false, true] {
        let ((_, runtime, builder), source) = (on_hand(), SlowSource::with_permits(0));
        let place = Place::in_memory();
        let cache = builder.path(place.path()).open().unwrap();
        let fares = source.register(&cache, FARES, LoadPolicy::new());
        fares.keyspace().insert(1, 1).unwrap();
        assert!(HandPolled::new(fares.refresh_async(1)).finish().unwrap());
        if is_begun {
            assert_eq!(runtime.poll(), 1);
        }
        cache.close().unwrap();
        source.permit(1);
        runtime.finish();
        assert_eq!((source.loads(), runtime.tasks()), (u64::from(is_begun), 0));
        drop((fares, cache));
        place.builder().open().unwrap().close().unwrap();
    }
}

#[test]
fn a_loader_that_panics_reports_it_to_its_callers_and_ends_no_task_by_it() {
    let _watch = watch_this_test();
    let (clock, runtime, builder) = on_hand();
    let panics = Arc::new(AtomicBool::new(true));
    let is_set = panics.clone();
    let loader = move |key: u64, _: Option<Arc<u64>>| {
        let panics = is_set.load(Ordering::SeqCst);
        async move { if panics { panic!("planted") } else { Ok::<_, &'static str>(Load::Cache(Arc::new(key))) } }
    };
    let fares = builder.open().unwrap().keyspace(FARES).unwrap();
    let fares = fares.with_async_loader(ages(), loader).unwrap();
    assert!(matches!(answer(&fares), Err(LoadError::Panicked)));
    panics.store(false, Ordering::SeqCst);
    assert_eq!(value(&fares), 1);
    panics.store(true, Ordering::SeqCst);
    clock.advance(AGE);
    assert_eq!(value(&fares), 1);
    runtime.finish();
    assert_eq!(fares.keyspace().stats().load_failures, 2);
    // The pause after a failed refresh.
    assert!(!HandPolled::new(fares.refresh_async(1)).finish().unwrap());
    assert!(DEFAULT_COOL_DOWN > Duration::ZERO);
}

#[test]
fn refreshes_and_soft_timeouts_work_on_each_runtime() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        runtime.block_on(async {
            let clock = Arc::new(ManualClock::new());
            let cache = Cache::builder().clock(clock.clone()).spawner(runtime.spawner()).open().unwrap();
            let source = SlowSource::with_permits(1);
            let policy = ages().soft_timeout(SOON);
            let fares = source.register(&cache, GRACED, policy);
            let get = async || stale(&fares.get_async(1).await.unwrap());
            assert_eq!(get().await, (Some(100), false), "{runtime:?}");
            clock.advance(AGE);
            assert_eq!(get().await, (Some(100), false), "{runtime:?}");
            source.permit(1);
            while get().await != (Some(101), false) {
                smol::future::yield_now().await;
            }
            clock.advance(TTL);
            assert_eq!(get().await, (Some(101), true), "{runtime:?}");
            source.permit(1);
            while get().await != (Some(102), false) {
                smol::future::yield_now().await;
            }
            cache.close_async().await.unwrap();
        });
    }
}

#[test]
fn a_lookup_that_is_dropped_at_any_poll_leaves_nothing_behind() {
    let _watch = watch_this_test();
    for n in 0.. {
        let place = Place::in_memory();
        let runtime = HandRuntime::default();
        let cache = runtime.of(place.builder()).open().unwrap();
        let ended = Arc::new(Mutex::new(0));
        let counted = ended.clone();
        let loader = move |_: u64, _: Option<Arc<u64>>| {
            let counted = counted.clone();
            async move {
                smol::future::yield_now().await;
                *counted.lock().unwrap() += 1;
                pending::<Result<Load<u64>, &'static str>>().await
            }
        };
        let graced = cache.keyspace(GRACED).unwrap();
        graced.insert(1, 1).unwrap();
        place.clock.advance(TTL);
        let policy = LoadPolicy::new().soft_timeout(SOON);
        let fares = graced.with_async_loader(policy, loader).unwrap();
        let mut call = HandPolled::new(fares.get_async(1));
        let mut has_ended = false;
        for poll in 0..n {
            if poll > 0 {
                call.await_wake();
            }
            if call.poll().is_ready() {
                has_ended = true;
                break;
            }
        }
        call.leave();
        crate::support::simulated::wait_until("its wakers", || call.kept_wakers() == 0);
        runtime.shut_down();
        crate::support::simulated::wait_until("the end of its lease", || {
            matches!(graced.lookup(1).unwrap(), LookupOutcome::Load(_))
        });
        cache.close().unwrap();
        if has_ended {
            return;
        }
        assert!(n < 50, "it does not end");
    }
}
