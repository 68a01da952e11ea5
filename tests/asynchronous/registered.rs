//! Tests of registered asynchronous loaders: their timeouts, and the limit on the number of their tasks.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::{
    AsyncLoadingKeyspace, Cache, CacheBuilder, DEFAULT_COOL_DOWN, Error, KeyspaceDefinition, Load, LoadError,
    LoadPolicy, Loaded,
};
use tokio::sync::Semaphore;

use crate::support::simulated::wait_until;
use crate::support::tasks::{HandPolled, HandRuntime};
use crate::support::{Place, watch_this_test};

pub(super) const TTL: Duration = Duration::from_mins(1);
pub(super) const AGE: Duration = Duration::from_secs(30);
pub(super) const SOON: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_mins(10);
pub(super) const FARES: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("fare").ttl(TTL);
pub(super) const GRACED: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("graced").ttl(TTL).grace(Duration::from_mins(10));

pub(super) type AsyncFares = AsyncLoadingKeyspace<u64, u64, &'static str>;

/// An asynchronous source that counts its loads. Each load waits for a permit.
pub(super) struct SlowSource {
    loads: AtomicU64,
    /// Number of loads that were dropped before they ended.
    dropped: AtomicU64,
    permits: Semaphore,
}

/// A guard that counts a load as dropped, unless the load has set the flag.
struct UnlessEnded<'a>(&'a SlowSource, bool);

impl Drop for UnlessEnded<'_> {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(u64::from(!self.1), Ordering::SeqCst);
    }
}

impl SlowSource {
    /// Returns a source that can complete `permits` loads without waiting.
    pub(super) fn with_permits(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            loads: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            permits: Semaphore::new(permits),
        })
    }

    /// Returns 100 plus the number of earlier loads.
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

    pub(super) fn dropped(&self) -> u64 {
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

pub(super) fn on_hand() -> (Arc<ManualClock>, HandRuntime, CacheBuilder) {
    let (clock, runtime) = (Arc::new(ManualClock::new()), HandRuntime::default());
    let builder = runtime.of(Cache::builder().clock(clock.clone()));
    (clock, runtime, builder)
}

pub(super) fn ages() -> LoadPolicy {
    LoadPolicy::new().refresh_after(AGE)
}

/// Returns the result of `get_async(1)`, polled by hand.
pub(super) fn answer(fares: &AsyncFares) -> Result<Loaded<u64>, LoadError<&'static str>> {
    HandPolled::new(fares.get_async(1)).finish()
}

pub(super) fn value(fares: &AsyncFares) -> u64 {
    *answer(fares).unwrap().value.unwrap()
}

pub(super) fn stale(loaded: &Loaded<u64>) -> (Option<u64>, bool) {
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
        let (clock, builder) = if let Some(place) = &place {
            (place.clock.clone(), place.builder())
        } else {
            let clock = Arc::new(ManualClock::new());
            (clock.clone(), Cache::builder().clock(clock))
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
    // If the soft timeout has passed within the first poll, nothing wakes the task.
    let (clock, second) = (SystemClock::new(), Duration::from_secs(1));
    let began = clock.monotonic();
    wait_until("the soft timeout", || load.is_woken() || clock.monotonic().saturating_sub(began) > second);
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
    // The load of key 2 takes the only task, so the load of key 1 gets no task.
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
    // At most two load tasks run, and a lease times out after 50 ms.
    let builder = builder.load_tasks(2).lease_timeout(Duration::from_millis(50));
    let fares = source.register(&builder.open().unwrap(), FARES, LoadPolicy::new());
    fares.keyspace().insert_many((1..=4).map(|key| (key, key))).unwrap();
    let refresh = |key: u64| HandPolled::new(fares.refresh_async(key)).finish().unwrap();
    assert!(refresh(1) && refresh(1) && refresh(2));
    assert_eq!(runtime.poll(), 2);
    let is_refused = !refresh(3) && !refresh(5);
    let stats = fares.keyspace().stats();
    // On a slow machine, the two loads may already have timed out, and then a refresh may begin.
    if is_refused {
        assert_eq!((stats.refreshes, stats.refreshes_refused), (2, 2));
    }
    runtime.finish();
    assert!(source.dropped() >= 2, "they were dropped at their deadline");
    assert!(refresh(3));
    runtime.shut_down();
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
    // After a failed refresh, no refresh begins until the cool-down is over.
    assert!(!HandPolled::new(fares.refresh_async(1)).finish().unwrap());
    assert!(DEFAULT_COOL_DOWN > Duration::ZERO);
}
