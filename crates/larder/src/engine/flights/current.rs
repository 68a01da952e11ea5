//! The list of loaders that are running on a thread. It tells the wait graph which loader a wait belongs to.
//!
//! A synchronous loader is on the list while it runs. An asynchronous loader is on the list while it is
//! polled. A task or thread that a loader starts does not inherit the list. So the waits of this task or
//! thread are not attributed to the loader, and only the deadline ends a cycle through them.
//!
//! A synchronous loader that runs a runtime on its own thread (`block_on` on a current-thread runtime) also
//! polls other tasks of that runtime. The graph attributes the waits of these tasks to the loader. So one of
//! these tasks may get an error for a cycle that does not exist.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::graph::{Waiter, Waiters};
use crate::sys::sync::{thread, thread_local};

thread_local! {
    /// The running loaders, with the innermost last.
    static LOADERS: RefCell<Vec<Waiter>> = const { RefCell::new(Vec::new()) };
}

/// A guard for a loader on the list. Dropping it removes the loader from the list.
struct RunningLoader(());

impl Drop for RunningLoader {
    fn drop(&mut self) {
        _ = LOADERS.try_with(|loaders| loaders.borrow_mut().pop());
    }
}

/// Runs or polls a loader, with `waiter` as its node in the wait graph, if it has one.
pub(super) fn run_loader<R>(waiter: Option<Waiter>, loader: impl FnOnce() -> R) -> R {
    let _running = waiter.map(|waiter| {
        // At the end of a thread, its thread-local variables may already be dropped. Then no cycle is
        // detected.
        _ = LOADERS.try_with(|loaders| loaders.borrow_mut().push(waiter));
        RunningLoader(())
    });
    loader()
}

/// Returns the waiters that are blocked while this thread waits: the thread, and all loaders that are running
/// on it.
pub(super) fn blocked_by_this_thread() -> Waiters {
    let mut waiters = SmallVec::from_slice(&[Waiter::Thread(thread::current().id())]);
    _ = LOADERS.try_with(|loaders| waiters.extend(loaders.borrow().iter().copied()));
    waiters.dedup();
    waiters
}

/// Returns the waiter that is blocked while the current task waits: the innermost loader that polls the task.
/// The outer loaders already wait for that loader. Returns no waiter if no loader polls the task, because no
/// flight waits for such a task.
pub(super) fn blocked_by_this_task() -> Waiters {
    let innermost = LOADERS.try_with(|loaders| loaders.borrow().last().copied());
    innermost.ok().flatten().into_iter().collect()
}
