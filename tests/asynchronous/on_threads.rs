//! Tests of async calls on the cache's own threads, inside closures, during a close, and with unusual wakers.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use larder::testing::{Failure, SimulatedVolume, StallingDisk};
use larder::{
    Cache, Change, DiskState, Error, Event, Keyspace, KeyspaceDefinition, LoadError, LookupOutcome,
    PendingLoad, Waited,
};
use serde::{Deserialize, Serialize};
use smol::block_on;

use crate::support::tasks::HandPolled;
use crate::support::{HOUR, Place, VERSIONS, panics_with, watch_this_test};

/// Maximum number of workers of a process.
const MAX_WORKERS: usize = 16;

/// Opens a cache, and then makes its disk fail. The listener runs on the sweeper thread.
fn failing(listener: impl Fn(&Event) + Send + Sync + 'static) -> (Cache, Keyspace<u64, u64>) {
    let volume = SimulatedVolume::new();
    let cache = Cache::builder()
        .path("/shop.larder")
        .volume(&volume)
        .load_timeout(Duration::from_millis(2))
        .on_event(listener)
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    volume.fail_from(0, Failure::Io);
    versions.insert(&1, 1).unwrap();
    (cache, versions)
}

#[test]
fn a_timeout_of_a_task_ends_while_a_listener_holds_the_sweeper() {
    let _watch = watch_this_test();
    let (told, tells) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let (cache, versions) = failing(move |_| {
        _ = told.send(());
        _ = held.lock().unwrap().recv();
    });
    drop(cache.flush());
    tells.recv().unwrap();
    let lease = versions.lookup(&5).unwrap();
    let load = versions.get_or_load_async(&5, || async { Ok::<u64, Infallible>(5) });
    assert!(matches!(block_on(load), Err(LoadError::Timeout { .. })));
    drop((release, lease));
    drop(cache.close());
}

#[test]
fn a_listener_may_wait_for_a_load_with_a_timeout() {
    let _watch = watch_this_test();
    let slot: Arc<Mutex<Option<PendingLoad<u64>>>> = Arc::default();
    let (told, tells) = mpsc::channel();
    let taken = slot.clone();
    let (cache, versions) = failing(move |_| {
        if let Some(pending) = taken.lock().unwrap().take() {
            let waited = block_on(pending.wait_for_async::<Infallible>(Duration::from_millis(1)));
            told.send(matches!(waited, Err(LoadError::Timeout { .. }))).unwrap();
        }
    });
    let lease = versions.lookup(&5).unwrap();
    let Ok(LookupOutcome::Wait(pending)) = versions.lookup(&5) else { panic!("the load is there") };
    *slot.lock().unwrap() = Some(pending);
    drop(cache.flush());
    assert!(tells.recv().unwrap());
    drop(lease);
    drop(cache.close());
}

#[test]
fn a_listener_may_close_the_cache_by_the_async_call() {
    let _watch = watch_this_test();
    let own: Arc<OnceLock<Cache>> = Arc::default();
    let (told, tells) = mpsc::channel();
    let of_listener = own.clone();
    let (cache, versions) = failing(move |_| {
        if let Some(cache) = of_listener.get() {
            _ = told.send(block_on(cache.close_async()).is_err());
        }
    });
    own.set(cache.clone()).unwrap();
    drop(cache.flush());
    tells.recv().unwrap();
    drop(cache.close());
    assert!(matches!(versions.insert(&1, 1), Err(Error::Closed)));
}

#[test]
fn a_closure_is_refused_each_async_change_of_its_own_key() {
    let _watch = watch_this_test();
    for place in [None, Some(Place::new())] {
        let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
        let versions = cache.keyspace(VERSIONS).unwrap();
        versions.insert(&1, 1).unwrap();
        let kept = versions.modify(&1, |_, _| {
            let durable = larder::InsertOptions::new().durability(larder::Durability::Immediate);
            let is_refused = [
                block_on(versions.insert_async(&1, 2)),
                block_on(versions.insert_with_async(&1, 2, durable)),
                block_on(versions.insert_many_async([(1_u64, 2_u64)])),
                block_on(versions.modify_async(&1, |_, _| Change::Remove)).map(drop).map_err(Error::from),
                block_on(versions.remove_async(&1)).map(drop),
                block_on(versions.remove_many_async([1_u64])).map(drop),
                block_on(versions.clear_async()).map(drop),
                block_on(cache.clear_async()).map(drop),
            ]
            .map(|refused| matches!(refused, Err(Error::Reentrant)));
            assert_eq!(is_refused, [true; 8]);
            assert!(block_on(versions.insert_async(&2, 2)).is_ok());
            Change::Keep
        });
        assert_eq!(kept.unwrap().old(), Some(&1));
        cache.close().unwrap();
    }
}

/// A waker that calls one function when it wakes, and another function when it is dropped.
struct OddWaker {
    on_wake: fn(),
    on_drop: Box<dyn Fn() + Send + Sync>,
}

impl Wake for OddWaker {
    fn wake(self: Arc<Self>) {
        (self.on_wake)();
    }
}

impl Drop for OddWaker {
    fn drop(&mut self) {
        (self.on_drop)();
    }
}

#[test]
fn the_writer_runs_no_waker_and_drops_none() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = place.builder().stalling_disk(&disk).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&2, 2).unwrap();
    cache.flush().unwrap();
    let (told, tells) = mpsc::channel();
    let (first, second) = (versions.clone(), told.clone());
    let wakers = [
        OddWaker {
            on_wake: || resume_unwind(Box::new("planted")),
            on_drop: Box::new(move || _ = second.send(true)),
        },
        OddWaker {
            on_wake: || (),
            // Both a blocking call and an async call send a command to the writer.
            on_drop: Box::new(move || {
                let is_removed = first.remove(&2).unwrap();
                block_on(first.remove_async(&2)).unwrap();
                told.send(is_removed).unwrap();
            }),
        },
    ];
    let cancelled = cache.clone();
    for waker in wakers {
        disk.stall();
        versions.insert(&1, 1).unwrap();
        let mut flush = Box::pin(cancelled.flush_async());
        let waker = Waker::from(Arc::new(waker));
        assert!(flush.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        disk.resume();
        assert!(tells.recv().unwrap());
        drop(flush);
    }
    cache.flush().unwrap();
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::On);
    cache.close().unwrap();
}

#[test]
fn a_panic_of_a_task_beside_its_loader_is_no_panic_of_the_load() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let unwinds = |task: &mut dyn FnMut()| assert!(panics_with("beside the loader", task));
    let poll_once = |load: std::pin::Pin<&mut dyn Future<Output = ()>>| {
        assert!(load.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let Ok(LookupOutcome::Wait(pending)) = versions.lookup(&1) else { panic!("the load is there") };
        pending
    };
    let mut waiting = None;
    unwinds(&mut || {
        let load = pin!(async {
            drop(versions.get_or_load_async(&1, pending::<Result<u64, Infallible>>).await);
        });
        waiting = Some(poll_once(load));
        resume_unwind(Box::new("beside the loader"))
    });
    assert!(
        matches!(waiting.take().unwrap().wait::<Infallible>(), Ok(Waited::Unanswered)),
        "the flight has the loader"
    );
    unwinds(&mut || {
        let load = pin!(async {
            let loader = async || pending::<Result<u64, Infallible>>().await;
            drop(versions.get_or_load_local_async(&1, loader).await);
        });
        waiting = Some(poll_once(load));
        resume_unwind(Box::new("beside the loader"))
    });
    assert!(
        matches!(waiting.take().unwrap().wait::<Infallible>(), Ok(Waited::Unanswered)),
        "the caller has the loader"
    );
    let panics = versions.get_or_load_async(&1, || async {
        resume_unwind(Box::new("in the loader"));
        #[expect(unreachable_code, reason = "it names the type of the result")]
        Ok::<u64, Infallible>(1)
    });
    assert!(matches!(block_on(panics), Err(LoadError::Panicked)));
}

#[test]
fn a_task_goes_on_waiting_for_a_load_while_the_cache_is_closed() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let LookupOutcome::Load(lease) = versions.lookup(&1).unwrap() else { panic!("the cache is empty") };
    let loader = || async { Err::<u64, _>("it has no need to load") };
    let mut load = HandPolled::new(versions.get_or_load_async(&1, loader));
    assert!(load.poll().is_pending());
    cache.close().unwrap();
    assert!(load.poll().is_pending());
    assert!(!lease.fill(7).unwrap());
    assert_eq!(load.finish().map(|value| *value).ok(), Some(7));
}

#[test]
fn closing_waits_for_the_changes_that_tasks_have_begun() {
    let _watch = watch_this_test();
    let (busy_place, place) = (Place::new(), Place::new());
    let (busy, cache) = (busy_place.open(), place.open());
    let (versions, others) = (cache.keyspace(VERSIONS).unwrap(), busy.keyspace(VERSIONS).unwrap());
    versions.insert(&1, 1).unwrap();
    cache.flush().unwrap();
    // Occupies every worker with a closure that waits for a lock.
    let held = Arc::new(Mutex::new(()));
    let holder = held.lock().unwrap();
    let busy_changes: Vec<_> = (0..u64::try_from(MAX_WORKERS).unwrap())
        .map(|key| {
            let held = held.clone();
            let change = move |_: Option<&u64>, _| {
                drop(held.lock());
                Change::Keep
            };
            let mut busy_change = HandPolled::new(others.modify_async(key, change));
            assert!(busy_change.poll().is_pending());
            busy_change
        })
        .collect();
    let mut removal = HandPolled::new(versions.remove_async(&1));
    assert!(removal.poll().is_pending());
    removal.leave();
    thread::scope(|scope| {
        let closing = scope.spawn(|| cache.close().unwrap());
        thread::yield_now();
        drop(holder);
        closing.join().unwrap();
    });
    drop(busy_changes);
    let again = place.open();
    assert!(again.keyspace(VERSIONS).unwrap().get(&1).is_none());
    again.close().unwrap();
    busy.close().unwrap();
}

/// Whether the next drop of a [`PanicsOnceArmed`] panics.
static WILL_PANIC: AtomicBool = AtomicBool::new(false);

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct PanicsOnceArmed(u64);

impl Drop for PanicsOnceArmed {
    fn drop(&mut self) {
        if WILL_PANIC.swap(false, Ordering::SeqCst) {
            resume_unwind(Box::new("planted"));
        }
    }
}

const BRITTLE: KeyspaceDefinition<u64, PanicsOnceArmed> = KeyspaceDefinition::new("brittle").ttl(HOUR);

#[test]
fn a_removal_in_a_task_is_durable_though_the_drop_of_its_value_panics() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = place.builder().stalling_disk(&disk).open().unwrap();
    let brittle = cache.keyspace(BRITTLE).unwrap();
    brittle.insert(&1, PanicsOnceArmed(1)).unwrap();
    cache.flush().unwrap();
    disk.stall();
    WILL_PANIC.store(true, Ordering::SeqCst);
    let mut removal = HandPolled::new(brittle.remove_async(&1));
    assert!(removal.poll().is_pending());
    while WILL_PANIC.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    disk.await_sync();
    assert!(removal.poll().is_pending(), "the removal is not durable");
    disk.resume();
    assert!(removal.finish().unwrap(), "the panic reaches no caller");
    assert!(!brittle.remove(&1).unwrap());
    cache.close().unwrap();
}

#[test]
fn a_known_absence_in_memory_is_answered_at_the_first_poll() {
    let _watch = watch_this_test();
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS.absent_ttl(HOUR)).unwrap();
    versions.get_or_load_optional(&1, || Ok::<Option<u64>, Infallible>(None)).unwrap();
    let load = versions.get_or_load_optional_async(&1, || async { Ok::<_, Infallible>(Some(1_u64)) });
    assert!(matches!(HandPolled::new(load).poll(), Poll::Ready(Ok(None))));
    assert_eq!(cache.stats().absent_answers, 1);
    cache.close().unwrap();
}

#[test]
fn a_change_in_memory_waits_for_the_turn_of_a_slow_closure_without_its_executor() {
    let _watch = watch_this_test();
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let (told, tells) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let slow = versions.clone();
        scope.spawn(move || {
            let mut rounds = 0;
            let modified = slow.modify(&1, |_, _| {
                rounds += 1;
                if rounds <= 8 {
                    // Another insert changes the value, so `modify` must call this closure again.
                    let other = slow.clone();
                    thread::spawn(move || other.insert(&1, 0).unwrap()).join().unwrap();
                } else {
                    told.send(()).unwrap();
                    _ = held.recv();
                }
                Change::insert(1)
            });
            modified.unwrap();
        });
        tells.recv().unwrap();
        let add = |value: Option<&u64>, _| Change::insert(value.copied().unwrap_or_default() + 1);
        let mut change = HandPolled::new(versions.modify_async(&1, add));
        assert!(change.poll().is_pending());
        drop(release);
        assert_eq!(change.finish().unwrap().new_value(), Some(&2));
    });
}
