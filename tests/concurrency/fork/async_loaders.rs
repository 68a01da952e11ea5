//! Tests of asynchronous loaders that fork. The loader then returns in both processes.

use std::future::{Future, poll_fn};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use larder::{Error, Keyspace, Load, LoadError, LoadPolicy};

use super::split::{Child, Says, split};
use super::tasks::busy_cache;
use crate::support::tasks::HandPolled;

/// The handle of a forked child. Only the parent sets it.
type Forked = Arc<Mutex<Option<Child>>>;

/// Forks, and returns in both processes. The child keeps its pipe open, so the parent can detect when the
/// child ends.
fn fork_here(forked: &Forked) {
    match split() {
        Ok(child) => *forked.lock().unwrap() = Some(child),
        Err(says) => std::mem::forget(says),
    }
}

async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn fork_and_go_on(forked: &Forked, value: u64, yields: usize) -> Result<u64, ()> {
    fork_here(forked);
    for _ in 0..yields {
        yield_once().await;
    }
    Ok(value)
}

/// Runs a load whose loader forks. The child then checks that it gets the value and that a change fails, and
/// exits.
fn load<T: PartialEq + std::fmt::Debug>(
    versions: &Keyspace<u64, u64>,
    forked: &Forked,
    load: impl Future<Output = T>,
    expected: &T,
) {
    let parent = std::process::id();
    let loaded = HandPolled::new(load).finish();
    if std::process::id() != parent {
        let is_refused = matches!(versions.insert(&9, 9), Err(Error::Forked));
        std::process::exit(i32::from(loaded != *expected || !is_refused));
    }
    assert_eq!(loaded, *expected);
    assert_eq!(forked.lock().unwrap().take().unwrap().ends(), 0, "{expected:?}");
}

/// Loads a key in a child process. The load succeeds, but its value is not cached. The registration of an
/// asynchronous loader is refused.
pub(super) fn load_in_child(says: &mut Says, versions: &Keyspace<u64, u64>) {
    says.step("get_or_load_async");
    let loading = async { versions.get_or_load_async(&7, || async { Ok::<u64, ()>(70) }).await };
    assert_eq!(HandPolled::new(loading).finish().ok().as_deref(), Some(&70));
    assert!(versions.get(&7).is_none());
    says.step("with_async_loader");
    let loader = |key, _: Option<Arc<u64>>| async move { Ok::<_, ()>(Load::Cache(Arc::new(key))) };
    let refused = versions.with_async_loader(LoadPolicy::new(), loader);
    assert!(matches!(refused, Err(Error::Forked)));
}

pub(super) fn run(path: &Path) {
    let (cache, versions) = busy_cache(path);
    let forked = Forked::default();
    for (key, yields) in [(1, 0), (2, 3)] {
        let of_loader = forked.clone();
        let loader = move || async move { fork_and_go_on(&of_loader, 10, yields).await };
        let loading = async { versions.get_or_load_async(&key, loader).await.ok().map(|value| *value) };
        load(&versions, &forked, loading, &Some(10));
        assert_eq!(versions.get(&key).as_deref(), Some(&10));

        let loader = async || fork_and_go_on(&forked, 20, yields).await;
        let loading =
            async { versions.get_or_load_local_async(&(key + 2), loader).await.ok().map(|value| *value) };
        load(&versions, &forked, loading, &Some(20));
        assert_eq!(versions.get(&(key + 2)).as_deref(), Some(&20));
    }
    // Key 5: the loader forks and fails.
    let of_loader = forked.clone();
    let loader = move || async move { fork_and_go_on(&of_loader, 0, 1).await.map_or(Ok(0_u64), |_| Err(7)) };
    let loading = async {
        match versions.get_or_load_async(&5, loader).await {
            Err(LoadError::Loader(error)) => Some(*error),
            _ => None,
        }
    };
    load(&versions, &forked, loading, &Some(7));
    let of_loader = forked.clone();
    let loader = move || async move { fork_and_go_on(&of_loader, 0, 1).await.map(|_| None::<u64>) };
    let loading =
        async { versions.get_or_load_optional_async(&6, loader).await.ok().map(|value| value.is_none()) };
    load(&versions, &forked, loading, &Some(true));
    cache.close().unwrap();
}
