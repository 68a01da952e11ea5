//! Background tasks for the loads of a cache. The application's runtime runs these tasks, and their number is
//! bounded.
//!
//! Asynchronous registered loaders use these tasks as synchronous loaders use the threads of the
//! [pool](super::load_pool). A task polls a load that continues even if no caller waits for it: a refresh,
//! or a load whose callers may get a stale value.
//!
//! 1. Reserve a place. A refresh of a live value reserves its place before it takes its lease. A refresh is
//!    refused and counted if no place is free. A load that callers wait for then runs without a background
//!    task, because the waiting tasks poll it. So no queue is needed.
//! 2. Put the loader into the flight. The background task is another wait for this flight
//!    ([`super::flights`]). Any waiting task can poll the loader, so a runtime that does not run the
//!    background task delays no other task.
//! 3. Call the spawner, with no lock held, because the spawner may run the task immediately. If the spawner
//!    panics, the panic is caught and the task is dropped.
//! 4. The task ends when the flight lands, when the deadline of the lease passes, or when the runtime drops
//!    the task. If this was the last wait for the flight, the loader and its lease are dropped. So a load
//!    that hangs frees its place.
//!
//! A task owns neither the cache nor the spawner. So it does not keep the file open, and a runtime whose
//! handle is in the spawner can end while a load hangs. Closing the cache does not wait for the tasks.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::flights::tasks::TaskWait;
use crate::config::load_settings::Spawner;
use crate::sys::sync::{Arc, AtomicBool, AtomicUsize, Ordering};
use crate::sys::user_code::drop_panic;

pub(crate) struct LoadTasks {
    spawner: Option<Spawner>,
    max: usize,
    running: Arc<AtomicUsize>,
    /// Whether the log already has the warning that the spawner panics.
    is_logged: AtomicBool,
}

/// A place for one task. Dropping this value frees the place.
#[derive(Debug)]
pub(crate) struct TaskPlace(Arc<AtomicUsize>);

impl Drop for TaskPlace {
    fn drop(&mut self) {
        // Relaxed, as in `reserve`, because the number does not guard other memory.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A background task that waits for a load, and so polls its loader.
struct LoadTask {
    /// `None` after the wait has ended. The wait is dropped before the place is freed.
    wait: Option<TaskWait>,
    _place: TaskPlace,
}

impl Future for LoadTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            drop(ready!(Pin::new(wait).poll(context)));
            // After the deadline, dropping the last wait drops the loader.
            self.wait = None;
        }
        Poll::Ready(())
    }
}

impl LoadTasks {
    pub(crate) fn new(spawner: Option<Spawner>, max: usize) -> Self {
        Self { spawner, max, running: Arc::default(), is_logged: AtomicBool::new(false) }
    }

    pub(crate) fn has_spawner(&self) -> bool {
        self.spawner.is_some()
    }

    /// Reserves a place. Returns `None` if no place is free or there is no spawner.
    pub(crate) fn reserve(&self) -> Option<TaskPlace> {
        self.spawner.as_ref()?;
        let increase = |running| (running < self.max).then_some(running + 1);
        let reserved = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, increase);
        reserved.is_ok().then(|| TaskPlace(self.running.clone()))
    }

    /// Passes a background task to the spawner. Returns false if there is no spawner, or if the spawner
    /// panics.
    pub(crate) fn spawn(&self, place: TaskPlace, wait: TaskWait) -> bool {
        let Some(spawner) = &self.spawner else { return false };
        let task = Box::pin(LoadTask { wait: Some(wait), _place: place });
        let answer = catch_unwind(AssertUnwindSafe(|| spawner.spawn(task)));
        if let Err(panic) = answer {
            drop_panic(panic);
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
