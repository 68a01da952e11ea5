//! Tests of loads, removals and durable changes from async code, together with calls from threads.
//!
//! Threads of the contest poll the futures of the tasks. The workers of the cache are threads of the model
//! too.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use larder::model::pass_time;
use larder::{Cache, Change, Durability, InsertOptions, Keyspace};
use shuttle::future::block_on;

use crate::explorer::contest;
use crate::place::{Place, versions};
use crate::source::Source;

/// A gate at which a loader waits. Its lock is part of the model, so the gate can open between any two steps.
#[derive(Default)]
struct Gate(shuttle::sync::Mutex<(bool, Option<Waker>)>);

impl Gate {
    fn open(&self) {
        let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gate.0 = true;
        let waker = gate.1.take();
        drop(gate);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|context| {
            let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// The state that the tasks and threads of a scenario share.
#[derive(Clone)]
struct SharedLoads {
    versions: Keyspace<u64, u64>,
    gate: Arc<Gate>,
    loads: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<Option<u64>>>>,
}

impl SharedLoads {
    fn of(cache: &Cache) -> Self {
        let versions = versions(cache);
        Self { versions, gate: Arc::default(), loads: Arc::default(), seen: Arc::default() }
    }

    fn count(&self) -> u64 {
        10 + self.loads.fetch_add(1, Ordering::SeqCst)
    }

    fn see(&self, value: Option<Arc<u64>>) {
        self.seen.lock().unwrap().push(value.map(|value| *value));
    }

    /// Loads key 1 in a task. The loader waits at the gate.
    async fn load(self) -> Option<Arc<u64>> {
        let shared = self.clone();
        let loader = move || async move {
            let value = shared.count();
            shared.gate.wait().await;
            Ok::<u64, Infallible>(value)
        };
        self.versions.get_or_load_async(&1, loader).await.ok()
    }

    fn load_in_task(&self) {
        self.see(block_on(self.clone().load()));
    }

    fn load_in_thread(&self) {
        let loader = || Ok::<u64, Infallible>(self.count());
        self.see(self.versions.get_or_load(&1, loader).ok());
    }

    /// Closes the cache. Returns the answers of the callers, and the number of loads.
    fn end(self, cache: &Cache) -> (Vec<Option<u64>>, u64) {
        let Self { versions, loads, seen, .. } = self;
        drop(versions);
        cache.close().unwrap();
        let seen = seen.lock().unwrap().clone();
        (seen, loads.load(Ordering::SeqCst))
    }
}

/// A waker that does nothing, for a future that is polled only once.
struct Unheeded;

impl Wake for Unheeded {
    fn wake(self: Arc<Self>) {}
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::new(Unheeded)))).is_ready()
}

/// Tasks and a thread load the same key. One loader runs, and every caller gets its value.
pub(crate) fn tasks_and_threads_share_one_load() {
    let cache = Place::new().open();
    let shared = SharedLoads::of(&cache);
    shared.gate.open();
    contest([&|| shared.load_in_task(), &|| shared.load_in_thread(), &|| shared.load_in_task()]);
    assert_eq!(shared.end(&cache), (vec![Some(10); 3], 1));
}

/// A task polls its load once, and is never polled again. The other task continues the load.
pub(crate) fn a_task_that_is_never_polled_again_stalls_no_task() {
    let cache = Cache::builder().open().unwrap();
    let shared = SharedLoads::of(&cache);
    contest([
        &|| {
            let mut load = Box::pin(shared.clone().load());
            _ = poll_once(load.as_mut());
            // The future is leaked, so that no `Drop` ends its wait.
            std::mem::forget(load);
        },
        &|| shared.load_in_task(),
        &|| shared.gate.open(),
    ]);
    // The waker thread ends once it has woken the leaked wait.
    pass_time();
    let (seen, _) = shared.end(&cache);
    assert_eq!(seen, [Some(10)]);
}

/// A task polls its load once, and is dropped. A task and a thread that wait for this load still get a value.
pub(crate) fn a_task_that_is_dropped_stalls_no_caller() {
    let cache = Cache::builder().open().unwrap();
    let shared = SharedLoads::of(&cache);
    contest([
        &|| {
            let mut load = pin!(shared.clone().load());
            _ = poll_once(load.as_mut());
        },
        &|| shared.load_in_thread(),
        &|| {
            shared.gate.open();
            shared.load_in_task();
        },
    ]);
    let (seen, loads) = shared.end(&cache);
    assert!(seen.len() == 2 && seen.iter().all(Option::is_some), "{seen:?}");
    assert!(loads <= 2, "{loads} loads");
}

/// The only task that waits for a load is dropped. A thread that waits for the load then loads the key
/// itself.
pub(crate) fn a_thread_loads_when_no_task_waits_any_more() {
    let cache = Cache::builder().open().unwrap();
    let shared = SharedLoads::of(&cache);
    contest([
        &|| {
            let mut load = pin!(shared.clone().load());
            _ = poll_once(load.as_mut());
        },
        &|| shared.load_in_thread(),
    ]);
    let (seen, _) = shared.end(&cache);
    assert!(seen.len() == 1 && seen.iter().all(Option::is_some), "{seen:?}");
}

/// The task that polls a local loader is dropped. A thread and a task that wait for its load still get a
/// value.
pub(crate) fn a_borrowed_loader_that_is_dropped_stalls_no_caller() {
    let cache = Place::new().open();
    let shared = SharedLoads::of(&cache);
    shared.gate.open();
    contest([
        &|| {
            let loader = async || pending::<Result<u64, Infallible>>().await;
            let load = shared.versions.get_or_load_local_async(&1, loader);
            let mut load = pin!(load);
            _ = poll_once(load.as_mut());
        },
        &|| shared.load_in_thread(),
        &|| shared.load_in_task(),
    ]);
    assert_eq!(shared.end(&cache), (vec![Some(10); 2], 1));
}

/// A task waits for a lease that is forgotten, until the lease times out.
pub(crate) fn a_forgotten_lease_stalls_no_task() {
    let cache = Cache::builder().open().unwrap();
    let shared = SharedLoads::of(&cache);
    shared.gate.open();
    contest([
        &|| {
            std::mem::forget(shared.versions.lookup(&1));
            // If the sweeper is not waiting yet, it misses this call. So the call is repeated.
            while shared.seen.lock().unwrap().len() < 2 {
                pass_time();
                shuttle::thread::yield_now();
            }
        },
        &|| shared.load_in_task(),
        &|| shared.load_in_task(),
    ]);
    let (seen, _) = shared.end(&cache);
    assert!(seen.len() == 2 && seen.iter().all(Option::is_some), "{seen:?}");
}

/// Tasks load and look up while another task removes the key (contract 3).
pub(crate) fn a_load_of_a_task_never_outlives_a_removal() {
    let (place, source) = (Place::new(), Arc::new(Source::new()));
    let cache = place.open();
    let versions = versions(&cache);
    let load = || {
        source.look("loaded in a task", || {
            let number = source.clone();
            let loader = move || async move { Ok::<u64, Infallible>(number.number()) };
            block_on(versions.get_or_load_async(&1, loader)).ok().map(|value| *value)
        });
    };
    contest([
        &|| {
            source.change(|| _ = block_on(versions.remove_async(&1)).unwrap());
            load();
        },
        &|| {
            load();
            source.look("got in a task", || block_on(versions.get_async(&1)).map(|value| *value));
        },
    ]);
    source.get(&versions, &1);
    cache.close().unwrap();
    source.look("committed", || place.committed(1));
    source.check();
}

/// Tasks make durable changes while the cache is closed. Every acknowledged change is on disk.
pub(crate) fn durable_changes_of_tasks_are_committed() {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    let seen = Mutex::new(Vec::new());
    let durable = InsertOptions::new().durability(Durability::Immediate);
    contest([
        &|| {
            if block_on(versions.insert_with_async(&1, 10, durable)).is_ok() {
                seen.lock().unwrap().push(1);
            }
        },
        &|| {
            let change = |_: Option<&u64>, _| Change::insert(10);
            if block_on(versions.modify_with_async(&2, Durability::Immediate, change)).is_ok() {
                seen.lock().unwrap().push(2);
            }
        },
        &|| cache.close().unwrap(),
    ]);
    for key in seen.lock().unwrap().iter() {
        assert_eq!(place.committed(*key), Some(10), "key {key} was acknowledged");
    }
}

/// A task begins a removal, and is dropped. Then the cache is closed. The removal must be executed before the
/// close.
pub(crate) fn a_change_that_a_task_has_begun_is_made_before_the_close() {
    change_in_a_task_and_close(|cache| cache.close().unwrap());
}

/// Like [`a_change_that_a_task_has_begun_is_made_before_the_close`], and a task closes the cache.
pub(crate) fn a_change_that_a_task_has_begun_is_made_before_the_close_of_a_task() {
    change_in_a_task_and_close(|cache| block_on(cache.close_async()).unwrap());
}

fn change_in_a_task_and_close(close: fn(&Cache)) {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    versions.insert(&1, 7).unwrap();
    cache.flush().unwrap();
    contest([
        &|| {
            let mut removal = Box::pin(versions.remove_async(&1));
            _ = poll_once(removal.as_mut());
            drop(removal);
            close(&cache);
        },
        &|| drop(versions.insert(&2, 8)),
    ]);
    assert_eq!(place.committed(1), None, "the removal was begun before the close");
}
