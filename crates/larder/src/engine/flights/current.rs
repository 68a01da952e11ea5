//! The loaders that run on this thread, so that a wait of one of them is known as its wait.
//!
//! A synchronous loader is on the list while it runs. An asynchronous loader is on the list while it is
//! polled. A loader that spawns a task or starts a thread leaves the list there: waits of the new task are
//! not known as waits of the loader, and only the deadline ends a circle through them.
//!
//! A synchronous loader that drives a runtime on its own thread (`block_on` on a current-thread runtime)
//! polls other tasks of that runtime, too. Their waits look as if the loader made them. So such a task may
//! get an error for a circle that is none.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::graph::{Waiter, Waiters};
use crate::sys::sync::{thread, thread_local};

thread_local! {
    /// The loaders, innermost last.
    static LOADERS: RefCell<Vec<Waiter>> = const { RefCell::new(Vec::new()) };
}

/// A loader that runs on this thread. Dropping this value takes it from the list.
struct RunningLoader(());

impl Drop for RunningLoader {
    fn drop(&mut self) {
        _ = LOADERS.try_with(|loaders| loaders.borrow_mut().pop());
    }
}

/// Runs a loader, or polls it, as the loader that this waiter stands for.
pub(super) fn run_loader<R>(waiter: Option<Waiter>, loader: impl FnOnce() -> R) -> R {
    let _running = waiter.map(|waiter| {
        // At the end of a thread, its variables may be gone already. Then no circle is found.
        _ = LOADERS.try_with(|loaders| loaders.borrow_mut().push(waiter));
        RunningLoader(())
    });
    loader()
}

/// Returns the waiters that a wait stands for which blocks this thread: the thread, and all loaders on it.
pub(super) fn blocked_by_this_thread() -> Waiters {
    let mut waiters = SmallVec::from_slice(&[Waiter::Thread(thread::current().id())]);
    _ = LOADERS.try_with(|loaders| waiters.extend(loaders.borrow().iter().copied()));
    waiters.dedup();
    waiters
}

/// Returns the waiter that the wait of a task stands for: the loader that polls it. The loaders around this
/// one wait for it, so they need no wait of their own. Returns none for a task that no loader polls: no
/// flight waits for such a task.
pub(super) fn blocked_by_this_task() -> Waiters {
    let innermost = LOADERS.try_with(|loaders| loaders.borrow().last().copied());
    innermost.ok().flatten().into_iter().collect()
}
