//! Tests of loads and refreshes that wait in the queue, because all threads of the pool are busy. A caller
//! with a hard timeout waits for a queued load. Any other caller loads the key itself, at the latest when
//! its soft timeout has passed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, KeyspaceDefinition, Load, LoadError, LoadPolicy, Ttl};

use super::registered_loaders::{
    AGE, GRACEFUL, LATE, PRICES, Registered, SOON, Source, TTL, ages, builder, loading, value, with_loader,
};
use crate::support::simulated::wait_until;
use crate::support::{panic_of, watch_this_test};

/// A pool with one thread, which a test can keep busy.
struct BusyPool {
    source: Arc<Source>,
    filler: Registered,
}

impl BusyPool {
    fn new(cache: &Cache) -> Self {
        let source = Arc::new(Source::default());
        let definition = KeyspaceDefinition::new("busy").ttl(TTL);
        let filler = loading(cache, definition, LoadPolicy::new(), &source);
        Self { source, filler }
    }

    /// Keeps the thread of the pool busy while `run` runs.
    fn while_busy(&self, run: impl FnOnce()) {
        let held = self.source.is_held.lock().unwrap();
        let loads = self.source.loads();
        assert!(self.filler.refresh(loads).unwrap());
        self.source.wait_for(loads + 1);
        run();
        drop(held);
    }

    /// Waits until all queued loads have run.
    fn wait_for_queue(&self) {
        let loads = self.source.loads();
        assert!(self.filler.refresh(loads).unwrap());
        wait_until("the queue", || self.filler.keyspace().contains_key(loads));
    }
}

#[test]
fn a_loader_that_asks_for_a_key_in_the_queue_loads_it_itself() {
    let _watch = watch_this_test();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (runs, is_running) = mpsc::channel();
    let (own, may_go_on) = (Arc::new(Mutex::new(None::<Registered>)), Mutex::new(may_go_on));
    let (asks, loads) = (own.clone(), Arc::new(AtomicU64::new(0)));
    let counted = loads.clone();
    let cache = builder().1.load_threads(1).open().unwrap();
    let loader = move |key: &u64, _: Option<Arc<u64>>| {
        if *key != 1 {
            counted.fetch_add(1, Ordering::SeqCst);
            return Ok(Load::Cache(Arc::new(20)));
        }
        runs.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        let own = asks.lock().unwrap().clone().unwrap();
        Ok(Load::Cache(Arc::new(1 + *own.get(2).unwrap().value.unwrap())))
    };
    let prices: Registered = cache.keyspace(PRICES).unwrap().with_loader(LoadPolicy::new(), loader).unwrap();
    *own.lock().unwrap() = Some(prices.clone());
    let busy = BusyPool::new(&cache);
    assert!(prices.refresh(1).unwrap());
    is_running.recv().unwrap();
    assert!(prices.refresh(2).unwrap() && prices.refresh(2).unwrap(), "it queues behind the load of key 1");
    go_on.send(()).unwrap();
    wait_until("both loads", || prices.keyspace().get(1).as_deref() == Some(&21));
    busy.wait_for_queue();
    assert_eq!(loads.load(Ordering::SeqCst), 1, "the queued load was not run as well");
    own.lock().unwrap().take();
}

#[test]
fn a_refresh_in_the_queue_stalls_no_caller_when_its_value_expires() {
    let _watch = watch_this_test();
    let (clock, builder) = builder();
    let (cache, source) = (builder.load_threads(1).open().unwrap(), Arc::new(Source::default()));
    let prices = loading(&cache, PRICES, ages(), &source);
    let patient = loading(&cache, PRICES, LoadPolicy::new().hard_timeout(LATE), &source);
    let busy = BusyPool::new(&cache);
    for key in 0..3 {
        prices.keyspace().insert(key, 7).unwrap();
    }
    clock.advance(AGE);
    busy.while_busy(|| {
        for key in 0..3 {
            assert_eq!(*prices.get(key).unwrap().value.unwrap(), 7);
        }
        assert_eq!(prices.keyspace().stats().refreshes, 3);
        clock.advance(TTL);
        assert_eq!(*prices.get(0).unwrap().value.unwrap(), 100, "the caller loads");
        let loaded = prices.keyspace().get_or_load(1, || Ok::<u64, &str>(5)).unwrap();
        assert_eq!(*loaded, 5);
        assert_eq!(source.loads(), 1);
    });
    assert_eq!(*patient.get(2).unwrap().value.unwrap(), 101, "a load comes before all refreshes");
    busy.wait_for_queue();
    assert_eq!(source.loads(), 2, "what was taken over is not loaded again");
    assert_eq!(prices.keyspace().get(1).as_deref(), Some(&5));
}

#[test]
fn with_a_soft_timeout_alone_no_caller_waits_for_the_queue() {
    let _watch = watch_this_test();
    let (_, builder) = builder();
    let (cache, source) = (builder.load_threads(1).open().unwrap(), Arc::new(Source::default()));
    let prices = loading(&cache, GRACEFUL, LoadPolicy::new().soft_timeout(SOON), &source);
    let busy = BusyPool::new(&cache);
    busy.while_busy(|| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(value(&prices), 100));
            }
        });
    });
    busy.wait_for_queue();
    assert_eq!(source.loads(), 1, "one of them has taken the load over");
}

/// Runs a refresh to its end, and checks that the next hits begin no other refresh until a write of the key.
/// Calls `end` while the refresh runs.
fn assert_paused(clock: &ManualClock, prices: &Registered, end: impl FnOnce()) {
    prices.keyspace().insert(1, 1).unwrap();
    clock.advance(AGE);
    assert_eq!(value(prices), 1);
    end();
    wait_until("the refresh", || prices.keyspace().stats().load_latency.count() == 1);
    (0..100).for_each(|_| assert_eq!(value(prices), 1));
    assert_eq!(prices.keyspace().stats().refreshes, 1);
    prices.keyspace().insert(1, 1).unwrap();
    clock.advance(AGE);
    assert_eq!(value(prices), 1);
    assert_eq!(prices.keyspace().stats().refreshes, 2, "a write ends the pause");
}

#[test]
fn a_refresh_that_is_not_cached_is_not_repeated_by_the_next_hit() {
    let _watch = watch_this_test();
    let definition = GRACEFUL.cool_down(Duration::from_hours(1));
    let out_of_range = Ttl::For(Duration::from_nanos(1));
    let (clock, prices) =
        with_loader(definition, ages(), move |_, _| Ok(Load::CacheFor(Arc::new(2), out_of_range)));
    assert_paused(&clock, &prices, || ());
    // In this part, the load ends after its deadline.
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (runs, is_running) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let timeout = Duration::from_secs(1);
    let (clock, prices) = with_loader(definition, ages().hard_timeout(timeout), move |_, _| {
        // A load of key 2 waits for this lock.
        let may_go_on = may_go_on.lock().unwrap();
        _ = runs.send(());
        _ = may_go_on.recv();
        Ok(Load::Cache(Arc::new(2)))
    });
    assert_paused(&clock, &prices, || {
        is_running.recv().unwrap();
        // This load times out later than the refresh of key 1.
        assert!(matches!(prices.get(2), Err(LoadError::Timeout { .. })));
        go_on.send(()).unwrap();
    });
    drop(go_on);
}

#[test]
fn an_explicit_refresh_of_a_missing_key_begins_none_during_an_update() {
    let _watch = watch_this_test();
    let (_, prices) = with_loader(PRICES, LoadPolicy::new(), |_, _| Ok(Load::Cache(Arc::new(1))));
    let update = prices.keyspace().begin_update(1).unwrap();
    assert!(!prices.refresh(1).unwrap(), "nothing of it could be cached");
    assert_eq!(prices.keyspace().stats().refreshes_refused, 0, "the pool had room");
    update.finish();
    assert!(prices.refresh(1).unwrap());
    wait_until("the load", || prices.keyspace().contains_key(1));
}

#[test]
fn an_explicit_refresh_is_no_use_of_the_value() {
    let _watch = watch_this_test();
    let (clock, builder) = builder();
    let (cache, source) = (builder.open().unwrap(), Arc::new(Source::default()));
    let idle = Duration::from_secs(20);
    let prices = loading(&cache, PRICES.time_to_idle(idle), LoadPolicy::new(), &source);
    prices.keyspace().insert(1, 7).unwrap();
    let held = source.is_held.lock().unwrap();
    clock.advance(idle / 2);
    assert!(prices.refresh(1).unwrap());
    // Uses are recorded with a precision of an eighth of the time to idle.
    clock.advance(idle * 5 / 8);
    assert!(!prices.keyspace().contains_key(1), "it was not used");
    drop(held);
}

/// Requests a value when it is dropped.
struct AsksWhenDropped<'a>(&'a Registered, &'a Mutex<Option<bool>>);

impl Drop for AsksWhenDropped<'_> {
    fn drop(&mut self) {
        let answer = matches!(self.0.get(1), Err(LoadError::Panicked));
        *self.1.lock().unwrap() = Some(answer);
    }
}

#[test]
fn a_panic_on_the_pool_is_told_to_a_caller_that_is_unwinding() {
    let _watch = watch_this_test();
    let policy = LoadPolicy::new().hard_timeout(Duration::from_secs(20));
    let (_, prices) = with_loader(PRICES, policy, |_, _| panic!("the loader panics"));
    let is_told = Mutex::new(None);
    let caught = panic_of(|| {
        let _asks = AsksWhenDropped(&prices, &is_told);
        panic!("the caller unwinds");
    });
    assert_eq!(caught.as_deref(), Some("the caller unwinds"));
    assert_eq!(*is_told.lock().unwrap(), Some(true));
}
