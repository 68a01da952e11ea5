//! Tests of refreshes with registered asynchronous loaders. One thread of the contest acts as the runtime,
//! which runs or drops the tasks.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, PoisonError};

use larder::{AsyncLoadingKeyspace, BackgroundLoad, Cache, CacheBuilder, Load, LoadPolicy};
use shuttle::future::block_on;

use crate::explorer::contest;
use crate::place::{Place, TTL, versions};
use crate::source::Source;

type TaskRefreshed = AsyncLoadingKeyspace<u64, u64, Infallible>;

/// The tasks that the cache has passed to the runtime.
#[derive(Clone, Default)]
struct TaskQueue(Arc<shuttle::sync::Mutex<Vec<BackgroundLoad>>>);

impl TaskQueue {
    fn of(&self, builder: CacheBuilder) -> Cache {
        let queue = self.clone();
        builder.spawner(move |load| queue.lock().push(load)).open().unwrap()
    }

    fn lock(&self) -> shuttle::sync::MutexGuard<'_, Vec<BackgroundLoad>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<BackgroundLoad> {
        self.lock().pop()
    }

    fn run(&self) {
        while let Some(task) = self.next() {
            block_on(task);
        }
    }

    /// Drops all queued tasks, as a runtime does when it shuts down.
    fn shut_down(&self) {
        while let Some(task) = self.next() {
            drop(task);
        }
    }
}

/// Returns a handle whose loader reads the source.
fn refreshed(cache: &Cache, source: &Arc<Source>) -> TaskRefreshed {
    let source = source.clone();
    let loader = move |_: u64, _: Option<Arc<u64>>| {
        let source = source.clone();
        async move { Ok(Load::Cache(source.number().into())) }
    };
    versions(cache).with_async_loader(LoadPolicy::new().refresh_after(TTL / 2), loader).unwrap()
}

fn get(source: &Source, versions: &TaskRefreshed) {
    source
        .look("got in a task", || block_on(versions.get_async(1)).ok().map(|loaded| *loaded.value.unwrap()));
}

/// A task finds the value old, and its refresh overlaps a removal (contract 3).
pub(crate) fn a_refresh_in_a_task_never_outlives_a_removal() {
    let (place, source, queue) = (Place::new(), Arc::new(Source::new()), TaskQueue::default());
    let cache = queue.of(place.builder());
    let versions = refreshed(&cache, &source);
    get(&source, &versions);
    place.time.advance(TTL / 2);
    contest([
        &|| {
            source.change(|| _ = versions.keyspace().remove(1).unwrap());
            get(&source, &versions);
        },
        &|| {
            get(&source, &versions);
            queue.run();
            get(&source, &versions);
        },
    ]);
    queue.run();
    get(&source, &versions);
    cache.close().unwrap();
    source.look("committed", || place.committed(1));
    source.check();
}

/// The runtime drops the task of a refresh. A thread that finds the value expired may wait for the refresh,
/// and then loads the key itself.
pub(crate) fn a_refresh_that_its_runtime_drops_stalls_no_caller() {
    let (place, queue) = (Place::new(), TaskQueue::default());
    let cache = queue.of(place.builder());
    let loader = |_: u64, live: Option<Arc<u64>>| async move {
        match live {
            Some(_) => pending().await,
            None => Ok::<_, Infallible>(Load::Cache(Arc::new(7))),
        }
    };
    let policy = LoadPolicy::new().refresh_after(TTL / 2);
    let versions: TaskRefreshed = versions(&cache).with_async_loader(policy, loader).unwrap();
    assert_eq!(block_on(versions.get_async(1)).unwrap().value.as_deref(), Some(&7));
    place.time.advance(TTL / 2);
    assert_eq!(block_on(versions.get_async(1)).unwrap().value.as_deref(), Some(&7));
    place.time.advance(TTL / 2);
    contest([&|| queue.shut_down(), &|| {
        assert_eq!(*versions.keyspace().get_or_load(1, || Ok::<u64, Infallible>(7)).unwrap(), 7);
    }]);
    assert_eq!(block_on(versions.get_async(1)).unwrap().value.as_deref(), Some(&7));
    cache.close().unwrap();
}
