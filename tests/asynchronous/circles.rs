//! Tests of loads that wait for each other in a cycle: tasks alone, or tasks together with threads.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::Arc;

use larder::{Cache, Keyspace, LoadError};

use crate::support::tasks::Runtime;
use crate::support::{VERSIONS, watch_this_test};

fn in_memory() -> (Cache, Keyspace<u64, u64>) {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    (cache, versions)
}

#[test]
fn loads_that_wait_for_one_another_are_refused() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        let (_cache, versions) = in_memory();
        let nested = |mine: u64, other: u64| {
            let versions = versions.clone();
            let inner = versions.clone();
            async move {
                let loader = move || async move {
                    let loaded = inner
                        .get_or_load_async(&other, || async { pending::<Result<u64, Infallible>>().await });
                    loaded.await.map(|value| *value).map_err(|error| matches!(error, LoadError::Cycle))
                };
                versions.get_or_load_async(&mine, loader).await
            }
        };
        // Key 1: the loader requests its own key.
        let own = runtime.block_on(nested(1, 1)).unwrap_err();
        assert_eq!(own.loader_error(), Some(&true), "{runtime:?}");
        // Keys 2 and 3: a task waits inside a thread's loader. Key 4: a thread waits inside a task's
        // loader.
        let in_thread = versions.get_or_load(&2, || runtime.block_on(nested(3, 2)).map(|_| 0_u64));
        let LoadError::Loader(error) = in_thread.unwrap_err() else { panic!("the loader fails") };
        assert_eq!(error.loader_error(), Some(&true), "{runtime:?}");
        let (versions_of_loader, blocks) = (versions.clone(), versions.clone());
        let loader = move || async move {
            blocks
                .get_or_load(&4, || Ok::<u64, Infallible>(0))
                .map_err(|error| matches!(error, LoadError::Cycle))
        };
        let in_task = runtime.block_on(versions_of_loader.get_or_load_async(&4, loader)).unwrap_err();
        assert_eq!(in_task.loader_error(), Some(&true), "{runtime:?}");
    }
}

#[test]
fn of_two_tasks_whose_loaders_wait_for_one_another_one_gets_an_error() {
    let _watch = watch_this_test();
    for runtime in Runtime::ALL {
        let (_cache, versions) = in_memory();
        let both = Arc::new(tokio::sync::Barrier::new(2));
        let nested = |mine: u64, other: u64| {
            let (versions, both) = (versions.clone(), both.clone());
            async move {
                let inner = versions.clone();
                let loader = move || async move {
                    both.wait().await;
                    let loaded = inner.get_or_load_async(&other, || ready(Ok::<u64, Infallible>(100))).await;
                    loaded.map(|value| *value).map_err(|error| assert!(matches!(error, LoadError::Cycle)))
                };
                versions.get_or_load_async(&mine, loader).await.is_err()
            }
        };
        let failed = runtime.block_on(async {
            let tasks = [runtime.spawn(nested(1, 2)), runtime.spawn(nested(2, 1))];
            let [one, two] = tasks;
            (one.await, two.await)
        });
        assert!(failed.0 || failed.1, "{runtime:?}");
    }
}
