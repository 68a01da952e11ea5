//! The tasks of a cache for loads in the background: the application's runtime runs them, and their number
//! is bounded.
//!
//! Asynchronous registered loaders need these tasks, as synchronous loaders need the threads of the
//! [pool](super::load_pool). A task drives a load to its end when no caller waits that long: a refresh, or a
//! load whose caller was answered with the stale value.
//!
//! 1. A load reserves a place before it takes its lease. Without a free place, a refresh is refused and
//!    counted. A load that a caller has requested then gets no task of its own: the tasks that wait for the
//!    load drive it. So no queue is needed.
//! 2. The loader is put into the flight. The task is one more wait for this flight ([`super::flights`]). So
//!    any waiting task drives the load, and a runtime that does not run one task delays no other task.
//! 3. The spawner is called without a lock. It may run the task at once. A panic of the spawner is caught,
//!    and the task is dropped.
//! 4. The task ends when the flight lands, or at the deadline of the lease. If this was the last wait for the
//!    flight, the loader is dropped with its lease. So a load that hangs frees its place. A runtime that
//!    drops the task has the same effect.
//!
//! A task holds neither the cache nor the spawner. So it keeps no file open, and a runtime whose handle is
//! inside the spawner can end while a load hangs. Closing the cache waits for no task.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::flights::tasks::TaskWait;
use crate::config::load_settings::Spawner;
use crate::sys::sync::{Arc, AtomicBool, AtomicUsize, Ordering};

/// The tasks for loads in the background.
pub(crate) struct LoadTasks {
    spawner: Option<Spawner>,
    max: usize,
    running: Arc<AtomicUsize>,
    /// Whether it was logged that the spawner panics.
    is_logged: AtomicBool,
}

/// A place for one task. Dropping this value frees the place.
#[derive(Debug)]
pub(crate) struct TaskPlace(Arc<AtomicUsize>);

impl Drop for TaskPlace {
    fn drop(&mut self) {
        // Relaxed, as in `reserve`: the number orders no other memory.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A task that drives a load to its end.
struct LoadTask {
    /// `None` when it has ended. Dropped before the place is freed.
    wait: Option<TaskWait>,
    _place: TaskPlace,
}

impl Future for LoadTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            drop(ready!(Pin::new(wait).poll(context)));
            // At the deadline, this drops the loader.
            self.wait = None;
        }
        Poll::Ready(())
    }
}

impl LoadTasks {
    pub(crate) fn new(spawner: Option<Spawner>, max: usize) -> Self {
        Self { spawner, max, running: Arc::default(), is_logged: AtomicBool::new(false) }
    }

    /// Returns whether the application has set a spawner.
    pub(crate) fn has_spawner(&self) -> bool {
        self.spawner.is_some()
    }

    /// Reserves a place. Returns `None` if no place is free, or if there is no spawner.
    pub(crate) fn reserve(&self) -> Option<TaskPlace> {
        self.spawner.as_ref()?;
        let increase = |running| (running < self.max).then_some(running + 1);
        let reserved = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, increase);
        reserved.is_ok().then(|| TaskPlace(self.running.clone()))
    }

    /// Passes a task that waits for a flight to the spawner. Returns false if there is no spawner, or if the
    /// spawner panics.
    pub(crate) fn spawn(&self, place: TaskPlace, wait: TaskWait) -> bool {
        let Some(spawner) = &self.spawner else { return false };
        let task = Box::pin(LoadTask { wait: Some(wait), _place: place });
        let answer = catch_unwind(AssertUnwindSafe(|| spawner.spawn(task)));
        if let Err(panic) = answer {
            // The payload may be a user's value, and its `Drop` may panic as well.
            drop(catch_unwind(AssertUnwindSafe(|| drop(panic))));
            if !self.is_logged.swap(true, Ordering::Relaxed) {
                tracing::warn!("the spawner has panicked: loads in the background are not begun");
            }
            return false;
        }
        true
    }
}

impl std::fmt::Debug for LoadTasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadTasks").field("max", &self.max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_a_place_that_is_dropped_is_free() {
        let without = LoadTasks::new(None, 2);
        assert!(without.reserve().is_none() && !without.has_spawner());
        let spawner = crate::Cache::builder().spawner(drop).load_tasks.spawner;
        let tasks = LoadTasks::new(spawner, 2);
        let places = [tasks.reserve(), tasks.reserve()];
        assert!(places.iter().all(Option::is_some) && tasks.reserve().is_none());
        drop(places);
        assert_eq!(tasks.running.load(Ordering::Relaxed), 0);
        assert!(tasks.reserve().is_some());
    }
}
